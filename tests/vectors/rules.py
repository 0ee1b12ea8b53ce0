"""Vectors of rules that have no bytes of their own: a wallet's time, lifetimes, weights, the notary's decisions.

Their ``hex`` is empty, but for a transfer whose ancestry is told by numbers; the context has what the rule goes by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.support.vectors import Vector
from tests.support.world import DAY, NOW
from tests.vectors.forms import Case, Cases
from tests.vectors.good import WORLD, vector
from wallet.protocol import cose
from wallet.protocol.certificate import Limits
from wallet.protocol.codes import Code
from wallet.protocol.settlement import Commit
from wallet.protocol.transfer import TokenRef

GRACE: Final = 30 * DAY
CENTRAL, NOTARY, BANK = "central bank", "notary", "bank"
FAR: Final = 2 * DAY


def clock(note: str, device: int, *heard: tuple[str, int, bool, int]) -> Vector:
    """``heard``: who signed which time, whether just now in answer to a question, and what the device's clock was."""
    return vector("clock", b"", note, device=device, heard=[list(item) for item in heard])


def _clocks() -> dict[str, Vector]:
    def passed(who: str, time: int, device: int = NOW) -> tuple[str, int, bool, int]:
        return who, time, False, device

    def asked(who: str, time: int, device: int = NOW) -> tuple[str, int, bool, int]:
        return who, time, True, device

    return {
        "clock-alone": clock("nobody has said anything", NOW),
        "clock-later-than-all": clock("the device's clock is the latest", NOW, passed(BANK, NOW - 5)),
        "clock-one-word": clock(
            "a later word counts, but nothing is ended by it", NOW, passed(BANK, NOW + 5)
        ),
        "clock-two-words": clock(
            "the second highest is agreed", NOW, passed(BANK, NOW + 9), passed(NOTARY, NOW + 5)
        ),
        "clock-two-days-ahead": clock("two days ahead still counts alone", NOW, passed(CENTRAL, NOW + FAR)),
        "clock-more-than-two-days": clock("a second more does not", NOW, passed(CENTRAL, NOW + FAR + 1)),
        "clock-two-days-ahead-of-the-second": clock(
            "the second highest is a service's",
            NOW,
            passed(CENTRAL, NOW + FAR + 50),
            passed(NOTARY, NOW + 50),
        ),
        "clock-more-than-two-days-ahead-of-the-second": clock(
            "then the second counts", NOW, passed(CENTRAL, NOW + FAR + 51), passed(NOTARY, NOW + 50)
        ),
        "clock-both-far-ahead": clock(
            "what two say counts", NOW, passed(CENTRAL, NOW + 9 * DAY), passed(NOTARY, NOW + 9 * DAY)
        ),
        "clock-lower-is-passed-over": clock(
            "of each the latest", NOW, passed(BANK, NOW + 9), passed(BANK, NOW + 5)
        ),
        "clock-lower-in-answer": clock(
            "an answer takes its place", NOW, passed(BANK, NOW + 9), asked(BANK, NOW + 5)
        ),
        "clock-answer-forgets-later-ones": clock(
            "others more than 300 seconds later are forgotten",
            NOW,
            passed(NOTARY, NOW + 406),
            asked(BANK, NOW + 105),
        ),
        "clock-answer-keeps-300-seconds": clock(
            "exactly 300 seconds are kept", NOW, passed(NOTARY, NOW + 405), asked(BANK, NOW + 105)
        ),
        "clock-answer-and-device": clock(
            "later than both the answer and the device",
            NOW,
            passed(NOTARY, NOW + 300),
            asked(BANK, NOW - 900),
        ),
        "clock-passed-over-after-an-answer": clock(
            "more than 300 seconds later than an answer carried on",
            NOW + 10,
            asked(BANK, NOW + 50, NOW),
            passed(NOTARY, NOW + 361, NOW + 10),
        ),
        "clock-kept-after-an-answer": clock(
            "300 seconds later than an answer carried on",
            NOW + 10,
            asked(BANK, NOW + 50, NOW),
            passed(NOTARY, NOW + 360, NOW + 10),
        ),
        "clock-device-set-back": clock(
            "an answer is not carried back",
            NOW - 10,
            asked(BANK, NOW + 50, NOW),
            passed(NOTARY, NOW + 9000, NOW - 10),
        ),
    }


def _lives() -> dict[str, Vector]:
    made = {}
    for name, now in {
        "at-expiry": NOW,
        "after-expiry": NOW + 1,
        "at-the-end-of-grace": NOW + GRACE,
        "after-grace": NOW + GRACE + 1,
    }.items():
        note = "spent until it expires, redeemed until grace is over, then refunded; ends are inclusive"
        made[f"life-{name}"] = vector("life", b"", note, expires=NOW, grace=GRACE, now=now)
    others = {"others": [NOW - 9, NOW + 9]}
    made["life-of-a-key"] = vector(
        "life", b"", "a key is over with its last", expires=NOW, grace=5, now=NOW + 14, **others
    )
    made["life-of-a-key-over"] = vector("life", b"", "and then", expires=NOW, grace=5, now=NOW + 15, **others)
    made["life-listed"] = vector(
        "life", b"", "how long a revocation is listed", expires=NOW, grace=5, now=NOW, lasts=7 * DAY
    )
    made["life-without-grace"] = vector("life", b"", "grace of 0", expires=NOW, grace=0, now=NOW + 1)
    return made


def weight(transfers: int, issuances: int, payloads: int, *, leaves: bool) -> Vector:
    """A transfer with its provenance: how many objects, of how many bytes of payload, and whether it leaves money."""
    note = "itself and all that it descends from, each once"
    numbers = {"transfers": transfers, "issuances": issuances, "payloads": payloads}
    return vector("weight", b"", note, leaves=leaves, **numbers)


ROOM: Final = 147_456
"""MAX_PROVENANCE_BYTES"""


def _weights() -> dict[str, Vector]:
    return {
        "weight-transfers": weight(256, 1, 1000, leaves=False),
        "weight-transfers-that-leave-money": weight(255, 1, 1000, leaves=True),
        "weight-issuances": weight(1, 256, 1000, leaves=True),
        "weight-bytes": weight(2, 1, ROOM - 3 * 96, leaves=False),
        "weight-bytes-that-leave-money": weight(2, 1, ROOM - 3 * 96 - 1024, leaves=True),
    }


def _heavy() -> list[Case]:
    return [
        ("weight-transfers", weight(257, 1, 1000, leaves=False)),
        ("weight-transfers-that-leave-money", weight(256, 1, 1000, leaves=True)),
        ("weight-issuances", weight(1, 257, 1000, leaves=False)),
        ("weight-bytes", weight(2, 1, ROOM - 3 * 96 + 1, leaves=False)),
        ("weight-bytes-that-leave-money", weight(2, 1, ROOM - 3 * 96 - 1023, leaves=True)),
    ]


def commits(note: str, *asked: tuple[str, int, Sequence[int]]) -> Vector:
    """Each: which bank asks, for which consumer, to consume which references; one after the other."""
    made = []
    for bank, consumer, refs in asked:
        named = tuple(TokenRef(bytes([ref]) * 32, 0) for ref in refs)
        body = Commit(bank, bytes([consumer]) * 32, named, NOW)
        made.append(cose.sign(body, WORLD.bank_key(bank).sign).encode().hex())
    return vector("notary", b"", note, commits=made)


def room(note: str, policy: Limits | None, *, total: int, hop: int, held: int) -> Vector:
    """Under a certificate of limits 1000, 500, 900, 7, 9 since a total of 50."""
    person = WORLD.person("Asel", limits=Limits(1000, 500, 900, 7, 9), total=50)
    limits = None if policy is None else policy.to_cbor()
    return vector("room", person.certificate.encode(), note, policy=limits, total=total, hop=hop, held=held)


def _rooms() -> dict[str, Vector]:
    high, low = Limits(9999, 9999, 9999, 15, 99), Limits(100, 50, 90, 3, 2)
    return {
        "room-without-a-policy": room("the certificate's limits", None, total=50, hop=0, held=1000),
        "room-of-the-certificate": room("the lower of both, one by one", high, total=60, hop=5, held=1001),
        "room-of-the-policy": room("the lower of both, one by one", low, total=139, hop=3, held=300),
        "room-used-up": room("never below 0", low, total=500, hop=9, held=0),
        "room-mixed": room(
            "the lower of both, one by one", Limits(2000, 50, 2000, 3, 99), total=950, hop=2, held=0
        ),
        "room-at-hop-15": room("", None, total=949, hop=7, held=7),
    }


def _decisions() -> dict[str, Vector]:
    one, other = ("alatau", 1, [1, 2]), ("zhibek", 2, [2, 3])
    return {
        "notary-partly-lost": commits("a commit that loses some consumes the others", one, other),
        "notary-the-same-again": commits("the same again, whichever bank asks", one, ("zhibek", 1, [1, 2])),
        "notary-one-more": commits("what it had, and one more", one, ("alatau", 1, [1, 2, 3])),
        "notary-all-lost": commits(
            "two winners for one commit, each once", one, other, ("alatau", 3, [1, 2, 3])
        ),
    }


def valid() -> dict[str, Vector]:
    """Every valid vector of rules, without its meaning."""
    return {**_clocks(), **_lives(), **_weights(), **_rooms(), **_decisions()}


def cases() -> Cases:
    """Every invalid vector of rules."""
    return {Code.PROVENANCE_TOO_LONG: _heavy()}
