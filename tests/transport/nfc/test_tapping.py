"""A payment by tap between two wallets: either role, any cut, any state, any restart; nothing is swallowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sampling import sampled
from tests.session.holders import FUNDS, MemoryPlace, Place, PowerCut, WalletPlace
from tests.session.pairs import AMOUNT, LATE, Pair, both_done
from tests.transport.nfc.taps import Taps
from wallet.protocol.codes import Code, Refusal
from wallet.session import PayeeState, PayerState
from wallet.transport.nfc import TapEnd

ROLES = pytest.mark.parametrize("payer_reads", [True, False], ids=["payer reads", "payee reads"])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[WalletPlace]:
    place = WalletPlace(tmp_path)
    yield place
    place.close()


@ROLES
def test_a_payment_in_two_taps_with_the_persons_yes_between(place: WalletPlace, payer_reads: bool) -> None:
    taps = Taps(Pair.of(place), payer_reads=payer_reads)
    assert taps.tap() is (TapEnd.PERSON_HERE if payer_reads else TapEnd.PERSON_THERE)
    taps.agree()
    assert taps.tap() is TapEnd.OVER
    both_done(taps.pair)


def test_a_payment_in_one_tap_where_the_person_says_yes_meanwhile() -> None:
    taps = Taps(Pair.of(), payer_reads=False)
    waited: list[float] = []

    def pause(seconds: float) -> None:
        taps.clock.pause(seconds)
        waited.append(seconds)
        if len(waited) == 5:
            taps.hear()
            taps.agree()

    taps.tapper._pause = pause
    assert taps.tap(seconds=30.0) is TapEnd.OVER
    assert len(waited) == 5
    both_done(taps.pair)


@ROLES
@pytest.mark.parametrize("when", ["before", "after"])
def test_torn_at_any_apdu_the_next_taps_go_on(payer_reads: bool, when: str) -> None:
    number, ends = 0, [TapEnd.TORN]
    while TapEnd.TORN in ends:
        taps = Taps(Pair.of(), payer_reads=payer_reads)
        ends, left = [], number
        while TapEnd.OVER not in ends and len(ends) < 6:
            ends.append(taps.tap(lambda n, at=left: when if n == at else None))  # type: ignore[misc]
            left -= taps.field.count
            taps.agree()
        assert ends[-1] is TapEnd.OVER
        both_done(taps.pair)
        number += 1
    assert number >= 8


def _dies(pair: Pair, point: str, act: Callable[[], object]) -> None:
    (pair.alia if "receive" not in point else pair.shop).cut_at(point)
    with pytest.raises(PowerCut):
        act()


def nothing(pair: Pair) -> None:
    pass


def requested(pair: Pair) -> None:
    pair.ask()


def confirmed(pair: Pair) -> None:
    requested(pair)
    _dies(pair, "-reserve", pair.agree)


def reserved(pair: Pair) -> None:
    requested(pair)
    _dies(pair, "-sign", pair.agree)


def signed(pair: Pair) -> None:
    requested(pair)
    pair.agree()


def shown(pair: Pair) -> None:
    signed(pair)
    pair.payer.bytes_to_send()


def receiving(pair: Pair) -> None:
    signed(pair)
    _dies(pair, "-receive", pair.pay)


def received(pair: Pair) -> None:
    signed(pair)
    _dies(pair, "receive", pair.pay)


def stored(pair: Pair) -> None:
    signed(pair)
    pair.pay()


def receipt_lost(pair: Pair) -> None:
    stored(pair)
    pair.payee.bytes_to_send()


def acknowledged(pair: Pair) -> None:
    receipt_lost(pair)
    pair.answer()


def cancelled_late(pair: Pair) -> None:
    shown(pair)
    pair.payee.cancel()


def expired_late(pair: Pair) -> None:
    shown(pair)
    pair.payee.tick(pair.request.body.expires + 1)


STATES = (
    *(nothing, requested, confirmed, reserved, signed, shown, receiving, received, stored, receipt_lost),
    *(acknowledged, cancelled_late, expired_late),
)
RESTARTS: dict[str, Callable[[Taps], object]] = {
    "nobody": lambda taps: None,
    "payer": Taps.restart_payer,
    "payee": Taps.restart_payee,
    "both": lambda taps: (taps.restart_payer(), taps.restart_payee()),
}
CASES = [(state, who, reads) for state in STATES for who in RESTARTS for reads in (True, False)]


def _case(case: tuple[Callable[[Pair], None], str, bool]) -> str:
    state, who, reads = case
    return f"{state.__name__}, {who} restarts, {'payer' if reads else 'payee'} reads"


def goes_on(place: Place, bring: Callable[[Pair], None], who: str, payer_reads: bool) -> None:
    pair = Pair.of(place)
    bring(pair)
    pair.hear()
    taps = Taps(pair, payer_reads=payer_reads)
    taps.until_over(RESTARTS[who])
    assert taps.is_paid
    assert (pair.alia.money, pair.shop.money) == (sum(FUNDS) - AMOUNT, AMOUNT)
    # Told as new money once, unless the purse died between storing and telling: then as a repeat.
    assert pair.received == (0 if bring is received else AMOUNT)
    # And tapping once more, with whatever sessions there are, changes nothing.
    for again in ("nobody", "both"):
        RESTARTS[again](taps)
        assert taps.tap() in (TapEnd.OVER, TapEnd.NOTHING_THERE)
        assert (pair.alia.money, pair.shop.money) == (sum(FUNDS) - AMOUNT, AMOUNT)
    assert pair.received == (0 if bring is received else AMOUNT)


@pytest.mark.parametrize("case", CASES, ids=_case)
def test_a_tap_in_any_state_and_after_any_restart_goes_on(
    case: tuple[Callable[[Pair], None], str, bool],
) -> None:
    goes_on(MemoryPlace(), *case)


@pytest.mark.parametrize("case", sampled("taps in any state", CASES, 6), ids=_case)
def test_the_same_with_purses_on_disk(
    place: WalletPlace, case: tuple[Callable[[Pair], None], str, bool]
) -> None:
    goes_on(place, *case)


@ROLES
@pytest.mark.parametrize("who", RESTARTS)
def test_a_refusal_is_taken_home(payer_reads: bool, who: str) -> None:
    pair = Pair.of()
    signed(pair)
    taps = Taps(pair, payer_reads=payer_reads)
    pair.shop.run_ahead(LATE)
    for _ in range(3):
        RESTARTS[who](taps)
        taps.tap()
    (payment,) = pair.alia.purse.intents  # type: ignore[attr-defined]
    assert pair.alia.payment(payment)[0] == PayerState.REFUSED
    assert (pair.alia.money, pair.shop.money) == (sum(FUNDS) - AMOUNT, 0)
    assert pair.kinds()[0].count("PaymentReturned") == 1


@ROLES
def test_a_person_who_declines_pays_nothing(payer_reads: bool) -> None:
    taps = Taps(Pair.of(), payer_reads=payer_reads)
    taps.tap()
    taps.payer.session.decline()
    assert taps.tap() in (TapEnd.OVER, TapEnd.NOTHING_THERE)
    assert taps.payer.session.state is PayerState.DROPPED
    assert taps.payee.session.state is PayeeState.REQUESTING
    assert (taps.pair.alia.money, taps.pair.shop.money) == (sum(FUNDS), 0)
    assert payer_reads or "PeerProblem" in taps.pair.kinds()[1]


@ROLES
@pytest.mark.parametrize("end", ["cancel", "expire"])
def test_who_asks_no_more_is_paid_nothing_new(payer_reads: bool, end: str) -> None:
    taps = Taps(Pair.of(), payer_reads=payer_reads)
    if end == "cancel":
        taps.payee.session.cancel()
    else:
        taps.payee.session.tick(taps.pair.request.body.expires + 1)
    if payer_reads:
        assert taps.tap() is TapEnd.NOTHING_THERE
        assert taps.pair.kinds()[0] == ["PeerProblem"]
    else:
        with pytest.raises(Refusal) as refused:
            taps.tap()
        assert refused.value.code is Code.OTHER_WALLET
    assert taps.payer.session.state is PayerState.IDLE


@ROLES
def test_a_payer_without_money_says_so_at_every_tap(payer_reads: bool) -> None:
    taps = Taps(Pair.of(amount=10_000_000), payer_reads=payer_reads)
    for times in (1, 2, 3):
        assert taps.tap() is TapEnd.NOTHING_THERE
        assert taps.pair.kinds()[0].count("PurseRefused") == times
        assert taps.pair.kinds()[1].count("PeerProblem") >= times
