"""The line that refuses bears the number of its check in the page, and the code is read in the order of the numbers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import wallet.protocol
from tests.protocol.test_spec import NUMBERED

FOLDER = Path(wallet.protocol.__file__).parent
TOLD = dict(NUMBERED)
READ_IN_ORDER = (
    "decode",
    "_check_header",
    "check_certificate",
    "check_request",
    "check_evidence",
    "verify_payment",
    "check_transfer",
    "check_answers",
    "check_payer",
    "check_acceptance",
)
NOT_FOLLOWED = frozenset({"check_totals_rise"})
"""The second half of 8.4.13: the page says that it follows after 8.4.16 of every transfer."""
METHODS = frozenset({"bank", "bank_keys"})
Number = tuple[int, ...]


@dataclass(frozen=True)
class Line:
    """A statement that refuses: where it stands, its code, and the number that it bears."""

    place: str
    code: str
    number: str | None


def _code_of(node: ast.AST) -> str | None:
    """The code that a ``raise Refusal(...)`` or ``require(...)`` gives where it says it there."""
    call = node.exc if isinstance(node, ast.Raise) else node
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return None
    if call.func.id != ("Refusal" if isinstance(node, ast.Raise) else "require"):
        return None
    codes = [
        arg.attr
        for arg in call.args
        if isinstance(arg, ast.Attribute) and isinstance(arg.value, ast.Name) and arg.value.id == "Code"
    ]
    return codes[0] if codes else None


def _called(call: ast.Call) -> str:
    """The function that is called: by its name, or one of ``METHODS``."""
    match call.func:
        case ast.Name(name):
            return name
        case ast.Attribute(ast.Name("codec"), name):
            return name
        case ast.Attribute(_, name) if name in METHODS:
            return name
    return ""


class Source:
    """The package's functions by their names, and what each line refuses with."""

    def __init__(self) -> None:
        self.functions: dict[str, list[ast.FunctionDef]] = {}
        self.lines: dict[ast.AST, Line] = {}
        for path in sorted(FOLDER.glob("*.py")):
            text = path.read_text(encoding="utf-8")
            rows = text.splitlines()
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef):
                    self.functions.setdefault(node.name, []).append(node)
                elif code := _code_of(node):
                    assert isinstance(node, ast.stmt | ast.expr)
                    found = re.search(r"# (\d+\.\d+\.\d+)$", rows[(node.end_lineno or 0) - 1])
                    number = found[1] if found else None
                    self.lines[node] = Line(f"{path.name}:{node.lineno}", code.lower(), number)

    def numbers(self, name: str, above: frozenset[str] = NOT_FOLLOWED) -> Iterator[Number]:
        """The numbers that a function can refuse with, in the order in which it is written, calls followed."""
        (function,) = self.functions[name]
        inside = [node for node in ast.walk(function) if isinstance(node, ast.Raise | ast.Call)]
        for node in sorted(inside, key=lambda found: (found.end_lineno, found.end_col_offset)):
            if node in self.lines:
                yield tuple(int(part) for part in (self.lines[node].number or "0").split("."))
            elif isinstance(node, ast.Call):
                called = _called(node)
                if called not in above and len(self.functions.get(called, ())) == 1:
                    yield from self.numbers(called, above | {name})


SOURCE = Source()


@pytest.mark.parametrize("line", SOURCE.lines.values(), ids=lambda line: line.place)
def test_a_line_that_refuses_bears_the_number_of_its_check(line: Line) -> None:
    assert line.number is not None
    assert TOLD[line.number] == line.code


def test_every_check_of_bytes_keys_validity_and_acceptance_is_refused_somewhere() -> None:
    raised = {line.number for line in SOURCE.lines.values()}
    # 8.4.18 stands where one line gives two codes.
    assert {
        number for number in TOLD if number.startswith("8.") and not number.startswith("8.5.")
    } - raised == {"8.4.18"}


@pytest.mark.parametrize("name", READ_IN_ORDER)
def test_checks_are_read_in_the_order_of_their_numbers(name: str) -> None:
    numbers = list(SOURCE.numbers(name))
    assert len(numbers) > 1
    assert numbers == sorted(numbers)
