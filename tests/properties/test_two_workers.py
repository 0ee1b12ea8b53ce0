"""The lives of test_system, where each bank and the notary are two processes over one PostgreSQL.

The processes are EMULATED in one, by parts of their own; they answer in turn, and what dies is one of them.
"""

from __future__ import annotations

from tests.properties.lives.all import born, live
from tests.support.databases import Databases
from tests.support.postgres import Cluster

WORKERS = 2


def test_two_workers_of_each_make_and_lose_no_tiyn_either(postgres: Cluster) -> None:
    with Databases(postgres) as databases, born(databases, WORKERS) as birth:
        live(birth, 2, 100)
