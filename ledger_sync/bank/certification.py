"""Certification: a new epoch's key gets a certificate with a fresh pseudonym, limits and an expiry.

Rule: the same key again gives a person the same certificate while it is good; a merchant the same for a day while its
total is the same, and then a new one under a new pseudonym. A key is certified for one customer only, on proof that its
device can sign with it and wants this bank, and not while the customer is revoked for a contradiction.
"""

from __future__ import annotations

from dataclasses import replace

import hsm.failpoint
from ledger_sync.bank.customers import Customers
from ledger_sync.bank.deliveries import Deliveries
from ledger_sync.bank.fork_watch import ForkWatch
from ledger_sync.bank.house import House
from ledger_sync.bank.objects import Objects
from ledger_sync.bank.policies import Policies
from ledger_sync.bank.ports.customers import Customer
from ledger_sync.bank.redemptions import Redemptions
from ledger_sync.bank.relays import Relays
from ledger_sync.bank.terms import MAX_POSSESSIONS, Terms
from ledger_sync.bank.wallets import Wallets
from ledger_sync.possession import shows_possession
from wallet.protocol.bounds import DAY, WALLET_ID_BYTES
from wallet.protocol.certificate import Certificate, Limits, WalletKind
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.policy import Reason


class Certification:
    """Certifies wallet keys of this bank's customers."""

    def __init__(
        self,
        house: House,
        terms: Terms,
        customers: Customers,
        objects: Objects,
        wallets: Wallets,
        deliveries: Deliveries,
        relays: Relays,
        policies: Policies,
        watch: ForkWatch,
        redemptions: Redemptions,
    ) -> None:
        self._house = house
        self._store = house.store
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
        bank = self._house.bank
        require(shows_possession(key, bank, device, proof), Code.KEY_INVALID, bank=bank)
        with self._store.transaction():
            customer = self._customers.customer(account)
            require(self._wallets.customer_of(key) in (None, account), Code.AUTH_FORBIDDEN)
            require(not self._wallets.is_revoked(account, Reason.CONFLICT), Code.WALLET_REVOKED)
            certificate = self._known(customer, device, key, total) or self._issue(
                customer, device, key, total, None if policy is None else self._policies.note(policy)
            )
            self._store.insert("possessions", device=device, key=key, proof=proof)
        hsm.failpoint.reach("bank.certify.stored")
        return certificate

    def possessions(self, device: bytes, after: bytes) -> list[tuple[bytes, bytes]]:
        """Keys that ``device`` had certified, each with its proof, in order of key after ``after``: one page."""
        rows = self._store.rows(
            "select key, proof from possessions where device = ? and key > ? order by key limit ?",
            (device, after, MAX_POSSESSIONS),
        )
        return [(key, proof) for key, proof in rows]

    def _known(self, customer: Customer, device: bytes, key: bytes, total: int) -> Signed[Certificate] | None:
        row = self._store.row(
            "select w.certificate, w.issued, w.expires, w.device, r.wallet is not null from wallets w"
            " left join revocations r on r.wallet = w.wallet where w.key = ? order by w.expires desc limit 1",
            (key,),
        )
        if row is None:
            return None
        certificate_id, issued, expires, made_for, is_revoked = row
        now = self._house.clock()
        held = self._objects.certificates.get(certificate_id)
        if customer.kind is WalletKind.MERCHANT:
            is_new = held is not None and held.body.total == total and 0 <= now - issued < DAY
            return held if is_new and made_for == device and not is_revoked else None
        require(expires >= now, Code.CERTIFICATE_EXPIRED, expires=expires)
        return held

    def _issue(
        self, customer: Customer, device: bytes, key: bytes, total: int, policy: int | None
    ) -> Signed[Certificate]:
        count, most = self._wallets.count_of_device(device), self._terms.capacity.wallets
        require(count < most, Code.TOO_MANY, count=count, limit=most)
        is_first = self._wallets.customer_of(key) is None
        signed = self._house.sign(self._body(customer, key, total))
        self._objects.certificates.add(signed)
        self._wallets.add(signed, customer.id, device, policy)
        if is_first:
            for held in self._objects.certificates.of(key):
                self._wallets.learn(held)
            self._objects.unspent.certified(key)
            self._watch.certified(key)
            self._deliveries.certified(key)
            self._redemptions.certified(key)
        self._relays.certificate_came(signed)
        return signed

    def _body(self, customer: Customer, key: bytes, total: int) -> Certificate:
        house = self._house
        now = house.clock()
        body = Certificate(
            bank=house.bank,
            wallet=house.random(WALLET_ID_BYTES),
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
        row = self._store.row(
            "select wallet, certificate, expires from wallets where key = ? and customer = ?"
            " order by expires desc, wallet limit 1",
            (key, account),
        )
        if row is None:
            raise Refusal(Code.NOT_CERTIFIED)
        wallet, certificate_id, expires = row
        require(expires >= self._house.clock(), Code.CERTIFICATE_EXPIRED, expires=expires)
        revoked = self._store.row("select 1 from revocations where wallet = ?", (wallet,)) is not None
        require(not (revoked or self._wallets.is_listed(wallet)), Code.WALLET_REVOKED, wallet=wallet.hex())
        certificate = self._objects.certificates.get(certificate_id)
        if certificate is None:
            raise Refusal(Code.NOT_CERTIFIED)
        return certificate
