"""Intake: fragments in any order become stored objects, and transfers valid as soon as all they need is there.

Rule: the same again changes nothing. A bundle is refused as a whole only for a signature that nobody could have
made in good faith; everything else is stored and waits, within its uploader's shares. Validity itself is
ledger_sync.settling's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from ledger_sync.bank.house import House
from ledger_sync.bank.objects import Objects
from ledger_sync.bank.provenance import Provenance
from ledger_sync.bank.retention import Retention
from ledger_sync.bank.shares import BANK_UPLOADER, uploader_of_customer
from ledger_sync.bank.transfers import Stage
from ledger_sync.bank.wallets import Wallets
from ledger_sync.settling.standing import Invalid, Standing, Valid, Waiting, judge
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate, check_certificate
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.issuance import Issuance, check_issuance
from wallet.protocol.keys import PublicKey
from wallet.protocol.request import Request
from wallet.protocol.transfer import Transfer
from wallet.protocol.validity import Token, issued_tokens

_GUESSES: Final = 2
"""Signatures tried against keys that merely might have made them, for each signature in a bundle."""
_DECIDED: Final = frozenset({Stage.COMMITTED, Stage.ANSWERED})


class Listener(Protocol):
    """Who must hear of what came in, within the same transaction."""

    def certificate_came(self, signed: Signed[Certificate]) -> None: ...

    def issuance_came(self, signed: Signed[Issuance]) -> None: ...

    def signature_came(self, transfer: Signed[Transfer], signer: bytes) -> None: ...

    def refused(self, txid: bytes, code: Code) -> None: ...


class Intake:
    """Takes bundles in. Verifies, stores, judges; commits nothing at the notary."""

    def __init__(
        self,
        house: House,
        objects: Objects,
        provenance: Provenance,
        wallets: Wallets,
        retention: Retention,
        listener: Listener,
    ) -> None:
        self._house = house
        self._store = house.store
        self._objects = objects
        self._provenance = provenance
        self._wallets = wallets
        self._retention = retention
        self._listener = listener

    def take(self, bundle: Bundle, uploader: str) -> None:
        """Store what is new in ``bundle``, durably, and judge what has become complete.

        Raises ``Refusal``, and stores nothing: BANK_UNKNOWN, CERTIFICATE_SIGNATURE, ISSUANCE_SIGNATURE,
        REQUEST_SIGNATURE, TRANSFER_SIGNATURE. What is over the uploader's share is judged all the same, and kept if it
        is valid.
        """
        directory = self._house.trust.directory
        with self._store.transaction():
            unblocked = self._take_certified(bundle, uploader, directory)
            touched = [*self._take_transfers(bundle, uploader), *unblocked]
            self.judge(touched)
            self._retention.keep_within(uploader, [transfer.id for transfer in bundle.transfers])
            if uploader.startswith(BANK_UPLOADER):
                self._note_whole(bundle, uploader)

    def _take_certified(self, bundle: Bundle, uploader: str, directory: Directory) -> list[bytes]:
        """Store certificates, issuances and requests; transfers already here that what is new may complete."""
        fresh = [one.body.key for one in bundle.certificates if self._take_certificate(one, directory)]
        unblocked: list[bytes] = []
        for issuance in bundle.issuances:
            if not self._objects.issuances.knows(issuance.id):
                check_issuance(issuance, directory)
                self.add_issuance(issuance)
                unblocked += self._objects.transfers.children(issuance.id)
        fresh += [one.body.key for one in bundle.requests if self._take_request(one, uploader, directory)]
        for key in fresh:
            unblocked += self._objects.pending.waiting_of(key)
        return unblocked

    def _take_certificate(self, certificate: Signed[Certificate], directory: Directory) -> bool:
        """Whether it is new."""
        if self._objects.certificates.knows(certificate.id):
            return False
        check_certificate(certificate, directory)
        self._objects.certificates.add(certificate)
        self._listener.certificate_came(certificate)
        return True

    def _take_request(self, request: Signed[Request], uploader: str, directory: Directory) -> bool:
        """Whether its certificate is new."""
        if self._objects.requests.knows(request.id):
            return False
        is_fresh = self._take_certificate(request.body.payee, directory)
        require(request.signed_by(self._house.key(request.body.key)), Code.REQUEST_SIGNATURE)
        self._objects.requests.add(request, uploader, self._house.clock())
        return is_fresh

    def take_shown(self, transfer: Signed[Transfer], signer: bytes, uploader: str) -> None:
        """Store a transfer that a bank has shown for what it had consumed; that ``signer`` signed it was checked."""
        with self._store.transaction():
            self._objects.transfers.add(transfer, uploader, self._house.clock())
            self._add_copy(transfer, signer)

    def add_issuance(self, issuance: Signed[Issuance]) -> None:
        """Store an issuance whose signature was checked, with its tokens at face value."""
        if self._objects.issuances.add(issuance):
            self._objects.tokens.add(issued_tokens(issuance), settled=True)
            self._listener.issuance_came(issuance)

    def _take_transfers(self, bundle: Bundle, uploader: str) -> list[bytes]:
        now = self._house.clock()
        guesses = _Guesses(bundle, self._house.key)
        for transfer in _ancestors_first(bundle.transfers):
            self._objects.transfers.add(transfer, uploader, now)
            self._store.insert("uploads", transfer=transfer.id, uploader=uploader, whole=0)
            if self._objects.transfers.stage(transfer.id) is not Stage.ANSWERED:
                self._attribute(transfer, uploader, guesses)
        return [transfer.id for transfer in bundle.transfers]

    def _attribute(self, transfer: Signed[Transfer], uploader: str, guesses: _Guesses) -> None:
        """Find whose signature this is: the inputs' owner's where that is known, else one that fits."""
        owner = self._owner(transfer.id, transfer.body)
        if owner is not None:
            if not self._objects.transfers.has_copy(transfer.id, owner):
                require(
                    transfer.signed_by(self._house.key(owner)),
                    Code.TRANSFER_SIGNATURE,
                    transfer=transfer.id.hex(),
                )
                self._add_copy(transfer, owner)
            return
        known = self._objects.transfers.signers_of(transfer)
        signer = known[0] if known else guesses.signer_of(transfer)
        if signer is None:
            self._objects.transfers.add_claim(transfer, uploader)
        else:
            self._add_copy(transfer, signer)

    def _add_copy(self, transfer: Signed[Transfer], signer: bytes) -> None:
        if self._objects.transfers.add_copy(transfer, signer):
            account = self._wallets.customer_of(signer)
            payer = f"key:{signer.hex()}" if account is None else uploader_of_customer(account)
            self._objects.waiting.charge(transfer.id, payer)
            self._listener.signature_came(transfer, signer)

    def _owner(self, txid: bytes, body: Transfer) -> bytes | None:
        known = self._objects.transfers.owner(txid)
        owner = known or self._objects.transfers.owner_of(body.inputs[0])
        if owner is not None and owner != known:
            self._objects.transfers.set_owner(txid, owner)
        return owner

    def judge(self, txids: Iterable[bytes]) -> None:
        """Judge these transfers, in this order, and whatever that completes: of two that contradict each other the
        first is the first to be committed."""
        judging = _Judging(self._house.trust.directory)
        todo = list(dict.fromkeys(txids))[::-1]
        while todo:
            txid = todo.pop()
            if self._is_open(txid) and self._advance(txid, judging):
                todo.extend(self._objects.transfers.children(txid))

    def _is_open(self, txid: bytes) -> bool:
        """Whether it was not judged yet: it waits, or has ended without that, and others may descend from it."""
        stage = self._objects.transfers.stage(txid)
        return stage is Stage.WAITING or (stage in _DECIDED and not self._is_judged(txid))

    def _advance(self, txid: bytes, judging: _Judging) -> bool:
        """Whether the transfer's descendants may now be able to go on."""
        body = self._objects.transfers.body(txid)
        if body is None:
            return False
        owner = self._owner(txid, body)
        if owner is None:
            return False
        self._settle_claims(txid, owner)
        if not self._objects.transfers.has_copy(txid, owner):
            self._retention.forget(txid)
            return False
        code = self._refused_ancestor(body)
        if code is not None:
            return self._refuse(txid, code)
        return all(self._is_judged(ref.txid) for ref in body.inputs) and self._decide(txid, owner, judging)

    def _is_judged(self, txid: bytes) -> bool:
        """Ancestors are judged first, so that the order of turns is that of descent."""
        return (
            self._objects.transfers.is_valid(txid)
            or self._objects.issuances.knows(txid)
            or self._refusal(txid) is not None
        )

    def _settle_claims(self, txid: bytes, owner: bytes) -> None:
        for claim in self._objects.transfers.take_claims(txid):
            if not self._objects.transfers.has_copy(txid, owner) and claim.signed_by(self._house.key(owner)):
                self._add_copy(claim, owner)

    def _refused_ancestor(self, body: Transfer) -> Code | None:
        for ref in body.inputs:
            code = None if self._objects.transfers.is_valid(ref.txid) else self._refusal(ref.txid)
            if code is not None:
                return code
        return None

    def _refusal(self, txid: bytes) -> Code | None:
        return self._house.storage.settlements.refusal(txid)

    def _decide(self, txid: bytes, owner: bytes, judging: _Judging) -> bool:
        transfer = self._objects.transfers.copy(txid, owner)
        if transfer is None:
            return False
        match self._judge(transfer, owner, judging):
            case Waiting():
                return False
            case Invalid(code):
                return self._refuse(txid, code)
            case Valid() as valid:
                if not self._provenance.fits(transfer):
                    return self._refuse(txid, Code.PROVENANCE_TOO_LONG)
                self._keep_valid(txid, valid)
        return True

    def _refuse(self, txid: bytes, code: Code) -> bool:
        """Whether that is news: what has ended has its verdict, which never changes."""
        if self._objects.transfers.stage(txid) is not Stage.WAITING:
            return False
        self._listener.refused(txid, code)
        return True

    def _keep_valid(self, txid: bytes, valid: Valid) -> None:
        """What has ended before is not committed for it; its outputs are known now, and what they are worth."""
        self._objects.tokens.add(valid.tokens, settled=False)
        self._objects.transfers.set_signer(txid, valid.signer)
        if self._objects.transfers.stage(txid) is Stage.WAITING:
            self._objects.transfers.mark_valid(txid)
            return
        for token in valid.tokens:
            value = self._objects.tokens.worth(token.ref)
            if value is not None:
                self._objects.tokens.settle(token.ref, value)

    def _judge(self, transfer: Signed[Transfer], owner: bytes, judging: _Judging) -> Standing:
        """Certificates and copies in the archive were checked when they came, tokens when their transfers were
        judged; nothing is verified again."""
        inputs: list[Token] = []
        for ref in transfer.body.inputs:
            token = self._objects.tokens.get(ref)
            if token is None:
                return Invalid(Code.PROVENANCE_MISSING, {"token": str(ref)})
            inputs.append(token)
        if owner not in judging.certificates:
            judging.certificates[owner] = self._objects.certificates.of(owner)
        return judge(transfer, inputs, judging.certificates[owner], judging.directory, is_signed=True)

    def _note_whole(self, bundle: Bundle, uploader: str) -> None:
        """A bank from which a valid transfer came with what it needs has the provenance itself."""
        brought = {item.id for item in bundle.transfers} | {item.id for item in bundle.issuances}
        for transfer in bundle.transfers:
            if all(ref.txid in brought for ref in transfer.body.inputs):
                self._store.run(
                    "update uploads set whole = 1 where transfer = ? and uploader = ?",
                    (transfer.id, uploader),
                )


@dataclass(frozen=True, slots=True)
class _Judging:
    """One pass over what may have become complete: each key's certificates are looked up once in it."""

    directory: Directory
    certificates: dict[bytes, Sequence[Signed[Certificate]]] = field(default_factory=dict)


class _Guesses:
    """Keys that may have signed a transfer whose inputs are not at hand, tried within a budget."""

    def __init__(self, bundle: Bundle, key: Callable[[bytes], PublicKey]) -> None:
        self._key = key
        self._keys = list(dict.fromkeys(certificate.body.key for certificate in bundle.certificates))
        self._left = _GUESSES * (len(bundle.transfers) + len(bundle.certificates))

    def signer_of(self, transfer: Signed[Transfer]) -> bytes | None:
        """The key that fitted last is tried first: what one wallet signed comes together."""
        for place, key in enumerate(self._keys):
            if self._left == 0:
                return None
            self._left -= 1
            if transfer.signed_by(self._key(key)):
                self._keys.insert(0, self._keys.pop(place))
                return key
        return None


def _ancestors_first(transfers: Sequence[Signed[Transfer]]) -> list[Signed[Transfer]]:
    """In an order in which every transfer comes after those of the bundle that made its inputs."""
    left = {transfer.id: transfer for transfer in transfers}
    ordered: dict[bytes, Signed[Transfer]] = {}
    for root in transfers:
        todo = [root.id]
        while todo:
            txid = todo[-1]
            parents = [
                ref.txid for ref in left[txid].body.inputs if ref.txid in left and ref.txid not in ordered
            ]
            if txid in ordered or not parents:
                ordered.setdefault(txid, left[txid])
                todo.pop()
            else:
                todo.extend(parents)
    return list(ordered.values())


def is_refused_bundle(refusal: Refusal) -> bool:
    """Whether a bundle was refused for what it holds, so that a newer directory may make it good."""
    return refusal.code in {Code.BANK_UNKNOWN, Code.CERTIFICATE_SIGNATURE, Code.ISSUANCE_SIGNATURE}
