"""A refusal on the wire: RFC 9457 problem details with our code and its facts, and back.

Rule: nothing but codes of the closed list leaves a service; what it did not foresee is INTERNAL and says no more.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from ledger_sync.http.peers import NoAnswer, RemoteRefusal
from wallet.protocol.bounds import MAX_CODE_BYTES
from wallet.protocol.codes import Code, Fact, Refusal

MEDIA_TYPE: Final = "application/problem+json"
MAX_PROBLEM_BYTES: Final = 16_384
AFTER: Final = "after"
"""The fact of a refusal after how many seconds it is worth asking again."""
MOST_SECONDS: Final = 60
"""Of that."""
_MAX_FACTS: Final = 16
_TYPE: Final = "urn:qalta:problem:"

_DEFAULT_STATUS: Final = 422
_STATUS: Final[dict[Code, int]] = {
    Code.TOO_LARGE: 413,
    Code.MALFORMED_CBOR: 400,
    Code.NOT_CANONICAL: 400,
    Code.MALFORMED: 400,
    Code.TOO_MANY: 400,
    Code.ALGORITHM_UNKNOWN: 400,
    Code.KIND_UNEXPECTED: 400,
    Code.VERSION_UNKNOWN: 400,
    Code.AMOUNT_INVALID: 400,
    Code.TIME_INVALID: 400,
    Code.KEY_INVALID: 400,
    Code.SIGNATURE_HIGH_S: 400,
    Code.AUTH_MISSING: 401,
    Code.AUTH_SIGNATURE: 401,
    Code.AUTH_STALE: 401,
    Code.AUTH_REPLAYED: 401,
    Code.AUTH_FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.ACCOUNT_UNKNOWN: 404,
    Code.ENROLMENT_UNKNOWN: 404,
    Code.METHOD_UNKNOWN: 405,
    Code.READER_OUTDATED: 406,
    Code.FUNDING_MISMATCH: 409,
    Code.COMMIT_MISMATCH: 409,
    Code.UNREACHABLE: 502,
    Code.ANSWER_UNREADABLE: 502,
    Code.BUSY: 503,
    Code.CLOCK_UNSURE: 503,
    Code.INTERNAL: 500,
}


def busy(seconds: float) -> Refusal:
    """BUSY: the same call is worth asking again after so many seconds, one at least."""
    return Refusal(Code.BUSY, {"after": min(MOST_SECONDS, max(1, math.ceil(seconds)))})


def status_of(code: Code) -> int:
    """The HTTP status that goes with a code; 422 where the request was understood and refused."""
    return _STATUS.get(code, _DEFAULT_STATUS)


def encode_problem(refusal: Refusal) -> bytes:
    """The JSON body for a refusal."""
    code = refusal.code
    problem = {
        "type": _TYPE + code.value,
        "title": code.value.replace("_", " ").capitalize(),
        "status": status_of(code),
        "code": code.value,
        "facts": dict(refusal.facts),
    }
    return json.dumps(problem, sort_keys=True).encode()


def decode_problem(raw: bytes, status: int) -> RemoteRefusal | NoAnswer:
    """The refusal in a problem body. One that is no problem of ours is UNREACHABLE: there is no Qalta service. One of
    ours with a code that is not on our list is ANSWER_UNREADABLE: a newer service refused, and we can't tell what."""
    nobody = NoAnswer(Code.UNREACHABLE, {"status": status})
    try:
        problem = json.loads(raw)
        said = str(problem["code"])[:MAX_CODE_BYTES]
        facts = problem["facts"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return nobody
    if not isinstance(facts, dict) or len(facts) > _MAX_FACTS:
        return nobody
    if said not in set(Code):
        return NoAnswer(Code.ANSWER_UNREADABLE, {"status": status})
    kept: dict[str, Fact] = {name: value for name, value in facts.items() if _is_fact(value)}
    return RemoteRefusal(Code(said), kept)


def _is_fact(value: Any) -> bool:
    return type(value) in (int, str)
