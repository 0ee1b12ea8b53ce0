"""A process that works on a keystore until it is done or killed: `python -m tests.hsm.victim WHAT FOLDER …`.

The PIN comes on standard input. Every line on standard output is written before or after one durable step,
so whoever reads them knows what was promised when the process died.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pkcs11

import hsm
from hsm.critical import critical, hold_termination
from hsm.folder import MAKING_FOLDER
from hsm.profiles import PROFILES
from hsm.turn import Turn
from tests.hsm.homes import OTHER_PIN, FolderHome, message, record

SPINS = 3_000_000


def say(*words: object) -> None:
    os.write(1, (" ".join(str(word) for word in words) + "\n").encode())


def lives(home: FolderHome, pin: str) -> None:
    """Open, make, sign, record, destroy, lock, and again, for ever."""
    while True:
        say("opening")
        keystore = home.open(pin)
        kept = keystore.read_record()
        step = kept.step + 1 if kept else 1
        say("creating", f"k{step}")
        public = keystore.create_key(f"k{step}")
        say("created", f"k{step}", public.hex())
        say("signing")
        keystore.sign(f"k{step}", message("x"))
        say("recording", step)
        keystore.write_record(record(step))
        say("recorded", step)
        if len(keystore.aliases()) > 3:
            oldest = min(keystore.aliases(), key=lambda alias: int(alias[1:]))
            say("destroying", oldest)
            keystore.destroy_key(oldest)
            say("destroyed", oldest)
        keystore.lock()


def logins(home: FolderHome, pin: str) -> None:
    while True:
        say("opening")
        home.open(pin).lock()


def pin_changes(home: FolderHome, pin: str) -> None:
    keystore = home.open(pin)
    pins = [pin, OTHER_PIN]
    while True:
        say("changing")
        keystore.change_pin(pins[0], pins[1])
        say("changed")
        pins.reverse()


def provisions(home: FolderHome, pin: str) -> None:
    """Make the keystore under an audit that tells of every program started."""
    started: list[str] = []
    sys.addaudithook(lambda event, _: started.append(event) if _starts_a_program(event) else None)
    home.make(pin)
    say("started", *started)
    say("argv", Path("/proc/self/cmdline").read_bytes().hex())
    say("children", Path(f"/proc/self/task/{os.getpid()}/children").read_text())
    say("waiting")
    signal.pause()


def opens(home: FolderHome, pin: str) -> None:
    keystore = home.open(pin)
    say("open", *sorted(keystore.aliases()))
    signal.pause()


def signs_beside(home: FolderHome, pin: str) -> None:
    """Sign for ever with a key that another process may have made."""
    home.is_shared = True
    keystore = home.open(pin)
    say("open")
    while True:
        try:
            say("signed", keystore.sign("old", message("x")).hex())
        except hsm.KeystoreError as error:
            say("refused", error.code)


def has_the_turn(home: FolderHome, _pin: str) -> None:
    """Hold the turn for ever."""
    with Turn(home.folder / MAKING_FOLDER).taken():
        say("has", "the", "turn")
        signal.pause()


def logins_beside(home: FolderHome, pin: str) -> None:
    home.is_shared = True
    logins(home, pin)


def creates_beside(home: FolderHome, pin: str) -> None:
    home.is_shared = True
    creates(home, pin)


def creates(home: FolderHome, pin: str) -> None:
    keystore = home.open(pin)
    say("opened")
    keystore.create_key("new")


def records(home: FolderHome, pin: str) -> None:
    """Steps 2 to 4: the second carrier is made, then each of the two is written over."""
    keystore = home.open(pin)
    for step in (2, 3, 4):
        keystore.write_record(record(step))


def destroys(home: FolderHome, pin: str) -> None:
    home.open(pin).destroy_key("old")


def changes(home: FolderHome, pin: str) -> None:
    home.open(pin).change_pin(pin, OTHER_PIN)


def confirms(home: FolderHome, pin: str) -> None:
    home.open().confirm_pin(pin)


def makes(home: FolderHome, pin: str) -> None:
    home.make(pin)


def holds(_home: FolderHome, _pin: str) -> None:
    """SIGTERM inside a critical section of the main thread."""
    hold_termination()
    with critical():
        os.kill(os.getpid(), signal.SIGTERM)
        with critical():
            say("inside")
    say("outside")


def chains(_home: FolderHome, _pin: str) -> None:
    """The same with a handler that was there before."""

    def farewell(_number: int, _frame: FrameType | None) -> None:
        say("farewell")
        raise SystemExit(7)

    signal.signal(signal.SIGTERM, farewell)
    hold_termination()
    holds(_home, _pin)


def holds_thread(_home: FolderHome, _pin: str) -> None:
    """SIGTERM to the process while another thread is inside a critical section."""
    hold_termination()

    def work() -> None:
        with critical():
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(SPINS):
                pass
            say("inside")

    threading.Thread(target=work, daemon=True).start()
    signal.pause()


def opens_in_thread(home: FolderHome, pin: str) -> None:
    """Where no handler can be installed a keystore still opens."""
    aliases: list[frozenset[str]] = []
    thread = threading.Thread(target=lambda: aliases.append(home.open(pin).aliases()))
    thread.start()
    thread.join()
    say("open", *sorted(aliases[0]))


def forks(home: FolderHome, pin: str) -> None:
    """A forked child has no use of its parent's login."""
    keystore = home.open(pin)
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            try:
                keystore.sign("old", message("x"))
            except hsm.KeystoreError as error:
                say("child", error.code)
            keystore.lock()
        os._exit(0)
    os.waitpid(child, 0)
    say("parent", len(keystore.sign("old", message("x"))))


def starves(home: FolderHome, pin: str) -> None:
    """Every verb while no file can be opened, then every verb again."""
    keystore = home.open(pin)
    before = {alias: keystore.public_key(alias) for alias in keystore.aliases()}
    keystore.write_record(record(2))
    with _limited(resource.RLIMIT_NOFILE, 3):
        _try_verbs("starved", keystore, "during", 3)
    _try_verbs("after", keystore, "later", 4)
    say("same", keystore.public_key("old") == before["old"])


def chokes(home: FolderHome, pin: str) -> None:
    """The module fails while nothing can be written, so that a login would empty the token."""
    keystore = home.open(pin)
    fail_below(home)
    with _limited(resource.RLIMIT_FSIZE, 0):
        _try_verbs("choked", keystore, "during", 2)
    _try_verbs("after", keystore, "later", 4)


def fail_below(home: FolderHome) -> None:
    """The module ends behind the keystore's back: no handle and no login is good any more."""
    pkcs11.lib(str(PROFILES[home.kind].library())).finalize()


def fills(home: FolderHome, pin: str) -> None:
    """A record is written over while there is no room for it."""
    keystore = home.open(pin)
    with _limited(resource.RLIMIT_FSIZE, 0):
        try:
            keystore.write_record(record(4))
        except hsm.KeystoreError as error:
            say(error.code)
        else:
            say("done")


def _try_verbs(when: str, keystore: hsm.Keystore, alias: str, step: int) -> None:
    verbs: dict[str, Callable[[], object]] = {
        "sign": lambda: keystore.sign("old", message("x")),
        "create": lambda: keystore.create_key(alias),
        "destroy": lambda: keystore.destroy_key("doomed"),
        "record": lambda: keystore.write_record(record(step)),
        "read": lambda: keystore.read_record(),
    }
    for name, verb in verbs.items():
        try:
            verb()
        except hsm.KeystoreError as error:
            say(when, name, error.code, error.facts.get("errno", "-"))
        else:
            say(when, name, "done")


@contextlib.contextmanager
def _limited(what: int, soft: int) -> Iterator[None]:
    former, hard = resource.getrlimit(what)
    resource.setrlimit(what, (soft, hard))
    try:
        yield
    finally:
        resource.setrlimit(what, (former, hard))


def _starts_a_program(event: str) -> bool:
    return event.startswith(("subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.spawn"))


ROLES: dict[str, Callable[[FolderHome, str], None]] = {
    role.__name__: role
    for role in (
        lives,
        logins,
        pin_changes,
        provisions,
        opens,
        signs_beside,
        has_the_turn,
        logins_beside,
        creates_beside,
        creates,
        records,
        destroys,
        changes,
        confirms,
        makes,
        holds,
        chains,
        holds_thread,
        opens_in_thread,
        forks,
        starves,
        chokes,
        fills,
    )
}

if __name__ == "__main__":
    _, what, folder, kind = sys.argv
    ROLES[what](FolderHome(Path(folder), kind), sys.stdin.readline().removesuffix("\n"))
