"""A service's words about itself are bounded in number and in bytes; its rounds back off; health signs."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hsm.keystore import KeystoreCode, KeystoreError
from ledger_sync.database.opening import open_store
from ledger_sync.database.sqlite import SqliteStore
from ledger_sync.database.store import Unavailable
from ledger_sync.http.call import Signer
from ledger_sync.service.health import Health
from ledger_sync.service.log import BEFORE, REPEATS, WINDOW_SECONDS, BoundedHandler, Lines, Repeats
from ledger_sync.service.nonces import KIND
from ledger_sync.service.worker import LONGEST_AFTER_FAULT, LONGEST_AFTER_REFUSAL, pause
from tests.support.world import Key


def record(words: str, *args: object, failed: bool = False, **fields: object) -> logging.LogRecord:
    info = (ValueError, ValueError("x"), None) if failed else None
    made = logging.LogRecord("ledger_sync.service", logging.ERROR, "", 0, words, args, info)
    made.__dict__.update(fields)
    return made


def test_the_same_event_is_written_three_times_a_minute_and_then_counted() -> None:
    now = [0.0]
    repeats = Repeats(lambda: now[0])
    written = [
        repeats.filter(record("call %d failed", number, number=number, failed=True))
        for number in range(1_000)
    ]
    assert sum(written) == REPEATS
    assert repeats.filter(record("call %d failed", 1, route="GET /v1/time"))
    now[0] = WINDOW_SECONDS
    late = record("call %d failed", 7, failed=True)
    assert repeats.filter(late)
    assert json.loads(Lines().format(late))["more"] == 1_000 - REPEATS
    assert repeats.filter(record("something else"))


def test_only_the_first_of_its_kind_says_where_it_happened() -> None:
    repeats = Repeats(lambda: 0.0)
    kept = []
    for _ in range(REPEATS):
        said = record("failed", failed=True)
        assert repeats.filter(said)
        kept.append("where" in json.loads(Lines().format(said)))
    assert kept == [True] + [False] * (REPEATS - 1)


@given(st.lists(st.text(max_size=30), max_size=200))
def test_whatever_is_said_the_memory_of_it_is_bounded(words: list[str]) -> None:
    repeats = Repeats(lambda: 0.0)
    for _ in range(8):
        for index, word in enumerate(words):
            repeats.filter(record("g" * index + word))
    assert len(repeats._kinds) <= 512


def test_a_log_file_is_cut_at_its_limit_and_the_part_before_is_kept_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("a") as stream:
        handler = BoundedHandler(stream, most=10_000)
        for number in range(5_000):
            handler.emit(record(f"line {number}"))
            assert path.stat().st_size < 10_000 + 100
    assert path.read_text().endswith("line 4999\n")
    before = path.with_name(path.name + BEFORE).read_text().splitlines()
    after = path.read_text().splitlines()
    assert int(after[0].split()[1]) == int(before[-1].split()[1]) + 1


@given(st.floats(0.1, 60), st.integers(0, 10_000))
def test_rounds_that_go_on_failing_come_ever_more_seldom_up_to_a_bound(seconds: float, failures: int) -> None:
    for longest in (LONGEST_AFTER_REFUSAL, LONGEST_AFTER_FAULT):
        assert pause(seconds, 1, longest) == seconds
        assert seconds <= pause(seconds, failures, longest) <= max(seconds, longest)
        assert pause(seconds, failures, longest) <= pause(seconds, failures + 1, longest)
        assert pause(seconds, 1_000, longest) == max(seconds, longest)


def test_health_signs_with_every_key_and_says_what_the_keystore_says() -> None:
    good, other = Key.of("bank"), Key.of("other")

    def refuse(_: bytes) -> bytes:
        raise KeystoreError(KeystoreCode.TOKEN_MISSING, {"what": "folder"})

    sound = Signer(good.public, good.sign)
    assert Health([sound, sound], bytes)() is None
    assert Health([sound, Signer(good.public, refuse)], bytes)() == "token_missing"
    assert Health([sound, Signer(good.public, other.sign)], bytes)() == "token_fault"


def test_health_looks_into_the_store_too() -> None:
    good = Key.of("bank")
    with closing(open_store("sqlite::memory:", KIND, Path())) as store:
        assert Health([Signer(good.public, good.sign)], bytes, store=store)() is None

    class Away(SqliteStore):
        def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
            raise Unavailable("no server")

    with closing(Away(":memory:", KIND.schema)) as away:
        assert Health([Signer(good.public, good.sign)], bytes, store=away)() == "storage_missing"


def test_what_health_signs_is_no_message() -> None:
    seen: list[bytes] = []
    good = Key.of("bank")

    def sign(message: bytes) -> bytes:
        seen.append(message)
        return good.sign(message)

    numbers = iter(range(9))
    Health([Signer(good.public, sign)] * 2, lambda count: bytes([next(numbers)]) * count)()
    assert len(set(seen)) == 2


def test_a_file_that_is_not_appended_to_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(bytes(50_000))
    with path.open("r+") as opened:  # not appended to: cut, it would only get a hole
        BoundedHandler(opened, most=10).emit(record("words"))
    assert path.stat().st_size == 50_000
