"""Redemptions: settled transfers to the central bank's redemption key, and what becomes of the money.

Rule: each is done at most once, keyed by its id, at the central bank and in the books. The signer's bank and the
bank of who gets the money both ask; only the signer's bank, which shows that it speaks for the signer's key, gets and
books what goes to the signer's account, which is all that a revoked wallet's redemption still gives.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import hsm.failpoint
from ledger_sync.bank.accounts.caused import note
from ledger_sync.bank.accounts.unclaimed import Unclaimed
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.intake.intake import Intake
from ledger_sync.bank.jobs.relays import Relays
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.peers import CentralBankClient, Redeemed
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.caused import REDEMPTION
from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.bank.ports.redemptions import Opened, Outcome
from ledger_sync.bank.redemption.proofs import Proofs
from ledger_sync.bank.wallets.wallets import Wallets
from ledger_sync.http.peers import RemoteRefusal, read
from wallet.protocol import idempotency
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import check_issuance
from wallet.protocol.transfer import Refresh, ToPayer, Transfer


class Redemptions:
    """Opens redemptions as they settle, and finishes them with the central bank."""

    def __init__(
        self,
        context: BankContext,
        objects: Archive,
        proofs: Proofs,
        wallets: Wallets,
        work: JobQueue,
        relays: Relays,
        intake: Intake,
        central_bank: CentralBankClient,
    ) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._redemptions = context.storage.redemptions
        self._objects = objects
        self._proofs = proofs
        self._wallets = wallets
        self._work = work
        self._relays = relays
        self._intake = intake
        self._central_bank = central_bank
        self._unclaimed = Unclaimed(context)

    def settled(self, transfer: Signed[Transfer], signer: bytes, value: int) -> None:
        """Note a settled redemption, within the caller's transaction, if it is one of ours to finish."""
        match transfer.body.redemption:
            case ToPayer(payer):
                keys = [signer, payer]
            case Refresh(owner, _):
                keys = [signer, owner]
            case _:
                keys = [signer]
        if any(self._wallets.customer_of(key) is not None for key in keys):
            self._redemptions.open(transfer.id, Opened(self._wallets.customer_of(signer), value))
            if value:
                self._work.add(Job(JobKind.REDEEM, "", transfer.id))
            else:
                self._book(transfer.id, Redeemed(None, 0, 0))

    def certified(self, key: bytes) -> None:
        """A key has just become a customer's: what it redeemed earlier is its bank's to finish."""
        for transfer, value in self._redemptions.signed_by(key):
            self.settled(transfer, key, value)

    def finish(self, txid: bytes) -> None:
        """Have the central bank redeem ``txid``, and book what it says. Raises its ``Refusal``s."""
        redeemed = read(self._ask(txid), self._believed)
        hsm.failpoint.reach("bank.redeem.answered")
        with self._unit.transaction():
            self._book(txid, redeemed)
        hsm.failpoint.reach("bank.redeem.booked")

    def _believed(self, redeemed: Redeemed) -> Redeemed:
        """ISSUANCE_SIGNATURE, REDEMPTION_AMOUNTS."""
        issuance = redeemed.issuance
        if issuance is not None:
            check_issuance(issuance, self._context.trust.directory)
            require(sum(issuance.body.amounts) == redeemed.value, Code.REDEMPTION_AMOUNTS)
        return redeemed

    def _ask(self, txid: bytes) -> Redeemed:
        opened, signer = self._redemptions.get(txid), self._objects.transfers.owner(txid)
        if opened is None or signer is None:
            raise Refusal(Code.NOT_FOUND, {"transfer": txid.hex()})
        possession = None if opened.account is None else self._wallets.possession(signer)
        hsm.failpoint.reach("bank.redeem.ask")
        try:
            return self._proofs.show(
                txid,
                lambda bundle, said: self._central_bank.redeem(txid, bundle, [*said.values()], possession),
            )
        except RemoteRefusal as refusal:
            if refusal.code is not Code.WALLET_REVOKED or possession is not None:
                raise
        # The signer's wallet was revoked: the money is for the signer's account, and for its own bank to ask for.
        return Redeemed(None, opened.settled, 0)

    def _book(self, txid: bytes, redeemed: Redeemed) -> None:
        opened, issuance = self._redemptions.get(txid), redeemed.issuance
        if issuance is not None:
            self._intake.add_issuance(issuance)
            self._relays.money_made(issuance)
        elif opened is not None and opened.account is not None and redeemed.credited:
            entry = idempotency.redemption(txid)
            self._unclaimed.give(REDEMPTION, txid, entry, opened.account, redeemed.credited)
        if (
            issuance is not None or redeemed.credited
        ):  # of nothing else does the central bank know by this bank
            note(self._context, REDEMPTION, txid, txid)
        self._redemptions.done(txid, redeemed.value, None if issuance is None else issuance.id)
        self._work.done(Job(JobKind.REDEEM, "", txid))

    def is_known(self, txid: bytes) -> bool:
        """Whether this bank knows of a redemption, finished or not."""
        return self._redemptions.get(txid) is not None

    def in_flight(self) -> Sequence[tuple[bytes, int]]:
        """Redemptions that the central bank may have booked already, and this bank has not."""
        return self._redemptions.under_way()

    def outcomes(self, txids: Collection[bytes]) -> Mapping[bytes, Outcome]:
        """What became of redemptions' money; of those among ``txids`` of which that is known."""
        return self._redemptions.outcomes(txids)
