"""Vectors of who signed what, and when the key was good: SPEC 8.2 but for policies and receipts, and 9.8.2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from tests.support.vectors import Vector
from tests.support.world import DAY, NOW, Key
from tests.vectors.extremes import directory
from tests.vectors.forms import Case, Cases, of_no_message, replaced, sealed
from tests.vectors.good import AIGUL, BAURZHAN, DEAL, SHOP, WORLD, in_world, rival, time_word, vector
from wallet.protocol import codec, cose
from wallet.protocol.codes import Code
from wallet.protocol.cose import Body, Signed
from wallet.protocol.directory import Bank, KeyEntry
from wallet.protocol.evidence import Contradiction, Evidence
from wallet.protocol.keys import p256
from wallet.protocol.settlement import Commit, Consumption, Settlement, Verdict
from wallet.protocol.time_word import TimeWord
from wallet.protocol.transfer import TokenRef

OTHER: Final = Key.of("somebody else")
OLD, NEW = Key.of("old"), Key.of("new")
UNTIL: Final = NOW + 50
"""The old key's last second; the new one's first is ten seconds before."""
SINCE: Final = UNTIL - 10
ENTRIES: Final = (KeyEntry(p256(OLD.public), NOW, UNTIL), KeyEntry(p256(NEW.public), SINCE))
TWO_KEYS: Final = directory(
    [Bank("alatau", "Alatau", ENTRIES), Bank("zhibek", "Zhibek", ())], roles=(ENTRIES,) * 4
)
"""Every role and one bank change their key; another bank has none."""

MOMENTS: Final = {
    "the-first-second": (NOW, OLD, True),
    "the-last-second": (UNTIL, OLD, True),
    "the-second-of-two-keys": (UNTIL, NEW, True),
    "the-new-key-first-second": (SINCE, NEW, True),
    "before-the-first-second": (NOW - 1, OLD, False),
    "after-the-last-second": (UNTIL + 1, OLD, False),
    "before-the-new-key": (SINCE - 1, NEW, False),
}


def _bodies(time: int) -> Iterator[tuple[str, Code, Body]]:
    """One of each that the ledger signs with a key good at ``time``."""
    txid, refs = DEAL.payment.ids[0], DEAL.payment.transfers[0].body.inputs
    yield "issuance", Code.ISSUANCE_SIGNATURE, replace(DEAL.payment.issuances[0].body, issued=time)
    yield "certificate", Code.CERTIFICATE_SIGNATURE, replace(AIGUL.certificate.body, issued=time)
    yield "commit", Code.AUTH_SIGNATURE, Commit("alatau", txid, refs, time)
    yield "commit-refund", Code.AUTH_SIGNATURE, Commit("", txid, refs, time)
    yield "consumption", Code.NOTARY_SIGNATURE, Consumption(txid, "alatau", time, refs)
    settled = Settlement(bank="alatau", transfer=txid, verdict=Verdict.SHORT, values=(), code=None, time=time)
    yield "settlement", Code.SETTLEMENT_SIGNATURE, settled
    yield "time-word", Code.AUTH_SIGNATURE, TimeWord("alatau", bytes(16), time)


def _at_moments() -> Iterator[tuple[str, Code, bool, Vector]]:
    for moment, (time, by, is_good) in MOMENTS.items():
        for name, code, body in _bodies(time):
            kind = name.removesuffix("-refund")
            raw = cose.sign(body, by.sign).encode()
            asked = {"bank": "alatau", "nonce": bytes(16)} if kind == "time-word" else {}
            made = vector(
                kind, raw, f"{name}: {moment}", root=WORLD.root.public, directory=TWO_KEYS.encode(), **asked
            )
            yield f"{name}-{moment}", code, is_good, made


def valid() -> dict[str, Vector]:
    """Every valid vector of signers, without its meaning."""
    good = {name: made for name, _, is_good, made in _at_moments() if is_good}
    return {**good, **_evidence()}


# evidence


def claim(kind: Contradiction, one: Signed, other: Signed, certificate: object = AIGUL.certificate) -> bytes:  # type: ignore[type-arg]
    first, second = sorted((one, other), key=lambda item: item.id)
    return Evidence(kind, first, second, certificate).encode()  # type: ignore[arg-type]


MINE: Final = DEAL.payment.transfers[0]
_REFS: Final = tuple(TokenRef(bytes([n]) * 32, 1) for n in range(1, 5))
CONFLICT, FORK = Contradiction.CONFLICT, Contradiction.SEQUENCE_FORK


def _evidence() -> dict[str, Vector]:
    both = rival(payee=SHOP.key.public)
    many = rival(
        inputs=(*_REFS[:3], MINE.body.inputs[0]) if MINE.body.inputs[0] > _REFS[2] else _REFS[:3], sequence=8
    )
    shared = rival(inputs=_REFS[1:], sequence=9)
    zero = rival(inputs=_REFS[:1], sequence=MINE.body.sequence)
    certified_again = WORLD.person("Aigul", wallet=bytes(16)).certificate
    made = {
        "evidence-both-as-a-conflict": (
            claim(CONFLICT, MINE, both),
            "one token and one number: named as a conflict",
        ),
        "evidence-both-as-a-fork": (claim(FORK, MINE, both), "one token and one number: named as a fork"),
        "evidence-several-tokens": (claim(CONFLICT, many, shared), "two tokens twice: the lowest is named"),
        "evidence-fork-of-other-tokens": (claim(FORK, MINE, zero), "nothing shared but the number"),
        "evidence-of-another-epoch": (
            claim(CONFLICT, MINE, both, certified_again),
            "any certificate of the key: its wallet is named",
        ),
    }
    return {name: in_world("evidence", raw, note, fields=True) for name, (raw, note) in made.items()}


def _no_evidence() -> Cases:
    both = rival(payee=SHOP.key.public)
    same_token, same_number = rival(sequence=9), rival(inputs=_REFS[:1])
    forged = cose.sign(both.body, OTHER.sign)
    mine_forged = cose.sign(MINE.body, OTHER.sign)
    again = replace(MINE, signature=of_no_message(AIGUL.key))
    by_other = cose.sign(AIGUL.certificate.body, OTHER.sign)
    unlisted = WORLD.person("Aigul", bank="nowhere").certificate
    claims = {
        "a-fork-called-a-conflict": claim(CONFLICT, MINE, same_number),
        "a-conflict-called-a-fork": claim(FORK, MINE, same_token),
        "one-of-two-forged": claim(CONFLICT, MINE, forged),
        "the-other-forged": claim(CONFLICT, mine_forged, both),
        "signed-twice": claim(CONFLICT, MINE, again),
        "output-of-the-same-id": claim(
            CONFLICT, MINE, rival(inputs=(TokenRef(MINE.body.inputs[0].txid, 7),), sequence=9)
        ),
    }
    listed = [(name, in_world("evidence", raw, name)) for name, raw in claims.items()]
    certified = claim(CONFLICT, MINE, forged, by_other)
    first, second = sorted((MINE, both), key=lambda item: item.id)
    backwards = Evidence(CONFLICT, second, first, by_other).encode()
    unknown = claim(CONFLICT, MINE, forged, unlisted)
    return {
        Code.EVIDENCE_INVALID: listed,
        Code.CERTIFICATE_SIGNATURE: [
            ("before-the-order", in_world("evidence", backwards, "forged, and in wrong order")),
            ("before-the-evidence", in_world("evidence", certified, "forged, as a transfer is")),
        ],
        Code.BANK_UNKNOWN: [("of-evidence", in_world("evidence", unknown, "no bank of the directory"))],
    }


# others


def _unlisted() -> list[Case]:
    bank = Key.of("bank nowhere")
    txid, refs = DEAL.payment.ids[0], DEAL.payment.transfers[0].body.inputs
    settled = Settlement(bank="nowhere", transfer=txid, verdict=Verdict.SHORT, values=(), code=None, time=NOW)
    word = cose.sign(TimeWord("nowhere", bytes(16), NOW), bank.sign).encode()
    request = replace(DEAL.request.body, payee=WORLD.person("Baurzhan", bank="nowhere").certificate)
    forged = cose.sign(request, OTHER.sign)
    return [
        (
            "of-a-commit",
            in_world("commit", cose.sign(Commit("nowhere", txid, refs, NOW), bank.sign).encode(), ""),
        ),
        ("of-a-settlement", in_world("settlement", cose.sign(settled, bank.sign).encode(), "")),
        ("of-a-time-word", in_world("time-word", word, "", bank="nowhere", nonce=bytes(16))),
        ("of-a-request", in_world("request", forged.encode(), "before the request's own signature")),
    ]


def _payments() -> Cases:
    money = DEAL.payment
    by_other = cose.sign(AIGUL.certificate.body, OTHER.sign)
    unlisted = WORLD.person("Aigul", bank="nowhere").certificate
    issued = cose.sign(money.issuances[0].body, OTHER.sign)
    second = cose.sign(WORLD.issue(AIGUL, 5).body, OTHER.sign)
    transfer = cose.sign(money.transfers[0].body, OTHER.sign)

    def paid(note: str, **changes: object) -> Vector:
        return in_world("payment", replace(money, **changes).encode(), note)  # type: ignore[arg-type]

    return {
        Code.ISSUANCE_SIGNATURE: [
            ("in-payment", paid("money that nobody issued", issuances=(issued,))),
            ("second-in-payment", paid("every one is looked at", issuances=(*money.issuances, second))),
            (
                "before-the-transfer",
                paid("issuances before transfers", issuances=(issued,), transfers=(transfer,)),
            ),
        ],
        Code.CERTIFICATE_SIGNATURE: [
            ("first-of-two", paid("in the order in which they stand", certificates=(by_other, unlisted))),
            (
                "before-the-issuance",
                paid("certificates before issuances", certificates=(by_other,), issuances=(issued,)),
            ),
            (
                "second-of-two",
                paid("every one is looked at", certificates=(AIGUL.certificate, _other_bank_signs())),
            ),
        ],
        Code.BANK_UNKNOWN: [
            ("first-of-two", paid("in the order in which they stand", certificates=(unlisted, by_other))),
        ],
    }


def _other_bank_signs() -> Signed:  # type: ignore[type-arg]
    """A certificate of one bank, signed by another that is listed as well."""
    return cose.sign(SHOP.certificate.body, WORLD.bank_key("alatau").sign)


def _wrong_roles() -> Cases:
    """Each by a key that is known for something else."""
    txid, refs = DEAL.payment.ids[0], DEAL.payment.transfers[0].body.inputs
    alatau, keyless = WORLD.bank_key("alatau"), TWO_KEYS.encode()
    consumption = Consumption(txid, "alatau", NOW, refs)
    made: dict[Code, dict[str, Vector]] = {
        Code.AUTH_SIGNATURE: {
            "commit-by-the-redemption-key": in_world(
                "commit",
                cose.sign(Commit("alatau", txid, refs, NOW), WORLD.redemption.sign).encode(),
                "",
            ),
            "refund-by-a-bank": in_world(
                "commit", cose.sign(Commit("", txid, refs, NOW), alatau.sign).encode(), ""
            ),
            "refund-by-the-issuing-key": in_world(
                "commit", cose.sign(Commit("", txid, refs, NOW), WORLD.issuing.sign).encode(), ""
            ),
            "time-word-of-another-bank": in_world(
                "time-word", time_word(alatau), "", bank="zhibek", nonce=bytes(16)
            ),
            "time-word-to-another-question": in_world(
                "time-word", time_word(alatau), "", bank="alatau", nonce=b"\x01" * 16
            ),
            "time-word-of-a-later-nonce": in_world(
                "time-word",
                cose.sign(TimeWord("alatau", b"\x01" * 16, NOW), alatau.sign).encode(),
                "",
                bank="alatau",
                nonce=bytes(16),
            ),
            "time-word-forged": in_world("time-word", time_word(OTHER), "", bank="alatau", nonce=bytes(16)),
        },
        Code.NOTARY_SIGNATURE: {
            name: in_world("consumption", cose.sign(consumption, key.sign).encode(), "")
            for name, key in {
                "by-the-redemption-key": WORLD.redemption,
                "by-the-policy-key": WORLD.policy_key,
            }.items()
        },
        Code.ISSUANCE_SIGNATURE: {
            f"by-the-{key.name}-key": in_world(
                "issuance",
                cose.sign(DEAL.payment.issuances[0].body, key.sign).encode(),
                "only issuing keys issue",
            )
            for key in (WORLD.policy_key, WORLD.notary, WORLD.redemption, WORLD.root)
        },
        Code.CERTIFICATE_SIGNATURE: {
            "by-another-bank": in_world(
                "certificate", _other_bank_signs().encode(), "a bank certifies for itself"
            ),
            "of-a-bank-without-keys": vector(
                "certificate", BAURZHAN.certificate.encode(), "", root=WORLD.root.public, directory=keyless
            ),
            "of-a-request": in_world(
                "request",
                cose.sign(
                    replace(DEAL.request.body, payee=cose.sign(BAURZHAN.certificate.body, OTHER.sign)),
                    OTHER.sign,
                ).encode(),
                "before the request's own signature",
            ),
        },
        Code.REQUEST_SIGNATURE: {
            "by-its-bank": in_world(
                "request", cose.sign(DEAL.request.body, WORLD.bank_key("zhibek").sign).encode(), ""
            ),
            "of-another-amount": in_world("request", _altered_after_signing(), "altered after it was signed"),
        },
        Code.DIRECTORY_SIGNATURE: {
            "altered": vector(
                "directory", _altered_directory(), "altered after it was signed", root=WORLD.root.public
            )
        },
        Code.SETTLEMENT_SIGNATURE: {
            "by-the-notary": in_world(
                "settlement",
                cose.sign(
                    Settlement(
                        bank="alatau", transfer=txid, verdict=Verdict.SHORT, values=(), code=None, time=NOW
                    ),
                    WORLD.notary.sign,
                ).encode(),
                "",
            )
        },
    }
    return {code: list(vectors.items()) for code, vectors in made.items()}


def _altered_after_signing() -> bytes:
    other = replaced(DEAL.request.body.to_cbor(), (2,), 7)
    signature = DEAL.request.signature
    return codec.encode([*sealed(other, BAURZHAN.key, "qrq1")[:3], signature])


def _altered_directory() -> bytes:
    signed = WORLD.signed_directory()
    later = replace(signed.body, time=signed.body.time + DAY)
    return codec.encode([*sealed(later.to_cbor(), WORLD.root, "qbd1")[:3], signed.signature])


def cases() -> Cases:
    """Every invalid vector of signers."""
    found: Cases = {}
    for name, code, is_good, made in _at_moments():
        if not is_good:
            found.setdefault(code, []).append((name, made))
    for group in (_no_evidence(), _payments(), _wrong_roles(), {Code.BANK_UNKNOWN: _unlisted()}):
        for code, listed in group.items():
            found.setdefault(code, []).extend(listed)
    return found
