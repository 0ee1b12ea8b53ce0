"""Late money: refunded once after expiry and grace, decided by whichever reference the notary committed first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ledger_sync.central_bank.proving import Proof, read_proof
from tests.ledger_sync.central_bank.rig import GRANT, CentralBankRig
from tests.support.world import DAY, NOW, Person
from wallet.protocol import cose
from wallet.protocol.bundle import Bundle
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code
from wallet.protocol.idempotency import refund_id
from wallet.protocol.transfer import ToAccount, TokenRef


class Overtaken:
    """A proof that takes so long that the same call is answered to another caller meanwhile."""

    def __init__(self, proof: Proof, meanwhile: Callable[[Proof], object]) -> None:
        self._proof = proof
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> object:
        if name in ("outcome", "value"):
            self._meanwhile(self._proof)
        return getattr(self._proof, name)


def test_who_was_overtaken_gets_the_same_answer(rig: CentralBankRig) -> None:
    ann = rig.ledger.person("ann")
    small, large = rig.fund(ann, 300, 700)
    redeemed = rig.ledger.redeem(ann, [small], ToAccount())
    rig.commit(redeemed)
    txid, redeeming = redeemed[0].ref.txid, rig.redeeming
    proof = read_proof(*rig.proof(), rig.registry.directory)  # type: ignore[call-arg]
    shown = ann.possession()
    slow = Overtaken(proof, lambda proof: redeeming.redeem("alatau", txid, proof, shown))
    first = redeeming.redeem("alatau", txid, slow, shown)  # type: ignore[arg-type]
    assert redeeming.redeem("alatau", txid, proof, shown) == first
    expire(rig)
    slow = Overtaken(proof, lambda proof: redeeming.refund("alatau", large.ref, proof, shown))
    assert redeeming.refund("alatau", large.ref, slow, shown) == 700  # type: ignore[arg-type]
    assert rig.books() == (2 * GRANT, 0, 0, {"alatau": GRANT, "zhibek": GRANT})


def refund(rig: CentralBankRig, owner: Person, ref: TokenRef) -> list[Cbor]:
    """The body by which the owner's bank asks."""
    return [ref.to_cbor(), *rig.proof(), owner.possession().to_cbor()]


def expire(rig: CentralBankRig) -> None:
    rig.now = NOW + rig.terms.token_life + rig.terms.grace + 1


def test_an_unconsumed_token_is_refunded_after_expiry_and_grace(rig: CentralBankRig) -> None:
    ann, bob = rig.ledger.person("ann", "alatau"), rig.ledger.person("bob", "zhibek")
    paid = rig.ledger.pay(ann, rig.fund(ann, 1000), bob, 600)
    rig.commit(paid)
    asked = [paid[0].ref.to_cbor(), *rig.proof(), bob.possession().to_cbor()]
    assert rig.code(rig.zhibek, "/v1/refunds", asked) is Code.TOO_EARLY
    rig.now = NOW + rig.terms.token_life + rig.terms.grace
    assert rig.code(rig.zhibek, "/v1/refunds", asked) is Code.TOO_EARLY
    expire(rig)
    assert rig.code(rig.alatau, "/v1/refunds", asked) is Code.AUTH_FORBIDDEN
    assert rig.zhibek.post("/v1/refunds", asked) == [600, None]
    assert rig.zhibek.post("/v1/refunds", asked) == [600, None]
    assert rig.code(rig.alatau, "/v1/refunds", asked) is Code.AUTH_FORBIDDEN
    assert rig.books() == (2 * GRANT, 0, 400, {"alatau": GRANT - 1000, "zhibek": GRANT + 600})


def test_a_refund_is_for_a_bank_that_the_owner_wanted_and_for_one_of_them_only(rig: CentralBankRig) -> None:
    ann = rig.ledger.person("ann")
    (token,) = rig.fund(ann, 300)
    body = replace(ann.certificate.body, bank="zhibek", expires=ann.certificate.body.expires + DAY)
    stolen = Person(ann.key, cose.sign(body, rig.ledger.world.bank_key("zhibek").sign))
    rig.ledger.certificates[stolen.certificate.id] = stolen.certificate
    expire(rig)
    *asked, hers = refund(rig, ann, token.ref)
    bob = rig.ledger.person("bob", "zhibek")
    for shown, code in (
        (None, Code.MALFORMED),
        (hers, Code.AUTH_FORBIDDEN),
        (stolen.possession("alatau").to_cbor(), Code.KEY_INVALID),
        (bob.possession().to_cbor(), Code.KEY_INVALID),
    ):
        assert rig.code(rig.zhibek, "/v1/refunds", [*asked, shown]) is code
    assert rig.alatau.post("/v1/refunds", [*asked, hers]) == [300, None]
    assert rig.code(rig.zhibek, "/v1/refunds", [*asked, stolen.possession().to_cbor()]) is Code.TOO_LATE
    assert rig.books() == (2 * GRANT, 0, 0, {"alatau": GRANT, "zhibek": GRANT})


def test_a_refund_comes_too_late_where_a_transfer_was_first(rig: CentralBankRig) -> None:
    ann, bob = rig.ledger.person("ann"), rig.ledger.person("bob")
    tokens = rig.fund(ann, 1000)
    paid = rig.ledger.pay(ann, tokens, bob, 1000)
    expire(rig)
    rig.commit(paid)
    refused = rig.code(
        rig.alatau,
        "/v1/refunds",
        [
            tokens[0].ref.to_cbor(),
            *rig.proof(Bundle((), tuple(rig.ledger.issuances))),
            ann.possession().to_cbor(),
        ],
    )
    assert refused is Code.TOO_LATE
    redeemed = rig.ledger.redeem(bob, paid, ToAccount())
    rig.commit(redeemed)
    assert rig.redeem(redeemed) == (None, 1000)


def test_a_redemption_comes_too_late_where_the_refund_was_first(rig: CentralBankRig) -> None:
    ann = rig.ledger.person("ann")
    tokens = rig.fund(ann, 1000)
    redeemed = rig.ledger.redeem(ann, tokens, ToAccount())
    expire(rig)
    assert rig.alatau.post("/v1/refunds", refund(rig, ann, tokens[0].ref)) == [1000, None]
    rig.commit(redeemed)
    assert rig.code(rig.alatau, "/v1/redemptions", rig.asked(redeemed)) is Code.TOO_LATE
    assert rig.books()[2] == 0


def test_a_redemption_that_the_notary_had_first_is_paid_however_late(rig: CentralBankRig) -> None:
    ann = rig.ledger.person("ann")
    redeemed = rig.ledger.redeem(ann, rig.fund(ann, 1000), ToAccount())
    rig.commit(redeemed)
    expire(rig)
    assert rig.redeem(redeemed) == (None, 1000)


def test_what_a_refund_left_of_a_redemption_is_paid(rig: CentralBankRig) -> None:
    ann = rig.ledger.person("ann")
    small, large = rig.fund(ann, 300, 700)
    redeemed = rig.ledger.redeem(ann, [small, large], ToAccount())
    expire(rig)
    rig.alatau.post("/v1/refunds", refund(rig, ann, small.ref))
    rig.commit(redeemed)
    assert rig.redeem(redeemed) == (None, 700)
    assert rig.books()[2] == 0


def test_a_refund_that_a_crash_cut_off_is_finished(rig: CentralBankRig) -> None:
    """The notary knows of it, the books do not."""
    ann = rig.ledger.person("ann")
    (token,) = rig.fund(ann, 300)
    expire(rig)
    rig.redeeming.notary.consume(token.ref, refund_id(token.ref), rig.registry.directory)
    rig.reopen()
    assert rig.alatau.post("/v1/refunds", refund(rig, ann, token.ref)) == [300, None]
    assert rig.books()[2] == 0


def test_a_refund_of_what_is_not_there(rig: CentralBankRig) -> None:
    asked = refund(rig, rig.ledger.person("ann"), TokenRef(bytes(32), 0))
    assert rig.code(rig.alatau, "/v1/refunds", asked) is Code.PROVENANCE_MISSING
