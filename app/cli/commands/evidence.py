"""`qalta evidence show|check FILE --root FILE`: whether a file proves that a key signed twice, and which key, or that
the notary said two things.

A file is ``[signed directory, evidence]``: with the root key (a file of hexadecimal) a stranger needs no more.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from app.cli.context import Context
from app.cli.parser import Commands
from app.terminal.status import MissingPart, Status
from app.wallets.root import root_key
from wallet.protocol import codec
from wallet.protocol.bounds import MAX_DIRECTORY_BYTES, MAX_OBJECT_BYTES
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.directory import Directory
from wallet.protocol.evidence import Culprit, Evidence, check_evidence
from wallet.protocol.log import LogHead
from wallet.protocol.notary_evidence import (
    NotaryEvidence,
    TwoConsumers,
    TwoEntries,
    TwoHistories,
    is_against_the_notary,
    read_notary_evidence,
)

Said = tuple[str, Any]
"""A name of the catalogue, and what stands there."""

_MOST: Final = 3 * MAX_OBJECT_BYTES + MAX_DIRECTORY_BYTES


def add(commands: Commands) -> None:
    for name, run in (("show", _show), ("check", _check)):
        command = commands.add(f"evidence {name}", run)
        command.add_argument(
            "file",
            type=Path,
            metavar=commands.words.text("argument.file"),
            help=commands.words.text("help.evidence_file"),
        )
        if name == "check":
            command.add_argument("--root", dest="root", required=True, help=commands.words.text("help.root"))
    save = commands.add("evidence save", _save)
    save.add_argument(
        "folder",
        type=Path,
        metavar=commands.words.text("argument.folder"),
        help=commands.words.text("help.evidence_folder"),
    )


def _save(args: argparse.Namespace, context: Context) -> Status:
    """A file for each evidence that the wallet holds, and the root key beside them; nothing where it holds none."""
    with context.opened() as opened:
        found, directory = opened.wallet.evidence(), opened.wallet.directory()
        root = opened.wallet.root().hex()
    if not found:
        context.show.say("evidence.nothing")
        context.show.result(files=[], root=None)
        return Status.DONE
    args.folder.mkdir(parents=True, exist_ok=True)
    key = args.folder / "root.hex"
    key.write_text(root + "\n", "ascii")
    names = [f"{item.first.id.hex()[:16]}-{item.second.id.hex()[:16]}.evidence" for item in found]
    for name, item in zip(names, found, strict=True):
        (args.folder / name).write_bytes(codec.encode([directory, item.to_cbor()]))
    context.show.say("evidence.written", count=len(names), folder=str(args.folder), root=str(key))
    context.show.result(files=[str(args.folder / name) for name in names], root=str(key))
    return Status.DONE


def read_evidence(path: Path) -> tuple[bytes, Evidence | NotaryEvidence]:
    """The signed directory and the evidence in a file. EVIDENCE_INVALID where it is another file;
    VERSION_UNKNOWN."""
    raw = _read(path)
    try:
        directory, evidence = codec.array(codec.decode(raw, _MOST), 2)
        read = read_notary_evidence if is_against_the_notary(evidence) else Evidence.from_cbor
        return codec.octets(directory, most=MAX_DIRECTORY_BYTES), read(evidence)
    except Refusal as refusal:
        if refusal.code is Code.VERSION_UNKNOWN:
            raise
        raise _not_evidence(path) from refusal


def _not_evidence(path: Path) -> Refusal:
    return Refusal(Code.EVIDENCE_INVALID, {"fault": "another_file", "file": str(path)})


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as source:
            return source.read(_MOST + 1)
    except FileNotFoundError as error:
        raise MissingPart("missing.file", name=str(path)) from error
    except IsADirectoryError as error:
        raise _not_evidence(path) from error


def _show(args: argparse.Namespace, context: Context) -> Status:
    _, evidence = read_evidence(args.file)
    if isinstance(evidence, Evidence):
        _print(context, evidence, None)
    else:
        _print_notary(context, evidence, is_proved=False)
    return Status.DONE


def _check(args: argparse.Namespace, context: Context) -> Status:
    directory, evidence = read_evidence(args.file)
    trusted = Directory.open(directory, _root_key(args.root))
    if isinstance(evidence, Evidence):
        _print(context, evidence, check_evidence(evidence, trusted))
    else:
        evidence.check(trusted)
        _print_notary(context, evidence, is_proved=True)
    return Status.DONE


def _root_key(written: str) -> bytes:
    try:
        return root_key(written)
    except (ValueError, OSError):
        raise Refusal(Code.KEY_INVALID, {"fault": "root"}) from None


def _print(context: Context, evidence: Evidence, culprit: Culprit | None) -> None:
    body = evidence.certificate.body
    kind = evidence.kind.name.lower()
    fields: dict[str, Any] = {
        "kind": kind,
        "wallet": body.wallet.hex(),
        "bank": body.bank,
        "key": body.key.hex(),
        "transfers": [evidence.first.id.hex(), evidence.second.id.hex()],
        "proved": culprit is not None,
    }
    context.show.result(**fields)
    context.show.say(f"evidence.{kind}")
    rows = [
        [context.show.catalogue.text(f"evidence.{name}"), str(fields[name])]
        for name in ("wallet", "bank", "key")
    ]
    transfers = (evidence.first, evidence.second)
    rows += [[context.show.catalogue.text("evidence.transfer"), transfer.id.hex()] for transfer in transfers]
    context.show.table("", ("", ""), rows)
    context.show.say("evidence.proved" if culprit is not None else "evidence.unchecked")


def _print_notary(context: Context, evidence: NotaryEvidence, *, is_proved: bool) -> None:
    kind = evidence.kind.name.lower()
    said = _said_twice(evidence)
    context.show.result(kind=kind, said=[dict(one) for one in said], proved=is_proved)
    context.show.say(f"evidence.{kind}")
    rows = [
        [context.show.catalogue.text(f"evidence.{name}"), str(value)] for one in said for name, value in one
    ]
    context.show.table("", ("", ""), rows)
    context.show.say("evidence.proved_of_the_notary" if is_proved else "evidence.unchecked")


def _said_twice(evidence: NotaryEvidence) -> list[list[Said]]:
    """What was said the one time and the other, by the names of the catalogue."""
    match evidence:
        case TwoConsumers(first, second):
            shared = sorted(set(first.body.refs) & set(second.body.refs))
            token: list[Said] = [("token", str(ref)) for ref in shared[:1]]
            return [
                [*token, ("consumer", one.body.consumer.hex()), ("asked_by", one.body.bank)]
                for one in (first, second)
            ]
        case TwoEntries(first, second):
            return [
                [
                    *_of_log(LogHead.of(one)),
                    ("place", one.leaf.path.index),
                    ("consumer", one.body.consumer.hex()),
                ]
                for one in (first, second)
                if one.leaf is not None and one.leaf.extent.log is not None
            ]
        case TwoHistories(older, newer, growth):
            size = older.extent.size
            return [
                [*_of_log(older), ("root_at", size), ("root", older.root.hex())],
                [*_of_log(newer), ("root_at", size), ("root", growth.root.hex())],
            ]


def _of_log(head: LogHead) -> list[Said]:
    return [("log", head.extent.log), ("size", head.extent.size)]
