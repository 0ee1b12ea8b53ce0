"""The notary's words are told in its log, and kept and shown so; whoever reads no more than what is signed alone is
shown that, for which the notary is asked when it is first needed."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from ledger_sync.bank.redemption.proofs import Proofs
from ledger_sync.client.statuses import ReportedStatus, read_statuses
from ledger_sync.http.reading import HEADER, READS_ALONE
from ledger_sync.sandbox.in_process import NOTARY
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import OPENING, LedgerNetwork
from tests.ledger_sync.bank.test_commits import refused
from wallet.protocol import codec
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.log import LogHead
from wallet.protocol.settlement import Consumption, check_consumption
from wallet.protocol.transfer import Transfer


class Calls:
    """Those between services, each with what its caller reads; to some, what they refuse."""

    def __init__(self, net: LedgerNetwork) -> None:
        self.made: list[tuple[str, str]] = []
        self.refuses: Callable[[str, Cbor], Code | None] = lambda _path, _body: None
        net.between = self._between

    def _between(
        self, _name: str, request: httpx.Request, deliver: Callable[[], httpx.Response]
    ) -> httpx.Response:
        path, body = request.url.path, request.content
        code = self.refuses(path, codec.decode(body, 1 << 20)) if body else None
        self.made.append((path, "alone" if request.headers[HEADER] == READS_ALONE else "all"))
        return deliver() if code is None else refused(Refusal(code))

    def to(self, path: str) -> list[str]:
        """What callers of a path read."""
        return [reads for called, reads in self.made if called == path]


def paid(net: LedgerNetwork, count: int = 1, bank: str = "alatau") -> tuple[Customer, list[Signed[Transfer]]]:
    payer, payee = net.customer("Payer"), net.customer("Payee", bank)
    return payee, [net.pay(payer, [token], payee, 5) for token in payer.fund(*[5] * count)]


def asked(customer: Customer, *transfers: Signed[Transfer]) -> tuple[ReportedStatus, ...]:
    return read_statuses(customer.line().post("/v1/verdicts", [one.id for one in transfers]))


def words(rows: tuple[ReportedStatus, ...]) -> list[Signed[Consumption]]:
    return [said for row in rows for said in row.consumptions]


def test_what_a_bank_commits_together_it_is_told_and_tells_under_one_head(net: LedgerNetwork) -> None:
    payee, made = paid(net, 7)
    payee.upload(*made)
    found = words(asked(payee, *made))
    assert [said.body.consumer for said in found] == [one.id for one in made]
    (head,) = {LogHead.of(said) for said in found}
    for said in found:
        check_consumption(said, net.directory())
    net.settle_down(1)
    assert payee.line().get("/v1/log/heads") == [[head.to_cbor()], []]


def test_a_head_that_a_bank_was_shown_by_a_statement_is_kept_before_it_asks_for_any(
    net: LedgerNetwork,
) -> None:
    payee, made = paid(net)
    payee.upload(*made)
    (said,) = words(asked(payee, *made))
    net.down.add(NOTARY)
    net.settle_down(1)
    assert payee.line().get("/v1/log/heads") == [[LogHead.of(said).to_cbor()], []]


def test_whoever_reads_only_the_first_form_is_told_that_and_the_notary_is_asked_once(
    net: LedgerNetwork,
) -> None:
    payee, made = paid(net, 3)
    calls = Calls(net)
    payee.upload(*made)
    in_log = words(asked(payee, *made))
    assert calls.to("/v1/questions") == []
    told = []
    for _ in range(2):
        with net.reading("alatau", READS_ALONE):
            told.append(words(asked(payee, *made)))
    assert calls.to("/v1/questions") == ["alone"]
    assert [said.encode() for said in told[0]] == [said.encode() for said in told[1]]
    assert [said.body for said in told[0]] == [said.body.alone() for said in in_log]
    assert [said.leaf for said in told[0]] == [None] * 3
    assert words(asked(payee, *made)) == in_log


def test_while_the_notary_does_not_say_it_so_that_waits_and_nothing_else(net: LedgerNetwork) -> None:
    payee, made = paid(net, 2)
    payee.upload(*made)
    with net.reading("alatau", READS_ALONE):
        asked(payee, made[0])
        net.down.add(NOTARY)
        assert [row.settlement is None for row in asked(payee, made[0])] == [False]
        assert [row.settlement is None for row in asked(payee, *made)] == [False, True]
    assert [row.settlement is None for row in asked(payee, *made)] == [False, False]
    net.down.clear()
    with net.reading("alatau", READS_ALONE):
        assert [row.settlement is None for row in asked(payee, *made)] == [False, False]


def test_whoever_reads_no_form_that_is_still_told_is_told_so(net: LedgerNetwork) -> None:
    payee, made = paid(net)
    payee.upload(*made)
    with net.reading("alatau", "qsa2"), pytest.raises(Refusal) as outdated:
        asked(payee, *made)
    assert outdated.value.code is Code.READER_OUTDATED


def in_log(value: Cbor) -> bool:
    """Whether a proof has words that are shown in the log."""
    return any(b"qnc2" in protected for protected, *_ in value)


def older(path: str, body: Cbor) -> Code | None:
    """What a central bank refuses that reads the first form only."""
    return Code.VERSION_UNKNOWN if path == "/v1/redemptions" and in_log(body[2]) else None


def test_a_central_bank_that_reads_only_the_first_form_is_shown_that(net: LedgerNetwork) -> None:
    payee, made = paid(net, bank="zhibek")
    payee.upload(*made)
    calls = Calls(net)
    calls.refuses = older
    payee.upload(net.defund(payee, net.outputs(made[0])))
    net.settle_down()
    assert payee.balance() == OPENING + 5
    assert len(calls.to("/v1/redemptions")) == 2
    net.check_books()


def test_a_proof_that_has_no_room_for_paths_has_the_words_alone(net: LedgerNetwork) -> None:
    """Named as they are kept, so that whoever asks about one of them finds it."""
    payee, made = paid(net, 2)
    payee.upload(*made)
    node = net.banks["alatau"].node
    kept = words(asked(payee, *made))
    sizes = []
    for one, said in zip(made, kept, strict=True):
        for most in (said.size(), said.size() - 1):
            shown = Proofs(node.provenance, node.alone.of, most).show(one.id, lambda _bundle, found: found)
            assert [*shown] == [said.id]
            sizes.append(shown[said.id].size())
            assert shown[said.id].body.alone() == said.body.alone()
            assert (shown[said.id] == said) == (most == said.size())
    assert max(sizes[1::2]) < min(sizes[::2])
