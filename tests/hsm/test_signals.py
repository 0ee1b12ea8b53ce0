"""SIGTERM never ends a process inside a PKCS#11 call."""

from __future__ import annotations

import random
import signal
from pathlib import Path

from tests.hsm.homes import FolderHome
from tests.hsm.processes import sampled, seed, start


def test_a_section_of_the_main_thread_ends_first(tmp_path: Path) -> None:
    status, lines, _ = start("holds", tmp_path).end()
    assert (status, lines) == (-signal.SIGTERM, [["inside"]])


def test_a_section_of_another_thread_ends_first(tmp_path: Path) -> None:
    status, lines, _ = start("holds_thread", tmp_path).end()
    assert (status, lines) == (-signal.SIGTERM, [["inside"]])


def test_a_handler_that_was_there_is_called_after_the_section(tmp_path: Path) -> None:
    status, lines, _ = start("chains", tmp_path).end()
    assert (status, lines) == (7, [["inside"], ["farewell"]])


def test_outside_the_main_thread_a_keystore_opens_without_a_handler(tmp_path: Path) -> None:
    home = FolderHome(tmp_path / "wallet").make()
    status, lines, errors = start("opens_in_thread", home.folder).end()
    assert (status, lines) == (0, [["open"]]), errors


def test_terminations_around_logins_leave_the_token_whole(tmp_path: Path) -> None:
    """Looked at before any repair; without a handler about four in ten would be emptied."""
    chance = random.Random(f"{seed()} term")
    home = FolderHome(tmp_path / "wallet").make()
    (token,) = home.folder.glob("tokens/*/token.object")
    size = token.stat().st_size
    for _ in range(sampled(50, 12)):
        victim = start("logins", home.folder)
        for _ in range(chance.randrange(2, 6)):
            assert victim.read() == ["opening"], victim.end()
        victim.signal_after(signal.SIGTERM, chance.randrange(0, 6_000_000))
        status, _, errors = victim.end()
        assert status == -signal.SIGTERM, errors
        assert token.stat().st_size == size
    home.open()
