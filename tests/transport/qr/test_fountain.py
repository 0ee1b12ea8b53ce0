"""Any k independent rows give the chunks back; rows that were made up are told from true ones."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from wallet.transport.qr.fountain import Added, Solver, combine, row_mask

ID = bytes(range(8))


@given(st.integers(1, 1024), st.integers(0, 65_535))
def test_a_mask_names_at_least_one_chunk_and_none_beyond(chunk_count: int, seq: int) -> None:
    mask = row_mask(ID, chunk_count, seq)
    assert 0 < mask < 1 << chunk_count
    if seq < chunk_count:
        assert mask == 1 << seq


def test_masks_differ_between_messages_and_rows() -> None:
    drawn = [row_mask(bytes([n]) * 8, 64, seq) for n in range(4) for seq in range(64, 128)]
    assert len(set(drawn)) == len(drawn)


def test_drawn_rows_hold_half_of_the_chunks_on_average() -> None:
    held = sum(row_mask(ID, 100, seq).bit_count() for seq in range(100, 1100))
    assert 0.48 < held / 100_000 < 0.52


@settings(deadline=None)
@given(st.integers(1, 40), st.randoms(use_true_random=False))
def test_any_independent_rows_give_the_chunks(chunk_count: int, rng: random.Random) -> None:
    chunks = [rng.getrandbits(64) for _ in range(chunk_count)]
    solver = Solver(chunk_count)
    seqs = list(range(4 * chunk_count + 40))
    rng.shuffle(seqs)
    while not solver.everything.full:
        mask = row_mask(ID, chunk_count, seqs.pop())
        rank = solver.everything.rank
        added = solver.add(mask, combine(chunks, mask))
        assert added in (Added.NEW, Added.KNOWN)
        assert solver.everything.rank == rank + (added is Added.NEW)
    assert solver.everything.solve() == chunks


@settings(deadline=None)
@given(st.integers(8, 60), st.integers(0, 2**32))
def test_made_up_rows_are_left_out(chunk_count: int, seed: int) -> None:
    """One made-up row for every four true ones, anywhere among them."""
    rng = random.Random(seed)
    chunks = [rng.getrandbits(2048) for _ in range(chunk_count)]
    seqs = rng.sample(range(1000), 2 * chunk_count + 20)
    made_up = set(rng.sample(range(len(seqs)), len(seqs) // 5))
    solver = Solver(chunk_count)
    contradictions = 0
    for number, seq in enumerate(seqs):
        mask = row_mask(ID, chunk_count, seq)
        payload = rng.getrandbits(2048) if number in made_up else combine(chunks, mask)
        contradictions += solver.add(mask, payload) is Added.CONTRADICTION
    assert contradictions
    assert solver.trusted.full
    assert solver.trusted.solve() == chunks


def test_a_solver_keeps_no_more_rows_than_it_says() -> None:
    solver = Solver(2)
    for payload in range(10_000):
        solver.add(3, payload)
    assert solver.exhausted
    assert len(solver._rows) == len(solver._seen) == solver.max_rows
    assert solver.add(1, 5) is Added.KNOWN
