"""Two settlers on one store, as two processes of one bank: each transfer has one verdict, and is listed once.

The second settler comes when the first has asked the notary and has no answer yet, or has signed and not written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.bank.ports.shares import uploader_of_bank, uploader_of_customer
from ledger_sync.sandbox.in_process import NOTARY
from tests.ledger_sync.bank.customers import READ, Customer
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.settlers import BANK, Settlers, take
from tests.ledger_sync.bank.watched import watched
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import Transfer

LEASE = 60
"""Seconds for which nobody else commits what a settler is at."""


@pytest.fixture
def settlers(net: LedgerNetwork) -> Iterator[Settlers]:
    made = Settlers(net)
    yield made
    made.close()


def paid(settlers: Settlers) -> tuple[Customer, Customer, Signed[Transfer]]:
    aigul, shop = settlers.net.customer("Aigul"), settlers.net.customer("Shop")
    return aigul, shop, settlers.net.pay(aigul, aigul.fund(1_000), shop, 700)


def open_work(settlers: Settlers) -> list[Any]:
    return settlers.rows("select kind from work where done = 0")


def test_what_one_settler_commits_the_other_leaves_alone(settlers: Settlers) -> None:
    aigul, _shop, payment = paid(settlers)
    take(settlers.first, settlers.net, aigul, payment)
    settlers.once(settlers.second.settler.settle)
    settlers.first.settler.settle()
    assert settlers.asked == 1
    row = aigul.verdict(payment)
    assert row.settlement is not None
    assert row.settlement.verdict is Verdict.SETTLED


def test_what_a_call_brings_and_waits_for_no_worker_takes_from_it(settlers: Settlers) -> None:
    """Or the call would find it claimed, and answer that it waits."""
    aigul, _shop, payment = paid(settlers)
    bundle, uploader = settlers.net.bundle([payment]), uploader_of_customer(aigul.account)
    settlers.first.intake.take(bundle, uploader, is_waited_for=True)
    for node in (settlers.second, settlers.first):
        node.settler.settle()
    assert settlers.asked == 0
    settlers.first.settler.settle_now([payment.id])
    assert settlers.asked == 1
    assert settlers.first.answers.rows([payment.id], READ)[0][1] is not None


def test_of_two_that_commit_the_same_one_writes_the_verdict(settlers: Settlers) -> None:
    """The second has just started, and believes that nobody is at it."""
    aigul, shop, payment = paid(settlers)
    take(settlers.first, settlers.net, aigul, payment)
    told: list[Any] = []

    def overtake() -> None:
        settlers.second.context.storage.settlements.release_all()
        settlers.second.settler.settle()
        told.extend(settlers.second.answers.rows([payment.id], READ))

    settlers.once(overtake)
    settlers.first.settler.settle()
    assert settlers.asked == 2
    assert told[0][1] is not None
    assert settlers.first.answers.rows([payment.id], READ) == told
    for table in ("settlements", "deliveries where object in (select transfer from settlements)"):
        assert settlers.rows(f"select count(*) from {table}") == [(1 if table == "settlements" else 2,)]
    assert [row.txid for row in shop.deliveries()[1]] == [payment.id]
    assert settlers.rows("select transfer from to_answer") == []


def test_of_two_that_have_signed_a_verdict_one_writes_it(settlers: Settlers) -> None:
    aigul, shop, payment = paid(settlers)
    take(settlers.first, settlers.net, aigul, payment)
    told: list[Any] = []

    def overtake() -> None:
        settlers.second.context.storage.settlements.release_all()
        settlers.net.now += 1
        settlers.second.settler.settle()
        told.extend(settlers.second.answers.rows([payment.id], READ))

    settlers.once_answered(overtake)
    settlers.first.settler.settle()
    assert told[0][1] is not None
    assert settlers.first.answers.rows([payment.id], READ) == told
    assert settlers.rows("select count(*) from settlements") == [(1,)]
    assert [row.txid for row in shop.deliveries()[1]] == [payment.id]


def test_a_payload_that_comes_while_its_conflict_is_written_is_not_waited_for(settlers: Settlers) -> None:
    """The other bank committed a rival, which this one's second process gets when the first has found it missing."""
    net = settlers.net
    aigul, other, away = net.customer("Aigul"), net.customer("Other"), net.customer("Away", "zhibek")
    tokens = aigul.fund(1_000)
    winner, loser = net.pay(aigul, tokens, away, 700), net.pay(aigul, tokens, other, 600)
    net.banks["zhibek"].node.upload(net.bundle([winner]), uploader_of_customer(away.account), READ)
    unrelated = net.pay(aigul, aigul.fund(500), other, 500)
    take(settlers.first, net, other, loser)
    take(settlers.first, net, aigul, unrelated)
    settlers.once_answered(
        lambda: settlers.second.intake.take_shown(winner, aigul.key, uploader_of_bank("zhibek"))
    )
    settlers.first.settler.settle()
    assert ("challenge",) in open_work(settlers), "it was seen that it is at hand"
    net.settle_down()
    assert settlement(aigul.verdict(loser)).verdict is Verdict.CONFLICT
    assert settlers.rows("select * from lacks") == []


def test_nor_is_it_where_the_conflict_was_committed_long_ago(settlers: Settlers) -> None:
    """As before, but found missing when what is noted is looked at."""
    net, first = settlers.net, settlers.first
    aigul, other, away = net.customer("Aigul"), net.customer("Other"), net.customer("Away", "zhibek")
    tokens = aigul.fund(1_000)
    winner, loser = net.pay(aigul, tokens, away, 700), net.pay(aigul, tokens, other, 600)
    net.banks["zhibek"].node.upload(net.bundle([winner]), uploader_of_customer(away.account), READ)
    take(first, net, other, loser)
    first.settler.settle()
    first.context.storage.conflicts.lacks_no_more(loser.id, [winner.id])
    first.context.storage.settlements.look_at([loser.id])
    take(first, net, aigul, net.pay(aigul, aigul.fund(500), other, 500, edit=spoilt))

    def bring() -> None:
        settlers.watch.before_signing = lambda: None
        settlers.second.intake.take_shown(winner, aigul.key, uploader_of_bank("zhibek"))

    settlers.watch.before_signing = bring
    first.settler.answer()
    assert ("challenge",) in open_work(settlers), "it was seen that it is at hand"
    net.settle_down()
    assert settlement(aigul.verdict(loser)).verdict is Verdict.CONFLICT


def test_what_another_has_answered_meanwhile_is_asked_for_no_more(settlers: Settlers) -> None:
    """The first has found the rival's payload missing; the second gets it, and tells the conflict."""
    net, second = settlers.net, settlers.second
    aigul, other, away = net.customer("Aigul"), net.customer("Other"), net.customer("Away", "zhibek")
    tokens = aigul.fund(1_000)
    winner, loser = net.pay(aigul, tokens, away, 700), net.pay(aigul, tokens, other, 600)
    net.banks["zhibek"].node.upload(net.bundle([winner]), uploader_of_customer(away.account), READ)
    noting = Job(JobKind.CHALLENGE, "", loser.id + winner.id)
    take(settlers.first, net, other, loser)
    take(settlers.first, net, aigul, net.pay(aigul, aigul.fund(500), other, 500))

    def overtake() -> None:
        second.intake.take_shown(winner, aigul.key, uploader_of_bank("zhibek"))
        second.context.storage.settlements.release_all()
        second.settler.settle()
        second.lanes.wait_for(lambda: [noting])

    settlers.once_answered(overtake)
    settlers.first.settler.settle()
    assert settlement(aigul.verdict(loser)).verdict is Verdict.CONFLICT
    assert settlers.rows("select * from lacks") == []
    net.settle_down()
    assert settlers.rows("select * from lacks") == []
    assert settlers.rows("select kind, done from work where kind in ('fetch', 'challenge')") == [
        ("challenge", 1)
    ]


def test_what_descends_from_a_conflict_that_another_has_told_meanwhile_has_its_evidence(
    settlers: Settlers,
) -> None:
    """Two others took a token each, and the first knew of one of them. It had worked out all, and the second, which
    knows of both, answers the ancestor."""
    net, first, second = settlers.net, settlers.first, settlers.second
    aigul, other, away = net.customer("Aigul"), net.customer("Other"), net.customer("Away", "zhibek")
    tokens = sorted(aigul.fund(1_000, 1_000), key=lambda token: token.ref)
    winner, known = (net.pay(aigul, [token], away, 700) for token in tokens)
    loser = net.pay(aigul, tokens, other, 600)
    further = net.pay(other, net.outputs(loser)[:1], aigul, 600)
    last = net.pay(aigul, net.outputs(further)[:1], other, 600)
    net.banks["zhibek"].node.upload(net.bundle([winner, known]), uploader_of_customer(away.account), READ)
    take(first, net, other, loser, further, last)
    first.intake.take_shown(known, aigul.key, uploader_of_bank("zhibek"))
    first.context.storage.conflicts.was_shown(loser.id, known.id)

    def answer_ancestor() -> None:
        second.intake.take_shown(winner, aigul.key, uploader_of_bank("zhibek"))
        second.context.storage.conflicts.was_shown(loser.id, winner.id)
        second.context.storage.settlements.release([loser.id])
        second.settler.settle()
        answered = second.context.storage.settlements.answered([loser.id, further.id, last.id])
        assert answered.keys() == {loser.id}

    settlers.once_answered(answer_ancestor)
    first.settler.settle()
    rows = [other.verdict(one) for one in (loser, further, last)]
    assert [settlement(row).verdict for row in rows] == [Verdict.CONFLICT, Verdict.SHORT, Verdict.SHORT]
    assert [row.evidence for row in rows] == 3 * [rows[0].evidence]
    assert rows[0].evidence is not None
    assert winner in (rows[0].evidence.first, rows[0].evidence.second)
    assert settlers.rows("select * from to_answer") == []


def test_a_parent_answered_while_its_child_is_written_is_not_waited_for(settlers: Settlers) -> None:
    """The child was worked out before its parent had a verdict, and is committed after."""
    net, first, second = settlers.net, settlers.first, settlers.second
    aigul, shop, payment = paid(settlers)
    further = net.pay(shop, net.outputs(payment)[:1], aigul, 700)
    unrelated = net.pay(aigul, aigul.fund(500), shop, 500)
    take(first, net, aigul, payment)
    assert second.context.storage.settlements.claim(1, net.now, net.now + LEASE)
    take(first, net, shop, payment, further)
    take(first, net, aigul, unrelated)

    def answer_parent() -> None:
        second.context.storage.settlements.release([payment.id])
        second.settler.settle()
        assert second.context.storage.settlements.answered([payment.id, further.id]).keys() == {payment.id}

    settlers.once_answered(answer_parent)
    first.settler.settle()
    assert settlement(shop.verdict(further)).verdict is Verdict.SETTLED


def test_what_was_claimed_by_who_could_not_reach_the_notary_is_anybodys(settlers: Settlers) -> None:
    aigul, _shop, payment = paid(settlers)
    take(settlers.first, settlers.net, aigul, payment)
    settlers.net.down.add(NOTARY)
    with pytest.raises(Refusal) as refused:
        settlers.first.settler.settle()
    assert refused.value.code is Code.UNREACHABLE
    settlers.net.down.clear()
    settlers.second.settler.settle()
    assert aigul.verdict(payment).settlement is not None


def test_what_was_claimed_by_who_could_not_sign_what_it_heard_is_anybodys(settlers: Settlers) -> None:
    aigul, _shop, payment = paid(settlers)
    take(settlers.first, settlers.net, aigul, payment)

    def be_unsure() -> None:
        raise Refusal(Code.CLOCK_UNSURE)

    settlers.once_answered(be_unsure)
    with pytest.raises(Refusal) as refused:
        settlers.first.settler.settle()
    assert refused.value.code is Code.CLOCK_UNSURE
    settlers.second.settler.settle()
    assert aigul.verdict(payment).settlement is not None


def test_what_was_claimed_by_who_died_is_anybodys_after_a_start(settlers: Settlers, tmp_path: Path) -> None:
    aigul, _shop, payment = paid(settlers)
    take(settlers.first, settlers.net, aigul, payment)
    now = settlers.net.now
    assert settlers.second.context.storage.settlements.claim(64, now, now + LEASE)
    settlers.first.settler.settle()
    assert aigul.verdict(payment).settlement is None
    settlers.net.network.restart(BANK)
    settlers.net.banks[BANK].trust.refresh()
    settlers.net.banks[BANK].node.settler.settle()
    assert aigul.verdict(payment).settlement is not None


def test_a_child_committed_while_its_parent_is_answered_is_not_forgotten(settlers: Settlers) -> None:
    """The second settler commits the child before the parent has a verdict, and the first answers the parent then."""
    aigul, shop, payment = paid(settlers)
    further = settlers.net.pay(shop, settlers.net.outputs(payment)[:1], aigul, 700)
    take(settlers.first, settlers.net, aigul, payment)

    def meanwhile() -> None:
        take(settlers.second, settlers.net, shop, payment, further)
        settlers.second.settler.settle()
        assert settlers.rows("select stage from transfers where stage <> 'answered' order by 1") == [
            ("committed",),
            ("valid",),
        ]

    settlers.once(meanwhile)
    settlers.first.settler.settle()
    assert settlers.asked == 2
    assert {row.verdict for row in map(settlement, (aigul.verdict(payment), shop.verdict(further)))} == {
        Verdict.SETTLED
    }


def settlement(row: Any) -> Any:
    assert row.settlement is not None
    return row.settlement


def test_nothing_is_signed_while_a_transaction_is_open(net: LedgerNetwork) -> None:
    """Settled, in conflict, short, refused: whatever a settler says."""
    node, watch = watched(net, BANK)
    aigul, shop, other = net.customer("Aigul"), net.customer("Shop"), net.customer("Other")
    tokens = aigul.fund(1_000)
    one, two = net.pay(aigul, tokens, shop, 700), net.pay(aigul, tokens, other, 600)
    further = net.pay(other, net.outputs(two)[:1], shop, 600)
    wrong = net.pay(shop, net.outputs(one)[:1], other, 700, edit=spoilt)
    watch.forget()
    uploads = ((aigul, (one,)), (other, (two, further)), (shop, (wrong,)))
    said = [node.upload(net.bundle(what), uploader_of_customer(who.account), READ) for who, what in uploads]
    verdicts = {row[1] is not None for rows in said for row in rows}
    assert verdicts == {True}
    assert len(watch.signed) > len(uploads)
    assert "signed" not in watch.inside


def spoilt(body: Transfer) -> Transfer:
    """It says that it moves more than it consumes."""
    return replace(body, amount=body.amount + 1)
