"""Invalid vectors: each breaks one rule and nothing before it in SPEC's order, and is signed as it should be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.support.deals import FACE
from tests.support.vectors import Vector
from tests.support.world import DAY, NOW, ORDER, Key
from tests.vectors.bad_payments import OTHER, acceptance_cases, altered, validity_cases
from tests.vectors.forms import Case, labelled, merged, of_no_message, sealed, sealed_payload
from tests.vectors.good import (
    AIGUL,
    BAURZHAN,
    DEAL,
    SHOP,
    TOKEN,
    WORLD,
    baseline,
    commit,
    consumption,
    delta,
    in_world,
    receipt,
    redemption,
    rival,
    settlement,
    update,
    vector,
)
from wallet.protocol import codec, cose
from wallet.protocol.bounds import MAX_CERTIFICATE_LIFE, MAX_TOKEN_LIFE
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Code
from wallet.protocol.directory import KeyChange, KeyEntry
from wallet.protocol.evidence import Contradiction, Evidence
from wallet.protocol.keys import p256
from wallet.protocol.policy import Reason
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import ToAccount, TokenRef


def signed(body: codec.Cbor, by: Key, typ: str, algorithm: int = -7) -> bytes:
    """A COSE_Sign1 of any body at all, well signed."""
    return codec.encode(sealed(body, by, typ, algorithm))


def signed_payload(payload: bytes, by: Key, typ: str) -> bytes:
    return codec.encode(sealed_payload(payload, by, typ))


def issuance_with(index: int, value: Any) -> bytes:
    """An issuance with one field replaced by something that is none."""
    body = DEAL.payment.issuances[0].body.to_cbor()
    body[index] = value
    return signed(body, WORLD.issuing, "qis1")


def bytes_cases() -> dict[Code, list[Case]]:
    good = DEAL.payment.issuances[0].encode()
    header, _, payload, signature = DEAL.payment.issuances[0].to_cbor()
    high = signature[:32] + (ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
    body = DEAL.payment.issuances[0].body.to_cbor()
    wide = payload.replace(codec.encode(FACE), b"\x1b" + FACE.to_bytes(8, "big"))
    many = delta(1, *[(WORLD.person(f"{n}"), Reason.LOST) for n in range(32)])
    changes = tuple(replace(change, name="Қ" * 32) for change in [_change(f"bank {n}") for n in range(8)])
    large = cose.sign(replace(many.body, changes=changes), WORLD.policy_key.sign)
    return {
        Code.TOO_LARGE: [
            (
                "delta-of-more-than-1-kB",
                in_world("policy", update(1, large), "a policy delta has at most 1024 bytes"),
            )
        ],
        Code.MALFORMED_CBOR: [
            ("empty", in_world("payment", b"", "no CBOR at all")),
            ("truncated", in_world("issuance", good[:-1], "the last byte is missing")),
            ("tagged", in_world("issuance", b"\xd2" + good, "no object carries a CBOR tag")),
            ("float", in_world("issuance", issuance_with(3, [1.5]), "there are no floats")),
            (
                "indefinite",
                in_world("payment", b"\x9f" + DEAL.payment.encode()[1:] + b"\xff", "indefinite length"),
            ),
            ("deep", in_world("payment", b"\x81" * 13 + b"\x00", "nested more than 12 deep")),
            ("bignum", in_world("issuance", issuance_with(3, [2**64]), "a tagged big number")),
        ],
        Code.NOT_CANONICAL: [
            ("left-over", in_world("issuance", good + b"\x00", "one byte too many")),
            (
                "wide-number",
                in_world("issuance", signed_payload(wide, WORLD.issuing, "qis1"), "5 bytes would do"),
            ),
            (
                "unsorted-header",
                in_world(
                    "issuance",
                    codec.encode([bytes.fromhex("a21064716973310126"), {}, payload, signature]),
                    "map",
                ),
            ),
        ],
        Code.MALFORMED: [
            ("field-missing", in_world("issuance", signed(body[:-1], WORLD.issuing, "qis1"), "six fields")),
            (
                "field-extra",
                in_world("issuance", signed([*body, 0], WORLD.issuing, "qis1"), "eight fields"),
            ),
            (
                "unprotected-header",
                in_world("issuance", codec.encode([header, {4: b"k"}, payload, signature]), "kid"),
            ),
            (
                "no-amounts",
                in_world("issuance", issuance_with(3, []), "an issuance makes at least one token"),
            ),
            (
                "bool-for-number",
                in_world("payment", b"\x85\xf5" + DEAL.payment.encode()[2:], "true is not 1"),
            ),
            ("new-none", in_world("payment", b"\x85\x00" + DEAL.payment.encode()[2:], "no new transfer")),
            (
                "new-more-than-there-are",
                in_world("payment", b"\x85\x02" + DEAL.payment.encode()[2:], "2 of 1"),
            ),
        ],
        Code.TOO_MANY: [("amounts", in_world("issuance", issuance_with(3, [1] * 33), "at most 32"))],
        Code.ALGORITHM_UNKNOWN: [
            ("eddsa", in_world("issuance", signed(body, WORLD.issuing, "qis1", -8), "ES256 only"))
        ],
        Code.KIND_UNEXPECTED: [
            (
                "transfer-for-issuance",
                in_world("issuance", DEAL.payment.transfers[0].encode(), "another kind"),
            )
        ],
        Code.VERSION_UNKNOWN: [
            ("two", in_world("issuance", signed(body, WORLD.issuing, "qis2"), "a later version"))
        ],
        Code.AMOUNT_INVALID: [
            ("zero", in_world("issuance", issuance_with(3, [0]), "every amount is positive")),
            ("over", in_world("issuance", issuance_with(3, [2**53]), "every amount is below 2^53")),
            ("sum-over", in_world("issuance", issuance_with(3, [2**53 - 1, 1]), "and every sum")),
            ("true", in_world("issuance", issuance_with(3, [True]), "true is not 1")),
        ],
        Code.TIME_INVALID: [
            ("expires-before-issued", in_world("issuance", issuance_with(6, 0), "times in order")),
            ("beyond-32-bits", in_world("issuance", issuance_with(6, 2**32), "at most 2^32 - 1")),
            (
                "certificate-for-too-long",
                in_world("certificate", _good_for(MAX_CERTIFICATE_LIFE + 1), "a second over 400 days"),
            ),
            (
                "token-for-too-long",
                in_world(
                    "issuance",
                    issuance_with(6, NOW + MAX_TOKEN_LIFE + 1),
                    "a second over 800 days",
                ),
            ),
        ],
        Code.KEY_INVALID: [
            ("off-curve", in_world("issuance", issuance_with(1, b"\x02" + b"\xff" * 32), "no such point")),
            (
                "uncompressed",
                in_world("issuance", issuance_with(1, b"\x04" + b"\x01" * 64), "compressed only"),
            ),
        ],
        Code.SIGNATURE_HIGH_S: [
            ("twin", in_world("issuance", codec.encode([header, {}, payload, high]), "the other signature"))
        ],
        Code.INPUTS_UNSORTED: [
            (
                "twice",
                vector("transfer", _with_inputs(TOKEN.ref, TOKEN.ref), "one token twice in a transfer"),
            ),
            (
                "backwards",
                vector(
                    "transfer",
                    _with_inputs(TokenRef(b"\x02" * 32, 0), TokenRef(b"\x01" * 32, 0)),
                    "by id, then output",
                ),
            ),
        ],
        Code.DUPLICATE_ITEM: [
            (
                "issuance",
                in_world("payment", altered(issuances=DEAL.payment.issuances * 2), "each item once"),
            ),
            (
                "in-bundle",
                vector("bundle", Bundle(transfers=DEAL.payment.transfers * 2).encode(), "each item once"),
            ),
        ],
    }


def _good_for(seconds: int) -> bytes:
    return WORLD.person("Aigul", expires=AIGUL.certificate.body.issued + seconds).certificate.encode()


def _change(bank: str) -> KeyChange:
    return KeyChange(0, bank, bank, KeyEntry(p256(WORLD.bank_key(bank).public), NOW))


def _with_inputs(*refs: TokenRef) -> bytes:
    body = DEAL.payment.transfers[0].body.to_cbor()
    body[0] = [ref.to_cbor() for ref in refs]
    return signed(body, AIGUL.key, "qtr1")


def known_cases() -> dict[Code, list[Case]]:
    forged_certificate = cose.sign(AIGUL.certificate.body, OTHER.sign)
    unlisted = WORLD.person("Aigul", bank="nowhere").certificate
    forged_request = cose.sign(DEAL.request.body, OTHER.sign)
    by_other = replace(delta(1, (SHOP, Reason.LOST)), signature=of_no_message(OTHER))
    root = WORLD.root.public
    forged_directory = cose.sign(WORLD.signed_directory().body, OTHER.sign).encode()
    return {
        Code.BANK_UNKNOWN: [("unlisted", in_world("certificate", unlisted.encode(), "in no directory"))],
        Code.DIRECTORY_SIGNATURE: [
            ("forged", vector("directory", forged_directory, "not by the root", root=root))
        ],
        Code.CERTIFICATE_SIGNATURE: [
            ("forged", in_world("certificate", forged_certificate.encode(), "not by its bank")),
            (
                "before-the-bank",
                in_world(
                    "certificate",
                    WORLD.person("Aigul", issued=NOW - 400 * DAY, expires=NOW).certificate.encode(),
                    "the bank's key was not good yet",
                ),
            ),
            (
                "in-payment",
                in_world("payment", altered(certificates=(forged_certificate,)), "not by its bank"),
            ),
        ],
        Code.CERTIFICATE_MISSING: [
            (
                "of-another",
                in_world("payment", altered(certificates=(BAURZHAN.certificate,)), "not the signer's"),
            )
        ],
        Code.ISSUANCE_SIGNATURE: [
            (
                "by-a-bank",
                in_world(
                    "issuance",
                    cose.sign(DEAL.payment.issuances[0].body, WORLD.bank_key("alatau").sign).encode(),
                    "only the central bank issues",
                ),
            )
        ],
        Code.POLICY_SIGNATURE: [
            ("delta", in_world("policy", update(1, by_other), "not by the central bank")),
            ("base", in_world("baseline", baseline(revoked=()), "another list than was signed")),
        ],
        Code.POLICY_GAP: [
            ("delta", in_world("policy", update(2, delta(2)), "version 1 is missing")),
            ("head", in_world("policy", update(1), "the head is ahead of the deltas")),
        ],
        Code.REQUEST_SIGNATURE: [
            ("forged", in_world("request", forged_request.encode(), "not by its payee"))
        ],
        Code.RECEIPT_SIGNATURE: [
            (
                "forged",
                vector("receipt", receipt(None, by=OTHER), "not by the payee", key=BAURZHAN.key.public),
            ),
            (
                "no-refusal",
                vector(
                    "receipt",
                    receipt(Code.LIMIT_BALANCE, redemption(ToAccount(), 5)),
                    "what it names gives nothing back",
                    key=BAURZHAN.key.public,
                ),
            ),
        ],
        Code.SETTLEMENT_SIGNATURE: [
            (
                "by-another-bank",
                in_world("settlement", settlement(WORLD.bank_key("zhibek"), Verdict.SETTLED, (1,)), "no"),
            )
        ],
        Code.NOTARY_SIGNATURE: [
            ("by-a-bank", in_world("consumption", consumption(WORLD.bank_key("alatau")), "no"))
        ],
        Code.AUTH_SIGNATURE: [
            ("commit", in_world("commit", commit("alatau", WORLD.bank_key("zhibek")), "for another bank"))
        ],
        Code.EVIDENCE_INVALID: _evidence_cases(),
    }


def _evidence_cases() -> list[Case]:
    mine, other = DEAL.payment.transfers[0], rival(payee=SHOP.key.public)
    apart = rival(sequence=9, inputs=(TokenRef(b"\x07" * 32, 0),))
    forged = cose.sign(other.body, OTHER.sign)
    first, second = sorted((mine, other), key=lambda item: item.id)
    one, two = sorted((mine, apart), key=lambda item: item.id)
    low, high = sorted((mine, forged), key=lambda item: item.id)
    conflict, certificate = Contradiction.CONFLICT, AIGUL.certificate
    claims = {
        "the-same-twice": Evidence(conflict, mine, mine, certificate),
        "in-wrong-order": Evidence(conflict, second, first, certificate),
        "no-contradiction": Evidence(conflict, one, two, certificate),
        "no-fork": Evidence(Contradiction.SEQUENCE_FORK, one, two, certificate),
        "signed-by-another": Evidence(conflict, low, high, certificate),
        "names-another": Evidence(conflict, first, second, BAURZHAN.certificate),
    }
    return [(name, in_world("evidence", claim.encode(), name)) for name, claim in claims.items()]


def build() -> dict[str, Vector]:
    """Every invalid vector that has a file of its own by its name, with its code."""
    return labelled(merged(bytes_cases(), known_cases(), validity_cases(), acceptance_cases()))
