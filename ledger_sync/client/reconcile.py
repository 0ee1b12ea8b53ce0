"""Reconciling: upload what happened offline, learn the verdicts, take what is new, start a new epoch.

Every step is durable in the purse before the next begins and harmless when done again; the bank answers the same
call as it did the first time. Recovery chart, by what a crash or a lost line interrupts:

    interrupted in    on disk                          the next reconciling
    ----------------  -------------------------------  -----------------------------------------------------
    policy            what came                        asks for what is newer than what it holds
    fundings          the funding and its id           asks for the same id: same issuance
    recalling         certificates that came           asks again what the bank knows
    uploads           answers that came                uploads what has no answer; a repeat is answered alike
    deliveries        what came, and the cursor        goes on from the cursor
    comparing         heads that were compared, seen   brings what is kept, keeps what the bank shows
    epoch             the alias, perhaps the key       has the same key certified
    refresh           signed redemptions               uploads them; the same redemption gives the same tokens
    retiring          the mark                         destroys what is marked

A step is a turn of the wallet's (`wallet.purse.turns`), and no call to the bank is made within one. So another thread
may pay, be paid, ask for money or close the wallet between any two: what such a payment makes impossible, since all has
to be uploaded before it, is tried again after another upload, or left to the next reconciling.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ledger_sync.client.bank import ASKED_AT_ONCE, BankClient
from ledger_sync.client.comparing import compare_heads
from ledger_sync.client.recalling import certify_again, certify_key, forgotten, show_evidence
from ledger_sync.client.statuses import ReportedStatus
from ledger_sync.client.timing import ROUNDS as _ROUNDS
from ledger_sync.client.timing import ask_time, take_policy
from ledger_sync.http.peers import NoAnswer, RemoteRefusal, is_final
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.evidence import Evidence
from wallet.protocol.settlement import Verdict
from wallet.purse.store.journal import PurseState
from wallet.purse.store.words import SKEW
from wallet.purse.sync.fundings import Funding
from wallet.wallet import Wallet

_TRIES: Final = 3
"""How often payments made meanwhile are uploaded before redemptions are signed."""


class Step(StrEnum):
    """Where a reconciling is."""

    POLICY = "policy"
    FUNDING = "funding"
    UPLOAD = "upload"
    DELIVER = "deliver"
    CERTIFY = "certify"
    REFRESH = "refresh"


Tell = Callable[[Step, int], None]
"""Called as a step begins, with how many things it is about."""


@dataclass(slots=True)
class Report:
    """Report of a reconciling: ids of transfers by verdict (no redemptions); the other amounts in tiyn."""

    settled: set[bytes] = field(default_factory=set)
    short: set[bytes] = field(default_factory=set)
    conflict: set[bytes] = field(default_factory=set)
    refused: set[bytes] = field(default_factory=set)
    waiting: set[bytes] = field(default_factory=set)
    evidence: list[Evidence] = field(default_factory=list)
    delivered: int = 0
    refreshed: int = 0
    defunded: int = 0
    expired: int = 0
    """Tiyn whose grace has passed, as was seen just now: the bank has them refunded to the account."""
    clock_wrong_by: int = 0
    """Seconds that the device's clock is ahead of what bank and central bank say (negative: behind); 0: it is right."""

    def verdicts(self) -> dict[str, int]:
        """How many transfers have which verdict; ``waiting`` is none."""
        names = ("settled", "short", "conflict", "refused", "waiting")
        return {name: len(getattr(self, name)) for name in names}


def reconcile(wallet: Wallet, bank: BankClient, tell: Tell = lambda step, count: None) -> Report:
    """Bring the wallet and the ledger together.

    Raises ``RemoteRefusal``, what the bank refused; ``NoAnswer``; ``Refusal``, what the purse refuses of an answer, and
    DEVICE_CLOCK, where it failed for the device's wrong clock. Whatever was done until then stays done, and the next
    reconciling goes on.
    """
    saga, expired = _Reconciling(wallet, bank, tell), wallet.reconciling.expired()
    try:
        saga.whole()
    except Refusal as refusal:
        raise wallet.dating.odd(refusal) from refusal
    saga.report.expired = max(0, wallet.reconciling.expired() - expired)
    saga.report.clock_wrong_by = wallet.dating.wrong_by
    return saga.report


def set_up(wallet: Wallet, bank: BankClient, root: bytes) -> None:
    """A new wallet's first directory and policy, checked against the root key it was given, or whom that one has handed
    over to. Harmless when repeated."""
    believed, directory = bank.root()
    wallet.reconciling.take_root(root, directory, bank.handovers() if believed != root else ())
    if wallet.reconciling.policy_version == 0 and (base := bank.base()) is not None:
        wallet.reconciling.take_base(base)
    take_policy(wallet.reconciling, bank)


def certify(wallet: Wallet, bank: BankClient) -> None:
    """Have a fresh key certified: a new epoch. A key left over from an epoch that is past gives way to a newer one."""
    try:
        certify_key(wallet.reconciling, bank, wallet.reconciling.begin_epoch())
    except RemoteRefusal as refusal:
        if refusal.code is not Code.CERTIFICATE_EXPIRED:
            raise
        certify_key(wallet.reconciling, bank, wallet.reconciling.begin_epoch(fresh_key=True))


def fund(wallet: Wallet, bank: BankClient, amount: int) -> int:
    """Bring ``amount`` tiyn from the account into the purse; how many tokens it made.

    The funding's id is on disk before the bank is asked. A funding of this amount that was interrupted is gone on
    with, and no other is begun. Raises ``RemoteRefusal``: what the bank refuses (where that is final, the funding is
    dropped); ``NoAnswer`` (it stays open: the same again, or the next reconciling, finishes it).
    """
    interrupted = [item for item in wallet.reconciling.fundings.open() if item.amount == amount]
    funding = interrupted[0] if interrupted else wallet.reconciling.fundings.begin(amount)
    _finish_funding(wallet, bank, funding)
    return len(funding.amounts)


def defund(wallet: Wallet, bank: BankClient, amount: int) -> int:
    """Bring ``amount`` tiyn from the purse back to the account; the tiyn that were settled.

    Recalls and uploads everything first, as a redemption must. A defunding of this amount that was interrupted is gone
    on with, and no other is begun. Raises ``Refusal``: FUNDS_SHORT, ROLLBACK; ``RemoteRefusal``; ``NoAnswer``.
    """
    interrupted = wallet.reconciling.exchanging.unfinished_defund(amount)
    saga = _Reconciling(wallet, bank, lambda step, count: None)
    saga.take_policy()
    saga.recall()
    saga.upload()
    saga.take_deliveries()
    saga.upload()
    return saga.redeem(interrupted or saga.begin(lambda: wallet.reconciling.exchanging.begin_defund(amount)))


def _finish_funding(wallet: Wallet, bank: BankClient, funding: Funding) -> None:
    """Have it issued. Where the bank thinks that the purse is full, it is shown what was paid; where it has forgotten
    the key, it is asked to certify it again; then it is asked anew: what was refused stays refused, so under another
    id."""
    try:
        _ask_for_funding(wallet, bank, funding)
    except RemoteRefusal as refusal:
        if refusal.code is Code.LIMIT_BALANCE:
            saga = _Reconciling(wallet, bank, lambda step, count: None)
            saga.recall()
            saga.upload()
        elif refusal.code is not Code.NOT_CERTIFIED or not certify_again(wallet.reconciling, bank):
            raise
    else:
        return
    _ask_for_funding(wallet, bank, wallet.reconciling.fundings.begin(funding.amount))


def _ask_for_funding(wallet: Wallet, bank: BankClient, funding: Funding) -> None:
    try:
        issuance = bank.fund(funding.id, funding.owner, tuple(funding.amounts))
    except RemoteRefusal as refusal:
        if is_final(refusal):
            wallet.reconciling.fundings.drop(funding.id)
        raise
    wallet.reconciling.fundings.complete(issuance)


class _Reconciling:
    """One reconciling under way."""

    def __init__(self, wallet: Wallet, bank: BankClient, tell: Tell) -> None:
        self._wallet = wallet
        self._purse = wallet.reconciling
        self._bank = bank
        self._tell = tell
        self.report = Report()
        self._again: set[bytes] = set()
        self._is_recalled = False
        self._known: int | None = None
        self._redemptions: set[bytes] = set()
        self._values: dict[bytes, int] = {}

    def whole(self) -> None:
        """Every step."""
        self.take_policy()
        self.find_keys()
        self.recall()
        self.finish_fundings()
        self.upload()
        self.take_deliveries()
        self.upload()
        compare_heads(self._purse.log_heads, self._bank)
        self._purse.reconciled(self._known)
        self.certify_if_due()
        if self._wallet.state is PurseState.SOUND:
            self.refresh()
            self.defund_excess()
        self.retire_keys()

    def take_policy(self) -> None:
        """The policy; and the bank's word on the time, where the central bank's is ahead of the device."""
        self._tell(Step.POLICY, 0)
        take_policy(self._wallet.reconciling, self._bank)
        if self._wallet.dating.is_doubtful:
            ask_time(self._wallet, self._bank)

    def find_keys(self) -> None:
        """A purse that was rolled back or lost may have signed with keys that it does not know and that are no more."""
        if self._wallet.state is PurseState.ROLLED_BACK:
            self._purse.find_keys(tuple(self._bank.own_keys()))

    def recall(self, *, is_sure: bool = False) -> None:
        """What a bank that was put back from a backup has forgotten: its keys now, transfers with the next upload. A
        redemption that stays open may be one of a key that it no longer knows, whatever else it knows."""
        place = self._purse.recalling.place
        self._again.update(forgotten(self._purse, self._bank, is_sure=is_sure))
        self._known = None if self._again else place
        if self._again or is_sure or self._purse.exchanging.open():
            certify_again(self._purse, self._bank)
            show_evidence(self._purse.recalling.provable(self._wallet.evidence()), self._bank)

    def finish_fundings(self) -> None:
        """One that the bank refuses or can't finish now holds up nothing else; a bank that does not answer does."""
        fundings = self._purse.fundings.open()
        if fundings:
            self._tell(Step.FUNDING, len(fundings))
        for funding in fundings:
            try:
                _finish_funding(self._wallet, self._bank, funding)
            except NoAnswer:
                raise
            except Refusal:
                continue

    def upload(self) -> None:
        """Everything without a verdict, each once a round; then what became of open redemptions."""
        waiting: set[bytes] = set()
        for _ in range(_ROUNDS):
            bundle = self._purse.uploads.next(passed=waiting, again=self._again)
            if not bundle.transfers:
                break
            self._tell(Step.UPLOAD, len(bundle.transfers))
            self._take(self._bank.upload(bundle))
            waiting.update(transfer.id for transfer in bundle.transfers)
            self._again -= waiting
        self._ask(self._purse.exchanging.open())

    def _ask(self, transfers: Sequence[bytes]) -> None:
        for start in range(0, len(transfers), ASKED_AT_ONCE):
            self._take(self._bank.verdicts(transfers[start : start + ASKED_AT_ONCE]))

    def take_deliveries(self) -> None:
        """Page by page, until the cursor stands. A bank that does not remember the first is shown again what it has
        forgotten, before the cursor moves on."""
        for _ in range(_ROUNDS):
            cursor = self._purse.cursor
            delivery = self._bank.deliveries(cursor)
            if cursor and not delivery.goes_on and not self._is_recalled:
                self._is_recalled = True
                self.recall(is_sure=True)
                self.upload()
            if delivery.cursor == cursor:
                return
            self._tell(Step.DELIVER, len(delivery.rows))
            delivered = self._purse.deliver(delivery.bundle, delivery.rows, delivery.cursor)
            self.report.delivered += sum(token.amount for token in delivered.tokens)
            self._note_evidence(delivery.rows)

    def certify_if_due(self) -> None:
        """A new epoch when the old one is a day old, expired or dated ahead, its total half used up, or one was begun,
        or when nobody knows any more which bank was asked for it.

        Where the bank gives no more certificates for now, the one in force goes on being used.
        """
        current, now = self._purse.certificate, self._wallet.now()
        if current is not None and not self._purse.is_epoch_due and now - current.body.issued >= -SKEW:
            return
        self._tell(Step.CERTIFY, 1)
        try:
            certify(self._wallet, self._bank)
        except Refusal as refusal:
            if refusal.code is not Code.TOO_MANY or current is None or current.body.expires < now:
                raise

    def begin(self, redemptions: Callable[[], tuple[bytes, ...]]) -> tuple[bytes, ...]:
        """Sign redemptions, which all that is held must have been uploaded for: what came meanwhile is first."""
        for _ in range(_TRIES):
            try:
                return redemptions()
            except Refusal as refusal:
                if not _lacks_upload(refusal):
                    raise
            self.upload()
        return redemptions()

    def _begin_if_possible(self, redemptions: Callable[[], tuple[bytes, ...]]) -> tuple[bytes, ...]:
        """None where they are for a later reconciling."""
        try:
            return self.begin(redemptions)
        except Refusal as refusal:
            if not _lacks_upload(refusal):
                raise
            return ()

    def refresh(self) -> None:
        redemptions = self._begin_if_possible(self._purse.exchanging.begin_refresh)
        if redemptions:
            self._tell(Step.REFRESH, len(redemptions))
            self.report.refreshed = self.redeem(redemptions)

    def defund_excess(self) -> None:
        """What the ledger delivered over the balance limit goes to the account."""
        self.report.defunded = self.redeem(self._begin_if_possible(self._purse.begin_defund_excess))

    def redeem(self, redemptions: Collection[bytes]) -> int:
        """Upload signed redemptions; the tiyn that have come of them until now. The rest comes with a later round."""
        if not redemptions:
            return 0
        self._redemptions.update(redemptions)
        self.upload()
        return sum(self._values.get(txid, 0) for txid in redemptions)

    def retire_keys(self) -> None:
        """Old keys go when the ledger knows nothing of theirs any more."""
        keys = self._purse.retiring.candidates()[:ASKED_AT_ONCE]
        if keys:
            self._purse.retiring.retire(keys, self._bank.keys_in_use(keys))

    def _take(self, rows: Sequence[ReportedStatus]) -> None:
        """The purse checks every signature, and keeps the rows durably."""
        self._purse.answer(rows)
        self._note(rows)

    def _note(self, rows: Sequence[ReportedStatus]) -> None:
        report = self.report
        by_verdict = {
            Verdict.SETTLED: report.settled,
            Verdict.SHORT: report.short,
            Verdict.CONFLICT: report.conflict,
            Verdict.REFUSED: report.refused,
        }
        for row in rows:
            if row.outcome is not None:
                self._values[row.transfer] = row.outcome.value
            if row.transfer in self._redemptions:
                continue
            if row.settlement is None:
                report.waiting.add(row.transfer)
                continue
            report.waiting.discard(row.transfer)
            by_verdict[row.settlement.body.verdict].add(row.transfer)
        self._note_evidence(rows)

    def _note_evidence(self, rows: Iterable[ReportedStatus]) -> None:
        for row in rows:
            if row.evidence is not None and row.evidence not in self.report.evidence:
                self.report.evidence.append(row.evidence)


def _lacks_upload(refusal: Refusal) -> bool:
    """Whether the purse wants all of it uploaded first; not that something of it has not settled yet."""
    return refusal.code is Code.RECONCILE_FIRST and "need" not in refusal.facts
