"""While a reconciling waits for the bank, its wallet pays, is paid, asks for money, funds: in whichever call, whatever.

Rule: a call's wait is where others have their turn, so a step taken inside a call is one that another thread took while
the call was under way. Afterwards the sums agree, everything has settled, and nobody is blamed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsm.keystore import KeystoreCode, KeystoreError
from ledger_sync import client as online
from ledger_sync.client import BankClient
from tests.sampling import everything
from tests.support.audit import Audit
from tests.support.holders import Holder
from tests.support.system import System
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Refusal
from wallet.purse.store.journal import PurseState

_AMOUNT = 30_000
_STEPS = ("pay", "be paid", "ask", "look", "fund", "defund", "pay unseen", "time")


class Waiting:
    """A line whose calls take so long that ``meanwhile`` is done while one is under way; the count is its number."""

    def __init__(self, holder: Holder, meanwhile: Callable[[int], None]) -> None:
        self._line = holder.bank_client._service
        self._meanwhile = meanwhile
        self._count = 0
        self._is_inside = False

    def get(self, path: str) -> Cbor:
        return self._after(lambda: self._line.get(path))

    def post(self, path: str, value: Cbor) -> Cbor:
        return self._after(lambda: self._line.post(path, value))

    def _after(self, call: Callable[[], Cbor]) -> Cbor:
        answer = call()
        if not self._is_inside:
            self._is_inside = True
            try:
                self._count += 1
                self._meanwhile(self._count)
            finally:
                self._is_inside = False
        return answer


@pytest.fixture(scope="module")
def born(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("born"), "meanwhile") as system:
        for name, bank in (("alia", "alatau"), ("boris", "zhibek")):
            holder = system.holder(name, bank)
            holder.fund(500_000)
        system.holders["alia"].pay(system.holders["boris"], 70_000)
        system.holders["boris"].pay(system.holders["alia"], 20_000)
        system.settle_down()
        yield system


def _do(step: str, system: System, alia: Holder, boris: Holder, client: BankClient) -> None:
    try:
        match step:
            case "pay":
                alia.pay(boris, _AMOUNT)
            case "be paid":
                boris.pay(alia, _AMOUNT)
            case "pay unseen":
                alia.pay_unseen(boris, _AMOUNT)
            case "ask":
                alia.wallet.receiving.request(_AMOUNT)
            case "look":
                assert alia.wallet.balance().held >= 0
                assert alia.wallet.history()
            case "fund":
                online.fund(alia.wallet, client, _AMOUNT)
            case "defund":
                online.defund(alia.wallet, client, _AMOUNT)
            case "time":
                system.now += 60
    except Refusal:
        # A person may be told no; what counts is what becomes of the rest.
        return


@settings(max_examples=100 if everything() else 8)
@given(st.lists(st.tuples(st.integers(1, 12), st.sampled_from(_STEPS)), max_size=8), st.integers(0, 2**32))
def test_whatever_is_done_while_a_reconciling_waits_the_sums_agree(
    tmp_path_factory: pytest.TempPathFactory,
    born: System,
    meanwhile: list[tuple[int, str]],
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("life")
    with born.copy(folder / "world", str(seed)) as system:
        alia, boris = system.holders["alia"], system.holders["boris"]
        audit = Audit(system)

        def act(count: int) -> None:
            for when, step in meanwhile:
                if when == count:
                    _do(step, system, alia, boris, client)

        real = alia.bank_client
        client = BankClient(Waiting(alia, act), real.bank, real.device_key)
        online.reconcile(alia.wallet, client)
        audit.moment()
        system.bring_together()
        audit.at_rest()
        assert alia.wallet.state is PurseState.SOUND


@pytest.mark.parametrize("count", range(1, 6))
def test_closing_while_a_reconciling_waits_ends_it_and_harms_nothing(
    tmp_path: Path, born: System, count: int
) -> None:
    """Another thread closes the wallet while a call is under way."""
    with born.copy(tmp_path / "world", f"close {count}") as system:
        alia = system.holders["alia"]
        audit = Audit(system)

        def close(number: int) -> None:
            if number == count:
                closing = threading.Thread(target=alia.wallet.close)
                closing.start()
                closing.join()

        real = alia.bank_client
        client = BankClient(Waiting(alia, close), real.bank, real.device_key)
        with pytest.raises(KeystoreError) as caught:
            online.reconcile(alia.wallet, client)
        assert caught.value.code is KeystoreCode.LOCKED
        alia.restart()
        system.bring_together()
        audit.at_rest()


def test_a_step_of_another_thread_waits_for_a_step_and_not_for_a_call(tmp_path: Path, born: System) -> None:
    """Each call waits until another thread has had its way: were the purse held meanwhile, neither would ever end."""
    with born.copy(tmp_path / "world", "threads") as system:
        alia, boris = system.holders["alia"], system.holders["boris"]
        done: list[object] = []

        def another(count: int) -> None:
            def use() -> None:
                if count == 2:
                    done.append(alia.pay(boris, 1_000))
                done.append(alia.wallet.receiving.request(1_000))
                done.append(alia.wallet.balance())

            thread = threading.Thread(target=use)
            thread.start()
            thread.join()

        real = alia.bank_client
        client = BankClient(Waiting(alia, another), real.bank, real.device_key)
        online.reconcile(alia.wallet, client)
        assert len(done) >= 2 * 5 + 1
        system.bring_together()
        Audit(system).at_rest()
