"""A service goes from SQLite to PostgreSQL with all it has, killed wherever it may be, and its money goes on there."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from app.cli.main import main
from app.terminal.status import Status
from hsm.failpoint import VARIABLE
from ledger_sync.database.copying import Copied
from ledger_sync.database.opening import open_store
from ledger_sync.homes.migrating import migrate
from ledger_sync.homes.stores import Place, ServiceHome
from ledger_sync.service.heads import FILE
from ledger_sync.service.heads import SCHEMA as HEADS
from tests.sampling import sampled
from tests.stores.make_services import STORES
from tests.support.cli import Cli
from tests.support.cut_lines import Cut, cut_line
from tests.support.postgres import Cluster
from wallet.database import connect
from wallet.protocol.codes import Code, Refusal

ROOT = Path(__file__).parents[3]
SETTINGS: dict[str, dict[str, object]] = {
    "central": {"notary": {}},
    "notary": {},
    "alatau": {"bank": "alatau"},
}
STEPS = (
    "database.copy.table",
    "database.copy.table:30",
    "database.copy.compared",
    "ledger.migrate.copied",
    "ledger.migrate.copied:2",
    "ledger.migrate.marked",
    "ledger.migrate.marked:2",
    "ledger.migrate.settings.written",
    "ledger.migrate.settings.placed",
)


@pytest.fixture
def homes(tmp_path: Path) -> Path:
    """Homes of services as an early commit made their stores (tests/stores), and what they have seen since of the
    notary's log."""
    with tarfile.open(STORES) as tar:
        tar.extractall(tmp_path, filter="data")
    for name, settings in SETTINGS.items():
        (tmp_path / name / "service.json").write_text(json.dumps(settings))
        if settings:
            with closing(connect(tmp_path / name / FILE, HEADS)) as db:
                db.execute("insert into heads (log, size, head) values (7, 9, x'01')")
    return tmp_path


@pytest.fixture
def url(postgres: Cluster) -> Iterator[str]:
    with postgres.database() as url:
        yield url


def hear(_place: Place, _copied: Copied) -> None:
    """Nobody asks."""


def content(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row that a file holds, whatever it is marked as, by table."""
    with closing(sqlite3.connect(file)) as raw:
        tables = raw.execute(
            "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'"
        )
        return {name: sorted(raw.execute(f"select * from {name}"), key=repr) for (name,) in tables.fetchall()}


def content_there(home: ServiceHome, place: Place, like: dict[str, list[tuple[object, ...]]]) -> object:
    """The same of the store in PostgreSQL."""
    with (
        closing(open_store(place.url, place.kind, home.folder)) as store,
        closing(sqlite3.connect(home.folder / place.file)) as raw,
    ):
        found = {}
        for name in like:
            columns = ", ".join(column for _, column, *_ in raw.execute(f"pragma table_info({name})"))
            found[name] = sorted(store.rows(f"select {columns} from {name}"), key=repr)
        return found


def check_all_is_there(folder: Path, url: str) -> None:
    home = ServiceHome.read(folder)
    assert home.config["database"] == url
    assert len(home.places) > 1
    for place in home.places:
        held = content(folder / place.file)
        assert any(held.values())
        assert content_there(home, place, held) == held
        with pytest.raises(Refusal) as refused:
            connect(folder / place.file, place.kind.schema)
        assert refused.value.code is Code.STORE_MOVED


@pytest.mark.parametrize("name", SETTINGS)
def test_all_of_it_is_there_and_what_is_left_is_opened_by_nobody(homes: Path, url: str, name: str) -> None:
    told = []
    assert migrate(homes / name, url, lambda place, copied: told.append((place.file, copied.was_there)))
    assert [was_there for _, was_there in told] == [False] * len(ServiceHome.read(homes / name).places)
    check_all_is_there(homes / name, url)
    assert all(version.is_newest for _, version in ServiceHome.read(homes / name).versions())
    assert not migrate(homes / name, url, hear)


@pytest.mark.parametrize("step", sampled("migrating a home", STEPS, 3))
def test_killed_anywhere_it_is_done_again_and_goes_on(homes: Path, url: str, step: str) -> None:
    folder = homes / "alatau"
    command = [sys.executable, "-m", "app.cli.main", "ledger", "migrate", str(folder), "--to", url]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), VARIABLE: step}
    killed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    before = json.loads((folder / "service.json").read_text())
    assert before.get("database") == (url if step.endswith("placed") else None)
    assert migrate(folder, url, hear) == (not step.endswith("placed"))
    check_all_is_there(folder, url)


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_copy_whose_commit_was_not_heard_to_end_is_said_and_the_same_again_finds_out(
    homes: Path, url: str, cut: Cut, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = homes / "alatau"
    before = (folder / "service.json").read_bytes()
    argv = ["ledger", "migrate", str(folder), "--to"]
    with cut_line(url, homes / "line") as line:
        line.armed = cut
        assert main([*argv, line.url]) == Status.MISSING
        assert line.cuts == 1
    assert "not known whether" in " ".join(capsys.readouterr().err.split())
    assert (folder / "service.json").read_bytes() == before
    assert main(["--json", *argv, url]) == Status.DONE
    stores = json.loads(capsys.readouterr().out)["stores"]
    assert [store["was_there"] for store in stores] == [cut == "after"] + [False] * (len(stores) - 1)
    check_all_is_there(folder, url)


def test_a_service_that_goes_on_after_a_copy_is_copied_anew(homes: Path, url: str) -> None:
    """The copy was whole and the service was started once more before its files were marked."""
    folder = homes / "alatau"
    settings = (folder / "service.json").read_text()
    _unmarked(folder, url)
    home = ServiceHome(folder, json.loads(settings))
    with closing(open_store(home.places[0].url, home.places[0].kind, folder)) as store:
        store.insert("accounts", id="KZ9", balance=5)
    assert migrate(folder, url, hear)
    check_all_is_there(folder, url)


def _unmarked(folder: Path, url: str) -> None:
    """The moment before the files are marked."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), VARIABLE: "ledger.migrate.copied:2"}
    command = [sys.executable, "-m", "app.cli.main", "ledger", "migrate", str(folder), "--to", url]
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == -9


def test_what_others_wrote_where_it_was_to_go_stays(homes: Path, url: str) -> None:
    migrate(homes / "alatau", url, hear)
    moved = ServiceHome.read(homes / "alatau")
    with closing(open_store(url, moved.places[0].kind, homes)) as store:
        store.run("update accounts set balance = balance + 1 where id = 'position'")
        held = store.rows("select * from accounts order by id")
        (homes / "alatau" / "service.json").write_text(json.dumps(SETTINGS["alatau"]))
        with pytest.raises(Refusal) as refused:
            migrate(homes / "alatau", url, hear)
        assert refused.value.code is Code.STORE_OCCUPIED
        assert store.rows("select * from accounts order by id") == held


def test_a_service_that_runs_is_left_alone(homes: Path, url: str) -> None:
    place = ServiceHome.read(homes / "alatau").places[0]
    with ExitStack() as running:
        store = running.enter_context(closing(open_store(place.url, place.kind, homes / "alatau")))
        assert store.rows("select count(*) from accounts")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            migrate(homes / "alatau", url, hear)
        store.insert("accounts", id="KZ9", balance=5)
    assert "database" not in ServiceHome.read(homes / "alatau").config


def test_numbers_that_were_given_are_not_given_again(homes: Path, url: str) -> None:
    folder = homes / "central"
    place = ServiceHome.read(folder).places[0]
    with closing(open_store(place.url, place.kind, folder)) as store:
        for number in (1, 2):
            store.insert("heard", id=bytes([number]), time=number, raw=b"")
        highest = store.value("select max(number) from heard")
        store.run("delete from heard where number = ?", (highest,))
    migrate(folder, url, hear)
    with closing(open_store(url, place.kind, folder)) as store:
        store.insert("heard", id=b"3", time=3, raw=b"")
        assert store.value("select number from heard where id = ?", (b"3",)) == highest + 1


def test_versions_are_told_and_only_raised_where_that_is_asked(homes: Path, url: str) -> None:
    cli, folder = Cli(homes / "qalta"), homes / "alatau"
    checked = cli.run("--json", "ledger", "schema", str(folder), "--check", pin=None)
    assert (checked.status, checked.json["is_newest"]) == (1, False)
    before = {each["store"]: each["found"] for each in checked.json["stores"]}
    assert before["bank"] == 3
    assert cli.must("ledger", "schema", str(folder))["is_newest"]
    assert cli.must("ledger", "migrate", str(folder), "--to", url)["migrated"]
    assert cli.must("ledger", "schema", str(folder), "--check")["is_newest"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--to", "sqlite:other.db"), 2, "PostgreSQL"),
        (("--to", "postgresql://q:secret@/x"), 2, "password"),
        (("--to", "postgresql:///x?password=secret"), 2, "password"),
        (("--to", "postgresql:///x?host=/nowhere"), 3, "cannot be used"),
    ],
)
def test_what_cannot_be_done_is_said(homes: Path, arguments: tuple[str, ...], status: int, said: str) -> None:
    before = content(homes / "alatau" / "bank.db")
    done = Cli(homes / "qalta").run("ledger", "migrate", str(homes / "alatau"), *arguments, pin=None)
    assert done.status == status, done.err
    assert said in done.err
    assert "secret" not in done.err + done.out
    assert "nowhere" in done.err or status == 2
    assert content(homes / "alatau" / "bank.db")["postings"] == before["postings"] != []


def test_a_folder_of_no_service_is_named(tmp_path: Path) -> None:
    done = Cli(tmp_path / "qalta").run("ledger", "schema", str(tmp_path), pin=None)
    assert done.status == 3
    assert str(tmp_path) in done.err
