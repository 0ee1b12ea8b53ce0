"""What all presenters over the engine have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from app.engine.engine import Engine, Stopped, Ticket, Work
from app.engine.json_file import JsonFile
from app.engine.values import Busy, Trouble
from app.presenters.observed import Observed, V

T = TypeVar("T")


class Presenter(Observed[V]):
    """A view with ``busy`` and ``trouble``, changed by jobs. Everything here is called in the window's thread."""

    def __init__(self, view: V, engine: Engine) -> None:
        super().__init__(view)
        self._engine = engine
        self._visit = 0
        self._running = 0

    @property
    def _is_busy(self) -> bool:
        return getattr(self.view, "busy", None) is not None

    def _run(
        self,
        step: str,
        job: Callable[[Work], T],
        then: Callable[[T], None],
        failed: Callable[[Trouble], None] | None = None,
        *,
        calls: bool = False,
    ) -> Ticket:
        """Do ``job`` while the view says that it is at ``step`` (a name of the catalogue). What comes of it is passed
        over once the screen was left. ``calls``: it may wait for the bank."""
        visit = self._visit
        self._running += 1
        self._show(busy=Busy(step), trouble=None)

        def done(outcome: T | Trouble | Stopped) -> None:
            if visit != self._visit:
                return
            self._running -= 1
            if not self._running:
                self._show(busy=None)
            if isinstance(outcome, Trouble):
                (failed or self._fail)(outcome)
            elif not isinstance(outcome, Stopped):
                then(outcome)

        def busy(news: Busy) -> None:
            if visit == self._visit and self._is_busy:
                self._show(busy=news)

        return self._engine.submit(job, done, busy, calls=calls)

    def _put(self, file: JsonFile, fields: Mapping[str, Any]) -> None:
        """Keep them; a file that could not be written is a trouble to show."""

        def done(outcome: object) -> None:
            if isinstance(outcome, Trouble):
                self._fail(outcome)

        self._engine.submit(lambda work: file.write(fields), done)

    def _fail(self, trouble: Trouble) -> None:
        self._show(trouble=trouble)

    def forget(self) -> None:
        """The person goes elsewhere: a refusal that was seen is not shown again. What is under way is told when it is
        over, wherever one is then."""
        if not self._is_busy:
            self._show(trouble=None)

    def _leave(self) -> None:
        """From now on nothing of what is under way is shown."""
        self._visit += 1
        self._running = 0
