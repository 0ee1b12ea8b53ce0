"""Answers that are told again: whose they are, which are kept, and how many."""

from __future__ import annotations

from typing import Any

from ledger_sync.bank.api.told_again import ToldAgain, Upload
from ledger_sync.bank.ports.settlements import Told
from tests.support.world import NOW, World
from wallet.protocol import codec, cose
from wallet.protocol.bundle import Bundle
from wallet.protocol.settlement import Settlement, Verdict

READS = frozenset({"a"})
TXID = bytes(32)


def upload(body: bytes = b"body", uploader: str = "customer:a", reads: frozenset[str] = READS) -> Upload:
    made = Upload.of(body, uploader, reads)
    assert made is not None
    return made


def told(verdict: Verdict = Verdict.SETTLED) -> dict[bytes, Told]:
    body = Settlement(bank="alatau", transfer=TXID, verdict=verdict, values=(1,), code=None, time=NOW)
    return {TXID: Told(cose.sign(body, World().bank_key("alatau").sign), (), None)}


def row(verdict: bytes | None = b"verdict") -> list[Any]:
    return [TXID, verdict, None, [b"word"], None, None]


def test_the_same_of_the_same_caller_is_told_with_when_it_was_first_answered() -> None:
    again = ToldAgain()
    again.keep(upload(), Bundle(), [row()], told())
    kept = again.get(upload())
    assert kept is not None
    assert codec.decode(kept.answer, 1_000) == [[TXID, b"verdict", NOW, [b"word"], None, None]]
    assert (kept.transfers, kept.items) == (1, 0)
    assert again.get(upload(b"other")) is None
    assert again.get(upload(uploader="customer:b")) is None
    assert again.get(upload(reads=frozenset())) is None
    assert again.get(Upload.of(b"", "customer:a", READS)) is None


def test_what_may_yet_change_is_not_kept() -> None:
    """A verdict to come, what is refused or conflicts, and what is no payment."""
    again = ToldAgain()
    again.keep(upload(), Bundle(), [row(), row(None)], told())
    for verdict in (Verdict.REFUSED, Verdict.CONFLICT):
        again.keep(upload(), Bundle(), [row()], told(verdict))
    again.keep(upload(), Bundle(), [row()], {})
    assert again.get(upload()) is None
    again.keep(None, Bundle(), [row()], told())


def test_the_newest_are_kept_and_those_asked_for() -> None:
    again = ToldAgain(2 * (256 + 60))
    first, second, third = (upload(body) for body in (b"1", b"2", b"3"))
    for one in (first, second, second):
        again.keep(one, Bundle(), [row()], told())
    assert again.get(first) is not None
    again.keep(third, Bundle(), [row()], told())
    assert [again.get(one) is not None for one in (first, second, third)] == [True, False, True]
