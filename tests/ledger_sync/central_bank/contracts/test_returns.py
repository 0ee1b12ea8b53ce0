"""The contract of what came back: paid once, by who consumed what first, and the notary's words as they came."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ledger_sync.central_bank.ports.issuances import Cause
from ledger_sync.central_bank.ports.returns import Paid, Refunded
from ledger_sync.central_bank.ports.storage import Storage
from ledger_sync.heard import PAGE
from tests.ledger_sync.central_bank.contracts.test_issuances import FUNDING, TXID, issued
from tests.support.logs import Log
from tests.support.world import NOW, Key
from wallet.protocol import cose
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import CENTRAL_BANK, Consumption, Consumption2
from wallet.protocol.transfer import TokenRef

REF = TokenRef(TXID, 1)
NOTARY = Key.of("notary")


def word(number: int, time: int) -> Signed[Consumption]:
    ref = TokenRef(number.to_bytes(32, "big"), 0)
    return cose.sign(Consumption(TXID, CENTRAL_BANK, time, (ref,)), NOTARY.sign)


def test_a_redemption_is_paid_once(storage: Storage, other: Storage) -> None:
    assert storage.returns.redemption(TXID) is None
    assert storage.returns.keep_redemption(TXID, Paid(None, 10, "alatau"))
    assert not other.returns.keep_redemption(TXID, Paid(None, 11, "zhibek"))
    paid = other.returns.redemption(TXID)
    assert paid == Paid(None, 10, "alatau")
    assert (paid.credited("alatau"), paid.credited("zhibek")) == (10, 0)


def test_a_redemption_that_gave_tokens_says_which(storage: Storage, other: Storage) -> None:
    made = issued(10, funding=FUNDING)
    storage.issuances.keep(Cause.REDEMPTION, TXID, "alatau", made)
    storage.returns.keep_redemption(TXID, Paid(made, 10, None))
    assert other.returns.redemption(TXID) == Paid(made, 10, None)


def test_a_refund_is_paid_once(storage: Storage, other: Storage) -> None:
    assert storage.returns.refund(REF) is None
    assert storage.returns.keep_refund(REF, Refunded("alatau", 10))
    assert not other.returns.keep_refund(REF, Refunded("zhibek", 10))
    assert other.returns.refund(REF) == Refunded("alatau", 10)
    assert other.returns.refund(TokenRef(TXID, 0)) is None


def test_the_first_consumer_stands(storage: Storage, other: Storage) -> None:
    assert storage.winners.keep(REF, b"a" * 32) == b"a" * 32
    assert other.winners.keep(REF, b"b" * 32) == b"a" * 32
    assert other.winners.keep(TokenRef(TXID, 0), b"b" * 32) == b"b" * 32


def test_of_many_at_a_time_one_consumer_stands_for_all(storage: Storage, other: Storage) -> None:
    with ThreadPoolExecutor(8) as pool:
        writers = [(storage, other)[number % 2] for number in range(16)]
        stood = set(pool.map(lambda at: at[1].winners.keep(REF, bytes([at[0]]) * 32), enumerate(writers)))
    assert len(stood) == 1


def test_words_are_heard_once_and_told_in_the_order_of_their_coming(storage: Storage, other: Storage) -> None:
    words = [word(number, NOW - number) for number in range(5)]
    for number, said in enumerate(words):
        assert (storage, other)[number % 2].winners.hear(said)
        assert not storage.winners.hear(said)
    last, listed = storage.winners.heard(0, 0)
    assert [said.id for said in listed] == [said.id for said in words]
    middle, _ = storage.winners.heard(0, last - 1)
    assert middle == last
    assert storage.winners.heard(0, last) == (0, [])
    assert storage.winners.heard(NOW + 1, 0) == (0, [])


def test_a_word_that_was_signed_in_the_log_is_told_as_it_was_signed(storage: Storage, other: Storage) -> None:
    log = Log(NOTARY)
    log.append(
        [Consumption2.from_cbor([bytes(16), *word(number, NOW).body.to_cbor()]) for number in range(2)]
    )
    (_, said) = log.shown(0, log.head(NOW))
    assert storage.winners.hear(said)
    assert other.winners.heard(0, 0)[1] == [said]


def test_words_come_by_pages(storage: Storage) -> None:
    with storage.transaction():
        for number in range(PAGE + 3):
            storage.winners.hear(word(number, NOW))
    last, first = storage.winners.heard(0, 0)
    _, rest = storage.winners.heard(0, last)
    assert (len(first), len(rest)) == (PAGE, 3)
