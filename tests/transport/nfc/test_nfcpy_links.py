"""The links on nfcpy: over its simulated radio between two threads, and over frontends that fail as real ones do."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import nfc
import nfc.clf
import pytest

from tests.support.wallets import WalletNetwork
from tests.transport.nfc.processes import free_port, is_bound, wait_until_bound
from tests.transport.nfc.side import AMOUNT, Side, payer_tap, within
from wallet.session import PayerState
from wallet.transport.nfc import Card, Deadline, DeviceError, LinkLost, Trouble
from wallet.transport.nfc.isodep import MAX_COMMAND, Picc
from wallet.transport.nfc.mailbox import Mailbox
from wallet.transport.nfc.nfcpy_card import QUIET, NfcpyCard
from wallet.transport.nfc.nfcpy_reader import NfcpyReader

SECONDS = 60


def backwards(command: bytes) -> bytes:
    return command[::-1]


@pytest.fixture
def port() -> int:
    return free_port()


@contextmanager
def serving(port: int, answer: Callable[[bytes], bytes] = backwards) -> Iterator[Future[bool]]:
    """A card at ``port`` in a thread of its own, ready for a reader."""
    cancelled = threading.Event()
    deadline = Deadline(time.monotonic, time.monotonic() + SECONDS, cancelled.is_set)
    with ThreadPoolExecutor(1) as pool:
        card = pool.submit(NfcpyCard(name(port), is_developer=True).serve, answer, deadline)
        try:
            wait_until_bound(port, lambda: not card.done())
            yield card
        finally:
            cancelled.set()


def name(port: int) -> str:
    return f"udp:127.0.0.1:{port}"


def reader_at(port: int) -> NfcpyReader:
    return NfcpyReader(name(port), is_developer=True)


# taps


def test_apdus_of_every_length_pass_between_our_reader_and_our_card(port: int) -> None:
    with serving(port) as card:
        with reader_at(port).tap(within(SECONDS)) as link:
            assert link is not None
            for size in range(1, MAX_COMMAND + 1):
                command = bytes(number % 251 for number in range(size, 2 * size))
                assert link.transceive(command) == backwards(command)
        assert card.result(SECONDS)


def test_nfcpys_own_reader_reads_our_card(port: int) -> None:
    answers = iter([bytes(260) + b"\x90\x00", b"\x6a\x82", b"\x61\xff"])
    with serving(port, lambda _: next(answers)), nfc.ContactlessFrontend(name(port)) as clf:
        tag = nfc.tag.activate(clf, clf.sense(nfc.clf.RemoteTarget("106A")))
        assert isinstance(tag, nfc.tag.tt4.Type4Tag)
        assert tag.send_apdu(0, 0xA4, 4, 0, b"F" * 255, 256) == bytes(260)
        with pytest.raises(nfc.tag.tt4.Type4TagCommandError, match="not found"):
            tag.send_apdu(0, 0xA4, 4, 0, b"F")
        assert tag.send_apdu(0, 0xC0, 0, 0, mrl=1, check_status=False) == b"\x61\xff"


def test_a_slow_answer_is_waited_for(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    extended = threading.Event()
    extend = Picc.extend

    def noted(picc: Picc) -> bytes:
        extended.set()
        return extend(picc)

    def slow(command: bytes) -> bytes:
        assert extended.wait(SECONDS)
        return backwards(command)

    monkeypatch.setattr(Picc, "extend", noted)
    with serving(port, slow), reader_at(port).tap(within(SECONDS)) as link:
        assert link is not None
        assert link.transceive(b"123") == b"321"


def test_answers_are_made_in_the_thread_that_serves(port: int) -> None:
    """A purse belongs to the thread that opened it."""
    threads = set()

    def noted(command: bytes) -> bytes:
        threads.add(threading.get_ident())
        return command

    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(_say, port, b"hello")
        assert NfcpyCard(name(port), is_developer=True).serve(noted, within(SECONDS))
        assert read.result(SECONDS) == b"hello"
    assert threads == {threading.get_ident()}


def _say(port: int, command: bytes) -> bytes:
    with reader_at(port).tap(within(SECONDS)) as link:
        assert link is not None
        return link.transceive(command)


def test_a_wallet_that_fails_to_answer_is_heard_of_here_and_is_a_lost_link_there(port: int) -> None:
    def fails(_: bytes) -> bytes:
        raise RuntimeError("no purse")

    with serving(port, fails) as card:
        with reader_at(port).tap(within(SECONDS)) as link:
            assert link is not None
            with pytest.raises(LinkLost):
                link.transceive(b"?")
        with pytest.raises(RuntimeError, match="no purse"):
            card.result(SECONDS)


def test_what_a_wallet_raises_during_a_tap_stays_what_it_is(port: int) -> None:
    with serving(port), pytest.raises(OSError, match="disk full"):  # noqa: SIM117
        with reader_at(port).tap(within(SECONDS)):
            raise OSError(errno.ENOSPC, "disk full")


def test_the_person_decides_while_the_reader_asks_again(port: int, tmp_path: Path) -> None:
    """Payer's card: its radio in one thread, its wallet in another, a desk between them."""

    def payee() -> str:
        return str(Side("payee", tmp_path / "payee", name(port)).read(SECONDS)["end"])

    net = WalletNetwork(tmp_path / "payer")
    tap, desk = payer_tap(net, 1), Mailbox()
    asked = 0
    with serving(port, Card(desk).answer) as card, ThreadPoolExecutor(1) as pool:
        read = pool.submit(payee)
        while tap.session.state is not PayerState.ACKNOWLEDGED:
            assert not read.done()
            asked += desk.answer_next(tap, 1.0)
            if tap.waits_for_person and asked == 4:
                tap.session.confirm(AMOUNT)
        assert read.result(SECONDS) == "OVER"
        assert card.result(SECONDS)
    net.close()


# strangers and time


def test_strangers_datagrams_are_no_reader_and_end_no_tap(port: int) -> None:
    noise = [
        b"",
        b"\xff\xfe 02",
        b"106A",
        b"106A 0",
        b"106A zz",
        b"212F 26",
        b"106A 0200",
        b"106A ff",
        b"a b c",
    ]
    with serving(port) as card, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for datagram in noise:
            stranger.sendto(datagram, ("127.0.0.1", port))
        with reader_at(port).tap(within(SECONDS)) as link:
            assert link is not None
            for datagram in noise:
                stranger.sendto(datagram.replace(b"0200", b"26ff"), ("127.0.0.1", port))
                assert link.transceive(b"123") == b"321"
        assert card.result(SECONDS)


def test_a_reader_that_goes_without_a_word_is_given_up(port: int) -> None:
    """Virtual time: the card's clock runs on by itself."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += QUIET / 3
        return now

    with ThreadPoolExecutor(1) as pool:
        card = pool.submit(NfcpyCard(name(port), is_developer=True).serve, backwards, Deadline(clock, 1e6))
        wait_until_bound(port, lambda: not card.done())
        with nfc.ContactlessFrontend(name(port)) as clf:
            tag = nfc.tag.activate(clf, clf.sense(nfc.clf.RemoteTarget("106A")))
            assert tag.transceive(b"123") == b"321"
            assert card.result(SECONDS), "though no field went off"


def test_nobody_comes(port: int) -> None:
    assert NfcpyCard(name(port), is_developer=True).serve(backwards, within(0.1)) is False
    with reader_at(port).tap(within(0.1)) as link:
        assert link is None


def test_cancelled(port: int) -> None:
    cancelled = threading.Event()
    deadline = Deadline(time.monotonic, time.monotonic() + 10 * SECONDS, cancelled.is_set)
    with ThreadPoolExecutor(2) as pool:
        card = pool.submit(NfcpyCard(name(port), is_developer=True).serve, backwards, deadline)
        wait_until_bound(port, lambda: not card.done())
        cancelled.set()
        assert card.result(SECONDS) is False
    assert not is_bound(port)


def test_a_tap_that_is_over_is_a_lost_link(port: int) -> None:
    cancelled = threading.Event()
    deadline = Deadline(time.monotonic, time.monotonic() + SECONDS, cancelled.is_set)
    with serving(port), reader_at(port).tap(deadline) as link:
        assert link is not None
        link.transceive(b"123")
        cancelled.set()
        with pytest.raises(LinkLost):
            link.transceive(b"123")


def test_a_port_that_is_taken_is_busy(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("0.0.0.0", port))
        with pytest.raises(DeviceError) as refused:
            NfcpyCard(name(port), is_developer=True).serve(backwards, within(SECONDS))
    assert refused.value.trouble is Trouble.BUSY
