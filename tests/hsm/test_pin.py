"""How a PIN is stretched, read and counted."""

from __future__ import annotations

import os
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hsm
from app.catalogue import catalogue
from hsm.keystore import KeystoreCode, KeystoreError
from hsm.pin import MAX_PIN_FILE_BYTES, check_fit, derive
from hsm.tries import FREE_TRIES, WAIT_SECONDS, Tries, TriesFile, TriesMemory, TryCounter
from tests.hsm.homes import NOW, Hand, refused

SALT = bytes(range(16))
QUICK = hsm.RANDOM_PIN_COST


def test_the_derivation_is_frozen() -> None:
    """A change here locks everybody out: a new one needs a new version of the settings."""
    keys = derive("1234", SALT, QUICK)
    assert keys.pkcs11_pin == "DU6Besrlhl7R_tZlGC36DKlFKNWExNB2jvEhOnIPB2M"
    assert keys.verifier.hex() == "765a5eed664b6156b304bff6ed28a1798624d00482803837ced29d601b7083a5"


def test_the_two_outputs_are_of_different_domains_and_long_enough() -> None:
    keys = derive("1234", SALT, QUICK)
    assert len(keys.pkcs11_pin) == 43
    assert len(keys.verifier) == 32
    assert keys.verifier.hex() not in keys.pkcs11_pin
    assert derive("1235", SALT, QUICK) != keys
    assert derive("1234", bytes(16), QUICK) != keys
    assert derive("1234", SALT, hsm.ScryptCost(32, 8, 1)) != keys


def test_a_persons_pin_costs_as_much_as_owasp_asks() -> None:
    cost = hsm.PERSON_COST
    assert cost.n * cost.p >= 3 * 2**15
    assert 128 * cost.n * cost.r == 32 * 2**20


def test_composed_and_decomposed_letters_are_one_pin() -> None:
    assert derive("каф\u0439", SALT, QUICK) == derive("каф\u0438\u0306", SALT, QUICK)


@pytest.mark.parametrize("cost", [(0, 8, 1), (3, 8, 1), (1, 8, 1), (16, 0, 1), (16, 8, 17), (2**24, 8, 1)])
def test_unfit_costs_are_refused(cost: tuple[int, int, int]) -> None:
    assert refused(lambda: hsm.ScryptCost(*cost)).code is KeystoreCode.PIN_UNFIT


@given(st.text())
def test_any_text_is_a_pin_or_a_typed_refusal(text: str) -> None:
    if 4 <= len(normalize("NFC", text)) <= 128 and text.isprintable():
        assert check_fit(text) == text
        assert derive(text, SALT, QUICK) == derive(normalize("NFC", text), SALT, QUICK)
    else:
        assert refused(lambda: check_fit(text)).code is KeystoreCode.PIN_UNFIT


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_pin_is_read_from_a_descriptor_without_its_newline(ending: str) -> None:
    reading, writing = os.pipe()
    os.write(writing, f"тенге 12{ending}".encode())
    os.close(writing)
    assert hsm.pin_from_descriptor(reading) == "тенге 12"
    os.close(reading)


@pytest.mark.parametrize(
    "content", [b"", b"12\n", b"\xff\xff\xff\xff", b"1234\n\n", b"1" * (MAX_PIN_FILE_BYTES + 1)]
)
def test_unfit_content_of_a_pin_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pin"
    path.write_bytes(content)
    path.chmod(0o600)
    assert refused(lambda: hsm.pin_from_file(path)).code is KeystoreCode.PIN_UNFIT


def test_a_pin_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pin"
    path.write_text("a long random one\n")
    path.chmod(0o600)
    assert hsm.pin_from_file(path) == "a long random one"
    path.chmod(0o640)
    assert refused(lambda: hsm.pin_from_file(path)).code is KeystoreCode.PIN_EXPOSED


def wrong_tries(counter: TryCounter, clock: Hand, number: int) -> list[int]:
    """Guess wrong `number` times, each as soon as it is allowed; the waits met."""
    waits = []
    for _ in range(number):
        began = clock.now
        try:
            counter.begin()
        except KeystoreError as error:
            clock.now = int(error.facts["until"])
            counter.begin()
        waits.append(clock.now - began)
        counter.wrong()
    return waits


def test_waits_grow_by_the_table_and_never_end_for_good() -> None:
    clock = Hand()
    waits = wrong_tries(TryCounter(TriesMemory(), clock), clock, 12)
    assert waits == [0, *WAIT_SECONDS[1:], *[WAIT_SECONDS[-1]] * (12 - len(WAIT_SECONDS))]
    assert list(WAIT_SECONDS) == sorted(WAIT_SECONDS)
    assert WAIT_SECONDS.index(30) == FREE_TRIES


def test_few_seconds_of_a_wait_are_told_as_seconds_and_never_run_out_before_it() -> None:
    """Half a minute "until 21:09" was told at 21:09."""
    clock = Hand()
    counter = TryCounter(TriesMemory(), clock)
    wrong_tries(counter, clock, FREE_TRIES)
    clock.now += 7
    for language in ("kk", "ru", "en"):
        error = refused(counter.begin)
        told = catalogue(language).tell(error.code.value, error.facts)
        assert (error.facts["until"], error.facts["seconds"]) == (clock.now + 23, 23)
        assert " 23" in told.next
        assert ":" not in told.next.replace(": 23", "")
    wrong_tries(counter, clock, 1)
    assert refused(counter.begin).facts["seconds"] == 60
    wrong_tries(counter, clock, 1)
    long = refused(counter.begin)
    assert "seconds" not in long.facts
    assert ":" in catalogue("en").tell(long.code.value, long.facts).next
    clock.now += 200
    assert refused(counter.begin).facts["seconds"] == 100


def test_only_what_the_verifier_found_wrong_is_counted() -> None:
    store, clock = TriesMemory(), Hand()
    for _ in range(9):
        TryCounter(store, clock).begin()  # and the process dies, or the token fails
    TryCounter(store, clock).begin()
    assert TryCounter(store, clock).wrong().facts["tries_left"] == 2
    assert store.load() == Tries(1, NOW)


def test_a_wrong_pin_is_counted_before_anybody_learns_of_it() -> None:
    store, clock = TriesMemory(), Hand()
    for _ in range(3):
        counter = TryCounter(store, clock)
        counter.begin()
        counter.wrong()  # and the process dies before the answer is out
    assert refused(TryCounter(store, clock).begin).code is KeystoreCode.PIN_BLOCKED


def test_no_pin_is_looked_at_that_could_not_be_counted() -> None:
    class Full(TriesMemory):
        def save(self, tries: Tries) -> None:
            raise OSError(28, "full")

    with pytest.raises(OSError, match="full"):
        TryCounter(Full(), Hand()).begin()


def test_a_right_pin_forgives() -> None:
    store, clock = TriesMemory(), Hand()
    counter = TryCounter(store, clock)
    for _ in range(9):
        counter.begin()
        counter.wrong()
        counter.begin()
        counter.right()
    assert store.load() == Tries(0, 0)


def test_a_blocked_try_is_not_counted() -> None:
    store, clock = TriesMemory(), Hand()
    counter = TryCounter(store, clock)
    wrong_tries(counter, clock, 3)
    for _ in range(5):
        assert refused(counter.begin).facts["until"] == NOW + 30
    assert store.load().wrong == 3


@given(st.lists(st.integers(-100_000, 100_000), max_size=30))
def test_moving_the_clock_back_never_opens_the_way(moves: list[int]) -> None:
    """Between one wrong PIN and the next the clock must have gone forward by the whole wait at some point."""
    store, clock = TriesMemory(), Hand()
    counter = TryCounter(store, clock)
    wrong_tries(counter, clock, 3)
    forward = 0
    for move in moves:
        clock.now += move
        forward += max(move, 0)
        try:
            counter.begin()
        except KeystoreError:
            assert store.load().wrong == 3
        else:
            assert forward >= 30
            return


def test_the_count_is_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tries.json"
    assert TriesFile(path).load() == Tries(0, 0)
    TriesFile(path).save(Tries(4, NOW))
    assert TriesFile(path).load() == Tries(4, NOW)
