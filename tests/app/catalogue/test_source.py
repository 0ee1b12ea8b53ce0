"""What the code says exists, and what exists is said: the source of the app is read, not run.

A name of the catalogue stands in the source as a literal (`"pay.asks"`, `"demo.hop>"` for a column on the right)
or as an f-string that begins with its table (`f"balance.{name}"`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

from app.catalogue import catalogue
from app.wallets.places import Flaw
from app.wallets.sandbox_desk import Books
from ledger_sync import cluster
from ledger_sync.audit import Wrong
from ledger_sync.client.reconcile import Report, Step
from ledger_sync.sandbox import State
from ledger_sync.service.backup import Fault
from tests.app.catalogue.sentences import sentences, slots
from wallet.protocol.evidence import Contradiction
from wallet.protocol.kinds import KINDS
from wallet.protocol.notary_evidence import NotaryContradiction
from wallet.purse.store.incoming import LEDGER, PAYER
from wallet.purse.store.journal import PurseState
from wallet.purse.store.payments import PaymentState
from wallet.purse.view.balance import Balance
from wallet.purse.view.history import LOST, REFUNDED, SETTLED, SHORT, EventKind
from wallet.transport.qr.reader import PictureFault

ROOT: Final = Path(__file__).parents[3]
NOT_FOR_THE_INTERFACE: Final = {"code", "doing", "phrases", "language"}
TABLES: Final = set(catalogue("en").tables) - NOT_FOR_THE_INTERFACE
NAMES: Final = {name for name in sentences("en") if name.split(".")[0] in TABLES}
NAME: Final = re.compile(
    rf"(?:{'|'.join(sorted(TABLES))})\.(?!(?:json|toml|cbor|png|gif|db|log|pid)$)[a-z0-9_]+>?"
)
SAYERS: Final = {"say", "text", "step", "say_error", "UsageError", "MissingPart"}


FAULTS: Final = {
    *(fault.value for fault in PictureFault),
    "request",
    "payment",
    "receipt",
    "another_file",
    "root",
    "soon",
    "call",
}
"""How long a wait is, of what a service said it; what a picture, message or file may be instead of what was wanted."""


def trees(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))


def called(node: ast.Call) -> str:
    """``step`` of ``show.step(…)``, ``Refusal`` of ``Refusal(…)``."""
    match node.func:
        case ast.Attribute(_, attribute):
            return attribute
        case ast.Name(name):
            return name
        case _:
            return ""


def named() -> dict[str, str]:
    """Every name that stands in the app as a literal, with the file that has it."""
    found: dict[str, str] = {}
    for where, tree in trees("app"):
        built = {
            id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values
        }
        for node in ast.walk(tree):
            match node:
                case ast.Constant(str(name)) if id(node) not in built and NAME.fullmatch(name):
                    found[name.removesuffix(">")] = where
                case _:
                    pass
    return found


def patterns() -> dict[str, re.Pattern[str]]:
    """Every f-string of the app that begins with a table, as a pattern of names."""
    found: dict[str, re.Pattern[str]] = {}
    for where, tree in trees("app"):
        for node in ast.walk(tree):
            if not isinstance(node, ast.JoinedStr):
                continue
            parts = [
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[a-z0-9_]+"
                for part in node.values
            ]
            whole = "".join(parts).removesuffix(">")
            if (whole.split(r"\.")[0] in TABLES and r"\." in whole) or whole.startswith("state_"):
                name = whole if r"\." in whole else rf"history\.{whole}"
                found[f"{where}: {ast.unparse(node)}"] = re.compile(name)
    return found


def test_every_name_in_the_app_is_in_the_catalogue() -> None:
    assert {name: where for name, where in named().items() if name not in NAMES} == {}


def test_every_name_that_is_put_together_has_sentences() -> None:
    assert [text for text, pattern in patterns().items() if not any(map(pattern.fullmatch, NAMES))] == []


def test_what_has_several_values_has_a_sentence_for_each() -> None:
    """Names that are put together from values of the SDK and the services."""
    families: dict[str, Iterable[str]] = {
        "sync.": [*Step, *Report().verdicts()],
        "history.": EventKind,
        "history.state_": [*PaymentState, PAYER, LEDGER, SETTLED, SHORT, LOST, REFUNDED, "open", "done"],
        "objects.": [kind.letters for kind in KINDS],
        "wallet.state_": PurseState,
        "wallet.list_": Flaw,
        "wallet.about_": Flaw,
        "sandbox.": State,
        "cluster.": cluster.State,
        "missing.backup_": Fault,
        "missing.cluster_": set(cluster.Trouble) - {cluster.Trouble.NAME},
        "balance.": [item.name for item in fields(Balance)],
        "evidence.": [kind.name.lower() for kind in (*Contradiction, *NotaryContradiction)],
        "audit.": Wrong,
        "books.": Books(0, 0, 0, 0, 0, 0).totals(),
    }
    wanted = {before + value for before, values in families.items() for value in values}
    assert sorted(wanted - NAMES) == []


def test_every_sentence_of_the_interface_is_said_somewhere() -> None:
    said, built = named(), patterns().values()
    unsaid = {name for name in NAMES - said.keys() if not any(pattern.fullmatch(name) for pattern in built)}
    assert sorted(unsaid) == []


def test_every_command_has_its_help() -> None:
    paths: set[str] = set()
    for _, tree in trees("app/cli/commands"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "commands.add":
                match node.args[0]:
                    case ast.Constant(str(path)):
                        paths |= {path, path.split(" ")[0]}
                    case _:
                        pass
    assert {f"help.{path.replace(' ', '_')}" for path in paths} - NAMES == set()
    assert "sandbox start" in paths


def test_whoever_says_a_sentence_gives_its_facts() -> None:
    lacking: dict[str, set[str]] = {}
    for where, tree in trees("app"):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or called(node) not in SAYERS or not node.args:
                continue
            given = {keyword.arg for keyword in node.keywords}
            match node.args[0]:
                case ast.Constant(str(name)) if name in NAMES and None not in given:
                    needed = {slot.fact for slot in slots(sentences("en")[name]) if not slot.is_optional}
                    if needed - given:
                        lacking[f"{where}:{node.lineno} {name}"] = needed - given
                case _:
                    pass
    assert lacking == {}


@dataclass(slots=True)
class Facts:
    """What the places that refuse with a code say about it; ``is_open`` where one of them cannot be read."""

    names: set[str] = field(default_factory=set)
    is_open: bool = False


def facts_of_codes() -> dict[str, Facts]:
    """By code; under an empty one what is said where the code is not a literal."""
    found: dict[str, Facts] = {}
    for _, tree in trees("wallet", "hsm", "ledger_sync", "app"):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            match called(node):
                case "Refusal" | "KeystoreError" | "Trouble" if node.args:
                    _note(found, node.args[0], node.args[1:2])
                case "require" if len(node.args) == 2:
                    _note(found, node.args[1], [item.value for item in node.keywords if item.arg is None])
                    _at(found, node.args[1]).names.update(item.arg for item in node.keywords if item.arg)
                case _:
                    pass
    return found


def _note(found: dict[str, Facts], code: ast.expr, facts: list[ast.expr]) -> None:
    into = _at(found, code)
    for given in facts:
        match given:
            case ast.Dict(keys=keys):
                into.names.update(str(key.value) for key in keys if isinstance(key, ast.Constant))
            case _:
                into.is_open = True


def _at(found: dict[str, Facts], code: ast.expr) -> Facts:
    match code:
        case ast.Attribute(ast.Name("Code" | "KeystoreCode" | "AppCode"), name):
            return found.setdefault(name.lower(), Facts())
        case _:
            return found.setdefault("", Facts())


def test_a_code_speaks_only_of_facts_that_come_with_it() -> None:
    """A part whose facts nobody gives is never said."""
    found = facts_of_codes()
    anywhere = found[""].names
    silent: dict[str, set[str]] = {}
    for code, entry in catalogue("en").tables["code"].items():
        facts = found.get(code, Facts())
        unknown = {slot.fact for part in entry.values() for slot in slots(part)} - facts.names - anywhere
        if unknown and not facts.is_open:
            silent[code] = unknown
    assert silent == {}


def test_every_deed_that_has_its_own_advice_is_done_somewhere_and_refused_with_that_code() -> None:
    deeds = {
        str(node.args[0].value)
        for _, tree in trees("app")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node) == "doing" and isinstance(node.args[0], ast.Constant)
    }
    codes = set(catalogue("en").tables["code"])
    for name in catalogue("en").tables["doing"]:
        code = next(code for code in codes if name.startswith(f"{code}_"))
        deed = name.removeprefix(f"{code}_")
        assert deed in deeds | FAULTS, name


def test_what_was_being_done_changes_the_advice() -> None:
    words = catalogue("en")
    usual, own = words.tell("limit_balance"), words.tell("limit_balance", {"doing": "fund"})
    assert "payer" in usual.money
    assert "payer" not in own.money
    assert words.tell("limit_balance", {"doing": "nothing known"}) == usual


def test_advice_of_a_deeds_own_leaves_out_no_fact() -> None:
    """What a code tells of in general, as what open requests hold, is told where it was met in doing something too."""
    tables = catalogue("en").tables

    def told(entry: Mapping[str, str]) -> set[str]:
        return {slot.fact for part in entry.values() for slot in slots(part)}

    for name, entry in tables["doing"].items():
        code = next(code for code in tables["code"] if name.startswith(f"{code}_"))
        if name.removeprefix(f"{code}_") not in FAULTS:
            assert told(tables["code"][code]) <= told(entry), name
