"""Two settling desks on one store, as two processes of one bank: each transfer has one verdict, and is listed once.

The second desk comes when the first has asked the notary and has no answer yet, or has signed and not written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_sync.bank.api.node import Node
from ledger_sync.bank.ports.shares import uploader_of_bank, uploader_of_customer
from ledger_sync.bank.program import assemble
from ledger_sync.sandbox.in_process import NOTARY
from tests.ledger_sync.bank.network import Customer, LedgerNetwork
from tests.ledger_sync.bank.watched import watched
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Verdict, settle_values
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token

BANK = "alatau"
LEASE = 60
"""Seconds for which nobody else commits what a desk is at."""


class Settlers:
    """A bank's node and a second one over the same files, and what happens when the notary is asked."""

    def __init__(self, town: LedgerNetwork) -> None:
        self.town = town
        self.first, self.watch = watched(town, BANK)
        other = assemble(town.network.homes[BANK])
        self.second, self.close = other.node, other.service.close
        self.asked = 0
        self.meanwhile: Callable[[], object] = lambda: None
        town.between = self._between

    def _between(self, service: str, request: httpx.Request, deliver: Callable[[], httpx.Response]) -> Any:
        if service == NOTARY and request.url.path == "/v1/commits":
            self.asked += 1
            self.meanwhile()
        return deliver()

    def once_answered(self, step: Callable[[], object]) -> None:
        """``step`` happens when the first desk knows what the notary says, and signs by that."""

        def happen() -> None:
            self.watch.before_signing = lambda: None
            step()

        def wait_for_signature() -> None:
            self.watch.before_signing = happen

        self.once(wait_for_signature)

    def once(self, step: Callable[[], object]) -> None:
        """``step`` happens when the notary is asked next."""

        def happen() -> None:
            self.meanwhile = lambda: None
            step()

        self.meanwhile = happen

    def rows(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(self.town.folder / BANK / "bank.db")) as db:
            return db.execute(sql).fetchall()


@pytest.fixture
def desks(town: LedgerNetwork) -> Iterator[Settlers]:
    made = Settlers(town)
    yield made
    made.close()


def take(node: Node, town: LedgerNetwork, customer: Customer, *transfers: Signed[Transfer]) -> None:
    """Only taken in: nothing is settled."""
    node.intake.take(town.bundle(transfers), uploader_of_customer(customer.account))


def paid(desks: Settlers) -> tuple[Customer, Customer, Signed[Transfer]]:
    aigul, shop = desks.town.customer("Aigul"), desks.town.customer("Shop")
    return aigul, shop, desks.town.pay(aigul, aigul.fund(1_000), shop, 700)


def test_what_one_desk_commits_the_other_leaves_alone(desks: Settlers) -> None:
    aigul, _shop, payment = paid(desks)
    take(desks.first, desks.town, aigul, payment)
    desks.once(desks.second.settler.settle)
    desks.first.settler.settle()
    assert desks.asked == 1
    row = aigul.verdict(payment)
    assert row.settlement is not None
    assert row.settlement.verdict is Verdict.SETTLED


def test_of_two_that_commit_the_same_one_writes_the_verdict(desks: Settlers) -> None:
    """The second has just started, and believes that nobody is at it."""
    aigul, shop, payment = paid(desks)
    take(desks.first, desks.town, aigul, payment)
    told: list[Any] = []

    def overtake() -> None:
        desks.second.context.storage.settlements.release_all()
        desks.second.settler.settle()
        told.extend(desks.second.answers.rows([payment.id]))

    desks.once(overtake)
    desks.first.settler.settle()
    assert desks.asked == 2
    assert told[0][1] is not None
    assert desks.first.answers.rows([payment.id]) == told
    for table in ("settlements", "deliveries where object in (select transfer from settlements)"):
        assert desks.rows(f"select count(*) from {table}") == [(1 if table == "settlements" else 2,)]
    assert [row.txid for row in shop.deliveries()[1]] == [payment.id]
    assert desks.rows("select transfer from to_answer") == []


def test_of_two_that_have_signed_a_verdict_one_writes_it(desks: Settlers) -> None:
    aigul, shop, payment = paid(desks)
    take(desks.first, desks.town, aigul, payment)
    told: list[Any] = []

    def overtake() -> None:
        desks.second.context.storage.settlements.release_all()
        desks.town.now += 1
        desks.second.settler.settle()
        told.extend(desks.second.answers.rows([payment.id]))

    desks.once_answered(overtake)
    desks.first.settler.settle()
    assert told[0][1] is not None
    assert desks.first.answers.rows([payment.id]) == told
    assert desks.rows("select count(*) from settlements") == [(1,)]
    assert [row.txid for row in shop.deliveries()[1]] == [payment.id]


def test_a_payload_that_comes_while_its_conflict_is_written_is_not_waited_for(desks: Settlers) -> None:
    """The other bank committed a rival, which this one's second process gets when the first has found it missing."""
    town = desks.town
    aigul, other, away = town.customer("Aigul"), town.customer("Other"), town.customer("Away", "zhibek")
    tokens = aigul.fund(1_000)
    winner, loser = town.pay(aigul, tokens, away, 700), town.pay(aigul, tokens, other, 600)
    town.banks["zhibek"].node.upload(town.bundle([winner]), uploader_of_customer(away.account))
    unrelated = town.pay(aigul, aigul.fund(500), other, 500)
    take(desks.first, town, other, loser)
    take(desks.first, town, aigul, unrelated)
    desks.once_answered(lambda: desks.second.intake.take_shown(winner, aigul.key, uploader_of_bank("zhibek")))
    desks.first.settler.settle()
    assert settlement(aigul.verdict(loser)).verdict is Verdict.CONFLICT
    assert desks.rows("select * from lacks") == []


def test_nor_is_it_where_the_conflict_was_committed_long_ago(desks: Settlers) -> None:
    """As before, but found missing when what is noted is looked at."""
    town, first = desks.town, desks.first
    aigul, other, away = town.customer("Aigul"), town.customer("Other"), town.customer("Away", "zhibek")
    tokens = aigul.fund(1_000)
    winner, loser = town.pay(aigul, tokens, away, 700), town.pay(aigul, tokens, other, 600)
    town.banks["zhibek"].node.upload(town.bundle([winner]), uploader_of_customer(away.account))
    take(first, town, other, loser)
    first.settler.settle()
    first.context.storage.conflicts.lacks_no_more(loser.id, [winner.id])
    first.context.storage.settlements.look_at([loser.id])
    take(first, town, aigul, town.pay(aigul, aigul.fund(500), other, 500, edit=spoilt))

    def bring() -> None:
        desks.watch.before_signing = lambda: None
        desks.second.intake.take_shown(winner, aigul.key, uploader_of_bank("zhibek"))

    desks.watch.before_signing = bring
    first.settler.answer()
    assert settlement(aigul.verdict(loser)).verdict is Verdict.CONFLICT


def test_what_another_has_answered_meanwhile_is_asked_for_no_more(desks: Settlers) -> None:
    """The first has found the rival's payload missing; the second gets it, and tells the conflict."""
    town, second = desks.town, desks.second
    aigul, other, away = town.customer("Aigul"), town.customer("Other"), town.customer("Away", "zhibek")
    tokens = aigul.fund(1_000)
    winner, loser = town.pay(aigul, tokens, away, 700), town.pay(aigul, tokens, other, 600)
    town.banks["zhibek"].node.upload(town.bundle([winner]), uploader_of_customer(away.account))
    take(desks.first, town, other, loser)
    take(desks.first, town, aigul, town.pay(aigul, aigul.fund(500), other, 500))

    def overtake() -> None:
        second.intake.take_shown(winner, aigul.key, uploader_of_bank("zhibek"))
        second.context.storage.settlements.release_all()
        second.settler.settle()

    desks.once_answered(overtake)
    desks.first.settler.settle()
    assert settlement(aigul.verdict(loser)).verdict is Verdict.CONFLICT
    assert desks.rows("select * from lacks") == []
    town.settle_down()
    assert desks.rows("select * from lacks") == []
    assert desks.rows("select kind from work where kind in ('fetch', 'challenge')") == []


def test_what_descends_from_a_conflict_that_another_has_told_meanwhile_has_its_evidence(
    desks: Settlers,
) -> None:
    """By what the first knew nobody could be named. It had worked out both, and the second answers the ancestor."""
    town, first, second = desks.town, desks.first, desks.second
    aigul, other, away = town.customer("Aigul"), town.customer("Other"), town.customer("Away", "zhibek")
    tokens = aigul.fund(1_000)
    winner, loser = town.pay(aigul, tokens, away, 700), town.pay(aigul, tokens, other, 600)
    further = town.pay(other, town.outputs(loser)[:1], aigul, 600)
    last = town.pay(aigul, town.outputs(further)[:1], other, 600)
    town.banks["zhibek"].node.upload(town.bundle([winner]), uploader_of_customer(away.account))
    take(first, town, other, loser, further, last)
    first.context.storage.conflicts.was_not_shown(loser.id, winner.id)

    def answer_ancestor() -> None:
        second.intake.take_shown(winner, aigul.key, uploader_of_bank("zhibek"))
        second.context.storage.settlements.release([loser.id])
        second.settler.settle()
        answered = second.context.storage.settlements.answered([loser.id, further.id, last.id])
        assert answered.keys() == {loser.id}

    desks.once_answered(answer_ancestor)
    first.settler.settle()
    rows = [other.verdict(one) for one in (loser, further, last)]
    assert [settlement(row).verdict for row in rows] == [Verdict.CONFLICT, Verdict.SHORT, Verdict.SHORT]
    assert [row.evidence for row in rows] == 3 * [rows[0].evidence]
    assert rows[0].evidence is not None
    assert desks.rows("select * from to_answer") == []


def test_a_parent_answered_while_its_child_is_written_is_not_waited_for(desks: Settlers) -> None:
    """The child was worked out before its parent had a verdict, and is committed after."""
    town, first, second = desks.town, desks.first, desks.second
    aigul, shop, payment = paid(desks)
    further = town.pay(shop, town.outputs(payment)[:1], aigul, 700)
    unrelated = town.pay(aigul, aigul.fund(500), shop, 500)
    take(first, town, aigul, payment)
    assert second.context.storage.settlements.claim(1, town.now, town.now + LEASE)
    take(first, town, shop, payment, further)
    take(first, town, aigul, unrelated)

    def answer_parent() -> None:
        second.context.storage.settlements.release([payment.id])
        second.settler.settle()
        assert second.context.storage.settlements.answered([payment.id, further.id]).keys() == {payment.id}

    desks.once_answered(answer_parent)
    first.settler.settle()
    assert settlement(shop.verdict(further)).verdict is Verdict.SETTLED


def test_what_was_claimed_by_who_could_not_reach_the_notary_is_anybodys(desks: Settlers) -> None:
    aigul, _shop, payment = paid(desks)
    take(desks.first, desks.town, aigul, payment)
    desks.town.down.add(NOTARY)
    with pytest.raises(Refusal) as refused:
        desks.first.settler.settle()
    assert refused.value.code is Code.UNREACHABLE
    desks.town.down.clear()
    desks.second.settler.settle()
    assert aigul.verdict(payment).settlement is not None


def test_what_was_claimed_by_who_could_not_sign_what_it_heard_is_anybodys(desks: Settlers) -> None:
    aigul, _shop, payment = paid(desks)
    take(desks.first, desks.town, aigul, payment)

    def be_unsure() -> None:
        raise Refusal(Code.CLOCK_UNSURE)

    desks.once_answered(be_unsure)
    with pytest.raises(Refusal) as refused:
        desks.first.settler.settle()
    assert refused.value.code is Code.CLOCK_UNSURE
    desks.second.settler.settle()
    assert aigul.verdict(payment).settlement is not None


def test_what_was_claimed_by_who_died_is_anybodys_after_a_start(desks: Settlers, tmp_path: Path) -> None:
    aigul, _shop, payment = paid(desks)
    take(desks.first, desks.town, aigul, payment)
    now = desks.town.now
    assert desks.second.context.storage.settlements.claim(64, now, now + LEASE)
    desks.first.settler.settle()
    assert aigul.verdict(payment).settlement is None
    desks.town.network.restart(BANK)
    desks.town.banks[BANK].trust.refresh()
    desks.town.banks[BANK].node.settler.settle()
    assert aigul.verdict(payment).settlement is not None


def test_a_child_committed_while_its_parent_is_answered_is_not_forgotten(desks: Settlers) -> None:
    """The second desk commits the child before the parent has a verdict, and the first answers the parent then."""
    aigul, shop, payment = paid(desks)
    further = desks.town.pay(shop, desks.town.outputs(payment)[:1], aigul, 700)
    take(desks.first, desks.town, aigul, payment)

    def meanwhile() -> None:
        take(desks.second, desks.town, shop, payment, further)
        desks.second.settler.settle()
        assert desks.rows("select stage from transfers where stage <> 'answered' order by 1") == [
            ("committed",),
            ("valid",),
        ]

    desks.once(meanwhile)
    desks.first.settler.settle()
    assert desks.asked == 2
    assert {row.verdict for row in map(settlement, (aigul.verdict(payment), shop.verdict(further)))} == {
        Verdict.SETTLED
    }


def settlement(row: Any) -> Any:
    assert row.settlement is not None
    return row.settlement


def test_nothing_is_signed_while_a_transaction_is_open(town: LedgerNetwork) -> None:
    """Settled, in conflict, short, refused: whatever a desk says."""
    node, watch = watched(town, BANK)
    aigul, shop, other = town.customer("Aigul"), town.customer("Shop"), town.customer("Other")
    tokens = aigul.fund(1_000)
    one, two = town.pay(aigul, tokens, shop, 700), town.pay(aigul, tokens, other, 600)
    further = town.pay(other, town.outputs(two)[:1], shop, 600)
    wrong = town.pay(shop, town.outputs(one)[:1], other, 700, edit=spoilt)
    watch.forget()
    uploads = ((aigul, (one,)), (other, (two, further)), (shop, (wrong,)))
    said = [node.upload(town.bundle(what), uploader_of_customer(who.account)) for who, what in uploads]
    verdicts = {row[1] is not None for rows in said for row in rows}
    assert verdicts == {True}
    assert len(watch.signed) > len(uploads)
    assert "signed" not in watch.inside


def spoilt(body: Transfer) -> Transfer:
    """It says that it moves more than it consumes."""
    return replace(body, amount=body.amount + 1)


class Crowd:
    """People who pay each other, and pay the same twice, at a bank of two processes that overlap in any way."""

    def __init__(self, folder: Path, chance: Random) -> None:
        self.town = LedgerNetwork(folder)
        self.desks = Settlers(self.town)
        self.chance = chance
        self.people = [self.town.customer(name) for name in ("Aigul", "Shop", "Other")]
        self.held: list[list[Token]] = [[*person.fund(1_000, 500)] for person in self.people]
        self.made: list[tuple[Customer, Signed[Transfer]]] = []

    def pay(self, *, again: bool) -> None:
        """Somebody pays with a token, and keeps it where it pays it ``again``."""
        place = self.chance.choice([index for index, held in enumerate(self.held) if held])
        token = self.held[place][0] if again else self.held[place].pop()
        payer, payee = self.people[place], (place + self.chance.choice((1, 2))) % 3
        payment = self.town.pay(payer, [token], self.people[payee], self.chance.randint(1, token.amount))
        outputs = self.town.outputs(payment)
        self.held[payee].append(outputs[0])
        self.held[place].extend(outputs[1:])
        self.made.append((payer, payment))

    def step(self, node: Node) -> None:
        """Whatever a process does in between."""
        match self.chance.randrange(4):
            case 0 if self.made:
                payer, payment = self.chance.choice(self.made)
                node.intake.take(
                    Bundle((payment,), *self._certified(payment)), uploader_of_customer(payer.account)
                )
            case 1:
                take(node, self.town, *self.chance.choice(self.made)) if self.made else None
            case 2:
                node.settler.answer()
            case _:
                if self.chance.randrange(2):
                    node.context.storage.settlements.release_all()
                node.settler.settle()

    def _certified(self, payment: Signed[Transfer]) -> tuple[Any, ...]:
        whole = self.town.bundle([payment])
        return (), whole.certificates, whole.requests

    def end(self) -> None:
        self.desks.meanwhile = lambda: None
        for node in (self.desks.first, self.desks.second):
            for payer, payment in self.made:
                take(node, self.town, payer, payment)
            node.settler.settle()
        self.town.settle_down()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.lists(st.sampled_from("ppd12m"), min_size=6, max_size=24))
def test_overlapping_in_any_way_every_verdict_is_what_the_notary_makes_of_it(
    tmp_path_factory: pytest.TempPathFactory, seed: int, steps: list[str]
) -> None:
    crowd = Crowd(tmp_path_factory.mktemp("crowd"), Random(seed))
    desks = crowd.desks
    nodes = {"1": desks.first, "2": desks.second}
    for step in steps:
        match step:
            case "p" | "d":
                crowd.pay(again=step == "d")
            case "m":
                node = crowd.chance.choice((desks.first, desks.second))
                desks.once(lambda node=node: crowd.step(node))  # type: ignore[misc]
            case _:
                crowd.step(nodes[step])
    crowd.end()
    check_verdicts(desks)
    desks.close()
    crowd.town.close()


def check_verdicts(desks: Settlers) -> None:
    """Each transfer has one verdict, whose values are what the first commits of tokens leave of it."""
    winners = {
        TokenRef(*row[:2]): row[2] for row in desks.rows("select origin, output, consumer from consumed")
    }
    worth = {TokenRef(*row[:2]): row[2] for row in desks.rows("select origin, output, value from tokens")}
    found = desks.first.context.storage.settlements.told(
        [row[0] for row in desks.rows("select id from transfers")]
    )
    assert len(found) == desks.rows("select count(*) from transfers")[0][0]
    assert desks.rows("select transfer from to_answer union select transfer from pending") == []
    for txid, told in found.items():
        body = desks.first.objects.transfers.body(txid)
        assert body is not None
        brought = [worth[ref] if winners.get(ref) == txid else 0 for ref in body.inputs]
        assert told.settlement.body.values == settle_values(body, brought)
        is_lost = any(winners[ref] != txid for ref in body.inputs)
        is_whole = sum(told.settlement.body.values) == body.amount + body.change
        expected = Verdict.CONFLICT if is_lost else Verdict.SETTLED if is_whole else Verdict.SHORT
        assert told.settlement.body.verdict is expected
        assert (told.evidence is not None) == (expected is not Verdict.SETTLED)
