"""Valid vectors at both ends, of what payees, the central bank and the ledger sign, of bundles and references."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.support.vectors import Vector
from tests.support.world import NOW, Key
from tests.vectors.encodings import delta_of
from tests.vectors.extremes import HIGHEST, LONG_BANK, LOWEST, ODD, REFS, bank_of, directory, seen
from tests.vectors.forms import Cases
from tests.vectors.good import BAURZHAN, DEAL, SHOP, WORLD, in_world, update, vector
from wallet.protocol import codec, cose
from wallet.protocol.bounds import (
    MAX_DELTA_BYTES,
    MAX_SUM,
    MAX_TIME,
)
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Code
from wallet.protocol.directory import KeyChange, KeyEntry
from wallet.protocol.idempotency import refund_id
from wallet.protocol.keys import p256
from wallet.protocol.policy import PolicyDelta, PolicyHead, PolicyUpdate, Reason
from wallet.protocol.receipt import Receipt, ReceiptBody
from wallet.protocol.settlement import Commit, Consumption, Settlement, Verdict
from wallet.protocol.time_word import TimeWord
from wallet.protocol.transfer import TokenRef, ToPayer


def _receipts() -> dict[str, Vector]:
    by, key = BAURZHAN.key.sign, BAURZHAN.key.public
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
    by = WORLD.policy_key.sign
    highest = PolicyHead(1, MAX_TIME, HIGHEST, MAX_TIME)
    lowest = PolicyHead(0, 0, LOWEST, 0)
    removing = PolicyDelta(2, MAX_TIME, (), ids, ())
    entry = KeyEntry(p256(ODD.public), 0, MAX_TIME)
    keys = tuple(KeyEntry(p256(Key.of(f"{n}").public), n) for n in range(13))
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
        return seen("policy", codec.encode(made.to_cbor()), note, **context)

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
    bank = Key.of(LONG_BANK).sign
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
            cose.sign(replace(commit, bank="", refs=REFS[:1], time=0), WORLD.redemption.sign).encode(),
            "one reference, by the central bank",
        ),
        "commit-of-a-refund": (
            "commit",
            cose.sign(Commit("", refund_id(REFS[3]), REFS[3:4], NOW), WORLD.redemption.sign).encode(),
            "its consumer is the hash of the reference: ref-of-a-refund",
        ),
        "consumption-highest": (
            "consumption",
            cose.sign(consumption, WORLD.notary.sign).encode(),
            "32",
        ),
        "consumption-lowest": (
            "consumption",
            cose.sign(replace(consumption, bank="", refs=REFS[:1], time=0), WORLD.notary.sign).encode(),
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
    found = {name: seen(kind, raw, note) for name, (kind, raw, note) in shown.items()}
    letter: dict[str, Any] = {
        "root": WORLD.root.public,
        "directory": directory([bank_of("a")]).encode(),
        "fields": True,
    }
    by, word = Key.of("a").sign, TimeWord("a", bytes(16), 0)
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
    items = [cose.sign(bodies[0], WORLD.issuing.sign)]
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
    """Every valid vector of them, without its meaning."""
    found: dict[str, Vector] = {}
    for group in (_receipts, _policies, _ledger, _bundles, _refs):
        found |= group()
    return found


def cases() -> Cases:
    """None: those stand elsewhere."""
    return {}
