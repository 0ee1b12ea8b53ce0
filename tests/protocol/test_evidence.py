"""Evidence names a key that signed twice, and nobody else: not the payee, not a repeat, not a gap."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deals import refusal_of
from tests.support.world import Key
from tests.vectors.good import AIGUL, BAURZHAN, DEAL, ELSEWHERE, SHOP, TOKEN, WORLD, refusal, rival
from wallet.protocol import cose
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Contradiction, Culprit, Evidence, check_evidence, parse_evidence
from wallet.protocol.request import request_ref
from wallet.protocol.transfer import Transfer

MINE = DEAL.payment.transfers[0]
CERTIFICATE = AIGUL.certificate


def named(evidence: Evidence | None) -> Culprit:
    assert evidence is not None
    assert parse_evidence(evidence.encode()) == evidence
    return check_evidence(evidence, WORLD.directory())


def invalid(evidence: Evidence) -> bool:
    return refusal_of(lambda: check_evidence(evidence, WORLD.directory())) is Code.EVIDENCE_INVALID


def test_one_token_on_two_transfers_is_a_conflict() -> None:
    culprit = named(Evidence.of(MINE, rival(payee=SHOP.key.public, sequence=5), CERTIFICATE))
    body = CERTIFICATE.body
    assert culprit == Culprit(body.wallet, body.bank, body.key, MINE.body.inputs[0], None)


def test_one_number_on_two_transfers_is_a_fork_even_of_different_tokens() -> None:
    culprit = named(Evidence.of(MINE, rival(inputs=ELSEWHERE), CERTIFICATE))
    assert (culprit.token, culprit.sequence) == (None, MINE.body.sequence)


def test_the_order_in_which_they_are_found_does_not_matter() -> None:
    other = rival(payee=SHOP.key.public)
    assert Evidence.of(MINE, other, CERTIFICATE) == Evidence.of(other, MINE, CERTIFICATE)


def test_refusing_and_spending_the_same_money_is_a_conflict_of_the_payee() -> None:
    request = WORLD.request(SHOP, TOKEN.amount)
    spent = WORLD.transfer(BAURZHAN, [TOKEN], SHOP.key.public, TOKEN.amount, request_ref(request))
    culprit = named(Evidence.of(refusal(), spent, BAURZHAN.certificate))
    assert (culprit.key, culprit.token) == (BAURZHAN.key.public, TOKEN.ref)


def test_a_repeat_is_no_evidence_not_even_with_another_signature() -> None:
    again = replace(MINE, signature=AIGUL.key.sign(bytes(32)))
    for twin in (MINE, again):
        assert Evidence.of(MINE, twin, CERTIFICATE) is None
        for kind in Contradiction:
            assert invalid(Evidence(kind, MINE, twin, CERTIFICATE))


def test_different_numbers_and_tokens_prove_nothing() -> None:
    apart = rival(inputs=ELSEWHERE, sequence=MINE.body.sequence + 7)
    assert Evidence.of(MINE, apart, CERTIFICATE) is None
    first, second = sorted((MINE, apart), key=lambda item: item.id)
    for kind in Contradiction:
        assert invalid(Evidence(kind, first, second, CERTIFICATE))


def test_a_conflict_is_not_called_a_fork_unless_it_is_one_too() -> None:
    first, second = sorted((MINE, rival(payee=SHOP.key.public, sequence=9)), key=lambda item: item.id)
    assert invalid(Evidence(Contradiction.SEQUENCE_FORK, first, second, CERTIFICATE))


def test_both_are_signed_by_the_certified_key() -> None:
    other = rival(payee=SHOP.key.public)
    for forger in (BAURZHAN.key, Key.of("a stranger"), WORLD.bank_key("alatau")):
        forged = cose.sign(other.body, forger.sign)
        first, second = sorted((MINE, forged), key=lambda item: item.id)
        assert invalid(Evidence(Contradiction.CONFLICT, first, second, CERTIFICATE))
    first, second = sorted((MINE, other), key=lambda item: item.id)
    assert invalid(Evidence(Contradiction.CONFLICT, first, second, BAURZHAN.certificate))
    assert invalid(Evidence(Contradiction.CONFLICT, second, first, CERTIFICATE))


def test_the_certificate_is_a_banks() -> None:
    first, second = sorted((MINE, rival(payee=SHOP.key.public)), key=lambda item: item.id)
    for by in (AIGUL.key, WORLD.bank_key("zhibek")):
        forged = cose.sign(CERTIFICATE.body, by.sign)
        evidence = Evidence(Contradiction.CONFLICT, first, second, forged)
        assert refusal_of(lambda evidence=evidence: check_evidence(evidence, WORLD.directory())) is (  # type: ignore[misc]
            Code.CERTIFICATE_SIGNATURE
        )


@given(st.integers(0, 2**32 - 1), st.sampled_from([MINE.body.inputs, ELSEWHERE]), st.booleans())
def test_evidence_is_made_exactly_where_it_is_valid(sequence: int, inputs: object, to_shop: bool) -> None:
    payee = SHOP.key.public if to_shop else MINE.body.payee
    other: Signed[Transfer] = rival(sequence=sequence, inputs=inputs, payee=payee)
    found = Evidence.of(MINE, other, CERTIFICATE)
    contradicts = other.id != MINE.id and (sequence == MINE.body.sequence or inputs == MINE.body.inputs)
    assert (found is not None) == contradicts
    if found is not None:
        assert named(found).key == AIGUL.key.public


@pytest.mark.parametrize("kind", [0, 3, True, None])
def test_there_are_two_kinds(kind: object) -> None:
    evidence = Evidence.of(MINE, rival(payee=SHOP.key.public), CERTIFICATE)
    assert evidence is not None
    value = evidence.to_cbor()
    assert refusal_of(lambda: Evidence.from_cbor([kind, *value[1:]])) is Code.MALFORMED
