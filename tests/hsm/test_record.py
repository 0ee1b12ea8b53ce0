"""The record in a token: two carriers written over in turn, one flush a step; where one is torn the other one holds."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from pkcs11 import Attribute, ObjectClass

import hsm
from app.bench.flushes import flushes_of
from hsm.pkcs11_store import RECORD_LABEL
from hsm.token_keystore import TokenKeystore
from hsm.token_record import encode_record
from tests.hsm.homes import FolderHome, record
from tests.hsm.processes import sampled, seed, start


@pytest.fixture
def home(tmp_path: Path) -> FolderHome:
    home = FolderHome(tmp_path / "wallet").make()
    keystore = home.open()
    keystore.create_key("k")
    keystore.lock()
    return home


def opened(home: FolderHome) -> TokenKeystore:
    keystore = home.open()
    assert isinstance(keystore, TokenKeystore)
    return keystore


def module_session(keystore: TokenKeystore) -> Any:
    assert keystore._parts is not None
    return keystore._parts.session._session


def carriers(keystore: TokenKeystore) -> int:
    assert keystore._parts is not None
    return len(keystore._parts.session.carriers())


def files(home: FolderHome) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in home.folder.glob("tokens/*/*.object")}


def test_two_carriers_are_made_and_every_later_record_is_one_flush(tmp_path: Path) -> None:
    home = FolderHome(tmp_path / "wallet").make()
    keystore = opened(home)
    made = [flushes_of(lambda step=step: keystore.write_record(record(step))) for step in range(1, 8)]  # type: ignore[misc]
    assert made == [2, 2, 1, 1, 1, 1, 1]
    assert carriers(keystore) == 2
    keystore.lock()
    keystore = opened(home)
    assert flushes_of(lambda: keystore.write_record(record(8))) == 1
    assert carriers(keystore) == 2


def test_a_step_changes_one_object_and_not_the_one_that_holds_the_newest(home: FolderHome) -> None:
    keystore = home.open()
    for step in (1, 2):
        keystore.write_record(record(step))
    changed: list[set[Path]] = []
    for step in (3, 4, 5, 6):
        before = files(home)
        keystore.write_record(record(step))
        after = files(home)
        assert before.keys() == after.keys()
        changed.append({path for path in after if after[path] != before[path]})
    assert [len(paths) for paths in changed] == [1, 1, 1, 1]
    assert changed[0] == changed[2] != changed[1] == changed[3]


def test_written_in_part_the_record_is_the_one_before_or_the_new_one(home: FolderHome) -> None:
    """Cut off anywhere in SoftHSM's writing: at every length with QALTA_TEST_ALL=1."""
    keystore = home.open()
    keystore.write_record(record(1))
    keystore.write_record(record(2))
    before = files(home)
    keystore.write_record(record(3))
    keystore.lock()
    whole = files(home)
    ((torn, content),) = ((path, whole[path]) for path in whole if whole[path] != before[path])
    chance = random.Random(seed())
    lengths = range(len(content) + 1)
    for length in chance.sample(lengths, sampled(len(lengths), 24)):
        for path in files(home):
            path.unlink()
        for path, held in whole.items():
            path.write_bytes(held)
        torn.write_bytes(content[:length])
        keystore = home.open()
        assert keystore.read_record() in (record(2), record(3)), length
        for step in (4, 5, 6):
            keystore.write_record(record(step))
        keystore.lock()
        keystore = home.open()
        assert keystore.read_record() == record(6), length
        keystore.lock()


def test_a_record_that_found_no_room_is_not_said_to_be_written(home: FolderHome) -> None:
    """SoftHSM says nothing where it could not write an object over."""
    keystore = home.open()
    for step in (1, 2, 3):
        keystore.write_record(record(step))
    keystore.lock()
    status, lines, errors = start("fills", home.folder).end()
    assert (status, lines) == (0, [["storage_fault"]]), errors
    keystore = home.open()
    assert keystore.read_record() == record(3)
    for step in (4, 5, 6):
        keystore.write_record(record(step))
    keystore.lock()
    assert home.open().read_record() == record(6)


def test_a_record_in_a_data_object_as_tokens_had_it_once_is_read_and_followed(home: FolderHome) -> None:
    keystore = opened(home)
    template = {
        Attribute.CLASS: ObjectClass.DATA,
        Attribute.TOKEN: True,
        Attribute.PRIVATE: True,
        Attribute.LABEL: RECORD_LABEL,
        Attribute.APPLICATION: "qalta",
        Attribute.VALUE: encode_record(record(7)),
    }
    module_session(keystore).create_object(template)
    keystore.lock()
    keystore = opened(home)
    assert keystore.read_record() == record(7)
    with pytest.raises(hsm.KeystoreError, match="record_stale"):
        keystore.write_record(record(6))
    for step in (8, 9):
        keystore.write_record(record(step))
        assert carriers(keystore) == step - 7
    keystore.lock()
    keystore = opened(home)
    assert (keystore.read_record(), carriers(keystore)) == (record(9), 2)
    assert not list(module_session(keystore).get_objects({Attribute.CLASS: ObjectClass.DATA}))
