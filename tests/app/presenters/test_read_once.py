"""From pixels, or the air, to its acceptance a payment is read once and verified once; and its payer does no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.presenters.bazaar import AMOUNT, Bazaar
from tests.app.presenters.test_by_tap import Taps
from tests.support.counted import Counts

ONCE = {"messages": 1, "parsed": 1, "verified": 1}


def test_a_payment_seen_by_the_camera_is_read_once(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    with Counts() as paid:
        bazaar.confirms()
    assert paid.of == {"parsed": 1, "verified": 1}  # checked as the payee will
    with Counts() as received:
        bazaar.scans_payment()
    assert received.of == ONCE
    assert bazaar.held("shop") == 30_000 + AMOUNT
    with Counts() as acknowledged:
        bazaar.scans_receipt()
    assert acknowledged.of == {"messages": 1}


@pytest.mark.parametrize("payer_reads", [False, True])
def test_a_tapped_payment_is_read_once_on_either_side(tmp_path: Path, *, payer_reads: bool) -> None:
    taps = Taps(tmp_path, payer_reads=payer_reads)
    taps.by_tap()
    taps.tap()
    with Counts() as paid:
        taps.alia.container.pay.accept()
        taps.alia.settle()
        taps.tries("1234")
    assert paid.of == {"parsed": 1, "verified": 1}
    with Counts() as given:
        taps.tap()
    assert taps.held("shop") == 30_000 + AMOUNT
    assert given.of == ONCE | {"messages": 2}  # the receipt is one, too
    taps.net.close()
