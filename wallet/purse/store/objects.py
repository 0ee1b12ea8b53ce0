"""The object store: certificates, issuances, transfers and requests that were verified, and what they say.

Nothing comes in here unverified. From it a payment's provenance is gathered: transfers in topological order,
issuances and certificates each once, nothing that is not needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Body, Signed, parse
from wallet.protocol.issuance import Issuance
from wallet.protocol.payment import Payment
from wallet.protocol.policy import PolicyUpdate
from wallet.protocol.request import Request, request_ref
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token, Verified, choose_certificate, issued_tokens
from wallet.protocol.weight import Weight
from wallet.purse.store.store import Row, Store

B = TypeVar("B", bound=Body)

_FIELDS: Final = ("amount", "owner", "currency", "mark", "hop", "expires", "made", "payer")
OUTPUT_COLUMNS: Final = ", ".join(f"o.{name}" for name in ("txid", "output", *_FIELDS))
"""Selected from ``output o``."""


KEPT_PARSED: Final = 1_024
KEPT_SETS: Final = 8_192
"""How much of what the store says is kept ready: parsed objects, and what transactions descend from and carry. A wallet
that lives long holds more; all of it is made again when it is asked for."""


def token_of(row: Row) -> Token:
    """The token in a row that starts with ``OUTPUT_COLUMNS``."""
    txid, output, *values = tuple(row)[: 2 + len(_FIELDS)]
    return Token(ref=TokenRef(txid, output), **dict(zip(_FIELDS, values, strict=True)))


@dataclass(frozen=True, slots=True)
class Carried:
    """Ids of what must travel with a transaction's outputs: those it descends from, itself included, and the
    certificates that its transfers were signed under."""

    transfers: frozenset[bytes]
    issuances: frozenset[bytes]
    certificates: frozenset[bytes]


class Objects:
    """Signed objects by id. Every ``put`` runs inside a transaction and is harmless when repeated."""

    def __init__(self, store: Store, *, parsed: int = KEPT_PARSED, sets: int = KEPT_SETS) -> None:
        self._store = store
        self._most_parsed, self._most_sets = parsed, sets
        self._ancestry: dict[bytes, frozenset[bytes]] = {}
        self._carried: dict[bytes, Carried] = {}
        self._parsed: dict[bytes, Signed[Any]] = {}
        self._sizes: dict[bytes, int] = {}

    # reading

    def _raw(self, kind: str, object_id: bytes) -> bytes | None:
        found: bytes | None = self._store.value(
            "SELECT raw FROM object WHERE id = ? AND kind = ?", object_id, kind
        )
        return found

    def _get(self, kind: str, body: type[B], object_id: bytes) -> Signed[B]:
        found = self._parsed.get(object_id)
        if found is not None and isinstance(found.body, body):
            return found
        raw = self._raw(kind, object_id)
        if raw is None:
            raise Refusal(Code.PROVENANCE_MISSING, {kind: object_id.hex()})
        _make_room(self._parsed, self._most_parsed)
        return self._parsed.setdefault(object_id, parse(body, raw))

    def transfer(self, txid: bytes) -> Signed[Transfer]:
        """PROVENANCE_MISSING if it is not held."""
        return self._get("transfer", Transfer, txid)

    def issuance(self, txid: bytes) -> Signed[Issuance]:
        return self._get("issuance", Issuance, txid)

    def certificate(self, certificate_id: bytes) -> Signed[Certificate]:
        return self._get("certificate", Certificate, certificate_id)

    def request(self, ref: bytes) -> Signed[Request] | None:
        """The request a transfer names, ours or another's, if it is held."""
        raw = self._store.value("SELECT o.raw FROM request r JOIN object o USING (id) WHERE r.ref = ?", ref)
        return None if raw is None else parse(Request, raw)

    def has(self, object_id: bytes) -> bool:
        return self._store.value("SELECT 1 FROM object WHERE id = ?", object_id) is not None

    def has_transfer(self, txid: bytes) -> bool:
        return self._store.value("SELECT 1 FROM transfer WHERE id = ?", txid) is not None

    def certificates_of(self, key: bytes) -> tuple[Signed[Certificate], ...]:
        rows = self._store.rows("SELECT id FROM certificate WHERE key = ? ORDER BY id", key)
        return tuple(self.certificate(row["id"]) for row in rows)

    def signer(self, txid: bytes) -> Signed[Certificate]:
        """The certificate that a held transfer was verified under."""
        return self.certificate(self._store.value("SELECT signer FROM transfer WHERE id = ?", txid))

    def outputs(self, txid: bytes) -> tuple[Token, ...]:
        rows = self._store.rows(f"SELECT {OUTPUT_COLUMNS} FROM output o WHERE txid = ? ORDER BY output", txid)
        return tuple(token_of(row) for row in rows)

    def token(self, ref: TokenRef) -> Token | None:
        row = self._store.row(
            f"SELECT {OUTPUT_COLUMNS} FROM output o WHERE txid = ? AND output = ?", ref.txid, ref.output
        )
        return None if row is None else token_of(row)

    def consumer_of(self, ref: TokenRef) -> bytes | None:
        """The transfer first seen to consume a token, or None."""
        found: bytes | None = self._store.value(
            "SELECT consumer FROM consumed WHERE txid = ? AND output = ? ORDER BY seen LIMIT 1",
            ref.txid,
            ref.output,
        )
        return found

    def rival(self, ref: TokenRef, txid: bytes) -> bytes | None:
        """The first transfer held here, other than ``txid``, that consumes a token; None where there is none."""
        found: bytes | None = self._store.value(
            "SELECT c.consumer FROM consumed c JOIN transfer t ON t.id = c.consumer"
            " WHERE c.txid = ? AND c.output = ? AND c.consumer <> ? ORDER BY c.seen LIMIT 1",
            ref.txid,
            ref.output,
            txid,
        )
        return found

    def fork(self, key: bytes, sequence: int, txid: bytes) -> bytes | None:
        """A transfer of ``key``, other than ``txid``, with this sequence number; None where there is none."""
        found: bytes | None = self._store.value(
            "SELECT id FROM transfer WHERE key = ? AND sequence = ? AND id <> ? LIMIT 1", key, sequence, txid
        )
        return found

    def size(self, object_id: bytes) -> int:
        """Encoded bytes of a held object."""
        found = self._sizes.get(object_id)
        if found is None:
            _make_room(self._sizes, self._most_sets)
            found = int(self._store.value("SELECT length(raw) FROM object WHERE id = ?", object_id) or 0)
            self._sizes[object_id] = found
        return found

    # writing

    def _put(self, kind: str, signed: Signed[B]) -> bool:
        return self._store.insert_new("object", id=signed.id, kind=kind, raw=signed.encode())

    def put_certificate(self, certificate: Signed[Certificate]) -> None:
        if self._put("certificate", certificate):
            self._store.insert("certificate", id=certificate.id, key=certificate.body.key)

    def put_issuance(self, issuance: Signed[Issuance]) -> None:
        if self._put("issuance", issuance):
            self._put_outputs(issued_tokens(issuance))

    def put_request(self, request: Signed[Request], side: str, now: int) -> None:
        """``side``: ours or theirs."""
        self._put("request", request)
        body = request.body
        self._store.insert_new(
            "request",
            ref=request_ref(request),
            id=request.id,
            side=side,
            key=body.key,
            amount=body.amount,
            use="printed" if body.is_printed else "once",
            expires=body.expires,
            at=now,
        )

    def put_transfer(
        self, transfer: Signed[Transfer], signer: Signed[Certificate], outputs: Iterable[Token]
    ) -> None:
        """A transfer that was checked under ``signer``, after everything it descends from."""
        if not self._put("transfer", transfer):
            return
        self.put_certificate(signer)
        body = transfer.body
        self._store.write(
            "INSERT INTO transfer (id, signer, key, sequence, position)"
            " VALUES (?, ?, ?, ?, (SELECT coalesce(max(position), 0) + 1 FROM transfer))",
            transfer.id,
            signer.id,
            signer.body.key,
            body.sequence,
        )
        self._store.write(
            "INSERT INTO unanswered (position, txid) SELECT t.position, t.id FROM transfer t WHERE t.id = ?"
            " AND NOT EXISTS (SELECT 1 FROM answer a WHERE a.txid = t.id AND a.verdict IS NOT NULL)",
            transfer.id,
        )
        self._put_outputs(outputs)
        for ref in body.inputs:
            self._store.insert_new("consumed", txid=ref.txid, output=ref.output, consumer=transfer.id)

    def put_verified(self, verified: Verified) -> tuple[Signed[Transfer], ...]:
        """Everything in a verified payment; returns the transfers that were new."""
        for certificate in verified.payment.certificates:
            self.put_certificate(certificate)
        for issuance in verified.payment.issuances:
            self.put_issuance(issuance)
        fresh = tuple(item for item in verified.payment.transfers if not self.has_transfer(item.id))
        for transfer in fresh:
            outputs = outputs_of(transfer, verified.tokens)
            self.put_transfer(transfer, verified.signers[transfer.id], outputs)
        return fresh

    def _put_outputs(self, tokens: Iterable[Token]) -> None:
        for token in tokens:
            self._store.insert_new(
                "output",
                txid=token.ref.txid,
                output=token.ref.output,
                amount=token.amount,
                owner=token.owner,
                currency=token.currency,
                mark=token.mark,
                hop=token.hop,
                expires=token.expires,
                made=token.made,
                payer=token.payer,
            )

    # provenance

    def ancestry(self, txid: bytes) -> frozenset[bytes]:
        """Ids of the transfers and issuances that a transaction's outputs descend from, itself included."""
        _make_room(self._ancestry, self._most_sets)
        pending = [txid]
        while pending:
            current = pending[-1]
            if current in self._ancestry:
                pending.pop()
                continue
            parents = self._parents(current)
            missing = [parent for parent in parents if parent not in self._ancestry]
            if missing:
                pending.extend(missing)
                continue
            self._ancestry[current] = frozenset({current}).union(
                *(self._ancestry[parent] for parent in parents)
            )
            pending.pop()
        return self._ancestry[txid]

    def weight(self, ids: frozenset[bytes]) -> Weight:
        """Weight of these transfers and issuances at the ledger, in bytes, counted as encoded, which is a little
        more."""
        transfers = len(self._transfer_rows(ids))
        return Weight(transfers, len(ids) - transfers, sum(map(self.size, ids)))

    def _parents(self, txid: bytes) -> set[bytes]:
        if self._raw("issuance", txid) is not None:
            return set()
        return {ref.txid for ref in self.transfer(txid).body.inputs}

    def transfers_in(self, ids: Iterable[bytes]) -> tuple[bytes, ...]:
        """Those of ``ids`` that are transfers, ancestors first."""
        return tuple(row["id"] for row in self._transfer_rows(ids))

    def _transfer_rows(self, ids: Iterable[bytes]) -> list[Row]:
        found: list[Row] = []
        for some in batched(sorted(ids)):
            marks = ", ".join("?" * len(some))
            found += self._store.rows(
                f"SELECT id, signer, position FROM transfer WHERE id IN ({marks})", *some
            )
        return sorted(found, key=lambda row: int(row["position"]))

    def carried(self, txid: bytes) -> Carried:
        """Objects that must travel with the outputs of a held transaction."""
        found = self._carried.get(txid)
        if found is None:
            _make_room(self._carried, self._most_sets)
            ids = self.ancestry(txid)
            rows = self._transfer_rows(ids)
            transfers = frozenset(row["id"] for row in rows)
            found = Carried(transfers, ids - transfers, frozenset(row["signer"] for row in rows))
            self._carried[txid] = found
        return found

    def payment(
        self,
        newest: Iterable[Signed[Transfer]],
        signers: Mapping[bytes, Signed[Certificate]],
        policy: PolicyUpdate | None,
    ) -> Payment:
        """The payment of ``newest`` (signed under ``signers``, by id), with all that it needs and nothing else."""
        new = tuple(newest)
        needed: frozenset[bytes] = frozenset().union(
            *(self.ancestry(ref.txid) for transfer in new for ref in transfer.body.inputs)
        )
        earlier = self.transfers_in(needed)
        transfers = (*(self.transfer(txid) for txid in earlier), *new)
        issuances = tuple(self.issuance(txid) for txid in sorted(needed.difference(earlier)))
        known = dict(signers) | {txid: self.signer(txid) for txid in earlier}
        certificates = _needed_certificates(transfers, known)
        return Payment(len(new), transfers, issuances, certificates, policy)


def _make_room(kept: dict[bytes, Any], most: int) -> None:
    """For one more, and for what that one descends from, which is never more than a payment holds."""
    if len(kept) >= most:
        kept.clear()


def batched(ids: Sequence[bytes], size: int = 250) -> Iterator[Sequence[bytes]]:
    """In pieces that fit one statement."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def outputs_of(transfer: Signed[Transfer], tokens: Mapping[TokenRef, Token]) -> tuple[Token, ...]:
    """The one or two outputs of a verified transfer."""
    refs = (TokenRef(transfer.id, 0), TokenRef(transfer.id, 1))
    return tuple(tokens[ref] for ref in refs if ref in tokens)


def _needed_certificates(
    transfers: Iterable[Signed[Transfer]], signers: Mapping[bytes, Signed[Certificate]]
) -> tuple[Signed[Certificate], ...]:
    """Exactly those that a verifier who has all of them will choose."""
    every = {certificate.id: certificate for certificate in signers.values()}
    chosen = {}
    for transfer in transfers:
        key = signers[transfer.id].body.key
        certificate = choose_certificate(every.values(), key, transfer.body.time)
        chosen[certificate.id] = certificate
    return tuple(chosen[certificate_id] for certificate_id in sorted(chosen))
