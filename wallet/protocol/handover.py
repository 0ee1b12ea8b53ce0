"""A root key hands over: one directory, signed by the root that was believed and by the one that it names.

Rule: the old root says by its signature whom it trusts, the new one by its own that it is there; a reader that holds
neither believes neither. What was handed over is never handed back: whoever holds a later root passes over what an
earlier one signs. SPEC section 4.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Self

from wallet.protocol import codec
from wallet.protocol.bounds import MAX_FORMS, MAX_HANDOVERS
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import DirectoryBody, DirectoryBody2, read_directory
from wallet.protocol.keys import p256


@dataclass(frozen=True, slots=True)
class Handover:
    """``[old, new]``: the same directory, as the root before and the root that it names have signed it."""

    old: Signed[DirectoryBody]
    new: Signed[DirectoryBody]

    def to_cbor(self) -> Cbor:
        return [self.old.to_cbor(), self.new.to_cbor()]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        old, new = codec.array(value, 2)
        return cls(read_directory(old), read_directory(new))

    @property
    def version(self) -> int:
        """Version of the directory that both roots have signed."""
        return self.new.body.version

    def is_by(self, root: bytes) -> bool:
        """Whether the 33-byte ``root`` signed it as the root before."""
        return self.old.signed_by(p256(root))

    def root(self) -> bytes:
        """The 33-byte root that it names and that signed it too.

        DIRECTORY_SIGNATURE: it did not, or the two say different things, or none that names a root.
        """
        body = self.new.body
        is_said_twice = isinstance(body, DirectoryBody2) and _said(body) == _said(self.old.body)
        require(is_said_twice, Code.DIRECTORY_SIGNATURE)  # 8.2.1
        assert isinstance(body, DirectoryBody2)
        require(self.new.signed_by(body.root), Code.DIRECTORY_SIGNATURE)  # 8.2.1
        return body.root.raw


def _said(body: DirectoryBody) -> list[object]:
    return [getattr(body, item.name) for item in fields(body)]


def followed(handovers: Iterable[Handover], root: bytes) -> list[tuple[bytes, Handover]]:
    """The roots that ``root`` has handed over to, with what each was named by, the last one last.

    What the root held at each step has not signed is passed over. DIRECTORY_SIGNATURE: as ``Handover.root``; or a
    version that does not rise.
    """
    found: list[tuple[bytes, Handover]] = []
    version = 0
    for handover in handovers:
        if not handover.is_by(root):
            continue
        require(handover.version > version, Code.DIRECTORY_SIGNATURE)  # 8.2.1
        root, version = handover.root(), handover.version
        found.append((root, handover))
    return found


@dataclass(frozen=True, slots=True)
class Published:
    """``[forms, handovers]``: the newest directory in every form that is still read, newer forms first; and how the
    roots have handed over, the first first."""

    forms: tuple[Signed[DirectoryBody], ...]
    handovers: tuple[Handover, ...] = ()

    def to_cbor(self) -> Cbor:
        return [[form.to_cbor() for form in self.forms], [item.to_cbor() for item in self.handovers]]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        forms, handovers = codec.array(value, 2)
        return cls(
            tuple(read_directory(form) for form in codec.array(forms, least=1, most=MAX_FORMS)),
            tuple(Handover.from_cbor(item) for item in codec.array(handovers, most=MAX_HANDOVERS)),
        )
