"""A wallet whose bank is busy waits as long as it is told, and asks again; never sooner, and not for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_sync.client.bank import BankClient
from ledger_sync.client.patience import MOST_SECONDS, Patience, waiting
from ledger_sync.http.peers import NoAnswer, RemoteRefusal
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Fact, Refusal


@dataclass
class Bank:
    """It is busy so often, each time with these facts; then it answers. What was waited stands between the calls."""

    facts: list[dict[str, Fact]]
    told: list[str | float] = field(default_factory=list)

    def get(self, path: str) -> Cbor:
        return self._answer(f"GET {path}")

    def post(self, path: str, _value: Cbor) -> Cbor:
        return self._answer(f"POST {path}")

    def _answer(self, call: str) -> Cbor:
        self.told.append(call)
        if self.facts:
            raise RemoteRefusal(Code.BUSY, self.facts.pop(0))
        return [7, "name", 0, []]


def client(bank: Bank, chance: bytes = b"\x00", wait: Callable[[float], None] | None = None) -> BankClient:
    return BankClient(
        bank, "alatau", bytes(33), patience=Patience(wait or bank.told.append, lambda count: chance * count)
    )


def test_it_waits_as_long_as_it_was_told_and_asks_again() -> None:
    bank = Bank([{"after": 2}, {"after": 5}])
    assert client(bank).account().balance == 7
    assert bank.told == ["GET /v1/account", 2, "GET /v1/account", 5, "GET /v1/account"]


@given(st.lists(st.integers(0, 3), max_size=8), st.binary(min_size=1, max_size=1))
def test_it_never_comes_too_early(seconds: list[int], chance: bytes) -> None:
    bank = Bank([{"after": after} for after in seconds])
    client(bank, chance).account()
    waited = [one for one in bank.told if isinstance(one, float | int)]
    assert len(waited) == len(seconds)
    assert all(after <= wait <= after + 2 for after, wait in zip(seconds, waited, strict=True))


@pytest.mark.parametrize("facts", [{}, {"cause": "storage_full"}, {"after": "soon"}, {"after": -1}])
def test_told_no_time_it_does_not_wait(facts: dict[str, Fact]) -> None:
    bank = Bank([facts])
    with pytest.raises(Refusal) as busy:
        client(bank).account()
    assert busy.value.code is Code.BUSY
    assert bank.told == ["GET /v1/account"]


def test_it_waits_for_a_minute_in_all() -> None:
    bank = Bank([{"after": 25}] * 10)
    with pytest.raises(Refusal) as busy:
        client(bank).account()
    assert busy.value.code is Code.BUSY
    assert sum(one for one in bank.told if not isinstance(one, str)) <= MOST_SECONDS
    assert bank.told.count("GET /v1/account") == 3


def test_who_does_not_want_it_any_more_waits_no_longer() -> None:
    slept: list[float] = []

    def is_stopped() -> bool:
        return len(slept) == 3

    bank = Bank([{"after": 5}])
    with pytest.raises(NoAnswer) as silence:
        client(bank, wait=waiting(is_stopped, slept.append)).account()
    assert silence.value.code is Code.UNREACHABLE
    assert len(slept) == 3
    assert bank.told == ["GET /v1/account"]


def test_a_wait_lasts_as_long_as_it_is_to() -> None:
    slept: list[float] = []
    waiting(lambda: False, slept.append)(2.05)
    assert sum(slept) == pytest.approx(2.05)
