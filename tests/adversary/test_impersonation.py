"""A sticker over a shop's code, a borrowed name, a stranger in the middle: whom the payer sees is who is paid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.deals import refusal_of
from tests.support.wallets import WalletNetwork
from tests.support.world import Key
from wallet.protocol import cose
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request
from wallet.session import Payer, PayerState, events, messages
from wallet.wallet import Wallet

AMOUNT = 40_000


@pytest.fixture
def net(tmp_path: Path) -> Iterator[WalletNetwork]:
    made = WalletNetwork(tmp_path)
    made.wallet("aliya", 100_000)
    made.merchant("bread")
    made.merchant("cheat")
    yield made
    made.close()


@pytest.fixture
def code(net: WalletNetwork) -> Signed[Request]:
    """The shop's printed code."""
    return net.wallets["bread"].receiving.request(AMOUNT, printed=True)


def shown(wallet: Wallet, raw: bytes) -> events.PayerEvent:
    """What the payer's device has to say about a code, before anybody gives a PIN."""
    payer = Payer(wallet.paying)
    payer.receive(raw)
    event = payer.events()[-1]
    assert payer.bytes_to_send() is None
    assert payer.state in (PayerState.IDLE, PayerState.REQUESTED)
    return event


def message(request: Signed[Request]) -> bytes:
    return messages.encode(messages.RequestMessage(request))


def name_shown(wallet: Wallet, request: Signed[Request]) -> str:
    event = shown(wallet, message(request))
    assert isinstance(event, events.ConfirmationNeeded)
    return event.consideration.request.body.payee.body.name


def refusal_shown(wallet: Wallet, request: Signed[Request]) -> Code:
    event = shown(wallet, message(request))
    assert isinstance(event, events.PurseRefused | events.MessageRefused), event
    return event.code


def test_a_sticker_over_a_shops_code_shows_another_name(net: WalletNetwork, code: Signed[Request]) -> None:
    aliya = net.wallets["aliya"]
    sticker = net.wallets["cheat"].receiving.request(AMOUNT, printed=True, memo="Bread")
    assert name_shown(aliya, code) == "Bread"
    assert name_shown(aliya, sticker) == "Cheat", "the memo is only the payee's words"


def test_a_person_has_no_name_to_show(net: WalletNetwork) -> None:
    net.wallet("marat")
    request = net.wallets["marat"].receiving.request(AMOUNT, memo="Bread")
    assert name_shown(net.wallets["aliya"], request) == ""


def renamed(certificate: Signed[Certificate], signer: Key | None) -> Signed[Certificate]:
    """With the shop's name, signed by ``signer``; with the bank's old signature if there is none."""
    body = replace(certificate.body, kind=WalletKind.MERCHANT, category=5411, name="Bread")
    signed = cose.sign(body, (signer or Key.of("anybody")).sign)
    return signed if signer else replace(signed, signature=certificate.signature)


@pytest.mark.parametrize(
    "signer", [None, Key.of("cheat"), Key.of("root")], ids=["nobody", "the cheat", "another key"]
)
def test_a_name_that_the_bank_did_not_sign_is_refused(
    net: WalletNetwork, code: Signed[Request], signer: Key | None
) -> None:
    cheat = net.wallets["cheat"]
    certificate = cheat.reconciling.certificate
    assert certificate is not None
    body = replace(code.body, payee=renamed(certificate, signer))
    forged = cose.sign(body, cheat._purse.epochs.signer(certificate.body.key))
    assert refusal_shown(net.wallets["aliya"], forged) is Code.CERTIFICATE_SIGNATURE


def test_a_shops_certificate_is_of_no_use_without_its_key(net: WalletNetwork, code: Signed[Request]) -> None:
    forged = cose.sign(replace(code.body, amount=1), Key.of("cheat").sign)
    assert refusal_shown(net.wallets["aliya"], forged) is Code.REQUEST_SIGNATURE


def test_a_code_carried_by_a_stranger_pays_the_shop_and_nobody_else(
    net: WalletNetwork, code: Signed[Request]
) -> None:
    """A relay can carry, and that it did cannot be seen; it can neither change nor keep anything."""
    aliya, bread, cheat = (net.wallets[name] for name in ("aliya", "bread", "cheat"))
    raw = aliya.paying.sign(aliya.paying.reserve(code))
    assert refusal_of(lambda: cheat.receiving.receive(raw)) is Code.PAYEE_OTHER
    assert cheat.balance().held == 0
    received = bread.receiving.receive(raw)
    assert (received.code, received.amount) == (None, AMOUNT)


def test_a_receipt_of_a_stranger_closes_no_payment(net: WalletNetwork, code: Signed[Request]) -> None:
    aliya, bread, cheat = (net.wallets[name] for name in ("aliya", "bread", "cheat"))
    payment = aliya.paying.reserve(code)
    raw = aliya.paying.sign(payment)
    true = bread.receiving.receive(raw).receipt
    own = cheat.reconciling.certificate
    assert own is not None
    signer = cheat._purse.epochs.signer(own.body.key)
    forged = replace(true, signed=cose.sign(true.signed.body, signer))
    assert refusal_of(lambda: aliya.paying.acknowledge(payment, forged)) is Code.RECEIPT_SIGNATURE
    assert [item.id for item in aliya.paying.pending()] == [payment]
