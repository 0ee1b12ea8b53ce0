"""`qalta cluster start|status|kill|pause|rejoin|stop`: PostgreSQL on three machines, all of them this one."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.cli.context import Context
from app.cli.parser import Commands
from app.terminal.show import Show
from app.terminal.status import MissingPart, Status, UsageError

if TYPE_CHECKING:
    from ledger_sync import cluster

_FIRST: Final = "a"


def add(commands: Commands) -> None:
    start = commands.add("cluster start", _start)
    start.add_argument(
        "--groups",
        type=int,
        choices=range(1, 27),
        default=1,
        metavar="N",
        help=commands.words.text("help.groups"),
    )
    commands.add("cluster status", _status)
    for name, run in (("kill", _kill), ("pause", _pause), ("rejoin", _rejoin)):
        breaking = commands.add(f"cluster {name}", run)
        breaking.add_argument(
            "part",
            metavar=commands.words.text("argument.name"),
            help=commands.words.text("help.cluster_part"),
        )
        breaking.add_argument(
            "--group",
            default=_FIRST,
            metavar=commands.words.text("argument.name"),
            help=commands.words.text("help.cluster_group"),
        )
    commands.add("cluster stop", _stop)


def _start(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync import cluster

    folder = _folder(context)
    with _told():
        cluster.start(folder, groups=args.groups, tell=lambda step: context.show.step(f"cluster.step_{step}"))
    return _status(args, context)


def _status(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync import cluster

    folder = _folder(context)
    with _told():
        parts, urls = cluster.status(folder), cluster.urls(folder)
    if not parts:
        raise MissingPart("missing.cluster")
    words = context.show.catalogue
    rows = [
        [part.name, part.machine, words.text(f"cluster.{part.state.value}"), part.address] for part in parts
    ]
    columns = ("cluster.part", "cluster.machine", "cluster.state", "cluster.address")
    context.show.table("", columns, rows)
    for group, url in urls.items():
        context.show.blank()
        _tell_group(group, [part for part in parts if part.group == group], context.show)
        context.show.say("cluster.url", url=url)
    context.show.result(folder=str(folder), groups=urls, parts=[_fields(part) for part in parts])
    return Status.DONE


def _tell_group(group: str, parts: Sequence[cluster.Status], show: Show) -> None:
    """What a group's state means for whoever writes."""
    from ledger_sync.cluster import State

    leaders = [part.name for part in parts if part.state is State.LEADER]
    others = ", ".join(part.name for part in parts if part.state is State.QUORUM)
    if not leaders:
        show.say("cluster.leaderless", group=group)
    elif not others:
        show.say("cluster.alone", group=group, leader=leaders[0])
    else:
        show.say("cluster.whole", group=group, leader=leaders[0], others=others)


def _fields(part: cluster.Status) -> dict[str, str | int | None]:
    return {
        "name": part.name,
        "machine": part.machine,
        "group": part.group,
        "state": part.state.value,
        "address": part.address,
        "pid": part.pid,
        "timeline": part.timeline,
    }


def _kill(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync.cluster import kill

    return _told_of(kill, "killed", "cluster.killed", args, context)


def _pause(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync.cluster import pause

    return _told_of(pause, "paused", "cluster.now_paused", args, context)


def _rejoin(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync.cluster import rejoin

    return _told_of(rejoin, "rejoined", "cluster.rejoined", args, context)


def _told_of(
    change: Callable[..., Sequence[str]], done: str, word: str, args: argparse.Namespace, context: Context
) -> Status:
    """Whose state was changed."""
    with _told():
        names = change(_folder(context), args.part, group=args.group)
    context.show.say(word, names=", ".join(names))
    context.show.result(**{done: list(names)})
    return Status.DONE


def _stop(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync import cluster

    with _told():
        cluster.stop(_folder(context))
    context.show.say("cluster.all_stopped")
    return Status.DONE


def _folder(context: Context) -> Path:
    from ledger_sync.cluster import usual_folder

    return usual_folder(context.home.folder)


@contextmanager
def _told() -> Iterator[None]:
    """What a cluster does not do, in words. MissingPart, or UsageError where there is nobody of that name."""
    from ledger_sync.cluster import ClusterError, Trouble

    try:
        yield
    except ClusterError as error:
        if error.trouble is Trouble.NAME:
            raise UsageError("usage.cluster_name", **error.facts) from None
        raise MissingPart(f"missing.cluster_{error.trouble.value}", **error.facts) from None
