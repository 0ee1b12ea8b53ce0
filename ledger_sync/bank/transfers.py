"""Transfers: their payloads, how far each has come, and the signatures under them.

Rule: only a copy whose signer owns the inputs stands for a transfer (`Transfers.transfer`), because an id says
nothing about signatures: a bad copy must never hide a good one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ledger_sync.bank.once import Once
from ledger_sync.bank.parsed import keep, load
from ledger_sync.bank.pending import Part, Pending, beneficiary
from ledger_sync.bank.shares import Share, Shares
from ledger_sync.bank.sqlite.store import Store
from ledger_sync.bank.waiting import Waiting
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import TokenRef, Transfer


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


class Transfers:
    """The tables of them. Reads and writes within the caller's transaction."""

    def __init__(self, store: Store, shares: Shares, pending: Pending, waiting: Waiting) -> None:
        self._store = store
        self._shares = shares
        self._pending = pending
        self._waiting = waiting
        self._entries = Once(store, self._read_entry)
        self._copies = Once(store, self._read_copy)
        self._signers = Once(store, self._read_signer)

    def add(self, signed: Signed[Transfer], uploader: str, now: int) -> bool:
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
                self._pending.add(signed.id, Part.BENEFICIARY, key)
            self._waiting.add(signed.id, uploader, now)
        return is_new

    def knows(self, txid: bytes) -> bool:
        return self._entries.get(txid) is not None

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
        self._waiting.over(txid)
        if stage is Stage.ANSWERED:
            self._pending.over(txid)

    def mark_valid(self, txid: bytes) -> None:
        self._store.run(
            "update transfers set stage = 'valid', turn ="
            " (select coalesce(max(turn), 0) + 1 from transfers where stage = 'valid') where id = ?",
            (txid,),
        )
        self._write_entry(txid, stage=Stage.VALID)
        self._waiting.over(txid)

    def forget(self, txid: bytes) -> None:
        """Keep a waiting transfer no longer, nor anything that hangs on it."""
        self._waiting.over(txid)
        self._pending.over(txid)
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
        made = self.body(ref.txid)
        if made is None:
            issued: bytes | None = self._store.value("select owner from issuances where id = ?", (ref.txid,))
            return issued
        return made.payee if ref.output == 0 else self.owner(ref.txid)

    def children(self, txid: bytes) -> list[bytes]:
        """Transfers that consume an output of ``txid``."""
        rows = self._store.rows(
            "select distinct transfer from inputs where origin = ? order by transfer", (txid,)
        )
        return [row[0] for row in rows]

    def waiting_for(self, ref: TokenRef) -> list[bytes]:
        """Transfers that consume an output and wait."""
        return [txid for txid in self.consumers(ref) if self.stage(txid) is Stage.WAITING]

    def valid(self, limit: int) -> list[Signed[Transfer]]:
        """Transfers that wait to be committed, ancestors first."""
        rows = self._store.rows(
            "select t.payload, c.signature from transfers t join copies c on c.transfer = t.id and c.signer = t.owner"
            " where t.stage = 'valid' order by t.turn limit ?",
            (limit,),
        )
        return [load(Transfer, *row) for row in rows]

    def consumers(self, ref: TokenRef) -> list[bytes]:
        rows = self._store.rows(
            "select transfer from inputs where origin = ? and output = ?", (ref.txid, ref.output)
        )
        return [row[0] for row in rows]

    # validity

    def is_valid(self, txid: bytes) -> bool:
        """Whether a transfer was judged and is valid, whatever has become of it."""
        return self.signer(txid) is not None

    def set_signer(self, txid: bytes, certificate: Signed[Certificate]) -> None:
        self._store.insert("signers", transfer=txid, certificate=certificate.id)
        self._signers.put(txid, certificate)

    def signer(self, txid: bytes) -> Signed[Certificate] | None:
        """The certificate under which a valid transfer was signed."""
        return self._signers.get(txid)

    def _read_signer(self, txid: bytes) -> Signed[Certificate] | None:
        row = self._store.row(
            "select c.payload, c.signature from signers s join certificates c on c.id = s.certificate"
            " where s.transfer = ?",
            (txid,),
        )
        return None if row is None else load(Certificate, *row)

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
            self._pending.add(signed.id, Part.SIGNER, signer)
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
        self._shares.charge(Share.CLAIMS, uploader)

    def drop_claim(self, txid: bytes, uploader: str) -> bool:
        """Whether there was one."""
        sql = "delete from claims where transfer = ? and uploader = ?"
        was_there = self._store.run(sql, (txid, uploader)) == 1
        if was_there:
            self._shares.charge(Share.CLAIMS, uploader, count=-1)
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
