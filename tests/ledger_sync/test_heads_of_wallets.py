"""A wallet brings the heads of the notary's log that it was shown to its bank, which finds out what was rewritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from tests.support.holders import Holder
from tests.support.system import System
from wallet.protocol import codec
from wallet.protocol.codec import Cbor
from wallet.protocol.notary_evidence import TwoHistories, read_notary_evidence

SERVICES = (CENTRAL_BANK, "alatau", NOTARY)
"""Put back in this order, so that the notary asks nobody who knows more."""


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path / "system", "heads of wallets", banks=("alatau",))


def evidence(system: System, name: str) -> list[Cbor]:
    line = system.network.line("alatau", name, system.network.signer("alatau", "bank"))
    _, shown = line.get("/v1/log/heads")
    return codec.array(shown)


def sizes(holder: Holder) -> list[int]:
    return [head.extent.size for head in holder.wallet.reconciling.log_heads.kept()]


def people(system: System) -> tuple[Holder, Holder]:
    aigul, dana = system.holder("aigul", "alatau"), system.holder("dana", "alatau")
    aigul.fund(100_000)
    return aigul, dana


def pay(system: System, payer: Holder, payee: Holder) -> None:
    """And bring it to the ledger, where the payee hears of the head that it stands under."""
    payer.pay(payee, 1_000)
    for _ in range(2):
        system.now += 3_600
        payee.sync()
        system.settle_down()


def test_what_all_services_forgot_a_wallet_knows(system: System, tmp_path: Path) -> None:
    """Everything online is put back at once, so that nobody there can see it; the log goes on under its old number."""
    with system:
        aigul, dana = people(system)
        pay(system, aigul, dana)
        for name in SERVICES:
            system.network.back_up(name, tmp_path / name)
        pay(system, aigul, dana)
        *_, known = dana.wallet.reconciling.log_heads.kept()
        for name in SERVICES:  # else whoever is put back first hears it of who is not yet
            system.network.stop(name)
        for name in SERVICES:
            system.network.put_back(name, tmp_path / name)
        system.settle_down()
        assert [evidence(system, name) for name in (CENTRAL_BANK, "alatau")] == [[], []]
        for _ in range(3):
            aigul.sync()
            pay(system, aigul, dana)
        for name in ("alatau", CENTRAL_BANK):
            (found,) = evidence(system, name)
            against = read_notary_evidence(found)
            assert isinstance(against, TwoHistories)
            against.check(dana.wallet._purse.authority.directory)
            assert known in (against.older, against.newer)


def test_of_a_log_that_goes_on_the_newest_head_is_kept_and_nobody_is_accused(system: System) -> None:
    with system:
        aigul, dana = people(system)
        newest = 0
        for _ in range(4):
            pay(system, aigul, dana)
            *compared, last = sizes(dana)
            assert len(compared) <= 1
            assert last > newest
            newest = last
        assert evidence(system, "alatau") == []


def test_a_bank_that_does_not_compare_holds_up_nothing_and_is_shown_it_again(
    system: System, tmp_path: Path
) -> None:
    with system:
        aigul, dana = people(system)
        pay(system, aigul, dana)
        system.network.back_up("alatau", tmp_path / "alatau")
        pay(system, aigul, dana)
        *_, known = dana.wallet.reconciling.log_heads.kept()
        system.network.put_back("alatau", tmp_path / "alatau")
        with system.network.offline(NOTARY):
            dana.sync()
        assert known in dana.wallet.reconciling.log_heads.kept()
        for _ in range(2):
            pay(system, aigul, dana)
        assert known not in dana.wallet.reconciling.log_heads.kept()
        assert evidence(system, "alatau") == []
