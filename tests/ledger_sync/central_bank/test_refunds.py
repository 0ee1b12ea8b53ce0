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


def test_who_was_overtaken_gets_the_same_answer(stand: CentralBankRig) -> None:
    ann = stand.ledger.person("ann")
    small, large = stand.fund(ann, 300, 700)
    redeemed = stand.ledger.redeem(ann, [small], ToAccount())
    stand.commit(redeemed)
    txid, desk = redeemed[0].ref.txid, stand.redeeming
    proof = read_proof(*stand.proof(), stand.registry.directory)  # type: ignore[call-arg]
    shown = ann.possession()
    slow = Overtaken(proof, lambda proof: desk.redeem("alatau", txid, proof, shown))
    first = desk.redeem("alatau", txid, slow, shown)  # type: ignore[arg-type]
    assert desk.redeem("alatau", txid, proof, shown) == first
    expire(stand)
    slow = Overtaken(proof, lambda proof: desk.refund("alatau", large.ref, proof, shown))
    assert desk.refund("alatau", large.ref, slow, shown) == 700  # type: ignore[arg-type]
    assert stand.books() == (2 * GRANT, 0, 0, {"alatau": GRANT, "zhibek": GRANT})


def refund(stand: CentralBankRig, owner: Person, ref: TokenRef) -> list[Cbor]:
    """The body by which the owner's bank asks."""
    return [ref.to_cbor(), *stand.proof(), owner.possession().to_cbor()]


def expire(stand: CentralBankRig) -> None:
    stand.now = NOW + stand.terms.token_life + stand.terms.grace + 1


def test_an_unconsumed_token_is_refunded_after_expiry_and_grace(stand: CentralBankRig) -> None:
    ann, bob = stand.ledger.person("ann", "alatau"), stand.ledger.person("bob", "zhibek")
    paid = stand.ledger.pay(ann, stand.fund(ann, 1000), bob, 600)
    stand.commit(paid)
    asked = [paid[0].ref.to_cbor(), *stand.proof(), bob.possession().to_cbor()]
    assert stand.code(stand.zhibek, "/v1/refunds", asked) is Code.TOO_EARLY
    stand.now = NOW + stand.terms.token_life + stand.terms.grace
    assert stand.code(stand.zhibek, "/v1/refunds", asked) is Code.TOO_EARLY
    expire(stand)
    assert stand.code(stand.alatau, "/v1/refunds", asked) is Code.AUTH_FORBIDDEN
    assert stand.zhibek.post("/v1/refunds", asked) == [600, None]
    assert stand.zhibek.post("/v1/refunds", asked) == [600, None]
    assert stand.code(stand.alatau, "/v1/refunds", asked) is Code.AUTH_FORBIDDEN
    assert stand.books() == (2 * GRANT, 0, 400, {"alatau": GRANT - 1000, "zhibek": GRANT + 600})


def test_a_refund_is_for_a_bank_that_the_owner_wanted_and_for_one_of_them_only(stand: CentralBankRig) -> None:
    ann = stand.ledger.person("ann")
    (token,) = stand.fund(ann, 300)
    body = replace(ann.certificate.body, bank="zhibek", expires=ann.certificate.body.expires + DAY)
    stolen = Person(ann.key, cose.sign(body, stand.ledger.world.bank_key("zhibek").sign))
    stand.ledger.certificates[stolen.certificate.id] = stolen.certificate
    expire(stand)
    *asked, hers = refund(stand, ann, token.ref)
    bob = stand.ledger.person("bob", "zhibek")
    for shown, code in (
        (None, Code.MALFORMED),
        (hers, Code.AUTH_FORBIDDEN),
        (stolen.possession("alatau").to_cbor(), Code.KEY_INVALID),
        (bob.possession().to_cbor(), Code.KEY_INVALID),
    ):
        assert stand.code(stand.zhibek, "/v1/refunds", [*asked, shown]) is code
    assert stand.alatau.post("/v1/refunds", [*asked, hers]) == [300, None]
    assert stand.code(stand.zhibek, "/v1/refunds", [*asked, stolen.possession().to_cbor()]) is Code.TOO_LATE
    assert stand.books() == (2 * GRANT, 0, 0, {"alatau": GRANT, "zhibek": GRANT})


def test_a_refund_comes_too_late_where_a_transfer_was_first(stand: CentralBankRig) -> None:
    ann, bob = stand.ledger.person("ann"), stand.ledger.person("bob")
    tokens = stand.fund(ann, 1000)
    paid = stand.ledger.pay(ann, tokens, bob, 1000)
    expire(stand)
    stand.commit(paid)
    refused = stand.code(
        stand.alatau,
        "/v1/refunds",
        [
            tokens[0].ref.to_cbor(),
            *stand.proof(Bundle((), tuple(stand.ledger.issuances))),
            ann.possession().to_cbor(),
        ],
    )
    assert refused is Code.TOO_LATE
    redeemed = stand.ledger.redeem(bob, paid, ToAccount())
    stand.commit(redeemed)
    assert stand.redeem(redeemed) == (None, 1000)


def test_a_redemption_comes_too_late_where_the_refund_was_first(stand: CentralBankRig) -> None:
    ann = stand.ledger.person("ann")
    tokens = stand.fund(ann, 1000)
    redeemed = stand.ledger.redeem(ann, tokens, ToAccount())
    expire(stand)
    assert stand.alatau.post("/v1/refunds", refund(stand, ann, tokens[0].ref)) == [1000, None]
    stand.commit(redeemed)
    assert stand.code(stand.alatau, "/v1/redemptions", stand.asked(redeemed)) is Code.TOO_LATE
    assert stand.books()[2] == 0


def test_a_redemption_that_the_notary_had_first_is_paid_however_late(stand: CentralBankRig) -> None:
    ann = stand.ledger.person("ann")
    redeemed = stand.ledger.redeem(ann, stand.fund(ann, 1000), ToAccount())
    stand.commit(redeemed)
    expire(stand)
    assert stand.redeem(redeemed) == (None, 1000)


def test_what_a_refund_left_of_a_redemption_is_paid(stand: CentralBankRig) -> None:
    ann = stand.ledger.person("ann")
    small, large = stand.fund(ann, 300, 700)
    redeemed = stand.ledger.redeem(ann, [small, large], ToAccount())
    expire(stand)
    stand.alatau.post("/v1/refunds", refund(stand, ann, small.ref))
    stand.commit(redeemed)
    assert stand.redeem(redeemed) == (None, 700)
    assert stand.books()[2] == 0


def test_a_refund_that_a_crash_cut_off_is_finished(stand: CentralBankRig) -> None:
    """The notary knows of it, the books do not."""
    ann = stand.ledger.person("ann")
    (token,) = stand.fund(ann, 300)
    expire(stand)
    stand.redeeming.notary.consume(token.ref, refund_id(token.ref), stand.registry.directory)
    stand.reopen()
    assert stand.alatau.post("/v1/refunds", refund(stand, ann, token.ref)) == [300, None]
    assert stand.books()[2] == 0


def test_a_refund_of_what_is_not_there(stand: CentralBankRig) -> None:
    asked = refund(stand, stand.ledger.person("ann"), TokenRef(bytes(32), 0))
    assert stand.code(stand.alatau, "/v1/refunds", asked) is Code.PROVENANCE_MISSING
