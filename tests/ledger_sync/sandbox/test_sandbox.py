"""The whole sandbox: four processes that start, answer, stop, and come back as they were."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ledger_sync import sandbox
from ledger_sync.sandbox.making import make
from ledger_sync.sandbox.operator import Order
from ledger_sync.sandbox.supervisor import GRANT
from ledger_sync.service.steady import HOUR, write_word
from wallet.protocol import codec
from wallet.protocol.bounds import DAY
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.policy import PolicyUpdate


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("whole")
    yield home
    sandbox.stop(home)


@pytest.fixture
def network(home: Path) -> sandbox.Network:
    return sandbox.start(home)


def states(home: Path) -> dict[str, sandbox.State]:
    return {status.station.name: status.state for status in sandbox.status(home)}


def pids(home: Path) -> dict[str, int | None]:
    return {status.station.name: status.pid for status in sandbox.status(home)}


def test_where_nothing_was_made_there_is_nothing(tmp_path: Path) -> None:
    assert sandbox.status(tmp_path) == ()
    sandbox.stop(tmp_path)
    with pytest.raises(Refusal) as caught:
        sandbox.read_network(tmp_path)
    assert caught.value.code is Code.NOT_FOUND


def test_all_four_are_ready_and_the_banks_have_their_grant(home: Path, network: sandbox.Network) -> None:
    ready = sandbox.State.READY
    assert states(home) == {"central-bank": ready, "notary": ready, "alatau": ready, "zhibek": ready}
    (books,) = sandbox.operate(network, [Order("central-bank", "GET", "/v1/books")])
    assert books == [2 * GRANT, 0, 0, [["alatau", GRANT], ["zhibek", GRANT]]]


def test_every_service_describes_itself(network: sandbox.Network) -> None:
    for station in network.stations:
        description = httpx.get(station.url + "/v1/openapi.json", trust_env=False).json()
        assert description["openapi"].startswith("3.")
        assert description["paths"]
        answer = httpx.get(station.url + "/v1/nothing", trust_env=False)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_starting_again_changes_nothing(home: Path, network: sandbox.Network) -> None:
    before = pids(home)
    assert sandbox.start(home) == network
    assert pids(home) == before


def test_what_was_killed_comes_back_alone(home: Path, network: sandbox.Network) -> None:
    before = pids(home)
    sandbox.kill(home, "notary")
    assert states(home)["notary"] is sandbox.State.STOPPED
    sandbox.start(home)
    after = pids(home)
    assert after.pop("notary") != before.pop("notary")
    assert after == before


def test_stopped_all_are_gone_and_started_again_they_are_the_same(
    home: Path, network: sandbox.Network
) -> None:
    sandbox.stop(home)
    sandbox.stop(home)
    assert set(states(home).values()) == {sandbox.State.STOPPED}
    with pytest.raises(httpx.ConnectError):
        httpx.get(network.notary.url + "/healthz", trust_env=False)
    assert sandbox.start(home) == network
    (books,) = sandbox.operate(network, [Order("central-bank", "GET", "/v1/books")])
    assert books[0] == 2 * GRANT  # type: ignore[index]


def test_two_supervisors_at_once_start_one_sandbox(home: Path, network: sandbox.Network) -> None:
    sandbox.stop(home)
    made: list[sandbox.Network] = []
    starters = [threading.Thread(target=lambda: made.append(sandbox.start(home))) for _ in range(2)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert made == [network, network]
    assert set(states(home).values()) == {sandbox.State.READY}


def test_an_operators_call_that_is_refused_says_why_and_the_others_go_on(network: sandbox.Network) -> None:
    answers = sandbox.operate(
        network,
        [
            Order("central-bank", "POST", "/v1/issues", [bytes(16), "nobody", 1]),
            Order("central-bank", "POST", "/v1/fundings", [bytes(16), bytes(33), [1]]),
            Order("central-bank", "GET", "/v1/books"),
        ],
    )
    assert [answer.code for answer in answers[:2]] == [Code.BANK_UNKNOWN, Code.AUTH_FORBIDDEN]
    assert answers[2][0] == 2 * GRANT  # type: ignore[index]


def test_a_station_that_dies_at_its_start_is_told(home: Path, network: sandbox.Network) -> None:
    sandbox.stop(home)
    settings = network.folder(network.notary) / "service.json"
    kept = settings.read_text()
    settings.write_text("{}")
    try:
        with pytest.raises(Refusal) as caught:
            sandbox.start(home)
        assert caught.value.code is Code.UNREACHABLE
        assert caught.value.facts["service"] == "notary"
    finally:
        settings.write_text(kept)


def test_a_sandbox_of_before_has_its_settings_brought_up_to_date(tmp_path: Path) -> None:
    network = make(tmp_path, sandbox.SandboxOptions())
    central, notary = (
        network.folder(station) / "service.json" for station in (network.central_bank, network.notary)
    )
    new = {path: json.loads(path.read_text()) for path in (central, notary)}
    central.write_text(json.dumps({**new[central], "root": network.root.hex()}))
    notary.write_text(json.dumps({name: new[notary][name] for name in new[notary] if name != "banks"}))
    make(tmp_path, sandbox.SandboxOptions())
    assert {path: json.loads(path.read_text()) for path in new} == new


def folder_of(network: sandbox.Network, name: str) -> Path:
    return network.folder(network.station(name))


def test_a_sandbox_that_was_off_for_a_month_goes_on_and_its_logs_say_whose_word_that_rests_on(
    home: Path, network: sandbox.Network
) -> None:
    sandbox.stop(home)
    for station in network.stations:
        write_word(network.folder(station), int(time.time()) - 30 * DAY)
    sandbox.start(home)
    for station in network.stations:
        assert "the operator's word for the clock" in (network.folder(station) / "log").read_text()
    (books,) = sandbox.operate(network, [Order("central-bank", "GET", "/v1/books")])
    assert not isinstance(books, Refusal)
    assert sandbox.confirm_clocks(home) == ()


def test_a_service_whose_clock_jumps_signs_nothing_until_it_is_right(
    home: Path, network: sandbox.Network
) -> None:
    ahead = {"central-bank": {"QALTA_SERVICE_CLOCK_OFFSET": str(400 * DAY)}}
    sandbox.kill(home, "central-bank")
    sandbox.start(home, environment=ahead)
    url = network.central_bank.url + "/v1/policy?since=0"
    head = PolicyUpdate.from_cbor(codec.decode(httpx.get(url, trust_env=False).content, 65_536)).head
    assert head is not None
    assert head.body.time <= time.time() + HOUR
    sandbox.kill(home, "central-bank")
    sandbox.start(home)
    (books,) = sandbox.operate(network, [Order("central-bank", "GET", "/v1/books")])
    assert not isinstance(books, Refusal)
