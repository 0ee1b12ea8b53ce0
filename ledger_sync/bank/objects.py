"""Received objects: what was uploaded or passed on, kept as it came, looked up by the id of its payload.

Rule: only a copy whose signer owns the inputs stands for a transfer (`Objects.transfer`), because an id says
nothing about signatures: a bad copy must never hide a good one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from ledger_sync.bank.once import Once
from ledger_sync.bank.parsed import keep, load
from ledger_sync.bank.pending import Part, Pending, beneficiary
from ledger_sync.bank.shares import Share, Shares
from ledger_sync.bank.store import Row, Store
from ledger_sync.bank.terms import Capacity
from ledger_sync.bank.unspent import Unspent
from ledger_sync.bank.waiting import Waiting
from ledger_sync.heard import PAGE, start
from wallet.protocol.bounds import MAX_BANKS
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.request import Request, request_ref
from wallet.protocol.settlement import Consumption, Settlement
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token, choose_certificate

_FIELDS: Final = ("amount", "owner", "currency", "mark", "hop", "expires", "made", "payer")
_TOKEN: Final = ", ".join(_FIELDS)


class Stage(StrEnum):
    """How far a transfer has come: signatures and provenance incomplete, valid, decided by the notary, answered."""

    WAITING = "waiting"
    VALID = "valid"
    COMMITTED = "committed"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Entry:
    """A transfer as the archive lists it: its payload, how far it has come, and who owns its inputs, as far as payloads
    at hand tell."""

    payload: bytes
    stage: Stage
    owner: bytes | None


class Objects:
    """The bank's archive. Reads and writes within the caller's transaction."""

    def __init__(self, store: Store, capacity: Capacity) -> None:
        self._store = store
        self.unspent = Unspent(store)
        self.pending = Pending(store)
        self.shares = Shares(store, capacity)
        self.waiting = Waiting(store, self.shares)
        self._entries = Once(store, self._read_entry)
        self._copies = Once(store, self._read_copy)
        self._banks = Once(store, self._read_banks)
        self._certificates = Once(store, self._read_certificates)

    # certificates, issuances, requests

    def knows(self, table: str, object_key: bytes) -> bool:
        return self._store.row(f"select 1 from {table} where id = ?", (object_key,)) is not None

    def add_certificate(self, signed: Signed[Certificate]) -> bool:
        body = signed.body
        keep(signed)
        self._banks.forget()
        self._certificates.forget()
        return self._store.insert(
            "certificates",
            id=signed.id,
            key=body.key,
            bank=body.bank,
            expires=body.expires,
            payload=signed.payload,
            signature=signed.signature,
        )

    def certificates(self, key: bytes) -> Sequence[Signed[Certificate]]:
        return self._certificates.get(key)

    def _read_certificates(self, key: bytes) -> Sequence[Signed[Certificate]]:
        rows = self._store.rows("select payload, signature from certificates where key = ?", (key,))
        return [load(Certificate, *row) for row in rows]

    def certificate(self, certificate_id: bytes) -> Signed[Certificate] | None:
        row = self._store.row("select payload, signature from certificates where id = ?", (certificate_id,))
        return None if row is None else load(Certificate, *row)

    def certificate_for(self, key: bytes, time: int, first: str = "") -> Signed[Certificate] | None:
        """The certificate of ``key`` that covers ``time``, or its last to expire; None where there is none. Those of
        the bank ``first`` come before all others."""
        held = self.certificates(key)
        held = [item for item in held if item.body.bank == first] or held
        return choose_certificate(held, key, time) if held else None

    def banks_of(self, key: bytes) -> Sequence[str]:
        """The banks that certified ``key``, as far as certificates of it are at hand. Any bank can certify any key,
        so that one of them does says nothing against the others."""
        return self._banks.get(key)

    def _read_banks(self, key: bytes) -> Sequence[str]:
        sql = "select distinct bank from certificates where key = ? order by bank limit ?"
        return [row[0] for row in self._store.rows(sql, (key, MAX_BANKS))]

    def add_issuance(self, signed: Signed[Issuance]) -> bool:
        return self._store.insert(
            "issuances",
            id=signed.id,
            owner=signed.body.owner,
            payload=signed.payload,
            signature=signed.signature,
        )

    def issuance(self, issuance_id: bytes) -> Signed[Issuance] | None:
        row = self._store.row("select payload, signature from issuances where id = ?", (issuance_id,))
        return None if row is None else load(Issuance, *row)

    def add_request(self, signed: Signed[Request], uploader: str, now: int) -> bool:
        keep(signed)
        ref = request_ref(signed)
        sql = "select 1 from transfers where purpose = ? and stage = 'answered' limit 1"
        answered = self._store.row(sql, (ref,)) is not None
        is_new = self._store.insert(
            "requests",
            id=signed.id,
            ref=ref,
            payload=signed.payload,
            signature=signed.signature,
            uploader=uploader,
            answered=int(answered),
            since=now,
        )
        if is_new and not answered:
            self.shares.charge(Share.REQUESTS, uploader)
        return is_new

    def answer_requests(self, ref: bytes) -> None:
        """A settled transfer answers them: they are no burden any more."""
        rows = self._store.rows("select id, uploader from requests where ref = ? and answered = 0", (ref,))
        for request_id, uploader in rows:
            self._store.run("update requests set answered = 1 where id = ?", (request_id,))
            self.shares.charge(Share.REQUESTS, uploader, count=-1)

    def drop_requests(self, uploader: str, count: int) -> None:
        """The oldest that nothing has answered."""
        self._drop_requests("uploader = ?", (uploader, count))

    def drop_old_requests(self, before: int, count: int) -> None:
        """Those that nothing has answered since ``before`` (unix seconds)."""
        self._drop_requests("since < ?", (before, count))

    def _drop_requests(self, which: str, values: Sequence[Any]) -> None:
        rows = self._store.rows(
            f"select id, uploader from requests where answered = 0 and {which} order by since limit ?", values
        )
        for request_id, uploader in rows:
            self._store.run("delete from requests where id = ?", (request_id,))
            self.shares.charge(Share.REQUESTS, uploader, count=-1)

    def request(self, ref: bytes) -> Signed[Request] | None:
        row = self._store.row("select payload, signature from requests where ref = ? limit 1", (ref,))
        return None if row is None else load(Request, *row)

    # transfers

    def add_transfer(self, signed: Signed[Transfer], uploader: str, now: int) -> bool:
        """Its payload and inputs; its signature is for `add_copy` or `add_claim`."""
        body = signed.body
        keep(signed)
        is_new = self._store.insert(
            "transfers",
            id=signed.id,
            payload=signed.payload,
            sequence=body.sequence,
            purpose=body.purpose if isinstance(body.purpose, bytes) else None,
            stage=Stage.WAITING.value,
            first_uploader=uploader,
        )
        if is_new:
            self._entries.put(signed.id, Entry(signed.payload, Stage.WAITING, None))
            for ref in body.inputs:
                self._store.insert("inputs", transfer=signed.id, origin=ref.txid, output=ref.output)
            key = beneficiary(body)
            if key is not None:
                self.pending.add(signed.id, Part.BENEFICIARY, key)
            self.waiting.add(signed.id, uploader, now)
        return is_new

    def body(self, txid: bytes) -> Transfer | None:
        """The payload behind an id, whoever signed it."""
        entry = self._entries.get(txid)
        return None if entry is None else load(Transfer, entry.payload).body

    def stage(self, txid: bytes) -> Stage | None:
        entry = self._entries.get(txid)
        return None if entry is None else entry.stage

    def _read_entry(self, txid: bytes) -> Entry | None:
        row = self._store.row("select payload, stage, owner from transfers where id = ?", (txid,))
        return None if row is None else Entry(row[0], Stage(row[1]), row[2])

    def _write_entry(self, txid: bytes, **changes: Any) -> None:
        """Keep what has just been written."""
        entry = self._entries.get(txid)
        self._entries.put(txid, None if entry is None else replace(entry, **changes))

    def set_stage(self, txid: bytes, stage: Stage) -> None:
        self._store.run("update transfers set stage = ? where id = ?", (stage.value, txid))
        self._write_entry(txid, stage=stage)
        self.waiting.over(txid)
        if stage is Stage.ANSWERED:
            self.pending.over(txid)

    def mark_valid(self, txid: bytes) -> None:
        self._store.run(
            "update transfers set stage = 'valid', turn ="
            " (select coalesce(max(turn), 0) + 1 from transfers where stage = 'valid') where id = ?",
            (txid,),
        )
        self._write_entry(txid, stage=Stage.VALID)
        self.waiting.over(txid)

    def forget(self, txid: bytes) -> None:
        """Keep a waiting transfer no longer, nor anything that hangs on it."""
        self.waiting.over(txid)
        self.pending.over(txid)
        self.take_claims(txid)
        for table in ("copies", "inputs", "uploads"):
            self._store.run(f"delete from {table} where transfer = ?", (txid,))
        self._store.run("delete from transfers where id = ?", (txid,))
        self._entries.forget()
        self._copies.forget()

    def owner(self, txid: bytes) -> bytes | None:
        """Who owns a transfer's inputs, as far as payloads at hand tell."""
        entry = self._entries.get(txid)
        return None if entry is None else entry.owner

    def set_owner(self, txid: bytes, owner: bytes) -> None:
        self._store.run("update transfers set owner = ? where id = ?", (owner, txid))
        self._write_entry(txid, owner=owner)

    def owner_of(self, ref: TokenRef) -> bytes | None:
        """Who owns an output, by payloads alone: they are fixed by its name, valid or not."""
        issued: bytes | None = self._store.value("select owner from issuances where id = ?", (ref.txid,))
        if issued is not None:
            return issued
        made = self.body(ref.txid)
        if made is None:
            return None
        return made.payee if ref.output == 0 else self.owner(ref.txid)

    def children(self, txid: bytes) -> list[bytes]:
        """Transfers that consume an output of ``txid``."""
        rows = self._store.rows(
            "select distinct transfer from inputs where origin = ? order by transfer", (txid,)
        )
        return [row[0] for row in rows]

    def waiting_for(self, ref: TokenRef) -> list[bytes]:
        """Transfers that consume an output and wait."""
        rows = self._store.rows(
            "select w.transfer from inputs i join waiting w on w.transfer = i.transfer"
            " where i.origin = ? and i.output = ?",
            (ref.txid, ref.output),
        )
        return [row[0] for row in rows]

    def consumers(self, ref: TokenRef) -> list[bytes]:
        rows = self._store.rows(
            "select transfer from inputs where origin = ? and output = ?", (ref.txid, ref.output)
        )
        return [row[0] for row in rows]

    # signatures

    def add_copy(self, signed: Signed[Transfer], signer: bytes) -> bool:
        """A signature that ``signer`` was seen to have made."""
        is_new = self._store.insert(
            "copies",
            transfer=signed.id,
            signer=signer,
            sequence=signed.body.sequence,
            signature=signed.signature,
        )
        if is_new:
            self._copies.put((signed.id, signer), signed)
            self.pending.add(signed.id, Part.SIGNER, signer)
        return is_new

    def copy(self, txid: bytes, signer: bytes) -> Signed[Transfer] | None:
        return self._copies.get((txid, signer))

    def _read_copy(self, key: tuple[bytes, bytes]) -> Signed[Transfer] | None:
        row = self._store.row(
            "select t.payload, c.signature from copies c join transfers t on t.id = c.transfer"
            " where c.transfer = ? and c.signer = ?",
            key,
        )
        return None if row is None else load(Transfer, *row)

    def signers_of(self, signed: Signed[Transfer]) -> list[bytes]:
        """Who was seen to have made this very signature."""
        sql = "select signer from copies where transfer = ? and signature = ? limit 1"
        return [row[0] for row in self._store.rows(sql, (signed.id, signed.signature))]

    def has_copy(self, txid: bytes, signer: bytes) -> bool:
        return self.copy(txid, signer) is not None

    def transfer(self, txid: bytes) -> Signed[Transfer] | None:
        """The transfer as the owner of its inputs signed it."""
        owner = self.owner(txid)
        return None if owner is None else self.copy(txid, owner)

    def any_copy(self, txid: bytes) -> tuple[Signed[Transfer], bytes] | None:
        """The transfer with its signer: the owner's copy, or else any whose signer is known."""
        row = self._store.row(
            "select t.payload, c.signature, c.signer from copies c join transfers t on t.id = c.transfer"
            " where c.transfer = ? order by c.signer = t.owner desc, c.signer limit 1",
            (txid,),
        )
        return None if row is None else (load(Transfer, row[0], row[1]), row[2])

    def add_claim(self, signed: Signed[Transfer], uploader: str) -> None:
        self.drop_claim(signed.id, uploader)
        self._store.insert("claims", transfer=signed.id, uploader=uploader, signature=signed.signature)
        self.shares.charge(Share.CLAIMS, uploader)

    def drop_claim(self, txid: bytes, uploader: str) -> bool:
        """Whether there was one."""
        sql = "delete from claims where transfer = ? and uploader = ?"
        was_there = self._store.run(sql, (txid, uploader)) == 1
        if was_there:
            self.shares.charge(Share.CLAIMS, uploader, count=-1)
        return was_there

    def is_signed(self, txid: bytes) -> bool:
        """Whether any signature of it is kept, be its signer known or not."""
        sql = (
            "select 1 from copies where transfer = ?1 union select 1 from claims where transfer = ?1 limit 1"
        )
        return self._store.row(sql, (txid,)) is not None

    def take_claims(self, txid: bytes) -> list[Signed[Transfer]]:
        """The copies whose signer was not known; they are kept no longer."""
        rows = self._store.rows(
            "select t.payload, c.signature, c.uploader from claims c join transfers t on t.id = c.transfer"
            " where c.transfer = ?",
            (txid,),
        )
        for *_, uploader in rows:
            self.drop_claim(txid, uploader)
        return [load(Transfer, row[0], row[1]) for row in rows]

    # outputs

    def add_tokens(self, tokens: Sequence[Token], *, settled: bool) -> None:
        """Outputs of a valid transaction; those of an issuance bring their face value."""
        for token in tokens:
            self._store.insert(
                "tokens",
                origin=token.ref.txid,
                output=token.ref.output,
                amount=token.amount,
                owner=token.owner,
                currency=token.currency,
                mark=token.mark,
                hop=token.hop,
                expires=token.expires,
                made=token.made,
                payer=token.payer,
                value=token.amount if settled else None,
            )
        self.unspent.came(tokens)

    def settle(self, ref: TokenRef, value: int) -> None:
        """What an output is worth (tiyn) by its transfer's verdict."""
        self._store.run("update tokens set value = ? where origin = ? and output = ?", (value, *ref))
        if not value:
            self.unspent.drop(ref)

    def token(self, ref: TokenRef) -> Token | None:
        row = self._store.row(f"select {_TOKEN} from tokens where origin = ? and output = ?", ref)
        return None if row is None else _token(ref, row)

    def settled_value(self, ref: TokenRef) -> int | None:
        """Settled tiyn of an output; None while it has no verdict."""
        value: int | None = self._store.value("select value from tokens where origin = ? and output = ?", ref)
        return value

    def worth(self, ref: TokenRef) -> int | None:
        """Settled tiyn of an output; None while it has no verdict. Of a transfer that ended before it was judged
        (`endings`) there are no tokens, and its verdict says so."""
        value = self.settled_value(ref)
        if value is not None:
            return value
        settlement = self.settlement(ref.txid)
        values = () if settlement is None else settlement.body.values
        return values[ref.output] if ref.output < len(values) else None

    def is_valid(self, txid: bytes) -> bool:
        """Whether a transfer was judged and is valid, whatever has become of it."""
        return self._store.row("select 1 from signers where transfer = ?", (txid,)) is not None

    def set_signer(self, txid: bytes, certificate: Signed[Certificate]) -> None:
        self._store.insert("signers", transfer=txid, certificate=certificate.id)

    def signer(self, txid: bytes) -> Signed[Certificate] | None:
        """The certificate under which a valid transfer was signed."""
        found = self._store.value("select certificate from signers where transfer = ?", (txid,))
        return None if found is None else self.certificate(found)

    # what notary and bank said

    def add_statement(self, signed: Signed[Consumption], *, is_ours: bool = True) -> list[TokenRef]:
        """The notary's word; the references of which nothing was known before. ``is_ours``: it answers a commit of this
        bank, so that what it consumed needs no refund."""
        body = signed.body
        keep(signed)
        fresh = []
        is_first = self._store.insert(
            "statements",
            id=signed.id,
            consumer=body.consumer,
            payload=signed.payload,
            signature=signed.signature,
        )
        if is_first:
            self._store.insert("heard", statement=signed.id, time=body.time)
        for ref in body.refs:
            is_new = self._store.insert(
                "consumed", origin=ref.txid, output=ref.output, consumer=body.consumer, statement=signed.id
            )
            fresh += [ref] if is_new else []
            if is_ours:
                self.unspent.drop(ref)
        return fresh

    def statement(self, ref: TokenRef) -> Signed[Consumption] | None:
        """The notary's word on who consumed an output."""
        row = self._store.row(
            "select s.payload, s.signature from consumed c join statements s on s.id = c.statement"
            " where c.origin = ? and c.output = ?",
            ref,
        )
        return None if row is None else load(Consumption, *row)

    def statements(self, refs: Sequence[TokenRef]) -> list[Signed[Consumption]]:
        """The notary's words about these outputs, each once."""
        found = {held.id: held for ref in refs if (held := self.statement(ref)) is not None}
        return list(found.values())

    def heard(self, since: int, after: int) -> tuple[int, list[Signed[Consumption]]]:
        """A page of the notary's words dated `since` or later, after number `after` of their coming; and the number
        of its last (0 for an empty page)."""
        rows = self._store.rows(
            "select h.number, s.payload, s.signature from heard h join statements s on s.id = h.statement"
            " where h.number > ? order by h.number limit ?",
            (max(after, start(self._store.rows, since)), PAGE),
        )
        return (rows[-1][0] if rows else 0), [load(Consumption, *row[1:]) for row in rows]

    def settlement(self, txid: bytes) -> Signed[Settlement] | None:
        row = self._store.row("select payload, signature from settlements where transfer = ?", (txid,))
        return None if row is None else load(Settlement, *row)


def _token(ref: TokenRef, row: Row) -> Token:
    """The token in a row of ``_TOKEN``."""
    return Token(ref=ref, **dict(zip(_FIELDS, row, strict=True)))
