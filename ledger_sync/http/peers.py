"""What is known of a peer after a call to it: that it refused, that nothing is known, or that we refuse its answer.

Rule: three things are told apart, by type, wherever somebody else is asked. `RemoteRefusal`: it read the call and
refused. `NoAnswer`: its answer never came, or is none that we can read or believe; whether it did what was asked is
not known. Any other `Refusal` is our own. `is_asked_again` alone says what is asked again, with the same ids, and
`is_final` what will never be answered otherwise; nothing may be undone for anything that is not final.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from wallet.protocol.codes import Code, Refusal

A = TypeVar("A")
T = TypeVar("T")

_ABOUT_THE_CALL: Final = frozenset(
    {
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
)
"""What a service says of this one copy of a call, of its sender or of itself: another copy may have been carried out
or may yet be. Whoever asks a question to which one of these is an answer (a bank that shows a transfer has it, or says
NOT_FOUND) looks for that code itself."""
_ABOUT_THE_FORM: Final = frozenset(
    {
        Code.TOO_LARGE,
        Code.MALFORMED_CBOR,
        Code.NOT_CANONICAL,
        Code.MALFORMED,
        Code.ALGORITHM_UNKNOWN,
        Code.VERSION_UNKNOWN,
        Code.KIND_UNEXPECTED,
        Code.SIGNATURE_HIGH_S,
        Code.TIME_INVALID,
        Code.KEY_INVALID,
        Code.INPUTS_UNSORTED,
        Code.DUPLICATE_ITEM,
        Code.METHOD_UNKNOWN,
        Code.NOT_FOUND,
    }
)
"""What a service says of bytes or a path that it does not understand. Of a call that we wrote it means that the two are
not of one version, or that one of them is wrong; never that a person showed the wrong thing."""


class RemoteRefusal(Refusal):
    """The peer read the call and refused it, with this code."""

    @property
    def is_not_understood(self) -> bool:
        """Whether it says that it does not understand what was asked."""
        return self.code in _ABOUT_THE_FORM


class NoAnswer(Refusal):
    """Nothing is known of what the peer did. UNREACHABLE: nothing came. ANSWER_UNREADABLE: something did, and it is
    none that we can read or believe."""

    @property
    def is_silence(self) -> bool:
        """Whether nothing came at all, so that the peer's other work may wait as well."""
        return self.code is Code.UNREACHABLE


def is_about_the_call(code: Code) -> bool:
    """Whether `code` says nothing about what was asked, only about one copy of a call, its sender or the service."""
    return code in _ABOUT_THE_CALL


def is_asked_again(refusal: Refusal) -> bool:
    """Whether the same call may yet be answered otherwise: nothing is known, or the peer said nothing about what was
    asked."""
    if isinstance(refusal, RemoteRefusal):
        return refusal.code in _ABOUT_THE_CALL
    return isinstance(refusal, NoAnswer)


def is_final(refusal: Refusal) -> bool:
    """Whether the peer itself refused what was asked, so that every copy of the call is refused likewise."""
    return isinstance(refusal, RemoteRefusal) and refusal.code not in _ABOUT_THE_CALL


def unreadable(refusal: Refusal) -> NoAnswer:
    """An answer came, and this is what is wrong with it."""
    return NoAnswer(Code.ANSWER_UNREADABLE, {"because": refusal.code.value})


def read(answer: A, reader: Callable[[A], T]) -> T:
    """What `reader` makes of a peer's answer. `NoAnswer` (ANSWER_UNREADABLE) for whatever `reader` refuses."""
    try:
        return reader(answer)
    except Refusal as refusal:
        raise unreadable(refusal) from refusal
