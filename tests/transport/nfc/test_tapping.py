"""A payment by tap between two real wallets: either role, any cut, any stranger in between; nothing is swallowed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.session.holders import WalletPlace
from tests.session.pairs import Pair, both_done
from tests.transport.nfc.taps import Taps
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


@ROLES
@pytest.mark.parametrize("when", ["before", "after"])
def test_torn_at_any_apdu_the_next_taps_go_on(place: WalletPlace, payer_reads: bool, when: str) -> None:
    number = 0
    while True:
        taps = Taps(Pair.of(place), payer_reads=payer_reads)
        taps.pair.place = place
        left = number
        ends = []
        for _ in range(6):
            before = left
            ends.append(taps.tap(lambda n, at=before: when if n == at else None))
            left -= taps.field.count
            taps.agree()
            if ends[-1] is TapEnd.OVER:
                break
        assert ends[-1] is TapEnd.OVER
        assert taps.pair.received == 1_250_050
        assert taps.pair.payer.state.value == taps.pair.payee.state.value == "acknowledged"
        if TapEnd.TORN not in ends:
            break
        number += 1
    assert number >= 8
