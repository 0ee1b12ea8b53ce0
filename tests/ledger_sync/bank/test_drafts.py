"""What can be said of transfers: by what is stored, what the notary has just said, and what one look at all tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger_sync.bank.ports.settlements import Answer
from ledger_sync.bank.settlement.drafts import Drafts
from tests.ledger_sync.bank.contracts.chain import Chain
from tests.ledger_sync.bank.inside import storage_in
from tests.ledger_sync.bank.network import LedgerNetwork
from wallet.protocol.codes import Code
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import TokenRef


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return Chain(storage_in(tmp_path / "chain.db"))


def outcomes(
    chain: Chain, net: LedgerNetwork, said: dict[TokenRef, bytes]
) -> list[tuple[Verdict, tuple[int, ...]] | None]:
    drafts = Drafts(chain.objects, net.banks["alatau"].node.watch, chain.storage.conflicts)
    found = drafts.of(chain.storage.settlements.cases(chain.ids), said)
    told = [draft.outcome for draft in found]
    return [None if outcome is None else (outcome.verdict, outcome.values) for outcome in told]


def words(chain: Chain) -> dict[TokenRef, bytes]:
    return {transfer.body.inputs[0]: transfer.id for transfer in chain.transfers}


def test_a_whole_chain_is_settled_in_one_look(chain: Chain, net: LedgerNetwork) -> None:
    settled = Verdict.SETTLED
    assert outcomes(chain, net, words(chain)) == [
        (settled, (700, 300)),
        (settled, (700,)),
        (settled, (700,)),
    ]


def test_without_the_notarys_word_nothing_can_be_said(chain: Chain, net: LedgerNetwork) -> None:
    assert outcomes(chain, net, {}) == [None, None, None]
    said = words(chain)
    del said[chain.transfers[1].body.inputs[0]]
    assert outcomes(chain, net, said) == [(Verdict.SETTLED, (700, 300)), None, None]


def test_what_the_notary_said_before_stands_before_what_it_says_now(chain: Chain, net: LedgerNetwork) -> None:
    chain.storage.settlements.note(chain.said(*chain.transfers), are_ours=True)
    other = dict.fromkeys(words(chain), bytes(32))
    assert outcomes(chain, net, other) == outcomes(chain, net, words(chain))


def test_a_conflict_whose_payload_is_not_at_hand_holds_up_what_descends(
    chain: Chain, net: LedgerNetwork
) -> None:
    said = {**words(chain), chain.transfers[0].body.inputs[0]: bytes(32)}
    assert outcomes(chain, net, said) == [None, None, None]


def test_a_payload_that_nobody_shows_makes_it_short_and_so_its_descendants(
    chain: Chain, net: LedgerNetwork
) -> None:
    said = {**words(chain), chain.transfers[0].body.inputs[0]: bytes(32)}
    chain.storage.conflicts.was_not_shown(chain.ids[0], bytes(32))
    assert outcomes(chain, net, said) == [
        (Verdict.SHORT, (0, 0)),
        (Verdict.SHORT, (0,)),
        (Verdict.SHORT, (0,)),
    ]


def test_what_is_refused_has_its_code_and_no_values(chain: Chain, net: LedgerNetwork) -> None:
    chain.storage.settlements.committed(chain.ids[:1])
    chain.storage.settlements.refuse(chain.ids[0], Code.HOP_LIMIT)
    assert outcomes(chain, net, words(chain))[0] == (Verdict.REFUSED, ())


def test_what_has_its_verdict_is_worth_what_that_says(chain: Chain, net: LedgerNetwork) -> None:
    chain.storage.settlements.answer([Answer(chain.verdict(chain.transfers[0], 250, 0), None)])
    assert outcomes(chain, net, words(chain)) == [(Verdict.SHORT, (250,)), (Verdict.SHORT, (250,))]
