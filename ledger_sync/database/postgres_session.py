"""What every connection to PostgreSQL is like: its settings, and which types values have there.

Rule: nothing is read by a connection before a write of its own is with the quorum: where a server has just become the
leader, or comes back from a crash, it shows rows that it alone may have, and that may yet be lost with it.

A Python integer is a ``bigint``, also where it would fit into less (so that no sum of two overflows) and where it
is a truth; a text is ``text``, bytes are ``bytea``. What comes back is an integer, a text or bytes again. An array
travels as its values do, in PostgreSQL's own form: written as text, bytes would be twice as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import Diagnostic
from psycopg.types.array import ListBinaryDumper
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper, NumericBinaryLoader, NumericLoader
from psycopg.types.string import StrBinaryDumper, StrDumper

from ledger_sync.database import postgres_arrays
from ledger_sync.database.postgres_watch import Place, Watch, WatchedConnection
from ledger_sync.database.store import Unavailable

_SETTINGS: Final = {
    "synchronous_commit": "on",
    # No end of a commit but the server's.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # Every statement goes by an index. A plan that was made while a table was empty would go through all of it, and is
    # kept with the statement. What is compiled because a plan looks dear takes longer than the statement.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    # So a plan depends on no value either, and to make one again each time costs more than many a statement.
    "plan_cache_mode": "force_generic_plan",
    # A writer whose machine has gone holds the lock no longer than this.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_PREPARED: Final = 1_000
"""Statements that a connection keeps prepared. Work comes back to each in turn: of fewer than there are, every one
would be let go of before it is wanted again."""
_LINE: Final = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "fallback_application_name": "qalta",
}
"""Parameters of libpq that a URL may set otherwise. A machine that has gone is noticed within half a minute."""


_FENCE: Final = """
select pg_logical_emit_message(true, 'qalta', 'fence')::text, current_setting('synchronous_standby_names')
"""


def is_group(said: Mapping[str, Any]) -> bool:
    """Whether a URL that says so much names several servers, of which one leads."""
    return any("," in str(said.get(name, "")) for name in ("host", "hostaddr"))


def connecting(said: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `psycopg.connect` for a URL that says so much."""
    usual = {**_LINE, **({"target_session_attrs": "read-write"} if is_group(said) else {})}
    line: dict[str, Any] = {name: value for name, value in usual.items() if name not in said}
    return {**line, "autocommit": True, "cursor_factory": psycopg.RawCursor}


def leader(url: str) -> Place | None:
    """Which server of a group takes writes now; None where nobody says so."""
    try:
        with psycopg.connect(url, **connecting(conninfo_to_dict(url))) as db:
            return db.info.host, db.info.port
    except psycopg.Error:
        return None


def connect(url: str, schema: str, watch: Watch | None = None) -> WatchedConnection:
    """A connection to the store in ``schema``, prepared. Raises `psycopg.Error`, and what `prepare` raises."""
    said = conninfo_to_dict(url)
    db = WatchedConnection.connect(url, **connecting(said))
    db.watch = watch
    try:
        prepare(db, schema, said)
    except BaseException:
        db.close()
        raise
    return db


def prepare(db: psycopg.Connection[Any], schema: str, said: Mapping[str, Any]) -> None:
    """Settings and types of a new connection to the store in ``schema`` by a URL that says so much, and its first
    transaction, a fence.

    Waits for the quorum as a commit does, and like that for as long as it takes. Raises `Unavailable` where nothing is
    to be believed yet: the wait was cancelled, or the server that leads a group would acknowledge alone.
    """
    settings = {**_SETTINGS, "search_path": f'"{schema}"'}
    if db.info.server_version >= 170_000:
        settings["transaction_timeout"] = "0"
    db.prepared_max = _PREPARED
    chosen = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in settings.items())
    db.execute(f"select {chosen}", prepare=False)
    _fence(db, of_group=is_group(said))
    for dumper in (Int8Dumper, Int8BinaryDumper):
        db.adapters.register_dumper(int, dumper)
    for truth in (_TruthDumper, _TruthBinaryDumper):
        db.adapters.register_dumper(bool, truth)
    for text in (StrDumper, StrBinaryDumper):
        db.adapters.register_dumper(str, text)
    db.adapters.register_dumper(list, ListBinaryDumper)
    postgres_arrays.register(db.adapters)
    for loader in (_WholeLoader, _WholeBinaryLoader):
        db.adapters.register_loader("numeric", loader)


def _fence(db: psycopg.Connection[Any], *, of_group: bool) -> None:
    """A message in the log, which has no table and no lock; its commit is waited for as any other."""
    warnings: list[str] = []

    def hear(said: Diagnostic) -> None:
        warnings.append(said.message_primary or "")

    db.add_notice_handler(hear)
    try:
        _, waits_for = db.execute(_FENCE, prepare=False).fetchone() or ("", "")
    finally:
        db.remove_notice_handler(hear)
    if warnings:
        raise Unavailable(warnings[0])
    if of_group and not waits_for:
        raise Unavailable("of several servers the one that leads would acknowledge alone")


class _TruthDumper(Int8Dumper):
    def dump(self, obj: Any) -> Any:
        return super().dump(int(obj))


class _TruthBinaryDumper(Int8BinaryDumper):
    def dump(self, obj: Any) -> Any:
        return super().dump(int(obj))


class _WholeLoader(NumericLoader):
    """Sums of integers have no fraction."""

    def load(self, data: Any) -> Any:
        return int(super().load(data))


class _WholeBinaryLoader(NumericBinaryLoader):
    def load(self, data: Any) -> Any:
        return int(super().load(data))
