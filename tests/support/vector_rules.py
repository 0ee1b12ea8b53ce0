"""How vectors of rules without bytes are judged: see ``tests/vectors/rules.py``."""

from __future__ import annotations

from typing import Any

from ledger_sync.notary.store import CommitItem, decide
from wallet.protocol import codec, cose
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.lifetime import is_good, is_redeemable, is_refundable, redeem_until
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
    return {
        "spendable": is_good(now, expires),
        "redeemable": is_redeemable(expires, grace, now),
        "refundable": is_refundable(expires, grace, now),
        "redeem until": redeem_until(expires, grace),
    }


def judge_weight(raw: bytes, vector: Vector) -> Meaning:
    """Whether the ledger takes it."""
    weight = Weight(vector["transfers"], vector["issuances"], vector["payloads"])
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
