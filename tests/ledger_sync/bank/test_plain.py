"""The plain lane: what is plain comes to what the intake would have made of it; what is not, the intake takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hsm import failpoint
from ledger_sync.bank.intake.signatures import Signatures
from ledger_sync.bank.plain.lane import PlainLane, Settled, Unsettled, Why
from ledger_sync.bank.ports.shares import uploader_of_customer
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.inside import store_of
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.plainly import chain, settled, trio_at
from tests.ledger_sync.bank.test_conflicts import clone, reasons, verdict
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.policy import Reason
from wallet.protocol.settlement import Settlement, Verdict
from wallet.protocol.transfer import Transfer

BANK = "alatau"
CHANCE = {"signature", "payload", "raw", "salt"}
"""Columns of what is signed by chance, or holds such."""
ORDER = {"turn", "claimed", "number", "noted"}
"""Columns that say in which order rows came, or who was at them, and no more."""
NAMED_BY_CHANCE = {"statements": "id", "consumed": "statement", "heard": "statement"}


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each upload since, whether it was plain."""
    were: list[bool] = []
    settle = PlainLane.settle

    def watched(self: PlainLane, *upload: Any) -> Any:
        settled = settle(self, *upload)
        were.append(isinstance(settled, Settled))
        return settled

    monkeypatch.setattr(PlainLane, "settle", watched)
    return were


# the same, row for row


def tell(net: LedgerNetwork) -> None:
    """Uploads of every kind that may be plain."""
    people = [net.customer(name) for name in ("Aigul", "Baurzhan", "Dauren", "Shop")]
    aigul, baurzhan, _, shop = people
    first, second, third = aigul.fund(10_000, 20_000, 30_000)
    for _ in range(2):  # certificates are known from the second on
        (token,) = baurzhan.fund(500)
        assert settled(shop.upload(*chain(net, people[1:], token, 500)))
    assert settled(shop.upload(*chain(net, people, first, 7_000)))
    paid = net.pay(aigul, [second, third], baurzhan, 41_000)
    left = net.outputs(paid)
    assert settled(aigul.upload(paid))
    on = net.pay(baurzhan, left[:1], shop, 1_000)
    assert settled(shop.upload(on))
    poster = net.request(shop, 5_000, nonce=None)
    change = net.outputs(on)[1]
    for _ in range(2):
        bought = net.pay(baurzhan, [change], shop, 5_000, request=poster)
        assert settled(baurzhan.upload(bought))
        change = net.outputs(bought)[1]
    defunded = net.defund(aigul, [left[1]])
    assert settled(aigul.upload(defunded))


def everything_in(net: LedgerNetwork) -> Mapping[str, Sequence[tuple[Any, ...]]]:
    """All rows of a bank's store, without what chance or order put there."""
    store = store_of(net.banks[BANK].node)
    tables = [name for (name,) in store.rows("select name from sqlite_schema where type = 'table'")]
    found = {}
    for table in tables:
        names = [row[1] for row in store.rows(f"pragma table_info({table})")]
        but = CHANCE | ORDER | {NAMED_BY_CHANCE.get(table, "")}
        kept = [f'"{name}"' for name in names if name not in but]
        if kept and not table.startswith("sqlite_"):
            found[table] = sorted(store.rows(f"select {', '.join(kept)} from {table}"), key=repr)
    return found


def test_what_is_plain_is_written_as_the_intake_writes_it(
    tmp_path: Path, plain: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = LedgerNetwork(tmp_path / "plain"), LedgerNetwork(tmp_path / "taken in")
    tell(one)
    assert plain == [True] * 7 + [False]
    monkeypatch.setattr(PlainLane, "settle", lambda *_: Unsettled(Why.NOT_PLAIN))
    tell(other)
    written, expected = everything_in(one), everything_in(other)
    assert written.keys() == expected.keys()
    for table, rows in expected.items():
        assert written[table] == rows, table
    one.close()
    other.close()


# what is not plain


@pytest.fixture
def trio(net: LedgerNetwork) -> list[Customer]:
    return trio_at(net)


def test_who_was_second_is_told_of_the_conflict(
    net: LedgerNetwork, trio: list[Customer], plain: list[bool]
) -> None:
    aigul, baurzhan, shop = trio
    tokens = aigul.fund(10_000)
    copied = clone(aigul)
    first, second = net.pay(aigul, tokens, baurzhan, 10_000), net.pay(copied, tokens, shop, 9_000)
    assert settled(baurzhan.upload(first))
    (row,) = shop.upload(second)
    assert verdict(row) is Verdict.CONFLICT
    assert row.evidence is not None
    assert plain == [True, False]
    assert net.look(BANK, "select count(*) from journal") == [(0,)], "the intake has it"
    net.settle_down()
    net.check_books()


def test_two_that_contradict_each_other_in_one_pass_are_not_both_plain(
    net: LedgerNetwork, trio: list[Customer], plain: list[bool]
) -> None:
    aigul, baurzhan, shop = trio
    tokens = aigul.fund(10_000)
    copied = clone(aigul)
    first, second = net.pay(aigul, tokens, baurzhan, 10_000), net.pay(copied, tokens, shop, 9_000)
    rows = shop.upload_bundle(net.bundle([first, second]))
    assert {verdict(row) for row in rows} == {Verdict.SETTLED, Verdict.CONFLICT}
    assert plain == [False]


def under_one_number(net: LedgerNetwork, trio: list[Customer]) -> tuple[Signed[Transfer], Signed[Transfer]]:
    """A copied purse pays with another token by the number that the first has used."""
    aigul, baurzhan, shop = trio
    one, other = aigul.fund(10_000, 20_000)
    copied = clone(aigul)
    return net.pay(aigul, [one], baurzhan, 10_000), net.pay(copied, [other], shop, 20_000)


def test_two_of_one_number_in_one_upload_both_settle_and_name_the_key(
    net: LedgerNetwork, trio: list[Customer], plain: list[bool]
) -> None:
    assert settled(trio[2].upload_bundle(net.bundle(under_one_number(net, trio))))
    assert plain == [False]
    net.settle_down()
    assert reasons(net, trio[0]) == {Reason.CONFLICT}


def test_of_two_of_one_number_in_one_pass_the_second_is_not_plain(
    net: LedgerNetwork, trio: list[Customer]
) -> None:
    lane = net.banks[BANK].node.plain
    uploader = uploader_of_customer("shop")
    found = [
        lane._reader.found(bundle, uploader, lane.seen(bundle, uploader), signatures(net))
        for bundle in [net.bundle([paid]) for paid in under_one_number(net, trio)]
    ]
    assert None not in found
    first, second = lane._settle_together([one for one in found if one is not None])
    assert isinstance(first, Settled)
    assert second == Unsettled(Why.NOT_PLAIN)


def signatures(net: LedgerNetwork) -> Signatures:
    return net.banks[BANK].node.intake.signatures()


@contextmanager
def when_committed(act: Callable[[], object]) -> Iterator[None]:
    """Something else comes while the notary answers."""

    def watch(name: str) -> None:
        if name == "bank.settle.committed":
            act()

    with failpoint.watching(watch):
        yield


def test_what_came_to_concern_another_bank_meanwhile_is_taken_in(
    net: LedgerNetwork, trio: list[Customer], plain: list[bool]
) -> None:
    """Its key is certified there too, and that bank has to hear of it."""
    aigul, baurzhan, shop = trio
    tokens = aigul.fund(10_000)
    there = net.customer("Aigul there", "zhibek")
    certificate = there.certify_key(aigul.person.key)
    node = net.banks[BANK].node
    paid = net.pay(aigul, tokens, baurzhan, 10_000)
    brought = Bundle((), certificates=(certificate,))
    with when_committed(lambda: node.intake.take(brought, uploader_of_customer(shop.account))):
        assert settled(shop.upload(paid))
    assert plain == [False]
    net.settle_down()
    assert net.look("zhibek", "select count(*) from transfers where id = ?", (paid.id,)) == [(1,)]


def test_a_request_that_nobody_looked_at_is_not_kept(
    net: LedgerNetwork, trio: list[Customer], plain: list[bool]
) -> None:
    """It was known when the upload was read, and is gone when that is written."""
    aigul, baurzhan, shop = trio
    one, other = aigul.fund(10_000, 20_000)
    asked = net.bundle([net.pay(aigul, [one], baurzhan, 10_000)])
    assert settled(shop.upload_bundle(asked))
    (known,) = asked.requests
    bundle = net.bundle([net.pay(aigul, [other], baurzhan, 20_000)])
    wrong = Signed(known.body, known.payload, bundle.requests[0].signature, known.id)
    store = store_of(net.banks[BANK].node)

    def forget() -> None:
        with store.transaction():
            store.run("delete from requests where id = ?", (known.id,))

    with when_committed(forget):
        assert settled(shop.upload_bundle(replace(bundle, requests=(*bundle.requests, wrong))))
    assert plain == [True, True]
    assert net.look(BANK, "select count(*) from requests where id = ?", (known.id,)) == [(0,)]


def test_what_waited_for_it_is_settled_with_it(
    net: LedgerNetwork, trio: list[Customer], plain: list[bool]
) -> None:
    (token,) = trio[0].fund(10_000)
    paid, on = chain(net, trio, token, 10_000)
    (row,) = trio[2].upload(on, whole=False)
    assert row.settlement is None
    assert settled(trio[1].upload(paid))
    assert settled([trio[2].verdict(on)])
    assert plain == [False, False]


def test_the_same_again_is_answered_as_before_and_nothing_is_written(
    net: LedgerNetwork, trio: list[Customer], plain: list[bool]
) -> None:
    (token,) = trio[0].fund(10_000)
    paid = chain(net, trio, token, 10_000)
    once = trio[2].upload(*paid)
    net.now += 5
    again = trio[2].upload(*paid)
    assert [row.settlement for row in again] == [row.settlement for row in once]
    assert [row.first for row in again] == [row.settlement.time for row in once if row.settlement]
    assert [row.first for row in once] == [None, None]
    assert plain == [True], "it is known by its bytes"
    net.start(BANK)
    assert trio[2].upload(*paid) == again
    assert plain == [True, True]
    assert trio[2].upload(*paid) == again
    assert plain == [True, True]


def test_another_who_shows_the_same_is_taken_note_of(
    net: LedgerNetwork, trio: list[Customer], plain: list[bool]
) -> None:
    (token,) = trio[0].fund(10_000)
    paid = chain(net, trio, token, 10_000)
    assert settled(trio[2].upload(*paid))
    assert settled(trio[1].upload(*paid))
    assert plain == [True, True]
    assert net.look(BANK, "select count(*) from uploads where transfer = ?", (paid[0].id,)) == [(2,)]


def test_who_reads_other_kinds_is_not_told_what_was_told(
    net: LedgerNetwork, trio: list[Customer], plain: list[bool]
) -> None:
    (token,) = trio[0].fund(10_000)
    paid = chain(net, trio, token, 10_000)
    assert settled(trio[2].upload(*paid))
    with net.reading(BANK, None):
        alone = trio[2].upload(*paid)
    assert settled(alone)
    assert {type(row.settlement) for row in alone} == {Settlement}
    assert plain == [True, True]


def test_what_is_not_settled_is_looked_up_again(
    net: LedgerNetwork, trio: list[Customer], plain: list[bool]
) -> None:
    aigul, baurzhan, _ = trio
    tokens = aigul.fund(10_000)
    copied = clone(aigul)
    assert settled(baurzhan.upload(net.pay(aigul, tokens, baurzhan, 10_000)))
    second = net.pay(copied, tokens, trio[2], 9_000)
    for _ in range(2):
        (row,) = trio[2].upload(second)
        assert verdict(row) is Verdict.CONFLICT
    assert plain == [True, False, True]


def test_what_had_its_verdict_before_it_was_judged_is_judged_when_it_is_shown(
    net: LedgerNetwork, trio: list[Customer], plain: list[bool]
) -> None:
    """Who signed it is known by that alone."""
    paid = net.pay(trio[0], trio[0].fund(500), trio[1], 500)
    assert settled(trio[2].upload(paid))
    net.forget(BANK, f"delete from signers where transfer = x'{paid.id.hex()}'")
    net.start(BANK)
    assert settled(trio[2].upload(paid))
    assert net.look(BANK, "select count(*) from signers where transfer = ?", (paid.id,)) == [(1,)]
    assert settled(trio[2].upload(paid))
    assert plain == [True, False, True]


def test_a_bad_signature_is_refused_by_its_code_as_ever(net: LedgerNetwork, trio: list[Customer]) -> None:
    (token,) = trio[0].fund(10_000)
    paid, other = chain(net, trio, token, 10_000)
    wrong = Signed(paid.body, paid.payload, other.signature, paid.id)
    with pytest.raises(Refusal) as caught:
        trio[2].upload_bundle(Bundle((wrong,)))
    assert caught.value.code.value == "transfer_signature"
    assert settled(trio[2].upload(paid))


def test_while_the_notary_is_away_it_waits_and_is_settled_afterwards(
    net: LedgerNetwork, trio: list[Customer], plain: list[bool]
) -> None:
    (token,) = trio[0].fund(10_000)
    paid = chain(net, trio, token, 10_000)
    net.down = {"notary"}
    assert all(row.settlement is None for row in trio[2].upload(*paid))
    net.down = set()
    net.settle_down()
    assert settled([trio[2].verdict(one) for one in paid])
    assert net.look(BANK, "select count(*) from journal") == [(0,)]
    assert plain == [False]


# limits


def test_whoever_broke_a_limit_is_revoked_before_the_answer(
    net: LedgerNetwork, trio: list[Customer], plain: list[bool]
) -> None:
    """The running total falls: a purse that was put back."""
    aigul, baurzhan, _ = trio
    first, second = aigul.fund(10_000, 20_000)
    assert settled(aigul.upload(net.pay(aigul, [first], baurzhan, 10_000)))
    aigul.person.total = 0
    assert settled(aigul.upload(net.pay(aigul, [second], baurzhan, 20_000)))
    assert plain == [True, True]
    assert aigul.person.certificate.body.revocation_id in net.policy().revoked
