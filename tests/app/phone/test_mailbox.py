"""The Java between Android's card service and the wallet: compiled and run where there is a JDK, else skipped."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.phone.hce import HceCard
from tests.support.cli import ROOT
from wallet.transport.nfc import apdu
from wallet.transport.nfc.blocks import Nothing, part_of
from wallet.transport.nfc.card import Card
from wallet.transport.nfc.ports import Deadline, Reply

JAVA = ROOT / "app" / "phone" / "android" / "java"
STAND_INS = Path(__file__).parent / "java"
SELECT = apdu.select().hex()
SELECTED = "01f000019000"
PENDING, NOTHING, HAVE_NONE, OK = "839000", "819000", "8400009000", "9000"
NOT_NOW, NOT_FOUND, WRONG_DATA = "6985", "6a82", "6a80"
MESSAGE = bytes(range(256)) * 2

pytestmark = pytest.mark.skipif(
    not (shutil.which("javac") and shutil.which("java")), reason="no JDK on this machine"
)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classes")
    sources = sorted([*JAVA.rglob("*.java"), *STAND_INS.rglob("*.java")])
    command = ["javac", "-Xlint:all", "-Werror", "-d", folder, *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # type: ignore[arg-type]
    assert done.returncode == 0, done.stderr
    return folder


class JavaMailbox:
    """The mailbox in a process of its own; what it sends by itself is in ``sent``."""

    def __init__(self, classes: Path) -> None:
        self._process = subprocess.Popen(
            ["java", "-Xshare:auto", "-cp", classes, "MailboxOnAPipe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.sent: list[str] = []

    def do(self, *words: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        returned, bar, sent = self._process.stdout.readline().rstrip("\n").partition("|")
        assert bar, "it ended"
        self.sent += [sent] if sent else []
        return returned

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@pytest.fixture
def mailbox(classes: Path) -> Iterator[JavaMailbox]:
    made = JavaMailbox(classes)
    yield made
    made.close()


def envelope(block: bytes) -> str:
    (command,) = apdu.envelopes(block)
    return command.hex()


def put(message: bytes = MESSAGE) -> list[str]:
    part = part_of(message)
    head = len(message).to_bytes(2, "big") + bytes(2)
    return [each.hex() for each in apdu.envelopes(b"\x02" + part.id + head + message)]


def test_alone_it_keeps_the_reader_asking(mailbox: JavaMailbox) -> None:
    assert mailbox.do("apdu", envelope(b"\x01")) == NOT_NOW
    assert mailbox.do("apdu", SELECT) == SELECTED
    assert mailbox.do("apdu", envelope(b"\x01")) == PENDING
    assert mailbox.do("apdu", envelope(b"\x01" + bytes(16))) == PENDING
    *firsts, last = put()
    assert [mailbox.do("apdu", each) for each in firsts] == [OK] * 2
    assert mailbox.do("apdu", last) == PENDING
    assert mailbox.do("apdu", envelope(b"\x03" + bytes(8))) == HAVE_NONE
    assert mailbox.do("apdu", envelope(b"\x04" + bytes(10))) == NOTHING
    assert mailbox.do("apdu", envelope(b"\x77")) == WRONG_DATA
    assert mailbox.do("apdu", apdu.get_response(1).hex()) == NOT_NOW
    assert mailbox.do("take") == "none"


@pytest.mark.parametrize(
    ("select", "answer"),
    [
        (SELECT[:-2], SELECTED),
        ("00a4040007f051414c54410200", NOT_FOUND),
        ("00a4000007f051414c54410100", NOT_FOUND),
        ("00a4", NOT_FOUND),
    ],
)
def test_only_our_application_is_selected(mailbox: JavaMailbox, select: str, answer: str) -> None:
    assert mailbox.do("apdu", select) == answer
    assert mailbox.do("apdu", envelope(b"\x01")) == (PENDING if answer == SELECTED else NOT_NOW)


def test_what_a_stranger_sends_harms_nothing(mailbox: JavaMailbox) -> None:
    mailbox.do("apdu", SELECT)
    for strange in ("00", "00c3", "00c3000000", "00c30000", "ff" * 300):
        assert mailbox.do("apdu", strange) == NOT_NOW
    assert mailbox.do("apdu", envelope(b"\x01")) == PENDING


def test_served_every_command_is_the_wallets_and_its_answer_goes_back(mailbox: JavaMailbox) -> None:
    mailbox.do("attach")
    assert mailbox.do("apdu", SELECT) == "later"
    assert mailbox.do("take") == SELECT
    mailbox.do("answer", SELECTED)
    assert mailbox.do("apdu", "ff") == "later"
    assert mailbox.do("take") == "ff"
    mailbox.do("answer", "6700")
    assert mailbox.sent == [SELECTED, "6700"]
    mailbox.do("deactivated")
    assert mailbox.do("take") == "end"


def test_a_wallet_that_comes_up_in_a_tap_is_shown_a_select_first_and_whole_chains_only(
    mailbox: JavaMailbox,
) -> None:
    mailbox.do("apdu", SELECT)
    first, second, last = put()
    assert mailbox.do("apdu", first) == OK
    mailbox.do("attach")
    assert [mailbox.do("apdu", second), mailbox.do("apdu", last)] == [OK, PENDING]
    assert mailbox.do("apdu", envelope(b"\x01")) == "later"
    assert mailbox.do("take") == SELECT
    mailbox.do("answer", SELECTED)
    assert mailbox.sent == [], "the reader did not ask for that one"
    assert mailbox.do("take") == envelope(b"\x01")
    mailbox.do("answer", NOTHING)
    assert mailbox.sent == [NOTHING]


def test_an_answer_after_its_tap_is_dropped(mailbox: JavaMailbox) -> None:
    mailbox.do("attach")
    mailbox.do("apdu", SELECT)
    mailbox.do("take")
    mailbox.do("deactivated")
    mailbox.do("answer", SELECTED)
    assert mailbox.do("take") == "end"
    mailbox.do("apdu", SELECT)
    assert mailbox.do("take") == SELECT
    mailbox.do("apdu", SELECT)
    mailbox.do("answer", "6700")
    assert mailbox.sent == []
    assert mailbox.do("take") == SELECT
    mailbox.do("answer", SELECTED)
    assert mailbox.sent == [SELECTED]


def test_a_wallet_that_goes_leaves_the_reader_asking(mailbox: JavaMailbox) -> None:
    mailbox.do("attach")
    mailbox.do("apdu", SELECT)
    mailbox.do("detach")
    first, *_, last = put()
    mailbox.do("attach")
    mailbox.do("apdu", first)
    mailbox.do("detach")
    assert mailbox.do("apdu", last) == PENDING
    mailbox.do("attach")
    mailbox.do("apdu", envelope(b"\x01"))
    mailbox.do("detach")
    assert mailbox.sent == [SELECTED, OK, PENDING]
    assert mailbox.do("take") == "none"


class Wallet:
    """Takes any message and says it backwards."""

    def current_message(self, ref: bytes) -> Reply:
        return Nothing()

    def take(self, message: bytes) -> Reply:
        return message[::-1]


def test_the_pipe_carries_a_whole_message_and_its_answer(mailbox: JavaMailbox) -> None:
    """Android's thread and the wallet's take turns here; the card behind it is the real one."""
    card = Card(Wallet())

    class Turn:
        """One command of the reader, and the wallet's side of it."""

        def __init__(self, command: str) -> None:
            self._rest = [command]

        def attach(self) -> None:
            mailbox.do("attach")

        def detach(self) -> None:
            pass

        def answer(self, response: bytes) -> None:
            mailbox.do("answer", response.hex())

        def take(self, milliseconds: int) -> Call:
            if self._rest:
                assert mailbox.do("apdu", self._rest.pop()) == "later"
            elif mailbox.sent:
                return Call(None)
            return Call(bytes.fromhex(mailbox.do("take")))

    class Call:
        def __init__(self, raw: bytes | None) -> None:
            self.apdu = None if raw is None else [byte - 256 * (byte > 127) for byte in raw]

    def transceive(command: str) -> str:
        mailbox.sent.clear()
        assert HceCard(Turn(command)).serve(card.answer, Deadline(lambda: 0.0, 1.0))
        (answer,) = mailbox.sent
        return answer

    assert transceive(SELECT) == SELECTED
    *firsts, last = put()
    assert [transceive(each) for each in firsts] == [OK] * len(firsts)
    got = b""
    answer = bytes.fromhex(transceive(last))
    while True:
        got += answer[:-2]
        if answer[-2:] == b"\x90\x00":
            break
        answer = bytes.fromhex(transceive(apdu.get_response(answer[-1] or 256).hex()))
    assert got[1 + 8 + 2 + 2 :] == MESSAGE[::-1]
