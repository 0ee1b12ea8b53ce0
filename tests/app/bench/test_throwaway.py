"""What the bench measures is real: its payments are valid at every hop, and its bare verifications verify."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidSignature

from app.bench.bare import bare, signatures, verify_all
from app.bench.throwaway import Authorities, ask
from wallet.protocol.bounds import MAX_HOP
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.request import check_request
from wallet.protocol.validity import verify

AUTHORITIES = Authorities()
DIRECTORY = AUTHORITIES.directory()


@pytest.mark.parametrize("hops", [1, 2, MAX_HOP])
def test_a_chain_is_a_valid_payment_of_so_many_hops(hops: int) -> None:
    chain = AUTHORITIES.chain(AUTHORITIES.people(hops + 1))
    received = verify(chain.payment.encode(), DIRECTORY).received
    assert [token.hop for token in received] == [hops]
    assert all(
        request.body.key == made.body.payee
        for request, made in zip(chain.requests, chain.transfers, strict=True)
    )


def test_one_hop_more_is_refused() -> None:
    chain = AUTHORITIES.chain(AUTHORITIES.people(MAX_HOP + 2))
    with pytest.raises(Refusal) as refused:
        verify(chain.payment.encode(), DIRECTORY)
    assert refused.value.code is Code.HOP_LIMIT


def test_every_payer_keeps_change_and_certificates_travel_once() -> None:
    """Two people hand the money to and fro: four transfers, two certificates."""
    first, second = AUTHORITIES.people(2)
    chain = AUTHORITIES.chain([first, second, first, second, first])
    assert len(chain.payment.certificates) == 2
    assert all(made.body.change > 0 for made in chain.transfers)
    verify(chain.payment.encode(), DIRECTORY)


def test_a_payment_of_fifteen_hops_has_thirty_one_signatures() -> None:
    chain = AUTHORITIES.chain(AUTHORITIES.people(MAX_HOP + 1))
    keys = AUTHORITIES.bank.public, AUTHORITIES.issuing.public
    assert len(signatures(chain, *keys)) == 15 + 15 + 1
    assert len(signatures(chain, *keys, with_requests=True)) == 15 + 15 + 1 + 15


def test_a_bare_verification_is_one() -> None:
    chain = AUTHORITIES.chain(AUTHORITIES.people(2))
    ready = signatures(chain, AUTHORITIES.bank.public, AUTHORITIES.issuing.public)
    with pytest.raises(InvalidSignature):
        verify_all([*ready, replace(ready[0], digest=bytes(32))])
    with pytest.raises(InvalidSignature):
        bare([(chain.issuance, AUTHORITIES.bank.public)])


def test_a_request_is_good() -> None:
    check_request(ask(AUTHORITIES.person(), 1, AUTHORITIES.now), DIRECTORY)
