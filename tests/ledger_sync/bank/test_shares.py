"""Shares: what nobody has paid for yet is bounded, and a full share stands in no honest call's way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_sync.bank.ports.shares import Share
from ledger_sync.bank.terms import MAX_LOSSES_A_DAY
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.inside import store_of
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.sweeping import false
from tests.support.world import DAY, Person
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import TokenRef, Transfer

COUNTED = {
    Share.WAITING: "select uploader, payer, count(*) from waiting group by uploader, payer"
    " union all select uploader, '', count(*) from waiting group by uploader",
    Share.CLAIMS: "select uploader, '', count(*) from claims group by uploader",
    Share.REQUESTS: "select uploader, '', count(*) from requests where answered = 0 group by uploader",
    Share.REFUSED: "select uploader, payer, count(*) from refused group by uploader, payer"
    " union all select uploader, '', count(*) from refused group by uploader",
}
REFUSED = (
    "select transfer from settlements where verdict = 4"
    " union select transfer from to_answer where code is not null"
)


def store(net: LedgerNetwork, bank: str = "alatau") -> Any:
    return store_of(net.banks[bank].node)


def check_counts(net: LedgerNetwork) -> None:
    """What is charged is what is there, and nobody has more than a share."""
    for bank, assembled in net.banks.items():
        kept = store_of(assembled.node)
        for share, sql in COUNTED.items():
            charged = kept.rows("select uploader, payer, count from shares where what = ?", (share.value,))
            assert sorted(charged) == sorted(kept.rows(sql)), (bank, share)
            for uploader, payer, count in charged:
                spare = 4 if share is Share.REFUSED else 0  # what has no verdict yet can't leave
                assert payer or count <= assembled.node.retention.most(share, uploader) + spare
        waiting = kept.rows("select id from transfers where stage = 'waiting'")
        assert sorted(waiting) == sorted(kept.rows("select transfer from waiting"))
        assert sorted(kept.rows(REFUSED)) == sorted(kept.rows("select transfer from refused"))


def rubbish(net: LedgerNetwork, signer: Customer, count: int) -> Bundle:
    """Transfers of tokens that nobody has, no two of which contradict each other: later numbers have greater totals."""
    made = []
    for _ in range(count):
        number = net.__dict__["number"] = net.__dict__.get("number", 100) + 1
        ref = TokenRef(number.to_bytes(2, "big") * 16, 0)
        person = signer.person
        copied = Person(person.key, person.certificate, number, number * 100_000)
        token = replace(_any_token(net, signer), ref=ref)
        made.append(net.transfer(copied, [token], signer.net.customers[0].key, 10, bytes(16)))  # type: ignore[attr-defined]
    return Bundle(tuple(made), (), (signer.person.certificate,), ())


def _any_token(net: LedgerNetwork, signer: Customer) -> Any:
    known = net.__dict__.setdefault("spare_tokens", {})
    if signer.name not in known:
        known[signer.name] = signer.fund(1_000)[0]
    return known[signer.name]


@pytest.fixture
def people(net: LedgerNetwork) -> dict[str, Customer]:
    found = {
        "aigul": net.customer("Aigul"),
        "dina": net.customer("Dina"),
        "cheat": net.customer("Dauren"),
        "shop": net.customer("Shop", "zhibek"),
        "stranger": net.customer("Stranger", "zhibek"),
    }
    net.__dict__["customers"] = [found["shop"]]
    return found


def paid(net: LedgerNetwork, payer: Customer, payee: Customer, amount: int = 500) -> Signed[Transfer]:
    return net.pay(payer, payer.fund(1_000), payee, amount)


def second_hand(net: LedgerNetwork, first: Customer, payer: Customer, payee: Customer) -> Signed[Transfer]:
    """A payment of money that the payer was paid, which no bank has heard of."""
    before = paid(net, first, payer)
    return net.pay(payer, net.outputs(before)[:1], payee, 400)


def test_a_full_share_of_waiting_transfers_lets_the_oldest_go(
    net: LedgerNetwork, people: dict[str, Customer]
) -> None:
    net.resize(waiting=5)
    bundle = rubbish(net, people["cheat"], 9)
    rows = people["aigul"].upload_bundle(bundle)
    assert [row.settlement for row in rows] == [None] * 9
    check_counts(net)
    (row,) = people["aigul"].upload(paid(net, people["aigul"], people["dina"]))
    assert row.settlement is not None
    assert row.settlement.verdict is Verdict.SETTLED


def test_strangers_fill_a_banks_share_and_nobody_else_waits(
    net: LedgerNetwork, people: dict[str, Customer]
) -> None:
    """`bank share filled by strangers`: a key of alatau and accounts at zhibek, rubbish that never ends."""
    net.resize(waiting=4, relays=1)
    for _ in range(5):
        people["stranger"].upload_bundle(rubbish(net, people["cheat"], 4))
        net.settle_down(2)
    check_counts(net)
    fragment = second_hand(net, people["stranger"], people["dina"], people["shop"])
    people["shop"].upload_bundle(Bundle((fragment,), (), (people["dina"].person.certificate,), ()))
    net.settle_down(2)
    check_counts(net)
    waiting = [
        row[0] for row in store(net).rows("select transfer from waiting where uploader = 'bank:zhibek'")
    ]
    assert fragment.id in waiting, "an honest fragment has its place beside the rubbish"
    forward = paid(net, people["aigul"], people["shop"], 1_000)
    onward = net.pay(people["shop"], net.outputs(forward)[:1], people["dina"], 900)
    people["shop"].upload(onward, forward)
    net.settle_down()
    assert onward.id in {row.txid for row in people["dina"].deliveries()[1]}
    check_counts(net)


def test_a_shop_sells_for_ever(net: LedgerNetwork, people: dict[str, Customer]) -> None:
    """`shares that never come back`: a request that was answered is no burden."""
    net.resize(requests=3)
    shop = people["shop"]
    for _ in range(12):
        (row,) = shop.upload(paid(net, people["aigul"], shop))
        assert row.settlement is not None
    net.settle_down()
    check_counts(net)
    assert store(net, "zhibek").value("select count(*) from requests where answered = 1") == 12


def test_requests_that_nothing_answers_make_room(net: LedgerNetwork, people: dict[str, Customer]) -> None:
    net.resize(requests=3)
    shop = people["shop"]
    asked = [net.request(shop, 10 + number) for number in range(9)]
    for request in asked:
        net.now += 1
        shop.upload_bundle(Bundle((), (), (), (request,)))
    check_counts(net)
    kept = {row[0] for row in store(net, "zhibek").rows("select id from requests")}
    assert kept == {request.id for request in asked[-3:]}
    late = net.pay(people["aigul"], people["aigul"].fund(1_000), shop, 10, request=asked[0])
    (row,) = shop.upload(late)
    assert row.settlement is not None


def test_signatures_of_strangers_are_within_a_share_too(
    net: LedgerNetwork, people: dict[str, Customer]
) -> None:
    net.resize(claims=3)
    bundle = replace(rubbish(net, people["cheat"], 8), certificates=())
    people["aigul"].upload_bundle(bundle)
    people["aigul"].upload_bundle(bundle)
    check_counts(net)
    assert store(net).value("select count(*) from claims") == 3
    assert store(net).value("select count(*) from transfers where stage = 'waiting'") == 3


def test_what_waited_too_long_leaves_and_may_come_again(
    net: LedgerNetwork, people: dict[str, Customer]
) -> None:
    first = second_hand(net, people["shop"], people["aigul"], people["dina"])
    certificate = people["aigul"].person.certificate
    people["dina"].upload_bundle(Bundle((first,), (), (certificate,), ()))
    people["dina"].upload_bundle(Bundle((), (), (), (net.request(people["dina"], 5),)))
    net.now += 179 * DAY
    net.banks["alatau"].node.retention.sweep()
    assert store(net).value("select count(*) from waiting") == 1
    net.now += 2 * DAY
    net.banks["alatau"].node.retention.sweep()
    check_counts(net)
    for table in (
        "waiting",
        "pending",
        "copies",
        "inputs",
        "counted",
        "answering",
        "requests where answered = 0",
    ):
        assert store(net).value(f"select count(*) from {table}") == 0, table
    rows = {row.txid: row for row in people["dina"].upload(first)}
    assert rows[first.id].settlement is not None


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(1, 4)), max_size=8))
def test_what_is_charged_is_what_is_there(
    net: LedgerNetwork, people: dict[str, Customer], steps: list[tuple[int, int, int]]
) -> None:
    net.resize(waiting=3, claims=2, requests=2, refused=2, relays=2)
    for step in steps:
        try:
            _step(net, [*people.values()], *step)
        except Refusal as refusal:  # examples share their people, of whom one may have been found out
            if refusal.code is not Code.WALLET_REVOKED:
                raise
        check_counts(net)
    _forget_all(net)


def _step(net: LedgerNetwork, people: Sequence[Customer], kind: int, who: int, count: int) -> None:
    one, other = people[who], people[(who + count) % 5]
    match kind:
        case 0 | 1:
            bundle = rubbish(net, other, count)
            one.upload_bundle(bundle if kind else replace(bundle, certificates=()))
        case 2 if one is not other:
            made = paid(net, one, other)
            other.upload_bundle(Bundle((made,), (), (one.person.certificate,), ()))
        case 3 if one is not other:
            other.upload(paid(net, one, other))
        case 4 if one is not other:
            for more in range(1, count + 1):
                made = false(net, other, other.fund(1_000), one, more)
                one.upload_bundle(replace(net.bundle([made]), transfers=(made,)))
        case 5:
            one.upload_bundle(Bundle((), (), (), (net.request(one, count),)))
        case _:
            net.settle_down(1)


def _forget_all(net: LedgerNetwork) -> None:
    """The next example begins with empty shares."""
    for assembled in net.banks.values():
        net.now += 1
        kept = assembled.node
        with store_of(kept).transaction():
            for txid in kept.objects.waiting.since(net.now + 1, 10_000):
                kept.retention.forget(txid)
            for txid in kept.objects.refused.since(net.now + 1, 10_000):
                kept.retention.forget(txid)
            kept.objects.requests.drop_old(net.now + 1, 10_000)
        assert kept.objects.shares.used(Share.WAITING, "bank:zhibek") == 0
    check_counts(net)


def test_losses_of_one_customer_are_bounded_a_day(net: LedgerNetwork) -> None:
    """`policy padded against gossip`: have a key certified, report a loss, and again: a delta each time."""
    aigul = net.customer("Aigul")
    for _ in range(MAX_LOSSES_A_DAY):
        net.now += 60
        aigul.line().post("/v1/losses", [])
        aigul.line().post("/v1/losses", [])
        aigul.certify()
    net.now += 60
    with pytest.raises(Refusal) as refused:
        aigul.line().post("/v1/losses", [])
    assert refused.value.code is Code.TOO_MANY
    net.now += DAY
    aigul.line().post("/v1/losses", [])
    net.settle_down()
    assert len(net.policy().revoked) == MAX_LOSSES_A_DAY + 1


def test_a_request_that_a_refused_transfer_names_is_charged(net: LedgerNetwork) -> None:
    """Nothing was paid for it, whichever came first."""
    aigul = net.customer("Aigul")
    tokens = aigul.fund(1_000)
    request = net.request(aigul, 500)
    false = net.pay(aigul, tokens, aigul, 500, request=request, edit=lambda body: replace(body, amount=5_000))
    aigul.upload_bundle(Bundle((false,), (), (aigul.person.certificate,), ()))
    assert aigul.verdict(false).settlement is not None
    aigul.upload_bundle(Bundle((), (), (), (request,)))
    store = store_of(net.banks["alatau"].node)
    assert store.rows("select sum(count) from shares where what = 'requests' and payer = ''") == [(1,)]
