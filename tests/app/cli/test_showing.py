"""A code in a terminal can be read there: by its size, with its signs, also while it moves; else it is said before."""

from __future__ import annotations

import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from fcntl import ioctl
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.cells import cell_len

from app.catalogue import catalogue
from app.terminal.captions import around
from app.terminal.show import Show
from app.terminal.showing import fit
from tests.support.cli import PIN, ROOT, Cli
from wallet.transport.qr import FrameEncoder, FrameReceiver, Outcome
from wallet.transport.qr.picture import SMALLEST_CHUNK, chunk_that_fits, modules, terminal
from wallet.transport.qr.reader import best_reader

RESET = "\x1b[0m"
"""Ends what is drawn of a code in a line; the words about it stand after it."""
CLEAR = re.compile(r"\x1b\[[0-9;]*[mF]")


def screen(text: str) -> Image.Image:
    """What a terminal shows of a code: black on white, a half block is a module."""
    rows: list[list[int]] = []
    for whole in text.splitlines():
        line = whole.split(RESET)[0]
        if line.startswith("\x1b[48;5;"):
            cells = re.findall(r"\x1b\[48;5;(16|231)m  ", line)
            rows.append([0 if cell == "16" else 255 for cell in cells])
            continue
        plain = CLEAR.sub("", line)
        if not plain or not set(plain) <= set(" ▀▄█"):
            continue
        rows.append([0 if sign in "▀█" else 255 for sign in plain])
        rows.append([0 if sign in "▄█" else 255 for sign in plain])
    image = Image.new("L", (max(map(len, rows)), len(rows)), 255)
    image.putdata([cell for row in rows for cell in row])
    return image.resize((image.width * 4, image.height * 4), Image.Resampling.NEAREST)


@given(across=st.integers(0, 200))
def test_the_largest_chunk_that_fits_is_the_largest(across: int) -> None:
    chunk = chunk_that_fits(across)
    if chunk:
        assert chunk >= SMALLEST_CHUNK
        assert len(modules(FrameEncoder(bytes(chunk), chunk).frame(0))) <= across
    if 0 < chunk < 391:
        assert len(modules(FrameEncoder(bytes(chunk + 1), chunk + 1).frame(0))) > across


WORDS = (
    "Сұралды: 1\xa0000\xa0₸".replace("\xa0", " "),
    "Request 0123456789abcdef",
    "Ctrl-C once it has been read",
)


@given(
    columns=st.integers(1, 200),
    lines=st.integers(1, 100),
    half_blocks=st.booleans(),
    size=st.integers(1, 900),
)
def test_what_is_drawn_with_its_words_is_no_larger_than_the_terminal(
    columns: int, lines: int, half_blocks: bool, size: int
) -> None:
    found = fit(os.terminal_size((columns, lines)), half_blocks=half_blocks)
    for room, free in ((found.still, lines - 3), (found.moving, lines - 1)):
        if room.chunk:
            frame = FrameEncoder(bytes(size), room.chunk).frame(0)
            drawn = around(
                terminal(frame, unicode=half_blocks).splitlines(), WORDS, columns, is_aside=room.is_aside
            )
            assert len(drawn) <= free
            assert max(cell_len(CLEAR.sub("", line)) for line in drawn) <= columns
            said = "".join(line.split(RESET)[-1] for line in drawn)
            assert all(word in said.replace(" ", "") for word in ("1000₸", "0123456789abcdef", "Ctrl-C"))


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (100, 30), (70, 45), (100, 45), (200, 60)])
@pytest.mark.parametrize("size", [90, 420, 700])
def test_codes_in_everyday_terminals_are_read(columns: int, lines: int, size: int) -> None:
    found = fit(os.terminal_size((columns, lines)), half_blocks=True)
    assert found.moving.chunk
    message, reader, receiver = os.urandom(size), best_reader(), FrameReceiver()
    for text in islice(FrameEncoder(message, found.moving.chunk).frames(), 60):
        for seen in reader.read(screen(terminal(text))):
            receiver.add(seen)
    assert receiver.message == message


def test_without_half_blocks_modules_are_two_spaces_and_read_as_well() -> None:
    found = fit(os.terminal_size((160, 60)), half_blocks=False)
    message = os.urandom(60)
    drawn = terminal(FrameEncoder(message, found.still.chunk).frame(0), unicode=False)
    receiver = FrameReceiver()
    assert [receiver.add(text).outcome for text in best_reader().read(screen(drawn))] == [Outcome.COMPLETE]


class Terminal:
    """A command on a terminal of a size."""

    def __init__(self, cli: Cli, columns: int, lines: int, *argv: str) -> None:
        self._master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        reading, writing = os.pipe()
        os.write(writing, PIN.encode() + b"\n")
        os.close(writing)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.cli.main", "--home", str(cli.home), "--pin-fd", str(reading), *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            pass_fds=(reading,),
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "QALTA_LANG": "en", "TERM": "xterm-256color"},
        )
        os.close(slave)
        os.close(reading)
        self.said = ""

    def until(self, is_so: Callable[[str], bool]) -> None:
        """Read until it is so, or the command has ended."""
        while not is_so(self.said):
            try:
                self.said += os.read(self._master, 65_536).decode("utf-8", "replace")
            except OSError:
                return

    def end(self) -> int:
        self.until(lambda said: False)
        os.close(self._master)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def two(cli: Cli) -> Cli:
    for name in ("one", "two"):
        cli.must("wallet", "new", name)
    cli.wallet("one", "fund", "100")
    return cli


def frames(said: str) -> list[str]:
    """The pictures that were drawn, one after the other."""
    return [part for part in re.split(r"\x1b\[\d+F", said) if "▀" in part or "█" in part]


def test_a_request_in_an_ordinary_terminal_moves_until_ctrl_c_and_can_be_read(two: Cli) -> None:
    shown = Terminal(two, 80, 24, "--wallet", "two", "request", "10")
    receiver, reader = FrameReceiver(), best_reader()

    def is_read(said: str) -> bool:
        for part in frames(said)[:-1]:
            for text in reader.read(screen(part)):
                receiver.add(text)
        return receiver.message is not None

    shown.until(is_read)
    shown.process.send_signal(signal.SIGINT)
    assert shown.end() == 0
    assert receiver.message is not None
    drawn = frames(shown.said)[1:-1]
    (request,) = two.wallet("two", "request", "list")["requests"]
    for part in drawn:
        assert len(part.splitlines()) <= 24
        words = " ".join(line.split(RESET)[-1] for line in part.splitlines())
        assert all(word in words for word in ("10\xa0₸", request["id"][:16], "Ctrl-C")), words
    afterwards = " ".join(frames(shown.said)[-1].split(RESET)[-1].split())
    assert f"qalta receive --nfc --request {request['id'][:16]}" in afterwards
    assert "no longer shown. Take in what was paid: qalta receive PICTURES" in afterwards
    two.wallet("two", "request", "cancel", request["id"][:16])


def test_nothing_is_signed_where_the_code_could_not_be_read(two: Cli, tmp_path: Path) -> None:
    two.wallet("two", "request", "10", "--out", str(tmp_path / "request.png"))
    shown = Terminal(two, 30, 10, "--wallet", "one", "pay", str(tmp_path / "request.png"), "--yes")
    assert shown.end() == 3
    assert "--out" in shown.said
    assert two.wallet("one", "balance")["signed"] == 0
    assert [event["kind"] for event in two.wallet("one", "history")["events"]] == ["funded"]


def test_a_refusal_is_told_before_a_place_for_a_code_is_asked_for(two: Cli, tmp_path: Path) -> None:
    code, nowhere = str(tmp_path / "request.png"), ("--wallet", "one", "pay")
    two.wallet("two", "request", "100000", "--out", code)
    told = two.run(*nowhere, code, "--yes")
    assert (told.status, "(funds_short)" in told.err) == (1, True), told.err
    told = two.run(*nowhere, code, "--yes", "--out", str(tmp_path / "payment.png"))
    assert (told.status, "(funds_short)" in told.err) == (1, True), told.err


def test_a_payment_in_an_ordinary_terminal_can_be_taken_in_from_its_screen(two: Cli, tmp_path: Path) -> None:
    two.wallet("two", "request", "10", "--out", str(tmp_path / "request.png"))
    shown = Terminal(two, 80, 24, "--wallet", "one", "pay", str(tmp_path / "request.png"), "--yes")
    shown.until(lambda said: len(frames(said)) > 40)
    shown.process.send_signal(signal.SIGINT)
    assert shown.end() == 0
    (paid,) = [event for event in two.wallet("one", "history")["events"] if event["kind"] == "paid"]
    words = " ".join(line.split(RESET)[-1] for line in frames(shown.said)[-2].splitlines())
    assert all(word in words for word in ("10\xa0₸ to", paid["id"][:16], "Ctrl-C")), words
    assert f"no longer shown. To show this payment again: qalta pay --again {paid['id'][:16]}" in " ".join(
        shown.said.split()
    )
    (tmp_path / "screens").mkdir()
    for number, part in enumerate(frames(shown.said)[:-1]):
        screen(part).save(tmp_path / "screens" / f"{number}.png")
    assert two.wallet("two", "receive", str(tmp_path / "screens"))["received"] == 1_000


def test_a_show_on_no_terminal_says_that_it_is_none() -> None:
    assert not Show(catalogue("en"), as_json=False).out.isatty()
