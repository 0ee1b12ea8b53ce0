"""What every test run has: one seed that is printed and can be repeated, an environment without the person's own
wallets, a disk in memory, and tests that may ask for the machine alone (`@pytest.mark.serial`).
"""

from __future__ import annotations

import fcntl
import os
import random
import secrets
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.sampling import everything, seed
from tests.support import postgres as clusters

# Set before the first test module is imported, and inherited by xdist's workers.
os.environ.setdefault("QALTA_SEED", str(secrets.randbits(32)))

for name in [name for name in os.environ if name.startswith("QALTA_")]:
    if name not in ("QALTA_SEED", "QALTA_TEST_ALL"):
        del os.environ[name]
for name in ("SOFTHSM2_CONF", "FORCE_COLOR", "PYTHONDONTWRITEBYTECODE"):
    os.environ.pop(name, None)
# Hundreds of processes of ours start in a run: what one has compiled, all have.
sys.dont_write_bytecode = False

MEMORY_DISK, ENOUGH = Path("/dev/shm"), 4 << 30


def _is_roomy(disk: Path) -> bool:
    """Whether a run finds bytes and memory enough there, and may start programs from it."""
    try:
        found = os.statvfs(disk)
        told = dict(line.split(":") for line in Path("/proc/meminfo").read_text("ascii").splitlines())
    except OSError:
        return False
    in_memory = 1024 * int(told["MemAvailable"].split()[0])
    free = min(found.f_bavail * found.f_frsize, in_memory)
    return free >= ENOUGH and not found.f_flag & os.ST_NOEXEC and os.access(disk, os.W_OK | os.X_OK)


if "TMPDIR" not in os.environ and _is_roomy(MEMORY_DISK):
    # Stores flush as they always do, tens of thousands of times in a run. Tests kill processes and no machine, so that
    # what a real disk would add is waiting.
    os.environ["TMPDIR"] = str(MEMORY_DISK)
    tempfile.tempdir = None

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a script, as by nohup: what is tested would inherit that, and hear no Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "sampled", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("everything", settings.get_profile("sampled"), max_examples=1000)
settings.load_profile("everything" if everything() else "sampled")

SLOW_FIRST = ("properties", "e2e", "adversary", "test_release.py")


def pytest_report_header() -> str:
    extent = "everything" if everything() else "samples"
    return f"qalta: {extent}, seed {seed()} (QALTA_SEED={seed()} repeats it)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that no worker is left with one when the others are done."""
    here = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        area = item.path.relative_to(here).parts[0]
        return SLOW_FIRST.index(area) if area in SLOW_FIRST else len(SLOW_FIRST)

    items.sort(key=rank)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Randomness of one test: follows from the run's seed and the test's name."""
    return random.Random(f"{seed()}:{request.node.nodeid}")


@pytest.fixture(scope="session")
def _gate(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """A folder that all workers of this run share; none where there are no workers."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return None
    return tmp_path_factory.getbasetemp().parent


@pytest.fixture(scope="session")
def postgres(_gate: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.Cluster]:
    """The PostgreSQL cluster of this run; made by the first test that asks."""
    with clusters.shared(_gate or tmp_path_factory.getbasetemp()) as cluster:
        yield cluster


@pytest.fixture
def postgres_url(postgres: clusters.Cluster) -> Iterator[str]:
    """URL of an empty database that this test has for itself."""
    with postgres.database() as url:
        yield url


@pytest.fixture(autouse=True)
def _room(request: pytest.FixtureRequest, _gate: Path | None) -> Iterator[None]:
    """A serial test waits for the others to finish theirs, and they wait for it.

    Who wants in holds the door while asking for the room; so a serial test that waits for the room
    is not overtaken for ever.
    """
    if _gate is None:
        yield
        return
    serial = request.node.get_closest_marker("serial") is not None
    with open(_gate / "qalta-room", "a") as room:
        with open(_gate / "qalta-door", "a") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(room, fcntl.LOCK_EX if serial else fcntl.LOCK_SH)
        yield
