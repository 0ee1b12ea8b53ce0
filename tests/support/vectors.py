"""How a frozen vector is judged: by ``object``, over its ``hex`` and context, with the functions wallets call.

A vector is a JSON object: ``object``, ``hex``, ``note``, its context, and ``means`` (valid) or ``code`` (invalid).
The context is that of SPEC section 10. A valid one is also written again from what was read: the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

from ledger_sync.central_bank.redeeming import cut
from ledger_sync.http.call import check_body, check_sender, read_call
from ledger_sync.possession import Possession, possession_message
from tests.support import vector_fields, vector_rules, vector_trees
from wallet.protocol import codec, cose
from wallet.protocol.acceptance import PayeeView, check_acceptance
from wallet.protocol.attachments import Attachment
from wallet.protocol.bounds import MAX_MESSAGE_BYTES, MAX_OBJECT_BYTES
from wallet.protocol.bundle import MAX_PROOF_BYTES, parse_bundle
from wallet.protocol.certificate import Certificate, check_certificate
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.contact import Contact, contact_of
from wallet.protocol.cose import Body, Signed
from wallet.protocol.directory import Directory, parse_directory
from wallet.protocol.evidence import Evidence, check_evidence, parse_evidence
from wallet.protocol.handover import Published, followed
from wallet.protocol.idempotency import refund_id, reissue
from wallet.protocol.issuance import Issuance, check_issuance
from wallet.protocol.limits import Commitments
from wallet.protocol.payment import parse_payment
from wallet.protocol.policy import Baseline, Policy, PolicyUpdate, first_policy
from wallet.protocol.receipt import Receipt, check_answer, check_receipt
from wallet.protocol.request import Request, check_request, request_ref
from wallet.protocol.settlement import (
    Commit,
    Consumption,
    Settlement,
    check_commit,
    check_consumption,
    check_settlement,
    settle_values,
)
from wallet.protocol.time_word import TimeWord, check_time_word
from wallet.protocol.transfer import Refresh, TokenRef, Transfer
from wallet.protocol.validity import Token, Verified, verify, verify_payment
from wallet.protocol.weight import leaves_money
from wallet.session import messages

FOLDER = Path(__file__).parent.parent / "vectors"
Vector = dict[str, Any]
Meaning = dict[str, Any]
Read = TypeVar("Read", bound=Body)

MAX_UPDATE_BYTES: Final = MAX_PROOF_BYTES
"""Of a policy update or base on its own: an answer of a service."""


def frozen(which: str) -> Iterator[tuple[str, Vector]]:
    """(name, vector) of every file in ``valid`` or ``invalid``, and of those that share a file (SPEC 10)."""
    for path in sorted((FOLDER / which).glob("*.json")):
        yield path.stem, json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((FOLDER / "sets").glob("*.json")):
        shared = json.loads(path.read_text(encoding="utf-8"))
        for name, vector in shared[which].items():
            yield name, {**shared["around"], **vector}


def judge(vector: Vector) -> Meaning:
    """What the object means; raises ``Refusal``."""
    raw = bytes.fromhex(vector["hex"]) * vector.get("times", 1)
    return JUDGES[vector["object"]](raw, vector)


def _known(vector: Vector, name: str) -> bytes:
    return bytes.fromhex(vector[name])


def _directory(vector: Vector) -> Directory:
    return Directory.open(_known(vector, "directory"), _known(vector, "root"))


def _update(raw: bytes) -> PolicyUpdate:
    return PolicyUpdate.from_cbor(codec.decode(raw, MAX_UPDATE_BYTES))


def _first_policy(raw: bytes, directory: Directory) -> Policy:
    update = _update(raw)
    if update.head is None:
        raise Refusal(Code.POLICY_GAP)
    return first_policy(directory, update.head, update.deltas)


def _with_fields(vector: Vector, meaning: Meaning, fields: Callable[[], Any]) -> Meaning:
    """``meaning``, with all that the object holds where the vector asks for it."""
    return {**meaning, "fields": fields()} if vector.get("fields") else meaning


def _check_written(raw: bytes, again: codec.Cbor, *signed: Signed[Any]) -> None:
    """Whoever reads it writes the same bytes."""
    assert codec.encode(again) == raw
    for item in signed:
        assert codec.encode(item.body.to_cbor()) == item.payload


def _parse(kind: type[Read], raw: bytes) -> Signed[Read]:
    signed = cose.parse(kind, raw)
    _check_written(raw, signed.to_cbor(), signed)
    return signed


def _token(token: Token) -> Meaning:
    return {
        "token": str(token.ref),
        "amount": token.amount,
        "owner": token.owner.hex(),
        "hop": token.hop,
        "expires": token.expires,
        "made": token.made,
    }


def judge_published(raw: bytes, vector: Vector) -> Meaning:
    given = Published.from_cbor(codec.decode(raw, 1 << 20))
    held = bytes.fromhex(vector["root"])
    roots = [held, *(root for root, _ in followed(given.handovers, held))]
    directory = Directory.of(given.forms[0], roots[-1])
    return {"roots": [root.hex() for root in roots], "version": directory.version}


def judge_contact(raw: bytes, vector: Vector) -> Meaning:
    signed = cose.parse(Contact, raw)
    request = cose.parse(Request, bytes.fromhex(vector["request"]))
    key = contact_of(request, [Attachment("qck1", raw)])
    return {"id": signed.id.hex(), "key": None if key is None else key.hex()}


def _roles(kind: str, directory: Directory) -> Meaning:
    """How many keys each role has, in the form that numbers them; those of algorithms that are not known too."""
    if kind == "directory":
        return {}
    return {"roles": [[role, len(entries)] for role, entries in directory.roles.items()]}


def judge_directory(raw: bytes, vector: Vector) -> Meaning:
    signed = parse_directory(raw)
    _check_written(raw, signed.to_cbor(), signed)
    directory = Directory.open(raw, _known(vector, "root"))
    means = {
        **_roles(vector["object"], directory),
        "version": directory.version,
        "banks": [bank.id for bank in directory.banks],
        "redemption": directory.redemption_key().hex(),
    }
    return _with_fields(vector, means, lambda: vector_fields.of_directory(directory))


def judge_certificate(raw: bytes, vector: Vector) -> Meaning:
    signed = _parse(Certificate, raw)
    check_certificate(signed, _directory(vector))
    body = signed.body
    means = {
        "id": signed.id.hex(),
        "wallet": body.wallet.hex(),
        "revocation": body.revocation_id.hex(),
        "key": body.key.hex(),
        "name": body.name,
    }
    return _with_fields(vector, means, lambda: vector_fields.plain(body))


def judge_issuance(raw: bytes, vector: Vector) -> Meaning:
    signed = _parse(Issuance, raw)
    check_issuance(signed, _directory(vector))
    body = signed.body
    means = {"id": signed.id.hex(), "owner": body.owner.hex(), "amounts": list(body.amounts)}
    return _with_fields(vector, means, lambda: vector_fields.plain(body))


def judge_request(raw: bytes, vector: Vector) -> Meaning:
    signed = _parse(Request, raw)
    check_request(signed, _directory(vector))
    body = signed.body
    means = {
        "ref": request_ref(signed).hex(),
        "amount": body.amount,
        "printed": body.is_printed,
        "memo": body.memo,
    }
    return _with_fields(vector, means, lambda: vector_fields.plain(body))


def judge_transfer(raw: bytes, vector: Vector) -> Meaning:
    signed = _parse(Transfer, raw)
    body = signed.body
    means = {"id": signed.id.hex(), "inputs": [str(ref) for ref in body.inputs], "amount": body.amount}
    if "worth" in vector:
        means["values"] = values = list(settle_values(body, vector["worth"]))
        if isinstance(body.purpose, Refresh):
            means["issued"] = list(cut(body.purpose.amounts, values[0]))
    return _with_fields(vector, means, lambda: {**vector_fields.plain(body), "leaves": leaves_money(body)})


def judge_ref(raw: bytes, vector: Vector) -> Meaning:
    ref = TokenRef.from_cbor(codec.decode(raw, 64))
    _check_written(raw, ref.to_cbor())
    return {"refund": refund_id(ref).hex(), "funding": reissue(ref.txid).hex()}


def judge_payment(raw: bytes, vector: Vector) -> Meaning:
    directory = _directory(vector)
    payment = parse_payment(raw)
    if vector.get("ledger"):
        return vector_rules.at_the_ledger(payment, directory)
    _check_written(raw, payment.to_cbor(), *payment.transfers, *payment.issuances, *payment.certificates)
    if "payee" in vector:
        policy = _heard(_first_policy(_known(vector["payee"], "policy"), directory), payment.policy)
        verified = verify_payment(payment, policy.directory)
        check_acceptance(verified, _view(vector["payee"], policy))
    else:
        verified = verify(raw, directory)
    means = {"received": [_token(token) for token in verified.received]}
    return _with_fields(vector, means, lambda: vector_fields.of_payment(verified))


def _heard(policy: Policy, update: PolicyUpdate | None) -> Policy:
    """The payee's policy with what a payment brings, all of it or nothing: SPEC 5 (2)."""
    try:
        return policy if update is None else policy.apply(update)
    except Refusal:
        return policy


def _view(payee: Mapping[str, Any], policy: Policy) -> PayeeView:
    consumed = {(bytes.fromhex(txid), output): bytes.fromhex(by) for txid, output, by in payee["consumed"]}

    def consumer_of(ref: TokenRef) -> bytes | None:
        return consumed.get((ref.txid, ref.output))

    return PayeeView(
        cose.parse(Request, bytes.fromhex(payee["request"])),
        policy,
        payee["now"],
        Commitments(held=payee["balance"], requests=payee["reserved"], fundings=payee.get("fundings", 0)),
        consumer_of,
        frozenset(map(bytes.fromhex, payee.get("answers", []))),
        frozenset(map(bytes.fromhex, payee.get("known", []))),
    )


def judge_receipt(raw: bytes, vector: Vector) -> Meaning:
    receipt = Receipt.from_cbor(codec.decode(raw, MAX_MESSAGE_BYTES))
    _check_written(raw, receipt.to_cbor(), receipt.signed, *receipt.refusals)
    if "key" in vector:
        check_receipt(receipt, _known(vector, "key"))
    else:
        directory = _directory(vector)
        request = cose.parse(Request, _known(vector, "request"))
        paid: Verified = verify(_known(vector, "payment"), directory)
        check_answer(receipt, paid.received, request.body, directory)
    body = receipt.signed.body
    means = {
        "transfers": [txid.hex() for txid in body.transfers],
        "code": None if body.code is None else body.code.value,
        "refusals": [txid.hex() for txid in body.refusals],
    }
    return _with_fields(vector, means, lambda: vector_fields.plain(body))


def judge_policy(raw: bytes, vector: Vector) -> Meaning:
    directory = _directory(vector)
    update = _update(raw)
    heads = () if update.head is None else (update.head,)
    _check_written(raw, update.to_cbor(), *update.deltas, *heads)
    if "held" in vector:
        policy = _first_policy(_known(vector, "held"), directory).apply(update)
    elif "base" in vector:
        policy = _baseline(_known(vector, "base")).policy(directory).apply(update)
    else:
        policy = _first_policy(raw, directory)
    return _policy_means(vector, policy)


def _policy_means(vector: Vector, policy: Policy) -> Meaning:
    means = {
        "version": policy.version,
        "time": policy.time,
        "revoked": {item.hex(): int(reason) for item, reason in sorted(policy.revoked.items())},
        "banks": [bank.id for bank in policy.directory.banks],
    }
    return _with_fields(vector, means, lambda: vector_fields.of_policy(policy))


def _baseline(raw: bytes) -> Baseline:
    offered = Baseline.from_cbor(codec.decode(raw, MAX_UPDATE_BYTES))
    _check_written(raw, offered.to_cbor(), offered.base)
    return offered


def judge_baseline(raw: bytes, vector: Vector) -> Meaning:
    return _policy_means(vector, _baseline(raw).policy(_directory(vector)))


def judge_time_word(raw: bytes, vector: Vector) -> Meaning:
    signed = _parse(TimeWord, raw)
    check_time_word(signed, vector["bank"], _known(vector, "nonce"), _directory(vector))
    return {"bank": signed.body.bank, "time": signed.body.time}


def judge_commit(raw: bytes, vector: Vector) -> Meaning:
    signed = _parse(Commit, raw)
    check_commit(signed, _directory(vector))
    means = {"bank": signed.body.bank, "consumer": signed.body.consumer.hex()}
    return _with_fields(vector, means, lambda: vector_fields.plain(signed.body))


def judge_consumption(raw: bytes, vector: Vector) -> Meaning:
    signed = _parse(Consumption, raw)
    check_consumption(signed, _directory(vector))
    means = {"consumer": signed.body.consumer.hex(), "refs": [str(ref) for ref in signed.body.refs]}
    return _with_fields(vector, means, lambda: vector_fields.plain(signed.body))


def judge_settlement(raw: bytes, vector: Vector) -> Meaning:
    signed = _parse(Settlement, raw)
    check_settlement(signed, _directory(vector))
    means = {"verdict": int(signed.body.verdict), "values": list(signed.body.values)}
    return _with_fields(vector, means, lambda: vector_fields.plain(signed.body))


def judge_evidence(raw: bytes, vector: Vector) -> Meaning:
    claim = parse_evidence(raw)
    _check_written(raw, claim.to_cbor(), claim.first, claim.second, claim.certificate)
    culprit = check_evidence(claim, _directory(vector))
    means = {
        "wallet": culprit.wallet.hex(),
        "bank": culprit.bank,
        "token": None if culprit.token is None else str(culprit.token),
        "sequence": culprit.sequence,
    }
    found = Evidence.of(claim.second, claim.first, claim.certificate)
    assert found == Evidence.of(claim.first, claim.second, claim.certificate)
    reported = None if found is None else int(found.kind)
    return _with_fields(vector, means, lambda: {**vector_fields.plain(culprit), "reported": reported})


def judge_bundle(raw: bytes, vector: Vector) -> Meaning:
    bundle = parse_bundle(raw)
    _check_written(raw, bundle.to_cbor(), *bundle.transfers, *bundle.requests)
    return {
        "transfers": [item.id.hex() for item in bundle.transfers],
        "issuances": [item.id.hex() for item in bundle.issuances],
        "certificates": [item.id.hex() for item in bundle.certificates],
        "requests": [item.id.hex() for item in bundle.requests],
    }


def judge_message(raw: bytes, vector: Vector) -> Meaning:
    message = messages.decode(raw)
    assert messages.encode(message) == raw
    match message:
        case messages.RequestMessage(request):
            return {"request": request.id.hex()}
        case messages.PaymentMessage(_, payment):
            return {"payment": [txid.hex() for txid in payment.ids]}
        case messages.ReceiptMessage(receipt):
            return {"receipt": receipt.signed.id.hex()}
        case messages.ProblemMessage(code, facts):
            return {"problem": code.value, "facts": dict(facts)}


def judge_call(raw: bytes, vector: Vector) -> Meaning:
    signed = read_call(vector["authorization"], vector["method"], vector["target"], vector["now"])
    call = check_sender(signed)
    check_body(call, _known(vector, "body"))
    _check_written(raw, signed.to_cbor(), signed)
    return {"sender": call.sender.hex(), "nonce": call.nonce.hex()}


def judge_possession(raw: bytes, vector: Vector) -> Meaning:
    shown = Possession.from_cbor(codec.decode(raw, 2 * MAX_OBJECT_BYTES))
    _check_written(raw, shown.to_cbor(), shown.certificate)
    shown.check(vector["bank"], _directory(vector))
    return {
        "key": shown.certificate.body.key.hex(),
        "digest": sha256(possession_message(vector["bank"], shown.device)).hexdigest(),
    }


JUDGES: Mapping[str, Callable[[bytes, Vector], Meaning]] = {
    "directory": judge_directory,
    "directory-2": judge_directory,
    "contact": judge_contact,
    "published": judge_published,
    "certificate": judge_certificate,
    "issuance": judge_issuance,
    "request": judge_request,
    "transfer": judge_transfer,
    "ref": judge_ref,
    "payment": judge_payment,
    "receipt": judge_receipt,
    "policy": judge_policy,
    "baseline": judge_baseline,
    "time-word": judge_time_word,
    "commit": judge_commit,
    "consumption": judge_consumption,
    "settlement": judge_settlement,
    "commit-2": vector_trees.judge_commit,
    "consumption-2": vector_trees.judge_consumption,
    "settlement-2": vector_trees.judge_settlement,
    "leaf": vector_trees.judge_leaf,
    "log-head": vector_trees.judge_head,
    "growth": vector_trees.judge_growth,
    "notary-evidence": vector_trees.judge_evidence,
    "evidence": judge_evidence,
    "bundle": judge_bundle,
    "message": judge_message,
    "call": judge_call,
    "possession": judge_possession,
    "clock": vector_rules.judge_clock,
    "life": vector_rules.judge_life,
    "weight": vector_rules.judge_weight,
    "room": vector_rules.judge_room,
    "notary": vector_rules.judge_notary,
}
