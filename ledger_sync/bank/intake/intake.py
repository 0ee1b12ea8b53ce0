"""Intake: fragments in any order become stored objects, and transfers valid as soon as all they need is there.

Rule: the same again changes nothing. A bundle is refused as a whole only for a signature that nobody could have
made in good faith; everything else is stored and waits, within its uploader's shares. Signatures are verified before
anything is written, each once; what is written is judged by what is there then, whoever else wrote meanwhile. Uploads
that wait for the same writer are one transaction, and those of them that have nothing to do with each other are taken
in one pass, as if they had come in one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.intake.attribution import Attribution
from ledger_sync.bank.intake.judging import Judging, verify_below
from ledger_sync.bank.intake.retention import Retention
from ledger_sync.bank.intake.signatures import Signatures, Unverified
from ledger_sync.bank.intake.uploads import Entangled, Upload, apart, joined
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.shares import uploader_of_customer
from ledger_sync.bank.ports.transfers import New
from ledger_sync.bank.wallets.wallets import Wallets
from ledger_sync.service.batches import Batches
from ledger_sync.settling.validity import Valid
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Body, Signed
from wallet.protocol.directory import Directory
from wallet.protocol.issuance import Issuance
from wallet.protocol.request import Request
from wallet.protocol.transfer import Transfer
from wallet.protocol.validity import issued_tokens

B = TypeVar("B", bound=Body)

_RESERVED: Final = 10
"""Seconds for which what a caller waits for is the call's to settle; should that die, a worker's afterwards."""
_MOST: Final = 1_024
"""Transfers and requests of several uploads after which a transaction takes no further upload."""


class Listener(Protocol):
    """Who must hear of what came in, within the same transaction."""

    def certificate_came(self, signed: Signed[Certificate]) -> None: ...

    def issuance_came(self, signed: Signed[Issuance]) -> None: ...

    def signatures_came(self, copies: Sequence[tuple[Signed[Transfer], bytes]]) -> None: ...

    def refused(self, txid: bytes, code: Code) -> None: ...


class Intake:
    """Takes bundles in. Verifies, stores, judges; commits nothing at the notary."""

    def __init__(
        self,
        context: BankContext,
        archive: Archive,
        wallets: Wallets,
        retention: Retention,
        listener: Listener,
    ) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._refusal = context.storage.settlements.refusal
        self._archive = archive
        self._wallets = wallets
        self._retention = retention
        self._listener = listener
        self._batches = Batches(self._take_together, weight=_weight, most=_MOST)

    def signatures(self) -> Signatures:
        """Nothing is known of any, by the newest directory at hand."""
        return Signatures(self._unit, self._context.key, self._context.trust.directory)

    def take(
        self,
        bundle: Bundle,
        uploader: str,
        *,
        is_waited_for: bool = False,
        signatures: Signatures | None = None,
    ) -> Collection[bytes]:
        """Store what is new in ``bundle``, durably, and judge what has become complete: the ids of what is valid by it.
        ``is_waited_for``: the caller has it settled at once, so that for some seconds no worker does. ``signatures``:
        what is known of them already.

        Raises ``Refusal``, and stores nothing: BANK_UNKNOWN, CERTIFICATE_SIGNATURE, ISSUANCE_SIGNATURE,
        REQUEST_SIGNATURE, TRANSFER_SIGNATURE. What is over the uploader's share is judged all the same, and kept if it
        is valid.
        """
        signatures = signatures or self.signatures()
        upload = Upload(bundle, uploader, signatures.directory, signatures, is_waited_for)
        self._verify(bundle, upload.signatures)
        while (valid := self._taken(upload)) is None:
            self._verify(bundle, upload.signatures)
        return valid

    def _taken(self, upload: Upload) -> Collection[bytes] | None:
        """What is valid by it, if all was verified that had to be: else nothing is stored, and what is missing is
        verified now."""
        try:
            return self._batches.do(upload)
        except Unverified as unverified:
            verify_below(self._archive, unverified.wanted, upload.signatures)
            return None

    def _take_together(self, uploads: Sequence[Upload]) -> Sequence[Collection[bytes]]:
        """All that has queued is one transaction: what it waits for, it waits for once. What fails in company is tried
        alone (`Batches`), so that nobody is refused for what came beside it."""
        with self._unit.transaction():
            return [valid for group in apart(uploads) for valid in self._take(group)]

    def _take(self, uploads: Sequence[Upload]) -> Sequence[Collection[bytes]]:
        """The ids of what is valid now, of each upload. ``Entangled`` where some of them complete what was here before:
        what that is comes before what came after it."""
        signatures = Signatures.of_all([upload.signatures for upload in uploads])
        unblocked = self._take_certified(uploads, signatures)
        if unblocked and len(uploads) > 1:
            raise Entangled
        taken = self._take_transfers(uploads, signatures)
        is_waited_for = all(upload.is_waited_for for upload in uploads)
        reserved = self._context.clock() + _RESERVED if is_waited_for else 0
        valid = self._judge([*taken, *unblocked], uploads[0].directory, signatures, reserved)
        brought: dict[str, list[bytes]] = {}
        for upload in uploads:
            brought.setdefault(upload.uploader, []).extend(upload.txids)
        for uploader, txids in brought.items():
            self._retention.keep_within(uploader, txids)
        if len(uploads) == 1:
            return [tuple(valid)]
        own = [[txid for txid in upload.txids if txid in valid] for upload in uploads]
        if len(valid) > sum(map(len, own)):
            raise Entangled
        return own

    def _verify(self, bundle: Bundle, signatures: Signatures) -> None:
        self._certified(bundle, signatures)
        Attribution(self._archive, [bundle], signatures).found()

    def _certified(self, bundle: Bundle, signatures: Signatures) -> _Certified:
        """What of a bundle is not here yet, but transfers; checked."""
        archive = self._archive
        requests = _new(bundle.requests, archive.requests.known)
        certificates = _new(bundle.certificates, archive.certificates.known)
        payees = _new([one.body.payee for one in requests], archive.certificates.known)
        issuances = _new(bundle.issuances, archive.issuances.known)
        for certificate in certificates:
            signatures.check_certificate(certificate)
        for issuance in issuances:
            signatures.check_issuance(issuance)
        for certificate in payees:
            signatures.check_certificate(certificate)
        for request in requests:
            signatures.check_request(request)
        return _Certified([*certificates, *payees], issuances, requests)

    # storing, within the transaction

    def _take_certified(self, uploads: Sequence[Upload], signatures: Signatures) -> list[bytes]:
        """Store certificates, issuances and requests; transfers already here that what is new may complete."""
        new = self._certified(joined([upload.bundle for upload in uploads]), signatures)
        asked_by = {one.id: upload.uploader for upload in reversed(uploads) for one in upload.bundle.requests}
        fresh = [one.body for one in new.certificates if self._add_certificate(one)]
        unblocked: list[bytes] = []
        for issuance in new.issuances:
            self.add_issuance(issuance)
        for children in self._archive.transfers.children([item.id for item in new.issuances]).values():
            unblocked += children
        self._archive.requests.add(
            [(request, asked_by[request.id]) for request in new.requests], self._context.clock()
        )
        for certificate in fresh:
            unblocked += self._archive.pending.covered(certificate)
        return unblocked

    def _add_certificate(self, certificate: Signed[Certificate]) -> bool:
        """Whether it is new."""
        if not self._archive.certificates.add(certificate):
            return False
        self._listener.certificate_came(certificate)
        return True

    def add_issuance(self, issuance: Signed[Issuance]) -> None:
        """Store an issuance whose signature was checked, with its tokens at face value."""
        if self._archive.issuances.add(issuance):
            self._archive.tokens.add(issued_tokens(issuance), settled=True)
            self._listener.issuance_came(issuance)

    def take_shown(self, transfer: Signed[Transfer], signer: bytes, uploader: str) -> None:
        """Store a transfer that a bank has shown for what it had consumed; that ``signer`` signed it was checked."""
        with self._unit.transaction():
            self._archive.transfers.add([New(transfer, None, uploader)], self._context.clock())
            if not self._archive.transfers.has_copy(transfer.id, signer):
                self._sign([(transfer, signer)])

    def _take_transfers(self, uploads: Sequence[Upload], signatures: Signatures) -> list[bytes]:
        """Store transfers with their signatures; their ids, ancestors first."""
        found = Attribution(self._archive, [upload.bundle for upload in uploads], signatures).found()
        by = {txid: upload.uploader for upload in uploads for txid in upload.txids}
        transfers = self._archive.transfers
        transfers.add(
            [New(one.transfer, one.owner, by[one.transfer.id]) for one in found], self._context.clock()
        )
        whole = {txid for upload in uploads if upload.is_bank for txid in _whole(upload.bundle)}
        transfers.brought([(one.transfer.id, by[one.transfer.id], one.transfer.id in whole) for one in found])
        news = [one for one in found if one.is_news]
        transfers.claim([(one.transfer, by[one.transfer.id]) for one in news if one.signer is None])
        self._sign([(one.transfer, one.signer) for one in news if one.signer is not None])
        return [one.transfer.id for one in found]

    def _sign(self, copies: Sequence[tuple[Signed[Transfer], bytes]]) -> None:
        """Store new signatures, and charge who made them."""
        self._archive.transfers.sign(copies)
        signers = {signer for _, signer in copies}
        self._archive.certificates.prepare(signers)  # for whoever listens
        holders = self._wallets.holders(signers)
        for transfer, signer in copies:
            is_ours = signer in holders
            payer = uploader_of_customer(holders[signer].account) if is_ours else f"key:{signer.hex()}"
            self._archive.waiting.charge(transfer.id, payer)
        self._listener.signatures_came(copies)

    def _judge(
        self, txids: Iterable[bytes], directory: Directory, signatures: Signatures, reserved: int
    ) -> Mapping[bytes, Valid]:
        """Judge these transfers, in this order, and whatever that completes; what is valid now, by its id, and until
        then ``reserved``."""
        judging = Judging(self._archive, directory, signatures, self._refusal)
        judging.run(txids)
        archive = self._archive
        archive.transfers.set_owners(judging.owners)
        archive.transfers.drop_claims(judging.claimed)
        self._sign(judging.signed)
        archive.pending.lack_certificate(judging.uncovered)
        for txid in judging.unsigned:
            self._retention.forget(txid)
        valid = judging.valid
        archive.tokens.add([token for one in valid.values() for token in one.tokens], settled=False)
        archive.transfers.make_valid([(txid, one.signer) for txid, one in valid.items()], reserved)
        for txid in judging.ended:
            for token in valid[txid].tokens:
                value = archive.tokens.worth(token.ref)
                if value is not None:
                    archive.tokens.settle(token.ref, value)
        self._retention.refuse(judging.refused)
        for txid, code in judging.refused.items():
            self._listener.refused(txid, code)
        return valid


def _weight(upload: Upload) -> int:
    return 1 + len(upload.bundle.transfers) + len(upload.bundle.requests)


@dataclass(frozen=True, slots=True)
class _Certified:
    """What a bundle holds besides transfers."""

    certificates: Sequence[Signed[Certificate]]
    issuances: Sequence[Signed[Issuance]]
    requests: Sequence[Signed[Request]]


def _new(objects: Sequence[Signed[B]], known: Callable[[list[bytes]], Collection[bytes]]) -> list[Signed[B]]:
    """Those that are not here yet, each once."""
    unique = {item.id: item for item in reversed(objects)}
    here = known(list(unique)) if unique else ()
    return [item for name, item in reversed(unique.items()) if name not in here]


def _whole(bundle: Bundle) -> set[bytes]:
    """Transfers that came with what they consume: who shows them so has the provenance itself."""
    brought = {item.id for item in bundle.transfers} | {item.id for item in bundle.issuances}
    return {item.id for item in bundle.transfers if all(ref.txid in brought for ref in item.body.inputs)}


def is_refused_bundle(refusal: Refusal) -> bool:
    """Whether a bundle was refused for what it holds, so that a newer directory may make it good."""
    return refusal.code in {Code.BANK_UNKNOWN, Code.CERTIFICATE_SIGNATURE, Code.ISSUANCE_SIGNATURE}
