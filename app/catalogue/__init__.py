"""Every sentence that people read, in one catalogue a language, keyed by code.

The SDK gives codes and facts; here they become what happened, where the money is now, and what to do next.
No sentence stands in code. A language is a TOML file beside this one; `en.toml` is the measure for the others.

In a sentence: ``@name`` takes a phrase, ``{fact}`` is as it is called, ``{fact:tiyn}``, ``{fact:time}`` and
``{fact:n}`` are an amount, a moment and a number, ``{fact:state}`` a payment's state, ``{fact:object}`` what a kind of
signed object (``qrq2``) is. ``[[part]]`` is said only when all of its facts are known: a code may come without facts,
and a stranger's facts may be nonsense.
"""

from __future__ import annotations

import os
import re
import string
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from app.catalogue.written import LAST_TIME, written_amount, written_number, written_time

LANGUAGES: Final = ("kk", "ru", "en")
_FALLBACK: Final = "en"
_VARIABLES: Final = ("QALTA_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
_CALLED: Final = "QALTA_COMMAND"
"""How a person calls the command line, where that is not `qalta`: ``./run`` says so."""
_USUAL: Final = "qalta"
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./-]+")
_COMMAND: Final = re.compile(r"\bqalta(?= [a-z-])")
_CASES: Final = ("doing", "fault")
_CALL: Final = "call"
_NOT_UNDERSTOOD: Final = "malformed_call"
_PART: Final = re.compile(r"\[\[(.*?)\]\]")
_UNKNOWN: Final = "—"
_LETTERS: Final = 3
"""Of a ``typ``: they say what it is; the rest is its version."""
_PARSER: Final = string.Formatter()


@dataclass(frozen=True, slots=True)
class Explanation:
    """A refusal as a person reads it."""

    what: str
    money: str
    next: str

    def lines(self) -> tuple[str, str, str]:
        return (self.what, self.money, self.next)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The sentences of one language."""

    language: str
    tables: Mapping[str, Any]

    def tell(self, code: str, facts: Mapping[str, int | str] | None = None) -> Explanation:
        """What a refusal means to a person. ``code`` is a protocol or keystore code; where the fact ``doing`` says what
        was being done, or ``fault`` what was wrong, and that asks for another advice, that is given. Of our own call
        (``fault`` is "call") every code that a service does not understand it for is told alike."""
        known, others = facts or {}, self.tables.get("doing", {})
        cases = [f"{code}_{known[fact]}" for fact in _CASES if fact in known]
        if known.get("fault") == _CALL:
            cases.append(_NOT_UNDERSTOOD)
        entry = next((others[case] for case in cases if case in others), self.tables["code"][code])
        return Explanation(*(self._filled(entry[part], facts or {}) for part in ("what", "money", "next")))

    def text(self, name: str, /, **facts: int | str) -> str:
        """A sentence of the interface: ``name`` is ``table.key``."""
        table, key = name.split(".", 1)
        return self._filled(self.tables[table][key], facts)

    def _filled(self, template: str, facts: Mapping[str, int | str]) -> str:
        """Facts are put in last, so that nothing in them is ever read as a part of the sentence."""
        whole = " ".join(self._phrase(word) for word in template.split(" "))
        said = _PART.sub(lambda part: part[1] if self._is_known(part[1], facts) else "", whole)
        pieces: list[str] = []
        for words, name, kind, _ in _PARSER.parse(said):
            pieces.append(words)
            if name is not None:
                pieces.append(self._shown(facts.get(name), kind or "") or _UNKNOWN)
        return "".join(pieces)

    def _phrase(self, word: str) -> str:
        return str(self.tables["phrases"][word[1:]]) if word.startswith("@") else word

    def _is_known(self, part: str, facts: Mapping[str, int | str]) -> bool:
        asked = [(name, kind or "") for _, name, kind, _ in _PARSER.parse(part) if name is not None]
        return all(self._shown(facts.get(name), kind) is not None for name, kind in asked)

    def _shown(self, value: int | str | None, kind: str) -> str | None:
        """A fact as it is written, or None where it is not known or not of this kind."""
        if kind in ("tiyn", "n", "time"):
            return _written(value, kind) if isinstance(value, int) and not isinstance(value, bool) else None
        if value is None:
            return None
        plain = harmless(str(value))
        if kind == "state":
            return str(self.tables["history"].get(f"state_{plain}", plain))
        if kind == "object":
            letters = plain[:_LETTERS]
            return self.text(f"objects.{letters}") if letters in self.tables["objects"] else None
        return plain


def harmless(text: str) -> str:
    """Words that others wrote, safe to print: a dot for each control, line break and sign that turns the writing."""
    return "".join(sign if sign.isprintable() or unicodedata.category(sign) == "Zs" else "·" for sign in text)


def _written(number: int, kind: str) -> str | None:
    if kind == "tiyn":
        return written_amount(number)
    if kind == "n":
        return written_number(number)
    return written_time(number) if 0 <= number <= LAST_TIME else None


def command_name() -> str:
    """How this process's person calls the command line."""
    called = os.environ.get(_CALLED, _USUAL)
    return called if _PLAIN.fullmatch(called) else _USUAL


def catalogue(language: str) -> Catalogue:
    """The catalogue of ``language``: "kk", "ru" or "en". Commands in it are called as this process was."""
    return _read(language, command_name())


@lru_cache
def _read(language: str, called: str) -> Catalogue:
    raw = files(__package__).joinpath(f"{language}.toml").read_text("utf-8")
    if called != _USUAL:
        raw = _COMMAND.sub(called, raw)
    return Catalogue(language, tomllib.loads(raw))


def chosen_language(asked: str | None = None) -> str:
    """What was asked for, else what the first of QALTA_LANG, LC_ALL, LC_MESSAGES and LANG says, else English."""
    if asked in LANGUAGES:
        return asked
    for name in _VARIABLES:
        if value := os.environ.get(name):
            language = re.split(r"[_.@-]", value, maxsplit=1)[0]
            return language if language in LANGUAGES else _FALLBACK
    return _FALLBACK
