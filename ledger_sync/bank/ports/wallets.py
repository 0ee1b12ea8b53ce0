"""Wallet ids: what this bank has certified for whom, on which proof, and under which limits of the policy.

Rule: a key is one customer's and one device's for ever, and of several writers that certify it at once one does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger_sync.possession import Possession
from wallet.protocol.certificate import Limits


@dataclass(frozen=True, slots=True)
class Holder:
    """The account and the device whose purse has a key."""

    account: str
    device: bytes


@dataclass(frozen=True, slots=True)
class Certified:
    """A wallet id: ``certificate`` is the certificate's id, ``policy`` the number of the limits that came with it, None
    where none did or that is not known any more. Times in unix seconds."""

    wallet: bytes
    key: bytes
    holder: Holder
    certificate: bytes
    issued: int
    expires: int
    policy: int | None = None


class WalletRegister(Protocol):
    """The wallet ids of one bank."""

    def certify(self, certified: Certified, after: bytes | None) -> bool:
        """Add one, if the newest of its key still is ``after`` (a wallet id; None: the key has none), and the key is
        not somebody else's; whether it was added. Its certificate, device and customer are there."""

    def learn(self, certified: Certified) -> bool:
        """Add one that was forgotten, whatever the key has besides; whether it was new."""

    def get(self, wallet: bytes) -> Certified | None: ...

    def get_each(self, wallets: Collection[bytes]) -> Mapping[bytes, Certified]:
        """Those of these that there are."""

    def newest(self, key: bytes) -> Certified | None:
        """The last to expire of a key."""

    def holder(self, key: bytes) -> Holder | None: ...

    def holders(self, keys: Collection[bytes]) -> Mapping[bytes, Holder]:
        """Of those of these keys that are somebody's."""

    def unexpired(self, account: str, now: int, but_of: bytes = b"") -> Sequence[bytes]:
        """Wallet ids of an account that are good at ``now``, ``but_of`` one device's, in order."""

    def count_unexpired(self, device: bytes, now: int) -> int:
        """How many of a device's are good at ``now``."""

    # possession

    def keep_possession(self, device: bytes, key: bytes, proof: bytes) -> bool:
        """Whether there was none of this device and key."""

    def possessions(self, device: bytes, after: bytes, most: int) -> Sequence[tuple[bytes, bytes]]:
        """Keys that a device showed, each with its proof, in order of key after ``after``."""

    def possession(self, key: bytes, certificate: bytes | None = None) -> Possession | None:
        """What shows that the bank speaks for a key: under the certificate of this id, or the last to expire."""

    # limits of policies

    def note_limits(self, limits: Limits) -> int:
        """The number of these limits of the policy, which are the newest; the same while they stay the same."""

    def limits_since(self, number: int) -> Sequence[Limits]:
        """The limits of this number and all later ones, in order."""
