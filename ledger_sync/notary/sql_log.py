"""The append-only log upon a database: every claim is a leaf, in the order of their numbers.

Rule: a leaf commits to what is to be said of its claim, with a salt, and is written with it; the log's end (its size
and the roots of its complete subtrees) is one row. Of the tree above the leaves every eighth level is kept; what a
proof needs besides is hashed again out of 256 nodes at most. A log that lost leaves (its notary was put back from a
backup) is never grown again: another begins, under another number, with all claims; piece by piece, so that no
transaction hashes all that was ever said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from ledger_sync.database.store import Row
from ledger_sync.database.store import Store as Database
from ledger_sync.http.call import Random
from ledger_sync.notary.log import Entry, Grown, Logged, Put, SignedTip, Statement, Tip
from wallet.protocol import codec, cose
from wallet.protocol.bounds import SALT_BYTES
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.log import LogHead
from wallet.protocol.merkle import (
    HASH_BYTES,
    Place,
    Range,
    complete_subtrees,
    consistency_ranges,
    folded,
    grown,
    inclusion_ranges,
    leaf_hash,
    node_hash,
)
from wallet.protocol.settlement import Consumption, Consumption2
from wallet.protocol.transfer import TokenRef

REFS: Final = ("bytea", "bigint")
_NUMBER_BYTES: Final = 4
_LEVELS: Final = 8
"""Between two levels that are kept."""
PIECE: Final = 4_096
"""Leaves that one transaction makes where a log begins anew."""
_LAST: Final = "select coalesce(max(number), 0) from claims"
_STATE: Final = f"select number, size, edge, time, head, ({_LAST}) from log"
_GROW: Final = """
insert into log (one, number, size, edge, time, head_size, answers) values (1, ?, ?, ?, ?, 0, 0)
on conflict (one) do update set
 number = excluded.number, size = excluded.size, edge = excluded.edge, time = excluded.time
"""
_BEGIN: Final = "update log set number = ?, size = 0, edge = ?, head_size = 0, head = null"
_ANSWERED: Final = """
insert into log (one, number, size, edge, time, head_size, answers) values (1, 0, 0, ?4, 0, 0, 1)
on conflict (one) do update set answers = log.answers + 1,
 head = case when {fits} then ?3 else log.head end, head_size = case when {fits} then ?2 else log.head_size end,
 told = case when {fits} and log.told < ?2 then ?2 else log.told end
returning number, size, head_size, head
""".format(fits="log.number = ?1 and log.head_size < ?2 and log.size = ?2 and log.edge = ?5")
_HEADED: Final = "update log set head = ?1, head_size = ?2, told = case when told < ?2 then ?2 else told end"
_TOLD: Final = "update log set told = ?1 where told < ?1"
_KEEP: Final = """
insert into heads (size, head) select head_size, head from log where head is not null on conflict do nothing
"""
_NODE: Final = "insert into nodes (level, number, hash) {rows}"
_NODE_TYPES: Final = ("bigint", "bigint", "bytea")
_UNLOGGED: Final = (
    "select number, entry, leaf, statement from claims where number > ? order by number limit ?"
)
_LEAF: Final = """
update claims set entry = made.column2, leaf = made.column3 from ({rows}) as made where claims.number = made.column1
"""
_LEAF_TYPES: Final = ("bigint", "bytea", "bytea")
_LEAVES: Final = """
select 0, c.number - 1, c.leaf from ({rows}) as asked
join claims c on c.number > asked.column1 and c.number <= asked.column2
"""
_NODES: Final = """
select n.level, n.number, n.hash from ({rows}) as asked
join nodes n on n.level = asked.column1 and n.number >= asked.column2 and n.number < asked.column3
"""
_OPENINGS: Final = """
select w.txid, w.output, c.number, c.entry from ({rows}) as asked
join won w on w.txid = asked.column1 and w.output = asked.column2 join claims c on c.number = w.claim
where c.entry is not null
"""
_ENTRIES: Final = """
select number, entry, statement, proof from claims where number > ? and number <= ? order by number
"""


@dataclass(frozen=True, slots=True)
class _State:
    """The log's end, its newest head, and the number of the last claim, which is later where the log begins anew."""

    number: int
    size: int
    edge: tuple[bytes, ...]
    time: int
    head: bytes | None
    last: int


class Behind(Exception):
    """So much is claimed and not yet in the log that it is not for this transaction to put there."""


class SqlLog:
    """`ledger_sync.notary.log.Log` upon one database, and what writes it, in a transaction of claims."""

    def __init__(self, db: Database, random: Random) -> None:
        self._db = db
        self._random = random

    # reading

    def tip(self) -> Tip:
        state = self._state()
        return Tip(state.number, state.size, state.edge, state.time, _head(state.head))

    def head(self) -> LogHead | None:
        return _head(self._state().head)

    def kept_heads(self) -> list[LogHead]:
        rows = self._db.rows("select head from heads order by size desc")
        return [head for (raw,) in rows if (head := _head(raw)) is not None]

    def root(self, size: int) -> bytes:
        return self._roots([(0, size)])[0]

    def inclusions(self, indices: Sequence[int], size: int) -> list[tuple[bytes, ...]]:
        paths = [inclusion_ranges(index, size) for index in indices]
        ranges = list(
            dict.fromkeys(each for path in paths for each in path)
        )  # neighbours have most in common
        roots = dict(zip(ranges, self._roots(ranges), strict=True))
        return [tuple(roots[each] for each in path) for path in paths]

    def consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        return self._roots(consistency_ranges(first, second))

    def openings(self, refs: Iterable[TokenRef]) -> dict[TokenRef, Logged]:
        rows = self._db.rows_over(_OPENINGS, REFS, sorted(set(refs)))
        return {TokenRef(txid, output): Logged(number - 1, entry) for txid, output, number, entry in rows}

    def entries(self, begin: int, end: int) -> list[Entry]:
        return [_entry(row) for row in self._db.rows(_ENTRIES, (begin, end))]

    # writing

    def append(self, bodies: Sequence[Consumption]) -> tuple[int, list[Put], list[bytes]]:
        """Leaves for what is to be said: the number of the first claim, and where and what each was put, with its leaf.
        `Behind`: nothing was written."""
        state = self._state()
        if state.size < state.last - PIECE:
            raise Behind
        if state.size < state.last:
            state = self._catch_up(state)
        made = [self._salted(body) for body in bodies]
        leaves = [leaf_hash(entry) for _, entry in made]
        grown = self._grow(state, leaves, max(body.time for body in bodies))
        puts = [Put(index, *each, grown) for index, each in enumerate(made, state.size)]
        return state.last + 1, puts, leaves

    def answer(self, signed: SignedTip | None) -> LogHead | None:
        """Somebody is told something. A head that was signed is the newest, if the log is what it is over, as it is
        mostly, or goes on from that, and no newer one stands. Gives the newest."""
        if signed is None:
            ((*_, newest),) = self._db.rows(_ANSWERED, (0, 0, None, b"", b""))
            return _head(newest)
        if signed.keeps:
            self._db.run(_KEEP)
        head, edge = signed.head, b"".join(signed.tip.subtrees)
        raw = codec.encode(head.to_cbor())
        ((number, size, head_size, newest),) = self._db.rows(
            _ANSWERED, (head.extent.log, head.extent.size, raw, b"", edge)
        )
        is_behind = number == head.extent.log and head_size < head.extent.size < size
        if is_behind and self.continues(head, size):
            self._db.run(_HEADED, (raw, head.extent.size))
            return head
        return _head(newest)

    def tell(self, number: int) -> None:
        """Claims up to this number may have been told to somebody."""
        self._db.run(_TOLD, (number,))

    def continues(self, head: LogHead, size: int) -> bool:
        """Whether this log, of ``size`` leaves, is or goes on from that of a head under the same number."""
        return head.extent.size <= size and self.root(head.extent.size) == head.root

    def begin_anew(self) -> None:
        """Another log, with all claims of this one. The next that is claimed fills it."""
        self._db.run(_KEEP)
        self._db.run("delete from nodes")
        self._db.run(_BEGIN, (self._fresh_number(), b""))

    def last(self) -> int:
        """The number of the last claim."""
        return int(self._db.value(_LAST))

    def told(self) -> int:
        """Of so many claims, the first ones, somebody may have been told, in whichever log."""
        return int(self._db.value("select told from log") or 0)

    def _fresh_number(self) -> int:
        return int.from_bytes(self._random(_NUMBER_BYTES), "big")

    def _state(self) -> _State:
        row = self._db.row(_STATE)
        if row is None:
            return _State(0, 0, (), 0, None, self.last())
        number, size, edge, *rest = row
        return _State(number, size, tuple(_hashes(edge)), *rest)

    def catch_up(self) -> bool:
        """Put the next `PIECE` of claims that are not in the log there; whether more are left."""
        state = self._state()
        if state.size < state.last:
            state = self._catch_up(state)
        return state.size < state.last

    def _catch_up(self, state: _State) -> _State:
        rows = self._db.rows(_UNLOGGED, (state.size, PIECE))
        bodies = {number: body_of(entry, raw) for number, entry, leaf, raw in rows if leaf is None}
        leaves = {number: leaf for number, _, leaf, _ in rows}
        made = []
        for number, entry, *_ in rows:
            if number in bodies:
                kept = entry or self._salted(bodies[number])[1]
                leaves[number] = leaf_hash(kept)
                made.append((number, kept, leaves[number]))
        self._db.run_over(_LEAF, _LEAF_TYPES, made)
        self._grow(state, list(leaves.values()), max((body.time for body in bodies.values()), default=0))
        return self._state()

    def _salted(self, body: Consumption) -> tuple[Consumption2, bytes]:
        """What a leaf commits to, and that encoded."""
        said = Consumption2(body.consumer, body.bank, body.time, body.refs, self._random(SALT_BYTES))
        return said, codec.encode(said.to_cbor())

    def _grow(self, state: _State, leaves: Sequence[bytes], time: int) -> Grown:
        made, edge = grown(state.size, state.edge, leaves)
        kept = [(*place, node) for place, node in made.items() if place.level and place.level % _LEVELS == 0]
        self._db.run_over(_NODE, _NODE_TYPES, sorted(kept))
        number = state.number or self._fresh_number()
        size, latest = state.size + len(leaves), max(state.time, time)
        self._db.run(_GROW, (number, size, b"".join(edge), latest))
        before = zip(complete_subtrees(0, state.size), state.edge, strict=True)
        return Grown(Tip(number, size, edge, latest, _head(state.head)), {**dict(before), **made})

    def _roots(self, ranges: Sequence[Range]) -> tuple[bytes, ...]:
        """The roots over ranges of leaves, each out of its complete subtrees."""
        parts = [complete_subtrees(*each) for each in ranges]
        hashes = self._subtrees({place for part in parts for place in part})
        return tuple(folded([hashes[place] for place in part]) for part in parts)

    def _subtrees(self, places: Collection[Place]) -> dict[Place, bytes]:
        """The roots of complete subtrees, hashed out of the level below each that is kept."""
        below = {place: _below(place) for place in places}
        leaves = sorted({(begin, end) for level, begin, end in below.values() if level == 0})
        nodes = sorted({span for span in below.values() if span[0]})
        rows = self._db.rows_over(_LEAVES, ("bigint", "bigint"), leaves)
        rows += self._db.rows_over(_NODES, ("bigint", "bigint", "bigint"), nodes)
        kept: dict[tuple[int, int], bytes] = {(level, number): found for level, number, found in rows}

        @cache
        def root(level: int, number: int) -> bytes:
            if level % _LEVELS == 0:
                return kept[level, number]
            return node_hash(root(level - 1, 2 * number), root(level - 1, 2 * number + 1))

        return {place: root(*place) for place in below}


def _head(raw: bytes | None) -> LogHead | None:
    return None if raw is None else LogHead.from_cbor(codec.decode(raw, Consumption2.KIND.most))


def _hashes(edge: bytes) -> Iterable[bytes]:
    return (edge[at : at + HASH_BYTES] for at in range(0, len(edge), HASH_BYTES))


def _below(place: Place) -> tuple[int, int, int]:
    """The level that is kept at or below a subtree's root, and the numbers there from which it is made."""
    level = place.level - place.level % _LEVELS
    height = place.level - level
    return level, place.number << height, (place.number + 1) << height


def _entry(row: Row) -> Entry:
    number, entry, statement, proof = row
    return Entry(number - 1, entry, None if statement is None else said_of(statement), proof)


def body_of(entry: bytes | None, statement: bytes | None) -> Consumption:
    """What is said of a claim as it is stored. INTERNAL if the store was tampered with."""
    if statement is not None:
        return said_of(statement).body
    assert entry is not None
    try:
        said = codec.read(entry, Consumption2.KIND.most, Consumption2.from_cbor)
    except Refusal as refusal:
        raise Refusal(Code.INTERNAL) from refusal
    return said.alone()


def said_of(raw: bytes) -> Statement:
    """A statement as it is stored. INTERNAL if the store was tampered with."""
    try:
        return cose.parse(Consumption, raw)
    except Refusal as refusal:
        raise Refusal(Code.INTERNAL) from refusal
