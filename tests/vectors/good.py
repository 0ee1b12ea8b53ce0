"""Valid vectors: one of every object, of every form that it has."""

from __future__ import annotations

from dataclasses import replace

from tests.support.deals import AMOUNT, Deal, chain, deal
from tests.support.vectors import Vector
from tests.support.world import DAY, NOW, Key, Person, World
from wallet.protocol import codec, cose
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import WalletKind
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.directory import KeyChange, KeyEntry
from wallet.protocol.evidence import Evidence
from wallet.protocol.keys import p256
from wallet.protocol.payment import Payment
from wallet.protocol.policy import Baseline, PolicyBase, PolicyDelta, PolicyUpdate, Reason, digest_of
from wallet.protocol.receipt import Receipt, ReceiptBody
from wallet.protocol.request import request_ref
from wallet.protocol.settlement import CENTRAL_BANK, Commit, Consumption, Settlement, Verdict
from wallet.protocol.time_word import TimeWord
from wallet.protocol.transfer import Refresh, ToAccount, TokenRef, ToPayer, Transfer
from wallet.protocol.validity import issued_tokens

WORLD = World()
AIGUL = WORLD.person("Aigul")
BAURZHAN = WORLD.person("Baurzhan", bank="zhibek")
SHOP = WORLD.person("shop", bank="zhibek", kind=WalletKind.MERCHANT, category=5411, name="Дүкен «Алма»")
DEAL = deal(WORLD, payer=AIGUL, payee=BAURZHAN)
TOKEN = DEAL.verified().received[0]


def vector(kind: str, raw: bytes, note: str, **context: object) -> Vector:
    """Context comes as hex where it is bytes."""
    listed = {name: item.hex() if isinstance(item, bytes) else item for name, item in context.items()}
    return {"object": kind, "note": note, "hex": raw.hex(), **listed}


def in_world(kind: str, raw: bytes, note: str, **context: object) -> Vector:
    """A vector that is judged under the world's root and directory."""
    directory = WORLD.signed_directory().encode()
    return vector(kind, raw, note, root=WORLD.root.public, directory=directory, **context)


def payee(made: Deal, *, update: PolicyUpdate | None = None, **changes: object) -> dict[str, object]:
    """What the payee of ``made`` knows."""
    held = update or PolicyUpdate(WORLD.head(), ())
    usual = {
        "request": made.request.encode().hex(),
        "policy": codec.encode(held.to_cbor()).hex(),
        "now": NOW,
        "balance": 0,
        "reserved": 0,
        "consumed": [],
    }
    return {**usual, **changes}


def delta(
    version: int, *revoked: tuple[Person, Reason], removed: tuple[Person, ...] = ()
) -> Signed[PolicyDelta]:
    body = PolicyDelta(
        version,
        NOW + version,
        tuple((person.certificate.body.revocation_id, reason) for person, reason in revoked),
        tuple(person.certificate.body.revocation_id for person in removed),
        (),
    )
    return cose.sign(body, WORLD.policy_key.sign)


def new_bank(version: int) -> Signed[PolicyDelta]:
    entry = KeyEntry(p256(WORLD.bank_key("tulpar").public), NOW)
    body = PolicyDelta(version, NOW + version, (), (), (KeyChange(0, "tulpar", "Tulpar Bank", entry),))
    return cose.sign(body, WORLD.policy_key.sign)


def baseline(
    revoked: tuple[tuple[bytes, Reason], ...] | None = None, changes: tuple[KeyChange, ...] = ()
) -> bytes:
    """A base of version 3 that revokes two; ``revoked``: another list than the one that was signed."""
    ids = (AIGUL.certificate.body.revocation_id, SHOP.certificate.body.revocation_id)
    listed = tuple(zip(sorted(ids), (Reason.CONFLICT, Reason.LOST), strict=True))
    body = PolicyBase(3, NOW + 3, changes, digest_of(listed))
    signed = cose.sign(body, WORLD.policy_key.sign)
    return codec.encode(Baseline(signed, listed if revoked is None else revoked).to_cbor())


def time_word(by: Key) -> bytes:
    return cose.sign(TimeWord("alatau", bytes(16), NOW + 7), by.sign).encode()


def update(head: int | None, *deltas: Signed[PolicyDelta]) -> bytes:
    signed = None if head is None else WORLD.head(head)
    return codec.encode(PolicyUpdate(signed, deltas).to_cbor())


def two_transfers(**edits: object) -> Deal:
    """One payment of two transfers: Baurzhan's money lies under two keys of his (two epochs)."""
    old, new = WORLD.person("Baurzhan, old key"), WORLD.person("Baurzhan, new key")
    request = WORLD.request(SHOP, 900)
    issuances = (WORLD.issue(old, 500), WORLD.issue(new, 400))
    first = WORLD.transfer(old, issued_tokens(issuances[0]), SHOP.key.public, 500, request_ref(request))

    def counted(body: Transfer) -> Transfer:
        return replace(body, **{"sequence": 2, "total": 900, **edits})  # type: ignore[arg-type]

    tokens = issued_tokens(issuances[1])
    second = WORLD.transfer(new, tokens, SHOP.key.public, 400, request_ref(request), edit=counted)
    payment = Payment(2, (first, second), issuances, (old.certificate, new.certificate))
    return Deal(WORLD, new, SHOP, request, payment)


def redemption(purpose: Refresh | ToAccount, amount: int, **changes: object) -> Signed[Transfer]:
    """By Aigul, of her first issued token of 2 000 000."""
    (token,) = issued_tokens(DEAL.payment.issuances[0])
    return WORLD.transfer(
        Person(AIGUL.key, AIGUL.certificate, 1, AMOUNT),
        [token],
        WORLD.redemption.public,
        amount,
        purpose,
        edit=lambda body: replace(body, **changes),  # type: ignore[arg-type]
    )


def redeeming(transfer: Signed[Transfer]) -> bytes:
    """A redemption with its provenance, as a payment: verifying does not ask whom it pays."""
    return Payment(1, (transfer,), DEAL.payment.issuances, (AIGUL.certificate,)).encode()


def refusal(payer: bytes = AIGUL.key.public, **changes: object) -> Signed[Transfer]:
    """Baurzhan gives back what he got."""
    return WORLD.transfer(
        Person(BAURZHAN.key, BAURZHAN.certificate),
        [TOKEN],
        WORLD.redemption.public,
        TOKEN.amount,
        ToPayer(payer),
        edit=lambda body: replace(body, **changes),  # type: ignore[arg-type]
    )


def receipt(code: Code | None, *refusals: Signed[Transfer], by: Key = BAURZHAN.key) -> bytes:
    body = ReceiptBody(DEAL.payment.ids, code, tuple(item.id for item in refusals), NOW + 5)
    return codec.encode(Receipt(cose.sign(body, by.sign), refusals).to_cbor())


def commit(bank: str, by: Key, *refs: TokenRef) -> bytes:
    body = Commit(bank, DEAL.payment.ids[0], refs or DEAL.payment.transfers[0].body.inputs, NOW + 60)
    return cose.sign(body, by.sign).encode()


def consumption(by: Key, *refs: TokenRef) -> bytes:
    body = Consumption(DEAL.payment.ids[0], "alatau", NOW + 61, refs or DEAL.payment.transfers[0].body.inputs)
    return cose.sign(body, by.sign).encode()


def settlement(by: Key, verdict: Verdict, values: tuple[int, ...], code: Code | None = None) -> bytes:
    body = Settlement(
        bank="alatau", transfer=DEAL.payment.ids[0], verdict=verdict, values=values, code=code, time=NOW + 62
    )
    return cose.sign(body, by.sign).encode()


def rival(**changes: object) -> Signed[Transfer]:
    """Another transfer of the token that Aigul paid Baurzhan with."""
    body = replace(DEAL.payment.transfers[0].body, **changes)  # type: ignore[arg-type]
    return cose.sign(body, AIGUL.key.sign)


def evidence(other: Signed[Transfer]) -> bytes:
    found = Evidence.of(DEAL.payment.transfers[0], other, AIGUL.certificate)
    assert found is not None
    return found.encode()


ELSEWHERE = (TokenRef(WORLD.issue(AIGUL, 777).id, 0),)


def build() -> dict[str, Vector]:
    """Every valid vector by name, without its meaning."""
    one, fifteen = chain(1), chain(15)
    printed = deal(WORLD, payee=SHOP, nonce=None, is_open=True, amount=AMOUNT, memo="Алма, нан")
    gossip = PolicyUpdate(WORLD.head(1), (delta(1, (SHOP, Reason.LOST)),))
    merged = deal(
        WORLD,
        issuances=(WORLD.issue(AIGUL, 700_000), WORLD.issue(AIGUL, 600_000)),
        amount=1_300_000,
    )
    marked = WORLD.issue(AIGUL, 5_000, mark=b"school lunch")
    money = DEAL.payment
    return {
        "directory": vector(
            "directory", WORLD.signed_directory().encode(), "two banks, four roles", root=WORLD.root.public
        ),
        "certificate-person": in_world("certificate", AIGUL.certificate.encode(), "of a person"),
        "certificate-merchant": in_world(
            "certificate", SHOP.certificate.encode(), "of a shop, with category and name"
        ),
        "issuance": in_world("issuance", fifteen.issuance.encode(), "eight tokens"),
        "issuance-marked": in_world("issuance", marked.encode(), "purpose-bound money"),
        "request": in_world("request", DEAL.request.encode(), "an amount, once"),
        "request-printed": in_world(
            "request", printed.request.encode(), "a shop's printed code: no nonce, open amount, memo"
        ),
        "transfer": vector("transfer", money.transfers[0].encode(), "a payment with change"),
        "transfer-no-change": vector(
            "transfer", merged.payment.transfers[0].encode(), "two inputs, no change"
        ),
        "transfer-refresh": vector(
            "transfer",
            redemption(Refresh(SHOP.key.public, (999_999, 1)), 1_000_000).encode(),
            "redeems to new tokens",
        ),
        "transfer-to-account": vector(
            "transfer", redemption(ToAccount(), 7).encode(), "redeems to the account"
        ),
        "transfer-to-payer": vector("transfer", refusal().encode(), "a refusal after signing"),
        "payment-1-hop": in_world(
            "payment", one.payment.encode(), "the smallest: one token, payee and change"
        ),
        "payment-15-hops": in_world(
            "payment", fifteen.payment.encode(), "handed on to the last hop there is"
        ),
        "payment-accepted": in_world(
            "payment", money.encode(), "and accepted by its payee", payee=payee(DEAL)
        ),
        "payment-printed": in_world(
            "payment", printed.payment.encode(), "answers a printed code", payee=payee(printed)
        ),
        "payment-merged": in_world(
            "payment", merged.payment.encode(), "two tokens of one owner", payee=payee(merged)
        ),
        "payment-two-transfers": in_world(
            "payment",
            two_transfers().payment.encode(),
            "one intent, two keys of the payer, one count and one running total",
            payee=payee(two_transfers()),
        ),
        "payment-with-policy": in_world(
            "payment", replace(money, policy=gossip).encode(), "carries a newer policy; it is judged apart"
        ),
        "payment-refresh": in_world(
            "payment",
            redeeming(redemption(Refresh(SHOP.key.public, (1_999_999, 1)), 2_000_000)),
            "a redemption with its provenance; valid, though no payee would take it",
        ),
        "payment-redeemed-late": in_world(
            "payment",
            redeeming(redemption(ToAccount(), 2_000_000, time=NOW + 1000 * DAY)),
            "a redemption after token and certificate expired is valid",
        ),
        "receipt-accepted": vector("receipt", receipt(None), "signed acceptance", key=BAURZHAN.key.public),
        "receipt-refused": in_world(
            "receipt",
            receipt(Code.LIMIT_BALANCE, refusal()),
            "signed refusal with the redemption that gives the money back",
            request=DEAL.request.encode(),
            payment=money.encode(),
        ),
        "policy-first": in_world(
            "policy", update(2, delta(1, (SHOP, Reason.LOST)), new_bank(2)), "two deltas and the head"
        ),
        "policy-newer": in_world(
            "policy",
            update(2, delta(1, (SHOP, Reason.LOST)), delta(2, (AIGUL, Reason.CONFLICT), removed=(SHOP,))),
            "the delta that is held is passed over, the newer one applied",
            held=update(1, delta(1, (SHOP, Reason.LOST))).hex(),
        ),
        "policy-without-head": in_world(
            "policy",
            update(None, delta(1, (SHOP, Reason.LOST))),
            "head left out for size",
            held=update(0).hex(),
        ),
        "baseline": in_world("baseline", baseline(), "where a wallet begins that holds no policy"),
        "baseline-new-bank": in_world(
            "baseline", baseline(changes=new_bank(1).body.changes), "with a bank that came later"
        ),
        "time-word": in_world(
            "time-word",
            time_word(WORLD.bank_key("alatau")),
            "a bank's clock, for who asked",
            bank="alatau",
            nonce=bytes(16).hex(),
        ),
        "commit": in_world("commit", commit("alatau", WORLD.bank_key("alatau")), "a bank asks the notary"),
        "commit-refund": in_world(
            "commit", commit(CENTRAL_BANK, WORLD.redemption), "the central bank itself: a refund"
        ),
        "consumption": in_world("consumption", consumption(WORLD.notary), "the notary's word"),
        "settlement-settled": in_world(
            "settlement",
            settlement(WORLD.bank_key("alatau"), Verdict.SETTLED, (AMOUNT, 749_950)),
            "at face value",
        ),
        "settlement-short": in_world(
            "settlement",
            settlement(WORLD.bank_key("alatau"), Verdict.SHORT, (500_000, 0)),
            "an ancestor lost",
        ),
        "settlement-conflict": in_world(
            "settlement", settlement(WORLD.bank_key("alatau"), Verdict.CONFLICT, (0, 0)), "it lost its inputs"
        ),
        "settlement-refused": in_world(
            "settlement",
            settlement(WORLD.bank_key("alatau"), Verdict.REFUSED, (), Code.VALUE_MISMATCH),
            "not valid, and why",
        ),
        "evidence-conflict": in_world(
            "evidence", evidence(rival(payee=SHOP.key.public)), "one token, two transfers"
        ),
        "evidence-fork": in_world(
            "evidence", evidence(rival(inputs=ELSEWHERE)), "one sequence number, two transfers"
        ),
        "bundle": vector(
            "bundle", Bundle.of_payment(fifteen.payment, fifteen.requests[-2:]).encode(), "as it is uploaded"
        ),
        "bundle-empty": vector("bundle", Bundle().encode(), "nothing to say"),
    }
