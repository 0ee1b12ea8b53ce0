"""Vectors of validity: SPEC 8.3 at every bound, the certificate in force, redemptions, and what a token inherits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from tests.support.deals import chain
from tests.support.vectors import Vector
from tests.support.world import DAY, NOW, Key
from tests.vectors.extremes import directory
from tests.vectors.forms import Cases
from tests.vectors.good import SHOP, WORLD
from tests.vectors.handmade import ASEL, BOLAT, DINA, handed, out, paid, plain, shown
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Bank, KeyEntry
from wallet.protocol.keys import p256
from wallet.protocol.payment import Payment
from wallet.protocol.transfer import Purpose, Refresh, ToAccount, ToPayer

REDEMPTION: Final = WORLD.redemption
ISSUED: Final = WORLD.issue(ASEL, 100, 50)
OLD_REDEMPTION, NEW_REDEMPTION = Key.of("redemption, retired"), Key.of("redemption, newer")
ROLES: Final = tuple((KeyEntry(p256(Key.of(name).public), 0),) for name in ("issuing", "policy", "notary"))
BANKS: Final = tuple(
    Bank(name, name.title(), (KeyEntry(p256(WORLD.bank_key(name).public), 0),)) for name in WORLD.banks
)
REDEEMING: Final = directory(
    BANKS,
    roles=(
        *ROLES,
        (
            KeyEntry(p256(OLD_REDEMPTION.public), 0, 1),
            KeyEntry(p256(REDEMPTION.public), 0),
            KeyEntry(p256(NEW_REDEMPTION.public), 9),
        ),
    ),
)
"""Of three redemption keys one was retired long ago."""


def _moments() -> dict[str, Vector]:
    """Dated at the very second that is still good."""
    made = {}
    for name, time in {
        "made-at-issuance": NOW,
        "certificate-last-second": NOW + 60 * DAY,
    }.items():
        made[name] = paid([handed(ASEL.key, [out(ISSUED)], BOLAT.key, 100, time=time)], [ISSUED], [ASEL])
    long = WORLD.person("Asel", expires=NOW + 300 * DAY)
    made["token-last-second"] = paid(
        [handed(ASEL.key, [out(ISSUED)], BOLAT.key, 100, time=NOW + 90 * DAY)], [ISSUED], [long]
    )
    late = WORLD.person("Asel", issued=NOW)
    made["certificate-first-second"] = paid(
        [handed(ASEL.key, [out(ISSUED)], BOLAT.key, 100)], [ISSUED], [late]
    )
    first = handed(ASEL.key, [out(ISSUED)], BOLAT.key, 100, time=NOW + 7)
    again = handed(BOLAT.key, [out(first)], DINA.key, 100, time=NOW + 7)
    made["at-once"] = paid([first, again], [ISSUED], [ASEL, BOLAT])
    return {f"payment-{name}": shown(payment, "still good at that second") for name, payment in made.items()}


def _mixed_inputs() -> dict[str, Vector]:
    """Two inputs of Bolat's that differ in hop, expiry and time: the highest hop, the earliest end, the latest time."""
    early = WORLD.issue(ASEL, 100, expires=NOW + 40 * DAY)
    late = WORLD.issue(BOLAT, 70, issued=NOW + 500, expires=NOW + 80 * DAY)
    got = handed(ASEL.key, [out(early)], BOLAT.key, 100, time=NOW + 20)
    made: dict[str, Vector] = {}
    for name, time in {"as-soon": NOW + 500, "as-late": NOW + 40 * DAY}.items():
        both = handed(BOLAT.key, [out(got), out(late)], DINA.key, 160, 10, time=time)
        change = handed(BOLAT.key, [out(both, 1)], DINA.key, 10, sequence=2, total=170, time=time)
        made[f"payment-inputs-that-differ-{name}-as-can-be"] = shown(
            paid([got, both, change], [early, late], [ASEL, BOLAT], new=2),
            "of two inputs, whichever stands first",
        )
    return made


def _no_matter() -> dict[str, Vector]:
    """What is no matter of validity."""
    one = handed(ASEL.key, [out(ISSUED)], BOLAT.key, 100)
    other = handed(ASEL.key, [out(ISSUED)], BOLAT.key, 60, 40, sequence=2, total=160)
    merged = handed(BOLAT.key, [out(one), out(other)], DINA.key, 160)
    marked = WORLD.issue(ASEL, 30, 20, mark=b"")
    both = handed(ASEL.key, [out(marked), out(marked, 1)], BOLAT.key, 50)
    foreign = WORLD.issue(ASEL, 30, currency="XXX")
    money = WORLD.issue(ASEL, *[1 + n for n in range(32)])
    all_inputs = handed(ASEL.key, [out(money, n) for n in range(32)], BOLAT.key, 527, 1)
    sent = handed(ASEL.key, [out(foreign)], BOLAT.key, 30)
    return {
        "payment-consumed-twice": shown(
            paid([one, other, merged], [ISSUED], [ASEL, BOLAT]), "that is 8.4.19"
        ),
        "payment-empty-mark": shown(paid([both], [marked], [ASEL]), "an empty mark is a mark, and stays"),
        "payment-other-currency": shown(paid([sent], [foreign], [ASEL]), "a currency of any three bytes"),
        "payment-32-inputs": shown(
            paid([all_inputs], [money], [ASEL]), "in order of their numbers, 9 before 10"
        ),
        "payment-64-of-each": shown(_full(), "64 transfers, issuances and certificates"),
        "payment-new-of-several": shown(
            paid([one, other, merged], [ISSUED], [ASEL, BOLAT], new=3), "all new"
        ),
    }


def _full() -> Payment:
    people = [WORLD.person(f"p{n}") for n in range(64)]
    issuances = [WORLD.issue(person, 1) for person in people]
    transfers = [
        handed(person.key, [out(issued)], BOLAT.key, 1)
        for person, issued in zip(people, issuances, strict=True)
    ]
    return paid(transfers, issuances, people, new=64)


def redeemed(
    purpose: Purpose, amount: int, change: int = 0, to: Key = REDEMPTION, time: int = NOW + 9
) -> Payment:
    """Bolat redeems what Asel paid him."""
    got = handed(ASEL.key, [out(ISSUED)], BOLAT.key, 100, time=NOW + 5)
    back = handed(BOLAT.key, [out(got)], to, amount, change, purpose=purpose, time=time, total=0)
    return paid([got, back], [ISSUED], [ASEL, BOLAT])


def _redemptions() -> dict[str, Vector]:
    back = ToPayer(ASEL.key.public)
    chained = chain(15, WORLD)
    last = chained.people[15]
    token = chained.tokens[15]
    spent = handed(last.key, [token.ref], REDEMPTION, token.amount, purpose=ToAccount(), total=0)
    from_15 = paid([*chained.transfers, spent], [chained.issuance], chained.people)
    begun = handed(ASEL.key, [out(ISSUED)], BOLAT.key, 60, 40)
    change = handed(ASEL.key, [out(begun, 1)], REDEMPTION, 40, purpose=ToAccount(), sequence=2)
    late = NOW + 2000 * DAY
    made = {
        "refusal": (redeemed(back, 100), "back to who paid"),
        "refresh-with-change": (
            redeemed(Refresh(DINA.key.public, (40, 30)), 70, 30),
            "the rest stays, at its hop",
        ),
        "defunding-with-change": (redeemed(ToAccount(), 1, 99), "the rest stays"),
        "defunding-of-change": (paid([begun, change], [ISSUED], [ASEL]), "change was paid by nobody"),
        "refusal-long-after": (redeemed(back, 100, time=late), "token and certificate have expired"),
        "redeemed-at-hop-15": (from_15, "a redemption is no hop"),
    }
    found = {f"payment-{name}": shown(payment, note) for name, (payment, note) in made.items()}
    for name, key in {"retired": OLD_REDEMPTION, "newer": NEW_REDEMPTION}.items():
        payment = redeemed(back, 100, to=key)
        found[f"payment-redemption-key-{name}"] = shown(
            payment, "every redemption key there ever was", under=REDEEMING
        )
    return found


# two certificates of one key


def certified(issued: int, expires: int, n: int = 0, **changes: Any) -> Signed[Certificate]:
    """The shop's, once more, for another epoch."""
    return (
        replace(WORLD)
        .person("shop", issued=issued, expires=expires, wallet=bytes([n]) * 16, **changes)
        .certificate
    )


HELD: Final = WORLD.issue(replace(SHOP, key=Key.of("shop")), 100, expires=NOW + 700 * DAY)
BEFORE, AFTER = certified(NOW - 9, NOW + 20), certified(NOW + 10, NOW + 40, 1)


def paid_at(certificates: Sequence[Signed[Certificate]], *times: int) -> Payment:
    """The shop pays one tiyn at each of these times, and redeems at the times that are negative (but for the sign)."""
    by, left, held = Key.of("shop"), 100, out(HELD)
    transfers = []
    for number, time in enumerate(times, 1):
        left -= 1
        to, purpose = (REDEMPTION, ToAccount()) if time < 0 else (BOLAT.key, b"some request ref")
        transfers.append(
            handed(by, [held], to, 1, left, purpose=purpose, sequence=number, total=number, time=abs(time))
        )
        held = out(transfers[-1], 1)
    return paid(transfers, [HELD], certificates)


def _by_id(*made: Signed[Certificate]) -> list[Signed[Certificate]]:
    return sorted(made, key=lambda item: item.id)


def twins() -> tuple[Signed[Certificate], Signed[Certificate]]:
    """Two that cover one moment and expire together; the one with the lower id is the one that began first."""
    for n in range(2, 99):
        first, second = certified(NOW - 9, NOW + 20, n), certified(NOW + 5, NOW + 20, n + 100)
        if first.id < second.id:
            return first, second
    raise AssertionError


def _in_force() -> dict[str, Vector]:
    first, second = twins()
    ended = certified(NOW - 9, NOW + 5, 3)
    both, swapped = (BEFORE, AFTER), (AFTER, BEFORE)
    made = {
        "each-in-its-time": (paid_at(both, NOW + 1, NOW + 25), "the one that covers the time"),
        "each-in-its-time-listed-last-first": (paid_at(swapped, NOW + 1, NOW + 25), "whatever their order"),
        "both-cover": (
            paid_at(both, NOW + 1, NOW + 10),
            "the one that expires last, from its first second on",
        ),
        "both-cover-swapped": (paid_at(swapped, NOW + 1, NOW + 20), "to the last second of the other"),
        "expires-together": (paid_at((second, first), NOW + 1, NOW + 5), "of equals the greatest id"),
        "all-expired": (
            paid_at((AFTER, ended), NOW + 1, -(NOW + 60)),
            "of those issued by then the last to expire",
        ),
        "one-expired-one-to-come": (
            paid_at((ended, certified(NOW + 50, NOW + 90, 4)), -(NOW + 30), NOW + 60),
            "one that has expired before one that is not issued yet",
        ),
    }
    return {f"certificate-in-force-{name}": shown(payment, note) for name, (payment, note) in made.items()}


def _at_the_ledger() -> dict[str, Vector]:
    """What a certificate can still mend waits; what none can mend is refused (among the invalid)."""
    early, late = WORLD.person("Asel", issued=NOW + 5), WORLD.person("Asel", expires=NOW - 5)
    whole = handed(ASEL.key, [out(ISSUED)], BOLAT.key, 100)
    redeeming = handed(ASEL.key, [out(ISSUED)], REDEMPTION, 100, purpose=ToAccount())
    made = {
        "valid": paid([whole], [ISSUED], [ASEL]),
        "of-any": paid([whole], [ISSUED], [early, late, ASEL]),
        "none-at-hand": paid([whole], [ISSUED], [BOLAT]),
        "not-begun": paid([whole], [ISSUED], [early]),
        "expired": paid([whole], [ISSUED], [late]),
        "redeemed-though-expired": paid([redeeming], [ISSUED], [late]),
        "redeemed-not-begun": paid([redeeming], [ISSUED], [early]),
    }
    note = "valid under any certificate at hand, or it waits for one"
    return {f"ledger-{name}": plain(payment, note, ledger=True) for name, payment in made.items()}


def valid() -> dict[str, Vector]:
    """Every valid vector of validity, without its meaning."""
    return {
        **_at_the_ledger(),
        **_moments(),
        **_mixed_inputs(),
        **_no_matter(),
        **_redemptions(),
        **_in_force(),
    }


def cases() -> Cases:
    """None: those stand elsewhere."""
    return {}
