"""What a group has before anybody uses it: one role and databases that it owns, made on whichever node leads."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import sql

from ledger_sync.cluster.configuration import SUPERUSER
from ledger_sync.cluster.plan import DATABASE, Group

_ROLE: Final = sql.SQL("create role {} login password {}")


def found(group: Group, superuser: str, owner: str, database: str = DATABASE) -> None:
    """Make role and a database of a group where they are missing; by the passwords of superuser and owner. Raises
    `psycopg.Error`, after which it may be done again."""
    url = group.url(superuser, user=SUPERUSER, database="postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        role, password, name = sql.Identifier(DATABASE), sql.Literal(owner), sql.Identifier(database)
        if connection.execute("select 1 from pg_roles where rolname = %s", [DATABASE]).fetchone() is None:
            connection.execute(_ROLE.format(role, password))
        if connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone() is None:
            connection.execute(sql.SQL("create database {} owner {}").format(name, role))
