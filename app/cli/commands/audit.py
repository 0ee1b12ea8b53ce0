"""`qalta audit key|notary`: an auditor's key, and the notary's whole log read and decided anew."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.context import Context
from app.cli.parser import Commands
from app.cli.pin import chosen_pin
from app.terminal.status import Status
from app.wallets.banking import by_authority_at
from app.wallets.doing import doing
from app.wallets.root import root_key
from wallet.protocol.codes import Code, Refusal

if TYPE_CHECKING:
    from ledger_sync.audit import Audited, Report
    from ledger_sync.http.client import Connect


def add(commands: Commands) -> None:
    words = commands.words
    key = commands.add("audit key", _key)
    key.add_argument(
        "folder", type=Path, metavar=words.text("argument.folder"), help=words.text("help.audit_folder")
    )
    notary = commands.add("audit notary", _notary)
    notary.add_argument("url", metavar=words.text("argument.url"), help=words.text("help.audit_url"))
    notary.add_argument("--root", required=True, help=words.text("help.root"))
    notary.add_argument(
        "--folder",
        type=Path,
        required=True,
        metavar=words.text("argument.folder"),
        help=words.text("help.audit_folder"),
    )
    notary.add_argument("--directory", required=True, metavar="URL", help=words.text("help.audit_directory"))
    notary.add_argument("--ca", type=Path, metavar="PEM", help=words.text("help.ca"))
    notary.add_argument(
        "--evidence",
        type=Path,
        metavar=words.text("argument.folder"),
        help=words.text("help.audit_evidence"),
    )


def _key(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync.audit import ALIAS
    from ledger_sync.client.own_key import make_key

    pin = chosen_pin(context.pin, context.show)
    key = make_key(args.folder, ALIAS, pin, context.clock, context.random).hex()
    context.show.say("audit.key", key=key)
    context.show.result(key=key)
    return Status.DONE


def _notary(args: argparse.Namespace, context: Context) -> Status:
    return audit(args, context, by_authority_at(args.ca))


def audit(args: argparse.Namespace, context: Context, connect: Connect) -> Status:
    """The audit that ``args`` ask for, by lines that ``connect`` opens."""
    from ledger_sync.audit import Desk
    from ledger_sync.client.own_key import opened

    root = _root(args.root)
    pin = context.pin.ask(context.show.catalogue.text("audit.pin"))
    with opened(args.folder, pin, context.clock, context.random) as keystore:
        desk = Desk(args.folder, keystore, root, context.clock, context.random, connect)
        context.show.step("audit.reads")
        with doing("audit"):
            audited = desk.audit(args.url, args.directory, _Telling(context))
    _tell(audited, context)
    if args.evidence is not None and audited.evidence:
        _write(audited, args.evidence, context)
    return Status.DONE if audited.is_clean else Status.REFUSED


class _Telling:
    """Says every tenth of the entries."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tenths = 0

    def __call__(self, done: int, count: int) -> None:
        tenths = done * 10 // count
        if tenths > self._tenths:
            self._tenths = tenths
            self._context.show.step("audit.decided", done=done, count=count)


def _root(written: str) -> bytes:
    try:
        return root_key(written)
    except (ValueError, OSError):
        raise Refusal(Code.KEY_INVALID, {"fault": "root"}) from None


def _tell(audited: Audited, context: Context) -> None:
    report, words = audited.report, context.show.catalogue
    context.show.result(
        log=report.head.extent.log,
        root=report.head.root.hex(),
        time=report.head.extent.time,
        entries=report.entries,
        references=report.references,
        without_commit=report.without_commit,
        findings=_findings(report),
        evidence=len(audited.evidence),
    )
    counts = [("entries", report.entries), ("references", report.references)]
    if report.without_commit:
        counts.append(("without_commit", report.without_commit))
    context.show.table("", ("", ">"), [[words.text(f"audit.{name}"), str(count)] for name, count in counts])
    for found in report.findings:
        if found.index is None:
            context.show.say(f"audit.{found.wrong.value}")
        else:
            context.show.say(f"audit.{found.wrong.value}", index=found.index)
    if audited.evidence:
        context.show.say("audit.evidence", count=len(audited.evidence))
    if audited.is_clean:
        context.show.say("audit.clean")


def _findings(report: Report) -> list[dict[str, Any]]:
    return [{"wrong": found.wrong.value, "index": found.index} for found in report.findings]


def _write(audited: Audited, folder: Path, context: Context) -> None:
    """A file for each piece of evidence, and the root key beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / "root.hex"
    root.write_text(audited.root.hex() + "\n", "ascii")
    names = []
    for number, raw in enumerate(audited.files(), 1):
        path = folder / f"notary-{number}.evidence"
        path.write_bytes(raw)
        names.append(str(path))
    context.show.say("evidence.written", count=len(names), folder=str(folder), root=str(root))
    context.show.result(files=names, root_key=str(root))
