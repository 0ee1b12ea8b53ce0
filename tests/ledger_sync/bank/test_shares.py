"""Shares: what nobody has paid for yet is bounded, and a full share stands in no honest call's way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_sync.bank.ports.shares import Share
from ledger_sync.bank.terms import MAX_LOSSES_A_DAY
from tests.ledger_sync.bank.inside import store_of
from tests.ledger_sync.bank.network import Customer, LedgerNetwork
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
}


def store(town: LedgerNetwork, bank: str = "alatau") -> Any:
    return store_of(town.banks[bank].node)


def check_counts(town: LedgerNetwork) -> None:
    """What is charged is what is there, and nobody has more than a share."""
    for bank, assembled in town.banks.items():
        kept = store_of(assembled.node)
        for share, sql in COUNTED.items():
            charged = kept.rows("select uploader, payer, count from shares where what = ?", (share.value,))
            assert sorted(charged) == sorted(kept.rows(sql)), (bank, share)
            for uploader, payer, count in charged:
                assert payer or count <= assembled.node.retention.most(share, uploader)
        waiting = kept.rows("select id from transfers where stage = 'waiting'")
        assert sorted(waiting) == sorted(kept.rows("select transfer from waiting"))


def rubbish(town: LedgerNetwork, signer: Customer, count: int) -> Bundle:
    """Transfers of tokens that nobody has, no two of which contradict each other: later numbers have greater totals."""
    made = []
    for _ in range(count):
        number = town.__dict__["number"] = town.__dict__.get("number", 100) + 1
        ref = TokenRef(number.to_bytes(2, "big") * 16, 0)
        person = signer.person
        copied = Person(person.key, person.certificate, number, number * 100_000)
        token = replace(_any_token(town, signer), ref=ref)
        made.append(town.transfer(copied, [token], signer.town.customers[0].key, 10, bytes(16)))  # type: ignore[attr-defined]
    return Bundle(tuple(made), (), (signer.person.certificate,), ())


def _any_token(town: LedgerNetwork, signer: Customer) -> Any:
    known = town.__dict__.setdefault("spare_tokens", {})
    if signer.name not in known:
        known[signer.name] = signer.fund(1_000)[0]
    return known[signer.name]


@pytest.fixture
def people(town: LedgerNetwork) -> dict[str, Customer]:
    found = {
        "aigul": town.customer("Aigul"),
        "dina": town.customer("Dina"),
        "cheat": town.customer("Dauren"),
        "shop": town.customer("Shop", "zhibek"),
        "stranger": town.customer("Stranger", "zhibek"),
    }
    town.__dict__["customers"] = [found["shop"]]
    return found


def paid(town: LedgerNetwork, payer: Customer, payee: Customer, amount: int = 500) -> Signed[Transfer]:
    return town.pay(payer, payer.fund(1_000), payee, amount)


def second_hand(town: LedgerNetwork, first: Customer, payer: Customer, payee: Customer) -> Signed[Transfer]:
    """A payment of money that the payer was paid, which no bank has heard of."""
    before = paid(town, first, payer)
    return town.pay(payer, town.outputs(before)[:1], payee, 400)


def test_a_full_share_of_waiting_transfers_lets_the_oldest_go(
    town: LedgerNetwork, people: dict[str, Customer]
) -> None:
    town.resize(waiting=5)
    bundle = rubbish(town, people["cheat"], 9)
    rows = people["aigul"].upload_bundle(bundle)
    assert [row.settlement for row in rows] == [None] * 9
    check_counts(town)
    (row,) = people["aigul"].upload(paid(town, people["aigul"], people["dina"]))
    assert row.settlement is not None
    assert row.settlement.verdict is Verdict.SETTLED


def test_strangers_fill_a_banks_share_and_nobody_else_waits(
    town: LedgerNetwork, people: dict[str, Customer]
) -> None:
    """`bank share filled by strangers`: a key of alatau and accounts at zhibek, rubbish that never ends."""
    town.resize(waiting=4, relays=1)
    for _ in range(5):
        people["stranger"].upload_bundle(rubbish(town, people["cheat"], 4))
        town.settle_down(2)
    check_counts(town)
    fragment = second_hand(town, people["stranger"], people["dina"], people["shop"])
    people["shop"].upload_bundle(Bundle((fragment,), (), (people["dina"].person.certificate,), ()))
    town.settle_down(2)
    check_counts(town)
    waiting = [
        row[0] for row in store(town).rows("select transfer from waiting where uploader = 'bank:zhibek'")
    ]
    assert fragment.id in waiting, "an honest fragment has its place beside the rubbish"
    forward = paid(town, people["aigul"], people["shop"], 1_000)
    onward = town.pay(people["shop"], town.outputs(forward)[:1], people["dina"], 900)
    people["shop"].upload(onward, forward)
    town.settle_down()
    assert onward.id in {row.txid for row in people["dina"].deliveries()[1]}
    check_counts(town)


def test_a_shop_sells_for_ever(town: LedgerNetwork, people: dict[str, Customer]) -> None:
    """`shares that never come back`: a request that was answered is no burden."""
    town.resize(requests=3)
    shop = people["shop"]
    for _ in range(12):
        (row,) = shop.upload(paid(town, people["aigul"], shop))
        assert row.settlement is not None
    town.settle_down()
    check_counts(town)
    assert store(town, "zhibek").value("select count(*) from requests where answered = 1") == 12


def test_requests_that_nothing_answers_make_room(town: LedgerNetwork, people: dict[str, Customer]) -> None:
    town.resize(requests=3)
    shop = people["shop"]
    asked = [town.request(shop, 10 + number) for number in range(9)]
    for request in asked:
        town.now += 1
        shop.upload_bundle(Bundle((), (), (), (request,)))
    check_counts(town)
    kept = {row[0] for row in store(town, "zhibek").rows("select id from requests")}
    assert kept == {request.id for request in asked[-3:]}
    late = town.pay(people["aigul"], people["aigul"].fund(1_000), shop, 10, request=asked[0])
    (row,) = shop.upload(late)
    assert row.settlement is not None


def test_signatures_of_strangers_are_within_a_share_too(
    town: LedgerNetwork, people: dict[str, Customer]
) -> None:
    town.resize(claims=3)
    bundle = replace(rubbish(town, people["cheat"], 8), certificates=())
    people["aigul"].upload_bundle(bundle)
    people["aigul"].upload_bundle(bundle)
    check_counts(town)
    assert store(town).value("select count(*) from claims") == 3
    assert store(town).value("select count(*) from transfers where stage = 'waiting'") == 3


def test_what_waited_too_long_leaves_and_may_come_again(
    town: LedgerNetwork, people: dict[str, Customer]
) -> None:
    first = second_hand(town, people["shop"], people["aigul"], people["dina"])
    certificate = people["aigul"].person.certificate
    people["dina"].upload_bundle(Bundle((first,), (), (certificate,), ()))
    people["dina"].upload_bundle(Bundle((), (), (), (town.request(people["dina"], 5),)))
    town.now += 179 * DAY
    town.banks["alatau"].node.retention.sweep()
    assert store(town).value("select count(*) from waiting") == 1
    town.now += 2 * DAY
    town.banks["alatau"].node.retention.sweep()
    check_counts(town)
    for table in (
        "waiting",
        "pending",
        "copies",
        "inputs",
        "counted",
        "answering",
        "requests where answered = 0",
    ):
        assert store(town).value(f"select count(*) from {table}") == 0, table
    rows = {row.txid: row for row in people["dina"].upload(first)}
    assert rows[first.id].settlement is not None


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(1, 4)), max_size=8))
def test_what_is_charged_is_what_is_there(
    town: LedgerNetwork, people: dict[str, Customer], steps: list[tuple[int, int, int]]
) -> None:
    names = list(people)
    town.resize(waiting=3, claims=2, requests=2, relays=2)
    for kind, who, count in steps:
        one, other = people[names[who]], people[names[(who + count) % 5]]
        match kind:
            case 0 | 1:
                bundle = rubbish(town, other, count)
                one.upload_bundle(bundle if kind else replace(bundle, certificates=()))
            case 2 if one is not other:
                made = paid(town, one, other)
                other.upload_bundle(Bundle((made,), (), (one.person.certificate,), ()))
            case 3 if one is not other:
                other.upload(paid(town, one, other))
            case 4:
                one.upload_bundle(Bundle((), (), (), (town.request(one, count),)))
            case _:
                town.settle_down(1)
        check_counts(town)
    _forget_all(town)


def _forget_all(town: LedgerNetwork) -> None:
    """The next example begins with empty shares."""
    for assembled in town.banks.values():
        town.now += 1
        kept = assembled.node
        with store_of(kept).transaction():
            for txid in kept.objects.waiting.since(town.now + 1, 10_000):
                kept.retention.forget(txid)
            kept.objects.requests.drop_old(town.now + 1, 10_000)
        assert kept.objects.shares.used(Share.WAITING, "bank:zhibek") == 0
    check_counts(town)


def test_losses_of_one_customer_are_bounded_a_day(town: LedgerNetwork) -> None:
    """`policy padded against gossip`: have a key certified, report a loss, and again: a delta each time."""
    aigul = town.customer("Aigul")
    for _ in range(MAX_LOSSES_A_DAY):
        town.now += 60
        aigul.line().post("/v1/losses", [])
        aigul.line().post("/v1/losses", [])
        aigul.certify()
    town.now += 60
    with pytest.raises(Refusal) as refused:
        aigul.line().post("/v1/losses", [])
    assert refused.value.code is Code.TOO_MANY
    town.now += DAY
    aigul.line().post("/v1/losses", [])
    town.settle_down()
    assert len(town.policy().revoked) == MAX_LOSSES_A_DAY + 1


def test_a_request_that_a_refused_transfer_names_is_charged(town: LedgerNetwork) -> None:
    """Nothing was paid for it, whichever came first."""
    aigul = town.customer("Aigul")
    tokens = aigul.fund(1_000)
    request = town.request(aigul, 500)
    false = town.pay(
        aigul, tokens, aigul, 500, request=request, edit=lambda body: replace(body, amount=5_000)
    )
    aigul.upload_bundle(Bundle((false,), (), (aigul.person.certificate,), ()))
    assert aigul.verdict(false).settlement is not None
    aigul.upload_bundle(Bundle((), (), (), (request,)))
    store = store_of(town.banks["alatau"].node)
    assert store.rows("select sum(count) from shares where what = 'requests' and payer = ''") == [(1,)]
