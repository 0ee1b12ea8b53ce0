"""What the command line prints: for a person in 80 columns, or one JSON object.

Results go to stdout, steps and progress to stderr. Plain text when it is no terminal or NO_COLOR is set.

Rule: saying never fails and decides nothing (`sink`). What could not be said is told at the end, where anything can
still be told; only a code to show that went lost counts, see ``is_code_lost``.
"""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.catalogue import Catalogue, Explanation, harmless
from app.terminal.sink import Sink, can_write
from app.terminal.status import NotShown

_WIDTH: Final = 80
_SHORT: Final = 72
_INSIDE: Final = "internal"
"""The one refusal whose facts a person is shown beside its code: they are for whoever mends it."""
Fields = Mapping[str, Any]


class Show:
    """Where a command's words go. ``as_json`` collects one object, printed at the end by ``finish``; ``quiet``
    prints nothing at all: the caller takes ``fields``."""

    def __init__(
        self, catalogue: Catalogue, *, as_json: bool, quiet: bool = False, recorded: bool = False
    ) -> None:
        self.catalogue = catalogue
        self.as_json = as_json
        self.quiet = quiet
        self._result: dict[str, Any] = {}
        self._sink = Sink(sys.stdout)
        self._out = _console(self._sink, recorded=recorded)
        self._err = _console(Sink(sys.stderr))
        self._go_on: str | None = None
        self._choices: dict[str, Any] = {}

    def say(self, name: str, /, **facts: int | str) -> None:
        """A sentence of the catalogue, for a person only."""
        if not self.as_json:
            self.tell_how(self.catalogue.text(name, **facts))

    def tell_how(self, told: str) -> None:
        """How to go on, for a person only: a sentence that is whole already."""
        if not self.as_json:
            self._out.print(_folded(told, self._out), soft_wrap=True)

    def blank(self) -> None:
        """An empty line, for a person only."""
        if not self.as_json:
            self._out.print()

    def write_picture(self, path: Path, title: str) -> None:
        """What was said until now (of a Show that is ``recorded``), as an SVG of a terminal."""
        template = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
        path.write_text(self._out.export_svg(title=title, code_format=template, unique_id="qalta"), "utf-8")

    @property
    def out(self) -> Sink:
        """Where codes are drawn: what stdout is."""
        return self._sink

    def raw(self, text: str) -> None:
        """Text as it is (a QR code drawn with blocks), for a person only."""
        if not self.as_json:
            self._sink.write(text + "\n")
            self._sink.flush()

    def carries_code(self, go_on: str) -> None:
        """What is said here is a code that the other side needs; ``go_on`` says how to show it again."""
        self._go_on = go_on

    @property
    def is_code_lost(self) -> bool:
        """Whether such a code could not be written."""
        return self._go_on is not None and self._sink.lost is not None and not self.quiet

    def not_shown(self, error: NotShown) -> None:
        """A code that could not be written where it was wanted: why, that what was done stands, how to go on."""
        told = Explanation(
            self.catalogue.tell(error.why, error.facts).what,
            self.catalogue.text("show.stands"),
            self.catalogue.text(error.go_on, **error.names),
        )
        self.told(told)
        self.result(interrupted=error.why, told=told.lines())

    def table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, folds: Sequence[str] = ()
    ) -> None:
        """A table whose title and column heads are names of the catalogue ("" for none); a head that ends with ">"
        stands over numbers, to the right. ``folds``: the columns that give way where all is
        too wide; where none is named, any."""
        if self.as_json:
            return
        heads = [self.catalogue.text(column.rstrip(">")) if column.rstrip(">") else "" for column in columns]
        heading = self.catalogue.text(title) if title else None
        table = Table(title=heading, title_justify="left", box=None, pad_edge=False, show_header=any(heads))
        for column, head in zip(columns, heads, strict=True):
            justify = "right" if column.endswith(">") else "left"
            stays = bool(folds) and column not in folds
            table.add_column(head, justify=justify, overflow="fold", no_wrap=stays)  # type: ignore[arg-type]
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._out.print(table)

    def result(self, **fields: Any) -> None:
        """Fields of the JSON object."""
        self._result.update(fields)

    def choices(self, choices: Sequence[Fields]) -> None:
        """What there is to choose from: it stays beside an error in the JSON object."""
        self._choices = {"choices": list(choices)}

    @property
    def fields(self) -> dict[str, Any]:
        return self._result

    def step(self, name: str, /, **facts: int | str) -> None:
        """A step that has begun, on stderr."""
        if self.quiet:
            return
        text = "· " + self.catalogue.text(name, **facts)
        self._err.print(_folded(text, self._err, "dim"), soft_wrap=True)

    @contextmanager
    def progress(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """A step with a count: a bar on a terminal, every tenth in plain text. Call with how much is done."""
        label = self.catalogue.text(name)
        if self.quiet:
            yield lambda done: None
            return
        if self._err.is_terminal and not self._err.no_color:
            from rich.progress import Progress

            with Progress(console=self._err, transient=True) as bars:
                task = bars.add_task(label, total=total)
                yield lambda done: bars.update(task, completed=done)
            return
        self._err.print(Text(f"· {label} ({total})"))
        yield lambda done: self._tell_tenth(label, done, total)

    def _tell_tenth(self, label: str, done: int, total: int) -> None:
        if done * 10 // total > (done - 1) * 10 // total:
            self._err.print(Text(f"  {label} {done}/{total}"))

    def refusal(self, code: str, told: Explanation, facts: Fields) -> None:
        """A refusal: what happened, where the money is now, what to do next."""
        if self.as_json:
            self._result = {"refused": code, "facts": dict(facts), "told": told.lines()}
            return
        self.told(told)
        telling = facts if code == _INSIDE else {}
        shown = "".join(f" {name}={fact}" for name, fact in telling.items() if _is_short(fact))
        self._err.print(_folded(harmless(f"({code}{shown})"), self._err, "dim"), soft_wrap=True)

    def told(self, told: Explanation) -> None:
        """What happened, where the money is now, what to do next: on stderr."""
        if self.as_json:
            return
        for line, style in zip(told.lines(), ("bold red", "", ""), strict=True):
            self._err.print(_folded(line, self._err, style), soft_wrap=True)

    def say_error(self, name: str, /, **facts: int | str) -> None:
        """Why the command could not run, on stderr; in JSON as ``error``."""
        if self.as_json:
            self._result = {"error": name, "told": self.catalogue.text(name, **facts), **self._choices}
        else:
            text = self.catalogue.text(name, **facts)
            self._err.print(_folded(text, self._err, "bold red"), soft_wrap=True)

    def finish(self) -> None:
        """The JSON object, and what of all this went lost."""
        if self.quiet:
            return
        if self.as_json:
            self._sink.write(self._written() + "\n")
        self._sink.flush()
        if self._sink.lost is not None:
            self._tell_lost(self._sink.lost)

    def _written(self) -> str:
        """JSON is UTF-8 (RFC 8259): where the stream is something else, or a sign is none, all is said in ASCII."""
        text = json.dumps(self._result, ensure_ascii=False)
        is_utf8 = self._sink.encoding.lower().replace("_", "-") in ("utf-8", "utf8")
        return text if is_utf8 and can_write(text, "utf-8") else json.dumps(self._result)

    def _tell_lost(self, error: OSError) -> None:
        why = error.strerror or str(error)
        lost = self.catalogue.text("show.lost", why=why)
        self._err.print(_folded(lost, self._err, "bold red"), soft_wrap=True)
        if self._go_on is not None:
            self._err.print(_folded(self._go_on, self._err), soft_wrap=True)


def _is_short(fact: object) -> bool:
    """Whether a fact says something in passing; what a process said at its end does not."""
    return isinstance(fact, int) or (isinstance(fact, str) and len(fact) <= _SHORT and fact.isprintable())


def _folded(text: str, console: Console, style: str = "") -> Text:
    """Folded at plain spaces only: an amount and its ₸ stay on one line, and a path that is longer can be copied."""
    lines = textwrap.wrap(text, console.width, break_long_words=False, break_on_hyphens=False)
    return Text("\n".join(lines), style=style)


def _console(stream: Any, *, recorded: bool = False) -> Console:
    plain = bool(os.environ.get("NO_COLOR")) or not stream.isatty()
    width = min(_WIDTH, Console(file=stream).width) if stream.isatty() else _WIDTH
    return Console(
        file=stream,
        width=width,
        no_color=plain,
        color_system=None if plain else "auto",
        highlight=False,
        record=recorded,
    )
