"""The bank node put together, and what it does for a call: take in, settle, do what is urgent, answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from ledger_sync.bank.accounts.caused import Caused
from ledger_sync.bank.accounts.compensations import Compensations
from ledger_sync.bank.accounts.customers import Customers
from ledger_sync.bank.accounts.movements import Movements
from ledger_sync.bank.api.event_hub import EventHub
from ledger_sync.bank.api.told_again import ToldAgain, Upload
from ledger_sync.bank.books import OWN
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.intake.intake import Intake, is_refused_bundle
from ledger_sync.bank.intake.provenance import Provenance
from ledger_sync.bank.intake.retention import Retention
from ledger_sync.bank.intake.signatures import Signatures
from ledger_sync.bank.jobs.asking_again import AskingAgain, PassingOnAgain
from ledger_sync.bank.jobs.lanes import CENTRAL_BANK, Lanes
from ledger_sync.bank.jobs.outbox import Outbox, one_by_one
from ledger_sync.bank.jobs.relays import Relays
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.peers import BankClients, CentralBankClient, NotaryClient, NotaryLine, Service
from ledger_sync.bank.plain.lane import PlainLane, Settled, Unsettled, Why
from ledger_sync.bank.ports.caused import CHALLENGE, FUNDING, REDEMPTION, REFUND
from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.bank.ports.settlements import Told
from ledger_sync.bank.ports.shares import is_customer
from ledger_sync.bank.provisioning.certification import Certification
from ledger_sync.bank.provisioning.forgotten_fundings import ForgottenFundings
from ledger_sync.bank.provisioning.funding import FundingOrders
from ledger_sync.bank.redemption.proofs import Proofs
from ledger_sync.bank.redemption.redemptions import Redemptions
from ledger_sync.bank.redemption.refunds import Refunds
from ledger_sync.bank.settlement.alone import SignedAlone
from ledger_sync.bank.settlement.answers import TransferStatuses
from ledger_sync.bank.settlement.commits import Commits
from ledger_sync.bank.settlement.conflicts import ConflictResolver
from ledger_sync.bank.settlement.deliveries import AccountFeed
from ledger_sync.bank.settlement.endings import Endings
from ledger_sync.bank.settlement.handlers import RelayHandler, RevocationHandler
from ledger_sync.bank.settlement.settler import Settler
from ledger_sync.bank.terms import Terms
from ledger_sync.bank.wallets.fork_watch import ForkWatch
from ledger_sync.bank.wallets.limit_watch import LimitWatch
from ledger_sync.bank.wallets.policies import Policies
from ledger_sync.bank.wallets.wallets import Wallets
from ledger_sync.notaries import Notaries
from ledger_sync.own_words import OwnWords, named
from ledger_sync.service.worker import Worker
from wallet.protocol.bundle import Bundle
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.transfer import Transfer

_ROUND_SECONDS: Final = 1
_AFTER_VAIN: Final = 5
"""Seconds for which nobody asks the central bank for news after somebody could not reach it."""
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Peers:
    """The services the node calls."""

    notaries: Notaries[NotaryLine]
    central_bank: Service
    banks: Mapping[str, Service]


class Node:
    """One bank. Its parts are public; routes and workers use them."""

    def __init__(self, context: BankContext, terms: Terms, lines: Peers) -> None:
        self.context = context
        self.terms = terms
        central_bank = CentralBankClient(lines.central_bank)
        banks = BankClients(lines.banks)
        self.objects = context.storage.archive
        board = EventHub(self.objects, context.metrics)
        self.work = JobQueue(context.storage.jobs, context.wall or context.clock, context.process)
        self.provenance = Provenance(self.objects)
        self.wallets = Wallets(context, self.work)
        self.customers = Customers(context)
        self.relays = Relays(context, self.objects, self.work, terms.capacity.opened)
        self.policies = Policies(context)
        self.watch = ForkWatch(context, self.objects, self.wallets)
        self.limits = LimitWatch(context, self.objects, self.wallets, self.policies)
        self.deliveries = AccountFeed(
            context, self.objects, self.provenance, self.wallets, terms.capacity.delivered
        )
        self.retention = Retention(context, terms, self.objects, self.watch)
        self.intake = Intake(context, self.objects, self.wallets, self.retention, board)
        commits = Commits(context, lines.notaries.by(NotaryClient))
        self.alone = SignedAlone(context, self.objects, commits)
        self.proofs = Proofs(self.provenance, self.alone.of)
        self.settler = Settler(
            context, self.objects, self.work, commits, self.relays, self.watch, self.limits, board
        )
        self.plain = PlainLane(
            context,
            self.objects,
            self.wallets,
            commits,
            self.limits,
            board,
            self.intake.take,
        )
        self.endings = Endings(context, self.objects, self.work, self.intake, self.settler, commits, banks)
        self.redemptions = Redemptions(
            context,
            self.objects,
            self.proofs,
            self.wallets,
            self.work,
            self.relays,
            self.intake,
            central_bank,
        )
        self.compensations = Compensations(context, self.work)
        self.refunds = Refunds(
            context,
            self.objects,
            self.proofs,
            self.wallets,
            self.work,
            self.compensations,
            central_bank,
        )
        self.certification = Certification(
            context,
            terms,
            self.customers,
            self.objects,
            self.wallets,
            self.deliveries,
            self.relays,
            self.policies,
            self.watch,
            self.redemptions,
        )
        self.funding = FundingOrders(
            context, self.certification, self.objects, self.intake, central_bank, terms
        )
        self.told_again = ToldAgain()
        self.answers = TransferStatuses(context, self.redemptions, self.alone, terms.capacity.rows)
        self.forgotten_fundings = ForgottenFundings(
            context, self.wallets, self.intake, self.work, central_bank
        )
        known = {
            FUNDING: self.funding.is_known,
            REDEMPTION: self.redemptions.is_known,
            REFUND: self.refunds.is_known,
            CHALLENGE: lambda claim: (
                self.compensations.is_known(claim)
                or self.refunds.is_known(claim)
                or self.objects.transfers.stage(claim) is not None
            ),
        }
        self.movements = Movements(
            context,
            central_bank,
            self.funding.carried_out,
            self.compensations.moved,
            known,
            self.forgotten_fundings.undo,
        )
        board.relays, board.watch, board.settler = self.relays, self.watch, self.settler
        board.deliveries, board.redemptions = self.deliveries, self.redemptions
        board.wallets = self.wallets
        self._banks = tuple(lines.banks)
        self.lanes = Lanes(self.work, self._outbox(banks, central_bank), self._banks)
        self._fundings = Worker("fundings", _ROUND_SECONDS, self._finish_fundings)
        self._interrupted = Worker("journal", _ROUND_SECONDS, self.plain.journal.take_in_what_is_left)
        self._settling = Worker("settling", _ROUND_SECONDS, self._settle)
        self._ending = Worker("endings", _ROUND_SECONDS, self.endings.look)
        self._refreshing = threading.Lock()
        self._refreshed_in_vain = -_AFTER_VAIN
        self.caused = Caused(context, self.work)
        self.asking_again = AskingAgain(context, banks, lines.banks)
        self.own_words = OwnWords(
            context.bank,
            named(lines.notaries),
            context.storage.settlements.last_heard(),
            lambda: context.trust.directory,
            self.settler.hear,
        )
        self.passing_on_again = PassingOnAgain(context, self.work, context.clock)

    def _outbox(self, banks: BankClients, central_bank: CentralBankClient) -> Outbox:
        relays = RelayHandler(self.objects, self.provenance, banks)
        conflicts = ConflictResolver(
            self.context,
            self.objects,
            self.proofs,
            self.wallets,
            self.work,
            self.intake,
            self.settler,
            self.compensations,
            banks,
            central_bank,
        )
        revocations = RevocationHandler(self.context, self.objects, self.wallets, self.work, central_bank)
        return Outbox(
            self.work,
            {
                JobKind.RELAY_FULL: relays.whole,
                JobKind.RELAY_BARE: one_by_one(relays.payload),
                JobKind.RELAY_ISSUANCE: one_by_one(relays.money),
                JobKind.RELAY_KEY: one_by_one(self.relays.rest),
                JobKind.FETCH: one_by_one(lambda item: self._fetch(item, conflicts)),
                JobKind.CHALLENGE: one_by_one(conflicts.challenge),
                JobKind.REDEEM: one_by_one(lambda item: self.redemptions.finish(item.subject)),
                JobKind.REFUND: one_by_one(lambda item: self.refunds.finish(item.subject)),
                JobKind.REVOKE: one_by_one(revocations.revoke),
            },
        )

    def _fetch(self, item: Job, conflicts: ConflictResolver) -> None:
        self.endings.fetch(item)
        conflicts.fetch(item)

    def upload(
        self, bundle: Bundle, uploader: str, reads: frozenset[str], upload: Upload | None = None
    ) -> list[Cbor]:
        """Take a bundle in, settle what of it, and of what it completes, can be settled now, and answer for each of its
        transfers, in kinds that the caller ``reads``. Where that leaves workers something to do, they are told.
        ``upload``: the same by its bytes, to be told again.

        Raises ``Refusal`` as `Intake.take` does. What the others can't be asked about now stays waiting.
        """
        txids = [transfer.id for transfer in bundle.transfers]
        self.context.metrics.batch("upload", len(txids))
        unsettled = Unsettled(Why.NOT_PLAIN)
        signatures = self.intake.signatures()
        if is_customer(uploader):
            seen = self.plain.seen(bundle, uploader)
            repeats: Mapping[bytes, int] = {txid: one.settlement.body.time for txid, one in seen.told.items()}
            settled = self.plain.settle(bundle, uploader, seen, signatures)
            if isinstance(settled, Settled):
                if settled.has_revoked:
                    self.lanes.wait_for(lambda: self._urgent(txids, ()))
                    self.hurry()
                at_hand = {**_of_payments(bundle, seen.told), **settled.told}
                rows = self.answers.rows(txids, reads, repeats, at_hand)
                self.told_again.keep(upload, bundle, rows, at_hand)
                return rows
            unsettled = settled
        else:
            repeats = self.answers.known(txids)
        try:
            self._take_in(bundle, uploader, signatures, unsettled)
            return self.answers.rows(txids, reads, repeats)
        finally:
            self.hurry()

    def _take_in(self, bundle: Bundle, uploader: str, signatures: Signatures, unsettled: Unsettled) -> None:
        """What is not plain: the intake has it, what can be settled now is, and what is urgent is done."""
        txids = [transfer.id for transfer in bundle.transfers]
        try:
            is_next = unsettled.why is Why.NOT_PLAIN
            valid = self.intake.take(bundle, uploader, is_waited_for=is_next, signatures=signatures)
        except Refusal as refusal:
            if not is_refused_bundle(refusal):
                raise
            self.refresh_trust()
            valid = self.intake.take(bundle, uploader, is_waited_for=True)
        self.plain.taken_in(unsettled)
        if unsettled.why is Why.NOT_PLAIN:
            attempt("settle", lambda: self.settler.settle_now(txids, valid))
        redeeming = [item.id for item in bundle.transfers if item.body.redemption is not None]
        self.lanes.wait_for(lambda: self._urgent(txids, redeeming))

    def copy_of(self, txid: bytes) -> tuple[Signed[Transfer], bytes] | None:
        """The transfer with its signer, to be shown; also one that is being committed, or was when a process died.
        BUSY."""
        found = self.objects.transfers.any_copy(txid)
        if found is None:
            self.plain.journal.take_in(txid)
            found = self.objects.transfers.any_copy(txid)  # also where it left the journal meanwhile
        return found

    def keys_in_use(self, account: str, keys: Sequence[bytes]) -> list[bytes]:
        """As `AccountFeed.keys_in_use`. The journal is read first: what leaves it meanwhile is seen in what follows."""
        paid = self.plain.journal.payees()
        return self.deliveries.keys_in_use(account, keys, paid)

    def _urgent(self, txids: Sequence[bytes], redeeming: Iterable[bytes]) -> Iterator[Job]:
        """What the answer about these transfers depends on, those among them that redeem included."""
        if (revocation := self.work.first(JobKind.REVOKE, CENTRAL_BANK)) is not None:
            yield revocation
        for txid in redeeming:
            yield Job(JobKind.REDEEM, "", txid)
        for txid, payloads in self.settler.wanted_by(txids).items():
            for wanted in payloads:
                yield Job(JobKind.CHALLENGE, "", txid + wanted)
                yield from (Job(JobKind.FETCH, bank, wanted) for bank in self._banks)

    def fund(self, account: str, funding: bytes, owner: bytes, amounts: Sequence[int]) -> Signed[Issuance]:
        """As `Funding.fund`, once this bank knows all that it has caused at the central bank."""
        self.movements.follow_once()
        self.forgotten_fundings.recover()
        return self.funding.fund(account, funding, owner, amounts)

    def books(self) -> Cbor:
        """`[position, own, [[account, balance], ...], fundings, redemptions]` of one moment; the last two list by id
        what the central bank may have booked before this bank."""
        with self.context.storage.unit.transaction():
            context, books = self.context, self.context.books
            redemptions = [*self.redemptions.in_flight(), *self.refunds.in_flight()]
            redemptions += self.compensations.in_flight()
            return [
                books.position,
                books.balance(OWN),
                [[account, balance] for account, balance in context.storage.customers.balances()],
                [[funding, amount] for funding, amount in self.funding.open_ones()],
                [[name, value] for name, value in redemptions],
            ]

    def refresh_trust(self) -> None:
        """The newest directory and policy, if the central bank can be reached. One call at a time asks for them, and
        none soon after another asked in vain; the others go on with what is held."""
        if self.context.clock() < self._refreshed_in_vain + _AFTER_VAIN or not self._refreshing.acquire(
            False
        ):
            return
        try:
            self.context.trust.refresh()
        except Refusal:
            self._refreshed_in_vain = self.context.clock()
        finally:
            self._refreshing.release()

    @property
    def workers(self) -> tuple[Worker, ...]:
        """They finish what a crash or a silent partner left; who waits for one partner waits beside the others."""
        return (self._fundings, self._interrupted, self._settling, self._ending, *self.lanes.workers.values())

    def hurry(self) -> None:
        """There may be something to do now: for who finishes fundings and settles, and in lanes that got work."""
        for worker in (self._fundings, self._settling):
            worker.poke()
        self.lanes.hurry()

    def work_round(self) -> None:
        """One round of every worker, in the caller's thread: where none runs by itself."""
        for worker in self.workers:
            attempt(worker.name, worker.step)

    def _settle(self) -> None:
        attempt("policies", self.policies.follow)
        self.settler.settle()

    def _finish_fundings(self) -> None:
        attempt("forgotten fundings", self.forgotten_fundings.recover)
        for funding, _amount in self.funding.open_ones():
            attempt("funding", partial(self.funding.finish, funding))


def _of_payments(bundle: Bundle, told: Mapping[bytes, Told]) -> Mapping[bytes, Told]:
    """What can be told of payments: what became of redeemed money is not in it."""
    payments = [item.id for item in bundle.transfers if item.body.redemption is None]
    return {txid: told[txid] for txid in payments if txid in told}


def attempt(what: str, step: Callable[[], object]) -> None:
    """Do a step that may be refused for now; it is tried again in the next round."""
    try:
        step()
    except Refusal as refusal:
        _log.info("a step is tried again", extra={"worker": what, "code": refusal.code})
