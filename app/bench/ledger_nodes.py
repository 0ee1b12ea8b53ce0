"""Three nodes under quorum against one PostgreSQL: the same uploads, from the same stores, with the same settings.

Rule: what differs is the quorum alone, as far as one machine can show it: three nodes of a machine share its processors
and its disk, which three machines do not. Bank and notary keep their stores there, and so many workers; those who have
no part keep theirs in SQLite both times.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.bench.figures import Findings
from app.bench.ledger_cluster import ThreeNodes, private_cluster
from app.bench.ledger_figures import of_nodes
from app.bench.ledger_postgres import PrivatePostgres, private_postgres
from app.bench.ledger_stage import Made, running
from app.bench.ledger_uploads import Bench, Spent
from app.terminal.show import Show
from ledger_sync.sandbox import read_network
from wallet.protocol.bounds import MAX_HOP

if TYPE_CHECKING:
    from app.bench.ledger import Options


def against_one(stage: Made, options: Options, in_flight: Sequence[int], show: Show) -> Findings:
    """A set of uploads for each number in flight, on one node and on three. Raises ``Refusal``; MissingPart without
    PostgreSQL's programs, Patroni and etcd."""
    with private_postgres(as_node=True) as server:
        single = _sets(stage, server, options, in_flight, show)
    with private_cluster(show) as nodes:
        three = _sets(stage, nodes, options, in_flight, show)
    pairs = list(zip(in_flight, single, three, strict=True))
    settled = sum(spent.settled for spent in (*single, *three))
    facts = {"uploads": options.uploads, "hops": options.uploads * MAX_HOP, "settled": settled}
    return Findings(facts, [line for pair in pairs for line in of_nodes(*pair)])


def _sets(
    stage: Made,
    databases: PrivatePostgres | ThreeNodes,
    options: Options,
    in_flight: Sequence[int],
    show: Show,
) -> list[Spent]:
    show.step("bench.starting_sandbox")
    network = read_network(stage.home)
    urls = {one.name: databases.fresh(one.name) for one in (network.banks[0], network.notary)}
    with running(stage.home, urls, os.cpu_count() or 1) as found:
        bench = Bench(stage, found, databases, show)
        bench.warm_up(options.people, max(in_flight))
        return [bench.spend(bench.next(options.uploads), count) for count in in_flight]
