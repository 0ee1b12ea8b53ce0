"""Two people's windows, as `qalta app --pair` opens them, driven by touches and keys, offline: by code on two displays,
by tap that is torn, killed at the steps of a payment and gone on with; then reconciled, and the books add up.

Two moments of killing by default, every one under ./test --all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.catalogue import catalogue
from app.catalogue.written import written_amount
from app.wallets.sandbox_desk import network_of, read_books
from tests.e2e.app.displays import MISSING, camera_before, click, display
from tests.e2e.app.phone import Phone
from tests.e2e.app.table import (
    Table,
    agree,
    ask,
    confirm,
    finish,
    read,
    receipt_again,
    receives,
    set_table,
    shown_again,
    tells,
)
from tests.sampling import sampled

AMOUNT = 12_550


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    with set_table(tmp_path_factory.mktemp("pair")) as made:
        yield made


@pytest.fixture(scope="module")
def two(table: Table) -> Iterator[Table]:
    """Both phones are on."""
    with table.open():
        yield table


class Held:
    """What both could spend before, and that it is where it should be after."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.payer, self.payee = (phone.amount("home-spendable") for phone in (table.payer, table.payee))

    def is_paid(self, tiyn: int) -> None:
        """To the tiyn, and nothing is left to go on with or on its way."""
        payer, payee = self._table.payer, self._table.payee
        payer.wait_amount("home-spendable", self.payer - tiyn)
        payee.wait_amount("home-spendable", self.payee + tiyn)
        for phone in (payer, payee):
            assert not phone.unfinished()
            assert not on_the_way(phone)


def on_the_way(phone: Phone) -> int:
    return sum(phone.shows(f"home-{part}") for part in ("signed", "reserved", "waiting", "redeeming"))


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_on_two_displays_by_code_with_a_camera_before_each_and_by_a_torn_tap(
    table: Table, tmp_path: Path
) -> None:
    """What one display has on its screen, as X has it, is the other's camera."""
    pytest.importorskip("nfc")
    payer, payee = table.payer, table.payee
    with display(tmp_path / "here") as here, display(tmp_path / "there") as there:
        assert here != there
        on = [{"SDL_VIDEODRIVER": "x11", "DISPLAY": name, "WAYLAND_DISPLAY": ""} for name in (here, there)]
        seen_here, seen_there = tmp_path / "here.png", tmp_path / "there.png"
        with (
            camera_before(tmp_path / "here", seen_here),
            camera_before(tmp_path / "there", seen_there),
            payer.looking_at(seen_there),
            payee.looking_at(seen_here),
            table.open(*on),
        ):
            before = Held(table)
            ask(payee, AMOUNT)
            payee.wait("code", "[1-9]")
            click(here, payer.remote.do("find", name="home-pay"))
            read(payer, AMOUNT)
            confirm(payer)
            receives(payee, AMOUNT)
            finish(payer, payee)
            before.is_paid(AMOUNT)
            assert written_amount(AMOUNT) in payee.wait("home-unsettled")
            before = Held(table)
            pay_by_torn_tap(table, 1)
            before.is_paid(AMOUNT)


# killed, and gone on with

PAYING = [f"purse.{name}.{step}" for name in ("reserve", "sign") for step in ("stored", "recorded")]
PAYING += ["purse.sign.signed", "keystore.sign.done", "purse.shown.stored"]
PAYING += ["purse.acknowledge.stored", "purse.acknowledge.recorded", "showing"]
ASKING = ["purse.request.signed", "purse.request.stored", "asking"]
RECEIVING = [
    f"purse.{step}" for step in ("accept.stored", "accept.recorded", "receipt.signed", "receipt.stored")
]


@pytest.mark.parametrize("moment", sampled("app killed paying", PAYING, 1))
def test_the_payer_killed_there_tells_the_truth_and_goes_on(two: Table, moment: str) -> None:
    payer, payee = two.payer, two.payee
    before = Held(two)
    if moment != "showing":
        payer.switch_off()
        payer.open(moment)
    ask(payee, AMOUNT)
    agree(payer, AMOUNT)
    if moment == "showing":
        with payee.aside():
            confirm(payer)
            payer.wait("code", "[1-9]")
            payer.kill()
            payer.open()
    else:
        confirm(payer)
        payer.dies()
        payer.open()
    spendable, way = payer.amount("home-spendable"), on_the_way(payer)
    if not way:
        # Nothing had begun, or all was over: either way there is nothing to go on with.
        assert spendable in (before.payer, before.payer - AMOUNT)
        assert not payer.unfinished()
        if spendable == before.payer:
            agree(payer, AMOUNT)
            confirm(payer)
            payer.wait("ended", "Paid")
            payer.touch_home("pay-end")
    else:
        assert spendable + way == before.payer
        go_on(payer)
    receives(payee, AMOUNT)
    payee.touch_home("receive-done")
    before.is_paid(AMOUNT)


def go_on(payer: Phone) -> None:
    """With what is unfinished, up to the receipt."""
    unfinished = tells(payer, AMOUNT)
    is_signed = not payer.sees(f"home-drop-{unfinished}")
    payer.touch(f"home-go_on-{unfinished}")
    if not is_signed:
        confirm(payer)
    payer.wait("ended", "Paid")
    payer.touch_home("pay-end")


@pytest.mark.parametrize("moment", sampled("app killed receiving", ASKING + RECEIVING, 1))
def test_the_payee_killed_there_tells_the_truth_and_goes_on(two: Table, moment: str) -> None:
    payer, payee = two.payer, two.payee
    before = Held(two)
    if moment != "asking":
        payee.switch_off()
        payee.open(moment)
    ask(payee, AMOUNT)
    if moment == "asking":
        agree(payer, AMOUNT)
        payee.kill()
        confirm(payer)
        payer.wait("code", "[1-9]")
    elif moment in ASKING:
        payee.dies()
    else:
        agree(payer, AMOUNT)
        confirm(payer)
        payee.dies()
    payee.open()
    has_it = payee.amount("home-spendable") == before.payee + AMOUNT
    assert has_it or payee.amount("home-spendable") == before.payee
    if has_it:
        assert moment in RECEIVING
        assert not payee.unfinished()
        (receipt_again if moment == RECEIVING[-1] else shown_again)(payer, payee, AMOUNT)
    else:
        ask_on(payee)
        if moment in ASKING and moment != "asking":
            agree(payer, AMOUNT)
            confirm(payer)
        receives(payee, AMOUNT)
        finish(payer, payee)
    before.is_paid(AMOUNT)


def ask_on(payee: Phone) -> None:
    """With the request that was kept, or anew where there is none."""
    if payee.unfinished():
        payee.touch(f"home-go_on-{tells(payee, AMOUNT)}")
        payee.wait("code", "[1-9]")
    else:
        ask(payee, AMOUNT)


# torn, and gone on with


@pytest.mark.parametrize("at", sampled("app tap torn", [1, 2], 1))
def test_a_tap_torn_in_the_middle_is_resumed_by_the_next(two: Table, at: int) -> None:
    """At the first or second long frame of the payer's card, which is a piece of the payment."""
    pytest.importorskip("nfc")
    before = Held(two)
    pay_by_torn_tap(two, at)
    before.is_paid(AMOUNT)


def pay_by_torn_tap(table: Table, at: int) -> None:
    payer, payee, field = table.payer, table.payee, table.field
    cuts = field.cuts
    ask(payee, AMOUNT)
    by_tap(payee)
    payer.touch("home-pay")
    by_tap(payer)
    read(payer, AMOUNT)
    field.near.clear()
    field.cut(at)
    confirm(payer)
    payee.wait("tap-step", catalogue("en").text("app_receive.tap_tap_again"))
    payer.wait("tap-step", catalogue("en").text("app_receive.tap_tap_again"))
    assert field.cuts == cuts + 1
    field.near.set()
    receives(payee, AMOUNT)
    finish(payer, payee)


def by_tap(phone: Phone) -> None:
    """Each goes on in the way that was chosen last."""
    phone.wait("carrier")
    if not phone.sees("tap-step"):
        phone.touch("carrier")
    phone.wait("tap-step")


# reconciled


def test_then_they_reconcile_and_the_books_add_up(two: Table) -> None:
    network = network_of(two.home / "sandbox")
    two.payee.touch("home-reconcile", "reconcile-start")
    assert two.payee.wait("trouble-what") == catalogue("en").tell("network_off").what
    two.payee.go_home()
    held = sum(phone.amount("home-spendable") for phone in (two.payer, two.payee))
    for phone in (two.payee, two.payer):
        phone.set_network(on=True)
        phone.touch("home-reconcile", "reconcile-start")
        phone.wait("ended", "Synced")
        if phone is two.payee:
            assert int(phone.wait("verdict-settled")) >= 1
        phone.touch("reconcile-done")
        phone.wait_place("home")
    assert sum(phone.amount("home-spendable") + on_the_way(phone) for phone in (two.payer, two.payee)) == held
    # What a bank redeems for a customer is booked by itself, soon.
    assert any(read_books(network).is_balanced for _ in range(60))
    assert read_books(network).outstanding == held
    two.payee.touch("place-history")
    assert two.payee.wait_any("history-")
    assert two.payee.place == "history"
