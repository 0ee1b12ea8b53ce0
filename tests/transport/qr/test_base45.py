"""Base45 is RFC 9285's: one text for one byte string, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.transport.qr import base45


@given(st.binary(max_size=300))
def test_there_and_back(data: bytes) -> None:
    text = base45.encode(data)
    assert base45.decode(text) == data
    assert set(text) <= set(base45.ALPHABET)
    assert len(text) == len(data) // 2 * 3 + len(data) % 2 * 2


@given(st.text(alphabet=base45.ALPHABET, max_size=12))
def test_what_decodes_is_what_was_encoded(text: str) -> None:
    try:
        data = base45.decode(text)
    except base45.Base45Error:
        return
    assert base45.encode(data) == text


@pytest.mark.parametrize("text", ["GGW", "::", ":::", "A", "ABCD", "aB8", "BB8\n", "É00", "٣00"])
def test_refuses_what_no_bytes_encode_to(text: str) -> None:
    with pytest.raises(base45.Base45Error):
        base45.decode(text)
