"""What a peer did is never guessed: answers that get lost, come garbled, or belong to a call that was held up."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from ledger_sync.client.bank import BankClient
from ledger_sync.http.peers import NoAnswer
from ledger_sync.sandbox.in_process import CENTRAL_BANK
from tests.ledger_sync.bank.network import GRANT, OPENING, LedgerNetwork
from wallet.protocol import codec
from wallet.protocol.codes import Code, Refusal

FUNDING = b"f" * 16
Deliver = Callable[[], httpx.Response]


def cut(response: httpx.Response) -> httpx.Response:
    """The answer without its last bytes."""
    return httpx.Response(response.status_code, headers=response.headers, content=response.read()[:-3])


def odd(response: httpx.Response) -> httpx.Response:
    """An answer in good CBOR that is no answer to what was asked."""
    return httpx.Response(
        response.status_code, headers={"content-type": "application/cbor"}, content=codec.encode([1, 2, 3])
    )


def gateway(_response: httpx.Response) -> httpx.Response:
    """What a proxy says that lost its patience."""
    return httpx.Response(504, headers={"content-type": "text/html"}, content=b"<html>")


def newer(_response: httpx.Response) -> httpx.Response:
    """A refusal with a code that is not on our list."""
    return httpx.Response(
        422,
        headers={"content-type": "application/problem+json"},
        content=b'{"code":"of_next_year","facts":{}}',
    )


def lost(_response: httpx.Response) -> httpx.Response:
    raise httpx.ReadError("lost")


SPOILED = (cut, odd, gateway, newer, lost)


def spoil(
    net: LedgerNetwork, service: str, path: str, how: Callable[[httpx.Response], httpx.Response]
) -> None:
    """Calls are carried out, and their answers spoiled."""

    def between(name: str, request: httpx.Request, deliver: Deliver) -> httpx.Response:
        answer = deliver()
        return how(answer) if (name, request.url.path) == (service, path) else answer

    net.between = between


def undisturbed(_name: str, _request: httpx.Request, deliver: Deliver) -> httpx.Response:
    return deliver()


def told(action: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        action()
    return caught.value


@pytest.mark.parametrize("how", SPOILED)
def test_a_funding_whose_answer_cannot_be_read_is_asked_for_again(
    net: LedgerNetwork, how: Callable[[httpx.Response], httpx.Response]
) -> None:
    aigul = net.customer("Aigul")
    spoil(net, CENTRAL_BANK, "/v1/fundings", how)
    assert told(lambda: aigul.fund_raw(FUNDING, 500_000)).code in (Code.UNREACHABLE, Code.ANSWER_UNREADABLE)
    assert aigul.balance() == OPENING - 500_000
    assert net.books("alatau")[3] == [[FUNDING, 500_000]]
    net.between = undisturbed
    net.settle_down(1)
    assert aigul.balance() == OPENING - 500_000
    assert sum(aigul.fund_raw(FUNDING, 500_000).body.amounts) == 500_000
    net.check_books()


@pytest.mark.parametrize("how", SPOILED)
def test_the_wallets_client_never_takes_an_unreadable_answer_for_a_refusal(
    net: LedgerNetwork, how: Callable[[httpx.Response], httpx.Response]
) -> None:
    aigul = net.customer("Aigul")
    client = BankClient(aigul.line(), "alatau", aigul.device.public)
    asked: dict[str, Callable[[], object]] = {
        "/v1/account": client.account,
        "/v1/root": client.root,
        "/v1/policy": lambda: client.policy(0),
        "/v1/fundings": lambda: client.fund(FUNDING, aigul.key, (1_000,)),
        "/v1/verdicts": lambda: client.verdicts([bytes(32)]),
        "/v1/deliveries": lambda: client.deliveries(0),
        "/v1/keys": lambda: client.keys_in_use([aigul.key]),
        "/v1/possessions": lambda: list(client.own_keys()),
    }
    for path, call in asked.items():
        spoil(net, "alatau", path, how)
        assert isinstance(told(call), NoAnswer), path
    net.between = undisturbed
    assert sum(client.fund(FUNDING, aigul.key, (1_000,)).body.amounts) == 1_000
    assert client.account().balance == OPENING - 1_000


class HeldUp:
    """Holds calls of one kind up: whoever called gives up, and the call arrives when it is let go."""

    def __init__(self, net: LedgerNetwork, service: str, path: str) -> None:
        self._wanted = (service, path)
        self._held: list[Deliver] = []
        self.is_on = True
        net.between = self

    def __call__(self, name: str, request: httpx.Request, deliver: Deliver) -> httpx.Response:
        if not self.is_on or (name, request.url.path) != self._wanted:
            return deliver()
        request.read()
        self._held.append(deliver)
        raise httpx.ReadTimeout("held up", request=request)

    def let_go(self) -> list[int]:
        """The statuses of what the calls are answered now."""
        held, self._held = self._held, []
        return [deliver().status_code for deliver in held]


def test_a_held_up_funding_is_not_carried_out_after_its_refusal(net: LedgerNetwork) -> None:
    aigul = net.customer("Aigul")
    order = [b"w" * 16, "alatau", GRANT - 1_000]
    net.order(CENTRAL_BANK, "POST", "/v1/withdrawals", order)
    held = HeldUp(net, CENTRAL_BANK, "/v1/fundings")
    assert told(lambda: aigul.fund_raw(FUNDING, 500_000)).code is Code.UNREACHABLE
    held.is_on = False
    assert told(lambda: aigul.fund_raw(FUNDING, 500_000)).code is Code.POSITION_SHORT
    assert aigul.balance() == OPENING
    net.order(CENTRAL_BANK, "POST", "/v1/issues", [b"i" * 16, "alatau", GRANT])
    assert held.let_go() == [422]
    assert told(lambda: aigul.fund_raw(FUNDING, 500_000)).code is Code.POSITION_SHORT
    assert sum(aigul.fund_raw(b"g" * 16, 500_000).body.amounts) == 500_000
    net.settle_down(1)
    assert aigul.balance() == OPENING - 500_000
    net.check_books()


def test_a_held_up_funding_is_not_carried_out_by_the_bank_after_it_was_refused(net: LedgerNetwork) -> None:
    aigul = net.customer("Aigul")
    held = HeldUp(net, "alatau", "/v1/fundings")
    too_much = [b"f" * 16, aigul.key, [OPENING + 1]]
    assert told(lambda: aigul.line().post("/v1/fundings", too_much)).code is Code.UNREACHABLE
    held.is_on = False
    first = told(lambda: aigul.line().post("/v1/fundings", too_much))
    assert first.code is Code.ACCOUNT_SHORT
    other = net.customer("Baurzhan")
    net.banks["alatau"].node.context.books.move("gift", other.account, aigul.account, 200_000)
    assert held.let_go() == [422]
    again = told(lambda: aigul.line().post("/v1/fundings", too_much))
    assert (again.code, again.facts) == (first.code, first.facts)
    assert aigul.balance() == OPENING + 200_000
    net.settle_down(1)
    net.check_books()


def test_a_funding_carried_out_after_all_is_taken_up_again(net: LedgerNetwork) -> None:
    """The central bank forgets a refusal (its store was put back), and then a held-up copy comes."""
    aigul = net.customer("Aigul")
    net.order(CENTRAL_BANK, "POST", "/v1/withdrawals", [b"w" * 16, "alatau", GRANT - 1_000])
    held = HeldUp(net, CENTRAL_BANK, "/v1/fundings")
    assert told(lambda: aigul.fund_raw(FUNDING, 500_000)).code is Code.UNREACHABLE
    held.is_on = False
    assert told(lambda: aigul.fund_raw(FUNDING, 500_000)).code is Code.POSITION_SHORT
    net.forget(CENTRAL_BANK, "delete from refused_fundings")
    net.order(CENTRAL_BANK, "POST", "/v1/issues", [b"i" * 16, "alatau", GRANT])
    assert held.let_go() == [200]
    assert aigul.balance() == OPENING
    net.settle_down(2)
    assert aigul.balance() == OPENING - 500_000
    bundle, _rows = aigul.deliveries()
    assert [item.body.funding for item in bundle.issuances] == [FUNDING]
    net.check_books()
