"""The journal of the plain lane: what it holds is known, is settled after all, and holds up nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hsm import failpoint
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.plainly import chain, settled, trio_at
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import Transfer

BANK = "alatau"


@pytest.fixture
def trio(net: LedgerNetwork) -> list[Customer]:
    return trio_at(net)


class Gone(BaseException):
    """A process that got no further."""


@contextmanager
def ends_at(place: str) -> Iterator[None]:
    def watch(name: str) -> None:
        if name == place:
            raise Gone

    with failpoint.watching(watch), pytest.raises(Gone):
        yield


@pytest.mark.parametrize("place", ["bank.plain.noted", "bank.settle.commit", "bank.settle.committed"])
def test_what_was_interrupted_can_be_shown_at_once_and_is_settled_by_a_worker(
    net: LedgerNetwork, trio: list[Customer], place: str
) -> None:
    node = net.banks[BANK].node
    token, other = trio[0].fund(10_000, 5_000)
    paid = chain(net, trio, token, 10_000)
    with ends_at(place):
        trio[2].upload(*paid)
    assert node.objects.transfers.any_copy(paid[0].id) is None
    shown = node.copy_of(paid[0].id)
    assert shown == (paid[0], trio[0].key)
    more = chain(net, trio, other, 5_000)
    with ends_at(place):
        trio[2].upload(*more)
    net.settle_down()
    assert settled([trio[2].verdict(one) for one in [*paid, *more]])
    assert net.look(BANK, "select count(*) from journal") == [(0,)]
    net.check_books()


def interrupted(net: LedgerNetwork, trio: list[Customer]) -> Signed[Transfer]:
    """A payment that the notary has consumed for, and that is in the journal alone."""
    (token,) = trio[0].fund(10_000)
    paid = net.pay(trio[0], [token], trio[1], 10_000)
    with ends_at("bank.settle.committed"):
        trio[2].upload(paid)
    return paid


def test_what_is_asked_for_is_found_behind_many_others(net: LedgerNetwork, trio: list[Customer]) -> None:
    node = net.banks[BANK].node
    other = net.bundle([net.pay(trio[0], trio[0].fund(500), trio[1], 500)]).encode()
    with node.context.storage.unit.transaction():
        node.context.storage.plain.note([("customer:x", other)] * 130, net.now + 60)
    paid = interrupted(net, trio)
    assert node.copy_of(paid.id) == (paid, trio[0].key)


def test_what_is_asked_for_and_cannot_be_taken_in_now_is_not_said_to_be_unknown(
    net: LedgerNetwork, trio: list[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    paid, node = interrupted(net, trio), net.banks[BANK].node

    def full(*_: object) -> None:
        raise Refusal(Code.BUSY)

    with monkeypatch.context() as patched:
        patched.setattr(node.plain.journal, "_take_in", full)
        with pytest.raises(Refusal) as refused:
            node.copy_of(paid.id)
    assert refused.value.code is Code.BUSY
    assert node.copy_of(paid.id) == (paid, trio[0].key)


def test_what_is_written_while_it_is_asked_for_is_found(
    net: LedgerNetwork, trio: list[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = net.banks[BANK].node
    paid = net.pay(trio[0], trio[0].fund(500), trio[1], 500)
    look = node.objects.transfers.any_copy

    def just_before(txid: bytes) -> Any:
        monkeypatch.setattr(node.objects.transfers, "any_copy", look)
        found = look(txid)
        assert settled(trio[2].upload(paid))
        return found

    monkeypatch.setattr(node.objects.transfers, "any_copy", just_before)
    assert node.copy_of(paid.id) == (paid, trio[0].key)


def test_after_a_start_nothing_of_it_waits_for_who_was_at_it(
    net: LedgerNetwork, trio: list[Customer]
) -> None:
    paid = interrupted(net, trio)
    net.network.work(BANK)
    assert trio[2].verdict(paid).settlement is None
    net.start(BANK)
    net.network.work(BANK)
    assert settled([trio[2].verdict(paid)])


def test_a_key_that_it_pays_is_in_use(net: LedgerNetwork, trio: list[Customer]) -> None:
    paid = interrupted(net, trio)
    node, payee = net.banks[BANK].node, trio[1]
    key = paid.body.payee
    assert not node.deliveries.keys_in_use(payee.account, [key], ())
    assert node.keys_in_use(payee.account, [key]) == [key]
    net.settle_down()
    assert node.keys_in_use(payee.account, [key]) == [key], "its money is there now"


def test_what_cannot_be_taken_in_holds_up_nothing_else(
    net: LedgerNetwork, trio: list[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = interrupted(net, trio), interrupted(net, trio)
    node = net.banks[BANK].node
    take = node.plain.journal._take_in

    def fails_for_one(bundle: Bundle, uploader: str) -> object:
        if first in bundle.transfers:
            raise ZeroDivisionError
        return take(bundle, uploader)

    with monkeypatch.context() as patched:
        patched.setattr(node.plain.journal, "_take_in", fails_for_one)
        net.settle_down()
        assert settled([trio[2].verdict(second)])
        assert trio[2].verdict(first).settlement is None
    net.settle_down()
    assert settled([trio[2].verdict(first)])
