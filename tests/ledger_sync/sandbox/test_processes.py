"""Notary and central bank as real processes: real HTTP, real SoftHSM tokens, real kills."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger_sync.processes import end, gone, last_words, running
from ledger_sync.sandbox.making import SandboxOptions, make, module_environment
from ledger_sync.sandbox.network import Network, Station, read_network
from ledger_sync.service.keys import PIN
from tests.ledger_sync.sandbox.pair import Pair
from tests.support.world import Key
from wallet.protocol import cose
from wallet.protocol.bundle import Bundle
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.directory import Role
from wallet.protocol.issuance import Issuance
from wallet.protocol.settlement import CENTRAL_BANK, check_consumption, read_consumption
from wallet.protocol.transfer import Refresh, ToAccount, TokenRef

GRANT = 1_000_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="module")
def pair(home: Path) -> Iterator[Pair]:
    pair = Pair(home)
    try:
        pair.start()
        pair.operate("POST", "/v1/issues", [bytes(16), "alatau", GRANT])
        yield pair
    finally:
        pair.stop()
        pair.keystore.lock()


@pytest.fixture
def running_pair(pair: Pair) -> Pair:
    pair.start()
    return pair


def expect_death(pair: Pair, station: Station, call: Callable[[], object]) -> None:
    with pytest.raises(Refusal) as caught:
        call()
    assert caught.value.code is Code.UNREACHABLE
    assert gone(pair.network.folder(station), 20)


def test_money_goes_out_and_comes_back(running_pair: Pair) -> None:
    pair = running_pair
    ann = pair.person("ann")
    before = pair.books()
    issuance = pair.fund(ann, b"out and back".ljust(16), 300)
    assert pair.books()[2] == before[2] + 300
    transfer = pair.redemption(ann, issuance, ToAccount())
    statements = pair.commit(transfer)
    for value in statements:
        check_consumption(read_consumption(value), pair.directory())
    bundle = Bundle((transfer,), (issuance,), (ann.certificate,)).to_cbor()
    asked = [transfer.id, bundle, statements, ann.possession().to_cbor()]
    assert pair.central_bank.post("/v1/redemptions", asked) == [None, 300, 300]
    assert pair.books() == before


def test_a_funding_killed_before_it_is_booked_never_was(running_pair: Pair) -> None:
    pair = running_pair
    ann, funding = pair.person("ann"), b"killed early".ljust(16)
    before = pair.books()
    pair.doom(pair.network.central_bank, "central_bank.funding.signed")
    expect_death(pair, pair.network.central_bank, lambda: pair.fund(ann, funding, 200))
    pair.start()
    assert pair.books() == before
    issuance = pair.fund(ann, funding, 200)
    assert pair.fund(ann, funding, 200) == issuance
    assert pair.books()[2] == before[2] + 200


def test_a_funding_killed_before_its_answer_is_answered_the_next_time(running_pair: Pair) -> None:
    pair = running_pair
    ann, funding = pair.person("ann"), b"killed late".ljust(16)
    before = pair.books()
    pair.doom(pair.network.central_bank, "central_bank.funding.done")
    expect_death(pair, pair.network.central_bank, lambda: pair.fund(ann, funding, 200))
    pair.start()
    assert pair.books()[2] == before[2] + 200
    issuance = pair.fund(ann, funding, 200)
    assert issuance.signed_by(pair.directory().roles[Role.ISSUING][0].key)
    assert pair.books()[2] == before[2] + 200


@pytest.mark.parametrize("failpoint", ["central_bank.redemption.booked", "central_bank.redemption.done"])
def test_a_redemption_killed_anywhere_is_paid_once(running_pair: Pair, failpoint: str) -> None:
    pair = running_pair
    ann = pair.person("ann")
    issuance = pair.fund(ann, failpoint.encode()[-16:], 150)
    transfer = pair.redemption(ann, issuance, Refresh(Key.of("ann 2").public, (100, 50)))
    statements = pair.commit(transfer)
    before = pair.books()
    asked = [transfer.id, Bundle((transfer,), (issuance,), (ann.certificate,)).to_cbor(), statements, None]
    pair.doom(pair.network.central_bank, failpoint)
    expect_death(pair, pair.network.central_bank, lambda: pair.central_bank.post("/v1/redemptions", asked))
    pair.start()
    first = pair.central_bank.post("/v1/redemptions", asked)
    assert pair.central_bank.post("/v1/redemptions", asked) == first
    assert cose.from_cbor(Issuance, first[0]).body.amounts == (100, 50)
    assert pair.books() == before


@pytest.mark.parametrize("failpoint", ["central_bank.refund.committed", "central_bank.refund.booked"])
def test_a_refund_killed_anywhere_is_paid_once(running_pair: Pair, failpoint: str) -> None:
    pair = running_pair
    ann = pair.person("ann")
    issuance = pair.fund(ann, failpoint.encode()[-16:], 70)
    asked = [[issuance.id, 0], Bundle((), (issuance,)).to_cbor(), [], ann.possession().to_cbor()]
    before = pair.books()
    pair.doom(pair.network.central_bank, failpoint)

    def refund() -> Cbor:
        while True:
            try:
                return pair.central_bank.post("/v1/refunds", asked)
            except Refusal as refusal:
                if refusal.code is not Code.TOO_EARLY:
                    raise

    expect_death(pair, pair.network.central_bank, refund)
    pair.start()
    assert pair.books() == before
    assert pair.notary.post("/v1/lookups", [[issuance.id, 0]]) == [None], "that is nobody else's business"
    assert refund() == [70, None]
    assert refund() == [70, None]
    assert pair.books()[2] == before[2] - 70
    transfer = pair.redemption(ann, issuance, ToAccount())
    (statement,) = pair.commit(transfer)
    assert read_consumption(statement).body.bank == CENTRAL_BANK


@pytest.mark.parametrize(
    "failpoint", ["notary.commit.written", "notary.commit.claimed", "notary.commit.done"]
)
def test_a_notary_killed_around_its_commit_says_one_thing(running_pair: Pair, failpoint: str) -> None:
    pair = running_pair
    ann = pair.person("ann")
    issuance = pair.fund(ann, failpoint.encode()[:16], 10)
    transfer = pair.redemption(ann, issuance, ToAccount())
    pair.doom(pair.network.notary, failpoint)
    expect_death(pair, pair.network.notary, lambda: pair.commit(transfer))
    pair.start()
    found = pair.notary.post("/v1/lookups", [TokenRef(issuance.id, 0).to_cbor()])
    assert (found == [None]) == (failpoint == "notary.commit.written")
    said = pair.commit(transfer)
    assert read_consumption(said[0]).body.consumer == transfer.id
    assert found in ([None], said)


def test_everybody_ends_in_order_when_asked(running_pair: Pair) -> None:
    pair = running_pair
    for station in pair.stations:
        folder = pair.network.folder(station)
        assert end(folder, signal.SIGTERM, 20)
        assert "has ended" in last_words(folder)
    pair.start()
    assert pair.notary.post("/v1/lookups", [TokenRef(bytes(32), 0).to_cbor()]) == [None]


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\xff garbage \r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/commits HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
        b"POST /v1/commits HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999\r\n\r\n",
        b"POST /v1/commits HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /v1/policy HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /%ff%00%zz?\xff=%fe HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v1/policy?since=%f0%28 HTTP/1.1\r\nhost: x\r\nauthorization: Qalta \xff\r\n\r\n",
        b"POST /v1/commits HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf",
    ],
)
def test_raw_rubbish_on_the_wire_is_never_an_accident(pair: Pair, raw: bytes) -> None:
    pair.start()
    for station in pair.stations:
        with socket.create_connection(("127.0.0.1", station.port), timeout=20) as line:
            line.sendall(raw)
            line.shutdown(socket.SHUT_WR)
            said = b""
            while part := line.recv(65_536):
                said += part
        assert said[:13] not in (b"HTTP/1.1 500 ", b"HTTP/1.1 200 ") or b"/policy" in raw
        assert b"internal" not in said
        assert running(pair.network.folder(station)) is not None
    assert pair.notary.post("/v1/lookups", [TokenRef(bytes(32), 0).to_cbor()]) == [None]


def test_a_pin_that_others_may_read_is_refused(running_pair: Pair) -> None:
    pair = running_pair
    folder = pair.network.folder(pair.network.notary)
    assert end(folder, signal.SIGTERM, 20)
    (folder / PIN).chmod(0o644)
    done = subprocess.run(
        [sys.executable, "-m", "ledger_sync.notary", "--home", str(folder)],
        env=module_environment(),
        capture_output=True,
        check=False,
        text=True,
    )
    (folder / PIN).chmod(0o600)
    assert done.returncode == 1
    said = json.loads(done.stderr)
    assert (said["event"], said["role"], said["code"]) == ("could not start", "notary", "pin_exposed")


def test_the_pin_may_come_by_a_descriptor(running_pair: Pair) -> None:
    pair = running_pair
    folder = pair.network.folder(pair.network.notary)
    assert end(folder, signal.SIGTERM, 20)
    with (folder / PIN).open() as pin:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "ledger_sync.notary",
                "--home",
                str(folder),
                "--pin-fd",
                "0",
                "--make-keys",
            ],
            stdin=pin,
            env=module_environment(),
            capture_output=True,
            check=False,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    assert pair.network.notary.key.hex() in done.stdout


@pytest.mark.parametrize(
    "failpoint", ["sandbox.make.keys", "sandbox.make.settings", "keystore.create.made:3"]
)
def test_making_a_sandbox_goes_on_where_it_was_cut_off(tmp_path: Path, failpoint: str) -> None:
    code = (
        "import sys; from pathlib import Path; from ledger_sync.sandbox.making import SandboxOptions, make; "
    )
    code += "make(Path(sys.argv[1]), SandboxOptions())"
    environment = {**module_environment(), "QALTA_FAILPOINT": failpoint}

    def attempt(variables: dict[str, str]) -> int:
        return subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], env=variables, capture_output=True, check=False
        ).returncode

    if failpoint.startswith("sandbox"):
        assert attempt(environment) == -signal.SIGKILL
        plan = (tmp_path / "plan.json").read_text()
    else:
        command = [sys.executable, "-m", "ledger_sync.sandbox", "make-keys", str(tmp_path)]
        assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
        plan = None
    with pytest.raises(Refusal):
        read_network(tmp_path)
    assert attempt(module_environment()) == 0
    assert plan in (None, (tmp_path / "plan.json").read_text())
    made = read_network(tmp_path)
    assert made == make(tmp_path, SandboxOptions())
    assert keys_of(made) == keys_of(read_network(tmp_path))
    assert len(keys_of(made)) == 6


def keys_of(network: Network) -> set[bytes]:
    return {network.root, network.operator, *(station.key for station in network.stations)}


def test_secrets_stay_out_of_files_that_are_shown(pair: Pair) -> None:
    network = pair.network
    pins = [
        (network.home / name / PIN).read_text() for name in ("central-bank", "notary", "alatau", "operator")
    ]
    shown = (network.home / "network.json").read_text()
    for station in pair.stations:
        folder = network.folder(station)
        shown += (folder / "service.json").read_text() + (folder / "log").read_text(errors="replace")
    assert not any(pin in shown for pin in pins)
    for station in network.stations:
        assert (network.folder(station) / PIN).stat().st_mode & 0o077 == 0
