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


def ask(net: WalletNetwork, payee: str, amount: int, *, introduced: bool = True) -> Payee:
    wallet = net.wallets[payee]
    request = wallet.receiving.request(amount)
    beside: tuple[Attachment, ...] = (wallet.contacts.introduce(request),) if introduced else ()
    return Payee(wallet.receiving, request, beside)


def pay(net: WalletNetwork, payer: str, asked: Payee, amount: int) -> Payer:
    """A whole payment by two sessions."""
    session = Payer(net.wallets[payer].paying)
    session.receive(asked.bytes_to_send() or b"")
    session.confirm(amount)
    asked.receive(session.bytes_to_send() or b"")
    session.receive(asked.bytes_to_send() or b"")
    return session


def paid(net: WalletNetwork, payer: str) -> list[Event]:
    return [event for event in net.wallets[payer].history() if event.kind is EventKind.PAID]


def test_a_friend_is_recognised_in_another_epoch_under_another_wallet_id(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000, 100_000), net.wallet("berik", bank="zhibek")
    asel, before = net.wallets["asel"], net.id_of("berik")
    first = pay(net, "asel", ask(net, "berik", 100_000), 100_000)
    assert first.contact is not None
    assert asel.contacts.name(first.contact) is None
    asel.contacts.call(first.contact, " Берік ")
    net.reconcile("berik", anew=True)
    assert net.id_of("berik") != before
    again = pay(net, "asel", ask(net, "berik", 100_000), 100_000)
    assert again.contact == first.contact == net.wallets["berik"].contacts.own()
    assert [(event.contact, event.called) for event in paid(net, "asel")] == [(first.contact, "Берік")] * 2
    assert len({event.wallet for event in paid(net, "asel")}) == 2


def test_who_does_not_want_to_be_recognised_is_not(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000, 100_000), net.wallet("berik")
    known = pay(net, "asel", ask(net, "berik", 100_000), 100_000).contact
    assert known is not None
    net.wallets["asel"].contacts.call(known, "Berik")
    quiet = ask(net, "berik", 100_000, introduced=False)
    assert messages.decode(quiet.bytes_to_send() or b"") == messages.RequestMessage(quiet.request)
    assert pay(net, "asel", quiet, 100_000).contact is None
    assert {event.called for event in paid(net, "asel")} == {"Berik", ""}


def test_a_key_is_made_when_it_is_first_wanted_and_stays_until_it_is_given_up(net: WalletNetwork) -> None:
    berik = net.wallet("berik")
    assert berik.contacts.own() is None
    request = berik.receiving.request(5)
    one, two = (contact_of(request, [berik.contacts.introduce(request)]) for _ in range(2))
    assert one == two == berik.contacts.own()
    assert net.open("berik").contacts.own() == one
    berik = net.wallets["berik"]
    berik.contacts.be_forgotten()
    berik.contacts.be_forgotten()
    assert berik.contacts.own() is None
    assert contact_of(request, [berik.contacts.introduce(request)]) not in (one, None)


def test_names_are_given_changed_and_taken_away_and_survive_a_start(net: WalletNetwork) -> None:
    asel = net.wallet("asel")
    asel.contacts.call(b"a" * 33, "Mother")
    asel.contacts.call(b"b" * 33, "Berik")
    asel.contacts.call(b"a" * 33, "Anam")
    asel = net.open("asel")
    assert asel.contacts.names() == {b"a" * 33: "Anam", b"b" * 33: "Berik"}
    asel.contacts.forget(b"a" * 33)
    asel.contacts.forget(b"a" * 33)
    assert asel.contacts.names() == {b"b" * 33: "Berik"}


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "ж" * 33])
def test_a_name_has_its_bounds(net: WalletNetwork, name: str) -> None:
    asel = net.wallet("asel")
    assert refusal_of(lambda: asel.contacts.call(b"a" * 33, name)) is Code.MALFORMED
    assert asel.contacts.names() == {}


def test_neither_banks_nor_later_holders_hear_of_it(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000), net.wallet("berik"), net.wallet("chen")
    contact = pay(net, "asel", ask(net, "berik", 100_000), 100_000).contact
    assert contact is not None
    onward = net.wallets["berik"].paying
    payment = onward.reserve(net.wallets["chen"].receiving.request(100_000))
    told = [onward.sign(payment)]
    told += [net.wallets[name].reconciling.uploads.next(100, set()).encode() for name in ("asel", "berik")]
    assert all(contact not in raw for raw in told)


def test_the_money_and_the_record_do_not_depend_on_it(net: WalletNetwork) -> None:
    """A contact that is garbled is none, and the payment goes its way."""
    net.wallet("asel", 100_000), net.wallet("berik")
    request = net.wallets["berik"].receiving.request(100_000)
    asked = Payee(net.wallets["berik"].receiving, request, (Attachment("qck1", b"garbled"),))
    assert pay(net, "asel", asked, 100_000).contact is None
    assert net.wallets["berik"].balance().spendable == 100_000
    step = net.wallets["asel"]._purse.journal.last().step
    net.wallets["asel"].contacts.call(b"a" * 33, "Berik")
    net.world.now += DAY
    assert net.open("asel")._purse.journal.last().step == step
