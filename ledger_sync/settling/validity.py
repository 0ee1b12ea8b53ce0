"""Validity of fragments that come in any order: a transfer is judged once its provenance is complete.

Rule: more fragments never change a judgement. So a missing ancestor or a certificate that may still come is `Waiting`,
never a refusal: what a certificate can change is looked at last, and another one may always turn up, for any bank can
certify any key. Certificates and issuances that nobody of the directory signed are as if absent, and any one
certificate of the owner's key that makes a transfer valid will do. A signature is checked once, whatever the number of
certificates. The checks themselves are wallet.protocol.validity's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate, check_certificate
from wallet.protocol.codes import Code, Fact, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.issuance import Issuance, check_issuance
from wallet.protocol.lifetime import is_good
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token, check_but_certificate, is_signed_under, issued_tokens


class Objects(Protocol):
    """Where fragments are looked up: a bundle (`Fragments`), a store, or one behind the other (`Layered`)."""

    def transfer(self, txid: bytes) -> Signed[Transfer] | None: ...

    def issuance(self, issuance_id: bytes) -> Signed[Issuance] | None: ...

    def certificates(self, key: bytes) -> Sequence[Signed[Certificate]]: ...

    def token(self, ref: TokenRef) -> Token | None:
        """An output already known to be valid, so that nothing is verified twice; None if there is none."""


@dataclass(frozen=True, slots=True)
class Valid:
    """The outputs, and a certificate under which the signer made them."""

    tokens: tuple[Token, ...]
    signer: Signed[Certificate]


@dataclass(frozen=True, slots=True)
class Invalid:
    """Refused for ever, or one of its ancestors is. With TRANSFER_SIGNATURE only this copy is bad: whoever keeps
    copies drops it, and another one with the same id may yet be good."""

    code: Code
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Missing objects of a transfer: ids of transactions that made the inputs, or keys without a fitting
    certificate."""

    transactions: frozenset[bytes] = frozenset()
    keys: frozenset[bytes] = frozenset()


Validity = Valid | Invalid | Waiting


class Fragments:
    """A bundle as `Objects`: only what it holds itself."""

    def __init__(self, bundle: Bundle) -> None:
        self._transfers = {item.id: item for item in bundle.transfers}
        self._issuances = {item.id: item for item in bundle.issuances}
        self._certificates: dict[bytes, list[Signed[Certificate]]] = {}
        held = [*bundle.certificates, *(request.body.payee for request in bundle.requests)]
        for certificate in {item.encode(): item for item in held}.values():
            self._certificates.setdefault(certificate.body.key, []).append(certificate)

    def transfer(self, txid: bytes) -> Signed[Transfer] | None:
        return self._transfers.get(txid)

    def issuance(self, issuance_id: bytes) -> Signed[Issuance] | None:
        return self._issuances.get(issuance_id)

    def certificates(self, key: bytes) -> Sequence[Signed[Certificate]]:
        return self._certificates.get(key, [])

    def token(self, ref: TokenRef) -> Token | None:
        return None


class Layered:
    """One source before another: a new bundle over a store."""

    def __init__(self, first: Objects, then: Objects) -> None:
        self._first = first
        self._then = then

    def transfer(self, txid: bytes) -> Signed[Transfer] | None:
        return self._first.transfer(txid) or self._then.transfer(txid)

    def issuance(self, issuance_id: bytes) -> Signed[Issuance] | None:
        return self._first.issuance(issuance_id) or self._then.issuance(issuance_id)

    def certificates(self, key: bytes) -> Sequence[Signed[Certificate]]:
        held = [*self._first.certificates(key), *self._then.certificates(key)]
        return list({item.encode(): item for item in held}.values())

    def token(self, ref: TokenRef) -> Token | None:
        return self._first.token(ref) or self._then.token(ref)


class Graph:
    """Judges transfers over `objects`, each once. A graph is for one look at them; make a new one for the next."""

    def __init__(self, objects: Objects, directory: Directory) -> None:
        self._objects = objects
        self._directory = directory
        self._standings: dict[bytes, Validity] = {}
        self._issued: dict[bytes, tuple[Token, ...] | None] = {}
        self._certificates: dict[bytes, list[Signed[Certificate]]] = {}

    def validity(self, txid: bytes) -> Validity:
        """How the transfer `txid` stands; `Waiting` for itself where it is not there."""
        todo = [txid]
        while todo:
            current = todo[-1]
            if current in self._standings:
                todo.pop()
                continue
            transfer = self._objects.transfer(current)
            parents = [] if transfer is None else self._unjudged(transfer)
            if parents and transfer is not None:
                todo.extend(parents)
                continue
            missing = Waiting(frozenset({current}))
            self._standings[current] = missing if transfer is None else self._judge(transfer)
            todo.pop()
        return self._standings[txid]

    def token(self, ref: TokenRef) -> Token | None:
        """The output `ref`, if it is one and valid."""
        known = self._objects.token(ref)
        if known is not None:
            return known
        issued = self._issued_by(ref.txid)
        if issued is None:
            validity = self.validity(ref.txid)
            issued = validity.tokens if isinstance(validity, Valid) else ()
        return issued[ref.output] if ref.output < len(issued) else None

    def _unjudged(self, transfer: Signed[Transfer]) -> list[bytes]:
        """Transfers that made inputs, are at hand, and were not judged. A hash makes no circle."""
        return [
            ref.txid
            for ref in transfer.body.inputs
            if ref.txid not in self._standings
            and self._objects.token(ref) is None
            and self._objects.transfer(ref.txid) is not None
        ]

    def _judge(self, transfer: Signed[Transfer]) -> Validity:
        inputs: list[Token] = []
        missing = Waiting()
        for ref in transfer.body.inputs:
            found = self._input(ref)
            match found:
                case Token():
                    inputs.append(found)
                case Invalid():
                    return found
                case Waiting(transactions, keys):
                    missing = Waiting(missing.transactions | transactions, missing.keys | keys)
        if missing != Waiting():
            return missing
        return judge(transfer, inputs, self._good_certificates(inputs[0].owner), self._directory)

    def _input(self, ref: TokenRef) -> Token | Invalid | Waiting:
        known = self._objects.token(ref)
        if known is not None:
            return known
        made = self._issued_by(ref.txid)
        if made is None:
            validity = self._standings.get(ref.txid, Waiting(frozenset({ref.txid})))
            if not isinstance(validity, Valid):
                return validity
            made = validity.tokens
        if ref.output >= len(made):
            return Invalid(Code.PROVENANCE_MISSING, {"token": str(ref)})
        return made[ref.output]

    def _issued_by(self, issuance_id: bytes) -> tuple[Token, ...] | None:
        if issuance_id not in self._issued:
            issuance = self._objects.issuance(issuance_id)
            good = issuance is not None and self._is_ours(issuance)
            self._issued[issuance_id] = issued_tokens(issuance) if issuance is not None and good else None
        return self._issued[issuance_id]

    def _is_ours(self, issuance: Signed[Issuance]) -> bool:
        try:
            check_issuance(issuance, self._directory)
        except Refusal:
            return False
        return True

    def _good_certificates(self, key: bytes) -> list[Signed[Certificate]]:
        if key not in self._certificates:
            self._certificates[key] = good_certificates(self._objects.certificates(key), self._directory)
        return self._certificates[key]


def good_certificates(
    certificates: Iterable[Signed[Certificate]], directory: Directory
) -> list[Signed[Certificate]]:
    """Those that a bank of the directory signed."""
    good = []
    for certificate in certificates:
        try:
            check_certificate(certificate, directory)
        except Refusal:
            continue
        good.append(certificate)
    return good


def judge(
    transfer: Signed[Transfer],
    inputs: Sequence[Token],
    certificates: Sequence[Signed[Certificate]],
    directory: Directory,
    *,
    is_signed: bool = False,
) -> Validity:
    """How one transfer stands whose inputs are valid tokens, in the order it names them.

    `certificates` are those of the inputs' owner that a bank signed; any one that makes the transfer valid will do, and
    while there is none it waits. `is_signed`: the owner's signature was checked before.
    """
    body = transfer.body
    try:
        tokens = check_but_certificate(transfer, inputs, directory, is_signed=is_signed)
    except Refusal as refusal:
        return Invalid(refusal.code, refusal.facts)
    fitting = [item for item in certificates if is_signed_under(body, item.body)]
    if not fitting:
        return Waiting(keys=frozenset({inputs[0].owner}))

    def preference(item: Signed[Certificate]) -> tuple[bool, int, bytes]:
        return is_good(body.time, item.body.expires), item.body.expires, item.id

    return Valid(tokens, max(fitting, key=preference))


def assess(bundle: Bundle, directory: Directory, store: Objects | None = None) -> dict[bytes, Validity]:
    """How every transfer of a bundle stands, by id, with what `store` has behind it."""
    fragments = Fragments(bundle)
    graph = Graph(fragments if store is None else Layered(fragments, store), directory)
    return {transfer.id: graph.validity(transfer.id) for transfer in bundle.transfers}
