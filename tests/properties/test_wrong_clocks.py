"""One service's clock after another is wrong, by any amount either way, and right again: wallets reconcile and pay,
their money can be spent, and nothing has expired. Everything is the real thing, in one process.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.http.call import WINDOW, read_call
from ledger_sync.http.problems import encode_problem
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY, Exchange, Plan
from tests.sampling import everything
from tests.support.system import BANKS, System
from tests.support.world import DAY
from wallet.protocol import codec
from wallet.protocol.codes import Code, Refusal
from wallet.purse.store.tokens import TokenState

HOUR = 3_600
FUNDED = 1_000_000
PAID = 10_000
WHO = st.sampled_from((CENTRAL_BANK, NOTARY, *BANKS))
AMOUNTS = st.one_of(
    st.sampled_from([5 * HOUR, -5 * HOUR, 47 * HOUR, 3 * DAY, 400 * DAY, -400 * DAY, 3_650 * DAY]),
    st.integers(-500 * DAY, 500 * DAY),
)


@pytest.fixture(scope="module")
def birth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Two customers of two banks, with money and a payment that the ledger has not seen."""
    with System(tmp_path_factory.mktemp("birth"), "clocks") as system:
        aliya, bolat = system.holder("aliya", "alatau"), system.holder("bolat", "zhibek")
        aliya.fund(FUNDED), bolat.fund(FUNDED)
        yield system


def disturb(system: System, who: str, ahead: int) -> None:
    """Everybody goes on as usual while one clock is wrong."""
    system.network.ahead[who] = ahead
    for holder in system.holders.values():
        system.network.work()
        holder.try_sync()
    system.network.ahead[who] = 0


def check_whole(system: System, paid: int) -> None:
    aliya, bolat = system.holders["aliya"], system.holders["bolat"]
    system.now += 60
    system.network.work()
    for holder in (aliya, bolat, aliya, bolat):
        holder.sync()
        system.settle_down()
    for holder, sum_of in ((aliya, FUNDED - paid), (bolat, FUNDED + paid)):
        assert abs(holder.wallet.now() - system.now) <= WINDOW
        assert not holder.wallet._purse.tokens.all(TokenState.EXPIRED)
        assert holder.wallet.balance().spendable == sum_of
    assert aliya.pay(bolat, PAID).code is None
    assert bolat.pay(aliya, PAID).code is None


@settings(max_examples=100 if everything() else 8, deadline=None)
@given(st.lists(st.tuples(WHO, AMOUNTS), min_size=1, max_size=3), st.integers(0, 10**9))
def test_wrong_clocks_end_nothing(
    birth: System, tmp_path_factory: pytest.TempPathFactory, wrongs: list[tuple[str, int]], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("life") / "copy"
    with birth.copy(folder, f"{seed}") as system:
        aliya, bolat = system.holders["aliya"], system.holders["bolat"]
        for who, ahead in wrongs:
            assert aliya.pay(bolat, PAID).code is None
            disturb(system, who, ahead)
            system.now += HOUR
            system.network.work()
            for holder in (aliya, bolat):
                holder.try_sync()
        check_whole(system, PAID * len(wrongs))


@pytest.mark.parametrize("who", [CENTRAL_BANK, NOTARY, "alatau"])
@pytest.mark.parametrize("ahead", [5 * HOUR, 400 * DAY])
def test_one_sync_at_a_wrong_time_and_payments_go_on_at_once(
    birth: System, tmp_path: Path, who: str, ahead: int
) -> None:
    """Requests of an hour are paid after a clock was five hours ahead at a sync; with no other sync in between, unless
    it was the central bank's: what is being renewed there comes with the next one, as when it is out of reach."""
    with birth.copy(tmp_path / "copy", "once") as system:
        aliya, bolat = system.holders["aliya"], system.holders["bolat"]
        assert aliya.pay(bolat, PAID).code is None
        disturb(system, who, ahead)
        assert abs(aliya.wallet.now() - system.now) <= WINDOW
        if who == CENTRAL_BANK:
            system.settle_down()
            aliya.sync(), bolat.sync()
        assert aliya.pay(bolat, PAID).code is None
        assert bolat.pay(aliya, PAID).code is None
        system.now += 60
        aliya.fund(PAID)
        assert aliya.wallet.balance().spendable >= FUNDED - 2 * PAID
        assert not aliya.wallet._purse.tokens.all(TokenState.EXPIRED)


@pytest.mark.parametrize("ahead", [5 * HOUR, -5 * HOUR, 400 * DAY])
def test_a_bank_whose_clock_is_wrong_is_told_apart_from_a_device_whose_is(
    birth: System, tmp_path: Path, ahead: int
) -> None:
    with birth.copy(tmp_path / "copy", "apart") as system:
        aliya = system.holders["aliya"]
        aliya.ahead = ahead
        assert aliya.sync().clock_wrong_by == ahead if ahead < 60 * DAY else _is_named(aliya)
        aliya.ahead = 0
        aliya.restart()
        system.network.ahead["alatau"] = abs(ahead)
        with pytest.raises(Refusal) as caught:
            aliya.sync()
        assert caught.value.code is Code.AUTH_STALE
        assert {"time", "now"} <= set(caught.value.facts)


def _is_named(holder: object) -> bool:
    with pytest.raises(Refusal) as caught:
        holder.sync()  # type: ignore[attr-defined]
    return caught.value.code is Code.DEVICE_CLOCK


def test_a_stranger_on_the_line_has_no_call_dated(birth: System, tmp_path: Path) -> None:
    """An unsigned answer that says it is next year, and the bank's word on another question."""
    with birth.copy(tmp_path / "copy", "stranger") as system:
        aliya, sent = system.holders["aliya"], list[int]()
        overheard = aliya.bank_client.time_word(bytes(16))

        def stranger(exchange: Exchange) -> httpx.Response:
            request, target = exchange.request, exchange.request.url.raw_path.decode()
            authority = exchange.request.url.netloc.decode()
            header = request.headers["authorization"]
            sent.append(read_call(header, request.method, authority + target, None).body.time)
            if target.startswith("/v1/time"):
                return answer(codec.encode(overheard.to_cbor()))
            if target.startswith(("/v1/policy", "/v1/root")):
                return exchange.deliver()
            refusal = Refusal(Code.AUTH_STALE, {"time": system.now, "now": system.now + 365 * DAY})
            return answer(encode_problem(refusal), 401, "application/problem+json")

        with system.network.lines.disturbed(stranger, caller="aliya"), pytest.raises(Refusal):
            aliya.sync()
        assert sent
        assert max(sent) <= system.now + WINDOW


def test_who_says_of_all_calls_that_they_are_stale_is_asked_for_the_time_once(
    birth: System, tmp_path: Path
) -> None:
    """Also of those by which the wallet wants to put its time right: then that is what it says, and no more."""
    with birth.copy(tmp_path / "copy", "stale") as system:
        aliya, calls = system.holders["aliya"], list[str]()

        def stranger(exchange: Exchange) -> httpx.Response:
            calls.append(exchange.request.url.path)
            refusal = Refusal(Code.AUTH_STALE, {"time": system.now, "now": system.now + 365 * DAY})
            return answer(encode_problem(refusal), 401, "application/problem+json")

        with system.network.lines.disturbed(stranger, caller="aliya"), pytest.raises(Refusal) as stale:
            aliya.bank_client.report_loss()
        assert stale.value.code is Code.AUTH_STALE
        assert calls == ["/v1/losses", "/v1/policy"]


def answer(body: bytes, status: int = 200, kind: str = "application/cbor") -> httpx.Response:
    return httpx.Response(status, headers={"content-type": kind}, stream=httpx.ByteStream(body))


def test_a_refund_opened_at_a_wrong_time_is_asked_for_again_when_its_time_has_come(
    birth: System, tmp_path: Path
) -> None:
    """Two clocks at once were wrong. Nothing is asked for every second meanwhile."""
    with birth.copy(tmp_path / "copy", "refund") as system:
        aliya, network = system.holders["aliya"], system.network
        network.ahead[CENTRAL_BANK] = network.ahead["alatau"] = 400 * DAY
        network.banks["alatau"].trust.refresh()
        network.banks["alatau"].node.refunds.find()
        network.ahead.clear()
        assert system.open_work()
        for _ in range(2):
            system.now += 60
            network.work()
        assert not system.open_work()
        assert not system.rows("alatau", "select 1 from refunds")
        before = aliya.account_balance()
        system.now += 130 * DAY
        network.work()
        system.settle_down()
        assert aliya.account_balance() == before + FUNDED


@pytest.mark.parametrize("who", [CENTRAL_BANK, NOTARY, "alatau"])
def test_services_that_were_off_for_a_month_go_on_without_an_operator(tmp_path: Path, who: str) -> None:
    """Their peers' clocks say the same; one whose clock is wrong waits, and serves as soon as it is right."""
    with System(tmp_path, "steady", plan=Plan(is_steady=True)) as system:
        aliya, bolat = system.holder("aliya", "alatau"), system.holder("bolat", "zhibek")
        aliya.fund(FUNDED)
        assert aliya.pay(bolat, PAID).code is None
        system.now += 30 * DAY - 60
        system.network.ahead[who] = 400 * DAY
        system.network.work(), system.network.work()
        for holder in (aliya, bolat):
            holder.try_sync()
            assert holder.wallet.now() <= system.now + WINDOW
        system.network.ahead.clear()
        for _ in range(3):
            system.now += 60
            system.network.work()
        for holder in (aliya, bolat, aliya, bolat):
            holder.sync()
            system.settle_down()
        assert bolat.wallet.balance().spendable == PAID
        assert aliya.wallet.balance().spendable == FUNDED - PAID


@pytest.mark.parametrize("who", [CENTRAL_BANK, NOTARY, "alatau"])
@pytest.mark.parametrize("ahead", [400 * DAY, -400 * DAY])
def test_a_service_that_comes_up_in_the_wrong_year_starts_and_waits(
    tmp_path: Path, who: str, ahead: int
) -> None:
    with System(tmp_path, "start", plan=Plan(is_steady=True)) as system:
        aliya = system.holder("aliya", "alatau")
        aliya.fund(FUNDED)
        system.network.ahead[who] = ahead
        system.network.stop(who)
        system.network.revive()
        system.network.work()
        aliya.try_sync()
        system.network.ahead.clear()
        system.now += 60
        system.network.work()
        aliya.sync()
        assert aliya.wallet.balance().spendable == FUNDED
