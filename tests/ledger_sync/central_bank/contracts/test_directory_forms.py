"""The contract of signed directories: what a root has signed of a version stands."""

from __future__ import annotations

from dataclasses import replace

from ledger_sync.central_bank.ports.storage import Storage
from tests.support.world import NOW, Key, World
from wallet.protocol import cose
from wallet.protocol.cose import Signed
from wallet.protocol.directory import DirectoryBody2
from wallet.protocol.keys import p256

WORLD = World()
FIRST = WORLD.signed_directory()


def second(version: int, root: Key, time: int = NOW) -> Signed[DirectoryBody2]:
    body = DirectoryBody2(version, time, FIRST.body.banks, FIRST.body.roles, p256(root.public))
    return cose.sign(body, root.sign)


def test_there_is_one_of_the_first_form(storage: Storage, other: Storage) -> None:
    assert storage.directories.first() is None
    assert storage.directories.keep_first(FIRST)
    assert not other.directories.keep_first(cose.sign(replace(FIRST.body, time=NOW), WORLD.root.sign))
    assert other.directories.first() == FIRST


def test_of_the_second_form_there_is_one_for_each_version_and_root(storage: Storage, other: Storage) -> None:
    old, new = Key.of("old root"), Key.of("new root")
    kept = [(old.public, second(1, old)), (old.public, second(2, old)), (new.public, second(2, new))]
    assert storage.directories.second() == []
    for root, signed in kept:
        assert storage.directories.keep_second(root, signed)
    assert not other.directories.keep_second(old.public, second(2, old, NOW + 1))
    found = other.directories.second()
    assert sorted(found, key=lambda item: item[1].encode()) == sorted(kept, key=lambda item: item[1].encode())
