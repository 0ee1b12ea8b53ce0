"""What is here of an upload, looked at once: its transfers, and the tokens that it consumes and does not make."""

from __future__ import annotations

from typing import Final

from ledger_sync.bank.parsed import load
from ledger_sync.bank.ports.plain import Seen
from ledger_sync.bank.ports.settlements import Told
from ledger_sync.bank.sql.tokens import FIELDS, token_of
from ledger_sync.database.store import Row, Store
from wallet.protocol.bundle import Bundle
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Consumption, Settlement, Verdict
from wallet.protocol.transfer import TokenRef
from wallet.protocol.validity import Token

_SEEN: Final = (
    "select n.column1, n.column2, t.stage, g.certificate, u.uploader, s.payload, s.signature, e.raw,"
    f" w.id, w.payload, w.signature, {', '.join(f'k.{name}' for name in FIELDS)} from ({{rows}}) as n"
    " left join transfers t on t.id = n.column1 and n.column2 is null"
    " left join settlements s on s.transfer = t.id"
    " left join evidence e on e.id = s.evidence"
    " left join signers g on g.transfer = s.transfer"
    " left join uploads u on u.transfer = s.transfer and u.uploader = n.column3"
    " left join inputs i on i.transfer = s.transfer"
    " left join consumed c on c.origin = i.origin and c.output = i.output"
    " left join statements w on w.id = c.statement"
    " left join tokens k on k.origin = n.column1 and k.output = n.column2 and k.value = k.amount"
)
"""Of a transfer a row for each input, once it has a verdict."""


class _Found:
    """What is found, row by row."""

    def __init__(self) -> None:
        self._verdicts: dict[bytes, tuple[Signed[Settlement], bytes | None]] = {}
        self._words: dict[bytes, dict[bytes, Signed[Consumption]]] = {}
        self._valid: set[bytes] = set()
        self._shown: set[bytes] = set()
        self._waiting: set[bytes] = set()
        self._whole: dict[TokenRef, Token] = {}

    def add(self, row: Row) -> None:
        name, output, stage = row[:3]
        if output is None and stage is not None:
            self._add_transfer(name, row[3:11])
        elif output is not None and row[11] is not None:
            ref = TokenRef(name, output)
            self._whole[ref] = token_of(ref, row[11:])

    def _add_transfer(self, txid: bytes, row: Row) -> None:
        certificate, uploader, payload, seal, evidence, word, said, said_seal = row
        if payload is None:
            self._waiting.add(txid)
            return
        if txid not in self._verdicts:
            self._verdicts[txid] = load(Settlement, payload, seal), evidence
        if certificate is not None:
            self._valid.add(txid)
        if uploader is not None:
            self._shown.add(txid)
        words = self._words.setdefault(txid, {})
        if word is not None and word not in words:
            words[word] = load(Consumption, said, said_seal)

    def seen(self) -> Seen:
        """All of it. On what is refused the notary's words are none of its verdict's."""
        told = {}
        for txid, (settlement, evidence) in self._verdicts.items():
            is_refused = settlement.body.verdict is Verdict.REFUSED
            told[txid] = Told(settlement, () if is_refused else tuple(self._words[txid].values()), evidence)
        return Seen(
            told, frozenset(self._valid), frozenset(self._shown), frozenset(self._waiting), self._whole
        )


def seen(store: Store, bundle: Bundle, uploader: str) -> Seen:
    """As `ledger_sync.bank.ports.plain.PlainUploads.seen`."""
    names = {item.id for item in bundle.transfers}
    refs = {ref for item in bundle.transfers for ref in item.body.inputs if ref.txid not in names}
    asked = [*((name, None, uploader) for name in names), *((*ref, uploader) for ref in refs)]
    found = _Found()
    for row in store.rows_over(_SEEN, ("bytea", "bigint", "text"), asked):
        found.add(row)
    return found.seen()
