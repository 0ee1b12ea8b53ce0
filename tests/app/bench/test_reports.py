"""From laps and counts to the report's lines, without measuring anything."""

from __future__ import annotations

import os
import random
import time

import pytest

from app.bench import app, payment, qr, reconcile, tap, verify
from app.bench.figures import Figure
from app.bench.reconcile import Upload, processor_seconds
from app.bench.rounds import Lap, Laps
from wallet.transport.qr.frames import FrameEncoder


def laps(**seconds: list[float]) -> Laps:
    return Laps({name: tuple(Lap(value, 2 * value) for value in values) for name, values in seconds.items()})


def by_key(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.key: figure for figure in figures}


def test_verify_compares_each_round_with_its_own_bare_verifications() -> None:
    found = by_key(verify.figures(laps(bare=[1.0, 2.0, 4.0], warm=[1.5, 3.0, 6.0], cold=[2.0, 4.0, 8.0])))
    assert found["warm_ratio"].spread.median == 1.5
    assert found["warm_ratio"].spread.maximum == 1.5
    assert found["warm_ratio"].aim == 1.5
    assert found["cold_ratio"].spread.median == 2.0
    assert found["bare_ms"].spread.median == 2_000 / 8, "eight payments in a lap"


def test_qr_leaves_out_a_reader_that_is_not_installed() -> None:
    found = by_key(qr.figures(laps(encode=[0.04], pyzbar=[0.02])))
    assert set(found) == {"encode_ms", "pyzbar_ms", "pyzbar_ratio"}
    assert found["pyzbar_ratio"].spread.median == 0.5
    assert found["encode_ms"].spread.median == 10.0, "four frames in a lap"


def test_a_payment_is_the_sum_of_its_steps() -> None:
    rounds = [{step: Lap(0.001 * number, 0.002) for number, step in enumerate(payment.STEPS, 1)}]
    found = by_key(payment.figures(rounds))
    assert found["whole_cpu_ms"].spread.median == pytest.approx(1 + 2 + 3 + 4 + 5 + 6)
    assert found["whole_cpu_ms"].aim == 30
    assert found["whole_wall_ms"].spread.median == pytest.approx(12)
    assert found["sign_cpu_ms"].spread.median == pytest.approx(4)


def test_a_tap_is_its_link_and_what_the_wallets_do() -> None:
    first = tap.Tapped(link=0.2, rest=Lap(0.02, 0.05), signing=0.001, verifying=0.009, payment_bytes=545)
    found = by_key(tap.figures({1: [first], 15: [first]}, {1: 8, 15: 9}))
    assert (found["flushes_1"].spread.median, found["flushes_1"].aim, found["flushes_15"].aim) == (8, 8, None)
    values = {
        key: figure.spread.median
        for key, figure in found.items()
        if key.startswith(("whole_1_", "storage_1_"))
    }
    assert values == {"whole_1_s": pytest.approx(0.25), "storage_1_ms": pytest.approx(40)}
    assert (found["whole_1_s"].aim, found["rest_1_ms"].aim, found["whole_15_s"].aim) == (0.4, 60, None)


def test_a_window_s_start_leaves_the_typing_out_and_payments_stand_by_hop() -> None:
    def taken(scale: float) -> app.Round:
        paid = {hops: app.Shown(0.5 * scale, hops * scale, 8.0) for hops in app.HOPS}
        return app.Round(2.0 * scale, 1.0 * scale, paid)

    found = {
        key: figure.spread.median
        for key, figure in by_key(app.figures([taken(1), taken(3), taken(2)])).items()
    }
    assert (found["start_s"], found["asks_s"], found["unlocks_s"]) == (6, 4, 2)
    assert (found["first_1_ms"], found["received_1_s"], found["received_15_s"]) == (1_000, 2, 30)
    assert found["fps_1_per_s"] == found["fps_15_per_s"] == 8


def test_reconciling_sets_all_services_against_the_bare_verifications() -> None:
    first = Upload([1.0, 3.0], 0.5, {"bank": 4.0, "notary": 1.0})
    again = Upload([0.5, 0.5], 0.0, {"bank": 0.5, "notary": 0.0})
    found = {key: figure.spread for key, figure in by_key(reconcile.figures(first, again, 30)).items()}
    assert found["upload_s"].median == 4.0
    assert found["upload_hops_per_s"].median == 7.5
    assert (found["upload_call_ms"].minimum, found["upload_call_ms"].maximum) == (1_000.0, 3_000.0)
    assert found["upload_ratio"].median == 10.0
    assert found["repeat_ratio"].median == 1.0
    assert found["repeat_bank_cpu_s"].median == 0.5


def test_the_kernel_s_count_of_processor_time_is_this_process_s_own() -> None:
    ticks = 3 / os.sysconf("SC_CLK_TCK")
    before = time.process_time()
    counted = processor_seconds(os.getpid())
    assert before - ticks <= counted <= time.process_time() + ticks


MESSAGE = random.Random(1).randbytes(6_000)


def frame(number: int) -> list[str]:
    return [FrameEncoder(MESSAGE).frame(number)]


def test_without_loss_as_many_frames_are_needed_as_there_are_chunks() -> None:
    """Up to 16 chunks any so many frames on end are independent; frames are seen as they are shown."""
    frames = FrameEncoder(MESSAGE)
    shown = frames.frames()
    texts = [[next(shown)] for _ in range(100)]
    for seed in range(5):
        assert qr.frames_needed(lambda number: texts[number], 0, random.Random(seed)) == frames.chunk_count


def test_with_loss_more_are_needed_and_the_same_seed_needs_the_same() -> None:
    needed = [qr.frames_needed(frame, 30, random.Random(seed)) for seed in range(10)]
    assert min(needed) >= FrameEncoder(MESSAGE).chunk_count
    assert max(needed) > FrameEncoder(MESSAGE).chunk_count
    assert needed == [qr.frames_needed(frame, 30, random.Random(seed)) for seed in range(10)]


def test_pictures_that_nobody_reads_end() -> None:
    with pytest.raises(RuntimeError):
        qr.frames_needed(lambda number: [], 0, random.Random(0))
