"""The journal of the plain lane: what is being committed, or was when a process died.

Rule: what is in it may have been consumed for, so it is never said to be unknown, its payees' keys are in use, and it
leaves only with what was written of it, or once the intake has it. What can't be taken in now holds up no other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Final

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.ports.plain import Noted
from wallet.protocol.bundle import Bundle, parse_bundle
from wallet.protocol.codes import Code, Refusal

HELD: Final = 60
"""Seconds for which what is noted is its call's; should that die, a worker's afterwards."""
_ROUND: Final = 64
"""Uploads that are taken in at a time."""
_log: Final = logging.getLogger(__name__)


class Journal:
    """One bank's. ``take_in`` is the intake's."""

    def __init__(self, context: BankContext, take_in: Callable[[Bundle, str], object]) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._plain = context.storage.plain
        self._take_in = take_in

    def begin(self) -> None:
        """A start: nobody is at what is here. Where somebody is, it comes to the same."""
        with self._unit.transaction():
            self._plain.release_all()

    def until(self) -> int:
        """When what is noted now is a worker's (unix seconds)."""
        return self._now() + HELD

    def taken_in(self, number: int) -> None:
        """The intake has what was noted so."""
        with self._unit.transaction():
            self._plain.over([number])

    def take_in(self, txid: bytes) -> None:
        """Take in what holds a transfer, whoever is at it; it comes to the same. BUSY: it is there and cannot be taken
        in now, which is not to be taken for something that nobody has."""
        for noted in self._all():
            bundle = parse_bundle(noted.bundle)
            if all(item.id != txid for item in bundle.transfers):
                continue
            try:
                self._take_in(bundle, noted.uploader)
            except Refusal as refusal:
                _log.warning("what is asked for is refused now", extra={"code": refusal.code})
                raise Refusal(Code.BUSY) from refusal

    def payees(self) -> frozenset[bytes]:
        """The keys to which something here pays."""
        return frozenset(
            item.body.payee for noted in self._all() for item in parse_bundle(noted.bundle).transfers
        )

    def take_in_what_is_left(self) -> None:
        """Take in some of what was interrupted: the step of a worker. What is refused now, by a newer directory, stays:
        something may have been consumed for it."""
        for noted in self._plain.left(self._now(), _ROUND):
            if self._is_taken_in(noted):
                self.taken_in(noted.number)
            else:
                with self._unit.transaction():
                    self._plain.put_off(noted.number, self.until())

    def _is_taken_in(self, noted: Noted) -> bool:
        try:
            self._take_in(parse_bundle(noted.bundle), noted.uploader)
        except Refusal as refusal:
            _log.warning("what was interrupted is refused now", extra={"code": refusal.code})
            return False
        except Exception:  # noqa: BLE001 - a fault of ours in one holds up no other
            _log.exception("what was interrupted cannot be taken in")
            return False
        return True

    def _all(self) -> Iterator[Noted]:
        number = 0
        while page := self._plain.after(number, _ROUND):
            yield from page
            number = page[-1].number

    def _now(self) -> int:
        return (self._context.wall or self._context.clock)()
