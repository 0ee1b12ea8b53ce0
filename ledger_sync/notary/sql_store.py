"""The store of claims upon a database, by sets: a few statements for a batch, whatever its size.

Rule: claims are written first, with their leaves (`ledger_sync.notary.sql_log`), and need not be durable; the
transaction that attests them, which is, comes after them and keeps all that was written before it. It writes a row of
its own even where it attests nothing, so that nobody is told what was read and never came to be durable. References are
read and written in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hsm.failpoint import reach
from ledger_sync.database.store import Kind
from ledger_sync.database.store import Store as Database
from ledger_sync.heard import PAGE, start
from ledger_sync.http.call import Random
from ledger_sync.notary.log import SignedTip, Statement
from ledger_sync.notary.sql_log import REFS, Behind, SqlLog, body_of, said_of
from ledger_sync.notary.store import Claim, CommitItem
from wallet.database import Schema
from wallet.protocol import codec
from wallet.protocol.bounds import ID_BYTES, SALT_BYTES
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.log import LogHead
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef

SCHEMA: Final = Schema("ledger_sync.notary")
KIND: Final = Kind("notary", SCHEMA)
_NO_PROOF: Final = b""
"""The commit behind a relearnt statement is with the bank that it names."""
_WINNERS: Final = """
select w.txid, w.output, c.number, c.entry, c.statement, length(c.proof) from ({rows}) as asked
join won w on w.txid = asked.column1 and w.output = asked.column2 join claims c on c.number = w.claim
"""
_CLAIM: Final = "insert into claims (number, entry, leaf, statement, proof) {rows}"
_CLAIM_TYPES: Final = ("bigint", "bytea", "bytea", "bytea", "bytea")
_WIN: Final = "insert into won (txid, output, claim) {rows}"
_ATTEST: Final = """
update claims set statement = said.column3
from ({rows}) as said join won w on w.txid = said.column1 and w.output = said.column2
where claims.number = w.claim and claims.statement is null and substr(claims.entry, 19) = substr(said.column4, 2)
"""
"""An entry is 85 50, its salt, and what stands after 84 in the payload that has none."""
_ENTER: Final = """
update claims set entry = said.column3
from ({rows}) as said join won w on w.txid = said.column1 and w.output = said.column2
where claims.number = w.claim and claims.entry is null
"""
_BANK_AT: Final = 2 + SALT_BYTES + 2 + ID_BYTES
"""In an entry: after 85 50, its salt, 58 20 and the consumer."""
_UNWIN: Final = "delete from won where (txid, output) in (select n.column1, n.column2 from ({rows}) as n)"
_UNCLAIM: Final = "delete from claims where number in ({rows})"
_PLACES: Final = "(select number, row_number() over (order by number) as place from claims) as p"
_CLOSE_UP: Final = (
    f"update won set claim = p.place from {_PLACES} where p.number = won.claim and p.place < p.number",
    f"update claims set number = -p.place from {_PLACES} where p.number = claims.number and p.place < p.number",
    "update claims set number = -number where number < 0",
)
_MOVE_UP: Final = "update dated set number = case when number > ?1 then number - ?1 else 0 end"
_LAST: Final = """
select entry, statement from claims
where statement is not null or length(proof) = 0 or number <= coalesce((select told from log), 0)
order by number desc limit ?
"""
_AFTER: Final = "select number, entry, statement from claims where number > ? order by number limit ?"
_LOOKED_THROUGH: Final = 4_096
"""Claims, of whoever's they are, in which one page of a bank's own is looked for."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A claim, the number of its row, and whether it was made once and lost."""

    number: int
    claim: Claim
    is_relearnt: bool

    def is_told(self, told: int) -> bool:
        """Whether somebody may have been told of it, where of the first ``told`` claims somebody may have been."""
        return self.number <= told or self.is_relearnt or self.claim.statement is not None


class SqlStore:
    """`ledger_sync.notary.store.Store` upon one database."""

    def __init__(self, db: Database, random: Random) -> None:
        self._db = db
        self.log = SqlLog(db, random)

    def claim(self, batch: Sequence[CommitItem], time: int) -> dict[TokenRef, Claim]:
        while True:
            try:
                return self._claim(batch, time)
            except Behind:
                self.complete()

    def _claim(self, batch: Sequence[CommitItem], time: int) -> dict[TokenRef, Claim]:
        with self._db.transaction(is_durable=False):
            found = self._kept(ref for item in batch for ref in item.refs)
            made = _decided(batch, found, time)
            new = self._put(made)
            reach("notary.commit.written")
        claims = {ref: kept.claim for ref, kept in found.items()}
        return claims | {ref: claim for claim in new for ref in claim.body.refs}

    def attest(self, statements: Sequence[Statement], signed: SignedTip | None = None) -> list[Statement]:
        with self._db.transaction():
            is_all = self._attest(statements) == len(statements)
            standing = list(statements) if is_all else self._standing(statements)
            self.log.answer(signed)
        reach("notary.commit.done")
        return standing

    def answer(self, signed: SignedTip | None = None) -> LogHead | None:
        with self._db.transaction():
            head = self.log.answer(signed)
        reach("notary.commit.done")
        return head

    def complete(self) -> None:
        while self._catch_up():
            reach("notary.log.piece")

    def _catch_up(self) -> bool:
        with self._db.transaction():
            return self.log.catch_up()

    def begin_anew(self) -> None:
        with self._db.transaction():
            self.log.begin_anew()

    def winners(self, refs: Sequence[TokenRef]) -> dict[TokenRef, Claim]:
        return {ref: kept.claim for ref, kept in self._kept(refs).items()}

    def learn(self, statements: Sequence[Statement]) -> list[Statement]:
        with self._db.transaction():
            kept = self._kept(ref for said in statements for ref in said.body.refs)
            told, before = _told_by(statements, kept), self.log.told()
            learnt = _learnt(statements, kept, max(told, before))
            if told > before:
                self.log.tell(told)
            self._give_way(learnt.gone)
            self._add(learnt.fresh)
            self._attest(_first_of_each(said for said in learnt.again if said.leaf is None))
            self._enter(_first_of_each(said for said in learnt.again if said.leaf is not None))
            if learnt.fresh:
                self.log.begin_anew()
        return learnt.contradicting

    def see(self, heads: Sequence[LogHead]) -> None:
        with self._db.transaction():
            tip = self.log.tip()
            ours = [head for head in heads if head.extent.log == tip.number]
            if not all(self.log.continues(head, tip.size) for head in ours):
                self.log.begin_anew()

    def own(self, bank: str, since: int, after: int) -> tuple[int, list[Claim]]:
        begin = max(after, start(self._db.rows, since, "dated"))
        name, found, last = codec.encode(bank), list[Claim](), after
        for number, entry, statement in self._db.rows(_AFTER, (begin, _LOOKED_THROUGH)):
            last = number
            if entry is not None and not entry.startswith(name, _BANK_AT):
                continue  # most are others', and need not be read for that
            claim = _read(entry, statement)
            if claim.body.bank == bank and claim.body.time >= since:
                found.append(claim)
            if len(found) == PAGE:
                break
        return last, found

    def earliest_of_last(self, count: int) -> int:
        rows = self._db.rows(_LAST, (count,))
        times = [body_of(*row).time for row in rows]
        return min(times) if len(times) == count else 0

    def close(self) -> None:
        self._db.close()

    def _kept(self, refs: Iterable[TokenRef]) -> dict[TokenRef, _Kept]:
        """What each reference that is claimed is in."""
        rows = self._db.rows_over(_WINNERS, REFS, sorted(set(refs)))
        claims: dict[int, _Kept] = {}
        found: dict[TokenRef, _Kept] = {}
        for txid, output, number, entry, statement, proof_bytes in rows:
            kept = claims.get(number) or _Kept(number, _read(entry, statement), not proof_bytes)
            claims[number] = found[TokenRef(txid, output)] = kept
        return found

    def _put(self, made: Sequence[tuple[Consumption, bytes]]) -> list[Claim]:
        """New claims with their proofs, at the log's end."""
        if not made:
            return []
        bodies = [body for body, _ in made]
        first, puts, leaves = self.log.append(bodies)
        rows = [
            (number, put.payload, leaf, None, proof)
            for number, (put, leaf, (_, proof)) in enumerate(zip(puts, leaves, made, strict=True), first)
        ]
        self._db.run_over(_CLAIM, _CLAIM_TYPES, rows)
        self._win(first, bodies)
        return [Claim(body, None, put) for body, put in zip(bodies, puts, strict=True)]

    def _add(self, statements: Sequence[Statement]) -> None:
        """Claims that were made once and lost, with what was said of them."""
        if not statements:
            return
        first = self.log.last() + 1
        rows = [
            (n, None, None, said.encode(), _NO_PROOF)
            if said.leaf is None
            else (n, said.payload, None, None, _NO_PROOF)
            for n, said in enumerate(statements, first)
        ]
        self._db.run_over(_CLAIM, _CLAIM_TYPES, rows)
        self._win(first, [said.body for said in statements])

    def _win(self, first: int, bodies: Sequence[Consumption]) -> None:
        won = sorted((*ref, number) for number, body in enumerate(bodies, first) for ref in body.refs)
        self._db.run_over(_WIN, (*REFS, "bigint"), won)
        self._db.insert("dated", number=first, time=max(body.time for body in bodies))

    def _attest(self, statements: Sequence[Statement]) -> int:
        """Put each statement where its claim has none; how many were put there."""
        rows = sorted((*said.body.refs[0], said.encode(), said.payload) for said in statements)
        return self._db.run_over(_ATTEST, (*REFS, "bytea", "bytea"), rows)

    def _enter(self, statements: Sequence[Statement]) -> None:
        """What was shown in the log is its claim's entry, where that has none: its salt is known again."""
        rows = sorted((*said.body.refs[0], said.payload) for said in statements)
        self._db.run_over(_ENTER, (*REFS, "bytea"), rows)

    def _standing(self, statements: Sequence[Statement]) -> list[Statement]:
        found = self.winners([said.body.refs[0] for said in statements])
        standing = []
        for said in statements:
            claim = found.get(said.body.refs[0])
            if claim is None or claim.statement is None or claim.body != said.body:
                raise Refusal(Code.INTERNAL, {"token": str(said.body.refs[0])})
            standing.append(claim.statement)
        return standing

    def _give_way(self, gone: Sequence[_Kept]) -> None:
        """Let go of claims with all that each has won."""
        self._db.run_over(_UNWIN, REFS, sorted(ref for kept in gone for ref in kept.claim.body.refs))
        self._db.run_over(_UNCLAIM, ("bigint",), sorted((kept.number,) for kept in gone))
        if gone:
            for sql in _CLOSE_UP:
                self._db.run(sql)
            self._db.run(_MOVE_UP, (len(gone),))


def _decided(
    batch: Sequence[CommitItem], taken: Mapping[TokenRef, object], time: int
) -> list[tuple[Consumption, bytes]]:
    """What each item wins of what is free, with its proof."""
    won: set[TokenRef] = set()
    made = []
    for item in batch:
        free = tuple(ref for ref in item.refs if ref not in taken and ref not in won)
        if free:
            made.append((Consumption(item.consumer, item.bank, time, free), item.proof))
            won.update(free)
    return made


@dataclass(slots=True)
class _Learnt:
    """What becomes of statements that others hold: those of claims that were lost, of claims that stand, and those that
    contradict; and claims that give way."""

    fresh: list[Statement] = field(default_factory=list)
    again: list[Statement] = field(default_factory=list)
    contradicting: list[Statement] = field(default_factory=list)
    gone: list[_Kept] = field(default_factory=list)


def _told_by(statements: Sequence[Statement], kept: Mapping[TokenRef, _Kept]) -> int:
    """The last claim, by its number, that somebody was told of by these. Those that were made before it were as durable
    then; of what was made once and lost that is not known, since it stands in another place here."""
    known = [(kept.get(said.body.refs[0]), said.body.alone()) for said in statements]
    return max(
        (one.number for one, body in known if one and one.claim.body == body and not one.is_relearnt),
        default=0,
    )


def _first_of_each(statements: Iterable[Statement]) -> list[Statement]:
    """Of each claim."""
    found: dict[TokenRef, Statement] = {}
    for said in statements:
        found.setdefault(said.body.refs[0], said)
    return list(found.values())


def _learnt(statements: Sequence[Statement], kept: Mapping[TokenRef, _Kept], told: int) -> _Learnt:
    """One after the other, each with all its references or none. Of the first ``told`` claims somebody may have been
    told."""
    found, standing = _Learnt(), {ref: one.claim.body for ref, one in kept.items()}
    is_told = {ref for ref, one in kept.items() if one.is_told(told)}
    for said in statements:
        body = said.body.alone()
        if all(standing.get(ref) == body for ref in body.refs):
            found.again.append(said)
        elif is_told.intersection(body.refs):
            found.contradicting.append(said)
            continue
        else:
            gone = {one.number: one for ref in body.refs if ref in standing for one in [kept[ref]]}
            found.gone += gone.values()
            for ref in (ref for one in gone.values() for ref in one.claim.body.refs):
                standing.pop(ref, None)
            found.fresh.append(said)
        is_told.update(body.refs)
        standing.update(dict.fromkeys(body.refs, body))
    return found


def _read(entry: bytes | None, statement: bytes | None) -> Claim:
    """A claim as it is stored. INTERNAL if the store was tampered with."""
    if statement is None:
        return Claim(body_of(entry, None), None)
    said = said_of(statement)
    return Claim(said.body, said)
