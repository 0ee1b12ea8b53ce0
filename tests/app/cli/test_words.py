"""Wrong words: one sentence in the person's language, or one JSON object; never argparse's own text."""

from __future__ import annotations

import json
import re

import pytest

from app.catalogue import LANGUAGES, catalogue
from app.cli.main import main
from app.cli.parser import build_parser
from app.cli.status import UsageError

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


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "sandbox" in capsys.readouterr().out


def test_what_argparse_says_in_a_way_that_is_not_known_is_passed_on() -> None:
    with pytest.raises(UsageError) as found:
        build_parser(catalogue("en")).error("the moon is in the way")
    assert found.value.name == "usage.words"
    assert found.value.facts["said"] == "the moon is in the way"
