"""Keeps a seeded sample of a cosmic-ray session and skips the rest: ``python -m tests.vectors.sample FILE``.

A filter as cosmic-ray's own are, to be run with the Python that has it (docs/mutation.md). Mutants of annotations and
of decorators' arguments are no candidates: nothing evaluates the ones, and the others change no rule.
"""

from __future__ import annotations

import argparse
import ast
import random
import sys
from functools import cache
from pathlib import Path
from typing import Any

from cosmic_ray.tools.filters.filter_app import FilterApp  # type: ignore[import-not-found]
from cosmic_ray.work_item import WorkerOutcome, WorkResult  # type: ignore[import-not-found]

Span = tuple[tuple[int, int], tuple[int, int]]


@cache
def unevaluated(path: Path) -> tuple[Span, ...]:
    """Where annotations and decorators stand in a file."""
    found: list[ast.expr] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found += node.decorator_list
            if isinstance(node, ast.FunctionDef) and node.returns is not None:
                found.append(node.returns)
    return tuple(
        ((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)) for node in found
    )


class Sample(FilterApp):  # type: ignore[misc]
    """``--size`` mutants of all that are candidates, chosen by ``--seed``."""

    def description(self) -> str:
        return __doc__ or ""

    def add_args(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--size", type=int, default=200)
        parser.add_argument("--seed", type=int, default=10)

    def filter(self, work_db: Any, args: argparse.Namespace) -> None:
        items = sorted(work_db.work_items, key=lambda item: _place(item.mutations[0]))
        candidates = [item for item in items if _is_candidate(item.mutations[0])]
        kept = {item.job_id for item in random.Random(args.seed).sample(candidates, args.size)}
        for item in items:
            if item.job_id not in kept:
                work_db.set_result(item.job_id, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))
        print(f"{len(kept)} of {len(candidates)} candidates, {len(items)} mutants in all")


def _place(mutation: Any) -> tuple[str, tuple[int, int], str, int]:
    return str(mutation.module_path), mutation.start_pos, mutation.operator_name, mutation.occurrence


def _is_candidate(mutation: Any) -> bool:
    at = mutation.start_pos
    return mutation.operator_name == "core/RemoveDecorator" or not any(
        begin <= at < end for begin, end in unevaluated(Path(mutation.module_path))
    )


if __name__ == "__main__":
    sys.exit(Sample().main(sys.argv[1:]))
