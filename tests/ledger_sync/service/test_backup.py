"""A copy of a service and what is made of it: whole, of one moment, without a PIN, and never over anything."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from ledger_sync.sandbox.making import module_environment
from ledger_sync.service.backup import (
    DUMP,
    MANIFEST,
    RESTORED,
    BackupError,
    Fault,
    back_up,
    check,
    mind_restored,
    restore,
)
from tests.sampling import sampled
from tests.support.cli import Cli
from tests.support.postgres import Cluster
from tests.support.world import NOW

_CODE = (
    "import sys; from pathlib import Path; from ledger_sync.service import backup;"
    " backup.{call}(Path(sys.argv[1]), Path(sys.argv[2]){more})"
)
POINTS = ("backup.pages:2", "backup.stores", "backup.manifest", "restore.files")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A service's folder, with a store of many pages whose two tables always sum to nothing."""
    home = tmp_path / "home"
    (home / "keystore" / "tokens" / "one").mkdir(parents=True)
    (home / "keystore" / "tokens" / "one" / "token.object").write_bytes(os.urandom(300))
    (home / "keystore" / "tokens" / "one" / "token.lock").touch()
    (home / "service.json").write_text('{"port": 1}')
    (home / "clock").write_text(str(NOW))
    (home / "pin").write_text("a PIN 24680")
    (home / "log").write_text("words")
    with closing(sqlite3.connect(home / "bank.db")) as store:
        store.execute("pragma journal_mode = wal")
        store.executescript("create table plus (n integer, filler blob); create table minus (n integer)")
        store.executemany("insert into plus values (?, ?)", [(0, bytes(3_000))] * 3_000)
        store.commit()
    return home


def left(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_copy_holds_all_but_the_pin_and_what_is_made_of_it_is_as_it_was(home: Path, tmp_path: Path) -> None:
    to, again = tmp_path / "copies" / "one", tmp_path / "elsewhere"
    copied = back_up(home, to, NOW)
    kept = {"bank.db", "service.json", "clock", "keystore/tokens/one/token.object"}
    assert set(copied.files) == kept
    assert left(to) == {*kept, MANIFEST}
    assert restore(to, again) == check(to) == copied
    assert left(again) == {*kept, RESTORED}
    for name in kept - {"bank.db"}:
        assert (again / name).read_bytes() == (home / name).read_bytes()
    assert not any(b"24680" in path.read_bytes() for path in to.rglob("*") if path.is_file())
    for path in (to, *to.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_that_it_was_made_of_a_copy_is_minded_once_and_again_where_that_was_cut_off(
    home: Path, tmp_path: Path
) -> None:
    to, again = tmp_path / "copy", tmp_path / "again"
    back_up(home, to, NOW)
    restore(to, again)
    code = (
        "import sys; from pathlib import Path; from ledger_sync.service import backup;"
        " backup.mind_restored(Path(sys.argv[1]), lambda: print('minded', flush=True))"
    )
    environment = {**module_environment(), "QALTA_FAILPOINT": "restored.minded"}
    killed = subprocess.run([sys.executable, "-c", code, str(again)], env=environment, stdout=subprocess.PIPE)
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, b"minded\n")
    minded: list[Path] = []
    for folder in (home, again, again):
        mind_restored(folder, lambda folder=folder: minded.append(folder))  # type: ignore[misc]
    assert minded == [again]
    back_up(again, tmp_path / "another", NOW)
    assert RESTORED not in check(tmp_path / "another").files


def test_a_store_is_copied_as_of_one_moment_while_its_service_writes(home: Path, tmp_path: Path) -> None:
    stopping, wrote = threading.Event(), 0

    def write() -> None:
        nonlocal wrote
        with closing(sqlite3.connect(home / "bank.db", timeout=60)) as store:
            while not stopping.is_set():
                store.execute("insert into plus values (1, ?)", (bytes(9_000),))
                store.execute("insert into minus values (-1)")
                store.commit()
                wrote += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        found = []
        for number in range(4):
            before = wrote
            back_up(home, tmp_path / f"{number}", NOW)
            with closing(sqlite3.connect(tmp_path / f"{number}" / "bank.db")) as store:
                plus = store.execute("select sum(n) from plus").fetchone()[0]
                minus = store.execute("select coalesce(sum(n), 0) from minus").fetchone()[0]
            assert plus + minus == 0
            assert before <= plus <= wrote + 1
            found.append(plus)
    finally:
        stopping.set()
        thread.join()
    assert found[-1] > 0, "it went on writing"


@pytest.mark.parametrize("harm", ["flipped", "shorter", "gone", "more", "store", "no manifest", "elsewhere"])
def test_a_copy_that_is_not_whole_is_not_put_back(home: Path, tmp_path: Path, harm: str) -> None:
    to, again = tmp_path / "copy", tmp_path / "again"
    back_up(home, to, NOW)
    key, manifest = to / "keystore/tokens/one/token.object", to / MANIFEST
    held = json.loads(manifest.read_text())
    if harm == "flipped":
        key.write_bytes(bytes([key.read_bytes()[0] ^ 1]) + key.read_bytes()[1:])
    elif harm == "shorter":
        key.write_bytes(key.read_bytes()[:-1])
    elif harm == "gone":
        key.unlink()
    elif harm == "more":
        (to / "other.db").touch()
    elif harm == "store":
        raw = bytearray((to / "bank.db").read_bytes())
        raw[4_096:8_192] = bytes(4_096)
        (to / "bank.db").write_bytes(raw)
        from hashlib import sha256

        held["files"]["bank.db"] = sha256(raw).hexdigest()
        manifest.write_text(json.dumps(held))
    elif harm == "no manifest":
        manifest.unlink()
    else:
        (tmp_path / "outside").write_text("x")
        held["files"]["../outside"] = "0"
        manifest.write_text(json.dumps(held))
    with pytest.raises(BackupError) as caught:
        restore(to, again)
    assert caught.value.fault is Fault.NOT_WHOLE
    assert not again.exists()


def test_nothing_is_ever_written_over(home: Path, tmp_path: Path) -> None:
    to = tmp_path / "copy"
    back_up(home, to, NOW)
    calls: list[Callable[[], object]] = [lambda: back_up(home, to, NOW), lambda: restore(to, home)]
    for call in calls:
        before = {
            name: (home / name).read_bytes() for name in left(home) if not name.endswith(("-shm", "-wal"))
        }
        with pytest.raises(BackupError) as caught:
            call()
        assert caught.value.fault is Fault.OCCUPIED
        assert all((home / name).read_bytes() == content for name, content in before.items())
    with pytest.raises(BackupError) as caught:
        back_up(tmp_path / "nobody", tmp_path / "other", NOW)
    assert caught.value.fault is Fault.NO_SERVICE
    (tmp_path / "elsewhere" / "keystore").mkdir(parents=True)
    with pytest.raises(BackupError) as caught:  # its database stands in the environment
        back_up(tmp_path / "elsewhere", tmp_path / "other", NOW)
    assert caught.value.fault is Fault.NO_STORE
    assert not (tmp_path / "other").exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    restore(to, empty)
    assert (empty / "bank.db").exists()


@pytest.mark.parametrize("point", sampled("backup kills", POINTS, 2))
def test_killed_there_nothing_is_there_and_the_same_again_succeeds(
    home: Path, tmp_path: Path, point: str
) -> None:
    is_backup = point.startswith("backup")
    copy = tmp_path / "copy"
    if not is_backup:
        back_up(home, copy, NOW)
    source, target = (home, copy) if is_backup else (copy, tmp_path / "again")
    code = _CODE.format(call="back_up" if is_backup else "restore", more=", 1" if is_backup else "")
    command = [sys.executable, "-c", code, str(source), str(target)]
    environment = {**module_environment(), "QALTA_FAILPOINT": point}
    ended = subprocess.run(command, env=environment, check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert not target.exists()
    subprocess.run(command, env=module_environment(), check=True)
    assert check(copy).files
    assert left(target) >= {"bank.db"}
    assert not target.with_name(target.name + ".part").exists()


@pytest.mark.skipif(shutil.which("pg_dump") is None, reason="no pg_dump")
@pytest.mark.parametrize("which", ["backup", "restore"])
def test_a_password_is_taken_from_no_argument(home: Path, tmp_path: Path, which: str) -> None:
    """pg_dump would be given it as an argument too, which everybody on the machine sees."""
    folders = (str(home), str(tmp_path / "copy"))
    url = "postgresql://q:secret@/x"
    done = Cli(tmp_path / "qalta").run("ledger", which, *folders, "--database", url, pin=None)
    assert done.status == 2, done.err
    assert "PGPASSFILE" in done.err
    assert "secret" not in done.err + done.out


def test_a_servers_database_is_copied_and_put_back_into_an_empty_one(
    home: Path, tmp_path: Path, postgres: Cluster
) -> None:
    with postgres.database() as of, postgres.database() as to:
        with psycopg.connect(of) as connection:
            connection.execute("create schema bank")
            connection.execute("create table bank.plus as select generate_series(1, 1000) as n")
        (home / "service.json").write_text(json.dumps({"database": of}))
        copied = back_up(home, tmp_path / "copy", NOW)
        assert DUMP in copied.files
        with pytest.raises(BackupError) as caught:
            restore(tmp_path / "copy", tmp_path / "again")
        assert caught.value.fault is Fault.NEEDS_DATABASE
        restore(tmp_path / "copy", tmp_path / "again", database=to)
        with psycopg.connect(to) as connection:
            assert connection.execute("select sum(n) from bank.plus").fetchone() == (500_500,)
        assert not (tmp_path / "again" / DUMP).exists()
        with pytest.raises(BackupError) as caught:
            restore(tmp_path / "copy", tmp_path / "other", database=to)
        assert (caught.value.fault, caught.value.what) == (Fault.DATABASE_OCCUPIED, to)
        assert not (tmp_path / "other").exists()
        assert not (tmp_path / "other.part").exists()


@pytest.mark.parametrize("point", ["restore.begun", "restore.files"])
def test_killed_before_or_after_the_database_was_filled_the_same_again_goes_on(
    home: Path, tmp_path: Path, postgres: Cluster, point: str
) -> None:
    copy, again = tmp_path / "copy", tmp_path / "again"
    with postgres.database() as of, postgres.database() as to:
        with psycopg.connect(of) as connection:
            connection.execute("create schema bank")
            connection.execute("create table bank.plus as select generate_series(1, 1000) as n")
        (home / "service.json").write_text(json.dumps({"database": of}))
        back_up(home, copy, NOW)
        code = _CODE.format(call="restore", more=f", database={to!r}")
        command = [sys.executable, "-c", code, str(copy), str(again)]
        environment = {**module_environment(), "QALTA_FAILPOINT": point}
        ended = subprocess.run(command, env=environment, check=False, capture_output=True)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        assert not again.exists()
        with psycopg.connect(to) as connection:
            (there,) = connection.execute("select to_regclass('bank.plus') is not null").fetchone() or ()
        assert there == (point == "restore.files")
        if there:
            with pytest.raises(BackupError) as caught:
                restore(copy, tmp_path / "elsewhere", database=to)
            assert caught.value.fault is Fault.DATABASE_OCCUPIED
        restore(copy, again, database=to)
        with psycopg.connect(to) as connection:
            assert connection.execute("select sum(n) from bank.plus").fetchone() == (500_500,)
        assert left(again) >= {"service.json"}
        assert "restoring" not in left(again)
        assert not (tmp_path / "again.part").exists()
