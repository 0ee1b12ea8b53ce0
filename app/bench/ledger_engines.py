"""A network on an engine: what was made beforehand, copied, its stores taken there, and all its services at work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from app.bench.ledger_postgres import PrivatePostgres, private_postgres
from app.bench.ledger_stage import Made, Running, databases, running
from app.terminal.show import Show


@contextmanager
def at_work(
    engine: str, stage: Made, show: Show, *, counts_statements: bool = False
) -> Iterator[tuple[Running, PrivatePostgres | None]]:
    """The network over an engine ("postgres" or "sqlite") until the block ends, and its server, if it has one: over
    PostgreSQL bank and notary are as many workers as there are processors. Raises ``Refusal``; ``OSError``."""
    show.step("bench.starting_sandbox")
    with ExitStack() as held:
        server, urls, workers = None, {}, 1
        if engine == "postgres":
            server = held.enter_context(private_postgres(counts_statements=counts_statements))
            urls, workers = databases(server, stage.home), os.cpu_count() or 1
        yield held.enter_context(running(stage.home, urls, workers)), server
