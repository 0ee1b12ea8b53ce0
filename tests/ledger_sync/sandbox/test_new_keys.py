"""Services of a running sandbox get another key by the operator's command, in their PKCS#11 tokens, and sign by it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx
import pytest

from ledger_sync import sandbox
from ledger_sync.sandbox.new_keys import change_key
from tests.ledger_sync.service.test_tls import free_port
from tests.sampling import everything
from tests.support.cli import Cli
from wallet.protocol.codes import Code, Refusal

_SECONDS = 90.0
_AHEAD = 3


@pytest.mark.skipif(not everything(), reason="half a minute; ./test --all")
def test_keys_change_while_all_runs_and_the_books_balance(tmp_path: Path) -> None:
    cli, home = Cli(tmp_path), tmp_path / "sandbox"
    names = {"alatau": ("", "bank"), "notary": ("", "notary"), "central-bank": ("policy", "policy")}
    ports = {name: free_port() for name in names}
    pages = {name: {"QALTA_SERVICE_METRICS": f"127.0.0.1:{port}"} for name, port in ports.items()}
    sandbox.start(home, environment=pages)
    try:
        cli.must("wallet", "new", "aigul")
        cli.wallet("aigul", "fund", "1000")
        for name, (purpose, _) in names.items():
            first = change_key(home, name, 2, purpose, ahead=_AHEAD)
            again = change_key(home, name, 2, purpose, ahead=_AHEAD)
            assert (first.key, first.version) == (again.key, again.version)
        for name, (_, alias) in names.items():
            until = time.monotonic() + _SECONDS
            while not signatures(ports[name], f"{alias}-2"):
                assert time.monotonic() < until, name
                cli.wallet("aigul", "sync")
        cli.wallet("aigul", "fund", "500")
        cli.wallet("aigul", "defund", "200")
        assert cli.must("sandbox", "books")["balanced"]
        with pytest.raises(Refusal) as caught:
            change_key(home, "central-bank", 2, "root")
        assert caught.value.code is Code.NOT_FOUND
        told = cli.must("sandbox", "key", "zhibek", "2")
        assert len(bytes.fromhex(told["key"])) == 33
    finally:
        sandbox.stop(home)


def signatures(port: int, key: str) -> float:
    """That a key has made, by the service's figures."""
    page = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    found = re.search(rf'^qalta_signature_seconds_count{{key="{key}"}} (\S+)$', page, re.MULTILINE)
    return float(found[1]) if found else 0.0
