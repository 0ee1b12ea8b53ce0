"""Redemptions: settled transfers to the central bank's redemption key, and what becomes of the money.

Rule: each is done at most once, keyed by its id, at the central bank and in the books. The signer's bank and the
bank of who gets the money both ask; only the signer's bank, which shows that it speaks for the signer's key, gets and
books what goes to the signer's account, which is all that a revoked wallet's redemption still gives.
"""

from __future__ import annotations

import hsm.failpoint
from ledger_sync.bank.caused import note
from ledger_sync.bank.house import House
from ledger_sync.bank.intake import Intake
from ledger_sync.bank.lines import CentralBankLine, Redeemed
from ledger_sync.bank.objects import Objects
from ledger_sync.bank.provenance import Provenance
from ledger_sync.bank.relays import Relays
from ledger_sync.bank.unclaimed import REDEMPTION, Unclaimed
from ledger_sync.bank.wallets import Wallets
from ledger_sync.bank.work import Item, Kind, WorkList
from ledger_sync.http.peers import RemoteRefusal, read
from wallet.protocol import idempotency
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance, check_issuance
from wallet.protocol.transfer import Refresh, ToPayer, Transfer


class Redemptions:
    """Opens redemptions as they settle, and finishes them with the central bank."""

    def __init__(
        self,
        house: House,
        objects: Objects,
        provenance: Provenance,
        wallets: Wallets,
        work: WorkList,
        relays: Relays,
        intake: Intake,
        central_bank: CentralBankLine,
    ) -> None:
        self._house = house
        self._store = house.store
        self._objects = objects
        self._provenance = provenance
        self._wallets = wallets
        self._work = work
        self._relays = relays
        self._intake = intake
        self._central_bank = central_bank
        self._unclaimed = Unclaimed(house)

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
            account = self._wallets.customer_of(signer)
            self._store.insert("redemptions", transfer=transfer.id, customer=account, settled=value)
            if value:
                self._work.add(Item(Kind.REDEEM, "", transfer.id))
            else:
                self._book(transfer.id, Redeemed(None, 0, 0))

    def certified(self, key: bytes) -> None:
        """A key has just become a customer's: what it redeemed earlier is its bank's to finish."""
        rows = self._store.rows(
            "select distinct i.transfer from tokens t join inputs i on i.origin = t.origin and i.output = t.output"
            " where t.owner = ?",
            (key,),
        )
        for (txid,) in rows:
            copy = self._objects.transfers.copy(txid, key)
            value = self._store.value("select value from tokens where origin = ? and output = 0", (txid,))
            if copy is not None and copy.body.redemption is not None and value is not None:
                self.settled(copy, key, value)

    def finish(self, txid: bytes) -> None:
        """Have the central bank redeem ``txid``, and book what it says. Raises its ``Refusal``s."""
        redeemed = read(self._ask(txid), self._believed)
        hsm.failpoint.reach("bank.redeem.answered")
        with self._store.transaction():
            self._book(txid, redeemed)
        hsm.failpoint.reach("bank.redeem.booked")

    def _believed(self, redeemed: Redeemed) -> Redeemed:
        """ISSUANCE_SIGNATURE, REDEMPTION_AMOUNTS."""
        issuance = redeemed.issuance
        if issuance is not None:
            check_issuance(issuance, self._house.trust.directory)
            require(sum(issuance.body.amounts) == redeemed.value, Code.REDEMPTION_AMOUNTS)
        return redeemed

    def _ask(self, txid: bytes) -> Redeemed:
        row = self._store.row("select customer, settled from redemptions where transfer = ?", (txid,))
        signer = self._objects.transfers.owner(txid)
        if row is None or signer is None:
            raise Refusal(Code.NOT_FOUND, {"transfer": txid.hex()})
        account, settled = row
        possession = None if account is None else self._wallets.possession(signer)
        gathered = self._provenance.gather([txid])
        bundle, statements = self._provenance.bundle(gathered), self._provenance.statements(gathered)
        hsm.failpoint.reach("bank.redeem.ask")
        try:
            return self._central_bank.redeem(txid, bundle, statements, possession)
        except RemoteRefusal as refusal:
            if refusal.code is not Code.WALLET_REVOKED or possession is not None:
                raise
        # The signer's wallet was revoked: the money is for the signer's account, and for its own bank to ask for.
        return Redeemed(None, settled, 0)

    def _book(self, txid: bytes, redeemed: Redeemed) -> None:
        account = self._store.value("select customer from redemptions where transfer = ?", (txid,))
        issuance = redeemed.issuance
        if issuance is not None:
            self._intake.add_issuance(issuance)
            self._relays.money_made(issuance)
        elif account is not None and redeemed.credited:
            entry = idempotency.redemption(txid)
            self._unclaimed.give(REDEMPTION, txid, entry, account, redeemed.credited)
        if (
            issuance is not None or redeemed.credited
        ):  # of nothing else does the central bank know by this bank
            note(self._house, REDEMPTION, txid, txid)
        self._store.run(
            "update redemptions set done = 1, value = ?, issuance = ? where transfer = ?",
            (redeemed.value, None if issuance is None else issuance.id, txid),
        )
        self._work.done(Item(Kind.REDEEM, "", txid))

    def is_known(self, txid: bytes) -> bool:
        """Whether this bank knows of a redemption, finished or not."""
        return self._store.row("select 1 from redemptions where transfer = ?", (txid,)) is not None

    def that_made(self, issuance: bytes) -> bytes | None:
        """The redemption of which these new tokens came."""
        txid: bytes | None = self._store.value(
            "select transfer from redemptions where issuance = ?", (issuance,)
        )
        return txid

    def in_flight(self) -> list[tuple[bytes, int]]:
        """Redemptions that the central bank may have booked already, and this bank has not."""
        rows = self._store.rows("select transfer, settled from redemptions where done = 0")
        return sorted((txid, value) for txid, value in rows)

    def outcome(self, txid: bytes) -> tuple[Signed[Issuance] | None, int] | None:
        """What became of a redemption's money; None while that is open."""
        row = self._store.row(
            "select issuance, value from redemptions where transfer = ? and done = 1", (txid,)
        )
        if row is None:
            return None
        return (None if row[0] is None else self._objects.issuances.get(row[0])), row[1]
