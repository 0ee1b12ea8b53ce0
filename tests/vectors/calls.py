"""Vectors of signed calls and of possession: SPEC 9.7 and 9.9."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any, Final

from ledger_sync.http.call import SignedCall
from ledger_sync.possession import Possession, possession_message
from tests.support.vectors import Vector
from tests.support.world import NOW, ORDER, Key
from tests.vectors.forms import Cases, sealed
from tests.vectors.good import AIGUL, DEAL, WORLD, in_world, vector
from wallet.protocol import codec, cose
from wallet.protocol.codes import Code

DEVICE: Final = Key.of("device of Aigul")
OTHER: Final = Key.of("somebody else")
BODY: Final = codec.encode([1, b"what is asked"])
TARGET: Final = "bank.example:8443/v1/transfers?after=7&kind=%D2%9A"
CALL: Final = SignedCall("POST", TARGET, hashlib.sha256(BODY).digest(), NOW, bytes(range(16)), DEVICE.public)


def header_of(raw: bytes, scheme: str = "Qalta") -> str:
    return f"{scheme} {base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"


def call(made: SignedCall, note: str, by: Key = DEVICE, **seen: Any) -> Vector:
    """A call as the server sees it: the header, and what it says it is for."""
    return shown_call(cose.sign(made, by.sign).encode(), note, **seen)


def shown_call(raw: bytes, note: str, **seen: Any) -> Vector:
    usual = {
        "authorization": header_of(raw),
        "method": "POST",
        "target": TARGET,
        "body": BODY.hex(),
        "now": NOW,
    }
    return vector("call", raw, note, **{**usual, **seen})


def _calls() -> dict[str, Vector]:
    reading = replace(CALL, method="GET", target="bank.example/v1/base", digest=hashlib.sha256(b"").digest())
    return {
        "call": call(CALL, "authority with its port, path and query, as sent"),
        "call-without-body": call(
            reading, "SHA-256 of no bytes", method="GET", target=reading.target, body=""
        ),
        "call-300-seconds-early": call(CALL, "300 seconds are not too many", now=NOW + 300),
        "call-300-seconds-late": call(CALL, "nor the other way", now=NOW - 300),
        "call-at-any-time": call(CALL, "where the time word is asked for any time is good", now=None),
        "call-longest": call(
            replace(CALL, method="M" * 8, target="t" * 512),
            "as long as can be",
            method="M" * 8,
            target="t" * 512,
        ),
    }


def _bad_calls() -> Cases:
    forged = cose.sign(CALL, OTHER.sign).encode()
    raw = cose.sign(CALL, DEVICE.sign).encode()
    stale: dict[str, Any] = {"now": NOW + 301}
    body = CALL.to_cbor()
    shapes: dict[str, Any] = {
        "method-empty": ["", *body[1:]],
        "method-long": ["M" * 9, *body[1:]],
        "target-empty": [body[0], "", *body[2:]],
        "target-long": [body[0], "t" * 513, *body[2:]],
        "digest-short": [*body[:2], body[2][:-1], *body[3:]],
        "time-over": [*body[:3], 2**32, *body[4:]],
        "nonce-short": [*body[:4], bytes(15), body[5]],
        "sender-off-curve": [*body[:5], b"\x02" + b"\xff" * 32],
        "field-missing": body[:5],
    }
    said = {
        "method-empty": {"method": ""},
        "method-long": {"method": "M" * 9},
        "target-empty": {"target": ""},
        "target-long": {"target": "t" * 513},
    }
    malformed = {
        name: shown_call(codec.encode(sealed(item, DEVICE, "qhc1")), name, **said.get(name, {}))
        for name, item in shapes.items()
    }
    made: dict[Code, dict[str, Vector]] = {
        Code.AUTH_MISSING: {
            "no-header": shown_call(raw, "no header", authorization=None),
            "another-scheme": _headed(raw, header_of(raw, "Bearer")),
            "no-space": _headed(raw, header_of(raw).replace(" ", "")),
        },
        Code.AUTH_SIGNATURE: {
            "call-forged": shown_call(forged, "not by its sender"),
            "call-other-method": call(CALL, "for another request", method="PUT"),
            "call-other-target": call(CALL, "for another request", target=TARGET + "x"),
            "call-other-case": call(CALL, "targets are compared as sent", target=TARGET.upper()),
            "call-other-body": call(CALL, "for another body", body="00"),
            "call-form-before-time": shown_call(
                codec.encode(sealed(body[:5], DEVICE, "qhc1")), "form first", **stale
            ),
            "call-target-before-time": call(CALL, "target before time", target="x", **stale),
            "call-of-another-kind": shown_call(DEAL.payment.transfers[0].encode(), "a transfer is no call"),
            **{f"call-{name}": item for name, item in malformed.items()},
        },
        Code.AUTH_STALE: {
            "call-301-seconds": call(CALL, "301 seconds", **stale),
            "call-301-seconds-ahead": call(CALL, "the other way", now=NOW - 301),
            "call-before-signature": shown_call(forged, "time before signature", **stale),
            "call-before-body": call(CALL, "time before the body", body="00", **stale),
        },
    }
    return {code: list(items.items()) for code, items in made.items()}


def _headed(raw: bytes, header: str) -> Vector:
    return shown_call(raw, "as it came", authorization=header)


# possession


def possession(bank: str = "alatau", device: Key = DEVICE, by: Key = AIGUL.key, **changes: Any) -> Possession:
    """Aigul's key, for this bank and device, as that bank shows it."""
    certificate = changes.get("certificate", AIGUL.certificate)
    return Possession(certificate, device.public, by.sign(possession_message(bank, device.public)))


def _shown(shown: Possession, note: str, bank: str = "alatau") -> Vector:
    return in_world("possession", codec.encode(shown.to_cbor()), note, bank=bank)


def _possessions() -> dict[str, Vector]:
    return {
        "possession": _shown(possession(), "the digest is signed as it is, not hashed again"),
    }


def _bad_possessions() -> Cases:
    good = possession()
    r, s = good.proof[:32], int.from_bytes(good.proof[32:], "big")
    high = replace(good, proof=r + (ORDER - s).to_bytes(32, "big"))
    digest = possession_message("alatau", DEVICE.public)
    hashed = replace(good, proof=AIGUL.key.sign(hashlib.sha256(digest).digest()))
    own = possession(device=AIGUL.key)
    by_zhibek = WORLD.person("Aigul", bank="zhibek").certificate
    forged = cose.sign(AIGUL.certificate.body, OTHER.sign)
    unlisted = WORLD.person("Aigul", bank="nowhere").certificate
    whole = good.to_cbor()
    return {
        Code.KEY_INVALID: [
            (
                "possession-for-another-bank",
                _shown(possession("zhibek"), "what was signed for another bank is of no use"),
            ),
            (
                "possession-for-another-device",
                _shown(replace(possession(), device=OTHER.public), "nor for another device"),
            ),
            ("possession-by-another-key", _shown(possession(by=OTHER), "not by the certificate's key")),
            ("possession-hashed-twice", _shown(hashed, "SHA-256 once")),
            ("possession-high-s", _shown(high, "low s here too")),
            ("possession-of-the-device-key", _shown(own, "the key is not the device's")),
            (
                "possession-device-off-curve",
                in_world(
                    "possession",
                    codec.encode([whole[0], b"\x02" + b"\xff" * 32, whole[2]]),
                    "",
                    bank="alatau",
                ),
            ),
        ],
        Code.AUTH_FORBIDDEN: [
            (
                "possession-another-bank-asks",
                _shown(possession(), "another bank's certificate", bank="zhibek"),
            ),
            ("possession-before-the-proof", _shown(replace(possession("zhibek"), certificate=by_zhibek), "")),
        ],
        Code.CERTIFICATE_SIGNATURE: [
            ("possession-before-the-bank", _shown(replace(good, certificate=forged), "", bank="zhibek"))
        ],
        Code.BANK_UNKNOWN: [("possession-before-the-bank", _shown(replace(good, certificate=unlisted), ""))],
        Code.MALFORMED: [
            ("possession-two-fields", in_world("possession", codec.encode(whole[:2]), "", bank="alatau")),
            (
                "possession-proof-short",
                in_world("possession", codec.encode([*whole[:2], whole[2][:-1]]), "", bank="alatau"),
            ),
        ],
    }


def valid() -> dict[str, Vector]:
    """Every valid vector of calls and possession, without its meaning."""
    return {**_calls(), **_possessions()}


def cases() -> Cases:
    """Every invalid vector of calls and possession."""
    found: Cases = {}
    for group in (_bad_calls(), _bad_possessions()):
        for code, listed in group.items():
            found.setdefault(code, []).extend(listed)
    return found
