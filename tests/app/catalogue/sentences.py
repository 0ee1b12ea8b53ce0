"""What the tests of the catalogue look at: every sentence of a language by its full name, and its parts."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.catalogue import LANGUAGES, catalogue

PARTS = ("what", "money", "next")
OTHERS = tuple(language for language in LANGUAGES if language != "en")
_PHRASE = re.compile(r"(?:^|(?<= ))@(\S+)")
_OPTIONAL = re.compile(r"\[\[(.*?)\]\]")


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A place for a fact: its name, how it is written, and whether its part may be left out."""

    fact: str
    kind: str
    is_optional: bool


@cache
def sentences(language: str) -> Mapping[str, str]:
    """Every sentence as it stands in the file, by its name: ``code.busy.what``, ``pay.asks``, ``phrases.update``."""
    return dict(_walk(catalogue(language).tables, ""))


def _walk(table: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _walk(value, f"{before}{key}.")
        else:
            yield before + key, value


def phrases_in(sentence: str) -> list[str]:
    return _PHRASE.findall(sentence)


def slots(sentence: str) -> set[Slot]:
    """The facts that a sentence takes."""
    optional = {(fact, kind) for part in _OPTIONAL.findall(sentence) for fact, kind in _fields(part)}
    always = set(_fields(_OPTIONAL.sub("", sentence)))
    return {Slot(*field, is_optional=True) for field in optional - always} | {
        Slot(*field, is_optional=False) for field in always
    }


def _fields(sentence: str) -> list[tuple[str, str]]:
    return [(name, kind or "") for _, name, kind, _ in string.Formatter().parse(sentence) if name is not None]


def is_of_a_code(name: str) -> bool:
    """Also of a code at a certain deed (``doing``)."""
    return name.startswith(("code.", "doing."))
