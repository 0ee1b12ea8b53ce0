"""Everything that a service has of the world comes in by its home: making one starts no thread and opens no line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

import ledger_sync.bank.program
import ledger_sync.central_bank.program
import ledger_sync.notary.service
from hsm.memory import MemoryKeystore
from ledger_sync.database.opening import open_store
from ledger_sync.sandbox.in_process import run_inline
from ledger_sync.service.home import Home, Program
from tests.support.wallets import Chance
from tests.support.world import NOW, World
from wallet.protocol.codes import Refusal

WORLD = World()
URL = "http://elsewhere.test"
CONFIG: dict[str, Any] = {
    "host": "service.test",
    "port": 80,
    "operator": WORLD.root.public.hex(),
    "root": WORLD.root.public.hex(),
    "bank": "alatau",
    "since": NOW,
    "central_bank": URL,
}
PARTNERS: dict[str, dict[str, Any]] = {
    "bank": {"notary": URL, "banks": {"alatau": URL, "zhibek": URL}},
    "notary": {},
    "central-bank": {
        "notary": {"url": URL, "key": WORLD.notary.public.hex()},
        "banks": [{"id": "alatau", "name": "A", "key": WORLD.bank_key("alatau").public.hex(), "url": URL}],
    },
}
PROGRAMS = (
    ledger_sync.bank.program.PROGRAM,
    ledger_sync.central_bank.program.PROGRAM,
    ledger_sync.notary.service.PROGRAM,
)


def home(folder: Path, program: Program, connect: Callable[[str], httpx.BaseTransport]) -> Home:
    chance = Chance(program.name)
    keystore = MemoryKeystore(chance, pin="")
    for alias in program.aliases:
        keystore.create_key(alias)
    config = {**CONFIG, **PARTNERS[program.name]}
    return Home(folder, config, keystore, lambda: NOW, chance, connect, run_inline, open_store)


def test_a_service_behind_a_proxy_is_called_by_the_proxys_name(tmp_path: Path) -> None:
    """What clients sign is the name that they know."""

    def nowhere(url: str) -> httpx.BaseTransport:
        raise AssertionError(url)

    plain = home(tmp_path, PROGRAMS[0], nowhere)
    assert plain.authority == "service.test:80"
    behind = replace(plain, config={**plain.config, "authority": "bank.example"})
    assert behind.authority == "bank.example"


class Shared(MemoryKeystore):
    """Another caller makes a key whenever this one has looked which there are."""

    def aliases(self) -> frozenset[str]:
        found = super().aliases()
        if "root-2" not in found:
            self.create_key("root-2")
        return found


def test_a_key_that_another_makes_meanwhile_is_the_key(tmp_path: Path) -> None:
    """Two calls have the root hand over at once."""

    def nowhere(url: str) -> httpx.BaseTransport:
        raise AssertionError(url)

    keystore = Shared(Chance("shared"), pin="")
    made = replace(home(tmp_path, PROGRAMS[0], nowhere), keystore=keystore).made_signer("root-2")
    assert made.key == keystore.public_key("root-2")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_service_is_made_without_thread_or_line_and_calls_by_what_it_was_given(
    tmp_path: Path, program: Program
) -> None:
    asked: list[str] = []

    def connect(url: str) -> httpx.BaseTransport:
        asked.append(url)
        return httpx.MockTransport(lambda _request: httpx.Response(404))

    threads = threading.enumerate()
    service = program.build(home(tmp_path, program, connect))
    assert (threading.enumerate(), asked) == (threads, [])
    for worker in service.workers:
        with suppress(Refusal):
            worker.step()
    service.close()
    assert set(asked) <= {URL}
    assert asked, "all follow somebody and ask at once: the central bank, or the notary's log"
