"""Helper processes of the sandbox: `make-keys HOME` and `operate HOME`. People use `qalta sandbox`."""

import json
import sys
from pathlib import Path

from ledger_sync.sandbox.helpers import telling
from ledger_sync.sandbox.making import make_all_keys
from ledger_sync.sandbox.network import read_network
from ledger_sync.sandbox.operator import serve

with telling():
    match sys.argv[1:]:
        case ["make-keys", home]:
            made = make_all_keys(Path(home))
            print(  # noqa: T201
                json.dumps(
                    {name: {alias: key.hex() for alias, key in keys.items()} for name, keys in made.items()}
                )
            )
        case ["operate", home]:
            serve(read_network(Path(home)), sys.stdin.buffer, sys.stdout.buffer)
        case _:
            sys.exit(2)
