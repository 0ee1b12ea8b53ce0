"""Whom the purse believes: the root, the directory, the policy it goes by, and what time it is.

Policies come from the bank and, as gossip, with payments; the newer one is kept and passed on. Every time that a
service signed comes in through ``hear_time``, with who signed it; what it counts for is decided in ``words``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import replace
from typing import Final

from hsm.failpoint import reach
from wallet.protocol.bounds import MAX_DELTAS
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import parse
from wallet.protocol.directory import Directory
from wallet.protocol.handover import Handover, followed
from wallet.protocol.policy import NO_HEAD, Baseline, Policy, PolicyHead, PolicyUpdate, first_policy
from wallet.purse.store.policy_book import PolicyBook
from wallet.purse.store.store import Store
from wallet.purse.store.words import Signer, Word, WordBook, Words, after, agreed, reached

_ROOT: Final = "root"
_PINNED: Final = "root_pinned"
"""The root that a wallet was given first, where it has handed over since."""
_DIRECTORY: Final = "directory"
_HEAD: Final = "policy_head"


class Authority:
    """Root, directory, policy and time. Writing methods open their own transaction unless they say otherwise."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._words = WordBook(store)
        self._book = PolicyBook(store)
        self._policy: Policy | None = None

    def now(self) -> int:
        """Unix seconds: the wallet's clock, or a later time that the services' words have reached."""
        return reached(self._words.all(), self._clock())

    @property
    def device_time(self) -> int:
        """Unix seconds, by the device's clock alone, which anybody can set."""
        return self._clock()

    @property
    def agreed_time(self) -> int:
        """The latest time that a service has signed and a second one, or the device, agrees with; 0 before there is
        any. What ends something for good is decided by it, never by the device's clock, nor by one service alone."""
        return agreed(self._words.all(), self._clock())

    def words(self) -> Words:
        """Last word on the time from each service that signed one."""
        return self._words.all()

    def hear_time(self, signer: Signer, time: int, *, is_fresh: bool = False) -> None:
        """A time (unix seconds) that a service signed; ``is_fresh``: just now, in answer to us. Within the transaction
        that is open, or else in one of its own."""
        held, device = self._words.all(), self._clock()
        heard = after(held, signer, Word(time, device if is_fresh else None), device)
        if heard != held:
            with self._store.within():
                self._words.keep(heard)

    @property
    def has_policy(self) -> bool:
        """Whether there is one yet."""
        return self._store.fact(_HEAD) is not None

    @property
    def policy(self) -> Policy:
        """Policy that the wallet goes by. ``Refusal``: RECONCILE_FIRST before there is any."""
        if self._policy is None:
            self._policy = self._load()
        return self._policy

    @property
    def directory(self) -> Directory:
        """Directory of the policy that the wallet goes by. ``Refusal``: RECONCILE_FIRST before there is any."""
        return self.policy.directory

    @property
    def version(self) -> int:
        """The version of the policy held; 0 before there is any."""
        return self._book.version

    @property
    def signed_directory(self) -> bytes:
        """The directory as the root signed it, without the changes of later policies. RECONCILE_FIRST."""
        raw = self._store.fact(_DIRECTORY)
        if raw is None:
            raise Refusal(Code.RECONCILE_FIRST)
        return bytes(raw)

    def _load(self) -> Policy:
        head = self._store.fact(_HEAD)
        if head is None:
            raise Refusal(Code.RECONCILE_FIRST)
        base, signed = self._base(), parse(PolicyHead, head)
        held = self._book.reached(base, signed.body)
        if held is None:
            deltas = self._book.deltas(0)
            held = first_policy(base, signed, deltas)
            with self._store.within():
                self._book.keep_whole(deltas, held)
        return held

    def _base(self) -> Directory:
        raw, root = self._store.fact(_DIRECTORY), self._store.fact(_ROOT)
        if raw is None or root is None:
            raise Refusal(Code.RECONCILE_FIRST)
        return Directory.open(raw, root)

    @property
    def root(self) -> bytes:
        """The 33-byte root key that is believed: that given first, or whom it has handed over to. RECONCILE_FIRST."""
        root = self._store.fact(_ROOT)
        if root is None:
            raise Refusal(Code.RECONCILE_FIRST)
        return bytes(root)

    def take_root(self, root: bytes, directory: bytes, handovers: Iterable[Handover] = ()) -> None:
        """At first set-up, and harmless when repeated: the root to believe, how it has handed over since, and a
        directory that the last one signed.

        DIRECTORY_SIGNATURE, also for another root than the one given first.
        """
        held = self._store.fact(_ROOT)
        if held is not None and self._store.fact(_PINNED) == root:
            return
        require(held in (None, root), Code.DIRECTORY_SIGNATURE)
        now = [root, *(later for later, _ in followed(handovers, root))][-1]
        Directory.open(directory, now)
        if held is not None:
            return
        with self._store.transaction():
            self._store.set_fact(_ROOT, now)
            self._store.set_fact(_DIRECTORY, directory)
            if now != root:
                self._store.set_fact(_PINNED, root)

    def take_handovers(self, handovers: Iterable[Handover]) -> bool:
        """Believe whom the root held has handed over to, by a newer directory; whether it has.

        Raises ``Refusal``: DIRECTORY_SIGNATURE, POLICY_SIGNATURE, RECONCILE_FIRST (no root, or no policy yet).
        """
        before, base = self.policy, self._base()
        later = followed(handovers, self.root)
        if not later or later[-1][1].version <= base.version:
            return False
        root, handover = later[-1]
        directory = handover.new.encode()
        after = replace(
            before, directory=self._book.directory_at(Directory.open(directory, root), before.version)
        )
        with self._store.within():
            if self._store.fact(_PINNED) is None:
                self._store.set_fact(_PINNED, self.root)
            self._store.set_fact(_ROOT, root)
            self._keep(directory, PolicyUpdate(None, ()), after)
        self._policy = after
        return True

    def take_base(self, offered: Baseline) -> bool:
        """Begin with what all deltas up to a version have come to, in place of what came of earlier ones; whether that
        was done. Passed over where the policy held is no older. A head that was held stays until a newer one comes.

        POLICY_SIGNATURE, RECONCILE_FIRST (no root yet).
        """
        start = offered.policy(self._base())
        if start.version <= self.version:
            return False
        held = self._policy_or_none()
        if held is not None:
            start = replace(start, head=held.head, latest=max(start.latest, held.time))
        with self._store.transaction():
            self._book.begin(offered.base, start)
        self._policy = None if held is None else start
        return True

    def take(self, directory: bytes | None, update: PolicyUpdate, *, is_fresh: bool) -> bool:
        """What is newer of a directory and a policy; whether anything was. ``is_fresh``: asked for just now.

        Raises ``Refusal``: DIRECTORY_SIGNATURE, POLICY_SIGNATURE, POLICY_GAP; RECONCILE_FIRST without a root.
        """
        root = self._store.fact(_ROOT)
        if root is None:
            raise Refusal(Code.RECONCILE_FIRST)
        base = self._base()
        newer = None
        if directory is not None and (offered := Directory.open(directory, root)).version > base.version:
            newer, base = directory, offered
        before = self._policy_or_none()
        after = self._after(base, before, newer is not None, update)
        is_newer = newer is not None or before is None or not _same(before, after)
        with self._store.within() if is_newer else nullcontext():
            if is_newer:
                self._keep(newer, update, after)
            if update.head is not None and update.head.body == after.head:
                self.hear_time(Signer.CENTRAL_BANK, after.head.time, is_fresh=is_fresh)
        if is_newer:
            self._policy = after
            reach("purse.policy.stored")
        return is_newer

    def _policy_or_none(self) -> Policy | None:
        return None if self._store.fact(_HEAD) is None else self.policy

    def _after(self, base: Directory, before: Policy | None, is_new: bool, update: PolicyUpdate) -> Policy:
        if before is not None and not is_new:
            return before.apply(update)
        head = update.head
        if before is not None:
            return replace(before, directory=self._book.directory_at(base, before.version)).apply(update)
        if head is None:
            raise Refusal(Code.POLICY_GAP, {"have": self.version})
        start = self._book.reached(base, NO_HEAD)
        return first_policy(base, head, update.deltas) if start is None else start.apply(update)

    def _keep(self, directory: bytes | None, update: PolicyUpdate, after: Policy) -> None:
        """Inside a transaction."""
        if directory is None and self._policy is not None:
            self._book.keep(update.deltas, after)
        else:
            self._book.keep_whole(update.deltas, after)
        if directory is not None:
            self._store.set_fact(_DIRECTORY, directory)
        if update.head is not None and update.head.body == after.head:
            self._store.set_fact(_HEAD, update.head.encode())

    def hear(self, update: PolicyUpdate | None) -> bool:
        """Gossip in a payment: kept if it is newer and its signatures are good, passed over otherwise."""
        if update is None:
            return False
        try:
            return self.take(None, update, is_fresh=False)
        except Refusal:
            return False

    def update_for(self, version: int) -> PolicyUpdate | None:
        """Policy update for somebody who holds ``version``: at most MAX_DELTAS deltas; the head only if nothing was
        left out. None where there is nothing newer, or what follows on ``version`` is no longer kept."""
        last = self._book.reach(version, MAX_DELTAS)
        if last == version:
            return None
        head = parse(PolicyHead, self._store.fact(_HEAD)) if last == self.version else None
        return PolicyUpdate(head, self._book.deltas(version, last))

    def directory_at(self, version: int) -> Directory:
        """The directory as somebody who holds policy ``version`` will know it after a payment of ours."""
        known = min(self._book.reach(version, MAX_DELTAS), self.policy.version)
        return self._book.directory_at(self._base(), known)


def _same(before: Policy, after: Policy) -> bool:
    return (before.version, before.head) == (after.version, after.head)
