"""Words that cannot be written are spelled or let go of; nothing is raised for them."""

from __future__ import annotations

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue import LANGUAGES
from app.terminal.sink import Sink, can_write
from tests.app.catalogue.sentences import sentences

CHARSETS = ("utf-8", "ptcp154", "koi8_r", "cp1251", "iso8859_5", "ascii")


def written(text: str, charset: str) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=charset)
    sink = Sink(stream)
    sink.write(text)
    sink.flush()
    assert sink.lost is None
    return raw.getvalue().decode(charset)


@given(text=st.text(), charset=st.sampled_from(CHARSETS))
def test_any_text_goes_into_any_character_set(text: str, charset: str) -> None:
    found = written(text, charset)
    assert can_write(found, charset)
    assert [sign for sign in text if can_write(sign, charset)] == [
        sign for sign in found if sign in set(text)
    ] or not can_write(text, charset)


@given(text=st.text(alphabet=st.characters(max_codepoint=127)), charset=st.sampled_from(CHARSETS))
def test_what_fits_is_left_as_it_is(text: str, charset: str) -> None:
    assert written(text, charset) == text.replace("\r", "\r")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("charset", ["ptcp154", "koi8_r"])
def test_the_catalogue_is_readable_in_the_charsets_of_kazakhstan(language: str, charset: str) -> None:
    asked = {name: text for name, text in sentences(language).items() if "?" not in text}
    assert [name for name, text in asked.items() if "?" in written(text, charset)] == []


def test_an_amount_is_spelled() -> None:
    amount = "12\N{NO-BREAK SPACE}500,50\N{NO-BREAK SPACE}\N{TENGE SIGN}"
    assert written(amount, "koi8_r") == "12\N{NO-BREAK SPACE}500,50\N{NO-BREAK SPACE}тг"
    assert written(amount, "ascii") == "12 500,50 KZT"


def test_a_stream_that_takes_no_more_is_let_go_of() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    with os.fdopen(descriptor, "w") as stream:
        sink = Sink(stream)
        sink.write("a" * 100_000)
        sink.flush()
        assert sink.lost is not None
        sink.write("b")
        stream.write("what Python still holds goes nowhere")


def test_a_process_without_the_stream_is_the_same() -> None:
    sink = Sink(None)
    assert sink.write("a") == 1
    sink.flush()
    assert sink.lost is not None
    assert not sink.isatty()
