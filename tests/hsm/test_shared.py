"""Several processes of one service over one token: each signs, whatever becomes of the others."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hsm.keystore import KeystoreCode
from tests.hsm.homes import MODULES, OTHER_PIN, PIN, FolderHome, message, refused, verifies
from tests.hsm.processes import Victim, sampled, seed, start

LONGEST_LOGIN_NS = 40_000_000
FULL_PIPE = 600
"""Lines that may have been said before, and a few more."""


@pytest.fixture
def home(tmp_path: Path) -> FolderHome:
    """With a key, and from now on shared."""
    home = FolderHome(tmp_path / "service").make()
    keystore = home.open()
    keystore.create_key("old")
    keystore.lock()
    home.is_shared = True
    return home


@pytest.fixture
def signer(home: FolderHome) -> Iterator[Victim]:
    """A process that signs for ever."""
    victim = start("signs_beside", home.folder)
    assert victim.read() == ["open"]
    yield victim
    victim.process.kill()
    victim.end()


def signs_on(signer: Victim, public: bytes, times: int = 20) -> None:
    for _ in range(times):
        word, signature = signer.read()
        assert word == "signed"
        assert verifies(public, message("x"), bytes.fromhex(signature))


@pytest.mark.parametrize("kind", MODULES)
def test_two_processes_sign_with_one_key(tmp_path: Path, kind: str) -> None:
    home = FolderHome(tmp_path / "service", kind).make()
    alone = home.open()
    public = alone.create_key("old")
    alone.lock()
    home.is_shared = True
    keystore = home.open()
    victim = start("signs_beside", home.folder, kind)
    assert victim.read() == ["open"]
    signs_on(victim, public)
    assert verifies(public, message("y"), keystore.sign("old", message("y")))
    victim.process.kill()
    victim.end()
    assert verifies(public, message("y"), keystore.sign("old", message("y")))


def test_who_wants_it_alone_does_not_get_what_is_shared(home: FolderHome) -> None:
    def is_in_use() -> bool:
        return refused(home.open).code is KeystoreCode.IN_USE

    shared = home.open()
    home.is_shared = False
    assert is_in_use()
    shared.lock()
    alone = home.open()
    home.is_shared = True
    assert is_in_use()
    alone.lock()
    home.open()


def test_a_key_that_one_makes_the_other_finds(home: FolderHome) -> None:
    keystore = home.open()
    assert refused(lambda: keystore.sign("new", message("x"))).code is KeystoreCode.KEY_UNKNOWN
    victim = start("creates_beside", home.folder)
    assert victim.end()[0] == 0
    assert verifies(keystore.public_key("new"), message("x"), keystore.sign("new", message("x")))
    assert keystore.aliases() == {"old", "new"}
    assert refused(lambda: keystore.create_key("new")).code is KeystoreCode.ALIAS_EXISTS


@pytest.mark.parametrize("point", ["create.noted", "create.made", "create.synced"])
def test_a_key_that_was_half_made_is_none_for_whoever_lives(home: FolderHome, point: str) -> None:
    keystore = home.open()
    victim = start("creates_beside", home.folder, failpoint=f"keystore.{point}")
    assert victim.end()[0] == -signal.SIGKILL
    assert keystore.aliases() == {"old"}
    made = keystore.create_key("new")
    assert verifies(made, message("x"), keystore.sign("new", message("x")))


def test_nobody_changes_the_pin_under_the_others(home: FolderHome) -> None:
    keystore = home.open()
    keystore.confirm_pin(PIN)
    assert refused(lambda: keystore.change_pin(PIN, OTHER_PIN)).code is KeystoreCode.IN_USE


def test_what_a_kill_inside_a_login_leaves_is_mended_while_others_sign(
    home: FolderHome, signer: Victim
) -> None:
    """SoftHSM has written nothing of `token.object` yet but its end."""
    public = opened_public(home)
    (token,) = home.folder.glob("tokens/*/token.object")
    token.write_bytes(b"")
    signs_on(signer, public)
    assert opened_public(home) == public
    assert token.stat().st_size > 0
    signs_on(signer, public, FULL_PIPE)


def opened_public(home: FolderHome) -> bytes:
    keystore = home.open()
    try:
        return keystore.public_key("old")
    finally:
        keystore.lock()


def test_killed_at_any_moment_of_a_login_the_others_sign_on(home: FolderHome, signer: Victim) -> None:
    chance = random.Random(seed())
    public = opened_public(home)
    for _ in range(sampled(200, 3)):
        victim = start("logins_beside", home.folder)
        assert victim.read() == ["opening"]
        victim.signal_after(signal.SIGKILL, chance.randrange(LONGEST_LOGIN_NS))
        assert victim.end()[0] == -signal.SIGKILL
        signs_on(signer, public)
        assert opened_public(home) == public


def waits_for_a_lock(pid: int) -> bool:
    """By the kernel's list (proc(5)): `->` stands before whoever is blocked."""
    waiting = [line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" in line]
    return any(str(pid) in words for words in waiting)


def test_a_login_that_waits_for_its_turn_gets_it_when_the_holder_is_killed(home: FolderHome) -> None:
    """The second is started while the first has the turn, and opens as soon as that one is no more."""
    first = start("has_the_turn", home.folder)
    assert first.read() == ["has", "the", "turn"]
    second = start("signs_beside", home.folder)
    while not waits_for_a_lock(second.process.pid):
        assert second.process.poll() is None
    first.process.kill()
    assert first.end()[0] == -signal.SIGKILL
    assert second.read() == ["open"]
    second.process.kill()
    second.end()
