"""The directories that the root has signed, in every form that is still read.

Rule: forms of one version say the same; a form that is added is signed when the central bank first starts with it. A
root hands over by the next directory, which it signs as well as the root that follows it; the first form stays as the
first root signed it, for those that read nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from ledger_sync.central_bank.ports.directories import DirectoryForms
from ledger_sync.central_bank.ports.storage import Storage
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
class Genesis:
    """What the first directory says: the banks, the notary's key, and since when all keys are good."""

    banks: tuple[tuple[str, str, bytes], ...]
    notary: bytes
    since: int


class Directories:
    """The newest directory in every form, and how the roots have handed over."""

    def __init__(
        self,
        storage: Storage,
        roots: Roots,
        issuing: bytes,
        policy: bytes,
        redemption: bytes,
        founding: Genesis,
    ) -> None:
        """The founding's, with the central bank's own 33-byte keys, where there is none yet."""
        self._storage, self._roots = storage, roots
        self._forms = forms = storage.directories
        keys = (issuing, policy, founding.notary, redemption)
        first_root = roots(FIRST_ROOT)
        self._first = _first(forms, first_root, keys, founding)
        _second(forms, first_root, self._first.body)
        self._take(_signed(forms), first_root)

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
        self._take(_signed(self._forms), self._roots(FIRST_ROOT))
        newest = self.published.forms[0].body
        is_done = any(item.version == version for item in self.published.handovers[-1:])
        if not is_done:
            require(version == newest.version + 1, Code.MALFORMED, have=newest.version)
            assert isinstance(newest, DirectoryBody2)
            new = self._roots(_alias(version))
            body = replace(newest, version=version, time=max(now, newest.time), root=p256(new.key))
            signed = [(signer.key, cose.sign(body, signer.sign)) for signer in (self.root, new)]
            with self._storage.transaction():
                for root, directory in signed:
                    self._forms.keep_second(root, directory)
            self._take(_signed(self._forms), self._roots(FIRST_ROOT))
        return self.root.key


def _fitting(whole: Published) -> Published:
    """Its forms, and as many of the last hand-overs as fit into an answer."""
    while len(codec.encode(whole.to_cbor())) > MAX_ANSWER_BYTES and whole.handovers:
        whole = replace(whole, handovers=whole.handovers[1:])
    return whole


def _alias(version: int) -> str:
    """Of the root that the directory of this version names."""
    return f"{FIRST_ROOT}-{version}"


def _first(
    forms: DirectoryForms, root: Signer, keys: tuple[bytes, ...], founding: Genesis
) -> Signed[DirectoryBody]:
    held = forms.first()
    if held is not None:
        return held
    banks = [
        Bank(bank, name, (KeyEntry(p256(key), founding.since),)) for bank, name, key in sorted(founding.banks)
    ]
    roles = roles_of((KeyEntry(p256(key), founding.since),) for key in keys)
    body = DirectoryBody(_FIRST_VERSION, founding.since, tuple(banks), roles)
    signed = cose.sign(body, root.sign)
    forms.keep_first(signed)
    return forms.first() or signed


def _second(forms: DirectoryForms, root: Signer, first: DirectoryBody) -> None:
    if not forms.second():
        body = DirectoryBody2(first.version, first.time, first.banks, first.roles, p256(root.key))
        forms.keep_second(root.key, cose.sign(body, root.sign))


def _signed(forms: DirectoryForms) -> list[Signed[DirectoryBody2]]:
    """All of the second form, in order of version; of one version the new root's last."""
    found = sorted(forms.second(), key=lambda item: (item[1].body.version, item[0] == item[1].body.root.raw))
    return [signed for _, signed in found]
