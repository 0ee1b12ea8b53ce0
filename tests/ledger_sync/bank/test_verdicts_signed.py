"""Verdicts are signed once for all of a look, those on an upload told as one leaf; whoever reads only what is signed
alone is told that, and the same for ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ledger_sync.bank.ports.settlements import Case
from ledger_sync.bank.ports.shares import uploader_of_customer
from ledger_sync.bank.settlement.drafts import Draft
from ledger_sync.bank.settlement.verdicts import Verdicts
from ledger_sync.client.statuses import read_statuses
from ledger_sync.http.reading import FIRST
from ledger_sync.settling.values import Outcome
from tests.ledger_sync.bank.customers import READ, Customer, Row
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.settlers import BANK, Settlers, take
from tests.ledger_sync.bank.watched import watched
from tests.support.deals import refusal_of
from wallet.protocol import codec
from wallet.protocol.batch import read_together
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import (
    SETTLEMENTS,
    Settlement,
    Settlement2,
    Verdict,
    check_settlement,
    read_settlement,
)
from wallet.protocol.transfer import Transfer


@pytest.fixture
def aigul(net: LedgerNetwork) -> Customer:
    return net.customer("Aigul")


@pytest.fixture
def shop(net: LedgerNetwork) -> Customer:
    return net.customer("Shop")


@pytest.fixture
def settlers(net: LedgerNetwork) -> Iterator[Settlers]:
    made = Settlers(net)
    yield made
    made.close()


def paid(net: LedgerNetwork, payer: Customer, payee: Customer, count: int) -> list[Signed[Transfer]]:
    return [net.pay(payer, [token], payee, 5) for token in payer.fund(*[5] * count)]


def told(rows: Cbor) -> list[Signed[Settlement]]:
    """Every verdict of an answer, as a wallet reads it."""
    return [said for row in read_statuses(rows) if (said := row.settlement) is not None]


def kinds(settlements: list[Signed[Settlement]]) -> set[str]:
    return {one.body.KIND.typ for one in settlements}


@pytest.mark.parametrize("count", [1, 2, 19])
def test_all_verdicts_of_an_upload_are_one_signature_whatever_their_number(
    net: LedgerNetwork, aigul: Customer, shop: Customer, count: int
) -> None:
    """The other signature is that of the commits."""
    made = paid(net, aigul, shop, count)
    node, watch = watched(net)
    rows = node.upload(net.bundle(made), uploader_of_customer(shop.account), READ)
    assert len(watch.signed) == 2
    verdicts = told(rows)
    assert [one.body.transfer for one in verdicts] == [one.id for one in made]
    assert kinds(verdicts) == {Settlement2.KIND.typ}
    assert len({one.signature for one in verdicts}) == 1
    assert len({one.payload[:18] for one in verdicts}) == count, "no salt is used twice"
    for one in verdicts:
        check_settlement(one, node.context.trust.directory)


def test_what_several_uploads_brought_stands_in_as_many_leaves_under_one_signature(
    net: LedgerNetwork, aigul: Customer, shop: Customer
) -> None:
    made = paid(net, aigul, shop, 6)
    node, watch = watched(net)
    outcome = Outcome(Verdict.REFUSED, (), code=Code.HOP_LIMIT)
    drafts = [Draft(Case(one, b"", None, (), Code.HOP_LIMIT, None), outcome) for one in made]
    drafts.insert(3, replace(drafts.pop(3), outcome=None))
    uploads: dict[bytes, object] = {made[0].id: 1, made[1].id: 2, made[2].id: 1, made[3].id: 1, made[5].id: 2}
    answers = Verdicts(node.context).signed(drafts, uploads)
    assert len(watch.signed) == 1
    found = {answer.settlement.body.transfer: answer.settlement.leaf for answer in answers}
    places = [found[one.id] for one in made if one.id in found]
    assert [place and (place.path.index, place.within and place.within.index) for place in places] == [
        (0, 0),
        (1, 0),
        (0, 1),
        (2, None),
        (1, 1),
    ]
    assert Verdicts(node.context).signed([replace(one, outcome=None) for one in drafts], uploads) == []
    assert len(watch.signed) == 1


def test_an_upload_is_answered_by_a_leaf_and_each_of_it_can_be_had_alone(
    net: LedgerNetwork, aigul: Customer, shop: Customer
) -> None:
    made = paid(net, aigul, shop, 15)
    ((txid, leaf, *_), *others) = shop.line().post("/v1/uploads", net.bundle(made).to_cbor())
    assert txid == made[0].id
    assert [row[1] for row in others] == [0] * 14
    together_told = read_together(SETTLEMENTS, leaf)
    alone = [shop.line().post("/v1/verdicts", [one.id])[0][1] for one in made]
    assert tuple(sorted(map(read_settlement, alone), key=place_of)) == together_told
    assert len(codec.encode(leaf)) * 3 < len(codec.encode(alone))
    (row,) = shop.line().post("/v1/verdicts", [made[7].id])
    assert row[1] == alone[7]
    rows = shop.line().post("/v1/verdicts", [made[3].id, bytes(32), made[3].id])
    assert [row[1] for row in rows] == [alone[3], None, alone[3]]


def place_of(signed: Signed[Settlement]) -> int:
    assert signed.leaf is not None
    assert signed.leaf.within is not None
    return signed.leaf.within.index


def test_a_leaf_of_another_order_than_its_rows_and_beside_others_is_read(
    net: LedgerNetwork, aigul: Customer, shop: Customer
) -> None:
    first, second = paid(net, aigul, shop, 3), paid(net, aigul, shop, 2)
    for made in (first, second):
        shop.upload(*made)
    asked = [second[1].id, first[2].id, first[0].id, second[0].id, bytes(32), first[1].id]
    rows = shop.line().post("/v1/verdicts", asked)
    assert [type(row[1]) for row in rows] == [list, list, int, int, type(None), int]
    assert [rows[at][1] for at in (2, 3, 5)] == [1, 0, 1]
    assert [one.body.transfer for one in told(rows)] == [txid for txid in asked if any(txid)]
    for one in told(rows):
        check_settlement(one, net.banks[BANK].trust.directory)


def test_a_row_that_names_no_leaf_of_its_own_transfer_is_not_read(
    net: LedgerNetwork, aigul: Customer, shop: Customer
) -> None:
    made = paid(net, aigul, shop, 3)
    rows = shop.line().post("/v1/uploads", net.bundle(made).to_cbor())
    assert [row.settlement is not None for row in read_statuses(rows)] == [True] * 3
    leaf = rows[0][1]
    alone = told(rows)[2].to_cbor()
    for at, verdict in ((0, 0), (1, 1), (1, 2), (1, -1), (1, True), (1, b""), (2, 1)):
        with pytest.raises(Refusal, match=r"^malformed"):
            read_statuses(
                [[*row[:1], verdict if at == place else row[1], *row[2:]] for place, row in enumerate(rows)]
            )
    with pytest.raises(Refusal, match=r"^malformed"):
        read_statuses([[bytes(32), leaf, *rows[0][2:]]])
    with pytest.raises(Refusal, match=r"^malformed"):
        read_statuses([[rows[2][0], alone, *rows[2][2:]], [rows[1][0], 0, *rows[1][2:]]])


# who reads only the first version


def in_rows(net: LedgerNetwork, customer: Customer, made: list[Signed[Transfer]]) -> list[Any]:
    """What a customer is told of each transfer, in all answers that tell it."""
    line = customer.line()
    answers = [
        line.post("/v1/uploads", net.bundle(made).to_cbor()),
        line.post("/v1/verdicts", [one.id for one in made]),
        line.post("/v1/deliveries", [0])[2],
    ]
    wanted = {one.id for one in made}
    return [{row[0]: row[1] for row in rows if row[0] in wanted} for rows in answers]


@pytest.mark.parametrize("said", [None, "qsa1, qnc1", ", ".join(sorted(FIRST))])
def test_who_reads_only_what_is_signed_alone_is_told_that_and_the_same_for_ever(
    net: LedgerNetwork, aigul: Customer, shop: Customer, said: str | None
) -> None:
    made = paid(net, aigul, shop, 3)
    with net.reading(BANK, said):
        first, *again = in_rows(net, shop, made)
        assert again == [first, first]
        alone = {txid: read_settlement(value) for txid, value in first.items()}
        assert kinds(list(alone.values())) == {Settlement.KIND.typ}
        for one in alone.values():
            check_settlement(one, net.banks[BANK].trust.directory)
    second = {one.body.transfer: one for one in told(shop.line().post("/v1/verdicts", list(alone)))}
    for txid, one in alone.items():
        body = second[txid].body
        assert isinstance(body, Settlement2)
        assert body.alone() == one.body, "the same but for the salt"
    net.now += 1_000
    net.network.restart(BANK)
    with net.reading(BANK, said):
        assert in_rows(net, shop, made) == [first] * 3
    assert told(shop.line().post("/v1/verdicts", list(alone))) == list(second.values())


def test_nothing_is_signed_alone_for_who_reads_more(
    net: LedgerNetwork, aigul: Customer, shop: Customer
) -> None:
    made = paid(net, aigul, shop, 3)
    in_rows(net, shop, made)
    assert net.look(BANK, "select count(*) from settlements where alone is not null") == [(0,)]
    with net.reading(BANK, None):
        shop.verdict(made[1])
    assert net.look(BANK, "select transfer from settlements where alone is not null") == [(made[1].id,)]


def test_who_reads_no_version_that_is_told_hears_that(
    net: LedgerNetwork, aigul: Customer, shop: Customer
) -> None:
    (made,) = paid(net, aigul, shop, 1)
    shop.upload(made)
    with net.reading(BANK, "qsa3, qnc1"):
        assert refusal_of(lambda: shop.line().post("/v1/verdicts", [made.id])) is Code.READER_OUTDATED
        assert shop.line().post("/v1/verdicts", [bytes(32)])[0][1] is None


def test_of_two_processes_that_sign_one_alone_both_tell_what_was_kept(settlers: Settlers) -> None:
    net = settlers.net
    aigul, shop = net.customer("Aigul"), net.customer("Shop")
    payment, other = paid(net, aigul, shop, 2)
    take(settlers.first, net, shop, payment, other)
    settlers.first.settler.settle()
    overtaken: list[Cbor] = []

    def overtake() -> None:
        settlers.watch.before_signing = lambda: None
        overtaken.extend(settlers.second.answers.rows([payment.id], FIRST))

    settlers.watch.before_signing = overtake
    rows = settlers.first.answers.rows([payment.id, other.id], FIRST)
    assert kinds(told(rows)) == {Settlement.KIND.typ}
    assert rows[0] == overtaken[0]
    for node in (settlers.first, settlers.second):
        assert node.answers.rows([payment.id, other.id], FIRST) == rows
    assert settlers.watch.inside == []


def test_what_was_let_go_of_while_it_was_signed_alone_waits(settlers: Settlers) -> None:
    net = settlers.net
    aigul, shop = net.customer("Aigul"), net.customer("Shop")
    payment, other = paid(net, aigul, shop, 2)
    take(settlers.first, net, shop, payment, other)
    settlers.first.settler.settle()

    def forget() -> None:
        settlers.watch.before_signing = lambda: None
        net.forget(BANK, f"delete from settlements where transfer = x'{payment.id.hex()}'")

    settlers.watch.before_signing = forget
    gone, there = settlers.first.answers.rows([payment.id, other.id], FIRST)
    assert gone == [payment.id, None, None, [], None, None]
    assert Row.read(there).settlement is not None
