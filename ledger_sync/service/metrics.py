"""What a service counts of itself, for Prometheus.

Rule: a label holds a word of a closed list (a route of the table, a code, a room, a worker, a kind of job, a peer of
the directory), so the number of series is bounded whatever anybody sends, and none tells of a customer. What waits is
asked of the stores when somebody reads, and never counted beside them.

Names: `qalta_calls_total{route, code}`, `qalta_call_seconds`, `qalta_call_bytes_total{route}`, `qalta_room_calls{room,
state}`, `qalta_rounds_total{worker, outcome}`, `qalta_round_seconds{worker}`, `qalta_signature_seconds{key}`,
`qalta_batch_size{what}`, `qalta_verdicts_total{verdict}`, `qalta_waiting{what, peer}`, `qalta_oldest_seconds{what,
peer}`, `qalta_age_seconds{what}`, `qalta_left_seconds{what}`, `qalta_log_lines_total{level}`; docs/banks.md tells how
they are read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ledger_sync.http.call import Clock
from ledger_sync.service.waiting import Waiting

R = TypeVar("R")
_log: Final = logging.getLogger(__name__)
OK: Final = "ok"
UNFINISHED: Final = "unfinished"
"""The code of a call that was given up before its answer."""
NO_ROUTE: Final = "none"
"""Calls to what is in no table."""
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024)


_OfCalls = tuple[Callable[[], None], Callable[[float], None], Callable[[float], None]]
Backlog = Callable[[], Iterable[Waiting]]
"""What waits now, read from a store."""
Made = Callable[[], Iterable[tuple[str, int]]]
"""When what a service goes by was made, by what it is (unix seconds): a policy's head, the directory."""
Ends = Callable[[], Iterable[tuple[str, int]]]
"""When what a service shows of itself ends, by what it is (unix seconds): its certificate."""
Rooms = Callable[[], Iterable[tuple[str, int, int]]]
"""By room the calls that run and those that wait at the door."""


class Metrics:
    """One process's figures: its `own`, what `waits` for the whole service, and the `registry` of both. Safe to share
    between threads."""

    def __init__(
        self, clock: Clock = lambda: int(time.time()), ticks: Callable[[], float] = time.perf_counter
    ) -> None:
        """``clock``: unix seconds, by which what waits is told its age."""
        self.own = registry = CollectorRegistry(auto_describe=False)
        self.waits = _Waits(clock)
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(_Both(registry, self.waits))
        self._ticks = ticks
        calls = ["route", "code"]
        self._calls = Counter("qalta_calls", "Calls answered.", calls, registry=registry)
        self._call_seconds = Histogram(
            "qalta_call_seconds",
            "From a call's header to its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._bytes = Counter("qalta_call_bytes", "Bytes of calls' bodies.", ["route"], registry=registry)
        self._rounds = Counter("qalta_rounds", "Rounds of workers.", ["worker", "outcome"], registry=registry)
        self._round_seconds = Histogram(
            "qalta_round_seconds", "Of a worker's round.", ["worker"], buckets=_SECONDS, registry=registry
        )
        self._signing = Histogram(
            "qalta_signature_seconds",
            "Of a signature by the keystore.",
            ["key"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._batches = Histogram(
            "qalta_batch_size", "What was done together.", ["what"], buckets=_SIZES, registry=registry
        )
        self._verdicts = Counter(
            "qalta_verdicts", "Verdicts, and the notary's words on commits.", ["verdict"], registry=registry
        )
        self._lines = Counter(
            "qalta_log_lines", "Lines of the log, held ones too.", ["level"], registry=registry
        )
        self._of_calls: dict[tuple[str, str], _OfCalls] = {}
        self._state = _State(clock)
        registry.register(self._state)
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)

    # what happens

    def call(self, route: str, code: str, since: float, size: int) -> None:
        """A call to a route of the table was answered with `OK` or a code, begun at ``since`` on `now`'s scale."""
        count, observe, count_bytes = self._of_calls.get((route, code)) or self._found(route, code)
        count()
        observe(self._ticks() - since)
        count_bytes(size)

    def _found(self, route: str, code: str) -> _OfCalls:
        """By what calls of that end are counted, looked up once: there are so many routes, and so many codes."""
        found = (
            self._calls.labels(route, code).inc,
            self._call_seconds.labels(route).observe,
            self._bytes.labels(route).inc,
        )
        self._of_calls[route, code] = found
        return found

    def now(self) -> float:
        """Seconds on a scale that nobody sets."""
        return self._ticks()

    def round(self, worker: str, outcome: str, seconds: float) -> None:
        """A worker's round ended: `OK`, a code, or "failed"."""
        self._rounds.labels(worker, outcome).inc()
        self._round_seconds.labels(worker).observe(seconds)

    def signing(self, key: str, sign: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        """``sign``, timed under its key's alias."""
        timed = self._signing.labels(key)

        def signed(message: bytes) -> bytes:
            with timed.time():
                return sign(message)

        return signed

    def batch(self, what: str, size: int) -> None:
        self._batches.labels(what).observe(size)

    def verdict(self, verdict: str, count: int = 1) -> None:
        self._verdicts.labels(verdict).inc(count)

    def line(self, level: str) -> None:
        self._lines.labels(level).inc()

    # what is looked up

    def watch(
        self,
        *,
        backlog: Backlog | None = None,
        made: Made | None = None,
        rooms: Rooms | None = None,
        ends: Ends | None = None,
    ) -> None:
        """Have these asked whenever somebody reads; one that cannot say is left out, and said in the log."""
        self.waits.add(backlog)
        self._state.add(made, rooms, ends)


class _Both(Collector):
    def __init__(self, own: CollectorRegistry, waits: Collector) -> None:
        self._own = own
        self._waits = waits

    def collect(self) -> Iterable[Metric]:
        yield from self._own.collect()
        yield from self._waits.collect()


class _Waits(Collector):
    """What waits in a service's stores, the same whichever of its processes looks, when somebody reads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._backlogs: list[Backlog] = []

    def add(self, backlog: Backlog | None) -> None:
        self._backlogs += [backlog] if backlog else []

    def collect(self) -> Iterable[Metric]:
        waiting = GaugeMetricFamily("qalta_waiting", "What waits.", labels=["what", "peer"])
        oldest = GaugeMetricFamily(
            "qalta_oldest_seconds", "Age of the oldest that waits.", labels=["what", "peer"]
        )
        for item in _asked(self._backlogs):
            waiting.add_metric([item.what, item.peer], item.count)
            if item.since is not None:
                oldest.add_metric([item.what, item.peer], max(0, self._clock() - item.since))
        return waiting, oldest


class _State(Collector):
    """What a process is in, looked up when somebody reads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: list[Made] = []
        self._rooms: list[Rooms] = []
        self._ends: list[Ends] = []

    def add(self, made: Made | None, rooms: Rooms | None, ends: Ends | None) -> None:
        self._made += [made] if made else []
        self._rooms += [rooms] if rooms else []
        self._ends += [ends] if ends else []

    def collect(self) -> Iterable[Metric]:
        age = GaugeMetricFamily("qalta_age_seconds", "Age of what the service goes by.", labels=["what"])
        for what, time_made in _asked(self._made):
            age.add_metric([what], max(0, self._clock() - time_made))
        rooms = GaugeMetricFamily(
            "qalta_room_calls", "Calls in rooms and at their doors.", labels=["room", "state"]
        )
        for room, running, queued in _asked(self._rooms):
            rooms.add_metric([room, "running"], running)
            rooms.add_metric([room, "waiting"], queued)
        left = GaugeMetricFamily(
            "qalta_left_seconds", "Until something of the service ends.", labels=["what"]
        )
        for what, end in _asked(self._ends):
            left.add_metric([what], end - self._clock())
        return age, rooms, left


def _asked(asks: Sequence[Callable[[], Iterable[R]]]) -> Iterator[R]:
    """What they all say. A store that is in trouble must not hide the other figures."""
    for ask in asks:
        try:
            yield from list(ask())
        except Exception as error:  # noqa: BLE001
            _log.error("a figure cannot be read", exc_info=error)


class Counting(logging.Handler):
    """Counts the lines of the log by their level."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__()
        self._metrics = metrics

    def emit(self, record: logging.LogRecord) -> None:
        self._metrics.line(record.levelname.lower())
