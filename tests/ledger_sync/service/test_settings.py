"""Settings: the examples are whole and start services; the environment goes before the file; secrets are in neither."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

import ledger_sync
import ledger_sync.bank.program
import ledger_sync.central_bank.program
import ledger_sync.notary.service
from ledger_sync.processes import write
from ledger_sync.sandbox.making import module_environment
from ledger_sync.service.home import Program
from ledger_sync.service.settings import (
    COMMON,
    PREFIX,
    WORKERS,
    Form,
    SettingsError,
    Why,
    check_settings,
    read_settings,
)
from tests.ledger_sync.service.test_tls import free_port
from tests.sampling import sampled
from tests.support.certificates import Authority

EXAMPLES = Path(__file__).parents[3] / "docs" / "settings"
PROGRAMS = (
    ledger_sync.bank.program.PROGRAM,
    ledger_sync.central_bank.program.PROGRAM,
    ledger_sync.notary.service.PROGRAM,
)
BANK = ledger_sync.bank.program.PROGRAM
_BY_ITSELF = {PREFIX + "HOME", PREFIX + "PIN_FILE"}
_SECONDS = 60
_LOOK = 0.1
"""Seconds between two looks at a process that starts."""


def example(program: Program, *, whole: bool = False) -> dict[str, str]:
    """The variables of a role's example; what may be left out too, where it is wanted ``whole``."""
    lines = (EXAMPLES / f"{program.name}.env").read_text(encoding="utf-8").splitlines()
    found = [line.removeprefix("#" if whole else "\n") for line in lines]
    return dict(line.split("=", 1) for line in found if line.startswith(PREFIX))


def settings(program: Program, environment: Mapping[str, str], folder: Path = Path("/nowhere")) -> Any:
    config = read_settings(folder / "service.json", environment, program.known)
    check_settings(config, program.known)
    return config


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_an_example_has_every_setting_and_no_other_and_leaves_out_what_it_may(program: Program) -> None:
    assert set(example(program, whole=True)) - _BY_ITSELF == {one.variable for one in program.known}
    needed = {one.variable for one in program.known if one.is_needed}
    assert set(example(program)) == needed | {PREFIX + "HOME"}
    settings(program, example(program, whole=True))
    settings(program, example(program))


def read_by(package: str) -> set[str]:
    """The settings that the code of a package looks up by their names."""
    found = set()
    for path in (Path(ledger_sync.__file__).parent / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case (
                    ast.Subscript(where, ast.Constant(str(name)))
                    | ast.Call(ast.Attribute(where, "get"), [ast.Constant(str(name)), *_])
                    | ast.Compare(ast.Constant(str(name)), [ast.In()], [where])
                ) if "config" in (getattr(where, "id", ""), getattr(where, "attr", "")):
                    found.add(name)
                case ast.Call(ast.Attribute(_, "key"), [ast.Constant(str(name))]):
                    found.add(name)
                case _:
                    pass
    return found


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_whatever_the_code_of_a_role_looks_up_is_a_setting_and_so_in_its_example(program: Program) -> None:
    known = {one.name for one in program.known}
    role = read_by(program.name.replace("-", "_"))
    assert {"central_bank", "since"} & role
    assert role - known == set()
    assert "metrics_readers" in read_by("service")
    only_some = {WORKERS.name, "root"}  # a central bank has the root itself
    assert read_by("service") - known - only_some == set()


@pytest.mark.parametrize("program", sampled("examples", PROGRAMS, 1), ids=lambda program: program.name)
def test_a_service_starts_by_its_example_over_tls_and_shows_its_figures(
    program: Program, tmp_path: Path
) -> None:
    """All of the example but the places of its files and ports."""
    with started(program, tmp_path) as (port, figures):
        trusted = str(tmp_path / "tls" / "authority.pem")
        with httpx.Client(verify=_context(trusted), trust_env=False) as caller:
            assert caller.get(f"https://127.0.0.1:{port}/healthz").json() == {"status": "ok"}
            assert caller.get(f"https://127.0.0.1:{port}/metrics").status_code == 404
            page = caller.get(f"http://127.0.0.1:{figures}/metrics").text
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    assert any(one.name == "qalta_left_seconds" and one.labels["what"] == "certificate" for one in samples)
    missed = [one for one in samples if one.name == "qalta_calls_total" and one.labels["route"] == "none"]
    assert [(one.labels["code"], one.value) for one in missed] == [("not_found", 1.0)], "whoever answered it"
    said = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert said[-1]["event"] == "has ended"
    pin = (tmp_path / "secret" / "pin").read_text()
    assert pin not in (tmp_path / "log").read_text()


@contextlib.contextmanager
def started(program: Program, home: Path) -> Iterator[tuple[int, int]]:
    """Its ports, for callers and for readers of its figures. It ends in order with the block."""
    (home / "tls").mkdir()
    (home / "secret").mkdir()
    write(home / "secret" / "pin", "a PIN of its own 24680")
    made = Authority(home / "tls").certify("certificate")
    made[1].rename(home / "tls" / "key.pem")
    port, figures = free_port(), free_port()
    environment = {
        **module_environment(),
        **example(program, whole=True),
        PREFIX + "HOME": str(home),
        PREFIX + "PIN_FILE": "secret/pin",
        PREFIX + "PORT": str(port),
        PREFIX + "METRICS": f"127.0.0.1:{figures}",
    }
    module = [sys.executable, "-m", f"ledger_sync.{program.name.replace('-', '_')}"]
    subprocess.run([*module, "--make-keys"], env=environment, check=True, capture_output=True)
    with (home / "log").open("w") as log, subprocess.Popen(module, env=environment, stderr=log) as process:
        try:
            _await(process, f"https://127.0.0.1:{port}/healthz", str(home / "tls" / "authority.pem"))
            yield port, figures
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(_SECONDS) == 0


def _await(process: subprocess.Popen[bytes], url: str, trusted: str) -> None:
    with httpx.Client(verify=_context(trusted), trust_env=False) as caller:
        while process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                caller.get(url)
                return
            time.sleep(_LOOK)
    raise AssertionError("it has ended")


def _context(trusted: str) -> Any:
    return ssl.create_default_context(cafile=trusted)


def refused(program: Program, **changes: str | None) -> tuple[str, Why]:
    environment = {**example(program)}
    for name, value in changes.items():
        environment[PREFIX + name] = value or ""
        if value is None:
            del environment[PREFIX + name]
    with pytest.raises(SettingsError) as caught:
        settings(program, environment)
    for value in changes.values():
        assert not value or value not in str(caught.value)
    return caught.value.setting, caught.value.why


def test_the_environment_goes_before_the_file_and_either_may_hold_all(tmp_path: Path) -> None:
    whole = dict(settings(BANK, example(BANK)))
    write(tmp_path / "service.json", json.dumps({**whole, "port": 1}))
    both = settings(BANK, {PREFIX + "PORT": "8443", "PATH": "/bin"}, tmp_path)
    assert both == whole
    with pytest.raises(FileNotFoundError):
        settings(BANK, {}, tmp_path / "elsewhere")


def test_a_name_that_nobody_knows_is_refused_and_a_secret_is_not_repeated() -> None:
    assert refused(BANK, HOTS="127.0.0.1") == ("hots", Why.UNKNOWN)
    for name, why in (("hots", Why.UNKNOWN), ("pin", Why.SECRET)):
        with pytest.raises(SettingsError) as caught:
            check_settings({**settings(BANK, example(BANK)), name: "canary-24680"}, BANK.known)
        assert (caught.value.setting, caught.value.why) == (name, why)
        assert "canary-24680" not in str(caught.value)
    assert refused(BANK, PIN="canary-24680") == ("pin", Why.SECRET)
    assert refused(BANK, PASSWORD="canary-24680") == ("password", Why.SECRET)
    for url in (
        "postgresql://qalta:canary-24680@db/bank",
        "postgresql://db/bank?password=canary-24680",
    ):
        assert refused(BANK, DATABASE=url) == ("database", Why.SECRET)
    settings(BANK, {**example(BANK), PREFIX + "DATABASE": "postgresql://qalta@db/bank?passfile=/run/pass"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eight"),
        ("OPERATOR", "02ff"),
        ("BANKS", "{"),
        ("METRICS", "9464"),
        ("NOTARY", "notary.example"),
    ],
)
def test_what_does_not_read_is_refused_by_its_name(name: str, value: str) -> None:
    assert refused(BANK, **{name: value}) == (name.lower(), Why.UNFIT)


@pytest.mark.parametrize("setting", [one for one in BANK.known if one.is_needed], ids=lambda one: one.name)
def test_what_is_needed_is_asked_for_by_its_name(setting: Any) -> None:
    assert refused(BANK, **{setting.name.upper(): None}) == (setting.name, Why.MISSING)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "qalta.alatau.example"])
def test_who_can_be_reached_by_others_speaks_tls(host: str) -> None:
    assert refused(BANK, HOST=host) == ("host", Why.PLAIN)
    tls = {PREFIX + "TLS_CERTIFICATE": "tls/c.pem", PREFIX + "TLS_KEY": "tls/k.pem"}
    settings(BANK, {**example(BANK), **tls, PREFIX + "HOST": host})
    assert refused(BANK, TLS_CERTIFICATE="tls/c.pem") == ("tls_key", Why.MISSING)
    assert refused(BANK, TLS_KEY="tls/k.pem") == ("tls_certificate", Why.MISSING)
    figures = {PREFIX + "METRICS": f"[{host}]:9464"}
    for given_too in ({}, tls):
        with pytest.raises(SettingsError) as caught:
            settings(BANK, {**example(BANK), **figures, **given_too})
        assert (caught.value.setting, caught.value.why) == ("metrics", Why.PLAIN)
    readers = {PREFIX + "METRICS_READERS": "tls/readers.pem"}
    settings(BANK, {**example(BANK), **tls, **figures, **readers})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_loopback_may_be_plain(host: str) -> None:
    settings(BANK, {**example(BANK), PREFIX + "HOST": host, PREFIX + "NOTARY": "http://127.0.0.1:8444"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NOTARY", "http://notary.example"),
        ("CENTRAL_BANK", "http://10.0.0.9:80"),
        ("BANKS", '{"alatau":"https://a.example","zhibek":"http://zhibek.example"}'),
    ],
)
def test_peers_on_other_machines_are_called_over_tls(name: str, value: str) -> None:
    assert refused(BANK, **{name: value}) == (name.lower(), Why.PLAIN)


def test_the_central_banks_peers_too() -> None:
    program = ledger_sync.central_bank.program.PROGRAM
    notary = json.dumps({"url": "http://notary.example", "key": "02"})
    assert refused(program, NOTARY=notary) == ("notary", Why.PLAIN)


@given(st.dictionaries(st.sampled_from([one.variable for one in BANK.known]), st.text(max_size=40)))
def test_whatever_stands_in_the_environment_is_read_or_refused(environment: dict[str, str]) -> None:
    clean = {name: value for name, value in environment.items() if "\x00" not in value}
    with contextlib.suppress(SettingsError):
        settings(BANK, {**example(BANK), **clean})


def test_no_two_settings_have_one_name_and_files_are_told_as_such() -> None:
    for program in PROGRAMS:
        names = [one.name for one in program.known]
        assert len(set(names)) == len(names)
    files = {one.name for one in COMMON if one.form is Form.FILE}
    assert files == {"tls_certificate", "tls_key", "ca", "metrics_readers"}
    assert os.environ.get(PREFIX + "HOME") is None
