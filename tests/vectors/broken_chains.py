"""Invalid vectors of validity: each breaks one rule of SPEC 8.3, by as little as can be."""

from __future__ import annotations

from dataclasses import replace

from tests.support.deals import chain
from tests.support.vectors import Vector
from tests.support.world import DAY, NOW, Key, Person
from tests.vectors.chains import AFTER, BEFORE, ISSUED, REDEMPTION, certified, paid_at, redeemed, twins
from tests.vectors.forms import Case, Cases
from tests.vectors.good import WORLD
from tests.vectors.handmade import ASEL, BOLAT, DINA, ERLAN, handed, out, paid, plain
from wallet.protocol.bounds import MAX_SUM
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.payment import Payment
from wallet.protocol.transfer import Refresh, ToAccount, TokenRef, ToPayer


def _provenance() -> list[Case]:
    whole = handed(ASEL.key, [out(ISSUED)], BOLAT.key, 100)
    later = handed(BOLAT.key, [out(whole)], DINA.key, 100)
    no_change = handed(ASEL.key, [out(whole, 1)], BOLAT.key, 1)
    itself = handed(ASEL.key, [out(ISSUED), out(ISSUED, 2)], BOLAT.key, 100)
    return [
        (
            "before-it-is-made",
            plain(paid([later, whole], [ISSUED], [ASEL, BOLAT]), "a transfer before its input"),
        ),
        ("no-change", plain(paid([whole, no_change], [ISSUED], [ASEL]), "change of 0 is no output")),
        ("second-of-two", plain(paid([itself], [ISSUED], [ASEL]), "one is there, the other is not")),
        (
            "as-an-output-of-a-certificate",
            plain(
                paid([handed(ASEL.key, [TokenRef(ASEL.certificate.id, 0)], BOLAT.key, 1)], [ISSUED], [ASEL])
            ),
        ),
    ]


def _times() -> Cases:
    early, late = WORLD.issue(ASEL, 100), WORLD.issue(ASEL, 70, issued=NOW + 50, expires=NOW + 60)
    future = WORLD.person("Asel", issued=NOW + 5, expires=NOW + 99)

    def both(time: int) -> Vector:
        transfer = handed(ASEL.key, [out(early), out(late)], BOLAT.key, 170, time=time)
        return plain(paid([transfer], [early, late], [ASEL]), "two inputs, of which one is the stricter")

    got = handed(ASEL.key, [out(ISSUED)], BOLAT.key, 100, time=NOW + 9)
    back = handed(BOLAT.key, [out(got)], DINA.key, 100, time=NOW + 8)
    redeeming = handed(ASEL.key, [out(ISSUED)], REDEMPTION, 100, purpose=ToAccount(), time=NOW + 4)
    return {
        Code.TIME_BEFORE_INPUTS: [
            ("of-two", both(NOW + 49)),
            ("of-a-transfer", plain(paid([got, back], [ISSUED], [ASEL, BOLAT]), "before it was paid")),
            ("redemption", plain(redeemed(ToAccount(), 100, time=NOW + 4), "redemptions too")),
        ],
        Code.TOKEN_EXPIRED: [
            ("of-two", both(NOW + 61)),
            (
                "by-a-second",
                plain(_dated(NOW + 90 * DAY + 1, WORLD.person("Asel", expires=NOW + 300 * DAY))),
            ),
        ],
        Code.CERTIFICATE_EXPIRED: [("by-a-second", plain(_dated(NOW + 60 * DAY + 1, ASEL)))],
        Code.TIME_BEFORE_CERTIFICATE: [
            ("redemption", plain(paid([redeeming], [ISSUED], [future]), "redemptions too")),
            (
                "of-two",
                plain(paid_at((AFTER, certified(NOW + 5, NOW + 9, 7)), NOW + 1), "neither is issued yet"),
            ),
        ],
    }


def _dated(time: int, payer: Person) -> Payment:
    return paid([handed(ASEL.key, [out(ISSUED)], BOLAT.key, 100, time=time)], [ISSUED], [payer])


def _alike() -> Cases:
    def of(second: Signed, *people: Person) -> Vector:  # type: ignore[type-arg]
        transfer = handed(ASEL.key, [out(ISSUED), out(second)], BOLAT.key, 107)
        return plain(paid([transfer], [ISSUED, second], [ASEL, *people]), "two inputs that are not alike")

    empty = WORLD.issue(ASEL, 7, mark=b"")
    one = WORLD.issue(ASEL, MAX_SUM)
    other = WORLD.issue(ASEL, 1)
    much = handed(ASEL.key, [out(one), out(other)], BOLAT.key, MAX_SUM)
    return {
        Code.MARK_MIXED: [("empty", of(empty))],
        Code.VALUE_MISMATCH: [
            ("above-all-money", plain(paid([much], [one, other], [ASEL]), "inputs above 2^53 - 1")),
            ("by-one", plain(paid([handed(ASEL.key, [out(ISSUED)], BOLAT.key, 99)], [ISSUED], [ASEL]))),
            ("of-a-redemption", plain(redeemed(ToAccount(), 99), "redemptions too")),
        ],
        Code.OWNER_MIXED: [("change-and-paid", _mixed_up())],
        Code.CERTIFICATE_MISSING: [
            (
                "of-the-payee",
                plain(paid([handed(ASEL.key, [out(ISSUED)], BOLAT.key, 100)], [ISSUED], [BOLAT])),
            )
        ],
    }


def _mixed_up() -> Vector:
    first = handed(ASEL.key, [out(ISSUED)], BOLAT.key, 60, 40)
    both = handed(BOLAT.key, [out(first), out(first, 1)], DINA.key, 100)
    return plain(paid([first, both], [ISSUED], [ASEL, BOLAT]), "both outputs of one transfer")


def _redeemed_wrongly() -> Cases:
    begun = handed(ASEL.key, [out(ISSUED)], BOLAT.key, 60, 40)
    change = handed(ASEL.key, [out(begun, 1)], REDEMPTION, 40, purpose=ToPayer(ASEL.key.public), sequence=2)
    issued = handed(ASEL.key, [out(ISSUED)], REDEMPTION, 100, purpose=ToPayer(DINA.key.public))
    by_dina = WORLD.issue(DINA, 20)
    got = handed(ASEL.key, [out(ISSUED)], BOLAT.key, 100)
    other = handed(DINA.key, [out(by_dina)], BOLAT.key, 20)
    both = handed(BOLAT.key, [out(got), out(other)], REDEMPTION, 120, purpose=ToPayer(ASEL.key.public))
    over = Refresh(DINA.key.public, (MAX_SUM, MAX_SUM))
    return {
        Code.REDEMPTION_AMOUNTS: [
            ("refusal-with-change", plain(redeemed(ToPayer(ASEL.key.public), 99, 1))),
            ("refresh-by-one-less", plain(redeemed(Refresh(DINA.key.public, (40, 59)), 100))),
            ("refresh-counts-no-change", plain(redeemed(Refresh(DINA.key.public, (100,)), 60, 40))),
            (
                "refresh-above-all-money",
                plain(redeemed(over, 100), "the sum of amounts has no bound of its own"),
            ),
        ],
        Code.REDEMPTION_PAYER: [
            ("of-change", plain(paid([begun, change], [ISSUED], [ASEL]), "change was paid by nobody")),
            ("of-an-issued-token", plain(paid([issued], [ISSUED], [ASEL]), "nor were issued tokens")),
            ("one-of-two", plain(paid([got, other, both], [ISSUED, by_dina], [ASEL, DINA, BOLAT]))),
            ("itself", plain(redeemed(ToPayer(BOLAT.key.public), 100))),
        ],
        Code.REDEMPTION_KEY: [
            ("refresh-to-a-person", plain(redeemed(Refresh(DINA.key.public, (100,)), 100, to=DINA.key))),
            ("refusal-to-the-payer", plain(redeemed(ToPayer(ASEL.key.public), 100, to=ASEL.key))),
            ("defunding-to-the-issuing-key", plain(redeemed(ToAccount(), 100, to=WORLD.issuing))),
        ],
        Code.HOP_LIMIT: [("by-one-of-two-inputs", _deep())],
        Code.SELF_PAYMENT: [("without-change", plain(_to_self()))],
    }


def _to_self() -> Payment:
    got = handed(ASEL.key, [out(ISSUED)], BOLAT.key, 100)
    return paid([got, handed(BOLAT.key, [out(got)], BOLAT.key, 100)], [ISSUED], [ASEL, BOLAT])


def _deep() -> Vector:
    """Of two inputs only one is at hop 15."""
    chained = chain(15, WORLD)
    last, token = chained.people[15], chained.tokens[15]
    fresh = WORLD.issue(last, 5)
    both = handed(last.key, [token.ref, out(fresh)], ERLAN.key, token.amount + 5)
    return plain(
        paid([*chained.transfers, both], [chained.issuance, fresh], chained.people), "hop 15 and hop 0"
    )


def _unneeded() -> list[Case]:
    one = handed(ASEL.key, [out(ISSUED)], BOLAT.key, 100)
    other = handed(ASEL.key, [out(ISSUED, 1)], BOLAT.key, 50, sequence=2, total=150)
    spare = WORLD.issue(DINA, 5)
    second, first = reversed(twins())
    return [
        (
            "transfer",
            plain(paid([one, other], [ISSUED], [ASEL]), "the first is neither new nor an ancestor"),
        ),
        (
            "transfer-of-another",
            plain(paid([handed(DINA.key, [out(spare)], BOLAT.key, 5), one], [spare, ISSUED], [DINA, ASEL])),
        ),
        (
            "certificate-of-a-key-in-it",
            plain(paid([one], [ISSUED], [ASEL, WORLD.person("Asel", wallet=bytes(16)).certificate])),
        ),
        ("certificate-of-the-payee", plain(paid([one], [ISSUED], [ASEL, BOLAT]))),
        (
            "certificate-not-in-force",
            plain(paid_at((BEFORE, AFTER), NOW + 12), "both cover; the first is not used"),
        ),
        (
            "certificate-of-equals-the-lesser",
            plain(paid_at((second, first), NOW + 6), "of equals the greatest id"),
        ),
        (
            "certificate-expired-though-redeemed",
            plain(paid_at((BEFORE, AFTER), -(NOW + 60)), "the last to expire"),
        ),
    ]


def _refused_at_the_ledger() -> Cases:
    """Whatever certificates are at hand: here none of the signer's."""

    def by_none(payment: Payment) -> Vector:
        return plain(replace(payment, certificates=(DINA.certificate,)), "refused for ever", ledger=True)

    forged = handed(Key.of("somebody else"), [out(ISSUED)], BOLAT.key, 100)
    return {
        Code.TRANSFER_SIGNATURE: [("at-the-ledger", by_none(paid([forged], [ISSUED], [ASEL])))],
        Code.TOKEN_EXPIRED: [("at-the-ledger", by_none(_dated(NOW + 90 * DAY + 1, ASEL)))],
        Code.SELF_PAYMENT: [("at-the-ledger", by_none(_to_self()))],
        Code.TIME_BEFORE_INPUTS: [("at-the-ledger", by_none(_dated(NOW - 1, ASEL)))],
    }


def cases() -> Cases:
    """Every invalid vector of validity that breaks one rule."""
    found: Cases = {Code.PROVENANCE_MISSING: _provenance(), Code.UNNEEDED_ITEM: _unneeded()}
    for group in (_times(), _alike(), _redeemed_wrongly(), _refused_at_the_ledger()):
        for code, listed in group.items():
            found.setdefault(code, []).extend(listed)
    return found


def valid() -> dict[str, Vector]:
    """None: those stand elsewhere."""
    return {}
