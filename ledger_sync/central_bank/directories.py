"""The directories that the root has signed, in every form that is still read.

Rule: forms of one version say the same; a form that is added is signed when the central bank first starts with it. A
root hands over by the next directory, which it signs as well as the root that follows it; the first form stays as the
first root signed it, for those that read nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from ledger_sync.central_bank.ports.directories import DirectoryForms
from ledger_sync.central_bank.ports.storage import Storage
from ledger_sync.http.call import Signer
from ledger_sync.http.client import MAX_ANSWER_BYTES
from wallet.protocol import codec, cose
from wallet.protocol.bounds import MAX_HANDOVERS, MAX_KEYS_PER_ROLE
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import (
    Bank,
    Directory,
    DirectoryBody,
    DirectoryBody2,
    KeyEntry,
    Role,
    Roles,
    roles_of,
)
from wallet.protocol.handover import Handover, Published
from wallet.protocol.keys import p256
from wallet.protocol.parts import role_of

Roots = Callable[[str], Signer]
"""The root key of an alias, made at first."""
FIRST_ROOT: Final = "root"
_FIRST_VERSION: Final = 1
SPLIT_SECONDS: Final = 7_200
"""After which the parts of a later directory begin: by then all services have asked for it, and at one moment the one
notary ceases to decide what they do."""


@dataclass(frozen=True, slots=True)
class Genesis:
    """What the first directory says: the banks, the notaries' keys by the prefix of their part, since when all keys are
    good, and the auditors' keys. Parts and auditors may come with each later directory."""

    banks: tuple[tuple[str, str, bytes], ...]
    notaries: Mapping[str, bytes]
    since: int
    auditors: tuple[bytes, ...] = ()


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
        self._storage, self._roots, self._founding = storage, roots, founding
        self._forms = forms = storage.directories
        notaries = tuple(dict.fromkeys(founding.notaries.values()))
        keys = ((issuing,), (policy,), notaries, (redemption,))
        first_root = roots(FIRST_ROOT)
        self._first = _first(forms, first_root, keys, founding)
        _second(forms, first_root, self._first.body, founding)
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
            time = max(now, newest.time)
            roles = _with_auditors(newest.roles, self._founding.auditors, time)
            roles = _with_parts(roles, self._founding.notaries, time + SPLIT_SECONDS)
            body = replace(newest, version=version, time=time, root=p256(new.key), roles=roles)
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
    forms: DirectoryForms, root: Signer, keys: Sequence[Sequence[bytes]], founding: Genesis
) -> Signed[DirectoryBody]:
    held = forms.first()
    if held is not None:
        return held
    banks = [
        Bank(bank, name, (KeyEntry(p256(key), founding.since),)) for bank, name, key in sorted(founding.banks)
    ]
    roles = roles_of(tuple(KeyEntry(p256(key), founding.since) for key in listed) for listed in keys)
    body = DirectoryBody(_FIRST_VERSION, founding.since, tuple(banks), roles)
    signed = cose.sign(body, root.sign)
    forms.keep_first(signed)
    return forms.first() or signed


def _second(forms: DirectoryForms, root: Signer, first: DirectoryBody, founding: Genesis) -> None:
    if not forms.second():
        roles = _with_auditors(first.roles, founding.auditors, first.time)
        roles = _with_parts(roles, founding.notaries, first.time)
        body = DirectoryBody2(first.version, first.time, first.banks, roles, p256(root.key))
        forms.keep_second(root.key, cose.sign(body, root.sign))


def _with_auditors(roles: Roles, auditors: Sequence[bytes], since: int) -> Roles:
    """``roles``, and those of these auditors that are new."""
    held = roles.get(Role.AUDITOR, ())
    known = {entry.key for entry in held}
    new = tuple(KeyEntry(p256(key), since) for key in auditors if p256(key) not in known)
    return {**roles, Role.AUDITOR: (*held, *new)} if new else roles


def _with_parts(roles: Roles, notaries: Mapping[str, bytes], since: int) -> Roles:
    """``roles``, and those of the parts that are new; their keys also among the notary's, where these have room,
    for who knows no parts."""
    new = {role_of(prefix): p256(key) for prefix, key in notaries.items()}
    new = {role: key for role, key in new.items() if role not in roles}
    held = roles.get(Role.NOTARY, ())
    more = dict.fromkeys(key for key in new.values() if all(entry.key != key for entry in held))
    whole = (*held, *(KeyEntry(key, since) for key in more))[:MAX_KEYS_PER_ROLE]
    parts = {role: (KeyEntry(key, since),) for role, key in new.items()}
    return dict(sorted({**roles, Role.NOTARY: whole, **parts}.items())) if new else roles


def _signed(forms: DirectoryForms) -> list[Signed[DirectoryBody2]]:
    """All of the second form, in order of version; of one version the new root's last."""
    found = sorted(forms.second(), key=lambda item: (item[1].body.version, item[0] == item[1].body.root.raw))
    return [signed for _, signed in found]
