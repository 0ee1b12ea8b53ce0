"""Three languages say the same things: every code, every key, every fact, in sentences that can be read."""

from __future__ import annotations

import re
from typing import Final

import pytest

from app.catalogue import LANGUAGES, catalogue
from app.engine.troubles import AppCode
from hsm.keystore import KeystoreCode
from hsm.pin import MAX_PIN_CHARACTERS, MIN_PIN_CHARACTERS
from tests.app.catalogue.sentences import OTHERS, PARTS, is_of_a_code, phrases_in, sentences, slots
from wallet.protocol.codes import Code

LISTS: Final = (Code, KeystoreCode, AppCode)
CODES: Final = sorted(code.value for codes in LISTS for code in codes)
KINDS: Final = {"", "tiyn", "n", "time", "state", "object"}
LONGEST: Final = 200
TYPICAL: Final[dict[str, int | str]] = {
    "": "Жеміс-жидек дүкені",
    "tiyn": 1_250_050,
    "n": 6_200,
    "time": 1_790_000_000,
    "state": "signed",
    "object": "qrq2",
}

BOTH_TIMES: Final = (
    Code.TIME_BEFORE_INPUTS,
    Code.TIME_BEFORE_CERTIFICATE,
    Code.TOKEN_EXPIRED,
    Code.CERTIFICATE_EXPIRED,
    Code.REQUEST_EXPIRED,
    Code.TIME_AHEAD,
    Code.LIMIT_DAYS,
    Code.AUTH_STALE,
    Code.TOO_EARLY,
)
LATIN_IN_CYRILLIC: Final = {
    "PIN",
    "PKCS",
    "ECDSA",
    "P",
    "chmod",
    "Debian",
    "sync",
    "QR",
    "PostgreSQL",
    "PEM",
    "TLS",
}

in_each_language = pytest.mark.parametrize("language", LANGUAGES)
in_each_other_language = pytest.mark.parametrize("language", OTHERS)


def facts_for(sentence: str) -> dict[str, int | str]:
    plain_first = sorted(slots(sentence), key=lambda slot: slot.kind)
    return {slot.fact: TYPICAL[slot.kind] for slot in plain_first}


def written(language: str, name: str) -> str:
    """The sentence as a person reads it, with facts of the usual length."""
    words = catalogue(language)
    if name.startswith("doing."):
        _, pair, part = name.split(".")
        code = next(code for code in CODES if pair.startswith(f"{code}_"))
        deed = pair.removeprefix(f"{code}_")
        facts = facts_for(sentences(language)[name])
        return str(getattr(words.tell(code, {**facts, "doing": deed}), part))
    if not is_of_a_code(name):
        return words.text(name, **facts_for(sentences(language)[name]))
    _, code, part = name.split(".")
    return str(getattr(words.tell(code, facts_for(sentences(language)[name])), part))


@in_each_language
def test_every_code_says_what_happened_where_the_money_is_and_what_to_do(language: str) -> None:
    table = catalogue(language).tables["code"]
    assert sorted(table) == CODES
    assert {code: tuple(entry) for code, entry in table.items()} == dict.fromkeys(table, PARTS)


@in_each_language
def test_advice_for_a_deed_has_the_same_three_parts(language: str) -> None:
    table = catalogue(language).tables["doing"]
    assert {pair: tuple(entry) for pair, entry in table.items()} == dict.fromkeys(table, PARTS)


def test_no_two_lists_share_a_code() -> None:
    assert len(CODES) == len(set(CODES))


@in_each_other_language
def test_a_language_has_the_keys_of_english_and_no_others(language: str) -> None:
    english, other = set(sentences("en")), set(sentences(language))
    assert sorted(english - other) == []
    assert sorted(other - english) == []


@in_each_other_language
def test_a_sentence_takes_the_same_facts_in_every_language(language: str) -> None:
    english, other = sentences("en"), sentences(language)
    differing = [name for name in english.keys() & other.keys() if slots(english[name]) != slots(other[name])]
    assert differing == []


@in_each_other_language
def test_an_empty_sentence_is_empty_in_every_language(language: str) -> None:
    english, other = sentences("en"), sentences(language)
    assert {name for name in english if not english[name]} == {name for name in other if not other[name]}


@in_each_language
def test_every_fact_is_written_in_a_known_way(language: str) -> None:
    assert {slot.kind for sentence in sentences(language).values() for slot in slots(sentence)} <= KINDS


@in_each_language
def test_a_code_can_be_told_without_its_facts(language: str) -> None:
    needed = {name for name, sentence in sentences(language).items() if is_of_a_code(name)
              and any(not slot.is_optional for slot in slots(sentence))}  # fmt: skip
    assert needed == set()


@in_each_language
def test_every_phrase_exists_and_is_used(language: str) -> None:
    used = {phrase for sentence in sentences(language).values() for phrase in phrases_in(sentence)}
    assert used == set(catalogue(language).tables["phrases"])


@in_each_language
def test_phrases_stand_alone(language: str) -> None:
    for name, sentence in sentences(language).items():
        if name.startswith("phrases."):
            assert not phrases_in(sentence), name
            assert not slots(sentence), name


@in_each_language
def test_refusals_for_time_show_both_times(language: str) -> None:
    for code in BOTH_TIMES:
        sentence = sentences(language)[f"code.{code.value}.what"]
        assert len({slot.fact for slot in slots(sentence) if slot.kind == "time"}) == 2, code


@in_each_language
def test_a_sentence_is_short(language: str) -> None:
    long = {name: text for name in sentences(language) if len(text := written(language, name)) > LONGEST}
    assert long == {}


@in_each_language
def test_a_sentence_is_written_cleanly(language: str) -> None:
    for name in sentences(language):
        text = written(language, name)
        assert "  " not in text.lstrip(), name
        assert text == text.rstrip(), name
        assert not re.search(r"[{}@]|\[\[|\]\]| (?!\.[a-z])[.,:;!?]", text), name
        if is_of_a_code(name) or name.startswith("phrases."):
            assert re.fullmatch(r"[^\W\d_a-zа-яәіңғүұқөһ].*[.!?]", text), name


@in_each_language
def test_no_sentence_needs_a_plural_form(language: str) -> None:
    """`Tokens: 5`, never `5 tokens`: Russian would need three forms. Kazakh needs none after a number."""
    if language == "kk":
        return
    counted = re.compile(r"\{\w+:n\} (?!of\b|из\b)[^\W\d_]")
    assert [name for name, sentence in sentences(language).items() if counted.search(sentence)] == []


@in_each_language
def test_what_brings_everything_to_the_ledger_has_one_name(language: str) -> None:
    """The app's buttons, and every sentence that sends somebody to them. `bench` calls a figure `reconcile`."""
    name = {"en": "sync", "ru": "синхрон", "kk": "синхрон"}[language]
    others = {"en": "reconcil", "ru": "сверк|сверит|реконс", "kk": "салыстыр|сверк"}[language]
    found = {
        key: sentence.lower() for key, sentence in sentences(language).items() if not key.startswith("bench.")
    }
    assert [key for key, sentence in found.items() if re.search(others, sentence)] == []
    buttons = ("app_home.reconcile", "app_ledger.title", "app_ledger.start", "sync.done")
    sending = ("phrases.resumes", "phrases.go_online", "app_home.since")
    assert [key for key in (*buttons, *sending) if name not in found[key]] == []


@in_each_language
def test_help_can_be_handed_to_argparse(language: str) -> None:
    for name, sentence in sentences(language).items():
        if name.startswith("help.") or ".help_" in name:
            assert "%" not in sentence, name


@in_each_language
def test_the_prompt_for_a_new_pin_tells_how_long_it_may_be(language: str) -> None:
    prompt = catalogue(language).text("ask.pin_new")
    assert [int(number) for number in re.findall(r"\d+", prompt)] == [MIN_PIN_CHARACTERS, MAX_PIN_CHARACTERS]


@in_each_other_language
def test_no_word_mixes_alphabets(language: str) -> None:
    """A Latin `i` in a Kazakh word looks right and cannot be searched for or read aloud."""
    mixed = re.compile(r"[A-Za-z][Ѐ-ӿ]|[Ѐ-ӿ][A-Za-z]")
    assert [name for name in sentences(language) if mixed.search(written(language, name))] == []


@in_each_other_language
def test_nothing_is_left_in_english(language: str) -> None:
    english = sentences("en")
    for name, sentence in sentences(language).items():
        if not is_of_a_code(name) and not name.startswith("phrases."):
            continue
        assert sentence.startswith("@") or sentence != english[name], name
        words = re.findall(r"[A-Za-z]+", re.sub(r"`[^`]*`|\{[^}]*\}|@\S+", "", sentence))
        assert set(words) <= LATIN_IN_CYRILLIC, name


def test_russian_uses_russian_letters_and_kazakh_has_its_own() -> None:
    kazakh = re.compile("[әіңғүұқөһӘІҢҒҮҰҚӨҺ]")
    assert [name for name, sentence in sentences("ru").items() if kazakh.search(sentence)] == []
    assert len([name for name, sentence in sentences("kk").items() if kazakh.search(sentence)]) > len(CODES)
