"""`python -m tests.ledger_sync.storm --minutes N [--seed S] [--quorum]`: a storm as long as somebody likes.

A part of ./test --all. What was done is printed where something is not as it must be, with the seed that repeats the
list of it, and so are the last words of the services.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.ledger_sync.storm.lines import Network
from tests.ledger_sync.storm.stage import NAMES, staged
from tests.ledger_sync.storm.stores import one_server, three_servers
from tests.ledger_sync.storm.storm import Storm

_CIRCLES = 4
_CRIMES = 256


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.ledger_sync.storm")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", default=str(secrets.randbits(32)))
    parser.add_argument("--quorum", action="store_true", help="over three nodes under Patroni")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    end = time.monotonic() + options.minutes * 60
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qalta-storm-")))
        network = Network()
        stack.callback(network.close)
        stores = stack.enter_context(
            three_servers(NAMES, folder) if options.quorum else one_server(NAMES, network, folder)
        )
        stage = stack.enter_context(staged(folder / "sandbox", stores, network))
        storm = Storm(stage, options.seed, _CIRCLES, _CRIMES)
        try:
            storm.rage(lambda _count: time.monotonic() > end)
            storm.check()
        except BaseException:
            print("\n".join(storm.record))
            for name in NAMES:
                print(f"--- {name}\n{stage.log(name)[-4000:]}")
            raise
        print(storm.told())
    return 0


if __name__ == "__main__":
    sys.exit(main())
