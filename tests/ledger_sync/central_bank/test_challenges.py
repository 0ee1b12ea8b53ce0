"""A bank shows the transfer it committed, or pays for the token it took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from ledger_sync.central_bank.asking import ATTEMPTS
from ledger_sync.sandbox.in_process import Exchange, cut
from ledger_sync.sandbox.in_process.network import named
from tests.ledger_sync.central_bank.rig import GRANT, CentralBankRig
from tests.support.world import DAY, Key, Person, World
from wallet.protocol import cose
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.settlement import Commit, Consumption, read_consumption
from wallet.protocol.transfer import ToPayer, Transfer
from wallet.protocol.validity import Token


class Case:
    """Ann of zhibek has paid Bob of alatau with a token that zhibek had consumed by something else."""

    def __init__(self, folder: Path) -> None:
        self.rig = CentralBankRig(folder)
        ledger = self.rig.ledger
        self.ann, self.bob, self.cid = (
            ledger.person("ann", "zhibek"),
            ledger.person("bob", "alatau"),
            ledger.person("cid", "zhibek"),
        )
        self.tokens = self.rig.fund(self.ann, 500)
        self.claim = ledger.pay(self.ann, self.tokens, self.bob, 500)

    def consume(self, consumer: bytes) -> None:
        """zhibek has the notary consume Ann's token, then alatau brings Bob's payment and loses."""
        key = World().bank_key("zhibek")
        body = Commit("zhibek", consumer, (self.tokens[0].ref,), self.rig.now)
        answers = self.rig.notary_client(key).post("/v1/commits", [cose.sign(body, key.sign).to_cbor()])
        self.statement = read_consumption(answers[0][0])
        self.rig.commit(self.claim)

    def other_spending(self) -> cose.Signed[Transfer]:
        outputs = self.rig.ledger.pay(self.ann, self.tokens, self.cid, 500)
        return self.rig.ledger.transfers.pop(outputs[0].ref.txid)

    def show(self, transfer: cose.Signed[Transfer], consumer: bytes | None = None) -> None:
        path = f"/v1/transfers/{(consumer or transfer.id).hex()}"
        self.rig.banks["zhibek"].shown[path] = [transfer.to_cbor(), self.ann.certificate.to_cbor()]

    def body(self, claim: Sequence[Token] | None = None, payee: Person | None = None) -> Cbor:
        shown = (payee or self.bob).possession().to_cbor()
        return [self.statement.to_cbor(), (claim or self.claim)[0].ref.txid, *self.rig.proof(), shown]

    def challenge(self) -> Cbor:
        return self.rig.alatau.post("/v1/challenges", self.body())

    def positions(self) -> dict[str, int]:
        return self.rig.books()[3]


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    case = Case(tmp_path)
    yield case
    case.rig.close()


def test_a_bank_that_shows_the_transfer_pays_nothing(case: Case) -> None:
    other = case.other_spending()
    case.consume(other.id)
    case.show(other)
    assert case.challenge() == [0, [other.to_cbor(), case.ann.certificate.to_cbor()], 0]
    assert case.positions() == {"alatau": GRANT, "zhibek": GRANT - 500}


def test_a_bank_that_has_none_pays_the_claimants_bank_once(case: Case) -> None:
    case.consume(bytes(32))
    assert case.challenge() == [500, None, 0]
    assert case.challenge() == [500, None, 0]
    assert case.positions() == {"alatau": GRANT + 500, "zhibek": GRANT - 1000}
    assert case.rig.alatau.get("/v1/movements")[-1][1:4] == ["challenge", case.claim[0].ref.txid, 500]
    assert case.rig.zhibek.get("/v1/movements")[-1][1:4] == ["challenge", case.claim[0].ref.txid, -500]


def test_a_second_claimant_of_the_token_gets_nothing(case: Case) -> None:
    case.consume(bytes(32))
    again = case.rig.ledger.pay(case.ann, case.tokens, case.bob, 400)
    case.challenge()
    assert case.rig.alatau.post("/v1/challenges", case.body(again)) == [0, None, 0]
    assert case.positions()["alatau"] == GRANT + 500


def test_a_transfer_that_does_not_consume_the_token_is_no_answer(case: Case) -> None:
    others = case.rig.fund(case.ann, 70, name="other")
    unrelated = case.rig.ledger.transfers[case.rig.ledger.pay(case.ann, others, case.cid, 70)[0].ref.txid]
    case.consume(unrelated.id)
    case.show(unrelated)
    assert case.challenge()[0] == 500


def test_a_transfer_that_the_owner_did_not_sign_is_no_answer(case: Case) -> None:
    forged = cose.sign(case.other_spending().body, Key.of("zhibek's own").sign)
    case.consume(forged.id)
    case.show(forged)
    assert case.challenge()[0] == 500


def test_another_transfer_than_the_one_committed_is_no_answer(case: Case) -> None:
    case.consume(bytes(32))
    case.show(case.other_spending(), bytes(32))
    assert case.challenge()[0] == 500


def test_a_bank_that_cannot_be_reached_has_a_while(case: Case) -> None:
    case.consume(bytes(32))
    case.rig.network.lines.place(cut, callee="zhibek")
    step = case.rig.terms.challenge_wait // ATTEMPTS
    for _ in range(ATTEMPTS):
        assert case.rig.code(case.rig.alatau, "/v1/challenges", case.body()) is Code.UNREACHABLE
        assert case.rig.code(case.rig.alatau, "/v1/challenges", case.body()) is Code.UNREACHABLE
        case.rig.now += step
    assert case.positions()["alatau"] == GRANT
    assert case.challenge() == [500, None, 0]


@pytest.mark.parametrize("failure", [Code.UNREACHABLE, Code.BUSY, Code.INTERNAL, Code.AUTH_STALE])
def test_a_bank_that_was_out_of_reach_twice_a_day_apart_does_not_pay(case: Case, failure: Code) -> None:
    """The moments are not the challenger's to choose: in between the central bank asks by itself."""
    other = case.other_spending()
    case.consume(other.id)
    case.show(other)
    bank = case.rig.banks["zhibek"]
    bank.failure = failure
    assert case.rig.code(case.rig.alatau, "/v1/challenges", case.body()) is Code.UNREACHABLE
    case.rig.now += case.rig.terms.challenge_wait + 1
    assert case.rig.code(case.rig.alatau, "/v1/challenges", case.body()) is Code.UNREACHABLE
    bank.failure = None
    case.rig.now += 3_600
    case.rig.challenging.follow_up()
    bank.failure = failure
    case.rig.now += case.rig.terms.challenge_wait + 1
    assert case.challenge()[:2] == [0, [other.to_cbor(), case.ann.certificate.to_cbor()]]
    assert case.positions() == {"alatau": GRANT, "zhibek": GRANT - 500}


def test_shown_once_is_shown(case: Case) -> None:
    other = case.other_spending()
    case.consume(other.id)
    case.show(other)
    shown = case.challenge()
    case.rig.reopen()
    case.rig.banks["zhibek"].shown.clear()
    case.rig.banks["zhibek"].failure = Code.UNREACHABLE
    for _ in range(2 * ATTEMPTS):
        case.rig.now += case.rig.terms.challenge_wait + 1
        assert case.challenge() == shown
    assert case.positions() == {"alatau": GRANT, "zhibek": GRANT - 500}


def test_a_bank_that_lets_wait_is_asked_one_question_and_nobody_else_waits_for_it(case: Case) -> None:
    """While its answer is on the way others ask the same: each is told at once that it is open."""
    other = case.other_spending()
    case.consume(other.id)
    case.show(other)
    questions = 0

    def slow(exchange: Exchange) -> httpx.Response:
        nonlocal questions
        questions += 1
        for _ in range(40 if questions == 1 else 0):
            assert case.rig.code(case.rig.alatau, "/v1/challenges", case.body()) is Code.UNREACHABLE
        return exchange.deliver()

    case.rig.network.lines.place(slow, callee="zhibek")
    assert case.challenge() == [0, [other.to_cbor(), case.ann.certificate.to_cbor()], 0]
    assert questions == 1


def test_nobody_needs_to_ask_again_for_a_bank_to_have_failed(case: Case) -> None:
    case.consume(bytes(32))
    case.rig.banks["zhibek"].failure = Code.UNREACHABLE
    assert case.rig.code(case.rig.alatau, "/v1/challenges", case.body()) is Code.UNREACHABLE
    for _ in range(ATTEMPTS):
        case.rig.now += case.rig.terms.challenge_wait // ATTEMPTS
        case.rig.challenging.follow_up()
    case.rig.banks["zhibek"].failure = None
    assert case.challenge() == [500, None, 0]


def test_what_a_wrong_clock_has_put_off_is_asked_when_it_is_right_again(case: Case) -> None:
    other = case.other_spending()
    case.consume(other.id)
    case.rig.banks["zhibek"].failure = Code.UNREACHABLE
    case.rig.now += 400 * DAY
    assert case.rig.code(case.rig.alatau, "/v1/challenges", case.body()) is Code.UNREACHABLE
    case.rig.now -= 400 * DAY
    case.rig.banks["zhibek"].failure = None
    case.show(other)
    case.rig.challenging.follow_up()
    case.rig.banks["zhibek"].failure = Code.UNREACHABLE
    assert case.challenge()[0] == 0, "it was asked, and shown once is shown"
    assert case.positions() == {"alatau": GRANT, "zhibek": GRANT - 500}


def test_a_bank_that_was_first_asked_at_a_wrong_time_fails_a_day_after_the_right_one(case: Case) -> None:
    case.consume(bytes(32))
    case.rig.banks["zhibek"].failure = Code.UNREACHABLE
    case.rig.now += 400 * DAY
    assert case.rig.code(case.rig.alatau, "/v1/challenges", case.body()) is Code.UNREACHABLE
    case.rig.now -= 400 * DAY
    for _ in range(ATTEMPTS + 2):
        case.rig.challenging.follow_up()
        case.rig.now += case.rig.terms.challenge_wait // ATTEMPTS
    assert case.challenge() == [500, None, 0]


def test_what_a_position_cannot_pay_stays_owed_and_is_not_the_banks_to_spend(case: Case) -> None:
    case.consume(bytes(32))
    case.rig.operator.post("/v1/withdrawals", [bytes(16), "zhibek", GRANT - 500 - 200])
    assert case.challenge() == [200, None, 300]
    assert case.challenge() == [200, None, 300]
    assert case.positions() == {"alatau": GRANT + 200, "zhibek": 0}
    case.rig.operator.post("/v1/issues", [named("more"), "zhibek", 310])
    fund = [named("new"), case.ann.key.public, [11]]
    assert case.rig.code(case.rig.zhibek, "/v1/fundings", fund) is Code.POSITION_SHORT
    withdraw = [named("out"), "zhibek", 11]
    assert case.rig.code(case.rig.operator, "/v1/withdrawals", withdraw) is Code.POSITION_SHORT
    case.rig.challenging.follow_up()
    assert case.challenge() == [500, None, 0]
    assert case.positions() == {"alatau": GRANT + 500, "zhibek": 10}
    moved = [row[3] for row in case.rig.alatau.get("/v1/movements") if row[1] == "challenge"]
    assert moved == [200, 300]


def test_what_a_bank_owes_its_own_customer_moves_no_position(case: Case) -> None:
    claim = case.rig.ledger.pay(case.ann, case.tokens, case.cid, 500)
    case.consume(bytes(32))
    case.rig.commit(claim, bank="zhibek")
    before = case.positions()
    assert case.rig.zhibek.post("/v1/challenges", case.body(claim, case.cid)) == [500, None, 0]
    assert case.positions() == before


def test_two_words_of_the_notary_on_one_token_are_no_two_claims(case: Case) -> None:
    case.consume(bytes(32))
    assert case.challenge() == [500, None, 0]
    other = replace(case.statement.body.alone(), consumer=bytes([1]) * 32)
    case.statement = cose.sign(other, case.rig.ledger.world.notary.sign)
    assert case.rig.code(case.rig.alatau, "/v1/challenges", case.body()) is Code.COMMIT_MISMATCH
    assert case.positions()["alatau"] == GRANT + 500


def test_who_only_wants_to_know_is_told_and_gets_nothing(case: Case) -> None:
    case.consume(bytes(32))
    asked = [*case.body()[:-1], None]
    assert case.rig.alatau.post("/v1/challenges", asked) == [0, None, 0]
    assert case.positions()["zhibek"] == GRANT - 500
    assert case.challenge() == [500, None, 0]


def test_a_compensation_brings_each_output_to_its_face_and_no_further(case: Case) -> None:
    """Tokens of 50 000 and 20 000, 60 000 paid, 10 000 change; the 50 000 are lost to nothing that can be shown."""
    rig = case.rig
    lost, kept = rig.fund(case.ann, 50_000, name="lost")[0], rig.fund(case.ann, 20_000, name="kept")[0]
    case.tokens = (lost,)
    case.claim = rig.ledger.pay(case.ann, [lost, kept], case.bob, 60_000)
    case.consume(bytes(32))
    before = case.positions()
    assert case.challenge() == [40_000, None, 0]
    assert case.positions()["alatau"] == before["alatau"] + 40_000
    signer = case.body(payee=case.ann)
    assert rig.code(rig.alatau, "/v1/challenges", signer) is Code.AUTH_FORBIDDEN
    assert case.positions()["zhibek"] == before["zhibek"] - 40_000


@pytest.mark.parametrize("rounds", [1, 3])
def test_the_change_goes_to_the_signers_bank(tmp_path: Path, rounds: int) -> None:
    """Payer and payee at one bank, the token was taken by the other bank."""
    rig = CentralBankRig(tmp_path)
    ledger = rig.ledger
    ann, bob = ledger.person("ann", "alatau"), ledger.person("bob", "alatau")
    lost, kept = rig.fund(ann, 50_000, name="lost")[0], rig.fund(ann, 20_000, name="kept")[0]
    claim = ledger.pay(ann, [lost, kept], bob, 60_000)
    key = World().bank_key("zhibek")
    commit = cose.sign(Commit("zhibek", bytes(32), (lost.ref,), rig.now), key.sign)
    answers = rig.notary_client(key).post("/v1/commits", [commit.to_cbor()])
    rig.commit(claim)
    before = rig.books()[3]
    for _ in range(rounds):
        for person, value in ((bob, 40_000), (ann, 10_000)):
            body = [answers[0][0], claim[0].ref.txid, *rig.proof(), person.possession().to_cbor()]
            assert rig.alatau.post("/v1/challenges", body) == [value, None, 0]
    after = rig.books()[3]
    assert after == {"alatau": before["alatau"] + 50_000, "zhibek": before["zhibek"] - 50_000}
    rig.close()


def test_a_refused_output_is_the_payers(case: Case) -> None:
    """Bob refuses what Dan paid, and zhibek has taken the token for nothing that it can show: Dan is owed."""
    rig = case.rig
    payer = rig.ledger.person("dan", "alatau")
    paid = rig.ledger.pay(payer, rig.fund(payer, 700), case.bob, 700)
    rig.commit(paid)
    case.tokens = tuple(paid)
    case.claim = rig.ledger.redeem(case.bob, paid, ToPayer(payer.key.public))
    case.consume(bytes(32))
    assert rig.code(rig.alatau, "/v1/challenges", case.body()) is Code.KEY_INVALID
    assert rig.alatau.post("/v1/challenges", case.body(payee=payer)) == [700, None, 0]


def test_a_certificate_of_the_challenged_banks_making_is_worth_nothing(case: Case) -> None:
    other = case.other_spending()
    case.consume(other.id)
    bad = cose.sign(case.ann.certificate.body, Key.of("nobody").sign)
    path = f"/v1/transfers/{other.id.hex()}"
    case.rig.banks["zhibek"].shown[path] = [other.to_cbor(), bad.to_cbor()]
    assert case.challenge() == [0, [other.to_cbor(), case.ann.certificate.to_cbor()], 0]


def test_only_the_payees_bank_may_claim(case: Case) -> None:
    case.consume(bytes(32))
    mine = case.rig.ledger.pay(case.ann, case.tokens, case.cid, 500)
    stolen = replace(case.cid.certificate.body, bank="alatau")
    hijacked = Person(case.cid.key, cose.sign(stolen, case.rig.ledger.world.bank_key("alatau").sign))
    unwanted = [*case.body(mine)[:-1], hijacked.possession("zhibek").to_cbor()]
    for body, code in (
        (case.body(mine, case.cid), Code.AUTH_FORBIDDEN),
        (case.body(mine, case.bob), Code.KEY_INVALID),
        (unwanted, Code.KEY_INVALID),
    ):
        assert case.rig.code(case.rig.alatau, "/v1/challenges", body) is code


def test_a_claim_must_have_lost_to_the_very_statement(case: Case) -> None:
    case.consume(bytes(32))
    others = case.rig.fund(case.ann, 70, name="other")
    unrelated = case.rig.ledger.pay(case.ann, others, case.bob, 70)
    assert case.rig.code(case.rig.alatau, "/v1/challenges", case.body(unrelated)) is Code.EVIDENCE_INVALID


def test_refunds_are_not_challenged(case: Case) -> None:
    case.consume(bytes(32))
    key = case.rig.ledger.world.notary
    body = Consumption(bytes(32), "", case.rig.now, (case.tokens[0].ref,))
    case.statement = cose.sign(body, key.sign)
    assert case.rig.code(case.rig.alatau, "/v1/challenges", case.body()) is Code.EVIDENCE_INVALID
    case.statement = cose.sign(case.statement.body, Key.of("stranger").sign)
    with pytest.raises(Refusal, match=Code.NOTARY_SIGNATURE.value):
        case.challenge()
