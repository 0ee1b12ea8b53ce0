"""The bank node put together, and what it does for a call: take in, settle, do what is urgent, answer."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from ledger_sync.bank.answers import Answers
from ledger_sync.bank.books import OWN
from ledger_sync.bank.certification import Certification
from ledger_sync.bank.compensations import Compensations
from ledger_sync.bank.conflicts import ConflictCourier
from ledger_sync.bank.couriers import RelayCourier, RevocationCourier
from ledger_sync.bank.customers import Customers
from ledger_sync.bank.deliveries import Deliveries
from ledger_sync.bank.fork_watch import ForkWatch
from ledger_sync.bank.funding import Funding
from ledger_sync.bank.house import House
from ledger_sync.bank.intake import Intake, is_refused_bundle
from ledger_sync.bank.lines import BankLines, CentralBankLine, NotaryLine, Service
from ledger_sync.bank.movements import Movements
from ledger_sync.bank.objects import Objects
from ledger_sync.bank.outbox import Outbox
from ledger_sync.bank.policies import Policies
from ledger_sync.bank.provenance import Provenance
from ledger_sync.bank.redemptions import Redemptions
from ledger_sync.bank.refunds import Refunds
from ledger_sync.bank.relays import Relays
from ledger_sync.bank.retention import Retention
from ledger_sync.bank.settling_desk import SettlingDesk
from ledger_sync.bank.shares import CUSTOMER_UPLOADER
from ledger_sync.bank.terms import Terms
from ledger_sync.bank.wallets import Wallets
from ledger_sync.bank.work import Kind, WorkList
from ledger_sync.settling.values import Outcome
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import Transfer

URGENT: Final = frozenset({Kind.FETCH, Kind.REDEEM, Kind.REVOKE, Kind.CHALLENGE})
"""What a caller's answer may depend on."""
PASSING_ON: Final = frozenset({Kind.WHOLE, Kind.PAYLOAD, Kind.MONEY})
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lines:
    """The services the node calls."""

    notary: Service
    central_bank: Service
    banks: Mapping[str, Service]


class _Switchboard:
    """Tells every part of what came in and what was answered, inside the transaction in which it happens."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.relays: Relays
        self.watch: ForkWatch
        self.desk: SettlingDesk
        self.deliveries: Deliveries
        self.redemptions: Redemptions

    def certificate_came(self, signed: Signed[Certificate]) -> None:
        self.relays.certificate_came(signed)

    def issuance_came(self, signed: Signed[Issuance]) -> None:
        self.deliveries.issuance_came(signed)

    def signature_came(self, transfer: Signed[Transfer], signer: bytes) -> None:
        self.relays.signature_came(transfer, signer)
        self.watch.signature_came(transfer, signer)
        self.desk.signature_came(transfer)

    def refused(self, txid: bytes, code: Code) -> None:
        self.desk.refused(txid, code)

    def answered(self, transfer: Signed[Transfer], signer: bytes, outcome: Outcome) -> None:
        self.deliveries.settled(transfer, signer)
        if isinstance(transfer.body.purpose, bytes):
            self.objects.answer_requests(transfer.body.purpose)
        if transfer.body.redemption is not None:
            self.redemptions.settled(transfer, signer, outcome.values[0])


class Node:
    """One bank. Its parts are public; routes and workers use them."""

    def __init__(self, house: House, terms: Terms, lines: Lines) -> None:
        self.house = house
        self.terms = terms
        central_bank = CentralBankLine(lines.central_bank)
        banks = BankLines(lines.banks)
        self.objects = Objects(house.store, terms.capacity)
        board = _Switchboard(self.objects)
        self.work = WorkList(house.store, house.wall or house.clock)
        self.provenance = Provenance(house.store, self.objects)
        self.wallets = Wallets(house, self.work)
        self.customers = Customers(house)
        self.relays = Relays(house, self.objects, self.work)
        self.policies = Policies(house)
        self.watch = ForkWatch(house, self.objects, self.wallets, self.policies)
        self.deliveries = Deliveries(
            house, self.objects, self.provenance, self.wallets, terms.capacity.delivered
        )
        self.retention = Retention(house, terms, self.objects, self.watch)
        self.intake = Intake(house, self.objects, self.provenance, self.wallets, self.retention, board)
        self.desk = SettlingDesk(
            house, self.objects, self.work, NotaryLine(lines.notary), self.relays, self.watch, board
        )
        self.redemptions = Redemptions(
            house,
            self.objects,
            self.provenance,
            self.wallets,
            self.work,
            self.relays,
            self.intake,
            central_bank,
        )
        self.compensations = Compensations(house, self.work)
        self.refunds = Refunds(
            house,
            self.objects,
            self.provenance,
            self.wallets,
            self.work,
            self.compensations,
            central_bank,
        )
        self.certification = Certification(
            house,
            terms,
            self.customers,
            self.objects,
            self.wallets,
            self.deliveries,
            self.relays,
            self.policies,
            self.watch,
        )
        self.funding = Funding(house, self.certification, self.objects, self.intake, central_bank)
        self.answers = Answers(house, self.objects, self.redemptions, terms.capacity.rows)
        self.movements = Movements(house, central_bank, self.funding.carried_out, self.compensations.moved)
        board.relays, board.watch, board.desk = self.relays, self.watch, self.desk
        board.deliveries, board.redemptions = self.deliveries, self.redemptions
        self.outbox = self._outbox(banks, central_bank)

    def _outbox(self, banks: BankLines, central_bank: CentralBankLine) -> Outbox:
        relays = RelayCourier(self.house, self.objects, self.provenance, self.work, banks)
        conflicts = ConflictCourier(
            self.house,
            self.objects,
            self.provenance,
            self.wallets,
            self.work,
            self.intake,
            self.desk,
            self.compensations,
            banks,
            central_bank,
        )
        revocations = RevocationCourier(self.house, self.objects, self.wallets, self.work, central_bank)
        return Outbox(
            self.house.store,
            self.work,
            {
                Kind.WHOLE: relays.whole,
                Kind.PAYLOAD: relays.payload,
                Kind.MONEY: relays.money,
                Kind.FETCH: conflicts.fetch,
                Kind.CHALLENGE: conflicts.challenge,
                Kind.REDEEM: lambda item: self.redemptions.finish(item.subject),
                Kind.REFUND: lambda item: self.refunds.finish(item.subject),
                Kind.REVOKE: revocations.revoke,
            },
        )

    def upload(self, bundle: Bundle, uploader: str) -> list[Cbor]:
        """Take a bundle in, settle what can be settled now, and answer for each of its transfers.

        Raises ``Refusal`` as `Intake.take` does. What the others can't be asked about now stays waiting.
        """
        txids = [transfer.id for transfer in bundle.transfers]
        repeats = self.answers.known(txids)
        try:
            self.intake.take(bundle, uploader)
        except Refusal as refusal:
            if not is_refused_bundle(refusal):
                raise
            self.refresh_trust()
            self.intake.take(bundle, uploader)
        attempt("settle", self.desk.settle)
        self.outbox.round(URGENT)
        if uploader.startswith(CUSTOMER_UPLOADER) and self._has_conflict(txids):
            self.outbox.round(PASSING_ON)
        self.outbox.round(URGENT)
        return self.answers.rows(txids, repeats)

    def _has_conflict(self, txids: list[bytes]) -> bool:
        settlements = [self.objects.settlement(txid) for txid in txids]
        return any(held is not None and held.body.verdict is Verdict.CONFLICT for held in settlements)

    def books(self) -> Cbor:
        """`[position, own, [[account, balance], ...], fundings, redemptions]` of one moment; the last two list by id
        what the central bank may have booked before this bank."""
        with self.house.store.transaction():
            books = self.house.books
            redemptions = [*self.redemptions.in_flight(), *self.refunds.in_flight()]
            redemptions += self.compensations.in_flight()
            return [
                books.position,
                books.balance(OWN),
                [[account, balance] for account, balance in books.customers()],
                [[funding, amount] for funding, amount in self.funding.open_ones()],
                [[name, value] for name, value in redemptions],
            ]

    def refresh_trust(self) -> None:
        """The newest directory and policy, if the central bank can be reached."""
        with contextlib.suppress(Refusal):
            self.house.trust.refresh()

    def work_round(self) -> None:
        """One round of the worker: finish what a crash or a silent partner left."""
        attempt("policies", self.policies.follow)
        for funding, _amount in self.funding.open_ones():
            attempt("funding", partial(self.funding.finish, funding))
        attempt("settle", self.desk.settle)
        self.outbox.round()


def attempt(what: str, step: Callable[[], object]) -> None:
    """Do a step that may be refused for now; it is tried again in the next round."""
    try:
        step()
    except Refusal as refusal:
        _log.info("%s: %s", what, refusal)
