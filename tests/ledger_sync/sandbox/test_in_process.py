"""The in-process network: every connection, clock, disk and death of a service is the test's, and nothing else is."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from hsm import failpoint
from ledger_sync.http.call import WINDOW
from ledger_sync.http.client import WHOLE
from ledger_sync.sandbox.in_process import (
    CENTRAL_BANK,
    NOTARY,
    OPERATOR,
    CutAfter,
    Death,
    Delay,
    Exchange,
    HoldUp,
    InProcessNetwork,
    Overhear,
    Plan,
    Spoiling,
    Unreadable,
    cut,
    lose_answer,
    named,
    repeat,
)
from tests.support.wallets import Chance
from tests.support.world import DAY, NOW
from wallet.protocol.codes import Code, Refusal

GRANT = 1_000
BOOKS = "/v1/books"
ISSUES = "/v1/issues"


class Hand:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += int(seconds)


@pytest.fixture
def clock() -> Hand:
    return Hand()


def chances(seed: str) -> Callable[[str], Chance]:
    uses: list[str] = []

    def chance(what: str) -> Chance:
        uses.append(what)
        return Chance(f"{seed} {what} {len(uses)}")

    return chance


@pytest.fixture
def network(tmp_path: Path, clock: Hand) -> Iterator[InProcessNetwork]:
    made = InProcessNetwork(tmp_path / "network", clock, chances("one"), Plan(grant=GRANT))
    made.found()
    yield made
    made.close()


def issue(network: InProcessNetwork, name: str = "more") -> object:
    return network.operate(CENTRAL_BANK, ISSUES, [named(name), "alatau", 1])


def issued(network: InProcessNetwork) -> int:
    books: list[int] = network.operate(CENTRAL_BANK, BOOKS)
    return books[0] - 2 * GRANT


def refused(call: Callable[[], object]) -> Code:
    with pytest.raises(Refusal) as caught:
        call()
    return caught.value.code


def test_it_starts_no_thread_and_repeats_exactly(tmp_path: Path, clock: Hand) -> None:
    threads = threading.enumerate()
    files = []
    for folder in ("a", "b"):
        network = InProcessNetwork(tmp_path / folder, clock, chances("same"), Plan(grant=GRANT))
        network.found()
        network.work()
        assert network.operate("alatau", BOOKS)[0] == GRANT
        files.append([network.root, network.operate(CENTRAL_BANK, "/v1/directory")])
        network.close()
    assert files[0] == files[1]
    assert threading.enumerate() == threads


@pytest.mark.parametrize(
    ("disturbance", "arrivals"), [(cut, 0), (lose_answer, 1), (CutAfter(1), 1)], ids=["cut", "lost", "after"]
)
def test_a_call_without_an_answer_is_unreachable_whether_it_arrived_or_not(
    network: InProcessNetwork, disturbance: Callable[[Exchange], object], arrivals: int
) -> None:
    with network.lines.disturbed(disturbance, callee=CENTRAL_BANK):  # type: ignore[arg-type]
        assert refused(lambda: issue(network)) is Code.UNREACHABLE
        assert network.operate("alatau", BOOKS)[0] in (0, GRANT), "other connections work"
    assert issued(network) == arrivals
    issue(network)
    assert issued(network) == 1


def test_only_the_connection_that_it_is_put_on_is_disturbed(network: InProcessNetwork) -> None:
    with network.lines.disturbed(cut, caller="alatau", callee=CENTRAL_BANK):
        issue(network)
        network.work()
        assert [network.operate(bank, BOOKS)[0] for bank in ("alatau", "zhibek")] == [0, GRANT]
    network.work("alatau")
    assert network.operate("alatau", BOOKS)[0] == GRANT + 1


@pytest.mark.parametrize("spoiling", Spoiling)
def test_an_answer_that_cannot_be_read_is_no_answer_and_the_call_stands(
    network: InProcessNetwork, spoiling: Spoiling
) -> None:
    answered = None
    with network.lines.disturbed(Unreadable(spoiling)), suppress(Refusal):
        answered = issue(network)
    assert answered == ({0: 0} if spoiling is Spoiling.OTHER else None), (
        "readable CBOR is for its reader to refuse"
    )
    assert issued(network) == 1


def test_what_was_held_up_is_delivered_late_and_a_stale_one_refused(
    network: InProcessNetwork, clock: Hand
) -> None:
    held = HoldUp()
    with network.lines.disturbed(held):
        assert refused(lambda: issue(network)) is Code.UNREACHABLE
    assert issued(network) == 0
    assert [answer.status_code for answer in held.release()] == [200]
    assert issued(network) == 1
    with network.lines.disturbed(held):
        assert refused(lambda: issue(network, "another")) is Code.UNREACHABLE
    clock.wait(WINDOW + 1)
    assert [answer.status_code for answer in held.release()] == [401]
    assert issued(network) == 1


def test_a_call_that_comes_twice_is_carried_out_once(network: InProcessNetwork) -> None:
    heard = Overhear()
    with network.lines.disturbed(repeat), network.lines.disturbed(heard):
        issue(network)
    assert issued(network) == 1
    assert {answer.status_code for answer in heard.replay()} == {401}
    assert issued(network) == 1


def test_time_passes_on_the_way_and_a_late_answer_is_none(network: InProcessNetwork, clock: Hand) -> None:
    with network.lines.disturbed(Delay(lambda: clock.wait(WHOLE // 4))):
        issue(network)
    assert (clock.now, issued(network)) == (NOW + WHOLE // 2, 1)
    with network.lines.disturbed(Delay(lambda: clock.wait(WHOLE))):
        assert refused(lambda: issue(network, "another")) is Code.UNREACHABLE
    assert issued(network) == 2, "it was carried out, and its caller had given up"


def test_each_service_has_a_clock_of_its_own(network: InProcessNetwork) -> None:
    network.ahead[NOTARY] = 3 * WINDOW
    assert (network.clock(NOTARY)(), network.clock("alatau")()) == (NOW + 3 * WINDOW, NOW)
    network.ahead[OPERATOR] = -WINDOW
    issue(network)
    assert issued(network) == 1
    network.ahead[CENTRAL_BANK] = 1
    assert refused(lambda: issue(network, "another")) is Code.AUTH_STALE, "nobody else dates a call"


def test_a_service_that_dies_in_a_call_is_gone_until_it_is_revived(network: InProcessNetwork) -> None:
    def die(name: str) -> None:
        if name.startswith("central_bank."):
            raise Death(name)

    def fund() -> None:
        signer = network.signer("alatau", "bank")
        network.line("alatau", CENTRAL_BANK, signer).post("/v1/fundings", [named("f"), signer.key, [7]])

    with failpoint.watching(die):
        assert refused(fund) is Code.UNREACHABLE
        assert refused(lambda: issue(network)) is Code.UNREACHABLE
    assert (network.deaths, CENTRAL_BANK in network.running) == (1, False)
    network.revive()
    fund()
    assert network.operate(CENTRAL_BANK, BOOKS)[2] == 7


def test_a_service_put_back_from_a_backup_knows_what_it_knew_then(
    network: InProcessNetwork, tmp_path: Path
) -> None:
    issue(network, "one")
    network.back_up(CENTRAL_BANK, tmp_path / "backup")
    issue(network, "two")
    assert issued(network) == 2
    network.put_back(CENTRAL_BANK, tmp_path / "backup")
    assert issued(network) == 1


@pytest.mark.parametrize("name", [CENTRAL_BANK, NOTARY, "alatau"])
@pytest.mark.parametrize("days", [-400, 400])
def test_a_service_that_starts_with_a_wrong_clock_waits_and_goes_on_when_it_is_right(
    tmp_path: Path, clock: Hand, name: str, days: int
) -> None:
    """Also where its store was just put back: what a start notes by the time is noted once there is one."""
    network = InProcessNetwork(tmp_path / "n", clock, chances("steady"), Plan(grant=GRANT, is_steady=True))
    network.found()
    network.work()
    network.back_up(name, tmp_path / "backup")
    network.ahead[name] = days * DAY
    network.put_back(name, tmp_path / "backup")
    network.work()
    network.ahead[name] = 0
    for _ in range(2):
        clock.wait(40)
        network.work()
    issue(network)
    network.work()
    assert (issued(network), network.operate("alatau", BOOKS)[0]) == (1, GRANT + 1)
    network.close()


def test_a_copy_goes_on_by_itself(network: InProcessNetwork, tmp_path: Path, clock: Hand) -> None:
    network.close()
    shutil.copytree(network.folder, tmp_path / "other")
    other = network.copy(tmp_path / "other", clock, chances("two"))
    network.revive()
    issue(other, "there")
    assert (issued(other), issued(network), other.root == network.root) == (1, 0, True)
    other.close()
