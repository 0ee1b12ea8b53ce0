"""The directories that the root has signed, in every form that is still read.

Rule: forms of one version say the same; a form that is added is signed when the central bank first starts with it. A
root hands over by the next directory, which it signs as well as the root that follows it; the first form stays as the
first root signed it, for those that read nothing else.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from ledger_sync.central_bank.store import Store
from ledger_sync.http.call import Signer
from ledger_sync.http.client import MAX_ANSWER_BYTES
from wallet.protocol import codec, cose
from wallet.protocol.bounds import MAX_HANDOVERS
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Bank, Directory, DirectoryBody, DirectoryBody2, KeyEntry, roles_of
from wallet.protocol.handover import Handover, Published
from wallet.protocol.keys import p256

Roots = Callable[[str], Signer]
"""The root key of an alias, made at first."""
FIRST_ROOT: Final = "root"
_FIRST_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Founding:
    """What the first directory says: the banks, the notary's key, and since when all keys are good."""

    banks: tuple[tuple[str, str, bytes], ...]
    notary: bytes
    since: int


class Directories:
    """The newest directory in every form, and how the roots have handed over."""

    def __init__(
        self, store: Store, roots: Roots, issuing: bytes, policy: bytes, redemption: bytes, founding: Founding
    ) -> None:
        """The founding's, with the central bank's own 33-byte keys, where there is none yet."""
        self._store, self._roots = store, roots
        keys = (issuing, policy, founding.notary, redemption)
        first_root = roots(FIRST_ROOT)
        with store.writing() as db:
            self._first = _first(db, first_root, keys, founding)
            _second(db, first_root, self._first.body)
            self._take(_signed(db), first_root)

    def _take(self, signed: list[Signed[DirectoryBody2]], first_root: Signer) -> None:
        """``signed`` in order of version; a version that hands over stands there twice, as the old root signed it
        before as the new one did."""
        handovers = tuple(
            Handover(old, new) for old, new in pairwise(signed) if old.body.version == new.body.version
        )
        root = _alias(handovers[-1].version) if handovers else FIRST_ROOT
        self.root = self._roots(root) if handovers else first_root
        """What the newest is signed by."""
        self.directory = Directory.of(signed[-1], self.root.key)
        self.published = _fitting(Published((signed[-1], self._first), handovers[-MAX_HANDOVERS:]))

    def hand_over(self, version: int, now: int) -> bytes:
        """Make directory ``version``, the next, signed by the root and by a fresh one that it names; the new root.

        The same again is success: the key is made before the directory, and kept. MALFORMED for any other version.
        """
        with self._store.writing() as db:
            newest = self.published.forms[0].body
            is_done = any(item.version == version for item in self.published.handovers[-1:])
            if not is_done:
                require(version == newest.version + 1, Code.MALFORMED, have=newest.version)
                assert isinstance(newest, DirectoryBody2)
                new = self._roots(_alias(version))
                body = replace(newest, version=version, time=max(now, newest.time), root=p256(new.key))
                for signer in (self.root, new):
                    _keep(db, cose.sign(body, signer.sign), signer.key)
                self._take(_signed(db), self._roots(FIRST_ROOT))
            return self.root.key


def _fitting(whole: Published) -> Published:
    """With as many of the last hand-overs as fit into an answer."""
    while len(codec.encode(whole.to_cbor())) > MAX_ANSWER_BYTES and whole.handovers:
        whole = replace(whole, handovers=whole.handovers[1:])
    return whole


def _alias(version: int) -> str:
    """Of the root that the directory of this version names."""
    return f"{FIRST_ROOT}-{version}"


def _first(
    db: sqlite3.Connection, root: Signer, keys: tuple[bytes, ...], founding: Founding
) -> Signed[DirectoryBody]:
    row = db.execute("select raw from directory").fetchone()
    if row is not None:
        return cose.parse(DirectoryBody, row[0])
    banks = [
        Bank(bank, name, (KeyEntry(p256(key), founding.since),)) for bank, name, key in sorted(founding.banks)
    ]
    roles = roles_of((KeyEntry(p256(key), founding.since),) for key in keys)
    body = DirectoryBody(_FIRST_VERSION, founding.since, tuple(banks), roles)
    signed = cose.sign(body, root.sign)
    db.execute("insert into directory (one, raw) values (1, ?)", (signed.encode(),))
    return signed


def _second(db: sqlite3.Connection, root: Signer, first: DirectoryBody) -> None:
    if db.execute("select 1 from directories").fetchone() is None:
        body = DirectoryBody2(first.version, first.time, first.banks, first.roles, p256(root.key))
        _keep(db, cose.sign(body, root.sign), root.key)


def _keep(db: sqlite3.Connection, signed: Signed[DirectoryBody2], root: bytes) -> None:
    db.execute(
        "insert into directories (version, root, raw) values (?, ?, ?)",
        (signed.body.version, root, signed.encode()),
    )


def _signed(db: sqlite3.Connection) -> list[Signed[DirectoryBody2]]:
    """All of the second form, in order of version; of one version the new root's last."""
    rows = db.execute("select root, raw from directories")
    found = [(root, cose.parse(DirectoryBody2, raw)) for root, raw in rows]
    found.sort(key=lambda item: (item[1].body.version, item[0] == item[1].body.root.raw))
    return [signed for _, signed in found]
