"""A storm: everything that may go wrong with the services' processes, one thing after the other, while customers pay.

Rule: in the end all is up again and everybody brings the money home. Then no token may have two winners, no verdict
that was told may be missing or mean anything else, everybody's account must hold what was worked out meanwhile, the
books must sum, and the notary's log must be what was told, and clean for its auditor.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from random import Random
from threading import Event
from typing import Final

from ledger_sync.audit.log import Audit, Report
from ledger_sync.http.client import ServiceClient
from tests.ledger_sync.bank.network import OPENING
from tests.ledger_sync.bank.test_processes import agree
from tests.ledger_sync.storm.callers import CIRCLE, Caller
from tests.ledger_sync.storm.disturbances import Disturbance, chosen
from tests.ledger_sync.storm.stage import AUDITOR, Stage
from tests.ledger_sync.storm.town import StormTown
from tests.support.eventually import eventually
from wallet.protocol import codec
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.settlement import Consumption2, Verdict

_AT_ONCE: Final = 2
"""Disturbances that last at the same time."""
_LONGEST: Final = 2
"""Disturbances later, the latest, one that lasts is undone."""
_PAGE: Final = 128


@dataclass
class Storm:
    """``record`` tells what was done, and how many calls had been answered by then."""

    stage: Stage
    seed: str
    circles: int
    crimes: int
    """How often somebody of each circle pays with the same twice, at most."""
    record: list[str] = field(default_factory=list)
    count: int = 0
    """Disturbances so far."""
    _lasting: list[tuple[int, Disturbance]] = field(default_factory=list)
    _is_given_up: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self._chance = Random(self.seed)
        self.town = StormTown(self.stage.network.home, self.stage.network, self._is_given_up)
        names = [
            (f"{at} of {number}", bank) for number in range(self.circles) for at, bank in enumerate(CIRCLE)
        ]
        people = self.town.found(names)
        self.callers = [
            Caller(self.town, people[at : at + len(CIRCLE)], Random(f"{self.seed} {at}"), self.crimes)
            for at in range(0, len(people), len(CIRCLE))
        ]

    def rage(self, is_over: Callable[[int], bool]) -> None:
        """Until the end ``is_over``, which is asked with the number of disturbances so far."""
        for caller in self.callers:
            caller.start()
        try:
            self._progress()
            while not is_over(self.count):
                self._disturb()
            self._calm()
            for caller in self.callers:
                caller.is_over.set()
            for caller in self.callers:
                eventually(lambda one=caller: self._watched(one).is_alive(), lambda alive: not alive)  # type: ignore[misc]
        except BaseException:
            self._is_given_up.set()
            raise

    def _disturb(self) -> None:
        disturbance = chosen(self.stage, self._chance)
        lasts = self._chance.randint(0, _LONGEST) if disturbance.lasts else 0
        if len(self._lasting) >= _AT_ONCE:
            self._undo(self._lasting.pop(0)[1])
        self.count += 1
        self._note(disturbance.name)
        disturbance.begin()
        if disturbance.lasts:
            self._lasting.append((lasts, disturbance))
        self.stage.look_after()
        self._breathe()
        self._lasting = [(left - 1, one) for left, one in self._lasting]
        for left, one in tuple(self._lasting):
            if left < 0:
                self._lasting.remove((left, one))
                self._undo(one)
        if not self._lasting:
            self._progress()

    def _undo(self, disturbance: Disturbance) -> None:
        self._note(f"over: {disturbance.name}")
        disturbance.end()
        self.stage.look_after()

    def _calm(self) -> None:
        while self._lasting:
            self._undo(self._lasting.pop()[1])
        self.stage.mend()
        self._progress()

    def _progress(self) -> None:
        """Every caller has come on."""
        before = [caller.acts for caller in self.callers]

        def acts() -> list[int]:
            self.stage.look_after()
            return [self._watched(caller).acts for caller in self.callers]

        eventually(acts, lambda now: all(one > was for one, was in zip(now, before, strict=True)))

    def _watched(self, caller: Caller) -> Caller:
        if caller.fault is not None:
            raise caller.fault
        return caller

    def _breathe(self) -> None:
        """Callers meet what is disturbed, for as long as chance says."""
        Event().wait(self._chance.choice((0.05, 0.3, 1.0)))

    def _note(self, what: str) -> None:
        self.record.append(f"{self.town.answers:6} {what}")

    def told(self) -> str:
        """How it went, to be read where it went wrong."""
        words = self.town.told
        counted = (
            f"seed {self.seed}: {self.count} disturbances, {self.stage.starts} starts, {self.town.answers} answers,"
            f" {words.statements} statements, {len(words.verdicts)} verdicts, {len(words.winners)} tokens"
        )
        return "\n".join([counted, *self.record])

    # what must be true in the end

    def check(self) -> None:
        """After the storm."""
        with ThreadPoolExecutor(len(self.callers)) as hands:
            for home in [hands.submit(caller.come_home) for caller in self.callers]:
                home.result()
        for person in self.town.people:
            self.town.ask_again(person)
        eventually(lambda: agree(self.town), bool)
        self._check_accounts()
        self._check_log()

    def _check_accounts(self) -> None:
        """Nobody has more or less than was worked out, and all that went out is back."""
        people = self.town.people
        has = {person.customer.name: person.customer.balance() for person in people}
        assert has == {person.customer.name: person.account for person in people}
        assert sum(has.values()) == len(people) * OPENING
        assert self.town.central_books()[2] == 0, "nothing is outstanding"

    def _check_log(self) -> None:
        """The log says what was told, all of it and nothing else, and each entry is what its commit asked for."""
        told = self.town.told
        with closing(self._auditor()) as line:
            report = Audit(line, self.town.directory()).run()
            consumed = _consumed(line, report)
        assert report.findings == ()
        assert report.without_commit == 0
        for body in consumed:
            told.consumed(body)
        winners = {ref: body.consumer for body in consumed for ref in body.refs}
        assert told.winners.items() <= winners.items(), "a word of the notary is in no entry"
        for (_, txid), said in told.verdicts.items():
            inputs = self.town.inputs_of_id(txid)
            won = all(winners[ref] == txid for ref in inputs)
            assert won == (said.verdict is Verdict.SETTLED), said

    def _auditor(self) -> ServiceClient:
        url = self.stage.network.notary.url
        return ServiceClient(url, AUDITOR.public, AUDITOR.sign, lambda: int(time.time()), os.urandom)


def _consumed(line: ServiceClient, report: Report) -> Sequence[Consumption2]:
    """What each entry of the log gave to whom."""
    bodies = []
    for begin in range(0, report.entries, _PAGE):
        end = min(begin + _PAGE, report.entries)
        for payload, _proof, _statement in line.get(f"/v1/log/entries?begin={begin}&end={end}"):
            bodies.append(codec.read(payload, MAX_OBJECT_BYTES, Consumption2.from_cbor))
    return bodies
