"""The directories that the root has signed, in every form that is still read.

Rule: forms of one version say the same; a form that is added is signed when the central bank first starts with it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from ledger_sync.central_bank.store import Store
from ledger_sync.http.call import Signer
from wallet.protocol import cose
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Bank, Directory, DirectoryBody, DirectoryBody2, KeyEntry, roles_of
from wallet.protocol.handover import Published
from wallet.protocol.keys import p256

_FIRST_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Founding:
    """What the first directory says: the banks, the notary's key, and since when all keys are good."""

    banks: tuple[tuple[str, str, bytes], ...]
    notary: bytes
    since: int


class Directories:
    """The newest directory, and how it came to be signed."""

    def __init__(
        self, store: Store, root: Signer, issuing: bytes, policy: bytes, redemption: bytes, founding: Founding
    ) -> None:
        """The founding's, with the central bank's own 33-byte keys, where there is none yet."""
        keys = (issuing, policy, founding.notary, redemption)
        with store.writing() as db:
            first = _first(db, root, keys, founding)
            newest = _newest(db, root, first.body)
        self.published = Published((newest, first))
        self.directory = Directory.of(newest, root.key)


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


def _newest(db: sqlite3.Connection, root: Signer, first: DirectoryBody) -> Signed[DirectoryBody2]:
    row = db.execute("select raw from directories order by version desc limit 1").fetchone()
    if row is not None:
        return cose.parse(DirectoryBody2, row[0])
    body = DirectoryBody2(first.version, first.time, first.banks, first.roles, p256(root.key))
    signed = cose.sign(body, root.sign)
    db.execute(
        "insert into directories (version, root, raw) values (?, ?, ?)",
        (body.version, root.key, signed.encode()),
    )
    return signed
