"""People: recognised across epochs by a key of their own, named by whoever pays them, and by nobody else."""

from __future__ import annotations

import pytest

from tests.support.deals import refusal_of
from tests.support.wallets import WalletNetwork
from tests.support.world import DAY
from wallet.protocol.attachments import Attachment
from wallet.protocol.codes import Code
from wallet.protocol.contact import contact_of
from wallet.purse.view.history import Event, EventKind
from wallet.session import Payee, Payer, messages


def ask(town: WalletNetwork, payee: str, amount: int, *, introduced: bool = True) -> Payee:
    wallet = town.wallets[payee]
    request = wallet.receiving.request(amount)
    beside: tuple[Attachment, ...] = (wallet.contacts.introduce(request),) if introduced else ()
    return Payee(wallet.receiving, request, beside)


def pay(town: WalletNetwork, payer: str, asked: Payee, amount: int) -> Payer:
    """A whole payment by two sessions."""
    session = Payer(town.wallets[payer].paying)
    session.receive(asked.bytes_to_send() or b"")
    session.confirm(amount)
    asked.receive(session.bytes_to_send() or b"")
    session.receive(asked.bytes_to_send() or b"")
    return session


def paid(town: WalletNetwork, payer: str) -> list[Event]:
    return [event for event in town.wallets[payer].history() if event.kind is EventKind.PAID]


def test_a_friend_is_recognised_in_another_epoch_under_another_wallet_id(town: WalletNetwork) -> None:
    town.wallet("asel", 100_000, 100_000), town.wallet("berik", bank="zhibek")
    asel, before = town.wallets["asel"], town.id_of("berik")
    first = pay(town, "asel", ask(town, "berik", 100_000), 100_000)
    assert first.contact is not None
    assert asel.contacts.name(first.contact) is None
    asel.contacts.call(first.contact, " Берік ")
    town.reconcile("berik", anew=True)
    assert town.id_of("berik") != before
    again = pay(town, "asel", ask(town, "berik", 100_000), 100_000)
    assert again.contact == first.contact == town.wallets["berik"].contacts.own()
    assert [(event.contact, event.called) for event in paid(town, "asel")] == [(first.contact, "Берік")] * 2
    assert len({event.wallet for event in paid(town, "asel")}) == 2


def test_who_does_not_want_to_be_recognised_is_not(town: WalletNetwork) -> None:
    town.wallet("asel", 100_000, 100_000), town.wallet("berik")
    known = pay(town, "asel", ask(town, "berik", 100_000), 100_000).contact
    assert known is not None
    town.wallets["asel"].contacts.call(known, "Berik")
    quiet = ask(town, "berik", 100_000, introduced=False)
    assert messages.decode(quiet.bytes_to_send() or b"") == messages.RequestMessage(quiet.request)
    assert pay(town, "asel", quiet, 100_000).contact is None
    assert {event.called for event in paid(town, "asel")} == {"Berik", ""}


def test_a_key_is_made_when_it_is_first_wanted_and_stays_until_it_is_given_up(town: WalletNetwork) -> None:
    berik = town.wallet("berik")
    assert berik.contacts.own() is None
    request = berik.receiving.request(5)
    one, two = (contact_of(request, [berik.contacts.introduce(request)]) for _ in range(2))
    assert one == two == berik.contacts.own()
    assert town.open("berik").contacts.own() == one
    berik = town.wallets["berik"]
    berik.contacts.be_forgotten()
    berik.contacts.be_forgotten()
    assert berik.contacts.own() is None
    assert contact_of(request, [berik.contacts.introduce(request)]) not in (one, None)


def test_names_are_given_changed_and_taken_away_and_survive_a_start(town: WalletNetwork) -> None:
    asel = town.wallet("asel")
    asel.contacts.call(b"a" * 33, "Mother")
    asel.contacts.call(b"b" * 33, "Berik")
    asel.contacts.call(b"a" * 33, "Anam")
    asel = town.open("asel")
    assert asel.contacts.names() == {b"a" * 33: "Anam", b"b" * 33: "Berik"}
    asel.contacts.forget(b"a" * 33)
    asel.contacts.forget(b"a" * 33)
    assert asel.contacts.names() == {b"b" * 33: "Berik"}


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "ж" * 33])
def test_a_name_has_its_bounds(town: WalletNetwork, name: str) -> None:
    asel = town.wallet("asel")
    assert refusal_of(lambda: asel.contacts.call(b"a" * 33, name)) is Code.MALFORMED
    assert asel.contacts.names() == {}


def test_neither_banks_nor_later_holders_hear_of_it(town: WalletNetwork) -> None:
    town.wallet("asel", 100_000), town.wallet("berik"), town.wallet("chen")
    contact = pay(town, "asel", ask(town, "berik", 100_000), 100_000).contact
    assert contact is not None
    onward = town.wallets["berik"].paying
    payment = onward.reserve(town.wallets["chen"].receiving.request(100_000))
    told = [onward.sign(payment)]
    told += [town.wallets[name].reconciling.uploads.next(100, set()).encode() for name in ("asel", "berik")]
    assert all(contact not in raw for raw in told)


def test_the_money_and_the_record_do_not_depend_on_it(town: WalletNetwork) -> None:
    """A contact that is garbled is none, and the payment goes its way."""
    town.wallet("asel", 100_000), town.wallet("berik")
    request = town.wallets["berik"].receiving.request(100_000)
    asked = Payee(town.wallets["berik"].receiving, request, (Attachment("qck1", b"garbled"),))
    assert pay(town, "asel", asked, 100_000).contact is None
    assert town.wallets["berik"].balance().spendable == 100_000
    step = town.wallets["asel"]._purse.journal.last().step
    town.wallets["asel"].contacts.call(b"a" * 33, "Berik")
    town.world.now += DAY
    assert town.open("asel")._purse.journal.last().step == step
