"""Messages: what is written is read back, and nothing else is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.pairs import Pair
from wallet.protocol import codec
from wallet.protocol.bounds import MAX_MESSAGE_BYTES, MAX_PAYMENT_BYTES
from wallet.protocol.codes import Code, Refusal
from wallet.session import messages
from wallet.session.messages import TELLABLE, ProblemMessage, problem_of


def exchange() -> list[bytes]:
    pair = Pair.of()
    request = pair.payee.bytes_to_send()
    pair.ask()
    pair.agree()
    payment = pair.pay()
    receipt = pair.answer()
    problem = messages.encode(ProblemMessage(Code.REQUEST_EXPIRED, {"time": 2, "expires": 1}))
    return [request or b"", payment, receipt, problem]


SAID = exchange()


@pytest.mark.parametrize("raw", SAID, ids=["request", "payment", "receipt", "problem"])
def test_what_is_written_is_read_back(raw: bytes) -> None:
    assert messages.encode(messages.decode(raw)) == raw


def test_a_payment_travels_as_the_bytes_that_were_signed() -> None:
    message = messages.decode(SAID[1])
    assert isinstance(message, messages.PaymentMessage)
    assert message.raw == message.payment.encode()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", Code.MALFORMED_CBOR),
        (codec.encode([]), Code.MALFORMED),
        (codec.encode(["1", []]), Code.MALFORMED),
        (codec.encode([True, []]), Code.MALFORMED),
        (codec.encode([0, []]), Code.MALFORMED),
        (codec.encode([5, []]), Code.MALFORMED),
        (codec.encode([1, [], []]), Code.MALFORMED),
        (codec.encode([4, "declined"]), Code.MALFORMED),
        (codec.encode([4, "no such code", []]), Code.MALFORMED),
        (codec.encode([4, "declined", [["a", 1]] * 2]), Code.MALFORMED),
        (codec.encode([4, "declined", [["b", 1], ["a", 1]]]), Code.MALFORMED),
        (codec.encode([4, "declined", [["a", -1]]]), Code.MALFORMED),
        (codec.encode([4, "declined", [["a", True]]]), Code.MALFORMED),
        (codec.encode([4, "declined", [["a", "x" * 65]]]), Code.MALFORMED),
        (codec.encode([4, "declined", [[f"{n}", n] for n in range(9)]]), Code.TOO_MANY),
        (SAID[0] + b"\x00", Code.NOT_CANONICAL),
        (bytes(MAX_MESSAGE_BYTES + 1), Code.TOO_LARGE),
        (codec.encode([2, bytes(MAX_PAYMENT_BYTES)]), Code.TOO_LARGE),
    ],
)
def test_anything_else_is_refused_with_a_code(raw: bytes, code: Code) -> None:
    with pytest.raises(Refusal) as refused:
        messages.decode(raw)
    assert refused.value.code is code


@given(st.sampled_from(SAID), st.data())
def test_no_changed_byte_reads_as_the_same_message(raw: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]
    try:
        message = messages.decode(changed)
    except Refusal:
        return
    assert messages.encode(message) == changed != raw


@given(st.sampled_from(Code), st.dictionaries(st.text(), st.one_of(st.integers(), st.text()), max_size=12))
def test_a_stranger_hears_only_about_its_own_objects(code: Code, facts: dict[str, int | str]) -> None:
    told = messages.decode(messages.encode(problem_of(Refusal(code, facts))))
    assert isinstance(told, ProblemMessage)
    if code in TELLABLE:
        assert told.code is code
    else:
        assert told == ProblemMessage(Code.DECLINED)


@pytest.mark.parametrize("code", [Code.FUNDS_SHORT, Code.LIMIT_BALANCE, Code.LIMIT_TOTAL, Code.ROLLBACK])
def test_what_concerns_our_own_purse_is_not_told(code: Code) -> None:
    assert problem_of(Refusal(code, {"have": 1, "need": 2})) == ProblemMessage(Code.DECLINED)
