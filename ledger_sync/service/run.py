"""A service as an operating system process: home folder, settings, keystore, HTTP on loopback, an orderly end.

Rule: the PIN comes from a file that only its owner may read, or a file descriptor, never from the command line or the
environment. SIGTERM ends the process only after the calls under way are answered and the keystore is locked.

`python -m ledger_sync.<role> --home DIR` serves; with `--make-keys` it makes the token and the role's keys if they
are missing, prints their public halves as JSON and ends. Where the setting `workers` is more than 1 the process becomes
their supervisor (`supervisor`).

The home folder (`--home`, or QALTA_SERVICE_HOME) holds `service.json` (`settings` tells what goes before it), `pin`
(mode 0600; QALTA_SERVICE_PIN_FILE names another place), `keystore/` and the role's databases.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import hsm
from ledger_sync.database.opening import open_store
from ledger_sync.database.store import StoreError
from ledger_sync.http.call import Clock
from ledger_sync.http.client import Connect, by_authority
from ledger_sync.service.at_once import ByThreads
from ledger_sync.service.ending import Ending
from ledger_sync.service.home import Home, Program
from ledger_sync.service.inherited import Inherited
from ledger_sync.service.keys import KEYSTORE, PIN, make_keys
from ledger_sync.service.log import code_of, write_bounded
from ledger_sync.service.metrics import Counting, Metrics
from ledger_sync.service.process import Process, SharedFlags
from ledger_sync.service.quotas import Quotas
from ledger_sync.service.serving import serve
from ledger_sync.service.settings import (
    CONFIG,
    PREFIX,
    WORKERS,
    Address,
    SettingsError,
    Why,
    check_settings,
    read_settings,
    sound,
)
from ledger_sync.service.steady import SteadyClock
from ledger_sync.service.supervisor import MOST_WORKERS, Start, Supervisor
from ledger_sync.service.threads import RoomThread, Threads

_FILE: Final = "sqlite:"
_LEAVE_SECONDS: Final = 2.0
"""For threads that have no more to do than to end."""
_log: Final = logging.getLogger(__name__)


def machine_time() -> int:
    """Unix seconds of this machine; a sandbox may set its services' clocks wrong by `QALTA_SERVICE_CLOCK_OFFSET`."""
    return int(time.time()) + int(os.environ.get("QALTA_SERVICE_CLOCK_OFFSET", "0"))


def main(program: Program, arguments: Sequence[str] | None = None, clock: Clock = machine_time) -> int:
    """Run a role's process; gives its exit status: 0 after an orderly end, 1 if its keys could not be opened, one
    of its files is damaged or its database is not to be reached."""
    write_bounded()
    try:
        return _run(program, arguments, clock)
    except hsm.KeystoreError as error:
        return _ended(program, error)
    except (OSError, sqlite3.Error) as error:
        return _ended(program, hsm.fault_of(error) or error)
    except (StoreError, SettingsError) as error:
        return _ended(program, error)


def _ended(program: Program, why: Exception) -> int:
    """Says why on the last line of the log: a code, or the name of an errno, and the file or setting."""
    file = getattr(why, "filename", None)
    facts = {
        "role": program.name,
        "code": code_of(why),
        "file": None if file is None else str(file),
        "setting": getattr(why, "setting", None),
    }
    _log.critical("could not start", extra=facts)
    return 1


def _run(program: Program, arguments: Sequence[str] | None, clock: Clock) -> int:
    options = _parser(program).parse_args(arguments)
    folder: Path = options.home
    ending = Ending()
    ending.watch()
    config = {} if options.make_keys else _settings(program, folder)
    pin_file = folder / os.environ.get(PREFIX + "PIN_FILE", PIN)
    pin = hsm.pin_from_file(pin_file) if options.pin_fd is None else hsm.pin_from_descriptor(options.pin_fd)
    if options.make_keys:
        made = make_keys(folder, pin, program.aliases, clock, os.urandom)
        print(json.dumps({alias: key.hex() for alias, key in made.items()}))  # noqa: T201
        return 0
    inherited: Inherited | None = options.worker
    if inherited is None and config["workers"] > 1:
        start = Start(program.module, folder, pin)
        supervisor = Supervisor(start, config["workers"], ending.is_asked)
        figures = Address.of(config["metrics"]) if "metrics" in config else None
        return supervisor.run(Address(config["host"], config["port"]), figures)
    keystore = hsm.open_keystore(
        folder / KEYSTORE, pin, clock=clock, random=os.urandom, is_shared=inherited is not None
    )
    try:
        with sound(folder / CONFIG):
            home = _home(folder, config, keystore, ending, inherited, clock)
            service = program.build(home)
        serve(service, home, ending, inherited)
    finally:
        keystore.lock()
    _log.info("has ended", extra={"role": program.name})
    _leave(program)
    return 0


def _leave(program: Program) -> None:
    """Nothing, once no thread is at work; else the end of the process all the same. Who waits for a server that hangs
    waits until that goes on, since nothing may end a commit; what became of it is not known, as after a kill."""
    own = threading.current_thread()
    threads = [
        one
        for one in threading.enumerate()
        if one is not own and (not one.daemon or isinstance(one, RoomThread))
    ]
    until = time.monotonic() + _LEAVE_SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    if any(thread.is_alive() for thread in threads):
        _log.warning("calls are left in their wait", extra={"role": program.name})
        logging.shutdown()
        os._exit(0)


def _home(
    folder: Path,
    config: Mapping[str, Any],
    keystore: hsm.Keystore,
    ending: Ending,
    inherited: Inherited | None,
    clock: Clock,
) -> Home:
    steady = SteadyClock(folder, clock)
    threads, metrics = Threads(), Metrics(clock)
    ending.afterwards(threads.close)
    metrics.watch(rooms=threads.load)
    logging.getLogger().addHandler(Counting(metrics))
    alone = Process()
    tallies = None if inherited is None else inherited.shared_tallies()
    return Home(
        folder,
        config,
        keystore,
        steady,
        os.urandom,
        _connect(config, folder),
        threads,
        open_store,
        wall=clock,
        hear=steady.hear,
        metrics=metrics,
        process=alone if inherited is None else Process(inherited.number, SharedFlags(inherited.flags)),
        quotas=Quotas.of(config.get("limits", {}), time.monotonic, tallies),
        at_once=ByThreads(),
        is_ending=ending.is_over,
    )


def _settings(program: Program, folder: Path) -> Mapping[str, Any]:
    """What to go by, checked; from here on the log is as detailed as it says."""
    try:
        config = read_settings(folder / CONFIG, os.environ, program.known)
        with sound(folder / CONFIG):
            check_settings(config, program.known)
            level = logging.getLevelNamesMapping().get(str(config.get("log_level", "info")).upper())
            if level is None:
                raise SettingsError("log_level", Why.UNFIT)
            logging.getLogger().setLevel(level)
            workers = _workers(program, config)
            return {**config, "host": str(config["host"]), "port": int(config["port"]), "workers": workers}
    except SettingsError as error:
        error.filename = str(folder / CONFIG)
        raise


def _workers(program: Program, config: Mapping[str, Any]) -> int:
    """As many as there are processors, where nothing is set, over a database server; over a file they take turns at
    writing."""
    if WORKERS not in program.settings:
        return 1
    is_file = str(config.get("database", _FILE)).startswith(_FILE)
    usual = 1 if is_file else min(os.cpu_count() or 1, MOST_WORKERS)
    workers = int(config.get(WORKERS.name, usual))
    if not 1 <= workers <= MOST_WORKERS:
        raise SettingsError(WORKERS.name, Why.UNFIT)
    return workers


def _connect(config: Mapping[str, Any], folder: Path) -> Connect:
    """To peers whose certificates are of the settings' authority; of any that the world trusts, where none is named."""
    try:
        return by_authority(folder / config["ca"] if "ca" in config else None)
    except FileNotFoundError as error:
        raise SettingsError("ca", Why.MISSING) from error
    except (OSError, ValueError) as error:
        raise SettingsError("ca", Why.UNFIT) from error


def _parser(program: Program) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {program.module}")
    home = os.environ.get(PREFIX + "HOME")
    parser.add_argument("--home", type=Path, required=home is None, default=home, help="the service's folder")
    parser.add_argument("--pin-fd", type=int, help="read the PIN from this descriptor instead of HOME/pin")
    parser.add_argument("--worker", type=Inherited.parse, help=argparse.SUPPRESS)
    parser.add_argument(
        "--make-keys", action="store_true", help="make the keys, print their public halves, end"
    )
    return parser
