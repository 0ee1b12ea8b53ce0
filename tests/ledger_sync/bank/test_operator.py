"""The operator's typed calls: an order given again is the same act, books add up, what can't be read is no answer."""

from __future__ import annotations

import pytest

from ledger_sync.client.operator import BankBooks, BankOperator
from ledger_sync.http.peers import NoAnswer, RemoteRefusal
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.support.world import Key
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code

ORDER = b"o" * 16


@pytest.fixture
def operator(net: LedgerNetwork) -> BankOperator:
    return BankOperator(net.line("alatau", net.operator))


def test_an_account_is_opened_once_and_its_device_enrolled(
    net: LedgerNetwork, operator: BankOperator
) -> None:
    before = operator.books()
    code = operator.open_account(ORDER, "Erlan", category=None, opening=1_000)
    assert operator.open_account(ORDER, "Erlan", category=None, opening=1_000) == code
    erlan = Customer(net, "alatau", "Erlan", Key.of("Erlan device"))
    net.enrol(erlan, code)
    after = operator.books()
    (account,) = set(after.accounts) - set(before.accounts)
    assert after.accounts[account] == erlan.balance() == 1_000
    assert after.own == before.own - 1_000
    second = operator.add_device(b"d" * 16, account)
    assert second != code
    assert operator.add_device(b"d" * 16, account) == second


def test_books_tell_what_is_under_way_and_add_up(net: LedgerNetwork, operator: BankOperator) -> None:
    aigul = net.customer("Aigul")
    whole = operator.books()
    assert whole.position == whole.own + sum(whole.accounts.values())
    net.stop("central-bank")
    with pytest.raises((NoAnswer, RemoteRefusal)):
        aigul.fund(30_000)
    books = operator.books()
    assert list(books.fundings.values()) == [30_000]
    assert books.position == books.own + sum(books.accounts.values()) + sum(books.fundings.values())


def test_what_the_node_refuses_is_its_refusal(net: LedgerNetwork, operator: BankOperator) -> None:
    with pytest.raises(RemoteRefusal) as unknown:
        operator.add_device(ORDER, "nobody")
    assert unknown.value.code is Code.ACCOUNT_UNKNOWN
    stranger = BankOperator(net.line("alatau", Key.of("stranger")))
    with pytest.raises(RemoteRefusal) as forbidden:
        stranger.books()
    assert forbidden.value.code is Code.AUTH_FORBIDDEN


class Says:
    """A node that answers everything alike."""

    def __init__(self, answer: Cbor) -> None:
        self._answer = answer

    def get(self, path: str) -> Cbor:
        return self._answer

    def post(self, path: str, value: Cbor) -> Cbor:
        return self._answer


GOOD: list[Cbor] = [5, -1, [["a", 6]], [[b"f" * 16, 1]], [[b"r" * 32, 2]]]


def test_books_are_read_as_they_are_written() -> None:
    read = BankOperator(Says(GOOD)).books()
    assert read == BankBooks(5, -1, {"a": 6}, {b"f" * 16: 1}, {b"r" * 32: 2})


@pytest.mark.parametrize(
    ("place", "wrong"), [(0, True), (0, 2**53), (1, "1"), (2, [["a"]]), (3, [["f", 1]]), (4, [[b"r", -1]])]
)
def test_books_that_are_none_are_no_answer(place: int, wrong: Cbor) -> None:
    answer = [*GOOD]
    answer[place] = wrong
    with pytest.raises(NoAnswer) as unreadable:
        BankOperator(Says(answer)).books()
    assert unreadable.value.code is Code.ANSWER_UNREADABLE


def test_letting_go_is_passed_on() -> None:
    closed: list[bool] = []
    BankOperator(Says(GOOD), lambda: closed.append(True)).close()
    assert closed == [True]
