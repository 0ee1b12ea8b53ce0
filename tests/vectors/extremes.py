"""Valid vectors at both ends: every field of every object at its lowest and at its highest, and every list full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tests.support.deals import FACE
from tests.support.vectors import Vector
from tests.support.world import NOW, Key
from tests.vectors.forms import Cases
from tests.vectors.good import DEAL, SHOP, WORLD, in_world, vector
from wallet.protocol import cose
from wallet.protocol.bounds import (
    MAX_CERTIFICATE_LIFE,
    MAX_SEQUENCE,
    MAX_SUM,
    MAX_TIME,
    MAX_TOKEN_LIFE,
)
from wallet.protocol.certificate import Certificate, Limits, WalletKind
from wallet.protocol.directory import Bank, DirectoryBody, KeyEntry, roles_of
from wallet.protocol.issuance import Issuance
from wallet.protocol.keys import p256
from wallet.protocol.request import Request
from wallet.protocol.transfer import Purpose, Refresh, ToAccount, TokenRef, ToPayer, Transfer

LOWEST: Final = Limits(1, 1, 1, 0, 0)
HIGHEST: Final = Limits(MAX_SUM, MAX_SUM, MAX_SUM, 15, 3660)
LONG_BANK: Final = "ә" * 8
"""An id of 16 bytes."""
LONG_NAME: Final = "Қ" * 32
REFS: Final = tuple(TokenRef(bytes([n]) * 32, n) for n in range(32))
ODD, EVEN = (
    next(Key.of(f"key {n}") for n in range(99) if Key.of(f"key {n}").public[0] == form) for form in (3, 2)
)


def bank_of(name: str, *keys: KeyEntry) -> Bank:
    return Bank(name, LONG_NAME, keys or (KeyEntry(p256(Key.of(name).public), 0, MAX_TIME),))


def directory(
    banks: Sequence[Bank], *, roles: Sequence[tuple[KeyEntry, ...]] = (), **changes: object
) -> cose.Signed[DirectoryBody]:
    """A directory of these banks, whose keys of all roles are good at any time."""
    named = ("issuing", "policy", "notary", "redemption")
    usual = tuple((KeyEntry(p256(Key.of(name).public), 0),) for name in named)
    body = DirectoryBody(1, NOW, tuple(banks), roles_of(roles or usual))
    return cose.sign(replace(body, **changes), WORLD.root.sign)  # type: ignore[arg-type]


WIDE: Final = directory([bank_of(LONG_BANK)])
"""One bank whose id is as long as can be, good from the beginning to the end of time."""


def seen(kind: str, raw: bytes, note: str, **context: object) -> Vector:
    """A vector that is judged under ``WIDE`` and says all fields."""
    return vector(kind, raw, note, root=WORLD.root.public, directory=WIDE.encode(), fields=True, **context)


def _directories() -> dict[str, Vector]:
    def shown(signed: cose.Signed[DirectoryBody], note: str) -> Vector:
        return vector("directory", signed.encode(), note, root=WORLD.root.public, fields=True)

    entries = tuple(KeyEntry(p256(Key.of(f"{n}").public), n, None if n % 2 else n) for n in range(16))
    many = [replace(bank_of(f"{n:02}"), name="Б") for n in range(64)]
    astral = [bank_of("\uff5e"), bank_of("\U00010000")]
    redeeming = (
        entries[:16],
        (),
        (),
        (
            KeyEntry(p256(EVEN.public), 5),
            KeyEntry(p256(ODD.public), 4),
            KeyEntry(p256(SHOP.key.public), 9, 9),
        ),
    )
    return {
        "directory-64-banks": shown(
            directory(many, version=MAX_SEQUENCE, time=MAX_TIME), "as many as can be"
        ),
        "directory-16-keys": shown(
            directory([bank_of("a", *entries)], version=0, time=0, roles=redeeming),
            "16 keys each, retired at once where even; of three redemption keys one is retired, the newest is paid",
        ),
        "directory-no-banks": shown(directory([]), "a beginning"),
        "directory-banks-by-utf-8": shown(directory(astral), "sorted by the bytes of UTF-8, not of UTF-16"),
    }


def _certificates() -> dict[str, Vector]:
    merchant = Certificate(
        bank=LONG_BANK,
        wallet=b"\xff" * 16,
        key=ODD.public,
        issued=MAX_TIME - MAX_CERTIFICATE_LIFE,
        expires=MAX_TIME,
        kind=WalletKind.MERCHANT,
        limits=HIGHEST,
        total=MAX_SUM,
        category=9999,
        name=LONG_NAME,
    )
    person = replace(
        merchant,
        wallet=bytes(16),
        key=EVEN.public,
        issued=0,
        expires=0,
        kind=WalletKind.PERSON,
        limits=LOWEST,
        total=0,
        category=0,
        name="",
    )
    smallest = replace(merchant, limits=Limits(5, 4, 3, 2, 1), total=1, category=0, name="\ufeffA")
    by = Key.of(LONG_BANK).sign
    short = cose.sign(replace(merchant, bank="a", name="A"), Key.of("a").sign).encode()
    one_letter = directory([replace(bank_of("a"), name="A")]).encode()
    return {
        "certificate-one-letter": vector(
            "certificate",
            short,
            "names of one byte",
            root=WORLD.root.public,
            directory=one_letter,
            fields=True,
        ),
        "certificate-highest": seen(
            "certificate", cose.sign(merchant, by).encode(), "to the end of time, y odd"
        ),
        "certificate-lowest": seen("certificate", cose.sign(person, by).encode(), "at the beginning, y even"),
        "certificate-name-with-bom": seen(
            "certificate",
            cose.sign(smallest, by).encode(),
            "U+FEFF is a letter of the name; five limits that differ",
        ),
    }


def _issuances() -> dict[str, Vector]:
    highest = Issuance(
        funding=b"\xff" * 16,
        owner=ODD.public,
        currency="XXX",
        amounts=(MAX_SUM - 31, *[1] * 31),
        mark=b"m" * 64,
        issued=MAX_TIME - MAX_TOKEN_LIFE,
        expires=MAX_TIME,
    )
    lowest = replace(highest, funding=bytes(16), amounts=(1,), mark=b"", issued=0, expires=0)
    by = WORLD.issuing.sign
    return {
        "issuance-highest": seen(
            "issuance", cose.sign(highest, by).encode(), "32 tokens, all money that there can be"
        ),
        "issuance-lowest": seen(
            "issuance", cose.sign(lowest, by).encode(), "of one tiyn, with an empty mark"
        ),
    }


def _requests() -> dict[str, Vector]:
    highest = Request(
        payee=SHOP.certificate,
        currency="XXX",
        amount=MAX_SUM,
        is_open=True,
        nonce=b"\xff" * 16,
        memo="ә" * 70,
        expires=MAX_TIME,
        policy=MAX_SEQUENCE,
    )
    lowest = replace(highest, amount=1, is_open=False, nonce=None, memo="", expires=0, policy=0)
    shown: dict[str, tuple[Request, str]] = {
        "request-highest": (highest, "an open amount, a memo of 140 bytes"),
        "request-lowest": (lowest, "of one tiyn, printed, with no memo"),
        "request-memo-with-bom": (replace(lowest, memo="\ufeff\x00\n"), "U+FEFF and control characters stay"),
    }
    return {
        name: in_world("request", cose.sign(body, SHOP.key.sign).encode(), note, fields=True)
        for name, (body, note) in shown.items()
    }


def _transfers() -> dict[str, Vector]:
    highest = Transfer(
        inputs=REFS,
        payee=ODD.public,
        amount=MAX_SUM - 1,
        change=1,
        purpose=b"\xff" * 16,
        sequence=MAX_SEQUENCE,
        total=MAX_SUM,
        time=MAX_TIME,
    )
    txid = bytes(32)
    lowest = replace(
        highest,
        inputs=(TokenRef(txid, 9), TokenRef(txid, 10)),
        payee=EVEN.public,
        amount=1,
        change=0,
        purpose=bytes(16),
        sequence=0,
        total=0,
        time=0,
    )
    redeemed: dict[str, tuple[Purpose, str]] = {
        "refresh-highest": (Refresh(ODD.public, (MAX_SUM,) * 32), "32 amounts; whether they sum up is 8.3.9"),
        "refresh-lowest": (Refresh(EVEN.public, (1,)), "to one token of one tiyn"),
        "refusal-lowest": (ToPayer(EVEN.public), "back to a payer"),
        "defunding-lowest": (ToAccount(), "to the account"),
    }
    bodies = {name: (replace(lowest, purpose=purpose), note) for name, (purpose, note) in redeemed.items()}
    bodies["defunding-change-of-1"] = (replace(lowest, purpose=ToAccount(), change=1), "a tiyn stays offline")
    bodies["highest"] = (highest, "32 inputs, all money that there can be")
    bodies["lowest"] = (lowest, "outputs 9 and 10 of one object, in this order")
    made = {
        f"transfer-{name}": vector(
            "transfer", cose.sign(body, DEAL.payer.key.sign).encode(), note, fields=True
        )
        for name, (body, note) in bodies.items()
    }
    return {**made, **_values()}


def _values() -> dict[str, Vector]:
    """What outputs of 1 250 050 and 749 950 are worth where the inputs bring so much (SPEC 9.3)."""
    change = FACE - DEAL.payment.transfers[0].body.amount
    worth = {
        "whole": FACE,
        "short": FACE - 1,
        "payee-only": FACE - change,
        "less": 7,
        "nothing": 0,
        "more": FACE + 1,
    }
    raw = DEAL.payment.transfers[0].encode()
    note = "payee before change, each up to its face: the inputs bring"
    made = {
        f"transfer-worth-{name}": vector("transfer", raw, f"{note} {brought}", worth=[brought])
        for name, brought in worth.items()
    }
    body = replace(
        DEAL.payment.transfers[0].body, amount=1000, change=0, purpose=Refresh(EVEN.public, (500, 300, 200))
    )
    refresh = cose.sign(body, DEAL.payer.key.sign).encode()
    for brought in (1000, 999, 800, 600, 500, 499, 1, 0):
        cut = f"its amounts are cut in order to what stands: the inputs bring {brought}"
        made[f"transfer-refresh-worth-{brought}"] = vector("transfer", refresh, cut, worth=[brought])
    refund = cose.sign(replace(DEAL.payment.transfers[0].body, change=0), DEAL.payer.key.sign)
    made["transfer-worth-no-change"] = vector(
        "transfer", refund.encode(), f"{note} 5 and 0 and 6", worth=[5, 0, 6]
    )
    return made


def valid() -> dict[str, Vector]:
    """Every valid vector at the ends, without its meaning."""
    found: dict[str, Vector] = {}
    groups = (_directories, _certificates, _issuances, _requests, _transfers)
    for group in groups:
        found |= group()
    return found


def cases() -> Cases:
    """None: those stand elsewhere."""
    return {}
