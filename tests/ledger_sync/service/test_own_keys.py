"""A service's keys: each statement by the one that is good when it is dated, and none that would not verify."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from ledger_sync.http.call import Signer
from ledger_sync.service.health import Health
from ledger_sync.service.own_keys import OwnKeys
from tests.support.world import Key
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.directory import KeyEntry
from wallet.protocol.keys import p256


@dataclass
class Stand:
    """A keystore whose keys are made by their names, and what the directory lists."""

    aliases: set[str] = field(default_factory=lambda: {"bank"})
    entries: list[KeyEntry] = field(default_factory=list)

    def signer(self, alias: str) -> Signer:
        assert alias in self.aliases
        key = Key.of(alias)
        return Signer(key.public, key.sign)

    def made(self, alias: str) -> Signer:
        self.aliases.add(alias)
        return self.signer(alias)

    def lists(self, alias: str, since: int, until: int | None = None) -> None:
        self.entries.append(KeyEntry(p256(Key.of(alias).public), since, until))

    def keys(self) -> OwnKeys:
        return OwnKeys(
            "bank", self.signer, self.made, lambda: frozenset(self.aliases), lambda: tuple(self.entries)
        )


def key(alias: str) -> bytes:
    return Key.of(alias).public


def test_what_is_dated_is_signed_by_the_newest_key_that_is_good_then() -> None:
    stand = Stand({"bank", "bank-2"})
    keys = stand.keys()
    assert keys.at(5).key == key("bank"), "before the directory is known"
    stand.lists("bank", 10, 30)
    stand.lists("bank-2", 20)
    assert [keys.at(time).key for time in (5, 10, 19, 20, 31)] == [key("bank")] * 3 + [key("bank-2")] * 2


def test_a_keystore_that_was_put_back_signs_nothing_that_would_not_verify() -> None:
    """It lacks the key that followed: once the one it has is over no statement is signed, until a new key is good."""
    stand = Stand()
    stand.lists("bank", 10, 30)
    stand.lists("bank-2", 20)
    keys = stand.keys()
    assert keys.at(30).key == key("bank")
    with pytest.raises(Refusal) as caught:
        keys.at(31)
    assert (caught.value.code, caught.value.facts) == (Code.BUSY, {"cause": "key_unknown"})
    assert keys.calling(31).key == key("bank"), "the policy is still asked for"
    assert Health([keys], lambda count: bytes(count), lambda: 31)() == "key_unknown"
    assert keys.make(3) == key("bank-3")
    stand.lists("bank-3", 40)
    assert keys.at(40).key == key("bank-3")
    assert Health([keys], lambda count: bytes(count), lambda: 40)() is None
