"""Proofs that have no room for all paths, after the notary was split: what a part said itself it signs alone; what was
said before, under a key that the part has not, stays in the log as long as it fits, and then holds up nothing else."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from ledger_sync.bank.jobs import lanes
from ledger_sync.bank.ports.jobs import JobKind
from ledger_sync.bank.redemption.proofs import Proofs, Statements
from ledger_sync.central_bank.directories import SPLIT_SECONDS
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from ledger_sync.sandbox.in_process.lines import url
from ledger_sync.service.backup import RESTORED
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import LedgerNetwork, keystores
from tests.ledger_sync.bank.test_words_in_log import Calls, older
from wallet.protocol import codec
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.parts import prefix_of
from wallet.protocol.settlement import Consumption, check_consumption
from wallet.protocol.transfer import Transfer
from wallet.protocol.validity import Token

OTHER = "notary-b"
SPLIT = {NOTARY: ("0",), OTHER: ("1",)}
EACH = 2
"""Tokens of either half that were paid before the split, each with a word of its own."""


class Halves:
    """A network whose notary is split once some payments have settled; the second half has its own key alone."""

    def __init__(self, folder: Path) -> None:
        whole = LedgerNetwork(folder)
        with closing(whole):
            self.payee, self.before = _paid(whole)
            _announce(whole)
        shutil.copytree(folder / NOTARY, folder / OTHER)
        (folder / OTHER / RESTORED).touch()
        self.net = LedgerNetwork(folder, Random(2).randbytes, notaries=SPLIT)
        known = ("now", "_transfers", "_inputs", "_issuances", "_certificates", "_requests")
        for name in known:
            setattr(self.net, name, getattr(whole, name))
        self.payee.net = self.net
        self.net.network.work()

    def spent(self) -> Signed[Transfer]:
        """All of it at once, settled since the split."""
        tokens = [token for made in self.before for token in self.net.outputs(made)[:1]]
        made = self.net.defund(self.payee, tokens)
        self.payee.upload(made)
        return made

    def shown(self, txid: bytes, most: int) -> Statements:
        node = self.net.banks[self.payee.bank].node
        return Proofs(node.provenance, node.alone.of, most).show(txid, lambda _bundle, found: found)


def _paid(net: LedgerNetwork) -> tuple[Customer, list[Signed[Transfer]]]:
    """As many payments for either half of what they consume."""
    payer, payee = net.customer("Payer"), net.customer("Payee", "zhibek")
    tokens: dict[str, list[Token]] = {"0": [], "1": []}
    while min(map(len, tokens.values())) < EACH:
        (token,) = payer.fund(1_000)
        tokens[prefix_of(token.ref.txid, 1)].append(token)
    made = [net.pay(payer, [token], payee, 1_000) for half in tokens.values() for token in half[:EACH]]
    payee.upload(*made)
    net.settle_down(1)
    return payee, made


def _announce(whole: LedgerNetwork) -> None:
    homes = keystores([OTHER])
    parts = {
        prefix: {"url": url(name), "key": homes[name].public_key("notary").hex()}
        for name, (prefix,) in SPLIT.items()
    }
    whole.network.restart(CENTRAL_BANK, notary=parts)
    whole.network.operate(CENTRAL_BANK, "/v1/handovers", [2])
    whole.now += SPLIT_SECONDS
    whole.settle_down(2)


@pytest.fixture
def halves(tmp_path: Path) -> Iterator[Halves]:
    made = Halves(tmp_path / "net")
    with closing(made.net):
        yield made


def _consumed(made: list[Signed[Transfer]], half: str) -> set[bytes]:
    """Which of these consumed what is in one half."""
    return {one.id for one in made if prefix_of(one.body.inputs[0].txid, 1) == half}


def _alone(said: Signed[Consumption]) -> Signed[Consumption]:
    """As long as the same signed alone."""
    body = said.body.alone()
    return Signed(body, codec.encode(body.to_cbor()), said.signature, said.id)


def test_so_many_are_signed_alone_as_are_needed_first_what_is_had_most_surely(halves: Halves) -> None:
    spent = halves.spent()
    directory = halves.net.directory()
    in_log = halves.shown(spent.id, 1_000_000)
    assert all(said.leaf is not None for said in in_log.values())
    most = sum(said.size() for said in in_log.values()) - 1
    shown = halves.shown(spent.id, most)
    for said in shown.values():
        check_consumption(said, directory)
    assert {said.body.consumer for said in shown.values() if said.leaf is None} == {spent.id}
    kept = [said.body.alone() for said in in_log.values()]
    assert [said.body.alone() for said in shown.values()] == kept


def test_what_a_part_cannot_sign_stays_in_the_log_where_the_others_make_room(halves: Halves) -> None:
    spent = halves.spent()
    without_key = _consumed(halves.before, "1")
    in_log = halves.shown(spent.id, 1_000_000).values()
    most = sum(said.size() if said.body.consumer in without_key else _alone(said).size() for said in in_log)
    shown = halves.shown(spent.id, most)
    assert {said.body.consumer for said in shown.values() if said.leaf is not None} == without_key


def test_what_has_no_room_without_that_waits_and_says_why(halves: Halves) -> None:
    spent = halves.spent()
    with pytest.raises(Refusal) as refused:
        halves.shown(spent.id, 1)
    assert (refused.value.code, refused.value.facts) == (Code.BUSY, {"cause": "key_unknown"})


def test_a_redemption_that_waits_for_words_alone_is_no_silence_of_the_central_banks(
    halves: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """Here that reads no others. The log tells the bank's people why."""
    caplog.set_level(logging.INFO)
    calls = Calls(halves.net)
    calls.refuses = older
    halves.spent()
    halves.net.settle_down(2)
    assert calls.to("/v1/redemptions"), "it was tried"
    node = halves.net.banks[halves.payee.bank].node
    assert lanes.CENTRAL_BANK in node.work.answering()
    told = [vars(record) for record in caplog.records if "cause" in vars(record)]
    assert {(one["kind"], one["code"], one["cause"]) for one in told} == {
        (JobKind.REDEEM, Code.BUSY, "key_unknown")
    }
