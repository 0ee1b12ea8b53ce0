"""A short storm over one PostgreSQL: ./test --all has two of a quarter of an hour (`-m tests.ledger_sync.storm`)."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.ledger_sync.storm.lines import Network
from tests.ledger_sync.storm.stage import NAMES, staged
from tests.ledger_sync.storm.stores import one_server
from tests.ledger_sync.storm.storm import Storm
from tests.sampling import seed

DISTURBANCES = 6
CIRCLES = 2
CRIMES = 32


def test_whatever_is_killed_paused_or_cut_no_word_is_broken_and_no_tiyn_lost() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qalta-storm-")))
        network = Network()
        stack.callback(network.close)
        stores = stack.enter_context(one_server(NAMES, network, folder))
        stage = stack.enter_context(staged(folder / "sandbox", stores, network))
        storm = Storm(stage, str(seed()), CIRCLES, CRIMES)
        try:
            storm.rage(lambda count: count >= DISTURBANCES)
            storm.check()
        finally:
            print(storm.told())
