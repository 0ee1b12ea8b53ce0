"""After a failure below the PKCS#11 module the keys are found again and the login is made again, once, safely."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pkcs11
import pytest

import hsm
from hsm.keystore import KeystoreCode
from hsm.profiles import PROFILES
from hsm.token_keystore import TokenKeystore
from tests.hsm.homes import MODULES, OTHER_PIN, PIN, FolderHome, message, record, refused, verifies
from tests.hsm.processes import start


def finalised(home: FolderHome) -> None:
    """The module ends behind our back."""
    pkcs11.lib(str(PROFILES[home.kind].library())).finalize()


def restarted(home: FolderHome) -> None:
    """The module ends and begins: every handle is of an earlier life."""
    pkcs11.lib(str(PROFILES[home.kind].library())).reinitialize()


pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""python-pkcs11 0.10.1 ends a search that failed to begin all the same, and complains of that on standard error."""

FAILURES: dict[str, Callable[[FolderHome], None]] = {"finalised": finalised, "restarted": restarted}
VERBS: dict[str, Callable[[hsm.Keystore], object]] = {
    "sign": lambda keystore: keystore.sign("k", message("x")),
    "create": lambda keystore: keystore.create_key("new"),
    "destroy": lambda keystore: keystore.destroy_key("doomed"),
    "read": lambda keystore: keystore.read_record(),
    "record": lambda keystore: keystore.write_record(record(2)),
    "pin": lambda keystore: keystore.change_pin(PIN, OTHER_PIN),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("kind", MODULES)
def test_every_verb_goes_on_after_a_failure_below_the_module(
    tmp_path: Path, kind: str, failure: str, verb: str
) -> None:
    home = FolderHome(tmp_path / "wallet", kind).make()
    keystore = home.open()
    publics = {alias: keystore.create_key(alias) for alias in ("k", "doomed")}
    keystore.write_record(record(1))
    FAILURES[failure](home)
    VERBS[verb](keystore)
    assert keystore.aliases() == {"k"} | ({"new"} if verb == "create" else set()) | (
        set() if verb == "destroy" else {"doomed"}
    )
    assert verifies(publics["k"], message("y"), keystore.sign("k", message("y")))
    assert keystore.read_record() == record(2 if verb == "record" else 1)
    keystore.lock()
    keystore = home.open(OTHER_PIN if verb == "pin" else PIN)
    assert ("doomed" in keystore.aliases()) is (verb != "destroy")
    assert verifies(publics["k"], message("z"), keystore.sign("k", message("z")))


@pytest.mark.parametrize("kind", MODULES)
def test_without_descriptors_it_is_said_and_afterwards_all_goes_on(tmp_path: Path, kind: str) -> None:
    home = FolderHome(tmp_path / "wallet", kind).make()
    keystore = home.open()
    keystore.create_key("old")
    keystore.create_key("doomed")
    keystore.lock()
    status, lines, errors = start("starves", home.folder, kind).end()
    assert status == 0, errors
    said = {(when, verb): words for when, verb, *words in lines if when != "same"}
    verbs = ("sign", "create", "destroy", "record", "read")
    for verb in verbs:
        assert said["starved", verb] in (["done"], ["files_exhausted", "24"]), (verb, said)
        assert said["after", verb] == ["done"], (verb, said)
    assert said["starved", "create"] == ["files_exhausted", "24"]
    assert ["same", "True"] in lines
    keystore = home.open()
    assert keystore.aliases() == {"old", "later"}
    assert keystore.read_record() == record(4)


@pytest.mark.parametrize("kind", MODULES)
def test_without_room_no_login_is_tried_and_afterwards_all_goes_on(tmp_path: Path, kind: str) -> None:
    home = FolderHome(tmp_path / "wallet", kind).make()
    keystore = home.open()
    keystore.create_key("old")
    keystore.create_key("doomed")
    keystore.write_record(record(1))
    keystore.lock()
    status, lines, errors = start("chokes", home.folder, kind).end()
    assert status == 0, errors
    said = {(when, verb): words for when, verb, *words in lines}
    for verb in ("sign", "create", "destroy", "record", "read"):
        assert said["choked", verb][0] == "storage_fault", said
        assert said["after", verb] == ["done"], said
    keystore = home.open()
    assert keystore.aliases() == {"old", "later"}


def test_keystores_that_share_a_module_all_find_their_way_back(tmp_path: Path) -> None:
    shared = tmp_path / "tokens"
    homes = [FolderHome(tmp_path / f"wallet{number}", tokens=shared).make() for number in range(3)]
    keystores = [home.open() for home in homes]
    publics = [keystore.create_key("k") for keystore in keystores]
    restarted(homes[0])
    keystores[0].sign("k", message("x"))
    keystores[2].lock()  # its session is of an earlier life; its number may be another's now
    for keystore, public in zip(keystores[:2], publics[:2], strict=True):
        assert verifies(public, message("y"), keystore.sign("k", message("y")))
    keystores[2] = homes[2].open()
    assert verifies(publics[2], message("z"), keystores[2].sign("k", message("z")))


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("what", ["folder", "token"])
def test_a_token_that_is_away_is_named_as_that_and_counts_no_try(
    tmp_path: Path, kind: str, what: str
) -> None:
    home = FolderHome(tmp_path / "wallet", kind).make()
    tokens = home.folder / "tokens"
    tokens.rename(tmp_path / "elsewhere")
    if what == "token":
        tokens.mkdir()
    for _ in range(5):
        missing = refused(home.open)
        assert (missing.code, missing.facts) == (KeystoreCode.TOKEN_MISSING, {"what": what})
    if what == "token":
        tokens.rmdir()
    (tmp_path / "elsewhere").rename(tokens)
    assert refused(lambda: home.open("a wrong one")).facts["tries_left"] == 2
    home.open()


@pytest.mark.parametrize("kind", MODULES)
def test_a_token_that_goes_away_while_open_serves_again_when_it_is_back(tmp_path: Path, kind: str) -> None:
    home = FolderHome(tmp_path / "wallet", kind).make()
    keystore = home.open()
    public = keystore.create_key("k")
    tokens = home.folder / "tokens"
    tokens.rename(tmp_path / "elsewhere")
    finalised(home)
    assert refused(lambda: keystore.sign("k", message("x"))).code is KeystoreCode.TOKEN_MISSING
    (tmp_path / "elsewhere").rename(tokens)
    assert verifies(public, message("x"), keystore.sign("k", message("x")))


def test_a_login_that_does_not_help_is_not_tried_again_at_once(tmp_path: Path) -> None:
    home = FolderHome(tmp_path / "wallet").make()
    keystore = home.open()
    assert isinstance(keystore, TokenKeystore)
    public = keystore.create_key("k")
    (token,) = home.folder.glob("tokens/*/token.object")
    backup, whole = token.with_name("token.backup"), token.read_bytes()
    token.write_bytes(bytes(len(whole)))
    backup.write_bytes(bytes(len(whole)))
    finalised(home)
    lives = []
    for _ in range(4):
        assert refused(lambda: keystore.sign("k", message("x"))).code is KeystoreCode.TOKEN_FAULT
        lives.append(module_lives(keystore))
    assert len(set(lives)) == 1  # within the wait the module is left alone
    home.clock.now += 1
    assert refused(lambda: keystore.sign("k", message("x"))).code is KeystoreCode.TOKEN_FAULT
    home.clock.now += 1  # the wait has doubled
    refused(lambda: keystore.sign("k", message("x")))
    assert module_lives(keystore) == lives[0] + 2  # from the files, then from the backups
    token.write_bytes(whole)
    backup.write_bytes(whole)
    home.clock.now += 1
    assert verifies(public, message("x"), keystore.sign("k", message("x")))


def module_lives(keystore: TokenKeystore) -> int:
    assert keystore._parts is not None
    return keystore._parts.entrance.running.life


def test_a_change_of_the_pin_that_failed_half_way_ends_by_the_next_one(tmp_path: Path) -> None:
    home = FolderHome(tmp_path / "wallet").make()
    keystore = home.open()
    public = keystore.create_key("k")
    (token,) = home.folder.glob("tokens/*/token.object")
    in_the_way = token.with_name("token.backup.part")
    in_the_way.mkdir()
    refused(lambda: keystore.change_pin(PIN, OTHER_PIN))
    in_the_way.rmdir()
    with contextlib.suppress(hsm.KeystoreError):  # the change took, and ended only now
        keystore.change_pin(PIN, "a third one")
    if not works(keystore, "a third one"):
        keystore.change_pin(OTHER_PIN, "a third one")
    keystore.lock()
    keystore = home.open("a third one")
    assert verifies(public, message("x"), keystore.sign("k", message("x")))


def works(keystore: hsm.Keystore, pin: str) -> bool:
    try:
        keystore.confirm_pin(pin)
    except hsm.KeystoreError:
        return False
    return True
