"""Transfers and the signatures under them, upon SQL (`ledger_sync.bank.ports.transfers`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from ledger_sync.bank.parsed import keep, load
from ledger_sync.bank.ports.pending import beneficiary
from ledger_sync.bank.ports.shares import Share
from ledger_sync.bank.ports.transfers import Entry, New, Stage
from ledger_sync.bank.sql.pending import Part, SqlPending
from ledger_sync.bank.sql.sets import ids, tuples
from ledger_sync.bank.sql.shares import SqlRefused, SqlShares, SqlWaiting
from ledger_sync.database.store import Row, Store
from wallet.database import insertion
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import TokenRef, Transfer

_NEW: Final = insertion(
    "transfers",
    ("id", "payload", "sequence", "purpose", "stage", "owner", "first_uploader"),
    unless_there=False,
)
_INPUT: Final = insertion("inputs", ("transfer", "origin", "output"), unless_there=True)
_COPY: Final = insertion("copies", ("transfer", "signer", "sequence", "signature"), unless_there=True)
_CLAIM: Final = insertion("claims", ("transfer", "uploader", "signature"), unless_there=False)
_SIGNER: Final = insertion("signers", ("transfer", "certificate"), unless_there=True)
_BROUGHT: Final = (
    "insert into uploads (transfer, uploader, whole) values (?, ?, ?)"
    " on conflict (transfer, uploader) do update set whole = 1 where excluded.whole > uploads.whole"
)
_OWN: Final = "update transfers set owner = n.column2 from ({rows}) as n where transfers.id = n.column1"
_VALID: Final = (
    "update transfers set stage = 'valid', turn = n.column2, claimed = n.column3 from ({rows}) as n"
    " where transfers.id = n.column1 and transfers.stage = 'waiting'"
)
_ENTRIES: Final = (
    "select t.id, t.payload, t.stage, t.owner, c.signature, s.certificate from transfers t"
    " left join copies c on c.transfer = t.id and c.signer = t.owner"
    " left join signers s on s.transfer = t.id where t.id in "
)


class SqlTransfers:
    """The tables of them."""

    def __init__(
        self,
        store: Store,
        shares: SqlShares,
        pending: SqlPending,
        waiting: SqlWaiting,
        refused: SqlRefused,
    ) -> None:
        self._store = store
        self._shares = shares
        self._pending = pending
        self._waiting = waiting
        self._refused = refused

    def entries(self, txids: Collection[bytes]) -> Mapping[bytes, Entry]:
        """Those of these that are here."""
        return {row[0]: _entry(row) for row in self._each(_ENTRIES, txids)}

    def _each(self, sql: str, names: Collection[bytes], *more: Any) -> Iterable[Row]:
        for places, values in ids(names):
            yield from self._store.rows(f"{sql}{places}", (*more, *values))

    def add(self, new: Sequence[New], now: int) -> None:
        """Payloads, inputs and owners."""
        fresh = {one.transfer.id: one for one in new}
        known: dict[bytes, bytes | None] = dict(
            self._each("select id, owner from transfers where id in ", fresh)
        )
        owners = {name: one.owner for name, one in fresh.items() if one.owner is not None}
        self.set_owners({name: owner for name, owner in owners.items() if known.get(name, owner) is None})
        for name in known:
            del fresh[name]
        signed = [one.transfer for one in fresh.values()]
        self._store.run_each(_NEW, [_new(one) for one in fresh.values()])
        self._store.run_each(_INPUT, [(item.id, *ref) for item in signed for ref in item.body.inputs])
        concerned = ((item.id, beneficiary(item.body)) for item in signed)
        self._pending.add(Part.BENEFICIARY, [(name, key) for name, key in concerned if key is not None])
        for one in fresh.values():
            keep(one.transfer)
            self._waiting.add(one.transfer.id, one.uploader, now)

    def set_owners(self, owners: Mapping[bytes, bytes]) -> None:
        """Who owns the inputs of each, known now."""
        self._store.run_over(_OWN, ("bytea", "bytea"), list(owners.items()))

    def brought(self, shown: Sequence[tuple[bytes, str, bool]]) -> None:
        """Who showed them to this bank, and how."""
        how: dict[tuple[bytes, str], int] = {}
        for txid, uploader, whole in shown:
            how[txid, uploader] = max(how.get((txid, uploader), 0), int(whole))
        self._store.run_each(_BROUGHT, [(*who, whole) for who, whole in how.items()])

    def body(self, txid: bytes) -> Transfer | None:
        """The payload behind an id."""
        payload = self._store.value("select payload from transfers where id = ?", (txid,))
        return None if payload is None else load(Transfer, payload).body

    def stage(self, txid: bytes) -> Stage | None:
        """How far it has come."""
        stage = self._store.value("select stage from transfers where id = ?", (txid,))
        return None if stage is None else Stage(stage)

    def set_stage(self, txid: bytes, stage: Stage) -> None:
        """It waits no longer."""
        self._store.run("update transfers set stage = ? where id = ?", (stage.value, txid))
        self._waiting.over(txid)
        if stage is Stage.ANSWERED:
            self._pending.over(txid)

    def make_valid(self, valid: Sequence[tuple[bytes, Signed[Certificate]]], reserved: int = 0) -> None:
        """Each was judged and is valid. What is reserved is claimed until a negative time."""
        if not valid:
            return
        turn = self._store.value("select coalesce(max(turn), 0) from transfers where stage = 'valid'")
        self._store.run_each(_SIGNER, [(txid, certificate.id) for txid, certificate in valid])
        turns = [(txid, turn + number, -reserved) for number, (txid, _) in enumerate(valid, 1)]
        self._store.run_over(_VALID, ("bytea", "bigint", "bigint"), turns)
        for txid, _ in valid:
            self._waiting.over(txid)

    def forget(self, txid: bytes) -> Sequence[bytes]:
        """Keep a waiting or refused transfer no longer."""
        self._waiting.over(txid)
        self._refused.over(txid)
        self._pending.over(txid)
        self.drop_claims((txid,))
        signers = self._store.rows("delete from copies where transfer = ? returning signer", (txid,))
        for table in ("inputs", "uploads", "settlements"):
            self._store.run(f"delete from {table} where transfer = ?", (txid,))
        self._store.run("delete from transfers where id = ?", (txid,))
        return [signer for (signer,) in signers]

    def owner(self, txid: bytes) -> bytes | None:
        """Who owns a transfer's inputs."""
        owner: bytes | None = self._store.value("select owner from transfers where id = ?", (txid,))
        return owner

    def owner_of(self, ref: TokenRef) -> bytes | None:
        """Who owns an output, by payloads alone."""
        made = self.body(ref.txid)
        if made is None:
            issued: bytes | None = self._store.value("select owner from issuances where id = ?", (ref.txid,))
            return issued
        return made.payee if ref.output == 0 else self.owner(ref.txid)

    def children(self, txids: Collection[bytes]) -> Mapping[bytes, Sequence[bytes]]:
        """Transfers that consume an output of each of these."""
        found: dict[bytes, dict[bytes, None]] = {}
        for origin, txid in sorted(self._each("select origin, transfer from inputs where origin in ", txids)):
            found.setdefault(origin, {})[txid] = None
        return {origin: list(held) for origin, held in found.items()}

    def redeemed(self, refs: Collection[TokenRef]) -> frozenset[TokenRef]:
        """Those that something redeems: of a payment alone the purpose is in its column."""
        found: set[TokenRef] = set()
        for table, values in tuples(refs):
            sql = (
                f"with named (origin, output) as {table} select n.origin, n.output from named n"
                " join inputs i on i.origin = n.origin and i.output = n.output"
                " join transfers t on t.id = i.transfer and t.purpose is null"
            )
            found.update(TokenRef(*row) for row in self._store.rows(sql, values))
        return frozenset(found)

    def redemptions_of(self, ref: TokenRef, signer: bytes) -> list[Signed[Transfer]]:
        """What ``signer`` signed that redeems an output."""
        rows = self._store.rows(
            "select t.payload, c.signature from inputs i"
            " join transfers t on t.id = i.transfer and t.purpose is null"
            " join copies c on c.transfer = i.transfer and c.signer = ?"
            " where i.origin = ? and i.output = ?",
            (signer, *ref),
        )
        return [load(Transfer, *row) for row in rows]

    def signer(self, txid: bytes) -> Signed[Certificate] | None:
        """The certificate under which a valid transfer was signed."""
        row = self._store.row(
            "select c.payload, c.signature from signers s join certificates c on c.id = s.certificate"
            " where s.transfer = ?",
            (txid,),
        )
        return None if row is None else load(Certificate, *row)

    # signatures

    def sign(self, copies: Sequence[tuple[Signed[Transfer], bytes]]) -> None:
        """Signatures that each key was seen to have made."""
        self._store.run_each(
            _COPY, [(item.id, signer, item.body.sequence, item.signature) for item, signer in copies]
        )
        self._pending.add(Part.SIGNER, [(item.id, signer) for item, signer in copies])

    def signers_of(self, transfers: Collection[Signed[Transfer]]) -> Mapping[bytes, bytes]:
        """Who was seen to have made these very signatures."""
        made = {item.id: item.signature for item in transfers}
        rows = self._each("select transfer, signature, signer from copies where transfer in ", made)
        return {txid: signer for txid, signature, signer in rows if made[txid] == signature}

    def copy(self, txid: bytes, signer: bytes) -> Signed[Transfer] | None:
        """The transfer as ``signer`` signed it."""
        row = self._store.row(
            "select t.payload, c.signature from copies c join transfers t on t.id = c.transfer"
            " where c.transfer = ? and c.signer = ?",
            (txid, signer),
        )
        return None if row is None else load(Transfer, *row)

    def has_copy(self, txid: bytes, signer: bytes) -> bool:
        """Whether ``signer`` signed it."""
        return self.copy(txid, signer) is not None

    def transfer(self, txid: bytes) -> Signed[Transfer] | None:
        """The transfer as the owner of its inputs signed it."""
        entry = self.entries((txid,)).get(txid)
        return None if entry is None else entry.signed

    def any_copy(self, txid: bytes) -> tuple[Signed[Transfer], bytes] | None:
        """The transfer with its signer: the owner's copy, or else any whose signer is known."""
        row = self._store.row(
            "select t.payload, c.signature, c.signer from copies c join transfers t on t.id = c.transfer"
            " where c.transfer = ? order by c.signer = t.owner desc, c.signer limit 1",
            (txid,),
        )
        return None if row is None else (load(Transfer, row[0], row[1]), row[2])

    def claim(self, claims: Sequence[tuple[Signed[Transfer], str]]) -> None:
        """Signatures whose signers are not known."""
        for signed, uploader in claims:
            self.drop_claim(signed.id, uploader)
            self._store.run(_CLAIM, (signed.id, uploader, signed.signature))
            self._shares.charge(Share.CLAIMS, uploader)

    def claims(self, txids: Collection[bytes]) -> Mapping[bytes, Sequence[Signed[Transfer]]]:
        """The signatures whose signers are not known."""
        sql = (
            "select c.transfer, t.payload, c.signature from claims c join transfers t on t.id = c.transfer"
            " where c.transfer in "
        )
        found: dict[bytes, list[Signed[Transfer]]] = {}
        for txid, payload, signature in self._each(sql, txids):
            found.setdefault(txid, []).append(load(Transfer, payload, signature))
        return found

    def drop_claim(self, txid: bytes, uploader: str) -> bool:
        """Whether there was one."""
        sql = "delete from claims where transfer = ? and uploader = ?"
        was_there = self._store.run(sql, (txid, uploader)) == 1
        if was_there:
            self._shares.charge(Share.CLAIMS, uploader, count=-1)
        return was_there

    def drop_claims(self, txids: Collection[bytes]) -> None:
        """Their signers are known."""
        for txid, uploader in list(
            self._each("select transfer, uploader from claims where transfer in ", txids)
        ):
            self.drop_claim(txid, uploader)

    def is_signed(self, txid: bytes) -> bool:
        """Whether any signature of it is kept."""
        sql = (
            "select 1 from copies where transfer = ?1 union select 1 from claims where transfer = ?1 limit 1"
        )
        return self._store.row(sql, (txid,)) is not None


def _new(new: New) -> Row:
    signed = new.transfer
    purpose = signed.body.purpose if isinstance(signed.body.purpose, bytes) else None
    return (
        signed.id,
        signed.payload,
        signed.body.sequence,
        purpose,
        Stage.WAITING.value,
        new.owner,
        new.uploader,
    )


def _entry(row: Row) -> Entry:
    _, payload, stage, owner, signature, certificate = row
    made = load(Transfer, payload, signature or b"")
    return Entry(
        body=made.body,
        stage=Stage(stage),
        owner=owner,
        signed=None if signature is None else made,
        is_valid=certificate is not None,
    )
