"""Receipts: stored with what they accept; where none can be signed the money is kept and a repeat gets one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hsm.failpoint import watching
from hsm.keystore import KeystoreCode, KeystoreError
from tests.support.purses import pay_unseen
from tests.support.shelf import open_after_a_kill
from tests.support.wallets import WalletNetwork
from wallet.protocol.payment import parse_payment
from wallet.protocol.receipt import check_receipt


class Killed(BaseException):
    """A kill, as far as one process can show it."""


def dying_at(step: str) -> Callable[[str], None]:
    def reached(name: str) -> None:
        if name == step:
            raise Killed

    return reached


def test_what_is_accepted_is_on_disk_with_its_receipt(net: WalletNetwork) -> None:
    """Killed right after the one step, nothing is left to sign."""
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    request = berik.receiving.request(30_000)
    _, raw = pay_unseen(net, "asel", request)
    with watching(dying_at("purse.accept.stored")), pytest.raises(Killed):
        berik.receiving.receive(raw)
    berik = open_after_a_kill(net, "berik")
    assert berik._purse.store.value("SELECT count(*) FROM incoming WHERE receipt IS NOT NULL") == 1
    answered = berik.receiving.answered(request)
    assert answered is not None
    assert answered.code is None
    check_receipt(answered.receipt, request.body.key)
    assert answered.receipt.signed.body.transfers == parse_payment(raw).ids
    assert berik.receiving.receive(raw).receipt == answered.receipt


def test_killed_with_the_receipt_signed_nothing_came_and_the_payment_shows_again(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    request = berik.receiving.request(30_000)
    _, raw = pay_unseen(net, "asel", request)
    with watching(dying_at("purse.receipt.signed")), pytest.raises(Killed):
        berik.receiving.receive(raw)
    berik = open_after_a_kill(net, "berik")
    assert (berik.receiving.answered(request), berik.balance().spendable) == (None, 0)
    assert berik.receiving.receive(raw).repeat_of is None
    assert berik.balance().spendable == 30_000


def test_where_no_receipt_can_be_signed_the_money_is_kept_and_a_repeat_gets_one(
    net: WalletNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    _, raw = pay_unseen(net, "asel", berik.receiving.request(30_000))

    def fails(*_: object) -> bytes:
        raise KeystoreError(KeystoreCode.TOKEN_FAULT)

    monkeypatch.setattr(net.keystores["berik"], "sign", fails)
    with pytest.raises(KeystoreError):
        berik.receiving.receive(raw)
    assert berik.balance().spendable == 30_000
    monkeypatch.undo()
    again = berik.receiving.receive(raw)
    assert (again.code, again.repeat_of) == (None, net.world.now)
    assert berik.balance().spendable == 30_000
