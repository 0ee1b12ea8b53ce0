"""Valid vectors at both ends: every field of every object at its lowest and at its highest, and every list full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from tests.support.deals import FACE
from tests.support.vectors import Vector
from tests.support.world import NOW, Key
from tests.vectors.encodings import delta_of
from tests.vectors.forms import Cases
from tests.vectors.good import BAURZHAN, DEAL, SHOP, WORLD, in_world, update, vector
from wallet.protocol import codec, cose
from wallet.protocol.bounds import (
    MAX_CERTIFICATE_LIFE,
    MAX_DELTA_BYTES,
    MAX_SEQUENCE,
    MAX_SUM,
    MAX_TIME,
    MAX_TOKEN_LIFE,
)
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate, Limits, WalletKind
from wallet.protocol.codes import Code
from wallet.protocol.directory import Bank, DirectoryBody, KeyChange, KeyEntry
from wallet.protocol.idempotency import refund_id
from wallet.protocol.issuance import Issuance
from wallet.protocol.policy import PolicyDelta, PolicyHead, PolicyUpdate, Reason
from wallet.protocol.receipt import Receipt, ReceiptBody
from wallet.protocol.request import Request
from wallet.protocol.settlement import Commit, Consumption, Settlement, Verdict
from wallet.protocol.time_word import TimeWord
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


def _bank(name: str, *keys: KeyEntry) -> Bank:
    return Bank(name, LONG_NAME, keys or (KeyEntry(Key.of(name).public, 0, MAX_TIME),))


def directory(banks: Sequence[Bank], **changes: object) -> cose.Signed[DirectoryBody]:
    """A directory of these banks, whose keys of all roles are good at any time."""
    named = ("issuing", "policy", "notary", "redemption")
    roles = tuple((KeyEntry(Key.of(name).public, 0),) for name in named)
    body = DirectoryBody(1, NOW, tuple(banks), roles)
    return cose.sign(replace(body, **changes), WORLD.root.sign_digest)  # type: ignore[arg-type]


WIDE: Final = directory([_bank(LONG_BANK)])
"""One bank whose id is as long as can be, good from the beginning to the end of time."""


def _seen(kind: str, raw: bytes, note: str, **context: object) -> Vector:
    """A vector that is judged under ``WIDE`` and says all fields."""
    return vector(kind, raw, note, root=WORLD.root.public, directory=WIDE.encode(), fields=True, **context)


def _directories() -> dict[str, Vector]:
    def shown(signed: cose.Signed[DirectoryBody], note: str) -> Vector:
        return vector("directory", signed.encode(), note, root=WORLD.root.public, fields=True)

    entries = tuple(KeyEntry(Key.of(f"{n}").public, n, None if n % 2 else n) for n in range(16))
    many = [replace(_bank(f"{n:02}"), name="Б") for n in range(64)]
    astral = [_bank("\uff5e"), _bank("\U00010000")]
    redeeming = (
        entries[:16],
        (),
        (),
        (KeyEntry(EVEN.public, 5), KeyEntry(ODD.public, 4), KeyEntry(SHOP.key.public, 9, 9)),
    )
    return {
        "directory-64-banks": shown(
            directory(many, version=MAX_SEQUENCE, time=MAX_TIME), "as many as can be"
        ),
        "directory-16-keys": shown(
            directory([_bank("a", *entries)], version=0, time=0, roles=redeeming),
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
    by = Key.of(LONG_BANK).sign_digest
    short = cose.sign(replace(merchant, bank="a", name="A"), Key.of("a").sign_digest).encode()
    one_letter = directory([replace(_bank("a"), name="A")]).encode()
    return {
        "certificate-one-letter": vector(
            "certificate",
            short,
            "names of one byte",
            root=WORLD.root.public,
            directory=one_letter,
            fields=True,
        ),
        "certificate-highest": _seen(
            "certificate", cose.sign(merchant, by).encode(), "to the end of time, y odd"
        ),
        "certificate-lowest": _seen(
            "certificate", cose.sign(person, by).encode(), "at the beginning, y even"
        ),
        "certificate-name-with-bom": _seen(
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
    by = WORLD.issuing.sign_digest
    return {
        "issuance-highest": _seen(
            "issuance", cose.sign(highest, by).encode(), "32 tokens, all money that there can be"
        ),
        "issuance-lowest": _seen(
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
        name: in_world("request", cose.sign(body, SHOP.key.sign_digest).encode(), note, fields=True)
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
            "transfer", cose.sign(body, DEAL.payer.key.sign_digest).encode(), note, fields=True
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
    refresh = cose.sign(body, DEAL.payer.key.sign_digest).encode()
    for brought in (1000, 999, 800, 600, 500, 499, 1, 0):
        cut = f"its amounts are cut in order to what stands: the inputs bring {brought}"
        made[f"transfer-refresh-worth-{brought}"] = vector("transfer", refresh, cut, worth=[brought])
    refund = cose.sign(replace(DEAL.payment.transfers[0].body, change=0), DEAL.payer.key.sign_digest)
    made["transfer-worth-no-change"] = vector(
        "transfer", refund.encode(), f"{note} 5 and 0 and 6", worth=[5, 0, 6]
    )
    return made


def _receipts() -> dict[str, Vector]:
    by, key = BAURZHAN.key.sign_digest, BAURZHAN.key.public
    given_back = []
    for n in range(8):
        body = replace(DEAL.payment.transfers[0].body, purpose=ToPayer(ODD.public), sequence=n)
        given_back.append(cose.sign(body, by))
    ids = tuple(bytes([n]) * 32 for n in range(64))
    refused = ReceiptBody(ids, Code.TOTAL_INCONSISTENT, tuple(item.id for item in given_back), MAX_TIME)
    taken = ReceiptBody(ids[:1], None, (), 0)
    highest = Receipt(cose.sign(refused, by), tuple(given_back))
    lowest = Receipt(cose.sign(taken, by))
    return {
        "receipt-highest": vector(
            "receipt", codec.encode(highest.to_cbor()), "64 transfers, 8 redemptions", key=key, fields=True
        ),
        "receipt-lowest": vector(
            "receipt", codec.encode(lowest.to_cbor()), "one, accepted", key=key, fields=True
        ),
    }


def _policies() -> dict[str, Vector]:
    ids = tuple(bytes([n]) * 16 for n in range(32))
    reasons = tuple(zip(ids, (Reason(1 + n % 4) for n in range(32)), strict=True))
    delta = PolicyDelta(1, MAX_TIME, reasons, (), ())
    by = WORLD.policy_key.sign_digest
    highest = PolicyHead(1, MAX_TIME, HIGHEST, MAX_TIME)
    lowest = PolicyHead(0, 0, LOWEST, 0)
    removing = PolicyDelta(2, MAX_TIME, (), ids, ())
    entry = KeyEntry(ODD.public, 0, MAX_TIME)
    keys = tuple(KeyEntry(Key.of(f"{n}").public, n) for n in range(13))
    changes = (
        KeyChange(0, "a" * 16, "b", entry),
        *[KeyChange(1 + n % 4, "", "", keys[n]) for n in range(13)],
    )
    changing = PolicyDelta(
        1, MAX_TIME, (), (), (*changes, KeyChange(0, "a" * 16, "c", replace(entry, since=1)))
    )
    first = cose.sign(delta, by)

    def shown(head: PolicyHead, note: str, *deltas: cose.Signed[PolicyDelta], **context: object) -> Vector:
        made = PolicyUpdate(cose.sign(head, by), deltas)
        return _seen("policy", codec.encode(made.to_cbor()), note, **context)

    return {
        "policy-lowest": shown(lowest, "a head of version 0 and nothing else is a beginning"),
        "policy-highest": shown(highest, "32 revoked, for each reason", first),
        "policy-removes-32": shown(
            replace(highest, version=2), "and all of them removed", first, cose.sign(removing, by)
        ),
        "policy-changes-15": shown(
            highest,
            "a bank's key and roles' keys; a key that comes again replaces its entry",
            cose.sign(changing, by),
        ),
        "policy-delta-of-1024-bytes": in_world(
            "policy", update(1, delta_of(MAX_DELTA_BYTES)), "as long as can be"
        ),
    }


def _ledger() -> dict[str, Vector]:
    bank = Key.of(LONG_BANK).sign_digest
    consumer = b"\xff" * 32
    commit = Commit(LONG_BANK, consumer, REFS, MAX_TIME)
    consumption = Consumption(consumer, LONG_BANK, MAX_TIME, REFS)
    settled = Settlement(
        bank=LONG_BANK,
        transfer=consumer,
        verdict=Verdict.SETTLED,
        values=(MAX_SUM, MAX_SUM),
        code=None,
        time=MAX_TIME,
    )
    short = replace(settled, verdict=Verdict.SHORT, values=(0,), code=Code.TOO_LATE, time=0)
    refused = replace(settled, verdict=Verdict.REFUSED, values=(), code=Code.TIME_BEFORE_CERTIFICATE)
    conflict = replace(settled, verdict=Verdict.CONFLICT, values=(0, 0), code=Code.TOO_LATE)
    shown = {
        "commit-highest": ("commit", cose.sign(commit, bank).encode(), "32 references"),
        "commit-lowest": (
            "commit",
            cose.sign(replace(commit, bank="", refs=REFS[:1], time=0), WORLD.redemption.sign_digest).encode(),
            "one reference, by the central bank",
        ),
        "commit-of-a-refund": (
            "commit",
            cose.sign(Commit("", refund_id(REFS[3]), REFS[3:4], NOW), WORLD.redemption.sign_digest).encode(),
            "its consumer is the hash of the reference: ref-of-a-refund",
        ),
        "consumption-highest": (
            "consumption",
            cose.sign(consumption, WORLD.notary.sign_digest).encode(),
            "32",
        ),
        "consumption-lowest": (
            "consumption",
            cose.sign(
                replace(consumption, bank="", refs=REFS[:1], time=0), WORLD.notary.sign_digest
            ).encode(),
            "of a refund",
        ),
        "settlement-highest": ("settlement", cose.sign(settled, bank).encode(), "two values, no code"),
        "settlement-lowest": ("settlement", cose.sign(short, bank).encode(), "short, and why"),
        "settlement-refused-why": (
            "settlement",
            cose.sign(refused, bank).encode(),
            "the longest code of all",
        ),
        "settlement-conflict-why": (
            "settlement",
            cose.sign(conflict, bank).encode(),
            "a conflict may say why",
        ),
    }
    found = {name: _seen(kind, raw, note) for name, (kind, raw, note) in shown.items()}
    letter: dict[str, Any] = {
        "root": WORLD.root.public,
        "directory": directory([_bank("a")]).encode(),
        "fields": True,
    }
    by, word = Key.of("a").sign_digest, TimeWord("a", bytes(16), 0)
    short = replace(settled, bank="a")
    return {
        **found,
        "settlement-one-letter": vector("settlement", cose.sign(short, by).encode(), "of one byte", **letter),
        "commit-one-letter": vector(
            "commit", cose.sign(replace(commit, bank="a"), by).encode(), "of one byte", **letter
        ),
        "time-word-one-letter": vector(
            "time-word",
            cose.sign(word, by).encode(),
            "of one byte, at 0",
            **letter,
            bank="a",
            nonce=bytes(16),
        ),
    }


def _bundles() -> dict[str, Vector]:
    bodies = [
        replace(DEAL.payment.issuances[0].body, funding=bytes(14) + n.to_bytes(2, "big")) for n in range(256)
    ]
    same = DEAL.payment.issuances[0].signature
    items = [cose.sign(bodies[0], WORLD.issuing.sign_digest)]
    for body in bodies[1:]:
        payload = codec.encode(body.to_cbor())
        items.append(cose.Signed(body, payload, same, cose.object_id(body.KIND, payload)))
    full = Bundle(issuances=tuple(items))
    mixed = Bundle(
        DEAL.payment.transfers,
        DEAL.payment.issuances,
        (SHOP.certificate, BAURZHAN.certificate),
        (DEAL.request,),
    )
    return {
        "bundle-256": vector("bundle", full.encode(), "as many as can be; signatures are not its matter"),
        "bundle-mixed": vector("bundle", mixed.encode(), "of every kind, fragments in any order"),
    }


def _refs() -> dict[str, Vector]:
    refs: dict[str, Any] = {
        "ref-of-a-refund": REFS[3],
        "ref": TokenRef(DEAL.payment.ids[0], 1),
        "ref-index-31": TokenRef(b"\xff" * 32, 31),
    }
    note = "the notary's consumer of its refund (9.6), and the funding of what a redemption of this id gives (4.3)"
    return {name: vector("ref", codec.encode(ref.to_cbor()), note) for name, ref in refs.items()}


def valid() -> dict[str, Vector]:
    """Every valid vector at the ends, without its meaning."""
    found: dict[str, Vector] = {}
    groups = (_directories, _certificates, _issuances, _requests, _transfers, _receipts, _policies, _ledger)
    for group in (*groups, _bundles, _refs):
        found |= group()
    return found


def cases() -> Cases:
    """None: those stand elsewhere."""
    return {}
