"""How a frozen vector is judged: by ``object``, over its ``hex`` and context, with the functions wallets call.

A vector is a JSON object: ``object``, ``hex``, ``note``, its context, and ``means`` (valid) or ``code`` (invalid).
Context: ``root`` and ``directory`` for whatever is signed; ``payee`` for a payment that is judged by its payee;
``held`` for a policy update on top of another; ``bank`` and ``nonce`` for a time word; ``key``, or ``request`` and
``payment``, for a receipt.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from wallet.protocol import codec, cose
from wallet.protocol.acceptance import PayeeView, check_acceptance
from wallet.protocol.attachments import Attachment
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.bundle import MAX_BUNDLE_BYTES, parse_bundle
from wallet.protocol.certificate import Certificate, check_certificate
from wallet.protocol.contact import Contact, contact_of
from wallet.protocol.directory import Directory
from wallet.protocol.evidence import check_evidence, parse_evidence
from wallet.protocol.handover import Published, followed
from wallet.protocol.issuance import Issuance, check_issuance
from wallet.protocol.limits import Commitments
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
)
from wallet.protocol.time_word import TimeWord, check_time_word
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token, Verified, verify

FOLDER = Path(__file__).parent.parent / "vectors"
Vector = dict[str, Any]
Meaning = dict[str, Any]


def frozen(which: str) -> Iterator[tuple[str, Vector]]:
    """(name, vector) of every file in ``valid`` or ``invalid``."""
    for path in sorted((FOLDER / which).glob("*.json")):
        yield path.stem, json.loads(path.read_text(encoding="utf-8"))


def judge(vector: Vector) -> Meaning:
    """What the object means; raises ``Refusal``."""
    return JUDGES[vector["object"]](bytes.fromhex(vector["hex"]), vector)


def _directory(vector: Vector) -> Directory:
    return Directory.open(bytes.fromhex(vector["directory"]), bytes.fromhex(vector["root"]))


def _update(raw: bytes) -> PolicyUpdate:
    return PolicyUpdate.from_cbor(codec.decode(raw, 8 * MAX_OBJECT_BYTES))


def _first_policy(raw: bytes, directory: Directory) -> Policy:
    update = _update(raw)
    assert update.head is not None
    return first_policy(directory, update.head, update.deltas)


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
    directory = Directory.open(raw, bytes.fromhex(vector["root"]))
    return {
        **_roles(vector["object"], directory),
        "version": directory.version,
        "banks": [bank.id for bank in directory.banks],
        "redemption": directory.redemption_key().hex(),
    }


def judge_certificate(raw: bytes, vector: Vector) -> Meaning:
    signed = cose.parse(Certificate, raw)
    check_certificate(signed, _directory(vector))
    body = signed.body
    return {
        "id": signed.id.hex(),
        "wallet": body.wallet.hex(),
        "revocation": body.revocation_id.hex(),
        "key": body.key.hex(),
        "name": body.name,
    }


def judge_issuance(raw: bytes, vector: Vector) -> Meaning:
    signed = cose.parse(Issuance, raw)
    check_issuance(signed, _directory(vector))
    return {"id": signed.id.hex(), "owner": signed.body.owner.hex(), "amounts": list(signed.body.amounts)}


def judge_request(raw: bytes, vector: Vector) -> Meaning:
    signed = cose.parse(Request, raw)
    check_request(signed, _directory(vector))
    body = signed.body
    return {
        "ref": request_ref(signed).hex(),
        "amount": body.amount,
        "printed": body.is_printed,
        "memo": body.memo,
    }


def judge_transfer(raw: bytes, vector: Vector) -> Meaning:
    signed = cose.parse(Transfer, raw)
    body = signed.body
    return {"id": signed.id.hex(), "inputs": [str(ref) for ref in body.inputs], "amount": body.amount}


def judge_payment(raw: bytes, vector: Vector) -> Meaning:
    directory = _directory(vector)
    verified = verify(raw, directory)
    if "payee" in vector:
        check_acceptance(verified, _view(vector["payee"], directory))
    return {"received": [_token(token) for token in verified.received]}


def _view(payee: Mapping[str, Any], directory: Directory) -> PayeeView:
    consumed = {(bytes.fromhex(txid), output): bytes.fromhex(by) for txid, output, by in payee["consumed"]}

    def consumer_of(ref: TokenRef) -> bytes | None:
        return consumed.get((ref.txid, ref.output))

    return PayeeView(
        cose.parse(Request, bytes.fromhex(payee["request"])),
        _first_policy(bytes.fromhex(payee["policy"]), directory),
        payee["now"],
        Commitments(held=payee["balance"], requests=payee["reserved"]),
        consumer_of,
        frozenset(map(bytes.fromhex, payee.get("answers", []))),
    )


def judge_receipt(raw: bytes, vector: Vector) -> Meaning:
    receipt = Receipt.from_cbor(codec.decode(raw, 16 * MAX_OBJECT_BYTES))
    if "key" in vector:
        check_receipt(receipt, bytes.fromhex(vector["key"]))
    else:
        directory = _directory(vector)
        request = cose.parse(Request, bytes.fromhex(vector["request"]))
        paid: Verified = verify(bytes.fromhex(vector["payment"]), directory)
        check_answer(receipt, paid, request.body, directory)
    body = receipt.signed.body
    return {
        "transfers": [txid.hex() for txid in body.transfers],
        "code": None if body.code is None else body.code.value,
        "refusals": [txid.hex() for txid in body.refusals],
    }


def judge_policy(raw: bytes, vector: Vector) -> Meaning:
    directory = _directory(vector)
    if "held" in vector:
        policy = _first_policy(bytes.fromhex(vector["held"]), directory).apply(_update(raw))
    else:
        policy = _first_policy(raw, directory)
    return {
        "version": policy.version,
        "time": policy.time,
        "revoked": {item.hex(): int(reason) for item, reason in sorted(policy.revoked.items())},
        "banks": [bank.id for bank in policy.directory.banks],
    }


def judge_baseline(raw: bytes, vector: Vector) -> Meaning:
    policy = Baseline.from_cbor(codec.decode(raw, MAX_BUNDLE_BYTES)).policy(_directory(vector))
    return {
        "version": policy.version,
        "time": policy.time,
        "revoked": {item.hex(): int(reason) for item, reason in sorted(policy.revoked.items())},
        "banks": [bank.id for bank in policy.directory.banks],
    }


def judge_time_word(raw: bytes, vector: Vector) -> Meaning:
    signed = cose.parse(TimeWord, raw)
    check_time_word(signed, vector["bank"], bytes.fromhex(vector["nonce"]), _directory(vector))
    return {"bank": signed.body.bank, "time": signed.body.time}


def judge_commit(raw: bytes, vector: Vector) -> Meaning:
    signed = cose.parse(Commit, raw)
    check_commit(signed, _directory(vector))
    return {"bank": signed.body.bank, "consumer": signed.body.consumer.hex()}


def judge_consumption(raw: bytes, vector: Vector) -> Meaning:
    signed = cose.parse(Consumption, raw)
    check_consumption(signed, _directory(vector))
    return {"consumer": signed.body.consumer.hex(), "refs": [str(ref) for ref in signed.body.refs]}


def judge_settlement(raw: bytes, vector: Vector) -> Meaning:
    signed = cose.parse(Settlement, raw)
    check_settlement(signed, _directory(vector))
    return {"verdict": int(signed.body.verdict), "values": list(signed.body.values)}


def judge_evidence(raw: bytes, vector: Vector) -> Meaning:
    culprit = check_evidence(parse_evidence(raw), _directory(vector))
    return {
        "wallet": culprit.wallet.hex(),
        "bank": culprit.bank,
        "token": None if culprit.token is None else str(culprit.token),
        "sequence": culprit.sequence,
    }


def judge_bundle(raw: bytes, vector: Vector) -> Meaning:
    bundle = parse_bundle(raw)
    return {
        "transfers": [item.id.hex() for item in bundle.transfers],
        "issuances": [item.id.hex() for item in bundle.issuances],
        "certificates": [item.id.hex() for item in bundle.certificates],
        "requests": [item.id.hex() for item in bundle.requests],
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
    "payment": judge_payment,
    "receipt": judge_receipt,
    "policy": judge_policy,
    "baseline": judge_baseline,
    "time-word": judge_time_word,
    "commit": judge_commit,
    "consumption": judge_consumption,
    "settlement": judge_settlement,
    "evidence": judge_evidence,
    "bundle": judge_bundle,
}
