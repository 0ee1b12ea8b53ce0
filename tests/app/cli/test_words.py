"""Wrong words: one sentence in the person's language, or one JSON object; never argparse's own text."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator

import pytest

from app.catalogue import LANGUAGES, catalogue
from app.cli.main import main
from app.cli.parser import build_parser
from app.cli.wording import WordsParser
from app.terminal.status import UsageError
from tests.app.catalogue.sentences import sentences

WRONG = {
    ("bogus",): "usage.choice",
    (): "usage.required",
    ("wallet",): "usage.required",
    ("wallet", "bogus"): "usage.choice",
    ("--bogus", "balance"): "usage.unrecognized",
    ("balance", "--bogus"): "usage.unrecognized",
    ("request",): "usage.required",
    ("request", "5", "--minutes", "x"): "usage.number",
    ("request", "5", "--minutes"): "usage.value_missing",
    ("request", "5", "--open=1"): "usage.no_value",
    ("receive", "--m", "1"): "usage.ambiguous",
    ("balance", "--lang", "xx"): "usage.choice",
    ("balance", "--pin-fd", "three"): "usage.number",
}


@pytest.mark.parametrize("argv", WRONG)
@pytest.mark.parametrize("language", LANGUAGES)
def test_wrong_words_are_told_in_each_language(
    argv: tuple[str, ...], language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--lang", language, *argv]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    name = WRONG[argv]
    start = re.split(r"\{\w+\}", catalogue(language).text(name, option="{o}", names="{n}", written="{w}"))
    assert " ".join(start[-1].split()[:1]) in " ".join(told.err.split())
    assert "usage:" not in told.err


@pytest.mark.parametrize("argv", WRONG)
def test_wrong_words_are_one_object_in_json(
    argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--json", *argv]) == 2
    told = capsys.readouterr()
    assert told.err == ""
    found = json.loads(told.out)
    assert found["error"] == WRONG[argv]
    assert "—" not in found["told"]
    assert "'" not in found["told"]


def commands(parser: WordsParser) -> Iterator[WordsParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                command.complete()
                yield command
                yield from commands(command)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_has_to_be_given_is_called_in_the_persons_language(language: str) -> None:
    words = catalogue(language)
    actions = [
        action
        for command in commands(build_parser(words))
        for action in command._actions
        if not isinstance(action, argparse._SubParsersAction)
    ]
    named = {action.metavar for action in actions if not action.option_strings}
    said = set(words.tables["argument"].values())
    assert named <= said <= {action.metavar for action in actions}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_command_in_a_sentence_is_called_as_the_person_calls_it(language: str) -> None:
    """`qalta` stands before it, which becomes ``./run`` where that was typed."""
    names = {name.split()[0] for name in help_names()}
    quoted = re.compile(r"`([a-z]+)(?= [^`]+`)")
    found = {
        name: word
        for name, sentence in sentences(language).items()
        for word in quoted.findall(sentence)
        if word in names
    }
    assert found == {}


def help_names() -> list[str]:
    return [command.prog.removeprefix("qalta ") for command in commands(build_parser(catalogue("en")))]


def test_every_command_that_is_announced_is_added_by_its_module() -> None:
    ends = [command for command in commands(build_parser(catalogue("en"))) if not command._subparsers]
    assert len(ends) > 40
    assert [command.prog for command in ends if command.get_default("run") is None] == []


def test_no_command_is_offered_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "conformance" not in help_names()
    assert all(
        "not in this version" not in (command.description or "")
        for command in commands(build_parser(catalogue("en")))
    )


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "sandbox" in capsys.readouterr().out


def test_what_argparse_says_in_a_way_that_is_not_known_is_passed_on() -> None:
    with pytest.raises(UsageError) as found:
        build_parser(catalogue("en")).error("the moon is in the way")
    assert found.value.name == "usage.words"
    assert found.value.facts["said"] == "the moon is in the way"
