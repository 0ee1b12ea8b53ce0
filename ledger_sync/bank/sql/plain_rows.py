"""What is written of plain uploads: the rows of every table that tells of them.

Rule: it is what comes of them where they are taken in, judged and answered one after the other. None of them was here
and nothing here speaks of them (`told_of`), so nothing is looked up; what may be there all the same stands as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from ledger_sync.bank.ports.plain import Ended, Settling
from ledger_sync.bank.ports.transfers import Stage
from ledger_sync.bank.sql.tokens import SPENT
from ledger_sync.database.store import Change, Row
from wallet.protocol.request import request_ref

_UNLESS_THERE: Final = " on conflict do nothing"


class _Table:
    """Rows for one table: ``columns`` with their types."""

    def __init__(self, name: str, columns: Mapping[str, str], end: str = "") -> None:
        places = ", ".join(f"n.column{number}" for number in range(1, len(columns) + 1))
        self._sql = (
            f"insert into {name} ({', '.join(columns)}) select {places} from ({{rows}}) as n where true{end}"
        )
        self._types = tuple(columns.values())

    def of(self, rows: Iterable[Row]) -> Change:
        return Change(self._sql, self._types, list(rows))


_BYTES, _NUMBER, _TEXT = "bytea", "bigint", "text"
_REF: Final = {"origin": _BYTES, "output": _NUMBER}
_SIGNED: Final = {"payload": _BYTES, "signature": _BYTES}

_TRANSFERS: Final = _Table(
    "transfers",
    {
        "id": _BYTES,
        "payload": _BYTES,
        "sequence": _NUMBER,
        "purpose": _BYTES,
        "stage": _TEXT,
        "owner": _BYTES,
        "first_uploader": _TEXT,
    },
)
_INPUTS: Final = _Table("inputs", {"transfer": _BYTES, **_REF})
_COPIES: Final = _Table(
    "copies", {"transfer": _BYTES, "signer": _BYTES, "sequence": _NUMBER, "signature": _BYTES}
)
_UPLOADS: Final = _Table("uploads", {"transfer": _BYTES, "uploader": _TEXT, "whole": _NUMBER}, _UNLESS_THERE)
_SIGNERS: Final = _Table("signers", {"transfer": _BYTES, "certificate": _BYTES})
_SETTLEMENTS: Final = _Table(
    "settlements", {"transfer": _BYTES, "verdict": _NUMBER, "time": _NUMBER, **_SIGNED}
)
_REQUESTS: Final = _Table(
    "requests",
    {"id": _BYTES, "ref": _BYTES, **_SIGNED, "uploader": _TEXT, "answered": _NUMBER, "since": _NUMBER},
    _UNLESS_THERE,
)
_STATEMENTS: Final = _Table("statements", {"id": _BYTES, "consumer": _BYTES, **_SIGNED}, _UNLESS_THERE)
_HEARD: Final = _Table("heard", {"statement": _BYTES, "time": _NUMBER}, _UNLESS_THERE)
_CONSUMED: Final = _Table("consumed", {**_REF, "consumer": _BYTES, "statement": _BYTES}, _UNLESS_THERE)
_TOKENS: Final = _Table(
    "tokens",
    {
        **_REF,
        "amount": _NUMBER,
        "owner": _BYTES,
        "currency": _TEXT,
        "mark": _BYTES,
        "hop": _NUMBER,
        "expires": _NUMBER,
        "made": _NUMBER,
        "payer": _BYTES,
        "value": _NUMBER,
    },
)
_COUNTED: Final = _Table(
    "counted", {"device": _BYTES, "sequence": _NUMBER, "transfer": _BYTES, "amount": _NUMBER}
)
_ANSWERING: Final = _Table(
    "answering",
    {"device": _BYTES, "request": _BYTES, "amount": _NUMBER},
    " on conflict (device, request) do update set amount = answering.amount + excluded.amount",
)
_PLACED: Final = _Table("placed", {"key": _BYTES, "object": _BYTES}, _UNLESS_THERE)
_UNSPENT: Final = (
    "insert into unspent (origin, output, owner, device, expires)"
    " select n.column1, n.column2, n.column3, n.column4, n.column5 from ({rows}) as n"
    " where (select 1 from refunds r where r.origin = n.column1 and r.output = n.column2) is null"
    " on conflict do nothing"
)
OVER: Final = "delete from journal where number in (select n.column1 from ({rows}) as n)"


def changes(settling: Settling) -> list[Change]:
    """All that is written."""
    ended = settling.ended
    hops = [one.hop for one in ended]
    return [
        _REQUESTS.of(_requests(settling)),
        *_of_transfers(settling),
        *_of_words(ended),
        _TOKENS.of(_token_rows(ended)),
        *_of_unspent(settling),
        *_of_counts(settling),
        _PLACED.of((key, hop.transfer.id) for hop in hops for key in (hop.owner, hop.transfer.body.payee)),
        Change(OVER, (_NUMBER,), [(number,) for number in settling.numbers]),
    ]


def _requests(settling: Settling) -> Iterable[Row]:
    for signed, uploader in settling.requests:
        yield signed.id, request_ref(signed), signed.payload, signed.signature, uploader, 1, settling.now


def _of_transfers(settling: Settling) -> Iterable[Change]:
    hops = [one.hop for one in settling.ended]
    signed = [(hop.transfer, hop.transfer.body, hop) for hop in hops]
    answered = Stage.ANSWERED.value
    yield _TRANSFERS.of(
        (made.id, made.payload, body.sequence, hop.request, answered, hop.owner, hop.uploader)
        for made, body, hop in signed
    )
    yield _INPUTS.of((made.id, *ref) for made, body, _ in signed for ref in body.inputs)
    yield _COPIES.of((made.id, hop.owner, body.sequence, made.signature) for made, body, hop in signed)
    shown = [(hop.transfer.id, hop.uploader) for hop in hops]
    yield _UPLOADS.of((txid, uploader, 0) for txid, uploader in [*shown, *settling.shown])
    yield _SIGNERS.of((hop.transfer.id, hop.certificate.id) for hop in hops)
    verdicts = [one.verdict for one in settling.ended]
    yield _SETTLEMENTS.of(
        (one.body.transfer, int(one.body.verdict), one.body.time, one.payload, one.seal()) for one in verdicts
    )


def _of_words(ended: Iterable[Ended]) -> Iterable[Change]:
    words = {word.id: word for one in ended for word in one.words}.values()
    yield _STATEMENTS.of((one.id, one.body.consumer, one.payload, one.seal()) for one in words)
    yield _HEARD.of((one.id, one.body.time) for one in words)
    yield _CONSUMED.of((*ref, one.body.consumer, one.id) for one in words for ref in one.body.refs)


def _token_rows(ended: Iterable[Ended]) -> Iterable[Row]:
    for token in (token for one in ended for token in one.hop.tokens):
        yield (
            *token.ref,
            token.amount,
            token.owner,
            token.currency,
            token.mark,
            token.hop,
            token.expires,
            token.made,
            token.payer,
            token.amount,
        )


def _of_unspent(settling: Settling) -> Iterable[Change]:
    """What was made and consumed in one go was never unspent."""
    hops = [one.hop for one in settling.ended]
    made = {token.ref: token for hop in hops for token in hop.tokens}
    spent = {ref for hop in hops for ref in hop.transfer.body.inputs}
    yield Change(SPENT, tuple(_REF.values()), [ref for ref in spent if ref not in made])
    left = [token for ref, token in made.items() if ref not in spent and token.owner in settling.holders]
    rows = [(*token.ref, token.owner, settling.holders[token.owner].device, token.expires) for token in left]
    yield Change(_UNSPENT, (*_REF.values(), _BYTES, _BYTES, _NUMBER), rows)


def _of_counts(settling: Settling) -> Iterable[Change]:
    """Each payment counts for its device and its request."""
    counted: list[Row] = []
    given: Counter[tuple[bytes, bytes]] = Counter()
    for hop in (one.hop for one in settling.ended if one.hop.owner in settling.holders):
        device, body = settling.holders[hop.owner].device, hop.transfer.body
        counted.append((device, body.sequence, hop.transfer.id, body.amount))
        given[device, hop.request] += body.amount
    yield _COUNTED.of(counted)
    yield _ANSWERING.of((*answered, amount) for answered, amount in given.items())
