"""What is started imports what it runs with and no more: told by the modules of a fresh interpreter, not by clocks.

Rule: a heavy part is named here by what may not bring it. Whoever needs one imports it in a module that is imported
when it runs.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PRODUCT = ("qalta", "wallet", "hsm", "app", "ledger_sync")
NETWORK = ("httpx", "httpcore", "ledger_sync.sandbox", "ledger_sync.http.client")
SERVING = ("starlette", "uvicorn", "prometheus_client", "ledger_sync.service")
DRAWN = ("PIL", "qrcode", "cv2", "nfc", "kivy")
KEYS = ("pkcs11", "cryptography", "wallet.wallet")
RUN = (
    "import contextlib\nfrom app.cli.main import main\nwith contextlib.redirect_stdout(None): main({argv!r})"
)
"""A command as somebody types it, without what it says."""


def imported(code: str) -> frozenset[str]:
    """The modules of a fresh interpreter that ran ``code``."""
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules, file=sys.__stdout__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return frozenset(told.stdout.split())


def heavy(modules: frozenset[str], *parts: str) -> list[str]:
    """Those of ``parts`` that were brought, as a package or a module of it."""
    return [part for part in parts if any(f"{module}.".startswith(f"{part}.") for module in modules)]


@pytest.mark.parametrize(
    "argv", [["--help"], ["sandbox", "--help"], ["sandbox", "sttus"], ["wallet", "list"]]
)
def test_help_and_wrong_words_need_neither_keys_nor_network(argv: list[str], tmp_path: Path) -> None:
    found = imported(RUN.format(argv=["--home", str(tmp_path), *argv]))
    assert heavy(found, *KEYS, *NETWORK, *SERVING, *DRAWN) == []


@pytest.mark.parametrize(
    "command", ["balance", "risk", "history", "request", "pay", "receive", "contact list"]
)
def test_what_is_done_offline_brings_no_network(command: str) -> None:
    found = imported(RUN.format(argv=[*command.split(), "--help"]) + "\nimport wallet.wallet")
    assert "app.cli.context" in found
    assert heavy(found, *NETWORK, *SERVING, *DRAWN) == []


def test_the_line_to_a_bank_brings_no_server() -> None:
    found = imported("import ledger_sync.client")
    assert heavy(found, *SERVING, *DRAWN, "app", "ledger_sync.sandbox") == []


@pytest.mark.parametrize("role", ["bank.program", "central_bank.program", "notary.service"])
def test_a_service_on_a_file_brings_no_database_server_and_no_certificates(role: str) -> None:
    found = imported(f"import ledger_sync.{role}, ledger_sync.service.run")
    assert (
        heavy(found, "psycopg", "psycopg_pool", "cryptography.x509", "app", "ledger_sync.sandbox", *DRAWN)
        == []
    )


def test_each_client_says_whom_it_believes() -> None:
    """Else httpx reads the list of the world's authorities, whatever the address."""
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in sources()
        for call in clients(path)
        if not says(call)
    ]
    assert found == []


def sources() -> Iterator[Path]:
    for package in PRODUCT:
        yield from (ROOT / package).rglob("*.py")


def clients(path: Path) -> Iterator[ast.Call]:
    """Calls of httpx that make a client, for good or for one call."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="httpx"), attr=made)) if made in MAKING:
                yield node


MAKING = ("Client", "HTTPTransport", "get", "post", "put", "delete", "request", "stream")


def says(call: ast.Call) -> bool:
    return any(word.arg in ("verify", "transport") for word in call.keywords)
