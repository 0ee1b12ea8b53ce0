"""Two processes of one bank fund at once: one funding is debited once, ended once, and no account pays what it lacks.

The other process acts while the first one waits for the central bank, which no lock of the first one hinders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from ledger_sync.bank.api.node import Node
from ledger_sync.bank.books import FUNDINGS
from ledger_sync.http.problems import MEDIA_TYPE, encode_problem
from ledger_sync.sandbox.in_process import CENTRAL_BANK
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import GRANT, OPENING, LedgerNetwork
from tests.ledger_sync.bank.processes import another_process
from tests.ledger_sync.bank.watched import watched
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance

FUNDING = b"f" * 16
AMOUNT = 500_000
Answer = Callable[[], httpx.Response]


@pytest.fixture
def second(net: LedgerNetwork) -> Iterator[Node]:
    node = another_process(net)
    yield node
    node.context.storage.close()


def fund(node: Node, customer: Customer, amount: int = AMOUNT, funding: bytes = FUNDING) -> Signed[Issuance]:
    return node.funding.fund(customer.account, funding, customer.key, [amount])


def position_short() -> httpx.Response:
    """What the central bank says for good."""
    return httpx.Response(
        422,
        headers={"content-type": MEDIA_TYPE},
        stream=httpx.ByteStream(encode_problem(Refusal(Code.POSITION_SHORT))),
    )


def after_the_answer(net: LedgerNetwork, happens: Callable[[], object], says: Answer | None = None) -> None:
    """The central bank has answered the next call for a funding, but nobody has read that yet, when something happens.
    It says what it says, or ``says``, and then has not heard of the call."""
    is_first = True

    def between(name: str, request: httpx.Request, deliver: Answer) -> httpx.Response:
        nonlocal is_first
        is_meant = is_first and (name, request.url.path) == (CENTRAL_BANK, "/v1/fundings")
        if not is_meant:
            return deliver()
        is_first = False
        answer = (says or deliver)()
        happens()
        return answer

    net.between = between


def refused(act: Callable[[], object]) -> Code:
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value.code


def test_a_funding_that_two_finish_at_once_is_booked_once(net: LedgerNetwork, second: Node) -> None:
    aigul, first = net.customer("Aigul"), net.banks["alatau"].node
    made: list[Signed[Issuance]] = []
    after_the_answer(net, lambda: made.append(second.funding.finish(FUNDING)))
    assert fund(first, aigul) == made[0]
    assert aigul.balance() == OPENING - AMOUNT
    assert first.funding.open_ones() == second.funding.open_ones() == []
    net.check_books()


def test_what_another_gave_back_is_given_back_once(net: LedgerNetwork, second: Node) -> None:
    aigul, first = net.customer("Aigul"), net.banks["alatau"].node
    net.order(CENTRAL_BANK, "POST", "/v1/withdrawals", [b"w" * 16, "alatau", GRANT - 1_000])
    said: list[Code] = []
    after_the_answer(net, lambda: said.append(refused(lambda: second.funding.finish(FUNDING))))
    assert [refused(lambda: fund(first, aigul)), *said] == [Code.POSITION_SHORT, Code.POSITION_SHORT]
    assert (aigul.balance(), second.context.books.balance(FUNDINGS)) == (OPENING, 0)
    net.settle_down(1)
    net.check_books()


def test_whose_refusal_comes_after_the_tokens_has_the_tokens(net: LedgerNetwork, second: Node) -> None:
    """Of two calls one was refused and the other carried out: what was booked first stands, nothing is given back."""
    aigul, first = net.customer("Aigul"), net.banks["alatau"].node
    made: list[Signed[Issuance]] = []
    after_the_answer(net, lambda: made.append(second.funding.finish(FUNDING)), position_short)
    assert fund(first, aigul) == made[0]
    assert aigul.balance() == OPENING - AMOUNT
    net.check_books()


def test_who_is_late_does_not_end_a_later_attempt(net: LedgerNetwork, second: Node) -> None:
    """Given back by one, debited anew by the list of movements, and then the first answer is read at last."""
    aigul, first = net.customer("Aigul"), net.banks["alatau"].node

    def give_back_and_resume() -> None:
        after_the_answer(net, lambda: None, position_short)
        assert refused(lambda: second.funding.finish(FUNDING)) is Code.POSITION_SHORT
        assert aigul.balance() == OPENING
        second.movements.follow()
        assert aigul.balance() == OPENING - AMOUNT

    after_the_answer(net, give_back_and_resume)
    issuance = fund(first, aigul)
    assert sum(issuance.body.amounts) == AMOUNT
    assert (aigul.balance(), first.context.books.balance(FUNDINGS)) == (OPENING - AMOUNT, 0)
    net.settle_down(1)
    net.check_books()


@pytest.mark.parametrize("is_listed", [False, True])
def test_whose_tokens_come_after_another_was_refused_has_them(
    net: LedgerNetwork, second: Node, is_listed: bool
) -> None:
    """Though the movement that says so was followed before anybody was refused, and will not be again."""
    aigul, first = net.customer("Aigul"), net.banks["alatau"].node

    def give_back() -> None:
        if is_listed:
            second.movements.follow()
        after_the_answer(net, lambda: None, position_short)
        assert refused(lambda: second.funding.finish(FUNDING)) is Code.POSITION_SHORT
        assert aigul.balance() == OPENING

    after_the_answer(net, give_back)
    assert sum(fund(first, aigul).body.amounts) == AMOUNT
    assert (aigul.balance(), first.context.books.balance(FUNDINGS)) == (OPENING - AMOUNT, 0)
    net.settle_down(1)
    net.check_books()


def test_an_account_pays_for_one_of_two_fundings(net: LedgerNetwork, second: Node) -> None:
    aigul, first = net.customer("Aigul"), net.banks["alatau"].node
    said: list[Code] = []
    amount = OPENING - 1
    after_the_answer(net, lambda: said.append(refused(lambda: fund(second, aigul, amount, b"g" * 16))))
    fund(first, aigul, amount)
    assert said == [Code.ACCOUNT_SHORT]
    assert aigul.balance() == 1
    net.check_books()


def test_a_list_that_two_processes_follow_at_once_is_booked_once(net: LedgerNetwork, second: Node) -> None:
    first = net.banks["alatau"].node
    first.movements.follow()
    own = first.context.books.position
    net.order(CENTRAL_BANK, "POST", "/v1/issues", [b"i" * 16, "alatau", 70])
    is_first = True

    def between(_name: str, request: httpx.Request, deliver: Answer) -> httpx.Response:
        nonlocal is_first
        answer = deliver()
        if is_first and request.url.path == "/v1/movements":
            is_first = False
            second.movements.follow()
        return answer

    net.between = between
    first.movements.follow()
    assert (first.context.books.position, first.movements.seen) == (own + 70, second.movements.seen)


def test_nothing_is_verified_while_a_transaction_is_open(net: LedgerNetwork) -> None:
    aigul = net.customer("Aigul")
    node, watch = watched(net)
    issuance = fund(node, aigul)
    assert (watch.count(issuance), watch.inside) == (1, [])
