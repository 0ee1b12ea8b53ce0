"""What is stored as payload and seal comes back as it was signed, in whichever version, parsed before or not."""

from __future__ import annotations

import pytest

from ledger_sync.bank.parsed import keep, load
from tests.support.deals import refusal_of
from tests.support.logs import Log
from tests.support.world import NOW, Key
from wallet.protocol import cose
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Consumption, Consumption2
from wallet.protocol.transfer import TokenRef

NOTARY = Key.of("notary")


def said(number: int, *, in_the_log: bool) -> Signed[Consumption]:
    """A word of the notary's that nobody has parsed before."""
    name = number.to_bytes(32, "big")
    body = Consumption(name, "alatau", NOW, (TokenRef(name, 0),))
    if not in_the_log:
        return cose.sign(body, NOTARY.sign)
    log = Log(NOTARY)
    log.append([Consumption2.from_cbor([name[-16:], *body.to_cbor()])])
    return log.shown(0, log.head(NOW))[0]


@pytest.mark.parametrize("in_the_log", [False, True])
def test_what_was_stored_comes_back(in_the_log: bool) -> None:
    fresh, kept = said(1, in_the_log=in_the_log), said(2, in_the_log=in_the_log)
    keep(kept)
    for signed in (fresh, fresh, kept):
        assert load(Consumption, signed.payload, signed.seal()) == signed
        assert load(Consumption, signed.payload).body == signed.body
        assert type(load(Consumption, signed.payload).body) is type(signed.body)


def test_what_is_no_payload_of_any_version_is_refused() -> None:
    payload = said(3, in_the_log=True).payload
    assert refusal_of(lambda: load(Consumption, payload[:-1])) is Code.MALFORMED_CBOR
    assert refusal_of(lambda: load(Consumption, b"\x80")) is Code.MALFORMED
