"""Reconciling: what the online client calls, step by step; every step is durable and harmless when repeated.

The order of a whole reconciling: take policy and directory; finish open fundings; upload until ``uploads`` is
empty, answering each time; take deliveries until there are no more; a new epoch; refresh or defund; upload what
that signed and take its outcomes; retire old keys. Interrupted anywhere, it starts again from the top.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from hsm.failpoint import reach
from wallet.protocol.bounds import DAY
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate, check_certificate
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Evidence
from wallet.protocol.handover import Handover
from wallet.protocol.issuance import Issuance
from wallet.protocol.lifetime import is_good
from wallet.protocol.limits import effective, excess
from wallet.protocol.policy import Baseline, PolicyUpdate
from wallet.purse.answers import Answer, Answers
from wallet.purse.deliveries import Delivered, Deliveries
from wallet.purse.epochs import EpochKey
from wallet.purse.exchanging import Exchanging
from wallet.purse.fundings import Funding, Fundings
from wallet.purse.outlook import RECONCILED
from wallet.purse.purse import Purse
from wallet.purse.recalling import Answered, Recalling
from wallet.purse.recovering import Recovering
from wallet.purse.retiring import Retiring
from wallet.purse.tokens import TokenState
from wallet.purse.turns import one_at_a_time
from wallet.purse.uploads import DEFAULT_LIMIT, Uploads
from wallet.purse.words import Signer


@one_at_a_time
class Reconciling:
    """Used by ``ledger_sync.client`` only."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._fundings = Fundings(purse)
        self._uploads = Uploads(purse)
        self._answers = Answers(purse)
        self._deliveries = Deliveries(purse)
        self._exchanging = Exchanging(purse)
        self._recalling = Recalling(purse)
        self._recovering = Recovering(purse)
        self._retiring = Retiring(purse)

    # whom to believe

    def take_root(self, root: bytes, directory: bytes, handovers: Iterable[Handover] = ()) -> None:
        """At first set-up: the central bank's root key, compressed P-256, how it has handed over since, and a directory
        that the last one signed.

        Harmless when repeated. DIRECTORY_SIGNATURE, also for another root than the one held.
        """
        self._purse.authority.take_root(root, directory, handovers)

    def take_handovers(self, handovers: Iterable[Handover]) -> bool:
        """Believe whom the root held has handed over to; whether it has. DIRECTORY_SIGNATURE, POLICY_SIGNATURE."""
        return self._purse.authority.take_handovers(handovers)

    def take_base(self, base: Baseline) -> None:
        """Where the policy of a wallet that holds none begins. POLICY_SIGNATURE, RECONCILE_FIRST (no root yet)."""
        self._purse.authority.take_base(base)

    def take_policy(self, directory: bytes | None, update: PolicyUpdate) -> bool:
        """What the bank has of directory and policy; whether anything of it was newer.

        Raises ``Refusal``: DIRECTORY_SIGNATURE, POLICY_SIGNATURE, POLICY_GAP, RECONCILE_FIRST (no root yet).
        """
        is_newer = self._purse.authority.take(directory, update, is_fresh=True)
        self._purse.let_expire()
        return is_newer

    @property
    def policy_version(self) -> int:
        """The version held; 0 before there is any. Ask the bank for what is newer."""
        return self._purse.authority.version

    # epochs

    def begin_epoch(self, *, anew: bool = False) -> EpochKey:
        """The key to have certified, and the running total to state with it.

        An unfinished key is given again; a merchant's key is kept and recertified unless ``anew``; a person gets a
        fresh one. The alias is on disk before the key is made.
        """
        return self._purse.epochs.begin(self._purse.now(), self._purse.outgoing.total(), anew=anew)

    @property
    def is_epoch_unfinished(self) -> bool:
        """Whether an epoch was begun and interrupted before its key was certified."""
        return self._purse.epochs.is_one_unfinished

    @property
    def is_epoch_due(self) -> bool:
        """Whether a new epoch is to begin: there is none, one was begun, the present one is a day old, has expired or
        has used up half of what it may pay. Uploading and learning verdicts alone begins none."""
        current, now = self._purse.epochs.current(), self._purse.now()
        if current is None or self.is_epoch_unfinished:
            return True
        limit = effective(current.body, self._purse.authority.policy.head.limits).total
        paid = self._purse.outgoing.total() - current.body.total
        is_old = now - current.body.issued >= DAY or not is_good(now, current.body.expires)
        return is_old or 2 * paid >= limit

    @property
    def certificate(self) -> Signed[Certificate] | None:
        """The current one, or None before the first."""
        return self._purse.epochs.current()

    def prove_possession(self, epoch: EpochKey, message: bytes) -> bytes:
        """The epoch key's signature (64 bytes) over a message by which its bank knows that we hold it."""
        return self._purse.epochs.prove(epoch, message)

    def install_certificate(self, certificate: Signed[Certificate]) -> None:
        """A certificate for a key of ours. BANK_UNKNOWN, CERTIFICATE_SIGNATURE, NOT_CERTIFIED (not our key)."""
        check_certificate(certificate, self._purse.authority.directory)
        with self._purse.store.transaction():
            is_fresh = self._purse.epochs.certified(certificate)
            self._purse.authority.hear_time(Signer.BANK, certificate.body.issued, is_fresh=is_fresh)
        self._purse.let_expire()
        reach("purse.epoch.certified")

    def find_keys(self, keys: Iterable[bytes]) -> None:
        """Keys that are known to have been this device's: those that the store does not know were its own too, and
        what the ledger listed for them has to be listed again."""
        self._purse.epochs.find(keys, self._purse.now())

    # fundings

    def begin_funding(self, amount: int) -> Funding:
        """Store a funding of ``amount`` tiyn, cut into tokens, before the bank is asked for it.

        Raises ``Refusal``: AMOUNT_INVALID, NOT_CERTIFIED, CERTIFICATE_EXPIRED, WALLET_REVOKED, LIMIT_BALANCE.
        """
        return self._fundings.begin(amount)

    def open_fundings(self) -> tuple[Funding, ...]:
        """Begun and neither complete nor dropped, oldest first: to be asked for again."""
        return self._fundings.open()

    def complete_funding(self, issuance: Signed[Issuance]) -> bool:
        """Its tokens are ours; False if they were before. ISSUANCE_SIGNATURE, NOT_FOUND, FUNDING_MISMATCH."""
        return self._fundings.complete(issuance)

    def drop_funding(self, funding: bytes) -> None:
        """The bank refused it for good. Harmless when repeated."""
        self._fundings.drop(funding)

    # what the ledger must see, and what it says

    def uploads(
        self,
        limit: int = DEFAULT_LIMIT,
        passed: Collection[bytes] = (),
        again: Collection[bytes] = (),
    ) -> Bundle:
        """The next transfers without a verdict (own, received, refusals got), with the issuances, certificates and
        requests they need. ``passed``: ids answered as waiting earlier in this round; ``again``: ids that have a
        verdict which the bank has forgotten. Empty: nothing is left."""
        return self._uploads.next(limit, passed, again)

    def answered(self, before: int | None, limit: int) -> tuple[Answered, ...]:
        """The last transfers with a verdict, newest first, below the place ``before``."""
        return self._recalling.answered(before, limit)

    def provable(self, pieces: Iterable[Evidence]) -> tuple[Evidence, ...]:
        """Those of ``pieces`` that may be shown before all is uploaded: the ledger has answered their halves."""
        return self._recalling.provable(pieces)

    def certified_keys(self) -> tuple[EpochKey, ...]:
        """Every key that was certified and still exists, to be certified again by a bank that has forgotten it."""
        return self._recalling.keys()

    def answer(self, rows: Sequence[Answer]) -> None:
        """The bank's rows about uploaded transfers; all of them or none are kept, the first verdict stands.

        Raises ``Refusal``: BANK_UNKNOWN, SETTLEMENT_SIGNATURE, NOTARY_SIGNATURE, ISSUANCE_SIGNATURE,
        FUNDING_MISMATCH, CERTIFICATE_SIGNATURE, EVIDENCE_INVALID.
        """
        self._answers.take(rows)
        self._recovering.try_to_leave()

    @property
    def cursor(self) -> int:
        """Up to where deliveries were taken; 0 at first."""
        return self._deliveries.cursor

    def deliver(self, bundle: Bundle, rows: Sequence[Answer] = (), cursor: int | None = None) -> Delivered:
        """What the ledger lists for our keys, with its verdicts; ``cursor`` is kept with it.

        Raises ``Refusal``: the codes of validity and those of ``answer``; then nothing is kept.
        """
        delivered = self._deliveries.take(bundle, rows, cursor)
        self._recovering.try_to_leave()
        return delivered

    def reconciled(self) -> None:
        """Everything was uploaded and every delivery taken: out of a rollback, if nothing keeps the purse in it."""
        self._recovering.reconciled()
        self._purse.let_expire()
        with self._purse.store.transaction():
            self._purse.store.set_fact(RECONCILED, self._purse.now())

    def missing_numbers(self) -> tuple[int, ...]:
        """In a rollback: sequence numbers for which the ledger has shown no transfer yet."""
        return self._recovering.missing()

    # redemptions

    def begin_refresh(self) -> tuple[bytes, ...]:
        """Sign redemptions of settled, worn tokens for new ones under the current key; their transaction ids.

        Raises ``Refusal``: ROLLBACK, RECONCILE_FIRST (not everything was uploaded), NOT_CERTIFIED,
        CERTIFICATE_EXPIRED.
        """
        return self._exchanging.begin_refresh()

    def begin_defund(self, amount: int | None = None) -> tuple[bytes, ...]:
        """Sign redemptions of ``amount`` tiyn to the account (None: of all that is settled); their ids.

        Raises ``Refusal``: ROLLBACK, RECONCILE_FIRST, AMOUNT_INVALID, FUNDS_SHORT.
        """
        return self._exchanging.begin_defund(amount)

    def begin_defund_excess(self) -> tuple[bytes, ...]:
        """The same for what is held above the balance limit; none where nothing is. Raises as ``begin_defund``."""
        excess = self.excess()
        return self._exchanging.begin_defund(excess) if excess else ()

    def unfinished_defund(self, amount: int) -> tuple[bytes, ...]:
        """A defunding of ``amount`` tiyn that was interrupted and has no outcome yet: its redemptions' ids, or none.

        Whoever asks for the same again goes on with it.
        """
        return self._exchanging.unfinished_defund(amount)

    def open_redemptions(self) -> tuple[bytes, ...]:
        """Signed redemptions, ours and those in our favour, whose outcome is not known."""
        return self._exchanging.open()

    def complete_redemption(self, txid: bytes, issuance: Signed[Issuance] | None, value: int) -> bool:
        """Outside a row: what became of a redemption; False if that was known. ISSUANCE_SIGNATURE, FUNDING_MISMATCH."""
        return self._exchanging.complete(txid, issuance, value)

    def expired(self) -> int:
        """Tiyn in tokens whose grace has passed, of all time: their bank has them refunded to the account."""
        return sum(item.worth for item in self._purse.tokens.all(TokenState.EXPIRED))

    def excess(self) -> int:
        """Tiyn held above the balance limit, to be defunded: what the ledger delivers is never refused for it."""
        current = self._purse.epochs.current()
        if current is None:
            return 0
        limits = effective(current.body, self._purse.authority.policy.head.limits)
        return excess(limits, self._purse.tokens.holding())

    # old keys

    def retirable_keys(self) -> tuple[bytes, ...]:
        """Old keys that this purse has no more use for."""
        return self._retiring.candidates()

    def retire_keys(self, asked: Collection[bytes], listed: Collection[bytes]) -> tuple[bytes, ...]:
        """Destroy those of ``asked`` that are not in ``listed``, the keys that the ledger still knows money of, if the
        purse still has no use for them; which they were."""
        return self._retiring.retire(asked, listed)
