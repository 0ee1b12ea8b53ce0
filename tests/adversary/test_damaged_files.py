"""Files that a disk, an editor or a thief has damaged: told in a sentence with an exit status, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.cli.main import main
from ledger_sync.http.client import ServiceClient
from ledger_sync.sandbox import read_network
from ledger_sync.sandbox.making import SandboxOptions, make
from ledger_sync.service.settings import read_json
from tests.adversary.conftest import InProcess
from tests.support.cli import ROOT
from tests.support.world import NOW, Key
from wallet.protocol.codes import Code, Refusal

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
CONTENT = st.one_of(
    st.binary(max_size=60), JSON.map(lambda value: json.dumps(value).encode()), st.just(b"[" * 100_000)
)
FUZZ = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
PROFILE = {
    "bank": "alatau",
    "url": "http://127.0.0.1:1",
    "root": "02" * 33,
    "account": "a",
    "kind": "person",
    "name": "Dana",
}


def damaged(whole: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """The object with one of its fields gone or changed."""

    def without(name: str, value: object, is_gone: bool) -> bytes:
        rest = {key: kept for key, kept in whole.items() if key != name}
        return json.dumps(rest if is_gone else {**rest, name: value}).encode()

    return st.builds(without, st.sampled_from(sorted(whole)), JSON, st.booleans())


@FUZZ
@given(content=CONTENT | damaged(PROFILE) | st.just(json.dumps({**PROFILE, "name": "\ud800"}).encode()))
def test_a_damaged_wallet_json_is_told_and_hides_no_other_wallet(
    in_process: InProcess, tmp_path: Path, content: bytes
) -> None:
    place(tmp_path, "aigul", json.dumps(PROFILE).encode())
    place(tmp_path, "dana", content)
    status, told = in_process("wallet", "list")
    sound, other = told["wallets"]
    assert sound == {"name": "aigul", "state": "finished", "holder": "Dana", "bank": "alatau"}
    assert (status, other["state"]) in {(3, "damaged"), (0, "finished")}
    assert other["name"] == "dana"
    if status:
        status, told = in_process("--wallet", "dana", "--pin-fd", "0", "balance")
        assert (status, told["error"]) == (3, "missing.profile")


def place(home: Path, name: str, content: bytes | None) -> None:
    """A wallet's folder with this wallet.json."""
    folder = home / "wallets" / name
    folder.mkdir(parents=True, exist_ok=True)
    if content is not None:
        (folder / "wallet.json").write_bytes(content)


def test_folders_that_are_no_finished_wallets_are_listed_as_what_they_are(
    in_process: InProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_process("wallet", "list") == (0, {"wallets": []})
    place(tmp_path, "empty", None)
    place(tmp_path, "half", None)
    (tmp_path / "wallets" / "half" / "keystore").mkdir()
    place(tmp_path, "not a wallet's name", b"{}")
    (tmp_path / "wallets" / "notes.txt").write_text("milk")
    nothing = {"holder": None, "bank": None}
    unfinished = [{"name": name, "state": "unfinished", **nothing} for name in ("empty", "half")]
    assert in_process("wallet", "list") == (0, {"wallets": unfinished})
    assert in_process("balance") == (2, {"error": "usage.no_wallet", "told": ANY})

    place(tmp_path, "good", json.dumps(PROFILE).encode())
    (tmp_path / "wallets" / "odd" / "wallet.json").mkdir(parents=True)
    status, told = in_process("wallet", "list")
    assert (status, [item["state"] for item in told["wallets"]]) == (
        3,
        ["unfinished", "finished", "unfinished", "damaged"],
    )
    capsys.readouterr()
    assert main(["--lang", "en", "--home", str(tmp_path), "wallet", "list"]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "Dana" in said
    assert "wallet.json of odd is damaged" in said
    assert "Run `qalta wallet new half` again" in said


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A good network.json."""
    home = tmp_path_factory.mktemp("network")
    make(home, SandboxOptions())
    return (home / "network.json").read_bytes()


@FUZZ
@given(data=st.data())
def test_a_damaged_network_json_is_told(
    in_process: InProcess, tmp_path: Path, network: bytes, data: st.DataObject
) -> None:
    whole = json.loads(network)
    content = data.draw(
        CONTENT | damaged(whole) | damaged(whole["stations"][0]).map(in_place_of_a_station(whole))
    )
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir(exist_ok=True)
    (sandbox / "network.json").write_bytes(content)
    try:
        read_network(sandbox)
    except OSError:
        for command in ("status", "books", "stop"):
            status, told = in_process("sandbox", command)
            assert (status, told["error"]) == (3, "missing.damaged")


def in_place_of_a_station(whole: dict[str, Any]) -> Any:
    return lambda raw: json.dumps({**whole, "stations": [json.loads(raw), *whole["stations"][1:]]}).encode()


@FUZZ
@given(content=CONTENT)
def test_settings_are_an_object_or_an_error_of_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "service.json"
    path.write_bytes(content)
    try:
        held = read_json(path)
    except OSError as error:
        named = error.filename
        assert named == str(path)
        return
    assert isinstance(held, dict)


@pytest.mark.parametrize(
    ("role", "needed"), [("central_bank", "notary"), ("bank", "root"), ("notary", "central_bank")]
)
def test_a_service_with_damaged_settings_says_so_and_ends(tmp_path: Path, role: str, needed: str) -> None:
    make(tmp_path, SandboxOptions())
    folder = tmp_path / {"central_bank": "central-bank", "bank": "alatau"}.get(role, role)
    whole = json.loads((folder / "service.json").read_text())
    incomplete = {name: value for name, value in whole.items() if name != needed}
    unknown = json.dumps({**whole, "hots": "127.0.0.1"})
    for content in ("", "[]", json.dumps(incomplete), json.dumps({**whole, "port": "no number"}), unknown):
        (folder / "service.json").write_text(content)
        ended = subprocess.run(
            [sys.executable, "-m", f"ledger_sync.{role}", "--home", str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ended.returncode == 1, ended.stderr
        assert "service.json" in ended.stderr.splitlines()[-1]
        assert "Traceback" not in ended.stderr
    said = json.loads(ended.stderr.splitlines()[-1])
    assert (said["code"], said["setting"]) == ("setting_unknown", "hots")
    assert said["file"] == str(folder / "service.json")


@given(url=st.text(max_size=40) | st.text(max_size=80).map(lambda text: "http://" + text))
def test_a_bank_address_that_is_none_is_unreachable(url: str) -> None:
    key = Key.of("somebody")
    nobody = httpx.MockTransport(lambda _: httpx.Response(404))

    def ask() -> None:
        signer = (key.public, key.sign, lambda: NOW, os.urandom)
        ServiceClient(url, *signer, connect=lambda _: nobody).get("/v1/root")

    with pytest.raises(Refusal) as caught:
        ask()
    assert caught.value.code is Code.UNREACHABLE
