"""The tree of commands: options that stand everywhere, and one entry a command, its help from the catalogue.

Rule: all commands are known here by name, and nothing of what they run with is imported before they are asked for.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.catalogue import LANGUAGES, Catalogue, command_name
from app.cli.wording import WordsParser
from app.terminal.status import Status

if TYPE_CHECKING:
    from app.cli.context import Context

Run = Callable[[argparse.Namespace, "Context"], Status]

_COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "sandbox": (
        "sandbox start",
        "sandbox status",
        "sandbox stop",
        "sandbox books",
        "sandbox clock",
        "sandbox without",
        "sandbox key",
    ),
    "stores": ("ledger schema", "ledger migrate"),
    "making": ("wallet new",),
    "wallets": ("wallet list", "wallet show"),
    "pins": ("wallet pin",),
    "lost": ("lost",),
    "money": ("fund", "defund", "balance", "risk"),
    "paying": ("request", "pay", "receive"),
    "nfc": ("nfc doctor",),
    "contacts": ("contact list", "contact name", "contact forget", "contact renew"),
    "ledger": ("sync", "history"),
    "services": ("ledger backup", "ledger restore"),
    "operator": ("operator key", "operator make", "operator follow", "operator root"),
    "evidence": ("evidence show", "evidence check", "evidence save"),
    "audit": ("audit key", "audit notary"),
    "agent": ("agent",),
    "demo": ("demo",),
    "app": ("app",),
    "bench": ("bench",),
    "cluster": (
        "cluster start",
        "cluster status",
        "cluster kill",
        "cluster pause",
        "cluster rejoin",
        "cluster stop",
    ),
}
"""Every command, in the order of the help, by the module of `app.cli.commands` that adds it."""


class Commands:
    """Where command modules add themselves. ``add("wallet new", run)`` makes `qalta wallet new`.

    A module is imported once one of its commands is asked for, by whichever thread asks first.
    """

    def __init__(self, parser: WordsParser, words: Catalogue) -> None:
        self.words = words
        self._groups: dict[str, Any] = {
            "": parser.add_subparsers(required=True, metavar=words.text("help.command"))
        }
        self._announced: dict[str, WordsParser] = {}
        self._brought: set[str] = set()
        self._bringing = threading.Lock()

    def announce(self, path: str, module: str) -> None:
        """A command whose name and help are known, and no more."""
        group, _, name = path.rpartition(" ")
        if group not in self._groups:
            parent = self._groups[""].add_parser(group, help=self._help(group), description=self._help(group))
            self._groups[group] = parent.add_subparsers(
                required=True, metavar=self.words.text("help.command")
            )
        text = self._help(path)
        self._announced[path] = self._groups[group].add_parser(
            name, help=text, description=text, complete=partial(self.bring, module)
        )

    def add(self, path: str, run: Run) -> argparse.ArgumentParser:
        """The command, to which the caller adds its own arguments."""
        command = self._announced.pop(path)
        _add_common(command, self.words)
        command.set_defaults(run=run)
        _title(command, self.words)
        return command

    def bring(self, module: str) -> None:
        """Have a module's commands whole."""
        with self._bringing:
            if module not in self._brought:
                import_module(f"app.cli.commands.{module}").add(self)
                self._brought.add(module)

    def _help(self, path: str) -> str:
        return self.words.text(f"help.{path.replace(' ', '_')}")


def build_parser(words: Catalogue, *, stays_open: bool = False) -> WordsParser:
    """The whole command line, its help in the language of ``words``; what a command takes is filled in when it is
    asked for, or at once for a process that ``stays_open``, which may have no descriptor left for a file by then."""
    parser = WordsParser(prog=command_name(), description=words.text("help.qalta"))
    _add_common(parser, words)
    parser.add_argument("--version", action=_Version, help=words.text("help.version"))
    _title(parser, words)
    home = Path(os.environ.get("QALTA_HOME") or Path.home() / ".qalta")
    parser.set_defaults(home=home, wallet=None, lang=None, json=False, pin_fd=None)
    commands = Commands(parser, words)
    for module, paths in _COMMANDS.items():
        for path in paths:
            commands.announce(path, module)
        if stays_open:
            commands.bring(module)
    return parser


class _Version(argparse.Action):
    """Says the package's version and ends; looked up only where it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        parser._print_message(f"qalta {version('qalta')}\n", sys.stdout)
        parser.exit()


def _title(parser: argparse.ArgumentParser, words: Catalogue) -> None:
    """The headings of the help, which argparse keeps to itself."""
    parser._positionals.title = words.text("help.arguments")
    parser._optionals.title = words.text("help.options")


def _add_common(parser: argparse.ArgumentParser, words: Catalogue) -> None:
    """SUPPRESS keeps what stood before the command when it does not stand after it."""

    def option(*names: str, text: str, **kinds: Any) -> None:
        parser.add_argument(*names, help=words.text(text), default=argparse.SUPPRESS, **kinds)

    option("--home", type=Path, metavar="DIR", text="help.home")
    option("--wallet", metavar="NAME", text="help.wallet_option")
    option("--lang", choices=LANGUAGES, text="help.lang")
    option("--json", action="store_true", text="help.json")
    option("--pin-fd", type=int, metavar="N", text="help.pin_fd")


def asked_language(arguments: Sequence[str]) -> str | None:
    """``--lang`` as typed, before anything is parsed, so that help and usage errors speak it too."""
    for position, word in enumerate(arguments):
        if word == "--lang" and position + 1 < len(arguments):
            return arguments[position + 1]
        if word.startswith("--lang="):
            return word.removeprefix("--lang=")
    return None


def asked_for_json(arguments: Sequence[str]) -> bool:
    """Whether ``--json`` was typed, also shortened as argparse allows: for what goes wrong before all is parsed."""
    return any(len(word) > 2 and "--json".startswith(word) for word in arguments)
