"""Swaps neighbouring checks of ``wallet/protocol`` and asks the frozen vectors: ``python -m tests.vectors.swaps``.

A check is a statement whose line bears a number of 8.2 to 8.4 (SPEC), or that calls a function with such lines. Two
that stand side by side are swapped, one pair at a time, and the vectors judged in a process of its own. What the second
needs of the first can't be swapped and is left out; what can't fail together is named in ``APART``, with the reason.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import wallet.protocol

FOLDER: Final = Path(wallet.protocol.__file__).parent
NUMBER: Final = re.compile(r"# (8\.[234]\.\d+)$", re.M)
MODULES: Final = (
    *("acceptance", "certificate", "directory", "evidence", "issuance", "limits", "policy", "receipt"),
    *("request", "settlement", "time_word", "validity"),
)

APART: Final = {
    ("8.4.6", "8.4.7"): "a request is open or it is not",
    ("8.4.9", "8.4.10"): "a transfer dated ahead of the payee's time is dated before its tokens' expiry",
    ("8.4.13", "8.4.13"): "one check, of one transfer and of several",
}


@dataclass(frozen=True)
class Swap:
    """Two neighbouring statements of one block, and the source with them swapped."""

    module: str
    line: int
    first: str
    second: str
    source: str


def _numbers_of_functions(texts: dict[str, str]) -> dict[str, list[str]]:
    """The numbers that each function's own lines bear, then also what those bear that it calls."""
    own: dict[str, list[str]] = {}
    calls: dict[str, set[str]] = {}
    for text in texts.values():
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                own[node.name] = NUMBER.findall("\n".join(lines[node.lineno - 1 : node.end_lineno]))
                calls[node.name] = _called(node)
    for _ in range(4):
        for name, called in calls.items():
            for other in called & own.keys() - {name}:
                own[name] += [number for number in own[other] if number not in own[name]]
    return own


def _called(node: ast.AST) -> set[str]:
    found = set()
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            found.add(call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", ""))
    return found


def _numbers(statement: ast.stmt, lines: list[str], functions: dict[str, list[str]]) -> list[str]:
    found = NUMBER.findall("\n".join(lines[statement.lineno - 1 : statement.end_lineno]))
    for name in _called(statement) & functions.keys():
        found += functions[name]
    return found


def _is_needed(first: ast.stmt, second: ast.stmt) -> bool:
    """Whether ``second`` reads a name that ``first`` gives."""
    stored = [
        node for node in ast.walk(first) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    targets = [node.target for node in ast.walk(first) if isinstance(node, ast.comprehension)]
    inner = {name for target in targets for name in ast.walk(target)}
    given = {node.id for node in stored if node not in inner}
    return any(isinstance(node, ast.Name) and node.id in given for node in ast.walk(second))


def _returns(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Return) for node in ast.walk(statement))


def swaps() -> Iterator[Swap]:
    """Every swap of two neighbouring checks."""
    texts = {name: (FOLDER / f"{name}.py").read_text(encoding="utf-8") for name in MODULES}
    functions = _numbers_of_functions(texts)
    for module, text in texts.items():
        lines = text.splitlines(keepends=True)
        plain = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            for block in (getattr(node, name, None) for name in ("body", "orelse")):
                if isinstance(node, ast.Module | ast.ClassDef) or not isinstance(block, list):
                    continue
                numbered = [(item, _numbers(item, plain, functions)) for item in block]
                checks = [(item, numbers) for item, numbers in numbered if numbers]
                for (first, before), (second, after) in pairwise(checks):
                    if set(before) == set(after) and len(set(before)) == 1:
                        continue
                    yield from _swap(module, lines, block, first, second, before, after)


def _swap(
    module: str,
    lines: list[str],
    block: list[ast.stmt],
    first: ast.stmt,
    second: ast.stmt,
    before: list[str],
    after: list[str],
) -> Iterator[Swap]:
    """``first`` moved below ``second``, if nothing from there on needs what it gives."""
    later = block[block.index(first) + 1 : block.index(second) + 1]
    if any(_is_needed(first, item) or _returns(item) for item in later) or _returns(first):
        return
    top, end = first.lineno - 1, first.end_lineno or 0
    high = second.end_lineno or 0
    changed = [*lines[:top], *lines[end:high], *lines[top:end], *lines[high:]]
    yield Swap(module, second.lineno, before[-1], after[0], "".join(changed))


RUN: Final = """
import importlib.abc, importlib.util, sys
class Swapped(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name == {name!r}:
            return importlib.util.spec_from_file_location(name, {origin!r}, loader=self)
    def create_module(self, spec): return None
    def exec_module(self, module):
        exec(compile(open({path!r}, encoding="utf-8").read(), {origin!r}, "exec"), module.__dict__)
sys.meta_path.insert(0, Swapped())
from tests.vectors.check import differing
print(differing() or "")
"""


def noticed_by(swap: Swap) -> str:
    """The vector that is judged otherwise, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "swapped.py"
        path.write_text(swap.source, encoding="utf-8")
        origin = str(FOLDER / f"{swap.module}.py")
        code = RUN.format(name=f"wallet.protocol.{swap.module}", origin=origin, path=str(path))
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path.cwd())
    return ran.stdout.strip() or (ran.stderr.strip().splitlines() or [""])[-1]


def main() -> int:
    missed = 0
    for swap in swaps():
        reason = APART.get((swap.first, swap.second))
        found = f"apart: {reason}" if reason else noticed_by(swap)
        missed += not found
        print(
            f"{swap.module}:{swap.line} {swap.first} <-> {swap.second}: {found or 'NOT NOTICED'}", flush=True
        )
    return missed


if __name__ == "__main__":
    sys.exit(main() > 0)
