"""A notary that runs is copied by the command, and what is made of the copy goes on with its key and its word."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_sync.processes import end
from ledger_sync.service.keys import PIN
from tests.ledger_sync.sandbox.pair import Pair
from tests.support.cli import Cli
from wallet.protocol.settlement import read_consumption
from wallet.protocol.transfer import ToAccount, TokenRef


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path / "sandbox")
    try:
        pair.start()
        pair.operate("POST", "/v1/issues", [bytes(16), "alatau", 1_000])
        yield pair
    finally:
        pair.stop()
        pair.keystore.lock()


def test_a_copy_of_a_running_notary_says_elsewhere_what_it_said(pair: Pair, tmp_path: Path) -> None:
    cli, copy = Cli(tmp_path / "nobody"), tmp_path / "copy"
    here = pair.network.folder(pair.network.notary)
    ann = pair.person("ann")
    transfer = pair.redemption(ann, pair.fund(ann, bytes(16), 10), ToAccount())
    said = pair.commit(transfer)
    told = cli.must("ledger", "backup", str(here), str(copy))
    assert {"notary.db", "service.json"} <= set(told["files"])
    assert PIN not in told["files"]
    again = cli.run("--json", "ledger", "backup", str(here), str(copy))
    assert (again.status, again.json["error"]) == (3, "missing.backup_occupied")

    assert end(here, signal.SIGTERM, 20)
    pin, there = (here / PIN).read_bytes(), tmp_path / "elsewhere"
    here.rename(tmp_path / "lost")
    assert cli.must("ledger", "restore", str(copy), str(there))["files"] == told["files"]
    there.rename(here)  # the pair looks for it there; its files were made elsewhere
    (here / PIN).touch(0o600)
    (here / PIN).write_bytes(pin)
    pair.start()
    again_said = pair.commit(transfer)
    assert [read_consumption(one).id for one in again_said] == [read_consumption(one).id for one in said]
    assert pair.notary.post("/v1/lookups", [TokenRef(bytes(32), 0).to_cbor()]) == [None]
