"""What must never stand in a log: PINs, keys, names, accounts, tokens, transfers, whichever way they come near one."""

from __future__ import annotations

import ast
import io
import json
import logging
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsm.keystore import KeystoreCode, KeystoreError
from ledger_sync.service.log import FIELDS, Lines, write_bounded
from wallet.protocol.codes import Code, Refusal

ROOT = Path(__file__).parents[3]
CANARIES = {
    "pin": "PIN-918273",
    "key": "02a1b2c3d4e5f60718293a4b5c6d7e8f90",
    "name": "Әйгерім Канарейкина",
    "account": "KZ86125KZT5004100100",
    "token": "(f00dfeed0badc0de, 1)",
}
WHOLE = " ".join(CANARIES.values())
_LOGGING = {f"_log.{level}" for level in ("debug", "info", "warning", "error", "exception", "critical")}
_log = logging.getLogger("ledger_sync.test")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What a service would have written, line by line; a canary in any of it fails."""
    root = logging.getLogger()
    kept, level, raises = root.handlers[:], root.level, logging.raiseExceptions
    hooks = sys.excepthook, threading.excepthook
    stream = io.StringIO()
    write_bounded(logging.DEBUG, stream)

    def lines() -> list[dict[str, Any]]:
        said = stream.getvalue()
        for what, canary in CANARIES.items():
            assert canary not in said, what
        return [json.loads(line) for line in said.splitlines()]

    yield lines
    root.handlers[:], root.level, logging.raiseExceptions = kept, level, raises
    sys.excepthook, threading.excepthook = hooks


def failing(error: Exception) -> None:
    try:
        account = CANARIES["account"]
        raise error from KeyError(account)
    except type(error):
        _log.exception("a call failed", extra={"route": "GET /v1/account"})


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(WHOLE),
        Refusal(Code.ACCOUNT_SHORT, {"account": CANARIES["account"], "name": CANARIES["name"]}),
        KeystoreError(KeystoreCode.PIN_WRONG, {"what": CANARIES["pin"]}),
        sqlite3.IntegrityError(f"UNIQUE constraint failed: {WHOLE}"),
        ValueError(f"invalid literal for int(): '{CANARIES['pin']}'"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_of_an_exception_type_code_and_place_are_told(
    log: Callable[[], list[dict[str, Any]]], error: Exception
) -> None:
    failing(error)
    (line,) = log()
    assert line["error"] == f"{type(error).__name__} < KeyError"
    assert line["route"] == "GET /v1/account"
    code = getattr(error, "code", None)
    assert line.get("code") == (None if code is None else code.value)
    assert all(place.rpartition(":")[2].isdigit() for place in line.get("where", []))


def test_what_is_put_into_words_or_into_other_fields_is_left_out(
    log: Callable[[], list[dict[str, Any]]],
) -> None:
    _log.warning("said by %s about %s", CANARIES["name"], CANARIES["token"])
    _log.warning("with fields", extra={"account": CANARIES["account"], "owner": CANARIES["key"], "count": 7})
    logging.getLogger("asyncio").error(f"Task was destroyed\nfuture: <Task {WHOLE}>")  # noqa: G004
    logging.getLogger("httpx").warning("HTTP Request: %s", WHOLE)
    said = log()
    assert [line["event"] for line in said] == [
        "said by %s about %s",
        "with fields",
        "Task was destroyed",
        "HTTP Request: %s",
    ]
    assert said[1]["count"] == 7
    assert not {"account", "owner"} & said[1].keys()


def test_what_ends_a_thread_or_the_process_is_a_line_too(log: Callable[[], list[dict[str, Any]]]) -> None:
    def end() -> None:
        raise RuntimeError(WHOLE)

    thread = threading.Thread(target=end)
    thread.start()
    thread.join()
    try:
        end()
    except RuntimeError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    assert [(line["event"], line["error"]) for line in log()] == [("unforeseen", "RuntimeError")] * 2


@given(
    st.text(),
    st.dictionaries(
        st.sampled_from(FIELDS), st.text() | st.integers() | st.floats() | st.binary() | st.none()
    ),
)
def test_whatever_is_logged_is_one_line_of_json(words: str, fields: dict[str, Any]) -> None:
    record = logging.LogRecord("ledger_sync.x", logging.INFO, "", 0, words, (), None)
    record.__dict__.update(fields)
    written = Lines().format(record)
    assert "\n" not in written
    assert {"time", "level", "logger", "event"} <= json.loads(written).keys()


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every line that our services log."""
    for package in ("ledger_sync", "hsm", "wallet"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in _LOGGING:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def _keys(module: str, node: ast.AST) -> Iterator[str]:
    for found in ast.walk(node):
        if isinstance(found, ast.Dict):
            yield from (
                str(key.value) if isinstance(key, ast.Constant) else f"? in {module}" for key in found.keys
            )


def test_our_events_are_words_of_the_code_with_fields_of_the_list() -> None:
    """A second net: who writes `_log.info("...%s", x)` is told here, and not by what is missing in a log."""
    seen = 0
    for where, call in calls():
        seen += 1
        (words,) = call.args
        assert isinstance(words, ast.Constant), f"{where}: put together"
        assert "%" not in str(words.value), f"{where}: values in words"
        given_fields = [keyword.value for keyword in call.keywords if keyword.arg == "extra"]
        assert set(_keys(where, ast.Tuple(elts=given_fields))) <= set(FIELDS), where
    assert seen > 20


def test_facts_that_are_named_first_are_of_the_list_too() -> None:
    """`facts = {...}` beside `extra=facts`."""
    for package in ("ledger_sync",):
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if "extra=facts" not in text:
                continue
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "facts":
                    assert set(_keys(str(path), node.value)) <= set(FIELDS), path
