"""What is known of a peer: it refused, nothing is known, or we refuse. One list says what is asked again."""

from __future__ import annotations

import pytest

from ledger_sync.http.peers import NoAnswer, RemoteRefusal, is_asked_again, is_final, read
from ledger_sync.http.problems import decode_problem, encode_problem, status_of
from wallet.protocol.codes import Code, Refusal

SAYS_NOTHING = {
    Code.AUTH_MISSING,
    Code.AUTH_SIGNATURE,
    Code.AUTH_STALE,
    Code.AUTH_FORBIDDEN,
    Code.AUTH_REPLAYED,
    Code.NOT_FOUND,
    Code.METHOD_UNKNOWN,
    Code.UNREACHABLE,
    Code.ANSWER_UNREADABLE,
    Code.BUSY,
    Code.INTERNAL,
    Code.CLOCK_UNSURE,
}


@pytest.mark.parametrize("code", list(Code))
def test_each_code_is_final_or_asked_again_and_only_a_peer_says_it(code: Code) -> None:
    remote, silent, own = RemoteRefusal(code), NoAnswer(code), Refusal(code)
    assert is_final(remote) is not is_asked_again(remote)
    assert is_asked_again(remote) is (code in SAYS_NOTHING)
    assert (is_final(silent), is_asked_again(silent)) == (False, True)
    assert (is_final(own), is_asked_again(own)) == (False, False)


@pytest.mark.parametrize("code", list(Code))
def test_a_refusal_on_the_wire_is_a_remote_one(code: Code) -> None:
    came = decode_problem(encode_problem(Refusal(code, {"amount": 7})), status_of(code))
    assert isinstance(came, RemoteRefusal)
    assert (came.code, came.facts) == (code, {"amount": 7})


def test_a_code_that_is_not_on_our_list_is_no_refusal_that_we_can_read() -> None:
    came = decode_problem(b'{"code":"of_next_year","facts":{}}', 422)
    assert isinstance(came, NoAnswer)
    assert came.code is Code.ANSWER_UNREADABLE


def test_what_a_reader_refuses_says_nothing_of_the_peer() -> None:
    def reader(_value: int) -> int:
        raise Refusal(Code.ISSUANCE_SIGNATURE)

    with pytest.raises(NoAnswer) as caught:
        read(1, reader)
    assert (caught.value.code, caught.value.facts) == (
        Code.ANSWER_UNREADABLE,
        {"because": "issuance_signature"},
    )
    assert read(1, lambda value: value + 1) == 2
