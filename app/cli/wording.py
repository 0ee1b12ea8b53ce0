"""What argparse finds wrong with a command's words, as a sentence of the catalogue.

Rule: argparse knows English only and prints by itself; here its message is taken apart, said in the person's language,
and raised, so that `--json` and the agent get it too. What is not recognized is passed on in argparse's own words.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, Final, NoReturn

from app.terminal.sink import Sink
from app.terminal.status import UsageError

_ARGUMENT: Final = r"argument (?P<option>.+?): "
_MESSAGES: Final = tuple(
    (re.compile(pattern, re.DOTALL), name)
    for pattern, name in (
        (r"the following arguments are required: (?P<names>.+)", "usage.required"),
        (r"unrecognized arguments: (?P<names>.+)", "usage.unrecognized"),
        (_ARGUMENT + r"invalid choice: (?P<written>.+) \(choose from (?P<choices>.+)\)", "usage.choice"),
        (_ARGUMENT + r"invalid int value: (?P<written>.+)", "usage.number"),
        (_ARGUMENT + r"ignored explicit argument (?P<written>.+)", "usage.no_value"),
        (_ARGUMENT + r"expected (?P<count>.+)", "usage.value_missing"),
        (r"ambiguous option: (?P<option>.+) could match (?P<choices>.+)", "usage.ambiguous"),
    )
)


class WordsParser(argparse.ArgumentParser):
    """An ``ArgumentParser`` that prints nothing but the help that was asked for, and raises ``UsageError``.

    ``complete`` adds what is not there yet; it is called each time before anything is parsed.
    """

    def __init__(self, *, complete: Callable[[], None] = lambda: None, **kinds: Any) -> None:
        super().__init__(**kinds)
        self.complete = complete

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.complete()
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        for pattern, name in _MESSAGES:
            match = pattern.fullmatch(message)
            if match is not None:
                facts = {
                    key: value.replace("'", "") for key, value in match.groupdict().items() if key != "count"
                }
                raise UsageError(name, **facts, command=self.prog)
        raise UsageError("usage.words", said=message, command=self.prog)

    def _print_message(self, message: str, file: Any = None) -> None:
        if message:
            sink = Sink(file)
            sink.write(message)
            sink.flush()
