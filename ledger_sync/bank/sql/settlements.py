"""Settlements upon SQL (`ledger_sync.bank.ports.settlements`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from typing import Final

from ledger_sync.bank.parsed import keep, load
from ledger_sync.bank.ports.settlements import Answer, Case, Input, Told
from ledger_sync.bank.sql.sets import ids, tuples
from ledger_sync.bank.sql.tokens import REF, SPENT, WORTH
from ledger_sync.database.store import Row, Store
from ledger_sync.heard import last
from wallet.database import insertion
from wallet.protocol import cose
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Consumption, Settlement, Verdict
from wallet.protocol.transfer import TokenRef, Transfer

_CLAIMABLE: Final = (
    "select t.id, t.payload, c.signature, t.turn from transfers t"
    " join copies c on c.transfer = t.id and c.signer = t.owner"
    " where t.stage = 'valid' and ({claimed} <= ? or {claimed} > ?)"
)
_OF_NOBODY: Final = _CLAIMABLE.format(claimed="abs(t.claimed)")
_OF_WHO_NAMES_IT: Final = _CLAIMABLE.format(claimed="t.claimed")
"""What is reserved for a caller has a negative time."""
_OLDEST_FIRST: Final = " order by t.turn limit ?"
_TURN: Final = itemgetter(3)
_CASES: Final = (
    "select t.id, t.payload, k.signature, t.owner, c.payload, c.signature, a.code, a.noted from transfers t"
    " join copies k on k.transfer = t.id and k.signer = t.owner"
    " left join to_answer a on a.transfer = t.id"
    " left join signers s on s.transfer = t.id left join certificates c on c.id = s.certificate"
    " where t.stage in ('valid', 'committed') and t.id in "
)
_INPUTS: Final = (
    "select i.transfer, i.origin, i.output, o.value, x.consumer, s.payload, s.evidence from inputs i"
    " left join tokens o on o.origin = i.origin and o.output = i.output"
    " left join consumed x on x.origin = i.origin and x.output = i.output"
    " left join settlements s on s.transfer = i.origin where i.transfer in "
)
_STATEMENT: Final = insertion("statements", ("id", "consumer", "payload", "signature"), unless_there=True)
_HEARD: Final = insertion("heard", ("statement", "time"), unless_there=True)
_CONSUMED: Final = insertion("consumed", ("origin", "output", "consumer", "statement"), unless_there=True)
_SETTLEMENT: Final = insertion(
    "settlements",
    ("transfer", "verdict", "code", "time", "payload", "signature", "evidence"),
    unless_there=False,
)
_ALONE: Final = "update settlements set alone = ? where transfer = ? and payload = ? and alone is null"
_NOTED_AMONG: Final = (
    "select transfer, noted from to_answer where transfer in {places} union"
    " select a.transfer, a.noted from inputs i join to_answer a on a.transfer = i.transfer where i.origin in {places}"
)
_LOOKED_AT: Final = (
    "delete from to_answer where (transfer, noted) in (select n.column1, n.column2 from ({rows}) as n)"
)


class SqlSettlements:
    """Upon one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # to be committed

    def claim(
        self, most: int, now: int, until: int, among: Collection[bytes] | None = None
    ) -> Sequence[Signed[Transfer]]:
        """One that is claimed for more than twice as long from now on was claimed by a clock that was wrong: those of
        two processes differ by less."""

        def claimable(most: int) -> list[Row]:
            if among is None:
                return self._store.rows(_OF_NOBODY + _OLDEST_FIRST, (now, 2 * until - now, most))
            rows: list[Row] = []
            for places, values in ids(among):
                rows += self._store.rows(
                    f"{_OF_WHO_NAMES_IT} and t.id in {places}", (now, 2 * until - now, *values)
                )
            return sorted(rows, key=_TURN)[:most]

        if not claimable(1):
            return []
        with self._store.transaction(is_durable=False):  # lost with the power, it only saves less work
            rows = claimable(most)
            self._set_claimed([row[0] for row in rows], until)
        return [load(Transfer, payload, signature) for _, payload, signature, _ in rows]

    def release(self, txids: Collection[bytes]) -> None:
        self._set_claimed(txids, 0)

    def _set_claimed(self, txids: Collection[bytes], until: int) -> None:
        for places, values in ids(txids):
            sql = f"update transfers set claimed = ? where stage = 'valid' and id in {places}"
            self._store.run(sql, (until, *values))

    def release_all(self) -> None:
        self._store.run("update transfers set claimed = 0 where stage = 'valid' and claimed <> 0")

    def note(self, statements: Collection[Signed[Consumption]], *, are_ours: bool) -> Sequence[TokenRef]:
        new = {said.id: said for said in statements}
        for signed in new.values():
            keep(signed)
        refs = {ref: signed for signed in new.values() for ref in signed.body.refs}
        for places, values in ids(new):
            for (known,) in self._store.rows(f"select id from statements where id in {places}", values):
                del new[known]
        known = self._consumed(refs)
        self._store.run_each(
            _STATEMENT, [(one.id, one.body.consumer, one.payload, one.seal()) for one in new.values()]
        )
        self._store.run_each(_HEARD, [(one.id, one.body.time) for one in new.values()])
        fresh = [ref for ref in refs if ref not in known]
        self._store.run_each(_CONSUMED, [(*ref, refs[ref].body.consumer, refs[ref].id) for ref in fresh])
        if are_ours:
            self._store.run_over(SPENT, REF, list(refs))
        return fresh

    def _consumed(self, refs: Collection[TokenRef]) -> set[TokenRef]:
        found: set[TokenRef] = set()
        for table, values in tuples(refs):
            sql = (
                f"with named (origin, output) as {table} select c.origin, c.output from named n"
                " join consumed c on c.origin = n.origin and c.output = n.output"
            )
            found.update(TokenRef(*row) for row in self._store.rows(sql, values))
        return found

    def last_heard(self) -> int:
        return last(self._store.rows)

    def committed(self, txids: Collection[bytes]) -> None:
        for places, values in ids(txids):
            sql = f"update transfers set stage = 'committed' where stage = 'valid' and id in {places}"
            self._store.run(sql, values)

    def waiting_for(self, refs: Collection[TokenRef]) -> Sequence[bytes]:
        found: dict[bytes, None] = {}
        for table, values in tuples(refs):
            sql = (
                f"with named (origin, output) as {table} select i.transfer from named n"
                " join inputs i on i.origin = n.origin and i.output = n.output"
                " join transfers t on t.id = i.transfer and t.stage = 'waiting'"
            )
            found.update(dict.fromkeys(row[0] for row in self._store.rows(sql, values)))
        return list(found)

    # to be answered

    def refuse(self, txid: bytes, code: Code) -> None:
        self._store.run("delete from to_answer where transfer = ?", (txid,))
        self._store.insert("to_answer", transfer=txid, code=code.value)

    def refusal(self, txid: bytes) -> Code | None:
        code = self._store.value(
            "select code from to_answer where transfer = ?1 and code is not null"
            " union all select code from settlements where transfer = ?1 and verdict = ?2",
            (txid, int(Verdict.REFUSED)),
        )
        return None if code is None else Code(code)

    def look_at(self, txids: Collection[bytes]) -> None:
        """What is refused is not noted again: whoever looks at it answers it."""
        for places, values in ids(txids):
            self._store.run(f"delete from to_answer where code is null and transfer in {places}", values)
            self._store.run(
                "insert into to_answer (transfer) select id from transfers"
                f" where stage = 'committed' and id in {places} on conflict do nothing",
                values,
            )

    def noted(self, most: int, among: Collection[bytes] | None = None) -> Sequence[Case]:
        rows: list[Row] = []
        if among is None:
            rows = self._store.rows("select transfer, noted from to_answer order by noted limit ?", (most,))
        for places, values in ids(among or ()):
            rows += self._store.rows(_NOTED_AMONG.format(places=places), (*values, *values))
        longest_first = sorted(set(rows), key=itemgetter(1))[:most]
        return self.cases([txid for txid, _ in longest_first]) if rows else []

    def looked_at(self, cases: Collection[Case]) -> None:
        looked = [(case.transfer.id, case.noted) for case in cases if case.noted is not None]
        self._store.run_over(_LOOKED_AT, ("bytea", "bigint"), looked)

    def cases(self, txids: Collection[bytes]) -> Sequence[Case]:
        held: dict[bytes, Row] = {}
        inputs: dict[bytes, list[Input]] = defaultdict(list)
        for places, values in ids(txids):
            held.update((row[0], row[1:]) for row in self._store.rows(_CASES + places, values))
            for txid, *row in self._store.rows(_INPUTS + places, values):
                inputs[txid].append(_input(*row))
        return [_case(held[txid], inputs[txid]) for txid in dict.fromkeys(txids) if txid in held]

    def answer(self, answers: Collection[Answer]) -> Collection[bytes]:
        by_id = {answer.settlement.body.transfer: answer for answer in answers}
        for answer in answers:
            keep(answer.settlement)
        taken: list[bytes] = []
        for places, values in ids(by_id):
            sql = (
                f"update transfers set stage = 'answered' where stage in ('valid', 'committed') and id in {places}"
                " returning id"
            )
            taken += [row[0] for row in self._store.rows(sql, values)]
        self._store.run_each(_SETTLEMENT, [_settlement(by_id[txid]) for txid in taken])
        values_of = [(txid, by_id[txid].settlement.body.values) for txid in taken]
        worth = [(txid, output, value) for txid, all_of in values_of for output, value in enumerate(all_of)]
        self._store.run_over(WORTH, (*REF, "bigint"), worth)
        self._store.run_over(SPENT, REF, [one[:2] for one in worth if not one[2]])
        for places, values in ids(taken):
            for table in ("pending", "uncovered", "to_answer"):
                self._store.run(f"delete from {table} where transfer in {places}", values)
        self._note_children(taken)
        return taken

    def _note_children(self, txids: Collection[bytes]) -> None:
        for places, values in ids(txids):
            sql = (
                "select distinct i.transfer from inputs i join transfers t on t.id = i.transfer"
                f" where i.origin in {places} and t.stage = 'committed'"
            )
            self.look_at([row[0] for row in self._store.rows(sql, values)])

    # to be told

    def answered(self, txids: Collection[bytes]) -> Mapping[bytes, int]:
        found: dict[bytes, int] = {}
        for places, values in ids(txids):
            sql = f"select transfer, time from settlements where transfer in {places}"
            found.update(self._store.rows(sql, values))
        return found

    def concerning(self, txids: Collection[bytes], uploader: str, account: str) -> Sequence[bytes]:
        found: list[bytes] = []
        for places, values in ids(txids):
            sql = (
                f"select transfer from uploads where uploader = ? and transfer in {places}"
                f" union select object from deliveries where customer = ? and object in {places}"
            )
            found += [row[0] for row in self._store.rows(sql, (uploader, *values, account, *values))]
        return found

    def told(self, txids: Collection[bytes]) -> Mapping[bytes, Told]:
        found: dict[bytes, Told] = {}
        for places, values in ids(txids):
            words: dict[bytes, dict[bytes, Signed[Consumption]]] = defaultdict(dict)
            for txid, name, payload, signature in self._store.rows(_WORDS + places, values):
                words[txid][name] = load(Consumption, payload, signature)
            for txid, payload, signature, raw in self._store.rows(_TOLD + places, values):
                settlement = load(Settlement, payload, signature)
                is_refused = settlement.body.verdict is Verdict.REFUSED
                said = () if is_refused else tuple(words[txid].values())
                found[txid] = Told(settlement, said, raw)
        return found

    def alone(self, txids: Collection[bytes]) -> Mapping[bytes, Signed[Settlement]]:
        found: dict[bytes, Signed[Settlement]] = {}
        for places, values in ids(txids):
            sql = f"select transfer, alone from settlements where alone is not null and transfer in {places}"
            for txid, raw in self._store.rows(sql, values):
                found[txid] = cose.parse(Settlement, raw)
        return found

    def keep_alone(self, signed: Collection[tuple[Signed[Settlement], Signed[Settlement]]]) -> None:
        self._store.run_each(
            _ALONE, [(alone.encode(), told.body.transfer, told.payload) for told, alone in signed]
        )


_TOLD: Final = (
    "select s.transfer, s.payload, s.signature, e.raw from settlements s left join evidence e on e.id = s.evidence"
    " where s.transfer in "
)
_WORDS: Final = (
    "select i.transfer, w.id, w.payload, w.signature from inputs i"
    " join consumed c on c.origin = i.origin and c.output = i.output join statements w on w.id = c.statement"
    " where i.transfer in "
)


def _input(
    origin: bytes,
    output: int,
    value: int | None,
    consumer: bytes | None,
    raw: bytes | None,
    evidence: bytes | None,
) -> Input:
    """Of a transfer that ended before it was judged there are no tokens, and its verdict says what they are worth."""
    if value is None and raw is not None:
        values = load(Settlement, raw).body.values
        value = values[output] if output < len(values) else None
    return Input(TokenRef(origin, output), value, consumer, evidence)


def _case(row: Row, inputs: Sequence[Input]) -> Case:
    payload, signature, owner, certificate, certified, code, noted = row
    transfer = load(Transfer, payload, signature)
    by_ref = {one.ref: one for one in inputs}
    return Case(
        transfer=transfer,
        owner=owner,
        signer=None if certificate is None else load(Certificate, certificate, certified),
        inputs=tuple(by_ref[ref] for ref in transfer.body.inputs),
        refusal=None if code is None else Code(code),
        noted=noted,
    )


def _settlement(answer: Answer) -> Row:
    signed, body = answer.settlement, answer.settlement.body
    code = None if body.code is None else body.code.value
    return (
        body.transfer,
        int(body.verdict),
        code,
        body.time,
        signed.payload,
        signed.seal(),
        answer.evidence,
    )
