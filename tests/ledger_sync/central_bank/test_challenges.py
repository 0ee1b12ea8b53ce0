"""A bank shows the transfer it committed, or pays for the token it took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ledger_sync.sandbox.in_process import cut
from tests.ledger_sync.central_bank.stand import GRANT, Stand
from tests.support.world import Key, Person, World
from wallet.protocol import cose
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.settlement import Commit, Consumption
from wallet.protocol.transfer import Transfer
from wallet.protocol.validity import Token


class Case:
    """Ann of zhibek has paid Bob of alatau with a token that zhibek had consumed by something else."""

    def __init__(self, folder: Path) -> None:
        self.stand = Stand(folder)
        ledger = self.stand.ledger
        self.ann, self.bob, self.cid = (
            ledger.person("ann", "zhibek"),
            ledger.person("bob", "alatau"),
            ledger.person("cid", "zhibek"),
        )
        self.tokens = self.stand.fund(self.ann, 500)
        self.claim = ledger.pay(self.ann, self.tokens, self.bob, 500)

    def consume(self, consumer: bytes) -> None:
        """zhibek has the notary consume Ann's token, then alatau brings Bob's payment and loses."""
        key = World().bank_key("zhibek")
        body = Commit("zhibek", consumer, (self.tokens[0].ref,), self.stand.now)
        answers = self.stand.notary_client(key).post(
            "/v1/commits", [cose.sign(body, key.sign_digest).to_cbor()]
        )
        self.statement = cose.from_cbor(Consumption, answers[0][0])
        self.stand.commit(self.claim)

    def other_spending(self) -> cose.Signed[Transfer]:
        outputs = self.stand.ledger.pay(self.ann, self.tokens, self.cid, 500)
        return self.stand.ledger.transfers.pop(outputs[0].ref.txid)

    def show(self, transfer: cose.Signed[Transfer], consumer: bytes | None = None) -> None:
        path = f"/v1/transfers/{(consumer or transfer.id).hex()}"
        self.stand.banks["zhibek"].shown[path] = [transfer.to_cbor(), self.ann.certificate.to_cbor()]

    def body(self, claim: Sequence[Token] | None = None, payee: Person | None = None) -> Cbor:
        shown = (payee or self.bob).possession().to_cbor()
        return [self.statement.to_cbor(), (claim or self.claim)[0].ref.txid, *self.stand.proof(), shown]

    def challenge(self) -> Cbor:
        return self.stand.alatau.post("/v1/challenges", self.body())

    def positions(self) -> dict[str, int]:
        return self.stand.books()[3]


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    case = Case(tmp_path)
    yield case
    case.stand.close()


def test_a_bank_that_shows_the_transfer_pays_nothing(case: Case) -> None:
    other = case.other_spending()
    case.consume(other.id)
    case.show(other)
    assert case.challenge() == [0, [other.to_cbor(), case.ann.certificate.to_cbor()]]
    assert case.positions() == {"alatau": GRANT, "zhibek": GRANT - 500}


def test_a_bank_that_has_none_pays_the_claimants_bank_once(case: Case) -> None:
    case.consume(bytes(32))
    assert case.challenge() == [500, None]
    assert case.challenge() == [500, None]
    assert case.positions() == {"alatau": GRANT + 500, "zhibek": GRANT - 1000}
    assert case.stand.alatau.get("/v1/movements")[-1][1:4] == ["challenge", case.claim[0].ref.txid, 500]
    assert case.stand.zhibek.get("/v1/movements")[-1][1:4] == ["challenge", case.claim[0].ref.txid, -500]


def test_a_second_claimant_of_the_token_gets_nothing(case: Case) -> None:
    case.consume(bytes(32))
    again = case.stand.ledger.pay(case.ann, case.tokens, case.bob, 400)
    case.challenge()
    assert case.stand.alatau.post("/v1/challenges", case.body(again)) == [0, None]
    assert case.positions()["alatau"] == GRANT + 500


def test_a_transfer_that_does_not_consume_the_token_is_no_answer(case: Case) -> None:
    others = case.stand.fund(case.ann, 70, name="other")
    unrelated = case.stand.ledger.transfers[case.stand.ledger.pay(case.ann, others, case.cid, 70)[0].ref.txid]
    case.consume(unrelated.id)
    case.show(unrelated)
    assert case.challenge()[0] == 500


def test_a_transfer_that_the_owner_did_not_sign_is_no_answer(case: Case) -> None:
    forged = cose.sign(case.other_spending().body, Key.of("zhibek's own").sign_digest)
    case.consume(forged.id)
    case.show(forged)
    assert case.challenge()[0] == 500


def test_another_transfer_than_the_one_committed_is_no_answer(case: Case) -> None:
    case.consume(bytes(32))
    case.show(case.other_spending(), bytes(32))
    assert case.challenge()[0] == 500


def test_a_bank_that_cannot_be_reached_has_a_while(case: Case) -> None:
    case.consume(bytes(32))
    case.stand.network.lines.place(cut, callee="zhibek")
    start = case.stand.now
    for later in (0, case.stand.terms.challenge_wait):
        case.stand.now = start + later
        assert case.stand.code(case.stand.alatau, "/v1/challenges", case.body()) is Code.UNREACHABLE
    assert case.positions()["alatau"] == GRANT
    case.stand.now = start + case.stand.terms.challenge_wait + 1
    assert case.challenge() == [500, None]


def test_a_position_that_is_too_short_pays_when_it_can(case: Case) -> None:
    case.consume(bytes(32))
    case.stand.operator.post("/v1/withdrawals", [bytes(16), "zhibek", GRANT - 500 - 499])
    assert case.stand.code(case.stand.alatau, "/v1/challenges", case.body()) is Code.POSITION_SHORT
    case.stand.operator.post("/v1/issues", [bytes(16), "zhibek", 1])
    assert case.challenge() == [500, None]


def test_only_the_payees_bank_may_claim(case: Case) -> None:
    case.consume(bytes(32))
    mine = case.stand.ledger.pay(case.ann, case.tokens, case.cid, 500)
    stolen = replace(case.cid.certificate.body, bank="alatau")
    hijacked = Person(case.cid.key, cose.sign(stolen, case.stand.ledger.world.bank_key("alatau").sign_digest))
    unwanted = [*case.body(mine)[:-1], hijacked.possession("zhibek").to_cbor()]
    for body, code in (
        (case.body(mine, case.cid), Code.AUTH_FORBIDDEN),
        (case.body(mine, case.bob), Code.KEY_INVALID),
        (unwanted, Code.KEY_INVALID),
    ):
        assert case.stand.code(case.stand.alatau, "/v1/challenges", body) is code


def test_a_claim_must_have_lost_to_the_very_statement(case: Case) -> None:
    case.consume(bytes(32))
    others = case.stand.fund(case.ann, 70, name="other")
    unrelated = case.stand.ledger.pay(case.ann, others, case.bob, 70)
    assert case.stand.code(case.stand.alatau, "/v1/challenges", case.body(unrelated)) is Code.EVIDENCE_INVALID


def test_refunds_and_ones_own_commits_are_not_challenged(case: Case) -> None:
    case.consume(bytes(32))
    key = case.stand.ledger.world.notary
    for bank in ("", "alatau"):
        body = Consumption(bytes(32), bank, case.stand.now, (case.tokens[0].ref,))
        case.statement = cose.sign(body, key.sign_digest)
        assert case.stand.code(case.stand.alatau, "/v1/challenges", case.body()) is Code.EVIDENCE_INVALID
    case.statement = cose.sign(case.statement.body, Key.of("stranger").sign_digest)
    with pytest.raises(Refusal, match=Code.NOTARY_SIGNATURE.value):
        case.challenge()
