"""Reconciling: what the online client calls, step by step; every step is durable and harmless when repeated.

The order of a whole reconciling: take policy and directory; finish open fundings; upload until ``uploads`` is
empty, answering each time; take deliveries until there are no more; a new epoch; refresh or defund; upload what
that signed and take its outcomes; retire old keys. Interrupted anywhere, it starts again from the top.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hsm.failpoint import reach
from wallet.protocol.bounds import DAY
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate, check_certificate
from wallet.protocol.cose import Signed
from wallet.protocol.handover import Handover
from wallet.protocol.lifetime import is_good
from wallet.protocol.limits import effective, excess
from wallet.protocol.policy import Baseline, PolicyUpdate
from wallet.purse.purse import Purse
from wallet.purse.store.epochs import EpochKey
from wallet.purse.store.tokens import TokenState
from wallet.purse.store.words import Signer
from wallet.purse.sync.answered import AnsweredTransfers
from wallet.purse.sync.answers import StatusImport, TransferStatus
from wallet.purse.sync.deliveries import Delivered, FeedImport
from wallet.purse.sync.fundings import Fundings
from wallet.purse.sync.key_retirement import KeyRetirement
from wallet.purse.sync.log_heads import LogHeads
from wallet.purse.sync.refresh_and_defund import RefreshAndDefund
from wallet.purse.sync.rollback_recovery import RollbackRecovery
from wallet.purse.sync.uploads import Uploads
from wallet.purse.turns import one_at_a_time
from wallet.purse.view.outlook import RECONCILED


@one_at_a_time
class Reconciling:
    """For ``ledger_sync.client``: the parts, ``fundings``, ``uploads``, ``exchanging``, ``recalling``, ``retiring`` and
    ``log_heads``, and here what concerns several of them, or what is no part of its own."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self.fundings = Fundings(purse)
        self.uploads = Uploads(purse)
        self.exchanging = RefreshAndDefund(purse)
        self.recalling = AnsweredTransfers(purse)
        self.retiring = KeyRetirement(purse)
        self.log_heads = LogHeads(purse)
        self._answers = StatusImport(purse)
        self._deliveries = FeedImport(purse)
        self._recovering = RollbackRecovery(purse)

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

    def take_base(self, base: Baseline) -> bool:
        """Where the policy of a wallet begins that holds none, or an older one; whether it did. POLICY_SIGNATURE,
        RECONCILE_FIRST (no root yet)."""
        return self._purse.authority.take_base(base)

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

    def begin_epoch(self, *, fresh_key: bool = False) -> EpochKey:
        """The key to have certified, and the running total to state with it.

        An unfinished key is given again; a merchant's key is kept and recertified unless ``anew``; a person gets a
        fresh one. The alias is on disk before the key is made.
        """
        return self._purse.epochs.begin(self._purse.now(), self._purse.outgoing.total(), fresh_key=fresh_key)

    @property
    def is_epoch_unfinished(self) -> bool:
        """Whether an epoch was begun and interrupted before its key was certified."""
        return self._purse.epochs.is_one_unfinished

    @property
    def is_epoch_due(self) -> bool:
        """Whether a new epoch is to begin: there is none, one was begun, the present one is a day old, has expired or
        has used up half of what it may pay, or the store was lost and has only been shown whose it is. Uploading and
        learning verdicts alone begins none."""
        epochs, now = self._purse.epochs, self._purse.now()
        current = epochs.current()
        if current is None or self.is_epoch_unfinished or not epochs.has_asked:
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

    # what the ledger says

    def answer(self, rows: Sequence[TransferStatus]) -> None:
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

    def deliver(
        self, bundle: Bundle, rows: Sequence[TransferStatus] = (), cursor: int | None = None
    ) -> Delivered:
        """What the ledger lists for our keys, with its verdicts; ``cursor`` is kept with it.

        Raises ``Refusal``: the codes of validity and those of ``answer``; then nothing is kept.
        """
        delivered = self._deliveries.take(bundle, rows, cursor)
        self._recovering.try_to_leave()
        return delivered

    def reconciled(self, known: int | None = None) -> None:
        """Everything was uploaded and every delivery taken: out of a rollback, if nothing keeps the purse in it.
        ``known``: the place up to which the bank was seen to know what it had answered, if it was."""
        self._recovering.reconciled()
        self._purse.let_expire()
        with self._purse.store.transaction():
            self._purse.store.set_fact(RECONCILED, self._purse.now())
            if known is not None:
                self.recalling.note_known(known)

    def missing_numbers(self) -> tuple[int, ...]:
        """In a rollback: sequence numbers for which the ledger has shown no transfer yet."""
        return self._recovering.missing()

    # what is held

    def begin_defund_excess(self) -> tuple[bytes, ...]:
        """``exchanging.begin_defund`` of what is held above the balance limit; none where nothing is."""
        excess = self.excess()
        return self.exchanging.begin_defund(excess) if excess else ()

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
