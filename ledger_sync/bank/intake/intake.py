"""Intake: fragments in any order become stored objects, and transfers valid as soon as all they need is there.

Rule: the same again changes nothing. A bundle is refused as a whole only for a signature that nobody could have
made in good faith; everything else is stored and waits, within its uploader's shares. Signatures are verified before
anything is written, each once; what is written is judged by what is there then, whoever else wrote meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.intake.attribution import Attribution
from ledger_sync.bank.intake.judging import Judging, verify_below
from ledger_sync.bank.intake.retention import Retention
from ledger_sync.bank.intake.signatures import Signatures, Unverified
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.shares import BANK_UPLOADER, uploader_of_customer
from ledger_sync.bank.ports.transfers import New
from ledger_sync.bank.wallets.wallets import Wallets
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

    def take(self, bundle: Bundle, uploader: str) -> None:
        """Store what is new in ``bundle``, durably, and judge what has become complete.

        Raises ``Refusal``, and stores nothing: BANK_UNKNOWN, CERTIFICATE_SIGNATURE, ISSUANCE_SIGNATURE,
        REQUEST_SIGNATURE, TRANSFER_SIGNATURE. What is over the uploader's share is judged all the same, and kept if it
        is valid.
        """
        directory = self._context.trust.directory
        signatures = Signatures(self._unit, self._context.key, directory)
        self._verify(bundle, signatures)
        while not self._has_taken(bundle, uploader, directory, signatures):
            self._verify(bundle, signatures)

    def _has_taken(self, bundle: Bundle, uploader: str, directory: Directory, signatures: Signatures) -> bool:
        """Whether all was verified that had to be: else nothing is stored, and what is missing is verified now."""
        try:
            with self._unit.transaction():
                unblocked = self._take_certified(bundle, uploader, signatures)
                taken = self._take_transfers(bundle, uploader, signatures)
                self._judge([*taken, *unblocked], directory, signatures)
                self._retention.keep_within(uploader, [transfer.id for transfer in bundle.transfers])
        except Unverified as unverified:
            verify_below(self._archive, unverified.wanted, signatures)
            return False
        return True

    def _verify(self, bundle: Bundle, signatures: Signatures) -> None:
        self._certified(bundle, signatures)
        Attribution(self._archive, bundle, signatures).found()

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

    def _take_certified(self, bundle: Bundle, uploader: str, signatures: Signatures) -> list[bytes]:
        """Store certificates, issuances and requests; transfers already here that what is new may complete."""
        new = self._certified(bundle, signatures)
        fresh = [one.body.key for one in new.certificates if self._add_certificate(one)]
        unblocked: list[bytes] = []
        for issuance in new.issuances:
            self.add_issuance(issuance)
        for children in self._archive.transfers.children([item.id for item in new.issuances]).values():
            unblocked += children
        self._archive.requests.add(new.requests, uploader, self._context.clock())
        for key in fresh:
            unblocked += self._archive.pending.waiting_of(key)
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
            self._archive.transfers.add([New(transfer, None)], uploader, self._context.clock())
            if not self._archive.transfers.has_copy(transfer.id, signer):
                self._sign([(transfer, signer)])

    def _take_transfers(self, bundle: Bundle, uploader: str, signatures: Signatures) -> list[bytes]:
        """Store transfers with their signatures; their ids, ancestors first."""
        found = Attribution(self._archive, bundle, signatures).found()
        transfers = self._archive.transfers
        transfers.add([one.entry for one in found], uploader, self._context.clock())
        ids = [one.transfer.id for one in found]
        transfers.brought(ids, uploader, _whole(bundle) if uploader.startswith(BANK_UPLOADER) else ())
        news = [one for one in found if one.is_news]
        transfers.claim([one.transfer for one in news if one.signer is None], uploader)
        self._sign([(one.transfer, one.signer) for one in news if one.signer is not None])
        return ids

    def _sign(self, copies: Sequence[tuple[Signed[Transfer], bytes]]) -> None:
        """Store new signatures, and charge who made them."""
        self._archive.transfers.sign(copies)
        self._archive.certificates.prepare({signer for _, signer in copies})  # for whoever listens
        for transfer, signer in copies:
            account = self._wallets.customer_of(signer)
            payer = f"key:{signer.hex()}" if account is None else uploader_of_customer(account)
            self._archive.waiting.charge(transfer.id, payer)
        self._listener.signatures_came(copies)

    def _judge(self, txids: Iterable[bytes], directory: Directory, signatures: Signatures) -> None:
        """Judge these transfers, in this order, and whatever that completes."""
        judging = Judging(self._archive, directory, signatures, self._refusal)
        judging.run(txids)
        archive = self._archive
        archive.transfers.set_owners(judging.owners)
        archive.transfers.drop_claims(judging.claimed)
        self._sign(judging.signed)
        for txid in judging.unsigned:
            self._retention.forget(txid)
        valid = judging.valid
        archive.tokens.add([token for one in valid.values() for token in one.tokens], settled=False)
        archive.transfers.make_valid([(txid, one.signer) for txid, one in valid.items()])
        for txid in judging.ended:
            for token in valid[txid].tokens:
                value = archive.tokens.worth(token.ref)
                if value is not None:
                    archive.tokens.settle(token.ref, value)
        for txid, code in judging.refused.items():
            self._listener.refused(txid, code)


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
