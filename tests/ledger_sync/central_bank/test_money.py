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


def test_issuing_to_banks_counts_once(stand: CentralBankRig) -> None:
    order = [named("more"), "alatau", 500]
    assert stand.operator.post("/v1/issues", order) == [2 * GRANT + 500]
    assert stand.operator.post("/v1/issues", [named("again"), "zhibek", 1]) == [2 * GRANT + 501]
    assert stand.operator.post("/v1/issues", order) == [2 * GRANT + 500]
    assert stand.code(stand.operator, "/v1/issues", [named("more"), "alatau", 501]) is Code.FUNDING_MISMATCH
    assert stand.books() == (2 * GRANT + 501, 0, 0, {"alatau": GRANT + 500, "zhibek": GRANT + 1})


def test_withdrawing_takes_no_more_than_there_is(stand: CentralBankRig) -> None:
    assert stand.operator.post("/v1/withdrawals", [named("w"), "alatau", GRANT]) == [GRANT]
    assert stand.code(stand.operator, "/v1/withdrawals", [named("w2"), "alatau", 1]) is Code.POSITION_SHORT
    assert stand.books() == (2 * GRANT, GRANT, 0, {"alatau": 0, "zhibek": GRANT})


@pytest.mark.parametrize("path", ["/v1/issues", "/v1/withdrawals"])
def test_only_the_operator_orders_and_only_for_known_banks(stand: CentralBankRig, path: str) -> None:
    assert stand.code(stand.alatau, path, [named("x"), "alatau", 1]) is Code.AUTH_FORBIDDEN
    assert stand.code(stand.operator, path, [named("x"), "nobody", 1]) is Code.BANK_UNKNOWN
    assert stand.code(stand.operator, path, [named("x"), "alatau", 0]) is Code.AMOUNT_INVALID
    assert stand.code(stand.operator, path, [b"short", "alatau", 1]) is Code.MALFORMED


def test_funding_moves_the_position_outside_and_signs_tokens(stand: CentralBankRig) -> None:
    ann = stand.ledger.person("ann")
    issuance = cose.from_cbor(
        Issuance, stand.alatau.post("/v1/fundings", [named("f"), ann.key.public, [300, 200]])
    )
    check_issuance(issuance, stand.registry.directory)
    assert issuance.body == Issuance(
        funding=named("f"),
        owner=ann.key.public,
        currency="KZT",
        amounts=(300, 200),
        mark=None,
        issued=NOW,
        expires=NOW + stand.terms.token_life,
    )
    assert stand.books() == (2 * GRANT, 0, 500, {"alatau": GRANT - 500, "zhibek": GRANT})


def test_the_same_funding_has_the_same_answer_byte_for_byte_also_after_a_restart(
    stand: CentralBankRig,
) -> None:
    order = [named("f"), Key.of("ann").public, [300, 200]]
    first = stand.alatau.post("/v1/fundings", order)
    stand.now += DAY
    assert stand.alatau.post("/v1/fundings", order) == first
    stand.reopen()
    assert stand.alatau.post("/v1/fundings", order) == first
    assert stand.books()[2] == 500


def test_another_funding_under_the_same_id_is_a_mismatch(stand: CentralBankRig) -> None:
    ann, bob = Key.of("ann").public, Key.of("bob").public
    stand.alatau.post("/v1/fundings", [named("f"), ann, [300]])
    assert stand.code(stand.alatau, "/v1/fundings", [named("f"), bob, [300]]) is Code.FUNDING_MISMATCH
    assert stand.code(stand.alatau, "/v1/fundings", [named("f"), ann, [200, 100]]) is Code.FUNDING_MISMATCH
    assert stand.code(stand.zhibek, "/v1/fundings", [named("f"), ann, [300]]) is Code.FUNDING_MISMATCH
    assert stand.books()[2] == 300


def test_funding_needs_the_money(stand: CentralBankRig) -> None:
    ann = Key.of("ann").public
    assert stand.code(stand.alatau, "/v1/fundings", [named("f"), ann, [GRANT, 1]]) is Code.POSITION_SHORT
    assert stand.books()[2] == 0
    stand.alatau.post("/v1/fundings", [named("h"), ann, [GRANT]])
    assert stand.code(stand.alatau, "/v1/fundings", [named("g"), ann, [1]]) is Code.POSITION_SHORT


def test_a_refused_funding_stays_refused_while_a_copy_of_its_call_may_come(stand: CentralBankRig) -> None:
    ann, asked = Key.of("ann").public, [named("f"), Key.of("ann").public, [GRANT, 1]]
    assert stand.code(stand.alatau, "/v1/fundings", asked) is Code.POSITION_SHORT
    stand.operator.post("/v1/issues", [named("more"), "alatau", GRANT])
    for wait in (0, 600, 3_600):
        stand.now += wait
        assert stand.code(stand.alatau, "/v1/fundings", asked) is Code.POSITION_SHORT
        stand.reopen()
    assert stand.code(stand.alatau, "/v1/fundings", [named("f"), ann, [1]]) is Code.FUNDING_MISMATCH
    assert stand.books()[2] == 0
    stand.now += 2 * DAY
    assert stand.code(stand.alatau, "/v1/fundings", [named("g"), ann, [3 * GRANT]]) is Code.POSITION_SHORT
    refused = stand.storage.issuances.refused
    assert refused(named("f")) is None
    assert refused(named("g")) is not None


@pytest.mark.parametrize("amounts", [[], [0], [2**53], [2**52, 2**52], [1] * 33, ["1"], [True]])
def test_amounts_are_read_strictly(stand: CentralBankRig, amounts: list[object]) -> None:
    code = stand.code(stand.alatau, "/v1/fundings", [named("f"), Key.of("ann").public, amounts])
    assert code in {Code.MALFORMED, Code.AMOUNT_INVALID, Code.TOO_MANY}


def test_the_same_asked_at_once_is_answered_once(stand: CentralBankRig) -> None:
    """Twelve threads: one funding, one redemption, each booked once, all with one answer."""
    ann = stand.ledger.person("ann")
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

    issuance = cose.from_cbor(Issuance, at_once(lambda: stand.alatau.post("/v1/fundings", order)))
    assert stand.books()[2] == 300
    stand.ledger.issuances.append(issuance)
    redeemed = stand.ledger.redeem(ann, issued_tokens(issuance), ToAccount())
    stand.commit(redeemed)
    asked = stand.asked(redeemed)
    assert at_once(lambda: stand.alatau.post("/v1/redemptions", asked)) == [None, 300, 300]
    assert stand.books()[2] == 0


def test_a_refresh_gives_new_tokens_and_moves_nothing(stand: CentralBankRig) -> None:
    ann = stand.ledger.person("ann")
    tokens = stand.fund(ann, 300, 200)
    before = stand.books()
    redeemed = stand.ledger.redeem(ann, tokens, Refresh(Key.of("ann 2").public, (400, 100)))
    stand.commit(redeemed)
    committed = stand.now
    stand.now += DAY
    issuance, value = stand.redeem(redeemed)
    assert issuance is not None
    assert (issuance.funding, issuance.owner) == (redeemed[0].ref.txid[:16], Key.of("ann 2").public)
    assert (issuance.amounts, issuance.issued, value) == ((400, 100), committed, 500)
    assert stand.books() == before


def test_defunding_credits_a_bank_that_the_signer_wanted_and_no_other(stand: CentralBankRig) -> None:
    ann = stand.ledger.person("ann", "zhibek")
    redeemed = stand.ledger.redeem(ann, stand.fund(ann, 300), ToAccount())
    stand.commit(redeemed)
    *asked, hers = stand.asked(redeemed)
    stolen = hijack(stand, ann)
    stand.ledger.certificates = {stolen.certificate.id: stolen.certificate}
    for shown, code in (
        (None, Code.AUTH_FORBIDDEN),
        (hers, Code.AUTH_FORBIDDEN),
        (stolen.possession("zhibek").to_cbor(), Code.KEY_INVALID),
        (hijack(stand, stand.ledger.person("bob")).possession().to_cbor(), Code.KEY_INVALID),
    ):
        assert stand.code(stand.alatau, "/v1/redemptions", [*asked, shown]) is code
    assert stand.zhibek.post("/v1/redemptions", [*asked, hers]) == [None, 300, 300]
    assert stand.alatau.post("/v1/redemptions", [*asked, None]) == [None, 300, 0], "nothing for who only asks"
    assert stand.books() == (2 * GRANT, 0, 0, {"alatau": GRANT, "zhibek": GRANT})


def test_of_two_banks_that_the_signer_wanted_the_first_to_ask_is_credited(stand: CentralBankRig) -> None:
    ann = stand.ledger.person("ann", "zhibek")
    redeemed = stand.ledger.redeem(ann, stand.fund(ann, 300), ToAccount())
    stand.commit(redeemed)
    *asked, hers = stand.asked(redeemed)
    here = [*asked, hijack(stand, ann).possession().to_cbor()]
    for _ in range(2):
        assert stand.alatau.post("/v1/redemptions", here) == [None, 300, 300]
        assert stand.zhibek.post("/v1/redemptions", [*asked, hers]) == [None, 300, 0]
        stand.reopen()
    assert stand.books() == (2 * GRANT, 0, 0, {"alatau": GRANT + 300, "zhibek": GRANT - 300})


def hijack(stand: CentralBankRig, person: Person) -> Person:
    """The same key, certified by alatau for longer."""
    body = replace(person.certificate.body, bank="alatau", expires=person.certificate.body.expires + DAY)
    return Person(person.key, cose.sign(body, stand.ledger.world.bank_key("alatau").sign))


def test_money_may_come_back_at_another_bank(stand: CentralBankRig) -> None:
    ann, bob = stand.ledger.person("ann", "alatau"), stand.ledger.person("bob", "zhibek")
    paid = stand.ledger.pay(ann, stand.fund(ann, 1000), bob, 600)
    redeemed = stand.ledger.redeem(bob, paid[:1], ToAccount())
    stand.commit(paid, redeemed)
    stand.redeem(redeemed)
    assert stand.books() == (2 * GRANT, 0, 400, {"alatau": GRANT - 1000, "zhibek": GRANT + 600})


def test_a_refusal_goes_back_to_the_payer(stand: CentralBankRig) -> None:
    ann, bob = stand.ledger.person("ann"), stand.ledger.person("bob", "zhibek")
    paid = stand.ledger.pay(ann, stand.fund(ann, 1000), bob, 600)
    refused = stand.ledger.redeem(bob, paid[:1], ToPayer(ann.key.public))
    stand.commit(paid, refused)
    issuance, value = stand.redeem(refused)
    assert issuance is not None
    assert (issuance.owner, issuance.amounts, value) == (ann.key.public, (600,), 600)


def test_the_same_redemption_has_the_same_answer_also_after_a_restart(stand: CentralBankRig) -> None:
    ann = stand.ledger.person("ann")
    redeemed = stand.ledger.redeem(ann, stand.fund(ann, 300), Refresh(Key.of("ann 2").public, (300,)))
    stand.commit(redeemed)
    asked = stand.asked(redeemed)
    first = stand.alatau.post("/v1/redemptions", asked)
    stand.now += DAY
    assert stand.zhibek.post("/v1/redemptions", asked) == first
    stand.reopen()
    assert stand.alatau.post("/v1/redemptions", asked) == first


def test_a_short_redemption_pays_its_settled_value_cut_in_order(stand: CentralBankRig) -> None:
    ann, bob, cid = (stand.ledger.person(name) for name in ("ann", "bob", "cid"))
    small, large = stand.fund(ann, 300, 700)
    first = stand.ledger.pay(ann, [large], bob, 700)
    second = stand.ledger.pay(ann, [small, large], cid, 1000)
    refreshed = stand.ledger.redeem(cid, second, Refresh(Key.of("cid 2").public, (200, 200, 600)))
    stand.commit(first, second, refreshed)
    issuance, value = stand.redeem(refreshed)
    assert issuance is not None
    assert (issuance.amounts, value) == ((200, 100), 300)
    kept = stand.ledger.redeem(bob, first, ToAccount())
    stand.commit(kept)
    assert stand.redeem(kept) == (None, 700)
    assert stand.books()[2] == 300


def test_a_redemption_worth_nothing_makes_nothing(stand: CentralBankRig) -> None:
    ann, bob, cid = (stand.ledger.person(name) for name in ("ann", "bob", "cid"))
    tokens = stand.fund(ann, 700)
    first = stand.ledger.pay(ann, tokens, bob, 700)
    second = stand.ledger.pay(ann, tokens, cid, 700)
    for purpose in (Refresh(Key.of("cid 2").public, (700,)), ToAccount(), ToPayer(ann.key.public)):
        redeemed = stand.ledger.redeem(cid, second, purpose)
        stand.commit(first, second, redeemed)
        assert stand.redeem(redeemed) == (None, 0)
    assert stand.books()[2] == 700


def test_no_bank_can_mint(stand: CentralBankRig) -> None:
    """What is unsigned, unissued, uncommitted or forged is not paid, whatever bank says so."""
    ann, bob = stand.ledger.person("ann"), stand.ledger.person("bob")
    tokens = stand.fund(ann, 300)
    paid = stand.ledger.pay(ann, tokens, bob, 300)
    redeemed = stand.ledger.redeem(bob, paid, ToAccount())
    txid = redeemed[0].ref.txid
    whole = stand.ledger.bundle()

    def code(bundle: Bundle = whole) -> Code:
        return stand.code(stand.alatau, "/v1/redemptions", stand.asked(redeemed, bundle))

    assert code() is Code.COMMIT_MISMATCH
    stand.commit(redeemed)
    assert code() is Code.COMMIT_MISMATCH
    assert (
        code(Bundle((stand.ledger.transfers[txid],), whole.issuances, whole.certificates))
        is Code.PROVENANCE_MISSING
    )
    assert code(Bundle(whole.transfers, (), whole.certificates)) is Code.PROVENANCE_MISSING
    assert code(Bundle(whole.transfers, whole.issuances, ())) is Code.CERTIFICATE_MISSING
    assert stand.code(stand.alatau, "/v1/redemptions", stand.asked(paid)) is Code.REDEMPTION_KEY
    own = cose.sign(stand.ledger.issuances[0].body, stand.ledger.world.bank_key("alatau").sign)
    assert code(Bundle(whole.transfers, (own,), whole.certificates)) is Code.PROVENANCE_MISSING
    body = Consumption(paid[0].ref.txid, "alatau", NOW, (tokens[0].ref,))
    stand.ledger.statements.append(cose.sign(body, stand.ledger.world.bank_key("alatau").sign))
    assert code() is Code.NOTARY_SIGNATURE
    stand.ledger.statements.pop()
    assert stand.books()[2] == 300
    stand.commit(paid)
    assert stand.redeem(redeemed) == (None, 300)


def test_a_notary_that_contradicts_itself_is_not_believed_twice(stand: CentralBankRig) -> None:
    ann, bob = stand.ledger.person("ann"), stand.ledger.person("bob")
    tokens = stand.fund(ann, 300)
    stand.fund(bob, 300)
    one = stand.ledger.redeem(ann, tokens, ToAccount())
    other = stand.ledger.redeem(ann, tokens, Refresh(Key.of("ann 2").public, (300,)))
    stand.commit(one)
    stand.redeem(one)
    body = Consumption(other[0].ref.txid, "alatau", NOW, (tokens[0].ref,))
    stand.ledger.statements = [cose.sign(body, stand.ledger.world.notary.sign)]
    assert stand.code(stand.alatau, "/v1/redemptions", stand.asked(other)) is Code.COMMIT_MISMATCH
    assert stand.books()[2] == 300


def test_an_expired_certificate_may_redeem(stand: CentralBankRig) -> None:
    ann = stand.ledger.person("ann", issued=NOW - DAY, expires=NOW + 1)
    tokens = stand.fund(ann, 300)
    stand.now += 5 * DAY
    stand.ledger.world.now = stand.now
    redeemed = stand.ledger.redeem(ann, tokens, Refresh(Key.of("ann 2").public, (300,)))
    stand.commit(redeemed)
    assert stand.redeem(redeemed)[1] == 300


def test_a_funding_under_a_redemptions_number_is_in_nobodys_way(stand: CentralBankRig) -> None:
    """A refresh is known by the first half of its redemption's id; a bank may use these bytes for a funding."""
    ann = stand.ledger.person("ann")
    redeemed = stand.ledger.redeem(ann, stand.fund(ann, 300), Refresh(Key.of("ann 2").public, (300,)))
    stand.commit(redeemed)
    number = redeemed[0].ref.txid[:16]
    early = stand.alatau.post("/v1/fundings", [number, Key.of("ann 2").public, [300]])
    issuance, _ = stand.redeem(redeemed)
    assert issuance is not None
    assert cose.from_cbor(Issuance, early).body != issuance
    assert issuance.amounts == (300,)


def test_every_bank_sees_its_own_movements_only(stand: CentralBankRig) -> None:
    ann = stand.ledger.person("ann", "alatau")
    redeemed = stand.ledger.redeem(ann, stand.fund(ann, 300, name="x"), ToAccount())
    stand.commit(redeemed)
    stand.redeem(redeemed)
    listed = stand.alatau.get("/v1/movements")
    assert [row[1:] for row in listed] == [
        ["issue", named("grant alatau"), GRANT, NOW],
        ["funding", named("ann (300,) x"), -300, NOW],
        ["redemption", redeemed[0].ref.txid, 300, NOW],
    ]
    assert stand.alatau.get("/v1/movements", {"since": listed[1][0]}) == listed[2:]
    assert [row[1] for row in stand.zhibek.get("/v1/movements")] == ["issue"]


def test_a_bank_is_told_its_own_position_and_the_operator_all(stand: CentralBankRig) -> None:
    assert stand.operator.get("/v1/books") == [2 * GRANT, 0, 0, [["alatau", GRANT], ["zhibek", GRANT]]]
    stand.fund(stand.ledger.person("ann", "alatau"), 300, name="x")
    assert (stand.alatau.get("/v1/position"), stand.zhibek.get("/v1/position")) == ([GRANT - 300], [GRANT])
    for line, path in ((stand.zhibek, "/v1/books"), (stand.operator, "/v1/position")):
        with pytest.raises(Refusal) as caught:
            line.get(path)
        assert caught.value.code is Code.AUTH_FORBIDDEN


@pytest.mark.parametrize(
    ("amounts", "value", "kept"),
    [((5, 5), 10, (5, 5)), ((5, 5), 7, (5, 2)), ((5, 5), 5, (5,)), ((5, 5), 0, ()), ((5,), 9, (5,))],
)
def test_cutting(amounts: tuple[int, ...], value: int, kept: tuple[int, ...]) -> None:
    assert cut(amounts, value) == kept
