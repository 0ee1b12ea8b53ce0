"""The mailbox between a link's thread and the wallet's: real threads, and events instead of sleeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.session.pairs import Pair, both_done
from tests.transport.nfc.partners import REF, Partner
from tests.transport.nfc.taps import Taps
from wallet.transport.nfc import Card, TapEnd
from wallet.transport.nfc.blocks import Pending
from wallet.transport.nfc.mailbox import MAX_QUESTIONS, Mailbox
from wallet.transport.nfc.ports import Reply

AT_ONCE, FOR_EVER = 0.0, 60.0


@contextmanager
def serving(desk: Mailbox, partner: Partner) -> Iterator[None]:
    """The wallet's thread, until the context ends."""
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            desk.answer_next(partner, 0.01)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Slow(Partner):
    """Takes a message only when it is allowed to."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.may_go_on = threading.Event(), threading.Event()

    def take(self, message: bytes) -> Reply:
        self.began.set()
        assert self.may_go_on.wait(FOR_EVER)
        return super().take(message)


def in_thread(act: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=act)
    thread.start()
    return thread


def test_answers_come_from_the_wallets_thread() -> None:
    desk, threads = Mailbox(FOR_EVER), set()

    class Noting(Partner):
        def take(self, message: bytes) -> Reply:
            threads.add(threading.current_thread())
            return super().take(message)

    partner = Noting(says=b"stands", replies=lambda message: message[::-1])
    with serving(desk, partner):
        assert desk.current_message(REF) == b"stands"
        assert desk.take(b"abc") == b"cba"
    assert threading.current_thread() not in threads
    assert partner.heard == [b"abc"]


def test_nobody_asks() -> None:
    assert Mailbox().answer_next(Partner(), AT_ONCE) is False


def test_who_does_not_wait_hears_pending_and_the_message_is_answered_all_the_same() -> None:
    desk, partner = Mailbox(AT_ONCE), Partner(replies=lambda message: b"thanks")
    assert desk.take(b"abc") == Pending()
    assert desk.answer_next(partner, AT_ONCE)
    assert partner.heard == [b"abc"]
    assert desk.answer_next(partner, AT_ONCE) is False


def test_questions_that_nobody_waits_for_are_left_out() -> None:
    desk = Mailbox(AT_ONCE)
    for _ in range(3 * MAX_QUESTIONS):
        assert desk.current_message(REF) == Pending()
    assert desk.answer_next(Partner(), AT_ONCE) is False


def test_a_message_is_not_crowded_out_by_questions() -> None:
    desk, partner = Mailbox(AT_ONCE), Partner()
    for _ in range(3 * MAX_QUESTIONS):
        desk.current_message(REF)
    desk.take(b"abc")
    for _ in range(3 * MAX_QUESTIONS):
        desk.current_message(REF)
    assert desk.answer_next(partner, AT_ONCE)
    assert partner.heard == [b"abc"]


def test_only_so_many_messages_wait() -> None:
    desk, partner = Mailbox(AT_ONCE), Partner()
    for n in range(3 * MAX_QUESTIONS):
        assert desk.take(bytes([n])) == Pending()
    while desk.answer_next(partner, AT_ONCE):
        pass
    assert partner.heard == [bytes([n]) for n in range(MAX_QUESTIONS)]


def test_the_same_message_again_is_one_question() -> None:
    """While it waits, and while the wallet is at it."""
    desk, slow = Mailbox(AT_ONCE), Slow()
    desk.take(b"abc")
    desk.take(b"abc")
    wallet = in_thread(lambda: desk.answer_next(slow, AT_ONCE))
    assert slow.began.wait(FOR_EVER)
    assert desk.take(b"abc") == Pending()
    slow.may_go_on.set()
    wallet.join()
    assert desk.answer_next(slow, AT_ONCE) is False
    assert slow.heard == [b"abc"]


def test_answers_are_in_the_order_asked() -> None:
    desk, slow = Mailbox(AT_ONCE), Slow()
    desk.take(b"first")
    wallet = in_thread(lambda: desk.answer_next(slow, AT_ONCE))
    assert slow.began.wait(FOR_EVER)
    desk.take(b"second")
    desk.take(b"third")
    slow.may_go_on.set()
    wallet.join()
    while desk.answer_next(slow, AT_ONCE):
        pass
    assert slow.heard == [b"first", b"second", b"third"]


class SlowToSay(Partner):
    """Says what stands only when it is allowed to."""

    def __init__(self) -> None:
        super().__init__(says=b"stands")
        self.began, self.may_go_on = threading.Event(), threading.Event()

    def current_message(self, ref: bytes) -> Reply:
        self.began.set()
        assert self.may_go_on.wait(FOR_EVER)
        return super().current_message(ref)


def answered_late(desk: Mailbox) -> SlowToSay:
    """A question to which the answer came when nobody waited any more."""
    slow = SlowToSay()
    wallet = in_thread(lambda: desk.answer_next(slow, FOR_EVER))
    while not slow.began.is_set():
        assert desk.current_message(REF) == Pending()
    slow.may_go_on.set()
    wallet.join()
    return slow


def test_an_answer_that_came_too_late_is_for_the_next_who_asks_the_same_once() -> None:
    desk = Mailbox(0.05)
    answered_late(desk)
    assert desk.current_message(REF) == b"stands"
    assert desk.current_message(REF) == Pending()


@pytest.mark.parametrize("between", ["another question", "a message"])
def test_an_answer_that_came_too_late_is_for_nobody_once_something_else_was_asked(between: str) -> None:
    desk = Mailbox(0.05)
    slow = answered_late(desk)
    assert (
        desk.current_message(bytes(16)) if between == "another question" else desk.take(b"abc")
    ) == Pending()
    assert desk.current_message(REF) == Pending()
    while desk.answer_next(slow, AT_ONCE):
        pass
    assert slow.heard == ([b"abc"] if between == "a message" else [])


@pytest.mark.parametrize("payer_reads", [True, False])
def test_a_payment_by_tap_with_a_desk_between_card_and_wallet(payer_reads: bool) -> None:
    taps = Taps(Pair.of(), payer_reads=payer_reads)
    wallet, desk = taps.card._responder, Mailbox(FOR_EVER)
    taps.card = Card(desk)
    with serving(desk, wallet):  # type: ignore[arg-type]
        taps.tap()
        taps.agree()
        assert taps.tap() is TapEnd.OVER
    both_done(taps.pair)


def test_a_wallet_that_fails_is_asked_again() -> None:
    class Broken(Partner):
        def take(self, message: bytes) -> Reply:
            super().take(message)
            if len(self.heard) == 1:
                raise OSError
            return b"thanks"

    desk, broken = Mailbox(AT_ONCE), Broken()
    desk.take(b"abc")
    desk.take(b"next")
    with pytest.raises(OSError):
        desk.answer_next(broken, AT_ONCE)
    while desk.answer_next(broken, AT_ONCE):
        pass
    assert broken.heard == [b"abc", b"abc", b"next"]
