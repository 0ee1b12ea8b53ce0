"""Certification: a new epoch's key gets a certificate with a fresh pseudonym, limits and an expiry.

Rule: the same key again gives a person the same certificate while it is good; a merchant the same for a day while its
total is the same, and then a new one under a new pseudonym. A key is certified for one customer only, on proof that its
device can sign with it and wants this bank, and not while the customer is revoked for a contradiction. What is signed
counts only if what it was signed for still stands when it is stored; else it begins again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import hsm.failpoint
from ledger_sync.bank.accounts.customers import Customers
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.jobs.relays import Relays
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.customers import Customer
from ledger_sync.bank.ports.wallets import Certified, Holder
from ledger_sync.bank.redemption.redemptions import Redemptions
from ledger_sync.bank.settlement.deliveries import AccountFeed
from ledger_sync.bank.terms import MAX_POSSESSIONS, Terms
from ledger_sync.bank.wallets.fork_watch import ForkWatch
from ledger_sync.bank.wallets.policies import Policies
from ledger_sync.bank.wallets.wallets import Wallets, certified
from ledger_sync.possession import shows_possession
from wallet.protocol.bounds import DAY, WALLET_ID_BYTES
from wallet.protocol.certificate import Certificate, Limits, WalletKind
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.policy import Reason


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a key's certificate is made of, as it is when it is read."""

    customer: Customer
    newest: Certified | None
    is_barred: bool


class Certification:
    """Certifies wallet keys of this bank's customers."""

    def __init__(
        self,
        context: BankContext,
        terms: Terms,
        customers: Customers,
        objects: Archive,
        wallets: Wallets,
        deliveries: AccountFeed,
        relays: Relays,
        policies: Policies,
        watch: ForkWatch,
        redemptions: Redemptions,
    ) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._register = context.storage.wallets
        self._terms = terms
        self._customers = customers
        self._objects = objects
        self._wallets = wallets
        self._deliveries = deliveries
        self._relays = relays
        self._policies = policies
        self._watch = watch
        self._redemptions = redemptions

    def certify(
        self,
        account: str,
        device: bytes,
        key: bytes,
        total: int,
        proof: bytes,
        *,
        policy: Limits | None = None,
    ) -> Signed[Certificate]:
        """A certificate for ``key`` (33 bytes) of the purse behind ``device``; ``total`` (tiyn) is its running total.
        ``policy``: the limits of the policy that goes with it, to which the wallet is then held.

        Raises ``Refusal``: KEY_INVALID (no proof of possession), AUTH_FORBIDDEN (somebody else's key),
        WALLET_REVOKED, CERTIFICATE_EXPIRED (a person's key of an epoch that is over), TOO_MANY, ACCOUNT_UNKNOWN.
        """
        bank = self._context.bank
        require(shows_possession(key, bank, device, proof), Code.KEY_INVALID, bank=bank)
        holder = Holder(account, device)
        certificate = None
        while certificate is None:
            certificate = self._try(holder, key, total, proof, policy)
        hsm.failpoint.reach("bank.certify.stored")
        return certificate

    def _try(
        self, holder: Holder, key: bytes, total: int, proof: bytes, policy: Limits | None
    ) -> Signed[Certificate] | None:
        """None where what it was made of has changed before it was stored."""
        standing = self._standing(holder.account, key)
        known = self._known(standing, holder.device, total)
        if known is None:
            self._require_room(holder.device)
        signed = known or self._context.sign(self._body(standing.customer, key, total))
        with self._unit.transaction():
            if self._standing(holder.account, key) != standing:
                return None
            if known is None:
                self._require_room(holder.device)
                self._add(signed, holder, standing.newest, policy)
            self._register.keep_possession(holder.device, key, proof)
        return signed

    def _standing(self, account: str, key: bytes) -> _Standing:
        """ACCOUNT_UNKNOWN, AUTH_FORBIDDEN, WALLET_REVOKED."""
        customer, newest = self._customers.customer(account), self._register.newest(key)
        require(newest is None or newest.holder.account == account, Code.AUTH_FORBIDDEN)
        require(not self._wallets.is_revoked(account, Reason.CONFLICT), Code.WALLET_REVOKED)
        is_barred = newest is not None and self._wallets.is_revoked_here(newest.wallet)
        return _Standing(customer, newest, is_barred)

    def _known(self, standing: _Standing, device: bytes, total: int) -> Signed[Certificate] | None:
        """The certificate that the key has and keeps. CERTIFICATE_EXPIRED."""
        newest, now = standing.newest, self._context.clock()
        if newest is None:
            return None
        held = self._objects.certificates.get(newest.certificate)
        if standing.customer.kind is WalletKind.MERCHANT:
            is_new = held is not None and held.body.total == total and 0 <= now - newest.issued < DAY
            return held if is_new and newest.holder.device == device and not standing.is_barred else None
        require(newest.expires >= now, Code.CERTIFICATE_EXPIRED, expires=newest.expires)
        return held

    def _require_room(self, device: bytes) -> None:
        """TOO_MANY."""
        count = self._register.count_unexpired(device, self._context.clock())
        most = self._terms.capacity.wallets
        require(count < most, Code.TOO_MANY, count=count, limit=most)

    def _add(
        self, signed: Signed[Certificate], holder: Holder, after: Certified | None, policy: Limits | None
    ) -> None:
        key = signed.body.key
        number = None if policy is None else self._policies.note(policy)
        self._objects.certificates.add(signed)
        is_added = self._register.certify(
            certified(signed, holder, number), None if after is None else after.wallet
        )
        require(is_added, Code.INTERNAL)
        if after is None:
            for held in self._objects.certificates.of_bank(key, self._context.bank):
                self._wallets.learn(held)
            self._objects.unspent.certified(key)
            self._watch.certified(key)
            self._deliveries.certified(key)
            self._redemptions.certified(key)
        self._relays.certificate_came(signed)

    def possessions(self, device: bytes, after: bytes) -> Sequence[tuple[bytes, bytes]]:
        """Keys that ``device`` had certified, each with its proof, in order of key after ``after``: one page."""
        return self._register.possessions(device, after, MAX_POSSESSIONS)

    def _body(self, customer: Customer, key: bytes, total: int) -> Certificate:
        context = self._context
        now = context.clock()
        body = Certificate(
            bank=context.bank,
            wallet=context.random(WALLET_ID_BYTES),
            key=key,
            issued=now,
            expires=now + self._terms.validity,
            kind=customer.kind,
            limits=self._terms.limits(customer.kind),
            total=total,
        )
        if customer.kind is WalletKind.PERSON:
            return body
        return replace(body, category=customer.category, name=customer.name)

    def usable(self, account: str, key: bytes) -> Signed[Certificate]:
        """The certificate under which ``key`` may be funded now.

        Raises ``Refusal``: NOT_CERTIFIED (not by this bank for this customer), CERTIFICATE_EXPIRED, WALLET_REVOKED.
        """
        newest = self._register.newest(key)
        if newest is None or newest.holder.account != account:
            raise Refusal(Code.NOT_CERTIFIED)
        require(newest.expires >= self._context.clock(), Code.CERTIFICATE_EXPIRED, expires=newest.expires)
        require(not self._wallets.is_barred(newest.wallet), Code.WALLET_REVOKED, wallet=newest.wallet.hex())
        certificate = self._objects.certificates.get(newest.certificate)
        if certificate is None:
            raise Refusal(Code.NOT_CERTIFIED)
        return certificate
