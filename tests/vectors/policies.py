"""Vectors of policies: whose key signs what, what is passed over, and in which order it is looked at. SPEC 4.8, 8.2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tests.support.vectors import Vector
from tests.support.world import LIMITS, NOW, Key, Person
from tests.vectors.extremes import directory
from tests.vectors.forms import Case, Cases
from tests.vectors.good import AIGUL, BAURZHAN, SHOP, WORLD, baseline, vector
from wallet.protocol import codec, cose
from wallet.protocol.certificate import Limits
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Bank, DirectoryBody, KeyChange, KeyEntry
from wallet.protocol.keys import p256
from wallet.protocol.policy import (
    Baseline,
    PolicyBase,
    PolicyDelta,
    PolicyHead,
    PolicyUpdate,
    Reason,
    digest_of,
)

FIRST, SECOND, THIRD = Key.of("policy"), Key.of("policy, second"), Key.of("policy, third")
OTHER: Final = Key.of("somebody else")
CHANGED: Final = NOW + 100
"""The first policy key is good until then, the second from then on: both at that second."""


def _roles(policy: Sequence[KeyEntry]) -> tuple[tuple[KeyEntry, ...], ...]:
    always = [(KeyEntry(p256(Key.of(name).public), 0),) for name in ("issuing", "notary", "redemption")]
    return (always[0], tuple(policy), always[1], always[2])


BANKS: Final = tuple(
    Bank(name, name.title(), (KeyEntry(p256(WORLD.bank_key(name).public), 0),)) for name in WORLD.banks
)
ROTATING: Final = directory(
    BANKS,
    roles=_roles([KeyEntry(p256(FIRST.public), NOW - 5, CHANGED), KeyEntry(p256(SECOND.public), CHANGED)]),
)
HIGH: Final = Limits(60_000_000, 30_000_000, 200_000_000, 14, 40)


def head(version: int, time: int, by: Key, limits: Limits = LIMITS) -> Signed[PolicyHead]:
    return cose.sign(PolicyHead(version, time, limits, 30), by.sign)


def change(role: int, key: Key, since: int, until: int | None = None) -> KeyChange:
    return KeyChange(role, "", "", KeyEntry(p256(key.public), since, until))


def bank_change(bank: str, name: str, key: Key, since: int = 0, until: int | None = None) -> KeyChange:
    return KeyChange(0, bank, name, KeyEntry(p256(key.public), since, until))


def delta(
    version: int,
    time: int,
    by: Key,
    *changes: KeyChange,
    revoked: Sequence[tuple[Person, Reason]] = (),
    removed: Sequence[Person] = (),
) -> Signed[PolicyDelta]:
    body = PolicyDelta(
        version,
        time,
        tuple((person.certificate.body.revocation_id, reason) for person, reason in revoked),
        tuple(person.certificate.body.revocation_id for person in removed),
        changes,
    )
    return cose.sign(body, by.sign)


def encoded(newest: Signed[PolicyHead] | None, *deltas: Signed[PolicyDelta]) -> bytes:
    return codec.encode(PolicyUpdate(newest, deltas).to_cbor())


def shown(
    note: str,
    newest: Signed[PolicyHead] | None,
    *deltas: Signed[PolicyDelta],
    under: Signed[DirectoryBody] = ROTATING,
    **context: bytes,
) -> Vector:
    """An update that is judged under a directory whose policy keys change."""
    raw = encoded(newest, *deltas)
    return vector(
        "policy", raw, note, root=WORLD.root.public, directory=under.encode(), fields=True, **context
    )


LOST: Final = ((SHOP, Reason.LOST),)
ONE: Final = delta(1, NOW + 1, FIRST, revoked=LOST)
TWO: Final = delta(2, NOW + 2, FIRST, revoked=((AIGUL, Reason.CONFLICT),))
HELD: Final = encoded(head(1, NOW + 9, FIRST), ONE)
BRINGS_THIRD: Final = delta(1, NOW + 1, FIRST, change(2, THIRD, NOW + 2))


def _forged(signed: Signed[PolicyDelta]) -> Signed[PolicyDelta]:
    return cose.sign(signed.body, OTHER.sign)


def valid() -> dict[str, Vector]:
    """Every valid vector of policies, without its meaning."""
    both = delta(1, NOW + 1, FIRST, revoked=LOST, removed=(SHOP,))
    again = delta(2, NOW + 2, FIRST, revoked=((SHOP, Reason.CLOSED),))
    retired = delta(1, NOW + 1, FIRST, change(2, FIRST, NOW - 5, NOW + 1))
    renamed = delta(1, NOW + 1, FIRST, bank_change("alatau", "Another Name", THIRD, 7, 9))
    replacing = delta(1, NOW + 1, FIRST, bank_change("alatau", "x", WORLD.bank_key("alatau"), 0, NOW))
    made = {
        "last-second-of-a-key": shown("the first key's last second", head(0, CHANGED, FIRST)),
        "first-second-of-a-key": shown("the second key's first second", head(0, CHANGED, SECOND)),
        "key-from-its-first-second": shown("the first key's first second", head(0, NOW - 5, FIRST)),
        "key-brought-by-a-delta": shown(
            "delta 2 and the head are signed by the key that delta 1 brought",
            head(2, NOW + 3, THIRD),
            BRINGS_THIRD,
            delta(2, NOW + 2, THIRD, revoked=LOST),
        ),
        "head-though-its-key-retires-later": shown(
            "what was signed while a key was good stays valid", head(1, NOW + 1, FIRST), retired
        ),
        "head-of-the-same-version": shown(
            "signed later, with other limits, of the version held", head(1, NOW + 10, FIRST, HIGH), held=HELD
        ),
        "head-of-a-later-version-signed-earlier": shown(
            "version first, then time", head(2, NOW + 3, FIRST, HIGH), TWO, held=HELD
        ),
        "head-the-same-is-passed-over": shown(
            "version and time of the one held: not looked at, though forged",
            head(1, NOW + 9, OTHER, HIGH),
            held=HELD,
        ),
        "head-older-is-passed-over": shown(
            "of a lower version, though later and forged", head(0, NOW + 99, OTHER, HIGH), held=HELD
        ),
        "delta-held-is-passed-over": shown(
            "not looked at, though forged", None, _forged(ONE), TWO, held=HELD
        ),
        "delta-twice-is-passed-over": shown(
            "the second of version 1", None, ONE, _forged(ONE), TWO, held=encoded(head(0, NOW, FIRST))
        ),
        "head-below-the-version-reached": shown("deltas go on above the head", head(0, NOW, FIRST), ONE),
        "held-and-head-below-the-version-reached": shown(
            "newer than the head held, and below the deltas",
            head(2, NOW + 10, FIRST, HIGH),
            TWO,
            delta(3, NOW + 3, FIRST),
            held=HELD,
        ),
        "removed-and-revoked": shown("first removed, then revoked", head(1, NOW + 1, FIRST), both),
        "revoked-again-for-another-reason": shown(
            "the later reason stands", head(2, NOW + 2, FIRST), ONE, again
        ),
        "removed-that-was-not-revoked": shown(
            "is nothing", head(1, NOW + 1, FIRST), delta(1, NOW + 1, FIRST, removed=(BAURZHAN,))
        ),
        "bank-renamed": shown("a bank that is listed keeps its name", head(1, NOW + 1, FIRST), renamed),
        "bank-key-replaced": shown("an entry of a key replaces it", head(1, NOW + 1, FIRST), replacing),
        "new-bank-sorted": shown(
            "banks stay in order",
            head(1, NOW + 1, FIRST),
            delta(1, NOW + 1, FIRST, bank_change("b", "B", THIRD)),
        ),
        "times-that-go-back": shown(
            "the time of a policy is the latest of all that was applied",
            head(2, NOW - 1, FIRST),
            delta(1, NOW + 5, FIRST),
            delta(2, NOW + 1, FIRST),
        ),
        "after-a-base": shown(
            "deltas go on after the base's version; its head comes with them",
            head(4, NOW + 4, FIRST),
            delta(4, NOW + 4, FIRST, removed=(SHOP,)),
            base=baseline(),
        ),
        "eight-deltas": shown(
            "as many as a payment may bring",
            head(8, NOW + 8, FIRST),
            *[delta(n, NOW + n, FIRST) for n in range(1, 9)],
        ),
        "base-held-passes-over": shown(
            "what the base has is passed over", head(3, NOW + 4, FIRST), _forged(ONE), base=baseline()
        ),
    }
    named = {f"policy-{name}": item for name, item in made.items()}
    return {**named, **_bases(), **full_lists()}


def base(by: Key, *changes: KeyChange, reverse: bool = False, reason: Reason = Reason.LOST) -> bytes:
    """A base of version 3 that revokes two, its list as it was signed or not."""
    ids = sorted((AIGUL.certificate.body.revocation_id, SHOP.certificate.body.revocation_id))
    listed = tuple((name, Reason.LOST) for name in ids)
    body = PolicyBase(3, NOW + 3, changes, digest_of(listed))
    told = tuple((name, reason) for name in (reversed(ids) if reverse else ids))
    return codec.encode(Baseline(cose.sign(body, by.sign), told).to_cbor())


def _based(raw: bytes, note: str, under: Signed[DirectoryBody] = ROTATING) -> Vector:
    return vector("baseline", raw, note, root=WORLD.root.public, directory=under.encode(), fields=True)


def _bases() -> dict[str, Vector]:
    empty = PolicyBase(0, NOW, (), digest_of(()))
    return {
        "baseline-by-the-key-it-brings": _based(
            base(THIRD, change(2, THIRD, 0)), "good in the directory with its changes"
        ),
        "baseline-empty": _based(
            codec.encode(Baseline(cose.sign(empty, FIRST.sign), ()).to_cbor()),
            "nothing has happened yet",
        ),
        "baseline-64-changes": _based(
            base(FIRST, *[bank_change("b", "B", Key.of(f"{n % 16}"), n, n) for n in range(64)]),
            "as many as can be",
        ),
        "baseline-retires-a-bank-key": _based(
            base(FIRST, bank_change("alatau", "x", WORLD.bank_key("alatau"), 0, 5)),
            "an entry of a key replaces it",
        ),
    }


def _signatures() -> list[Case]:
    retired = delta(1, NOW + 1, FIRST, change(2, FIRST, NOW - 5, NOW + 1))
    made = {
        "head-forged": shown("a head by somebody else", head(0, NOW, OTHER)),
        "head-newer-forged": shown("of a later time than the one held", head(1, NOW + 10, OTHER), held=HELD),
        "head-by-the-root": shown("the root signs directories only", head(0, NOW, WORLD.root)),
        "head-by-an-issuing-key": shown("an issuing key issues only", head(0, NOW, WORLD.issuing)),
        "after-the-last-second": shown("a second after the first key's end", head(0, CHANGED + 1, FIRST)),
        "before-the-first-second": shown(
            "a second before the second key's beginning", head(0, CHANGED - 1, SECOND)
        ),
        "delta-by-a-key-to-come": shown(
            "the key that a delta brings does not sign it",
            head(1, NOW + 3, FIRST),
            delta(1, NOW + 1, THIRD, change(2, THIRD, 0)),
        ),
        "delta-by-a-key-retired": shown(
            "by the delta before", head(2, NOW + 2, SECOND), retired, delta(2, NOW + 2, FIRST)
        ),
        "head-by-a-key-retired": shown("by a delta in it", head(1, NOW + 2, FIRST), retired),
        "second-delta": shown("the first is good", head(2, NOW + 2, FIRST), ONE, _forged(TWO)),
        "before-a-later-gap": shown(
            "delta by delta", head(3, NOW + 3, FIRST), _forged(ONE), delta(3, NOW + 3, FIRST)
        ),
        "base-forged": _based(base(OTHER), "by somebody else"),
        "base-list-in-another-order": _based(
            base(FIRST, reverse=True), "the digest is of the list as it stands"
        ),
        "base-another-reason": _based(base(FIRST, reason=Reason.CLOSED), "another list than was signed"),
        "base-by-a-key-it-retires": _based(
            base(FIRST, change(2, FIRST, 0, 5)), "not good at its time in the directory with its changes"
        ),
    }
    return list(made.items())


def _gaps() -> list[Case]:
    made = {
        "in-wrong-order": shown("2 before 1", head(2, NOW + 2, FIRST), TWO, ONE),
        "between": shown("1, then 3", head(3, NOW + 3, FIRST), ONE, delta(3, NOW + 3, FIRST)),
        "before-the-signature": shown("a gap, and forged", head(2, NOW + 2, FIRST), _forged(TWO)),
        "head-before-its-signature": shown("ahead of the deltas, and forged", head(1, NOW, OTHER)),
        "held-and-head": shown("a head above the version reached", head(2, NOW + 10, FIRST), held=HELD),
        "held-and-head-before-its-signature": shown("ahead, and forged", head(2, NOW + 10, OTHER), held=HELD),
        "held-and-delta": shown("version 2 is missing", None, delta(3, NOW + 3, FIRST), held=HELD),
        "no-head-and-none-held": shown("a wallet that holds none needs a head", None, ONE),
        "after-a-base": shown("version 4 is missing", None, delta(5, NOW + 5, FIRST), base=baseline()),
    }
    return list(made.items())


def _crowded() -> list[Case]:
    keys = [Key.of(f"{n}") for n in range(16)]
    full = Bank("alatau", "Alatau", tuple(KeyEntry(p256(key.public), 0) for key in keys))
    policy_keys = [KeyEntry(p256(FIRST.public), 0), *[KeyEntry(p256(key.public), 0) for key in keys[:15]]]
    crowd = directory([full], roles=_roles(policy_keys))
    many = directory([Bank(f"{n:02}", "x", ()) for n in range(64)], roles=_roles(policy_keys[:1]))
    newest = head(1, NOW + 1, FIRST)
    signed = codec.decode(base(FIRST), 1 << 16)[0]
    return [
        ("base-list", _based(codec.encode([signed, [0] * 16_385]), "16385 revocations")),
        (
            "keys-of-a-bank",
            shown(
                "a 17th key", newest, delta(1, NOW + 1, FIRST, bank_change("alatau", "x", THIRD)), under=crowd
            ),
        ),
        (
            "keys-of-a-role",
            shown("a 17th key", newest, delta(1, NOW + 1, FIRST, change(2, THIRD, 0)), under=crowd),
        ),
        (
            "banks-after-a-delta",
            shown("a 65th bank", newest, delta(1, NOW + 1, FIRST, bank_change("z", "x", THIRD)), under=many),
        ),
    ]


def full_lists() -> dict[str, Vector]:
    """Where there is room left for exactly one more, or for another entry of a key that is there."""
    keys = [Key.of(f"{n}") for n in range(16)]
    bank = Bank("alatau", "Alatau", tuple(KeyEntry(p256(key.public), 0) for key in keys))
    nearly = directory([replace(bank, keys=bank.keys[:15])], roles=_roles([KeyEntry(p256(FIRST.public), 0)]))
    crowd = directory([bank], roles=_roles([KeyEntry(p256(FIRST.public), 0)]))
    newest = head(1, NOW + 1, FIRST)
    sixteenth = delta(1, NOW + 1, FIRST, bank_change("alatau", "x", keys[15]))
    replacing = delta(1, NOW + 1, FIRST, bank_change("alatau", "x", keys[3], 1, 2))
    few = directory(
        [Bank(f"{n:02}", "x", ()) for n in range(63)], roles=_roles([KeyEntry(p256(FIRST.public), 0)])
    )
    last = delta(1, NOW + 1, FIRST, bank_change("z", "x", THIRD))
    begun = directory([], time=0, roles=_roles([KeyEntry(p256(FIRST.public), 0)]))
    return {
        "policy-sixty-fourth-bank": shown("64 banks are not too many", newest, last, under=few),
        "policy-at-the-beginning-of-time": shown(
            "nothing is dated later than 0", head(0, 0, FIRST), under=begun
        ),
        "policy-sixteenth-key": shown("16 keys are not too many", newest, sixteenth, under=nearly),
        "policy-one-of-sixteen-replaced": shown(
            "nor is another entry of one of them", newest, replacing, under=crowd
        ),
    }


def cases() -> Cases:
    """Every invalid vector of policies."""
    return {Code.POLICY_SIGNATURE: _signatures(), Code.POLICY_GAP: _gaps(), Code.TOO_MANY: _crowded()}
