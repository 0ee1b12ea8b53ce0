"""No PIN, derived PIN or private byte shows: not in argv, texts, files or errors."""

from __future__ import annotations

import dataclasses
import logging
import os
from pathlib import Path

import pytest
from pkcs11 import Attribute, ObjectClass
from pkcs11.exceptions import PKCS11Error

import hsm
from hsm.folder import Folder
from hsm.keystore import KeystoreCode, KeystoreError
from hsm.login import Offer
from hsm.pin import derive
from hsm.token_keystore import TokenKeystore
from tests.hsm.homes import MODULES, PIN, FolderHome, Hand, refused
from tests.hsm.processes import start


@pytest.mark.parametrize("kind", MODULES)
def test_provisioning_starts_no_program_and_shows_no_pin_in_argv(tmp_path: Path, kind: str) -> None:
    victim = start("provisions", tmp_path / "wallet", kind)
    said = {}
    while (words := victim.read()) != ["waiting"]:
        assert words, victim.end()
        said[words[0]] = words[1:]
    pid = victim.process.pid
    argv = Path(f"/proc/{pid}/cmdline").read_bytes()
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    victim.process.kill()
    victim.end()
    assert said["started"] == []
    assert said["children"] == []
    assert bytes.fromhex(said["argv"][0]) == argv
    for secret in secrets(tmp_path / "wallet"):
        assert secret not in argv
        assert secret not in environment


def secrets(folder: Path) -> list[bytes]:
    settings = Folder(folder).settings()
    return [PIN.encode(), derive(PIN, settings.salt, settings.cost).pkcs11_pin.encode()]


@pytest.mark.parametrize("kind", MODULES)
def test_no_file_holds_a_pin(tmp_path: Path, kind: str) -> None:
    home = FolderHome(tmp_path / "wallet", kind).make()
    keystore = home.open()
    keystore.create_key("k")
    keystore.confirm_pin(PIN)
    files = [path.read_bytes() for path in home.folder.rglob("*") if path.is_file()]
    assert len(files) > 3
    for secret in secrets(home.folder):
        assert not any(secret in content for content in files)


def test_texts_of_every_object_show_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    home = FolderHome(tmp_path / "wallet").make()
    keystore = home.open()
    assert isinstance(keystore, TokenKeystore)
    settings = Folder(home.folder).settings()
    keys = derive(PIN, settings.salt, settings.cost)
    errors = [
        refused(lambda: keystore.confirm_pin("wrong secret")),
        refused(lambda: keystore.change_pin("wrong secret", "new secret")),
        refused(lambda: keystore.public_key("none")),
        refused(home.open),
    ]
    texts = [caplog.text]
    for item in (keystore, settings, keys, Offer(settings, keys), *vars(keystore).values(), *errors):
        texts += [repr(item), str(item), f"{item!a}"]
    for error in errors:
        texts += [repr(error.facts), repr(error.args), repr(error.__cause__), repr(error.__context__)]
    shown = "\n".join(texts)
    assert settings.label in shown
    for secret in (
        PIN,
        keys.pkcs11_pin,
        keys.verifier.hex(),
        repr(keys.verifier),
        repr(settings.salt),
        settings.salt.hex(),
        "wrong secret",
        "new secret",
    ):
        assert secret not in shown


def test_facts_cannot_be_changed_and_are_plain() -> None:
    error = KeystoreError(KeystoreCode.PIN_WRONG, {"tries_left": 2})
    with pytest.raises(TypeError):
        error.facts["tries_left"] = 3  # type: ignore[index]
    assert str(error) == "pin_wrong (tries_left=2)"
    assert repr(error) == "KeystoreError(pin_wrong (tries_left=2))"


def test_records_are_values_with_bounds() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        hsm.Record(1, 1, bytes(32)).step = 2  # type: ignore[misc]
    for step, sequence, digest in ((-1, 0, bytes(32)), (0, 2**63, bytes(32)), (0, 0, bytes(31))):
        refusal = refused(lambda s=step, q=sequence, d=digest: hsm.Record(s, q, d))  # type: ignore[misc]
        assert refusal.code is KeystoreCode.RECORD_UNFIT


@pytest.mark.parametrize("kind", MODULES)
def test_the_module_gives_no_private_byte_away(tmp_path: Path, kind: str) -> None:
    keystore = FolderHome(tmp_path / "wallet", kind).make().open()
    keystore.create_key("k")
    assert isinstance(keystore, TokenKeystore)
    parts = keystore._parts
    assert parts is not None
    (private,) = parts.session.private_keys().values()
    assert private[Attribute.CLASS] is ObjectClass.PRIVATE_KEY
    assert private[Attribute.SENSITIVE] is True
    assert private[Attribute.EXTRACTABLE] is False
    with pytest.raises(PKCS11Error):
        assert private[Attribute.VALUE] is None
    with pytest.raises(PKCS11Error):
        private[Attribute.EXTRACTABLE] = True


def test_a_process_that_opens_a_keystore_leaves_no_core_file(tmp_path: Path) -> None:
    home = FolderHome(tmp_path / "wallet").make()
    victim = start("opens", home.folder)
    assert victim.read() == ["open"]
    limits = Path(f"/proc/{victim.process.pid}/limits").read_text().splitlines()
    victim.process.kill()
    victim.end()
    (core,) = (line.split() for line in limits if line.startswith("Max core file size"))
    assert core[4] == "0"


def test_the_securitys_officers_pin_is_random_and_forgotten(tmp_path: Path) -> None:
    drawn: list[bytes] = []

    def random(number: int) -> bytes:
        drawn.append(os.urandom(number))
        return drawn[-1]

    hsm.provision(tmp_path / "wallet", PIN, random=random, clock=Hand(), cost=hsm.RANDOM_PIN_COST)
    (officers,) = (piece for piece in drawn if len(piece) == 24)
    for path in (tmp_path / "wallet").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert officers not in content
            assert officers.hex().encode() not in content
