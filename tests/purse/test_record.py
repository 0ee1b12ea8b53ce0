"""The record: an older copy of a purse is noticed, and spends nothing before the ledger has told it what it forgot."""

from __future__ import annotations

import pytest

from hsm.keystore import KeystoreCode, KeystoreError, Record
from tests.support.purses import refused
from tests.support.shelf import Shelf, open_after_a_kill
from tests.support.wallets import Chance, WalletNetwork
from wallet.protocol.codes import Code
from wallet.purse.store.journal import GENESIS, Journal, PurseState, entry_after
from wallet.purse.store.memory import MemoryHome
from wallet.purse.store.payments import PaymentState
from wallet.purse.store.transitions import RECORDED_LATER, Transition
from wallet.wallet import Wallet


def test_what_signs_moves_the_record_to_its_row_and_the_rest_follows_at_the_end(net: WalletNetwork) -> None:
    asel, _ = net.wallet("asel", 100_000), net.wallet("berik")
    net.pay("asel", "berik", 10_000)
    rows = asel._purse.store.rows("SELECT transition, step, digest FROM journal ORDER BY step")
    assert [row["transition"] for row in rows] == ["fund", "funded", "reserve", "sign", "acknowledge"]
    signed = rows[3]
    assert net.keystores["asel"].read_record() == Record(signed["step"], 1, signed["digest"])
    last = asel._purse.journal.last()
    net.wallets.pop("asel").close()
    assert net.keystores["asel"].read_record() == Record(last.step, 1, last.digest)


def test_nothing_that_signs_is_recorded_later() -> None:
    assert {Transition.ACKNOWLEDGE, Transition.ACCEPT} == RECORDED_LATER


@pytest.mark.parametrize("last", list(Transition))
def test_what_may_be_recorded_later_and_one_more_rolls_forward(net: WalletNetwork, last: Transition) -> None:
    """As after a kill between the last transaction and its record."""
    asel = net.wallet("asel", 100_000)
    for transition in (*sorted(RECORDED_LATER), last):
        with asel._purse.store.transaction():
            asel._purse.journal.append(transition, None)
    newest = asel._purse.journal.last().record
    asel = open_after_a_kill(net, "asel")
    assert asel.state is PurseState.SOUND
    assert net.keystores["asel"].read_record() == newest


@pytest.mark.parametrize("first", sorted(set(Transition) - RECORDED_LATER))
def test_what_had_to_be_recorded_before_another_is_a_rollback(net: WalletNetwork, first: Transition) -> None:
    """As where an older keystore was put under the purse."""
    asel = net.wallet("asel", 100_000)
    for transition in (first, Transition.ACCEPT):
        with asel._purse.store.transaction():
            asel._purse.journal.append(transition, None)
    assert open_after_a_kill(net, "asel").state is PurseState.ROLLED_BACK


def test_a_copy_that_forgot_a_payment_whose_record_was_to_follow_takes_it_again(
    net: WalletNetwork, shelf: Shelf
) -> None:
    """Put back before the record had followed: the payer shows it again, and it counts once."""
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    raw = asel.paying.sign(asel.paying.reserve(berik.receiving.request(30_000)))
    shelf.keep("berik")
    berik = net.wallets["berik"]
    first = berik.receiving.receive(raw)
    assert (first.code, berik.balance().spendable) == (None, 30_000)
    berik = shelf.put_back("berik", was_killed=True)
    assert (berik.state, berik.balance().spendable) == (PurseState.SOUND, 0)
    again = berik.receiving.receive(raw)
    assert (again.code, berik.balance().spendable) == (None, 30_000)
    assert [token.ref for token in again.tokens] == [token.ref for token in first.tokens]
    net.reconcile("berik")
    assert net.pay("berik", "asel", 30_000).code is None


def test_rows_are_chained_by_their_digests(net: WalletNetwork) -> None:
    asel, _ = net.wallet("asel", 100_000), net.wallet("berik")
    net.pay("asel", "berik", 10_000)
    rows = asel._purse.store.rows("SELECT step, previous, digest FROM journal ORDER BY step")
    assert rows[0]["previous"] == GENESIS
    assert [row["previous"] for row in rows[1:]] == [row["digest"] for row in rows[:-1]]
    assert entry_after(1, 0, GENESIS, ["a"]).digest != entry_after(1, 0, GENESIS, ["b"]).digest


def test_one_step_ahead_of_the_record_is_a_crash_and_rolls_forward(
    net: WalletNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    payment = asel.paying.reserve(berik.receiving.request(30_000))
    monkeypatch.setattr(Journal, "move_record", lambda self: None)
    raw = asel.paying.sign(payment)
    monkeypatch.undo()
    asel = open_after_a_kill(net, "asel")
    assert asel.state is PurseState.SOUND
    assert net.keystores["asel"].read_record() == asel._purse.journal.last().record
    assert asel.paying.sign(payment) == raw


def test_a_record_that_could_not_be_written_is_made_up_for(
    net: WalletNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token was full, say, and then was not: nothing is signed before the record has caught up."""
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    request = berik.receiving.request(30_000)

    def full(*_: object) -> None:
        raise KeystoreError(KeystoreCode.TOKEN_FULL)

    monkeypatch.setattr(net.keystores["asel"], "write_record", full)
    with pytest.raises(KeystoreError):
        asel.paying.reserve(request)
    payment = asel.paying.pending()[0].id
    with pytest.raises(KeystoreError):
        asel.paying.sign(payment)
    assert asel.paying.pending()[0].state is PaymentState.RESERVED
    monkeypatch.undo()
    monkeypatch.setattr(net.keystores["asel"], "sign", full)
    with pytest.raises(KeystoreError):
        asel.paying.sign(payment)
    assert net.keystores["asel"].read_record() == asel._purse.journal.last().record
    monkeypatch.undo()
    assert berik.receiving.receive(asel.paying.sign(payment)).code is None
    assert net.open("asel").state is PurseState.SOUND


def test_an_older_copy_does_not_spend(net: WalletNetwork, shelf: Shelf) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    shelf.keep("asel")
    net.pay("asel", "berik", 60_000)
    asel = shelf.put_back("asel")
    assert asel.state is PurseState.ROLLED_BACK
    assert asel.reconciling.missing_numbers() == (1,)
    with refused(Code.ROLLBACK):
        asel.paying.consider(berik.receiving.request(1_000))
    with refused(Code.ROLLBACK):
        asel.reconciling.exchanging.begin_refresh()
    with refused(Code.ROLLBACK):
        asel.reconciling.exchanging.begin_defund(1_000)
    assert net.open("asel").state is PurseState.ROLLED_BACK


def test_an_older_copy_still_receives(net: WalletNetwork, shelf: Shelf) -> None:
    net.wallet("asel", 100_000), net.wallet("berik")
    shelf.keep("asel")
    net.pay("asel", "berik", 60_000)
    asel = shelf.put_back("asel")
    assert net.pay("berik", "asel", 10_000).code is None
    assert asel.state is PurseState.ROLLED_BACK


def test_a_copy_from_before_the_signature_is_a_rollback_too(net: WalletNetwork, shelf: Shelf) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    payment = asel.paying.reserve(berik.receiving.request(60_000))
    shelf.keep("asel")
    raw = net.wallets["asel"].paying.sign(payment)
    asel = shelf.put_back("asel")
    with refused(Code.ROLLBACK):
        asel.paying.sign(payment)
    with refused(Code.ROLLBACK):
        asel.paying.drop(payment)
    berik.receiving.receive(raw)
    net.reconcile("berik")
    net.reconcile("asel")
    assert asel.state is PurseState.SOUND
    assert asel.paying.summary(payment).state is PaymentState.SIGNED
    assert berik.receiving.receive(asel.paying.show_again(payment)).repeat_of is not None
    assert asel.balance().held == 40_000


def test_a_store_of_another_purse_is_no_step_ahead(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    stranger = Wallet.open(MemoryHome(), net.keystores["asel"], lambda: net.world.now, Chance("stranger"))
    assert stranger.state is PurseState.ROLLED_BACK
    stranger.close()


def test_signed_bytes_are_not_shown_before_the_record_has_moved(
    net: WalletNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    payment = asel.paying.reserve(berik.receiving.request(30_000))

    def full(*_: object) -> None:
        raise KeystoreError(KeystoreCode.TOKEN_FULL)

    monkeypatch.setattr(net.keystores["asel"], "write_record", full)
    for attempt in (asel.paying.sign, asel.paying.sign, asel.paying.show_again):
        with pytest.raises(KeystoreError):
            attempt(payment)
    assert asel.paying.pending()[0].state is PaymentState.SIGNED
    assert net.keystores["asel"].read_record() != asel._purse.journal.last().record
    monkeypatch.undo()
    assert berik.receiving.receive(asel.paying.show_again(payment)).code is None
