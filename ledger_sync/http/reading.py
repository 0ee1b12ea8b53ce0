"""Which kinds a caller reads: said with every call, and minded in every answer that has more than one form.

Rule: a form is answered for two years after the one that follows it, so that whoever updates once in two years reads
all it is told; after that the caller is told that it is outdated, and what it would have to read. The header is not
signed: whoever alters it on the way can make an answer unreadable, and could as well have kept it back. SPEC 9.7, 11.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeVar

from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Body, Signed
from wallet.protocol.handover import Published
from wallet.protocol.kinds import CONSUMPTION_2, KINDS, Kind

B = TypeVar("B", bound=Body)

HEADER: Final = "qalta-reads"
READS: Final = ", ".join(kind.typ for kind in KINDS)
"""What this software says of itself."""
READS_ALONE: Final = ", ".join(kind.typ for kind in KINDS if kind is not CONSUMPTION_2)
"""What it says where it wants the notary's word signed alone, for somebody who reads no other."""
FIRST: Final = frozenset(
    [
        "qbd1",
        "qph1",
        "qpd1",
        "qpb1",
        "qwc1",
        "qis1",
        "qrq1",
        "qtr1",
        "qrc1",
        "qsa1",
        "qcm1",
        "qnc1",
        "qhc1",
        "qtw1",
    ]
)
"""What a caller reads that does not say."""
_MOST: Final = 2_048
"""Bytes of the header that are looked at."""
_KEPT: Final = 64
"""Headers whose kinds are kept: callers of one version all say the same."""


def read_kinds(header: str | None) -> frozenset[str]:
    """The ``typ``s in a header; those that are not known here too, and ``FIRST`` where there is no header."""
    return FIRST if header is None else _kinds_in(header[:_MOST])


@lru_cache(maxsize=_KEPT)
def _kinds_in(text: str) -> frozenset[str]:
    return frozenset(typ for typ in (part.strip() for part in text.split(",")) if typ)


def readable(published: Published, reads: frozenset[str]) -> Published:
    """The forms and hand-overs that the caller reads. READER_OUTDATED: no form."""
    form_for(published.forms, reads)
    return Published(
        tuple(form for form in published.forms if form.body.KIND.typ in reads),
        tuple(
            item for item in published.handovers if {item.old.body.KIND.typ, item.new.body.KIND.typ} <= reads
        ),
    )


def newest(kinds: Sequence[Kind], reads: frozenset[str]) -> Kind:
    """The first of ``kinds``, newest first, that the caller reads. READER_OUTDATED: it reads none of them."""
    for kind in kinds:
        if kind.typ in reads:
            return kind
    raise Refusal(Code.READER_OUTDATED, {"kind": kinds[0].typ})


def form_for(forms: Sequence[Signed[B]], reads: frozenset[str]) -> Signed[B]:
    """The first of ``forms``, newest first, that the caller reads. READER_OUTDATED: it reads none of them."""
    kinds = [form.body.KIND for form in forms]
    return forms[kinds.index(newest(kinds, reads))]
