"""How a sentence is filled: facts may be missing, wrong or hostile, and what is told stays a clean sentence."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue import LANGUAGES, Catalogue, catalogue, chosen_language
from app.catalogue.written import written_amount
from tests.app.catalogue.sentences import PARTS, sentences, slots
from wallet.protocol.bounds import MAX_SUM, MAX_TIME
from wallet.protocol.codes import Code

FACTS = sorted({slot.fact for sentence in sentences("en").values() for slot in slots(sentence)})
CODES = sorted(catalogue("en").tables["code"])
hostile_facts = st.dictionaries(
    st.sampled_from(FACTS) | st.text(max_size=8),
    st.integers(-MAX_SUM, 2**70) | st.text(max_size=70),
    max_size=8,
)


def made_of(**tables: dict[str, object]) -> Catalogue:
    return Catalogue(
        "en", {"phrases": {"later": "Try later."}, "history": {"state_signed": "signed off"}, **tables}
    )


def says(sentence: str, **facts: int | str) -> str:
    return made_of(any={"sentence": sentence}).text("any.sentence", **facts)


@given(st.sampled_from(LANGUAGES), st.sampled_from(CODES), hostile_facts)
def test_a_refusal_can_be_told_whatever_its_facts_are(
    language: str, code: str, facts: dict[str, int | str]
) -> None:
    for line in catalogue(language).tell(code, facts).lines():
        assert line
        assert not any(unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp") for sign in line)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_without_facts_shows_no_gap(language: str) -> None:
    for code in CODES:
        for line in catalogue(language).tell(code).lines():
            assert not set("{}[]@—") & set(line), (code, line)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_of_the_interface_can_be_said_without_facts(language: str) -> None:
    for name in sentences(language):
        if not name.startswith(("code.", "doing.")):
            assert "{" not in catalogue(language).text(name)


def test_facts_are_written_as_people_write_them() -> None:
    said = says(
        "{a:tiyn}, {b:n}, {c}, {d:state}, {e:state}", a=1_250_050, b=12_500, c="Нан", d="signed", e="lost"
    )
    assert said == "12\xa0500,50\xa0₸, 12\xa0500, Нан, signed off, lost"


def test_a_part_is_said_only_when_all_of_its_facts_are_known() -> None:
    sentence = "No money[[: {have:tiyn} of {need:tiyn}]]."
    assert says(sentence, have=100, need=200) == "No money: 1\xa0₸ of 2\xa0₸."
    assert says(sentence, have=100) == "No money."


@pytest.mark.parametrize("fact", ["100", "", True])
def test_an_amount_that_is_no_number_is_not_known(fact: int | str) -> None:
    assert says("No money[[: {have:tiyn}]].", have=fact) == "No money."


@pytest.mark.parametrize("moment", [-1, MAX_TIME + 1, MAX_SUM])
def test_a_time_that_no_clock_has_is_not_known(moment: int) -> None:
    assert says("Wait[[ until {until:time}]].", until=moment) == "Wait."


def test_the_last_time_of_the_protocol_can_be_written() -> None:
    assert re.match(r"0[678]\.02\.2106 ", says("{until:time}", until=MAX_TIME))


def test_a_fact_that_must_be_there_and_is_not_shows_as_a_dash() -> None:
    assert says("To {payee}.") == "To —."


@pytest.mark.parametrize("fact", ["{limit:n}", "[[{limit:n}]]", "@later", "{", "]]"])
def test_nothing_in_a_fact_is_read_as_a_part_of_the_sentence(fact: str) -> None:
    assert says("It said {words}[[ {limit:n}]].", words=fact) == f"It said {fact}."


def test_what_would_steer_a_terminal_is_made_harmless() -> None:
    assert says("At {bank}.", bank="a\x1b[31m\n\u202eb") == "At a·[31m··b."


def test_an_amount_that_is_written_already_stays_as_it_is() -> None:
    assert says("To pay: {amount}.", amount=written_amount(1_250_050)) == "To pay: 12\xa0500,50\xa0₸."


def test_a_phrase_stands_where_it_is_named() -> None:
    assert says("No. @later") == "No. Try later."


def test_a_fact_may_be_called_name() -> None:
    assert catalogue("en").text("missing.file", name="a.png") == "a.png is missing or cannot be read."


def test_a_command_is_called_as_the_process_is_also_where_another_name_was_read_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("qalta", "./run", "qalta")
    said = []
    for name in names:
        monkeypatch.setenv("QALTA_COMMAND", name)
        said.append(catalogue("en").text("usage.no_wallet"))
    assert [f"`{name} wallet new NAME`" in sentence for name, sentence in zip(names, said, strict=True)] == [
        True
    ] * 3


def test_told_lines_are_what_money_next() -> None:
    told = made_of(code={"busy": {"what": "W", "money": "M", "next": "N"}}).tell(Code.BUSY)
    assert (told.what, told.money, told.next) == told.lines() == ("W", "M", "N")
    assert len(told.lines()) == len(PARTS)


LOCALES = [
    ({}, "en"),
    ({"LANG": "kk_KZ.UTF-8"}, "kk"),
    ({"LANG": "ru"}, "ru"),
    ({"LANG": "de_DE.UTF-8"}, "en"),
    ({"LANG": "C"}, "en"),
    ({"LANG": "run"}, "en"),
    ({"LC_ALL": "C.UTF-8", "LANG": "ru_RU.UTF-8"}, "en"),
    ({"LC_ALL": "", "LC_MESSAGES": "ru_KZ@mod", "LANG": "kk_KZ"}, "ru"),
    ({"QALTA_LANG": "kk", "LC_ALL": "ru_RU.UTF-8"}, "kk"),
]


@pytest.fixture
def no_locale(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("QALTA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(("variables", "language"), LOCALES)
def test_the_language_is_the_one_that_the_system_speaks(
    no_locale: pytest.MonkeyPatch, variables: dict[str, str], language: str
) -> None:
    for name, value in variables.items():
        no_locale.setenv(name, value)
    assert chosen_language() == language


@pytest.mark.parametrize("asked", LANGUAGES)
def test_the_language_that_is_asked_for_goes_before_the_system(
    no_locale: pytest.MonkeyPatch, asked: str
) -> None:
    no_locale.setenv("LC_ALL", "ru_RU.UTF-8")
    assert chosen_language(asked) == asked


def test_a_language_that_there_is_none_of_leaves_it_to_the_system(no_locale: pytest.MonkeyPatch) -> None:
    no_locale.setenv("LANG", "kk_KZ.UTF-8")
    assert chosen_language("xx") == "kk"


def test_a_wallet_says_exactly_what_it_does_not_know() -> None:
    for language, words in (("en", "payment request"), ("ru", "запрос на оплату"), ("kk", "төлем сұранысы")):
        for code in (Code.VERSION_UNKNOWN, Code.ALGORITHM_UNKNOWN, Code.READER_OUTDATED):
            told = catalogue(language).tell(code.value, {"kind": "qrq2"})
            assert f"{words} (qrq2)" in told.what
            for nothing in ({}, {"kind": "zzz9"}, {"kind": 7}):
                assert "qrq" not in catalogue(language).tell(code.value, nothing).what
                assert "[[" not in catalogue(language).tell(code.value, nothing).what
