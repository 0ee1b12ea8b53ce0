"""SIGKILL to a real process, at every named step and at random moments: no wallet is lost, nothing that was
promised is missing, and at most the one step that was under way is in doubt."""

from __future__ import annotations

import random
import re
import signal
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import hsm
from app.bench.flushes import flushes_of
from hsm.keystore import KeystoreCode
from tests.hsm.homes import (
    MODULES,
    NOW,
    OTHER_PIN,
    PIN,
    ROOT,
    FolderHome,
    message,
    record,
    refused,
    verifies,
)
from tests.hsm.processes import sampled, seed, start

EVERYWHERE = {
    "open.login",
    "open.entered",
    "tries.readied",
    "tries.counted",
    "tries.written",
    "tries.placed",
    "create.noted",
    "create.made",
    "create.synced",
    "create.done",
    "sign.done",
    "record.created",
    "record.rewritten",
    "record.synced",
    "destroy.noted",
    "destroy.destroyed",
    "destroy.done",
    "pin.next.written",
    "pin.next.placed",
    "pin.set",
    "pin.backed-up",
    "pin.adopted",
    "provision.made",
    "settings.written",
    "settings.placed",
    "provision.done",
}
SOFTHSM_ONLY = {
    "conf.written",
    "conf.placed",
    "backup.written",
    "backup.placed",
    "repair.written",
    "repair.placed",
    "sweep.destroyed",
}
NEW_KEY = ("create.noted", "create.made", "create.synced")


def test_every_failpoint_of_hsm_is_killed_at() -> None:
    named: set[str] = set()
    for path in (ROOT / "hsm").glob("*.py"):
        text = path.read_text()
        named |= set(re.findall(r'reach\("keystore\.([a-z.-]+)"\)', text))
        for step in re.findall(r'step="keystore\.([a-z.-]+)"', text):
            named |= {f"{step}.written", f"{step}.placed"}
    assert named == EVERYWHERE | SOFTHSM_ONLY


def killed_at(what: str, home: FolderHome, point: str, *, pin: str = PIN) -> None:
    status, _, errors = start(what, home.folder, home.kind, pin=pin, failpoint=f"keystore.{point}").end()
    assert status == -signal.SIGKILL, (point, status, errors)


@pytest.fixture(params=MODULES)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> FolderHome:
    """A keystore with a key `old` and the record of step 1."""
    home = FolderHome(tmp_path / "wallet", request.param).make()
    keystore = home.open()
    public = keystore.create_key("old")
    keystore.write_record(record(1))
    keystore.lock()
    (tmp_path / "old.public").write_bytes(public)
    return home


def check_old_key(keystore: hsm.Keystore, home: FolderHome) -> None:
    public = (home.folder.parent / "old.public").read_bytes()
    assert keystore.public_key("old") == public
    assert verifies(public, message("x"), keystore.sign("old", message("x")))


@pytest.mark.parametrize("point", ["made", "settings.written", "settings.placed", "done"])
@pytest.mark.parametrize("kind", MODULES)
def test_killed_while_provisioning_either_done_or_to_be_done_again(
    tmp_path: Path, kind: str, point: str
) -> None:
    home = FolderHome(tmp_path / "wallet", kind)
    killed_at("makes", home, point if point.startswith("settings") else f"provision.{point}")
    if point in ("made", "settings.written"):
        assert refused(home.open).code is KeystoreCode.NOT_PROVISIONED
        home.make()
    keystore = home.open()
    keystore.create_key("k")
    keystore.lock()
    assert refused(home.make).code is KeystoreCode.ALREADY_PROVISIONED


@pytest.mark.parametrize(
    "point", ["open.login", "open.entered", "tries.readied", "tries.written", "tries.placed"]
)
def test_killed_while_opening_nothing_is_lost(home: FolderHome, point: str) -> None:
    killed_at("opens", home, point)
    keystore = home.open()
    check_old_key(keystore, home)
    assert keystore.read_record() == record(1)
    keystore.lock()


@pytest.mark.parametrize("point", ["create.noted", "create.made", "create.synced", "create.done"])
def test_killed_while_making_a_key_it_is_whole_or_absent(home: FolderHome, point: str) -> None:
    killed_at("creates", home, point)
    keystore = home.open()
    check_old_key(keystore, home)
    assert keystore.aliases() == ({"old"} if point in NEW_KEY else {"old", "new"})
    if point in NEW_KEY:
        keystore.create_key("new")
    public = keystore.public_key("new")
    assert verifies(public, message("x"), keystore.sign("new", message("x")))
    keystore.lock()


@pytest.mark.parametrize(
    ("point", "step"), [("created", 2), ("synced", 2), ("rewritten", 3), ("synced:2", 3), ("rewritten:2", 4)]
)
def test_killed_while_recording_the_record_is_the_new_one(home: FolderHome, point: str, step: int) -> None:
    killed_at("records", home, f"record.{point}")
    keystore = home.open()
    assert keystore.read_record() == record(step)
    keystore.write_record(record(step + 1))
    keystore.lock()
    keystore = home.open()
    assert keystore.read_record() == record(step + 1)
    keystore.lock()


@pytest.mark.parametrize("point", ["noted", "destroyed", "done"])
def test_killed_while_destroying_the_key_is_gone(home: FolderHome, point: str) -> None:
    killed_at("destroys", home, f"destroy.{point}")
    keystore = home.open()
    assert keystore.aliases() == frozenset()
    assert keystore.read_record() == record(1)
    keystore.lock()


def test_what_a_killed_process_destroyed_is_made_durable_before_its_note_is_gone(tmp_path: Path) -> None:
    """Else the files might be back after a power cut, with nobody who knows that they are to go."""
    home = FolderHome(tmp_path / "wallet").make()
    keystore = home.open()
    keystore.create_key("old")
    keystore.lock()
    opening = flushes_of(lambda: home.open().lock())
    killed_at("destroys", home, "destroy.destroyed")
    list_of_names, note = 1, 1
    assert flushes_of(lambda: home.open().lock()) == opening + list_of_names + note


@pytest.mark.parametrize(
    "point", ["pin.next.written", "pin.next.placed", "pin.set", "pin.backed-up", "pin.adopted"]
)
@pytest.mark.parametrize("first", [PIN, OTHER_PIN])
def test_killed_while_changing_the_pin_one_of_the_two_works(home: FolderHome, point: str, first: str) -> None:
    killed_at("changes", home, point)
    second = OTHER_PIN if first == PIN else PIN
    keystore, pin = open_with_either(home, first, second)
    other = second if pin == first else first
    check_old_key(keystore, home)
    keystore.confirm_pin(pin)
    assert refused(lambda: keystore.confirm_pin(other)).code is KeystoreCode.PIN_WRONG
    keystore.confirm_pin(pin)
    keystore.change_pin(pin, "a third one")
    keystore.lock()
    keystore = home.open("a third one")
    check_old_key(keystore, home)
    keystore.lock()
    assert refused(lambda: home.open(pin)).code is KeystoreCode.PIN_WRONG


def open_with_either(home: FolderHome, first: str, second: str) -> tuple[hsm.Keystore, str]:
    try:
        return home.open(first), first
    except hsm.KeystoreError as error:
        if error.code is not KeystoreCode.PIN_WRONG:
            raise
        return home.open(second), second


@pytest.mark.parametrize("point", ["backup.written", "backup.placed"])
def test_killed_while_renewing_the_backup_one_of_the_two_works(tmp_path: Path, point: str) -> None:
    home = FolderHome(tmp_path / "wallet").make()
    killed_at("changes", home, point)
    keystore, _ = open_with_either(home, PIN, OTHER_PIN)
    keystore.lock()


@pytest.mark.parametrize("point", ["repair.written", "repair.placed"])
def test_killed_while_repairing_it_is_repaired_the_next_time(tmp_path: Path, point: str) -> None:
    home = FolderHome(tmp_path / "wallet").make()
    keystore = home.open()
    public = keystore.create_key("k")
    keystore.lock()
    (token,) = home.folder.glob("tokens/*/token.object")
    token.write_bytes(b"")
    killed_at("opens", home, point)
    keystore = home.open()
    assert keystore.public_key("k") == public
    keystore.lock()


@pytest.mark.parametrize("point", ["conf.written", "conf.placed"])
def test_killed_while_configuring_it_opens_the_next_time(tmp_path: Path, point: str) -> None:
    home = FolderHome(tmp_path / "wallet").make()
    (home.folder / "softhsm2.conf").unlink()
    killed_at("opens", home, point)
    home.open().lock()


def test_killed_while_sweeping_it_is_swept_the_next_time(tmp_path: Path) -> None:
    home = FolderHome(tmp_path / "wallet").make()
    killed_at("creates", home, "create.made")
    killed_at("opens", home, "sweep.destroyed")
    keystore = home.open()
    assert keystore.aliases() == frozenset()
    keystore.create_key("new")
    keystore.lock()


def test_killed_after_signing_the_key_signs_again(tmp_path: Path) -> None:
    home = FolderHome(tmp_path / "wallet").make()
    keystore = home.open()
    keystore.create_key("new")
    keystore.lock()
    victim = start("lives", home.folder, failpoint="keystore.sign.done")
    assert victim.end()[0] == -signal.SIGKILL
    keystore = home.open()
    assert len(keystore.sign("new", message("x"))) == 64
    keystore.lock()


def test_killing_after_a_wrong_pin_is_found_wrong_buys_no_free_guess(tmp_path: Path) -> None:
    home = FolderHome(tmp_path / "wallet").make()
    for _ in range(3):
        killed_at("opens", home, "tries.counted", pin="a wrong guess")
    blocked = refused(home.open)
    assert blocked.code is KeystoreCode.PIN_BLOCKED
    assert blocked.facts["until"] == NOW + 30


@pytest.mark.parametrize("point", ["tries.readied", "open.login", "open.entered"])
def test_killed_with_the_right_pin_counts_no_try(tmp_path: Path, point: str) -> None:
    home = FolderHome(tmp_path / "wallet").make()
    for _ in range(4):
        killed_at("opens", home, point)
    assert refused(lambda: home.open("a wrong guess")).facts["tries_left"] == 2
    home.open()


@dataclass
class Promises:
    """What the lines of a victim's lives promised, and the one step that was under way at its end."""

    keys: dict[str, str] = field(default_factory=dict)
    step: int = 0
    doubt: list[str] = field(default_factory=list)

    def note(self, words: list[str]) -> None:
        match words:
            case ["created", alias, public]:
                self.keys[alias] = public
            case ["recorded", step]:
                self.step = int(step)
            case ["destroyed", alias]:
                self.keys.pop(alias, None)
        self.doubt = words

    def check(self, keystore: hsm.Keystore) -> None:
        in_doubt = self.doubt[1] if self.doubt[0] in ("creating", "destroying") else None
        assert keystore.aliases() - {in_doubt} == self.keys.keys() - {in_doubt}
        for alias in keystore.aliases():
            public = keystore.public_key(alias)
            assert alias == in_doubt or public.hex() == self.keys[alias]
            assert verifies(public, message(alias), keystore.sign(alias, message(alias)))
        kept = keystore.read_record()
        step = kept.step if kept else 0
        assert step == self.step or (self.doubt == ["recording", str(step)] and step == self.step + 1)
        assert kept is None or kept == record(step)

    def settle(self, keystore: hsm.Keystore) -> None:
        """What was in doubt is no longer."""
        self.keys = {alias: keystore.public_key(alias).hex() for alias in keystore.aliases()}
        kept = keystore.read_record()
        self.step = kept.step if kept else 0
        for alias in [alias for alias in self.keys if int(alias[1:]) > self.step]:
            keystore.destroy_key(alias)
            del self.keys[alias]


@pytest.mark.parametrize("aim", ["opening", "creating", "signing", "recording", "destroying"])
def test_random_kills_lose_no_wallet(tmp_path: Path, aim: str) -> None:
    """200 kills in all, 40 when sampled: soon after a line that begins a step, in that step or past it."""
    chance = random.Random(f"{seed()} {aim}")
    home = FolderHome(tmp_path / "wallet").make()
    promises = Promises()
    for _ in range(sampled(40, 8)):
        victim = start("lives", home.folder)
        rounds = chance.randrange(1, 6)
        while rounds:
            words = victim.read()
            assert words, victim.end()
            promises.note(words)
            rounds -= words[0] == aim
        victim.signal_after(
            signal.SIGKILL, chance.randrange(0, 16_000_000 if aim == "creating" else 6_000_000)
        )
        status, rest, errors = victim.end()
        assert status == -signal.SIGKILL, errors
        for words in rest:
            promises.note(words)
        keystore = home.open()
        promises.check(keystore)
        promises.settle(keystore)
        keystore.lock()


def test_random_kills_while_changing_the_pin_leave_one_that_works(tmp_path: Path) -> None:
    chance = random.Random(f"{seed()} pin")
    home = FolderHome(tmp_path / "wallet").make()
    keystore = home.open()
    public = keystore.create_key("k")
    keystore.lock()
    pins = (PIN, OTHER_PIN)
    for _ in range(sampled(40, 8)):
        victim = start("pin_changes", home.folder)
        for _ in range(chance.randrange(1, 8)):
            assert victim.read(), victim.end()
        victim.signal_after(signal.SIGKILL, chance.randrange(0, 8_000_000))
        assert victim.end()[0] == -signal.SIGKILL
        keystore, pin = open_with_either(home, *chance.sample(pins, 2))
        assert verifies(public, message("x"), keystore.sign("k", message("x")))
        if pin != PIN:
            keystore.change_pin(pin, PIN)
        keystore.lock()
