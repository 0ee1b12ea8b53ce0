"""What the screens do with a bank: fund, defund, reconcile; a network that goes off meanwhile breaks nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.catalogue import catalogue
from app.engine.troubles import AppCode
from app.engine.values import Trouble
from ledger_sync.http.call import Signer
from ledger_sync.http.peers import NoAnswer
from ledger_sync.http.problems import MEDIA_TYPE, encode_problem, status_of
from ledger_sync.sandbox.in_process import Exchange
from tests.support.manual_worker import PIN, HolderSource, Person, person
from tests.support.system import OPENING, System
from tests.support.world import DAY, Key
from wallet.protocol.codes import Code, Refusal

HOUR = 3_600


@pytest.fixture(scope="module")
def born(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system") / "world", "app") as system:
        system.holder("alia", "alatau")
        system.holder("shop", "zhibek", merchant=True)
        system.holders["alia"].fund(200_000)
        system.settle_down()
        yield system


@pytest.fixture
def system(born: System, tmp_path: Path) -> Iterator[System]:
    with born.copy(tmp_path / "copy", tmp_path.name) as system:
        yield system


def opens(system: System, name: str) -> tuple[Person, HolderSource]:
    source = HolderSource(system.holders[name])
    return person(source, lambda: system.now, system.folder / f"app of {name}").unlock(), source


def test_funding_moves_money_from_account_to_pocket(system: System) -> None:
    alia, _ = opens(system, "alia")
    funds = alia.container.funds
    funds.refresh()
    alia.settle()
    assert funds.view.balance is not None
    before = funds.view.balance.spendable
    assert funds.view.account == OPENING - before
    alia.type(funds.press, "150,5")
    funds.go()
    alia.settle()
    view = funds.view
    assert (view.moved, view.typed, view.account) == (15_050, "", OPENING - before - 15_050)
    assert view.balance is not None
    assert view.balance.spendable == before + 15_050


def test_defunding_asks_for_the_pin(system: System) -> None:
    alia, _ = opens(system, "alia")
    alia.container.reconcile.start()
    alia.settle()
    funds = alia.container.funds
    funds.direction(False)
    alia.type(funds.press, "100")
    funds.go()
    alia.settle()
    assert funds.view.pin_length == 0
    alia.type(funds.pin_press, "9999")
    funds.go()
    alia.settle()
    assert funds.view.trouble is not None
    assert (funds.view.trouble.code, funds.view.pin_length, funds.view.moved) == ("pin_wrong", 0, None)
    alia.type(funds.pin_press, PIN)
    funds.go()
    alia.settle()
    assert (funds.view.moved, funds.view.pin_length) == (10_000, None)
    assert funds.view.account == OPENING - 200_000 + 10_000


def add_device(system: System, name: str) -> None:
    """One more device of that account."""
    holder, key = system.holders[name], Key.of(f"another device of {name}")
    (code,) = system.operate(holder.bank, "/v1/devices", [bytes(16), holder.account])
    line = system.network.line(name, holder.bank, Signer(key.public, key.sign))
    line.post("/v1/enrolments", [code, key.public])


def test_where_there_is_no_other_device_none_is_reported(system: System) -> None:
    alia, source = opens(system, "alia")
    lost = alia.container.lost
    lost.refresh()
    alia.settle()
    assert lost.view.is_alone
    calls = source.count
    lost.begin()
    lost.report()
    alia.settle()
    assert (lost.view.pin_length, lost.view.is_reported, source.count) == (None, False, calls)
    add_device(system, "alia")
    lost.refresh()
    alia.settle()
    lost.begin()
    alia.type(lost.pin_press, PIN)
    lost.report()
    alia.settle()
    assert (lost.view.is_alone, lost.view.is_reported) == (False, True)


class NotUnderstood:
    """A bank of another version, to which every call is wrong for this reason."""

    def __init__(self, code: Code) -> None:
        self._code = code

    def __call__(self, _exchange: Exchange) -> httpx.Response:
        refused = httpx.ByteStream(encode_problem(Refusal(self._code)))
        return httpx.Response(status_of(self._code), stream=refused, headers={"content-type": MEDIA_TYPE})


@pytest.mark.parametrize("code", [Code.MALFORMED, Code.VERSION_UNKNOWN, Code.KIND_UNEXPECTED, Code.NOT_FOUND])
def test_a_bank_that_does_not_understand_our_call_is_no_wrong_code(system: System, code: Code) -> None:
    alia, _ = opens(system, "alia")
    reconcile = alia.container.reconcile
    with system.network.lines.disturbed(NotUnderstood(code), callee="alatau"):
        reconcile.start()
        alia.settle()
    trouble = reconcile.view.trouble
    assert trouble is not None
    assert trouble.code == code
    for language, app in (("en", "Update this app"), ("ru", "Обновите приложение"), ("kk", "Қосымшаны")):
        words = catalogue(language)
        told = words.tell(trouble.code, dict(trouble.facts))
        assert app in told.next
        assert told == words.tell(Code.MALFORMED, {"fault": "call"})
        assert told != words.tell(code), "what is said of a code that somebody showed"


@pytest.mark.parametrize("deed", ["take_out", "report"])
def test_a_pin_goes_with_one_attempt_and_none_is_typed_while_that_is_under_way(
    system: System, deed: str
) -> None:
    alia, _ = opens(system, "alia")
    funds, lost = alia.container.funds, alia.container.lost
    if deed == "take_out":
        presenter, attempt = funds, funds.go
        funds.direction(False)
        alia.type(funds.press, "100")
        funds.go()
    else:
        presenter, attempt = lost, lost.report  # type: ignore[assignment]
        add_device(system, "alia")
        lost.refresh()
        alia.settle()
        lost.begin()
    alia.type(presenter.pin_press, "9999")
    attempt()
    assert (presenter.view.busy is not None, presenter.view.pin_length) == (True, 0)
    presenter.pin_press("7")
    assert presenter.view.pin_length == 0
    alia.settle()
    assert presenter.view.trouble is not None
    assert (presenter.view.trouble.code, presenter.view.pin_length) == ("pin_wrong", 0)
    alia.type(presenter.pin_press, PIN)
    attempt()
    alia.settle()
    assert (presenter.view.trouble, presenter.view.pin_length) == (None, None)


def no_account(source: HolderSource) -> None:
    """The bank is gone once all but the account was asked for."""

    def cut(_: int) -> None:
        if source.path == "/v1/account":
            raise NoAnswer(Code.UNREACHABLE, {"service": "alatau"})

    source.called = cut


@pytest.mark.parametrize("is_in", [True, False])
def test_money_that_moved_has_moved_also_where_the_account_cannot_be_asked_for(
    system: System, is_in: bool
) -> None:
    """Who is told that the bank cannot be reached would bring the money in a second time."""
    system.holders["alia"].sync()
    alia, source = opens(system, "alia")
    no_account(source)
    funds, before = alia.container.funds, source.holder.held
    funds.direction(is_in)
    alia.type(funds.press, "100")
    funds.go()
    alia.settle()
    if not is_in:
        alia.type(funds.pin_press, PIN)
        funds.go()
        alia.settle()
    assert (funds.view.moved, funds.view.trouble, funds.view.account) == (10_000, None, None)
    assert source.holder.held == before + (10_000 if is_in else -10_000)


def test_a_reconciling_that_is_done_is_done_also_where_the_account_cannot_be_asked_for(
    system: System,
) -> None:
    shop, source = opens(system, "shop")
    no_account(source)
    shop.container.reconcile.start()
    shop.settle()
    view = shop.container.reconcile.view
    assert (view.is_done, view.trouble, view.account) == (True, None, None)


@pytest.mark.parametrize("ahead", [-3 * DAY, -3 * HOUR, 3 * HOUR, 3 * DAY])
def test_a_wrong_clock_is_shown_beside_the_right_time(system: System, ahead: int) -> None:
    """A wallet goes by the later of two times; what its device shows is another matter."""
    system.holders["shop"].ahead = ahead
    shop, _ = opens(system, "shop")
    shop.container.reconcile.start()
    shop.settle()
    assert shop.container.reconcile.view.clock == (system.now + ahead, system.now)


def test_reconciling_says_what_changed(system: System) -> None:
    alia, shop = system.holders["alia"], system.holders["shop"]
    alia.pay(shop, 30_000)
    opened, _ = opens(system, "shop")
    home, reconcile = opened.container.home, opened.container.reconcile
    home.refresh()
    opened.settle()
    assert home.view.balance is not None
    assert (home.view.balance.unsettled, home.view.account) == (30_000, None)
    system.now += 500
    reconcile.start()
    assert reconcile.view.busy is not None
    opened.settle()
    view = reconcile.view
    assert view.is_done
    assert dict(view.verdicts)["settled"] == 1
    assert view.before is not None
    assert view.after is not None
    assert (view.before.unsettled, view.after.unsettled) == (30_000, 0)
    home.refresh()
    opened.settle()
    assert (home.view.offline_since, home.view.account) == (system.now, OPENING)


def test_off_means_off(system: System) -> None:
    alia, source = opens(system, "alia")
    alia.container.home.set_network(False)
    assert not alia.container.home.view.is_network_on
    alia.container.reconcile.start()
    alia.settle()
    assert alia.container.reconcile.view.trouble == Trouble(AppCode.NETWORK_OFF)
    assert source.count == 0
    alia.container.home.set_network(True)
    alia.container.reconcile.start()
    alia.settle()
    assert alia.container.reconcile.view.is_done


def test_off_stays_off_over_a_kill(system: System) -> None:
    alia, _ = opens(system, "alia")
    alia.container.home.set_network(False)
    alia.settle()
    alia.kill()
    again, source = opens(system, "alia")
    assert not again.container.home.view.is_network_on
    again.container.reconcile.start()
    again.settle()
    assert source.count == 0
    again.container.home.set_network(True)
    again.settle()
    assert opens(system, "alia")[0].container.home.view.is_network_on


@pytest.mark.parametrize("call", range(1, 5))
def test_switched_off_while_reconciling_it_stops_and_goes_on_later(system: System, call: int) -> None:
    system.holders["alia"].pay(system.holders["shop"], 30_000)
    shop, source = opens(system, "shop")
    source.called = lambda count: shop.container.home.set_network(False) if count == call else None
    shop.container.reconcile.start()
    shop.settle()
    reconcile = shop.container.reconcile
    assert source.count == call
    assert not reconcile.view.is_done
    assert reconcile.view.trouble == Trouble(AppCode.NETWORK_OFF)
    shop.container.home.set_network(True)
    reconcile.start()
    shop.settle()
    assert reconcile.view.is_done
    assert reconcile.view.after is not None
    assert reconcile.view.after.held == 30_000


def test_cancelled_between_two_steps_it_goes_on_later(system: System) -> None:
    system.holders["alia"].pay(system.holders["shop"], 30_000)
    shop, source = opens(system, "shop")
    reconcile = shop.container.reconcile
    source.called = lambda count: reconcile.cancel() if count == 1 else None
    reconcile.start()
    shop.settle()
    assert (reconcile.view.is_done, reconcile.view.busy, reconcile.view.trouble) == (False, None, None)
    source.called = lambda count: None
    reconcile.start()
    shop.settle()
    assert dict(reconcile.view.verdicts)["settled"] == 1


def test_a_signed_payment_the_ledger_knows_is_finished(system: System) -> None:
    system.now += 1
    alia, _ = opens(system, "alia")
    system.holders["alia"].pay_unseen(system.holders["shop"], 30_000)
    home = alia.container.home
    home.refresh()
    alia.settle()
    (left,) = home.view.unfinished
    alia.container.history.refresh()
    alia.settle()
    line = alia.container.history.view.lines[0]
    alia.container.history.choose(line.id)
    alia.settle()
    assert alia.container.history.view.can_show
    assert (line.id, line.sign, line.amount) == (left.id, -1, 30_000)
    alia.container.reconcile.start()
    alia.settle()
    home.refresh()
    alia.settle()
    assert home.view.unfinished == ()


def test_a_chain_is_drawn_hand_by_hand(system: System) -> None:
    system.now += 1
    alia, shop = system.holders["alia"], system.holders["shop"]
    alia.pay(shop, 30_000)
    opened, _ = opens(system, "shop")
    history = opened.container.history
    history.refresh()
    opened.settle()
    (line,) = history.view.lines
    assert (line.kind, line.sign, line.party is not None) == ("received", 1, True)
    history.choose(line.id)
    opened.settle()
    hands = history.view.chain
    assert [(hand.hop, hand.bank, hand.is_own) for hand in hands] == [(0, None, False), (1, "alatau", False)]
    assert line.party is not None
    assert hands[1].wallet == line.party.wallet
    payer, _ = opens(system, "alia")
    payer.container.history.refresh()
    payer.settle()
    payer.container.history.choose(payer.container.history.view.lines[0].id)
    payer.settle()
    assert payer.container.history.view.chain[-1].is_own
    history.back()
    assert (history.view.chosen, history.view.chain) == (None, ())


def test_what_is_at_risk(system: System) -> None:
    alia, _ = opens(system, "alia")
    alia.container.risk.refresh()
    alia.settle()
    view = alia.container.risk.view
    assert (view.amount, view.unsettled) == (200_000, 0)
    assert view.until is not None
    assert view.until > system.now
