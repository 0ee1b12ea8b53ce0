"""How vectors of rules without bytes are judged: see ``tests/vectors/rules.py``."""

from __future__ import annotations

from typing import Any

from ledger_sync.notary.store import CommitItem, decide
from wallet.protocol import codec, cose
from wallet.protocol.certificate import Certificate, Limits
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.lifetime import (
    is_good,
    is_over,
    is_redeemable,
    is_refundable,
    listed_until,
    redeem_until,
    refundable_before,
)
from wallet.protocol.limits import effective, excess, hops_left, last_day, total_left
from wallet.protocol.settlement import Commit, Consumption
from wallet.protocol.weight import Weight, fits
from wallet.purse.words import Signer, Word, Words, after, agreed, reached

Vector = dict[str, Any]
Meaning = dict[str, Any]


def judge_clock(raw: bytes, vector: Vector) -> Meaning:
    """A wallet's time, and the time by which it ends things."""
    words: Words = {}
    for signer, time, is_fresh, device in vector["heard"]:
        words = after(words, Signer(signer), Word(time, device if is_fresh else None), device)
    return {"now": reached(words, vector["device"]), "agreed": agreed(words, vector["device"])}


def judge_life(raw: bytes, vector: Vector) -> Meaning:
    """What a token is good for at a moment."""
    expires, grace, now = vector["expires"], vector["grace"], vector["now"]
    means = {
        "spendable": is_good(now, expires),
        "redeemable": is_redeemable(expires, grace, now),
        "refundable": is_refundable(expires, grace, now),
        "redeem until": redeem_until(expires, grace),
        "refundable before": refundable_before(now, grace),
        "over": is_over([expires, *vector.get("others", [])], grace, now),
    }
    if "lasts" in vector:
        means["listed until"] = listed_until(expires, vector["lasts"], grace)
    return means


def judge_room(raw: bytes, vector: Vector) -> Meaning:
    """What a wallet may still do under a certificate and a policy head, None where it holds none."""
    certificate = cose.parse(Certificate, raw).body
    limits = effective(certificate, None if vector["policy"] is None else Limits(*vector["policy"]))
    return {
        "limits": limits.to_cbor(),
        "total left": total_left(certificate, limits, vector["total"]),
        "hops left": hops_left(limits, vector["hop"]),
        "last second to pay": last_day(certificate, limits),
        "too much": excess(limits, vector["held"]),
    }


def judge_weight(raw: bytes, vector: Vector) -> Meaning:
    """Whether the ledger takes it."""
    below = Weight(vector["transfers"] - 1, vector["issuances"], vector["payloads"] - 100)
    weight = below.and_transfer(100)
    require(fits(weight, leaves=vector["leaves"]), Code.PROVENANCE_TOO_LONG)
    return {"bytes": weight.bytes}


def judge_notary(raw: bytes, vector: Vector) -> Meaning:
    """For each commit the consumptions that answer it."""
    items = [CommitItem.of(cose.parse(Commit, bytes.fromhex(commit))) for commit in vector["commits"]]

    def unsigned(body: Consumption) -> Signed[Consumption]:
        payload = codec.encode(body.to_cbor())
        return Signed(body, payload, bytes(64), cose.object_id(body.KIND, payload))

    decided = decide(items, {}, unsigned, 0)
    answers = [
        [[said.body.consumer.hex(), said.body.bank, [str(ref) for ref in said.body.refs]] for said in verdict]
        for verdict in decided.verdicts
    ]
    return {"consumptions": answers}
