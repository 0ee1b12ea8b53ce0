"""Invalid vectors of one field each: every field of every object, with values just over its bound and of another type.

Each object is well signed; only the named field is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.support.vectors import Vector
from tests.support.world import NOW
from tests.vectors.fields import (
    AMOUNT,
    COUNT,
    CURRENCY,
    FLAG,
    KEY,
    LIMITS_FIELDS,
    SUM,
    TIME,
    Form,
    Values,
    judged_alone,
    judged_in_world,
    number,
    octets,
    text,
    up_to,
)
from tests.vectors.forms import Case, Cases, replaced, sealed
from tests.vectors.good import (
    AIGUL,
    BAURZHAN,
    DEAL,
    SHOP,
    WORLD,
    baseline,
    delta,
    in_world,
    new_bank,
    redemption,
)
from wallet.protocol import codec
from wallet.protocol.codes import Code
from wallet.protocol.policy import Reason
from wallet.protocol.receipt import ReceiptBody
from wallet.protocol.settlement import Commit, Consumption, Settlement, Verdict
from wallet.protocol.time_word import TimeWord
from wallet.protocol.transfer import Refresh


def _directory() -> Iterator[tuple[Code, Case]]:
    body = WORLD.signed_directory().body.to_cbor()
    form = Form("directory", "qbd1", body, WORLD.root, judged_alone("directory", root=WORLD.root.public))
    bank, entry = body[2][0], body[2][0][2][0]
    yield from form.fields_missing()
    yield from form.cases("version", (0,), COUNT)
    yield from form.cases("time", (1,), TIME)
    many = [[f"{n:02}", "x", []] for n in range(65)]
    yield from form.cases(
        "banks", (2,), (Code.TOO_MANY, (("items", many),)), (Code.MALFORMED, (("no-array", 0),))
    )
    yield from form.cases(
        "banks", (2,), (Code.MALFORMED, (("unsorted", body[2][::-1]), ("twice", [bank, bank])))
    )
    yield from form.cases("bank", (2, 0), (Code.MALFORMED, (("two-fields", bank[:2]),)))
    yield from form.cases("bank-id", (2, 0, 0), text(16))
    yield from form.cases("bank-name", (2, 0, 1), text(64))
    yield from form.cases("roles", (3,), (Code.MALFORMED, (("three", body[3][:3]), ("five", [*body[3], []]))))
    yield from form.cases("entries", (3, 0), *number(16, entry)[:1], (Code.MALFORMED, (("no-array", 0),)))
    yield from form.cases("entries", (3, 0), (Code.DUPLICATE_ITEM, (("key-twice", [entry, entry]),)))
    yield from form.cases(
        "bank-entries", (2, 0, 2), (Code.DUPLICATE_ITEM, (("key-twice", [entry, [entry[0], 5, 6]]),))
    )
    yield from form.cases("entry", (3, 0, 0), (Code.MALFORMED, (("two-fields", entry[:2]),)))
    yield from form.cases("key", (3, 1, 0, 0), KEY)
    yield from form.cases("since", (3, 2, 0, 1), TIME)
    yield from form.cases("until", (3, 2, 0, 2), TIME, (Code.TIME_INVALID, (("before-since", entry[1] - 1),)))


def _certificates() -> Iterator[tuple[Code, Case]]:
    bank = WORLD.bank_key("zhibek")
    form = Form("certificate", "qwc1", SHOP.certificate.body.to_cbor(), bank, judged_in_world("certificate"))
    person = Form("person", "qwc1", BAURZHAN.certificate.body.to_cbor(), bank, judged_in_world("certificate"))
    yield from form.fields_missing()
    yield from form.cases("bank", (1,), text(16))
    yield from form.cases("expires", (4,), TIME, (Code.TIME_INVALID, (("before-issued", NOW - 86_401),)))
    yield from form.cases("issued", (6,), TIME)
    yield from form.cases("wallet", (7,), octets(16))
    yield from form.cases("cnf", (8,), (Code.MALFORMED, (("empty", {}), ("no-map", 0))))
    cose_key = form.body[8][1]
    parts = {
        "kty-other": {**cose_key, 1: 1},
        "kty-bool": {**cose_key, 1: True},
        "crv-other": {**cose_key, -1: 2},
        "crv-bool": {**cose_key, -1: True},
        "x-off-curve": {**cose_key, -2: b"\xff" * 32},
        "y-a-number": {**cose_key, -3: 1},
    }
    yield from form.cases("key", (8, 1), (Code.KEY_INVALID, tuple(parts.items())))
    fewer = {name: cose_key[name] for name in (1, -1, -2)}
    x_of = {"x-short": {**cose_key, -2: cose_key[-2][:-1]}, "x-text": {**cose_key, -2: "x" * 32}}
    yield from form.cases(
        "key", (8, 1), (Code.MALFORMED, (("part-missing", fewer), ("no-map", b"\x02" * 33), *x_of.items()))
    )
    terms = form.body[-70001]
    yield from form.cases(
        "terms",
        (-70001,),
        (
            Code.MALFORMED,
            (
                ("empty", []),
                ("no-name", terms[:4]),
                ("six", [*terms, 0]),
                ("kind-2", [2, *terms[1:]]),
                ("no-array", 0),
            ),
        ),
    )
    yield from person.cases("terms", (-70001,), (Code.MALFORMED, (("with-name", [0, *terms[1:]]),)))
    for field, at, wrong in LIMITS_FIELDS:
        yield from form.cases(f"limit-{field}", (-70001, 1, at), wrong)
    yield from form.cases("limits", (-70001, 1), (Code.MALFORMED, (("four", terms[1][:4]),)))
    yield from form.cases("total", (-70001, 2), SUM)
    yield from form.cases("category", (-70001, 3), up_to(9999))
    yield from form.cases("name", (-70001, 4), text(64))


def _issuance() -> Iterator[tuple[Code, Case]]:
    form = Form(
        "issuance",
        "qis1",
        DEAL.payment.issuances[0].body.to_cbor(),
        WORLD.issuing,
        judged_in_world("issuance"),
    )
    yield from form.cases("funding", (0,), octets(16))
    yield from form.cases("owner", (1,), KEY)
    yield from form.cases("currency", (2,), CURRENCY)
    yield from form.cases("amounts", (3,), (Code.MALFORMED, (("no-array", 5),)))
    yield from form.cases(
        "amount",
        (3, 0),
        AMOUNT,
        (Code.AMOUNT_INVALID, (("minus-2-to-the-64", -(2**64)), ("2-to-the-64-less-1", 2**64 - 1))),
    )
    yield from form.cases("mark", (4,), (Code.MALFORMED, (("long", bytes(65)), ("text", "lunch"))))
    yield from form.cases("issued", (5,), TIME)
    yield from form.cases("expires", (6,), TIME, (Code.TIME_INVALID, (("by-a-second", NOW - 1),)))


def _request() -> Iterator[tuple[Code, Case]]:
    form = Form("request", "qrq1", DEAL.request.body.to_cbor(), BAURZHAN.key, judged_in_world("request"))
    yield from form.fields_missing()
    yield from form.cases("payee", (0,), (Code.MALFORMED, (("no-object", b"x"),)))
    other = DEAL.payment.issuances[0].to_cbor()
    yield from form.cases("payee", (0,), (Code.KIND_UNEXPECTED, (("an-issuance", other),)))
    yield from form.cases("currency", (1,), CURRENCY)
    yield from form.cases("amount", (2,), AMOUNT)
    yield from form.cases("is-open", (3,), FLAG)
    yield from form.cases("nonce", (4,), octets(16))
    yield from form.cases("memo", (5,), text(140, least=0))
    yield from form.cases("expires", (6,), TIME)
    yield from form.cases("policy", (7,), COUNT)


def _transfer() -> Iterator[tuple[Code, Case]]:
    form = Form(
        "transfer", "qtr1", DEAL.payment.transfers[0].body.to_cbor(), AIGUL.key, judged_alone("transfer")
    )
    ref = form.body[0][0]
    yield from form.fields_missing()
    many = [[bytes([n]) * 32, 0] for n in range(33)]
    yield from form.cases("inputs", (0,), (Code.TOO_MANY, (("items", many),)))
    yield from form.cases("inputs", (0,), (Code.MALFORMED, (("empty", []), ("no-array", 0))))
    yield from form.cases("input", (0, 0), (Code.MALFORMED, (("one-field", ref[:1]), ("three", [*ref, 0]))))
    yield from form.cases("txid", (0, 0, 0), octets(32))
    yield from form.cases("index", (0, 0, 1), up_to(31))
    backwards = [[ref[0], 10], [ref[0], 9]]
    yield from form.cases(
        "inputs",
        (0,),
        (Code.INPUTS_UNSORTED, (("as-text", backwards), ("twice-and-another", [many[0], many[0], many[1]]))),
    )
    yield from form.cases("payee", (1,), KEY)
    yield from form.cases("amount", (2,), AMOUNT)
    yield from form.cases("change", (3,), SUM, (Code.AMOUNT_INVALID, (("sum-over", 2**53 - form.body[2]),)))
    purposes: Values = (
        ("empty", []),
        ("fifteen-bytes", bytes(15)),
        ("seventeen-bytes", bytes(17)),
        ("three", [3]),
        ("four-items", [0, form.body[1], [1], 0]),
        ("bool", [True]),
        ("a-refresh-of-nothing", [0, form.body[1], []]),
        ("a-defunding-with-a-key", [1, form.body[1]]),
        ("a-refusal-without-a-key", [2]),
        ("text", "x" * 16),
        ("null", None),
    )
    yield from form.cases("purpose", (4,), (Code.MALFORMED, purposes))
    yield from form.cases("sequence", (5,), COUNT)
    yield from form.cases("total", (6,), SUM)
    yield from form.cases("time", (7,), TIME)
    amounts = redemption(Refresh(SHOP.key.public, (1_999_999, 1)), 2_000_000).body.to_cbor()
    refresh = Form("refresh", "qtr1", amounts, AIGUL.key, judged_alone("transfer"))
    yield from refresh.cases("owner", (4, 1), KEY)
    yield from refresh.cases("amounts", (4, 2), (Code.TOO_MANY, (("items", [1] * 33),)))
    yield from refresh.cases("amount", (4, 2, 0), AMOUNT)
    given_back = replaced(form.body, (4,), [2, AIGUL.key.public])
    yield from Form("refusal", "qtr1", given_back, BAURZHAN.key, judged_alone("transfer")).cases(
        "payer", (4, 1), KEY
    )


def _receipt() -> Iterator[tuple[Code, Case]]:
    body = ReceiptBody(DEAL.payment.ids, None, (), NOW + 5).to_cbor()
    made = judged_alone("receipt", key=BAURZHAN.key.public)
    form = Form("receipt", "qrc1", body, BAURZHAN.key, made, lambda signed: [signed, []])
    txid = DEAL.payment.ids[0]
    yield from form.fields_missing()
    yield from form.cases("transfers", (0,), *number(64, txid, least=1))
    yield from form.cases("txid", (0, 0), octets(32))
    codes: Values = (
        ("unknown", "no_such_code"),
        ("bytes", b"declined"),
        ("empty", ""),
        ("without-refusals", "declined"),
    )
    yield from form.cases("code", (1,), (Code.MALFORMED, codes))
    yield from form.cases("refusals", (2,), (Code.TOO_MANY, (("items", [txid] * 9),)))
    yield from form.cases("refusals", (2,), (Code.MALFORMED, (("though-accepted", [txid]), ("no-array", 0))))
    yield from form.cases("time", (3,), TIME)
    refused = Form("refused", "qrc1", [[txid], "declined", [txid], 5], BAURZHAN.key, made, form.around)
    yield from refused.cases("txid", (2, 0), octets(32))
    signed = sealed(body, BAURZHAN.key, "qrc1")
    nine = [DEAL.payment.transfers[0].to_cbor()] * 9
    for code, why, outside in (
        (Code.TOO_MANY, "transfers", [signed, nine]),
        (Code.MALFORMED, "field-alone", [signed]),
        (Code.MALFORMED, "transfers-no-array", [signed, 0]),
    ):
        yield code, (f"receipt-outside-{why}", made(codec.encode(outside), f"around a receipt: {why}"))


def _policy() -> Iterator[tuple[Code, Case]]:
    made = judged_in_world("policy")
    head = Form(
        "head", "qph1", WORLD.head().body.to_cbor(), WORLD.policy_key, made, lambda signed: [signed, []]
    )
    yield from head.fields_missing()
    yield from head.cases("version", (0,), COUNT)
    yield from head.cases("time", (1,), TIME)
    for field, at, wrong in LIMITS_FIELDS:
        yield from head.cases(f"limit-{field}", (2, at), wrong)
    yield from head.cases("grace", (3,), up_to(2**32 - 1))
    whole = delta(1, (SHOP, Reason.LOST), removed=(AIGUL,)).body.to_cbor()
    whole[4] = new_bank(1).body.to_cbor()[4]
    first = Form("delta", "qpd1", whole, WORLD.policy_key, made, lambda it: [WORLD.head(1).to_cbor(), [it]])
    name, change = whole[3][0], whole[4][0]
    yield from first.fields_missing()
    yield from first.cases("version", (0,), COUNT)
    yield from first.cases("time", (1,), TIME)
    yield from first.cases("revoked", (2,), *number(32, [name, 2])[:1], (Code.MALFORMED, (("no-array", 0),)))
    yield from first.cases("revoked-id", (2, 0, 0), octets(16))
    yield from first.cases("reason", (2, 0, 1), up_to(4, least=1))
    yield from first.cases("revocation", (2, 0), (Code.MALFORMED, (("three", [name, 2, 0]),)))
    yield from first.cases("removed", (3,), *number(32, name)[:1], (Code.MALFORMED, (("no-array", 0),)))
    yield from first.cases("removed-id", (3, 0), octets(16))
    yield from first.cases("changes", (4,), *number(16, change)[:1], (Code.MALFORMED, (("no-array", 0),)))
    yield from _changes(first, change)
    nine = [None, [delta(n).to_cbor() for n in range(1, 10)]]
    yield Code.TOO_MANY, ("policy-deltas", made(codec.encode(nine), "nine deltas in a payment's update"))
    for why, around in (
        ("one-field", [None]),
        ("three-fields", [None, [], 0]),
        ("deltas-no-array", [None, 0]),
    ):
        yield Code.MALFORMED, (f"policy-{why}", made(codec.encode(around), f"an update: {why}"))


def _changes(form: Form, change: list[Any]) -> Iterator[tuple[Code, Case]]:
    entry = change[3]
    yield from form.cases("change", (4, 0), (Code.MALFORMED, (("three-fields", change[:3]),)))
    yield from form.cases("change-role", (4, 0, 0), up_to(4))
    yield from form.cases("change-bank", (4, 0, 1), text(16))
    yield from form.cases("change-name", (4, 0, 2), text(64))
    named = (("with-a-bank", [1, "a", "", entry]), ("with-a-name", [1, "", "a", entry]))
    yield from form.cases("role-change", (4, 0), (Code.MALFORMED, named))
    yield from form.cases("change-key", (4, 0, 3, 0), KEY)
    backwards = [entry[0], 5, 4]
    yield from form.cases(
        "change-entry", (4, 0, 3), (Code.TIME_INVALID, (("until-before-since", backwards),))
    )


def _base() -> Iterator[tuple[Code, Case]]:
    whole = codec.decode(baseline(changes=new_bank(1).body.changes), 1 << 16)
    body, listed = codec.decode(whole[0][2], 1 << 16), whole[1]
    form = Form(
        "base", "qpb1", body, WORLD.policy_key, judged_in_world("baseline"), lambda signed: [signed, listed]
    )
    yield from form.fields_missing()
    yield from form.cases("version", (0,), COUNT)
    yield from form.cases("time", (1,), TIME)
    yield from form.cases("changes", (2,), *number(64, body[2][0])[:1], (Code.MALFORMED, (("no-array", 0),)))
    yield from form.cases("digest", (3,), octets(32))
    for why, around in (
        ("list-missing", whole[:1]),
        ("list-no-array", [whole[0], 0]),
        ("list-of-16384-numbers", [whole[0], [0] * 16_384]),
        ("list-reason", [whole[0], [[listed[0][0], 5], listed[1]]]),
        ("list-id", [whole[0], [[listed[0][0][:-1], 1], listed[1]]]),
    ):
        yield (
            Code.MALFORMED,
            (f"baseline-{why}", in_world("baseline", codec.encode(around), f"a base: {why}")),
        )


def _ledger() -> Iterator[tuple[Code, Case]]:
    bank, txid = WORLD.bank_key("alatau"), DEAL.payment.ids[0]
    many = [[bytes([n]) * 32, 0] for n in range(33)]
    refs = DEAL.payment.transfers[0].body.inputs
    commit = Form(
        "commit", "qcm1", Commit("alatau", txid, refs, NOW).to_cbor(), bank, judged_in_world("commit")
    )
    consumed = Consumption(txid, "alatau", NOW, refs).to_cbor()
    consumption = Form("consumption", "qnc1", consumed, WORLD.notary, judged_in_world("consumption"))
    for form, consumer, named, listed, time in ((commit, 1, 0, 2, 3), (consumption, 0, 1, 3, 2)):
        yield from form.fields_missing()
        yield from form.cases("bank", (named,), text(16, least=0))
        yield from form.cases("consumer", (consumer,), octets(32))
        yield from form.cases("time", (time,), TIME)
        yield from form.cases("refs", (listed,), (Code.TOO_MANY, (("items", many),)))
        yield from form.cases("refs", (listed,), (Code.MALFORMED, (("empty", []), ("no-array", 0))))
        twice, back = [many[0], many[0]], [many[1], many[0]]
        third = [many[0], many[0], many[1]]
        yield from form.cases(
            "refs",
            (listed,),
            (Code.INPUTS_UNSORTED, (("twice", twice), ("backwards", back), ("twice-and-another", third))),
        )
        yield from form.cases("index", (listed, 0, 1), up_to(31))
    body = Settlement(bank="alatau", transfer=txid, verdict=Verdict.SHORT, values=(1, 0), code=None, time=NOW)
    form = Form("settlement", "qsa1", body.to_cbor(), bank, judged_in_world("settlement"))
    yield from form.fields_missing()
    yield from form.cases("bank", (0,), text(16))
    yield from form.cases("transfer", (1,), octets(32))
    yield from form.cases("verdict", (2,), up_to(4, least=1))
    yield from form.cases("verdict", (2,), (Code.MALFORMED, (("refused-without-a-code", 4),)))
    yield from form.cases("values", (3,), *number(2, 1)[:1], (Code.MALFORMED, (("no-array", 0),)))
    yield from form.cases("value", (3, 1), SUM)
    yield from form.cases(
        "code", (4,), (Code.MALFORMED, (("unknown", "no_such_code"), ("number", 1), ("empty", "")))
    )
    yield from form.cases("time", (5,), TIME)
    refused = Form(
        "refused-settlement",
        "qsa1",
        [*body.to_cbor()[:2], 4, [], "too_late", NOW],
        bank,
        judged_in_world("settlement"),
    )
    yield from refused.cases("values", (3,), (Code.MALFORMED, (("though-refused", [0]),)))
    why = Form(
        "settled", "qsa1", [*body.to_cbor()[:2], 1, [1], None, NOW], bank, judged_in_world("settlement")
    )
    yield from why.cases("code", (4,), (Code.MALFORMED, (("though-settled", "too_late"),)))
    word = TimeWord("alatau", bytes(16), NOW).to_cbor()
    asked = judged_in_world("time-word", bank="alatau", nonce=bytes(16))
    form = Form("time-word", "qtw1", word, bank, asked)
    yield from form.fields_missing()
    yield from form.cases("bank", (0,), text(16))
    yield from form.cases("nonce", (1,), octets(16))
    yield from form.cases("time", (2,), TIME)


def cases() -> Cases:
    """Every invalid vector of one field."""
    found: Cases = {}
    for forms in (
        _directory,
        _certificates,
        _issuance,
        _request,
        _transfer,
        _receipt,
        _policy,
        _base,
        _ledger,
    ):
        for code, case in forms():
            found.setdefault(code, []).append(case)
    return found


def valid() -> dict[str, Vector]:
    """None: those stand elsewhere."""
    return {}
