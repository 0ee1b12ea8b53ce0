"""What a crash or a power cut leaves in SoftHSM's files is mended when the keystore is opened."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hsm.keystore import KeystoreCode
from hsm.softhsm_files import repair_all
from tests.hsm.homes import OTHER_PIN, PIN, FolderHome, message, record, refused, verifies


@pytest.fixture
def home(tmp_path: Path) -> FolderHome:
    return FolderHome(tmp_path / "wallet").make()


def token_file(home: FolderHome) -> Path:
    (token,) = home.folder.glob("tokens/*/token.object")
    return token


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "zeroed": lambda content: bytes(len(content)),
    "lengthened": lambda content: content + content,
    "flipped": lambda content: bytes(byte ^ 0xFF for byte in content),
}


@pytest.mark.parametrize("damage", [*DAMAGES, "gone"])
def test_a_damaged_token_is_put_back_with_all_its_keys(home: FolderHome, damage: str) -> None:
    keystore = home.open()
    public = keystore.create_key("k")
    keystore.write_record(record(1))
    keystore.lock()
    token = token_file(home)
    if damage == "gone":
        token.unlink()
    else:
        token.write_bytes(DAMAGES[damage](token.read_bytes()))
    keystore = home.open()
    assert verifies(public, message("x"), keystore.sign("k", message("x")))
    assert keystore.read_record() == record(1)


def test_new_key_files_are_fsynced_before_the_key_is_given(
    home: FolderHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    keystore = home.open()
    folder = token_file(home).parent
    real, synced = os.fsync, set()

    def fsync(descriptor: int) -> None:
        synced.add(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    for action in (lambda: keystore.create_key("k"), lambda: keystore.write_record(record(1))):
        before = set(folder.glob("*.object"))
        synced.clear()
        action()
        new = set(folder.glob("*.object")) - before
        assert new
        assert synced >= {folder, *new}


def test_without_its_backup_a_damaged_token_is_refused(home: FolderHome) -> None:
    """Shows that the tests here can fail, and how it looks."""
    token = token_file(home)
    token.write_bytes(b"")
    token.with_name("token.backup").unlink()
    assert refused(home.open).code is KeystoreCode.TOKEN_FAULT


def test_the_backup_follows_a_change_of_pin(home: FolderHome) -> None:
    keystore = home.open()
    public = keystore.create_key("k")
    keystore.change_pin(PIN, OTHER_PIN)
    keystore.lock()
    token_file(home).write_bytes(b"")
    assert refused(lambda: home.open(PIN)).code is KeystoreCode.PIN_WRONG
    keystore = home.open(OTHER_PIN)
    assert verifies(public, message("x"), keystore.sign("k", message("x")))


def test_a_whole_token_is_left_alone(home: FolderHome) -> None:
    home.open().lock()
    before = token_file(home).read_bytes()
    assert repair_all(home.folder / "tokens") == 0
    assert token_file(home).read_bytes() == before


def test_logins_and_wrong_pins_keep_the_size_by_which_damage_is_seen(home: FolderHome) -> None:
    sizes = {token_file(home).stat().st_size}
    for _ in range(3):
        home.open().lock()
        sizes.add(token_file(home).stat().st_size)
    keystore = home.open()
    keystore.change_pin(PIN, OTHER_PIN)
    keystore.lock()
    sizes.add(token_file(home).stat().st_size)
    assert len(sizes) == 1


def test_a_wrong_pin_never_reaches_the_token(home: FolderHome) -> None:
    before = token_file(home).read_bytes()
    assert refused(lambda: home.open("wrong")).code is KeystoreCode.PIN_WRONG
    assert token_file(home).read_bytes() == before


def test_empty_object_files_are_harmless(home: FolderHome) -> None:
    keystore = home.open()
    public = keystore.create_key("k")
    keystore.lock()
    folder = token_file(home).parent
    (folder / "12345678-1234-1234-1234-123456789abc.object").write_bytes(b"")
    (folder / "generation").write_bytes(b"")
    keystore = home.open()
    assert keystore.aliases() == {"k"}
    assert verifies(public, message("x"), keystore.sign("k", message("x")))
    keystore.create_key("l")


def test_the_public_half_that_a_cut_off_destruction_left_is_not_taken_for_a_new_key(home: FolderHome) -> None:
    keystore = home.open()
    before = set(token_file(home).parent.glob("*.object"))
    keystore.create_key("k")
    halves = set(token_file(home).parent.glob("*.object")) - before
    keystore.lock()
    (private,) = (half for half in halves if half.stat().st_size == max(h.stat().st_size for h in halves))
    private.unlink()
    keystore = home.open()
    assert keystore.aliases() == frozenset()
    public = keystore.create_key("k")
    assert verifies(public, message("x"), keystore.sign("k", message("x")))


def test_a_copied_folder_opens_beside_the_first_and_signs_alike(home: FolderHome, tmp_path: Path) -> None:
    """A SoftHSM folder can be cloned: stated, not prevented."""
    keystore = home.open()
    public = keystore.create_key("k")
    keystore.lock()
    shutil.copytree(home.folder, tmp_path / "copy")
    copy = FolderHome(tmp_path / "copy").open()
    assert verifies(public, message("x"), copy.sign("k", message("x")))
    copy.lock()
    shutil.move(home.folder, tmp_path / "moved")
    moved = FolderHome(tmp_path / "moved").open()
    assert verifies(public, message("y"), moved.sign("k", message("y")))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"null", b"x" * 5000, b'{"version":2}'])
def test_damaged_settings_are_refused_and_touch_nothing(home: FolderHome, content: bytes) -> None:
    settings = home.folder / "keystore.json"
    kept = settings.read_bytes()
    settings.write_bytes(content)
    assert refused(home.open).code is KeystoreCode.FOLDER_DAMAGED
    assert refused(home.make).code is KeystoreCode.ALREADY_PROVISIONED
    settings.write_bytes(kept)
    home.open()


def test_settings_cannot_ask_for_any_amount_of_memory(home: FolderHome) -> None:
    settings = home.folder / "keystore.json"
    asked = settings.read_text().replace("16,\n  8,", "1073741824,\n  8,")
    assert "1073741824" in asked
    settings.write_text(asked)
    assert refused(home.open).code is KeystoreCode.FOLDER_DAMAGED


@pytest.mark.parametrize("content", [b"", b"x", b"[1]", b"[-1, 0]", b"[true, 0]", b"[1, 2, 3]", b"9" * 300])
def test_a_damaged_count_of_tries_is_no_wrong_pin(home: FolderHome, content: bytes) -> None:
    (home.folder / "tries.json").write_bytes(content)
    home.open().lock()
    (home.folder / "tries.json").write_bytes(content)
    assert refused(lambda: home.open("a wrong one")).facts["tries_left"] == 2
