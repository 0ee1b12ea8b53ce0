"""Tokens, what is unspent of them, and the notary's words, upon SQL (`ledger_sync.bank.ports.tokens`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from ledger_sync.bank.parsed import load
from ledger_sync.bank.sql.once import Once
from ledger_sync.bank.sql.sets import ids
from ledger_sync.database.store import Row, Store
from ledger_sync.heard import PAGE, start
from wallet.database import insertion
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Consumption, Settlement
from wallet.protocol.transfer import TokenRef
from wallet.protocol.validity import Token

FIELDS: Final = ("amount", "owner", "currency", "mark", "hop", "expires", "made", "payer")
"""Columns of a token, besides its name."""
_TOKEN: Final = ", ".join(FIELDS)
_INSERT: Final = insertion("tokens", ("origin", "output", *FIELDS, "value"), unless_there=True)
REF: Final = ("bytea", "bigint")
"""Types of a token's name."""
WORTH: Final = (
    "update tokens set value = n.column3 from ({rows}) as n"
    " where tokens.origin = n.column1 and tokens.output = n.column2"
)
SPENT: Final = (
    "delete from unspent where (origin, output) in (select n.column1, n.column2 from ({rows}) as n)"
)
"""Of values that stand in the brackets themselves SQLite would go through the whole table."""
_FROM_TOKENS: Final = (
    "insert into unspent (origin, output, owner, device, expires)"
    " select t.origin, t.output, t.owner, w.device, t.expires from tokens t join wallets w on w.wallet ="
    " (select x.wallet from wallets x where x.key = t.owner limit 1)"
    " where {which} and (t.value is null or t.value > 0)"
    " and not exists (select 1 from consumed c where c.origin = t.origin and c.output = t.output)"
    " and not exists (select 1 from refunds r where r.origin = t.origin and r.output = t.output)"
    " on conflict do nothing"
)


class SqlUnspent:
    """The table of what customers have not spent."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def came(self, origins: Collection[bytes]) -> None:
        """Outputs of these transactions have just been stored."""
        for places, values in ids(origins):
            self._store.run(_FROM_TOKENS.format(which=f"t.origin in {places}"), values)

    def certified(self, key: bytes) -> None:
        """A key has just become a customer's."""
        self._store.run(_FROM_TOKENS.format(which="t.owner = ?"), (key,))

    def drop(self, ref: TokenRef) -> None:
        """It was consumed or refunded, or is worth nothing."""
        self._store.run("delete from unspent where origin = ? and output = ?", ref)

    def has(self, key: bytes) -> bool:
        """Whether anything of the key is unspent."""
        return self._store.row("select 1 from unspent where owner = ? limit 1", (key,)) is not None

    def on_other_devices(self, account: str, device: bytes) -> tuple[int, int | None]:
        """Tiyn unspent on the account's other devices, and when the last of it expires."""
        row = self._store.row(
            "select coalesce(sum(t.value), 0), max(h.expires) from unspent h"
            " join tokens t on t.origin = h.origin and t.output = h.output"
            " where h.device <> ? and t.value > 0 and h.device in (select key from devices where customer = ?)",
            (device, account),
        )
        amount, expires = row if row is not None else (0, None)
        return int(amount), expires


class SqlTokens:
    """The table of outputs."""

    def __init__(self, store: Store, unspent: SqlUnspent) -> None:
        self._store = store
        self._unspent = unspent
        self._held: Once[TokenRef, Token | None] = Once(store, lambda ref: self._read((ref,))[ref])

    def add(self, tokens: Sequence[Token], *, settled: bool) -> None:
        """Outputs of valid transactions."""
        self._store.run_each(_INSERT, [_row(token, settled=settled) for token in tokens])
        self._unspent.came({token.ref.txid for token in tokens})
        self._held.forget()

    def get(self, ref: TokenRef) -> Token | None:
        """One output."""
        return self._held.get(ref)

    def get_each(self, refs: Collection[TokenRef]) -> Mapping[TokenRef, Token]:
        """Those of these that are outputs of valid transactions."""
        held = self._held.get_each(refs, self._read)
        return {ref: token for ref in refs if (token := held[ref]) is not None}

    def whole(self, refs: Collection[TokenRef]) -> Mapping[TokenRef, Token]:
        """Those of these that are settled at their face value."""
        sql = (
            f"select origin, output, {_TOKEN} from tokens join ({{rows}}) as n"
            " on origin = n.column1 and output = n.column2 where value = amount"
        )
        rows = self._store.rows_over(sql, REF, list(refs))
        return {ref: token_of(ref, row[2:]) for row in rows for ref in [TokenRef(row[0], row[1])]}

    def _read(self, refs: Collection[TokenRef]) -> Mapping[TokenRef, Token | None]:
        wanted = frozenset(refs)
        found: dict[TokenRef, Token | None] = dict.fromkeys(wanted)
        for places, values in ids({ref.txid for ref in wanted}):
            sql = f"select origin, output, {_TOKEN} from tokens where origin in {places}"
            for row in self._store.rows(sql, values):
                ref = TokenRef(row[0], row[1])
                if ref in wanted:
                    found[ref] = token_of(ref, row[2:])
        return found

    def settle(self, ref: TokenRef, value: int) -> None:
        """What an output is worth."""
        self._store.run("update tokens set value = ? where origin = ? and output = ?", (value, *ref))
        if not value:
            self._unspent.drop(ref)

    def worth(self, ref: TokenRef) -> int | None:
        """Settled tiyn of an output."""
        value: int | None = self._store.value("select value from tokens where origin = ? and output = ?", ref)
        if value is not None:
            return value
        row = self._store.row("select payload from settlements where transfer = ?", (ref.txid,))
        values = () if row is None else load(Settlement, row[0]).body.values
        return values[ref.output] if ref.output < len(values) else None


class SqlStatements:
    """The tables of the notary's words."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def on(self, ref: TokenRef) -> Signed[Consumption] | None:
        """The notary's word on who consumed an output."""
        row = self._store.row(
            "select s.payload, s.signature from consumed c join statements s on s.id = c.statement"
            " where c.origin = ? and c.output = ?",
            ref,
        )
        return None if row is None else load(Consumption, *row)

    def about(self, refs: Sequence[TokenRef]) -> list[Signed[Consumption]]:
        """The notary's words about these outputs, each once."""
        held = {}
        for places, values in ids({ref.txid for ref in refs}):
            sql = (
                "select c.origin, c.output, s.payload, s.signature from consumed c"
                f" join statements s on s.id = c.statement where c.origin in {places}"
            )
            for origin, output, payload, signature in self._store.rows(sql, values):
                held[TokenRef(origin, output)] = payload, signature
        found = [load(Consumption, *held[ref]) for ref in refs if ref in held]
        return list({signed.id: signed for signed in found}.values())

    def named(self, names: Collection[bytes]) -> Mapping[bytes, Signed[Consumption]]:
        """Those of these ids that are kept."""
        found = {}
        for places, values in ids(names):
            sql = f"select id, payload, signature from statements where id in {places}"
            for name, payload, signature in self._store.rows(sql, values):
                found[name] = load(Consumption, payload, signature)
        return found

    def heard(self, since: int, after: int) -> tuple[int, list[Signed[Consumption]]]:
        """A page of the notary's words, and the number of its last."""
        rows = self._store.rows(
            "select h.number, s.payload, s.signature from heard h join statements s on s.id = h.statement"
            " where h.number > ? order by h.number limit ?",
            (max(after, start(self._store.rows, since)), PAGE),
        )
        return (rows[-1][0] if rows else 0), [load(Consumption, *row[1:]) for row in rows]


def _row(token: Token, *, settled: bool) -> Row:
    fields = tuple(getattr(token, name) for name in FIELDS)
    return (*token.ref, *fields, token.amount if settled else None)


def token_of(ref: TokenRef, row: Row) -> Token:
    """The token in a row of its ``FIELDS``."""
    return Token(ref=ref, **dict(zip(FIELDS, row, strict=True)))
