"""How vectors of rules without bytes are judged: see ``tests/vectors/rules.py``."""

from __future__ import annotations

from typing import Any

from ledger_sync.notary.store import CommitItem
from tests.support.deciding import decide
from wallet.protocol import codec, cose
from wallet.protocol.certificate import Certificate, Limits
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
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
from wallet.protocol.payment import Payment
from wallet.protocol.settlement import Commit, Consumption
from wallet.protocol.validity import check_but_certificate, is_signed_under, issued_tokens
from wallet.protocol.weight import Weight, fits
from wallet.purse.store.words import Signer, Word, Words, after, agreed, reached

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


def at_the_ledger(payment: Payment, directory: Directory) -> Meaning:
    """Of each transfer whether a certificate at hand makes it valid, or it waits for one. SPEC 9.1."""
    tokens = {token.ref: token for issuance in payment.issuances for token in issued_tokens(issuance)}
    stands: list[str] = []
    for transfer in payment.transfers:
        inputs = [tokens[ref] for ref in transfer.body.inputs]
        for token in check_but_certificate(transfer, inputs, directory):
            tokens[token.ref] = token
        own = [item.body for item in payment.certificates if item.body.key == inputs[0].owner]
        is_valid = any(is_signed_under(transfer.body, certificate) for certificate in own)
        stands.append("valid" if is_valid else "waiting")
    return {"stands": stands}


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
