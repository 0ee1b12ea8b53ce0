"""Provisioning, locks between and within processes, several keystores at once."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

import hsm
from hsm.keystore import KeystoreCode
from hsm.profiles import PROFILES
from tests.hsm.homes import MODULES, PIN, FolderHome, Hand, message, record, refused, verifies
from tests.hsm.processes import start


@pytest.mark.parametrize("kind", MODULES)
def test_a_folder_is_readable_by_its_owner_only(tmp_path: Path, kind: str) -> None:
    home = FolderHome(tmp_path / "deep" / "wallet", kind).make()
    keystore = home.open()
    keystore.create_key("k")
    keystore.write_record(record(1))
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    for path in home.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_provisioning_twice_is_refused(tmp_path: Path) -> None:
    home = FolderHome(tmp_path / "wallet").make()
    keystore = home.open()
    keystore.create_key("k")
    keystore.lock()
    assert refused(home.make).code is KeystoreCode.ALREADY_PROVISIONED
    assert home.open().aliases() == {"k"}


@pytest.mark.parametrize("pin", ["", "123", "1" * 129, "12\n34"])
def test_an_unfit_pin_makes_nothing(tmp_path: Path, pin: str) -> None:
    home = FolderHome(tmp_path / "wallet")
    assert refused(lambda: home.make(pin)).code is KeystoreCode.PIN_UNFIT
    assert not home.folder.exists()


def test_what_was_never_made_cannot_be_opened(tmp_path: Path) -> None:
    assert refused(FolderHome(tmp_path / "nowhere").open).code is KeystoreCode.NOT_PROVISIONED
    (tmp_path / "empty").mkdir()
    assert refused(FolderHome(tmp_path / "empty").open).code is KeystoreCode.NOT_PROVISIONED


def test_a_missing_module_names_its_package(tmp_path: Path) -> None:
    nowhere = replace(hsm.SOFTHSM, libraries=(str(tmp_path / "*.so"),))
    refusal = refused(
        lambda: hsm.provision(tmp_path / "wallet", PIN, random=os.urandom, clock=Hand(), module=nowhere)
    )
    assert (refusal.code, refusal.facts) == (KeystoreCode.MODULE_MISSING, {"package": "libsofthsm2"})


def test_a_person_gets_the_full_cost_unless_told_otherwise(tmp_path: Path) -> None:
    hsm.provision(tmp_path / "wallet", PIN, random=os.urandom, clock=Hand())
    opened = hsm.open_keystore(tmp_path / "wallet", PIN, clock=Hand(), random=os.urandom)
    opened.lock()
    settings = (tmp_path / "wallet" / "keystore.json").read_text()
    assert "".join(settings.split()).count('"scrypt":[32768,8,3]') == 1


@pytest.mark.parametrize("kind", MODULES)
def test_a_second_process_is_told_that_the_folder_is_in_use(tmp_path: Path, kind: str) -> None:
    home = FolderHome(tmp_path / "wallet", kind).make()
    victim = start("opens", home.folder, kind)
    assert victim.read() == ["open"]
    assert refused(home.open).code is KeystoreCode.IN_USE
    victim.process.kill()
    victim.end()
    home.open()


def test_the_same_folder_is_opened_once_in_a_process(tmp_path: Path) -> None:
    home = FolderHome(tmp_path / "wallet").make()
    keystore = home.open()
    assert refused(home.open).code is KeystoreCode.IN_USE
    assert keystore.aliases() == frozenset()
    keystore.lock()
    home.open()


def test_one_process_has_one_token_folder_at_a_time(tmp_path: Path) -> None:
    first, second = FolderHome(tmp_path / "a").make(), FolderHome(tmp_path / "b").make()
    keystore = first.open()
    assert refused(second.open).code is KeystoreCode.IN_USE
    keystore.lock()
    second.open()


def test_two_modules_run_side_by_side(tmp_path: Path) -> None:
    keystores = [FolderHome(tmp_path / kind, kind).make().open() for kind in PROFILES]
    publics = [keystore.create_key("k") for keystore in keystores]
    for keystore, public in zip(keystores, publics, strict=True):
        assert verifies(public, message("x"), keystore.sign("k", message("x")))


def test_several_keystores_in_one_process_share_a_token_folder(tmp_path: Path) -> None:
    shared = tmp_path / "tokens"
    homes = [FolderHome(tmp_path / f"wallet{number}", tokens=shared).make() for number in range(3)]
    keystores = [home.open(PIN) for home in homes]
    late = FolderHome(tmp_path / "late", tokens=shared).make()
    keystores.append(late.open())
    publics = [keystore.create_key("k") for keystore in keystores]
    for step, keystore in enumerate(keystores):
        keystore.write_record(record(step))
    assert len(set(publics)) == 4
    keystores[1].change_pin(PIN, "another PIN")
    keystores[2].lock()
    keystores[2] = homes[2].open()
    for step, (keystore, public) in enumerate(zip(keystores, publics, strict=True)):
        assert keystore.aliases() == {"k"}
        assert keystore.read_record() == record(step)
        assert verifies(public, message("x"), keystore.sign("k", message("x")))
    for keystore in keystores:
        keystore.lock()
    assert refused(lambda: homes[1].open(PIN)).code is KeystoreCode.PIN_WRONG
    assert homes[1].open("another PIN").public_key("k") == publics[1]


def test_a_shared_token_folder_belongs_to_one_process(tmp_path: Path) -> None:
    shared = tmp_path / "tokens"
    homes = [FolderHome(tmp_path / f"wallet{number}", tokens=shared).make() for number in range(2)]
    victim = start("opens", homes[0].folder)
    assert victim.read() == ["open"]
    assert refused(homes[1].open).code is KeystoreCode.IN_USE
    victim.process.kill()
    victim.end()
    homes[1].open()


def test_nss_holds_one_token_a_folder(tmp_path: Path) -> None:
    home = FolderHome(tmp_path / "wallet", "nss", tokens=tmp_path / "tokens")
    assert refused(home.make).code is KeystoreCode.MODULE_UNFIT


@pytest.mark.parametrize("kind", MODULES)
def test_a_forked_child_has_no_use_of_its_parents_login(tmp_path: Path, kind: str) -> None:
    home = FolderHome(tmp_path / "wallet", kind).make()
    keystore = home.open()
    keystore.create_key("old")
    keystore.lock()
    status, lines, errors = start("forks", home.folder, kind).end()
    assert (status, lines) == (0, [["child", "locked"], ["parent", "64"]]), errors


def test_a_full_disk_or_forbidden_folder_is_a_typed_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    refusal = refused(FolderHome(tmp_path / "file" / "wallet").make)
    assert refusal.code is KeystoreCode.STORAGE_MISSING


def test_a_failed_making_is_cleared_away_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = FolderHome(tmp_path / "wallet").make()
    keystore = home.open()

    def full(_: int) -> None:
        raise OSError(28, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert refused(lambda: keystore.create_key("k")).code is KeystoreCode.STORAGE_FULL
    assert keystore.aliases() == frozenset()
    public = keystore.create_key("k")
    assert verifies(public, message("x"), keystore.sign("k", message("x")))
    keystore.lock()
    assert home.open().public_key("k") == public
