"""Online money, tokens and back: every tiyn is in the books, every answer is the same the second time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger_sync.central_bank.redeeming import cut
from ledger_sync.sandbox.in_process.network import named
from tests.ledger_sync.central_bank.rig import GRANT, CentralBankRig
from tests.support.world import DAY, NOW, Key, Person
from wallet.protocol import cose
from wallet.protocol.bundle import Bundle
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.issuance import Issuance, check_issuance
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import Refresh, ToAccount, ToPayer
from wallet.protocol.validity import issued_tokens


def test_issuing_to_banks_counts_once(rig: CentralBankRig) -> None:
    order = [named("more"), "alatau", 500]
    assert rig.operator.post("/v1/issues", order) == [2 * GRANT + 500]
    assert rig.operator.post("/v1/issues", [named("again"), "zhibek", 1]) == [2 * GRANT + 501]
    assert rig.operator.post("/v1/issues", order) == [2 * GRANT + 500]
    assert rig.code(rig.operator, "/v1/issues", [named("more"), "alatau", 501]) is Code.FUNDING_MISMATCH
    assert rig.books() == (2 * GRANT + 501, 0, 0, {"alatau": GRANT + 500, "zhibek": GRANT + 1})


def test_withdrawing_takes_no_more_than_there_is(rig: CentralBankRig) -> None:
    assert rig.operator.post("/v1/withdrawals", [named("w"), "alatau", GRANT]) == [GRANT]
    assert rig.code(rig.operator, "/v1/withdrawals", [named("w2"), "alatau", 1]) is Code.POSITION_SHORT
    assert rig.books() == (2 * GRANT, GRANT, 0, {"alatau": 0, "zhibek": GRANT})


@pytest.mark.parametrize("path", ["/v1/issues", "/v1/withdrawals"])
def test_only_the_operator_orders_and_only_for_known_banks(rig: CentralBankRig, path: str) -> None:
    assert rig.code(rig.alatau, path, [named("x"), "alatau", 1]) is Code.AUTH_FORBIDDEN
    assert rig.code(rig.operator, path, [named("x"), "nobody", 1]) is Code.BANK_UNKNOWN
    assert rig.code(rig.operator, path, [named("x"), "alatau", 0]) is Code.AMOUNT_INVALID
    assert rig.code(rig.operator, path, [b"short", "alatau", 1]) is Code.MALFORMED


def test_funding_moves_the_position_outside_and_signs_tokens(rig: CentralBankRig) -> None:
    ann = rig.ledger.person("ann")
    issuance = cose.from_cbor(
        Issuance, rig.alatau.post("/v1/fundings", [named("f"), ann.key.public, [300, 200]])
    )
    check_issuance(issuance, rig.registry.directory)
    assert issuance.body == Issuance(
        funding=named("f"),
        owner=ann.key.public,
        currency="KZT",
        amounts=(300, 200),
        mark=None,
        issued=NOW,
        expires=NOW + rig.terms.token_life,
    )
    assert rig.books() == (2 * GRANT, 0, 500, {"alatau": GRANT - 500, "zhibek": GRANT})


def test_the_same_funding_has_the_same_answer_byte_for_byte_also_after_a_restart(
    rig: CentralBankRig,
) -> None:
    order = [named("f"), Key.of("ann").public, [300, 200]]
    first = rig.alatau.post("/v1/fundings", order)
    rig.now += DAY
    assert rig.alatau.post("/v1/fundings", order) == first
    rig.reopen()
    assert rig.alatau.post("/v1/fundings", order) == first
    assert rig.books()[2] == 500


def test_another_funding_under_the_same_id_is_a_mismatch(rig: CentralBankRig) -> None:
    ann, bob = Key.of("ann").public, Key.of("bob").public
    rig.alatau.post("/v1/fundings", [named("f"), ann, [300]])
    assert rig.code(rig.alatau, "/v1/fundings", [named("f"), bob, [300]]) is Code.FUNDING_MISMATCH
    assert rig.code(rig.alatau, "/v1/fundings", [named("f"), ann, [200, 100]]) is Code.FUNDING_MISMATCH
    assert rig.code(rig.zhibek, "/v1/fundings", [named("f"), ann, [300]]) is Code.FUNDING_MISMATCH
    assert rig.books()[2] == 300


def test_funding_needs_the_money(rig: CentralBankRig) -> None:
    ann = Key.of("ann").public
    assert rig.code(rig.alatau, "/v1/fundings", [named("f"), ann, [GRANT, 1]]) is Code.POSITION_SHORT
    assert rig.books()[2] == 0
    rig.alatau.post("/v1/fundings", [named("h"), ann, [GRANT]])
    assert rig.code(rig.alatau, "/v1/fundings", [named("g"), ann, [1]]) is Code.POSITION_SHORT


def test_a_refused_funding_stays_refused_while_a_copy_of_its_call_may_come(rig: CentralBankRig) -> None:
    ann, asked = Key.of("ann").public, [named("f"), Key.of("ann").public, [GRANT, 1]]
    assert rig.code(rig.alatau, "/v1/fundings", asked) is Code.POSITION_SHORT
    rig.operator.post("/v1/issues", [named("more"), "alatau", GRANT])
    for wait in (0, 600, 3_600):
        rig.now += wait
        assert rig.code(rig.alatau, "/v1/fundings", asked) is Code.POSITION_SHORT
        rig.reopen()
    assert rig.code(rig.alatau, "/v1/fundings", [named("f"), ann, [1]]) is Code.FUNDING_MISMATCH
    assert rig.books()[2] == 0
    rig.now += 2 * DAY
    assert rig.code(rig.alatau, "/v1/fundings", [named("g"), ann, [3 * GRANT]]) is Code.POSITION_SHORT
    refused = rig.storage.issuances.refused
    assert refused(named("f")) is None
    assert refused(named("g")) is not None


@pytest.mark.parametrize("amounts", [[], [0], [2**53], [2**52, 2**52], [1] * 33, ["1"], [True]])
def test_amounts_are_read_strictly(rig: CentralBankRig, amounts: list[object]) -> None:
    code = rig.code(rig.alatau, "/v1/fundings", [named("f"), Key.of("ann").public, amounts])
    assert code in {Code.MALFORMED, Code.AMOUNT_INVALID, Code.TOO_MANY}


def test_the_same_asked_at_once_is_answered_once(rig: CentralBankRig) -> None:
    """Twelve threads: one funding, one redemption, each booked once, all with one answer."""
    ann = rig.ledger.person("ann")
    order = [named("f"), ann.key.public, [300]]

    def at_once(call: Callable[[], Cbor]) -> Cbor:
        answers: list[Cbor] = []
        callers = [threading.Thread(target=lambda: answers.append(call())) for _ in range(12)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert len(answers) == 12
        assert all(answer == answers[0] for answer in answers)
        return answers[0]

    issuance = cose.from_cbor(Issuance, at_once(lambda: rig.alatau.post("/v1/fundings", order)))
    assert rig.books()[2] == 300
    rig.ledger.issuances.append(issuance)
    redeemed = rig.ledger.redeem(ann, issued_tokens(issuance), ToAccount())
    rig.commit(redeemed)
    asked = rig.asked(redeemed)
    assert at_once(lambda: rig.alatau.post("/v1/redemptions", asked)) == [None, 300, 300]
    assert rig.books()[2] == 0


def test_a_refresh_gives_new_tokens_and_moves_nothing(rig: CentralBankRig) -> None:
    ann = rig.ledger.person("ann")
    tokens = rig.fund(ann, 300, 200)
    before = rig.books()
    redeemed = rig.ledger.redeem(ann, tokens, Refresh(Key.of("ann 2").public, (400, 100)))
    rig.commit(redeemed)
    committed = rig.now
    rig.now += DAY
    issuance, value = rig.redeem(redeemed)
    assert issuance is not None
    assert (issuance.funding, issuance.owner) == (redeemed[0].ref.txid[:16], Key.of("ann 2").public)
    assert (issuance.amounts, issuance.issued, value) == ((400, 100), committed, 500)
    assert rig.books() == before


def test_defunding_credits_a_bank_that_the_signer_wanted_and_no_other(rig: CentralBankRig) -> None:
    ann = rig.ledger.person("ann", "zhibek")
    redeemed = rig.ledger.redeem(ann, rig.fund(ann, 300), ToAccount())
    rig.commit(redeemed)
    *asked, hers = rig.asked(redeemed)
    stolen = hijack(rig, ann)
    rig.ledger.certificates = {stolen.certificate.id: stolen.certificate}
    for shown, code in (
        (None, Code.AUTH_FORBIDDEN),
        (hers, Code.AUTH_FORBIDDEN),
        (stolen.possession("zhibek").to_cbor(), Code.KEY_INVALID),
        (hijack(rig, rig.ledger.person("bob")).possession().to_cbor(), Code.KEY_INVALID),
    ):
        assert rig.code(rig.alatau, "/v1/redemptions", [*asked, shown]) is code
    assert rig.zhibek.post("/v1/redemptions", [*asked, hers]) == [None, 300, 300]
    assert rig.alatau.post("/v1/redemptions", [*asked, None]) == [None, 300, 0], "nothing for who only asks"
    assert rig.books() == (2 * GRANT, 0, 0, {"alatau": GRANT, "zhibek": GRANT})


def test_of_two_banks_that_the_signer_wanted_the_first_to_ask_is_credited(rig: CentralBankRig) -> None:
    ann = rig.ledger.person("ann", "zhibek")
    redeemed = rig.ledger.redeem(ann, rig.fund(ann, 300), ToAccount())
    rig.commit(redeemed)
    *asked, hers = rig.asked(redeemed)
    here = [*asked, hijack(rig, ann).possession().to_cbor()]
    for _ in range(2):
        assert rig.alatau.post("/v1/redemptions", here) == [None, 300, 300]
        assert rig.zhibek.post("/v1/redemptions", [*asked, hers]) == [None, 300, 0]
        rig.reopen()
    assert rig.books() == (2 * GRANT, 0, 0, {"alatau": GRANT + 300, "zhibek": GRANT - 300})


def hijack(rig: CentralBankRig, person: Person) -> Person:
    """The same key, certified by alatau for longer."""
    body = replace(person.certificate.body, bank="alatau", expires=person.certificate.body.expires + DAY)
    return Person(person.key, cose.sign(body, rig.ledger.world.bank_key("alatau").sign))


def test_money_may_come_back_at_another_bank(rig: CentralBankRig) -> None:
    ann, bob = rig.ledger.person("ann", "alatau"), rig.ledger.person("bob", "zhibek")
    paid = rig.ledger.pay(ann, rig.fund(ann, 1000), bob, 600)
    redeemed = rig.ledger.redeem(bob, paid[:1], ToAccount())
    rig.commit(paid, redeemed)
    rig.redeem(redeemed)
    assert rig.books() == (2 * GRANT, 0, 400, {"alatau": GRANT - 1000, "zhibek": GRANT + 600})


def test_a_refusal_goes_back_to_the_payer(rig: CentralBankRig) -> None:
    ann, bob = rig.ledger.person("ann"), rig.ledger.person("bob", "zhibek")
    paid = rig.ledger.pay(ann, rig.fund(ann, 1000), bob, 600)
    refused = rig.ledger.redeem(bob, paid[:1], ToPayer(ann.key.public))
    rig.commit(paid, refused)
    issuance, value = rig.redeem(refused)
    assert issuance is not None
    assert (issuance.owner, issuance.amounts, value) == (ann.key.public, (600,), 600)


def test_the_same_redemption_has_the_same_answer_also_after_a_restart(rig: CentralBankRig) -> None:
    ann = rig.ledger.person("ann")
    redeemed = rig.ledger.redeem(ann, rig.fund(ann, 300), Refresh(Key.of("ann 2").public, (300,)))
    rig.commit(redeemed)
    asked = rig.asked(redeemed)
    first = rig.alatau.post("/v1/redemptions", asked)
    rig.now += DAY
    assert rig.zhibek.post("/v1/redemptions", asked) == first
    rig.reopen()
    assert rig.alatau.post("/v1/redemptions", asked) == first


def test_a_short_redemption_pays_its_settled_value_cut_in_order(rig: CentralBankRig) -> None:
    ann, bob, cid = (rig.ledger.person(name) for name in ("ann", "bob", "cid"))
    small, large = rig.fund(ann, 300, 700)
    first = rig.ledger.pay(ann, [large], bob, 700)
    second = rig.ledger.pay(ann, [small, large], cid, 1000)
    refreshed = rig.ledger.redeem(cid, second, Refresh(Key.of("cid 2").public, (200, 200, 600)))
    rig.commit(first, second, refreshed)
    issuance, value = rig.redeem(refreshed)
    assert issuance is not None
    assert (issuance.amounts, value) == ((200, 100), 300)
    kept = rig.ledger.redeem(bob, first, ToAccount())
    rig.commit(kept)
    assert rig.redeem(kept) == (None, 700)
    assert rig.books()[2] == 300


def test_a_redemption_worth_nothing_makes_nothing(rig: CentralBankRig) -> None:
    ann, bob, cid = (rig.ledger.person(name) for name in ("ann", "bob", "cid"))
    tokens = rig.fund(ann, 700)
    first = rig.ledger.pay(ann, tokens, bob, 700)
    second = rig.ledger.pay(ann, tokens, cid, 700)
    for purpose in (Refresh(Key.of("cid 2").public, (700,)), ToAccount(), ToPayer(ann.key.public)):
        redeemed = rig.ledger.redeem(cid, second, purpose)
        rig.commit(first, second, redeemed)
        assert rig.redeem(redeemed) == (None, 0)
    assert rig.books()[2] == 700


def test_no_bank_can_mint(rig: CentralBankRig) -> None:
    """What is unsigned, unissued, uncommitted or forged is not paid, whatever bank says so."""
    ann, bob = rig.ledger.person("ann"), rig.ledger.person("bob")
    tokens = rig.fund(ann, 300)
    paid = rig.ledger.pay(ann, tokens, bob, 300)
    redeemed = rig.ledger.redeem(bob, paid, ToAccount())
    txid = redeemed[0].ref.txid
    whole = rig.ledger.bundle()

    def code(bundle: Bundle = whole) -> Code:
        return rig.code(rig.alatau, "/v1/redemptions", rig.asked(redeemed, bundle))

    assert code() is Code.COMMIT_MISMATCH
    rig.commit(redeemed)
    assert code() is Code.COMMIT_MISMATCH
    assert (
        code(Bundle((rig.ledger.transfers[txid],), whole.issuances, whole.certificates))
        is Code.PROVENANCE_MISSING
    )
    assert code(Bundle(whole.transfers, (), whole.certificates)) is Code.PROVENANCE_MISSING
    assert code(Bundle(whole.transfers, whole.issuances, ())) is Code.CERTIFICATE_MISSING
    assert rig.code(rig.alatau, "/v1/redemptions", rig.asked(paid)) is Code.REDEMPTION_KEY
    own = cose.sign(rig.ledger.issuances[0].body, rig.ledger.world.bank_key("alatau").sign)
    assert code(Bundle(whole.transfers, (own,), whole.certificates)) is Code.PROVENANCE_MISSING
    body = Consumption(paid[0].ref.txid, "alatau", NOW, (tokens[0].ref,))
    rig.ledger.statements.append(cose.sign(body, rig.ledger.world.bank_key("alatau").sign))
    assert code() is Code.NOTARY_SIGNATURE
    rig.ledger.statements.pop()
    assert rig.books()[2] == 300
    rig.commit(paid)
    assert rig.redeem(redeemed) == (None, 300)


def test_a_notary_that_contradicts_itself_is_not_believed_twice(rig: CentralBankRig) -> None:
    ann, bob = rig.ledger.person("ann"), rig.ledger.person("bob")
    tokens = rig.fund(ann, 300)
    rig.fund(bob, 300)
    one = rig.ledger.redeem(ann, tokens, ToAccount())
    other = rig.ledger.redeem(ann, tokens, Refresh(Key.of("ann 2").public, (300,)))
    rig.commit(one)
    rig.redeem(one)
    body = Consumption(other[0].ref.txid, "alatau", NOW, (tokens[0].ref,))
    rig.ledger.statements = [cose.sign(body, rig.ledger.world.notary.sign)]
    assert rig.code(rig.alatau, "/v1/redemptions", rig.asked(other)) is Code.COMMIT_MISMATCH
    assert rig.books()[2] == 300


def test_an_expired_certificate_may_redeem(rig: CentralBankRig) -> None:
    ann = rig.ledger.person("ann", issued=NOW - DAY, expires=NOW + 1)
    tokens = rig.fund(ann, 300)
    rig.now += 5 * DAY
    rig.ledger.world.now = rig.now
    redeemed = rig.ledger.redeem(ann, tokens, Refresh(Key.of("ann 2").public, (300,)))
    rig.commit(redeemed)
    assert rig.redeem(redeemed)[1] == 300


def test_a_funding_under_a_redemptions_number_is_in_nobodys_way(rig: CentralBankRig) -> None:
    """A refresh is known by the first half of its redemption's id; a bank may use these bytes for a funding."""
    ann = rig.ledger.person("ann")
    redeemed = rig.ledger.redeem(ann, rig.fund(ann, 300), Refresh(Key.of("ann 2").public, (300,)))
    rig.commit(redeemed)
    number = redeemed[0].ref.txid[:16]
    early = rig.alatau.post("/v1/fundings", [number, Key.of("ann 2").public, [300]])
    issuance, _ = rig.redeem(redeemed)
    assert issuance is not None
    assert cose.from_cbor(Issuance, early).body != issuance
    assert issuance.amounts == (300,)


def test_every_bank_sees_its_own_movements_only(rig: CentralBankRig) -> None:
    ann = rig.ledger.person("ann", "alatau")
    redeemed = rig.ledger.redeem(ann, rig.fund(ann, 300, name="x"), ToAccount())
    rig.commit(redeemed)
    rig.redeem(redeemed)
    listed = rig.alatau.get("/v1/movements")
    assert [row[1:] for row in listed] == [
        ["issue", named("grant alatau"), GRANT, NOW],
        ["funding", named("ann (300,) x"), -300, NOW],
        ["redemption", redeemed[0].ref.txid, 300, NOW],
    ]
    assert rig.alatau.get("/v1/movements", {"since": listed[1][0]}) == listed[2:]
    asked = rig.alatau.get("/v1/movements", {"totals": 1})
    assert asked == [[*row, row[3]] for row in listed], "only who asks is told what they come to"
    assert [row[1] for row in rig.zhibek.get("/v1/movements")] == ["issue"]


def test_a_bank_is_told_its_own_position_and_the_operator_all(rig: CentralBankRig) -> None:
    assert rig.operator.get("/v1/books") == [2 * GRANT, 0, 0, [["alatau", GRANT], ["zhibek", GRANT]]]
    rig.fund(rig.ledger.person("ann", "alatau"), 300, name="x")
    assert (rig.alatau.get("/v1/position"), rig.zhibek.get("/v1/position")) == ([GRANT - 300], [GRANT])
    for line, path in ((rig.zhibek, "/v1/books"), (rig.operator, "/v1/position")):
        with pytest.raises(Refusal) as caught:
            line.get(path)
        assert caught.value.code is Code.AUTH_FORBIDDEN


@pytest.mark.parametrize(
    ("amounts", "value", "kept"),
    [((5, 5), 10, (5, 5)), ((5, 5), 7, (5, 2)), ((5, 5), 5, (5,)), ((5, 5), 0, ()), ((5,), 9, (5,))],
)
def test_cutting(amounts: tuple[int, ...], value: int, kept: tuple[int, ...]) -> None:
    assert cut(amounts, value) == kept
