"""What a bank is asked costs by what is open, never by what was: no statement of a call reads history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.bank.ports.shares import Share
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.inside import store_of
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.story import Remembering, tell
from tests.ledger_sync.bank.sweeping import false
from tests.ledger_sync.statements import Recording, connections_of, recorded, steps_of
from tests.support.world import DAY, Person
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import parse_evidence
from wallet.protocol.keys import PublicKey
from wallet.protocol.policy import Reason
from wallet.protocol.transfer import Refresh, TokenRef, Transfer

REFRESHED = Path(str(files("ledger_sync.bank.sql") / "migrations" / "0021_refreshed.sql"))
FIXED = {
    "provenance": "the ancestors of one transfer, as far as a bundle carries them",
    "named": "what a statement itself names, 64 at most",
    "to_answer": "what was decided in the last moment and has no verdict yet",
    "policy_limits": "its last row, in the order of its key",
    "partners": "as many as there are banks",
    "fundings:fundings_open": "fundings under way, which the books list by id",
    "redemptions:redemptions_open": "redemptions under way, which the books list by id",
    "refunds:refunds_open": "refunds under way, which the books list by id",
    "compensations:compensations_open": "compensations still owed, each of which is asked for again",
    "work": "everything open is due after a start",
    "customers": "the operator's books list every account",
    "accounts": "the operator's books list every account",
}
"""What may be read whole, and why."""


DERIVED = {
    "select origin, output from unspent": (
        "select t.origin, t.output from tokens t where t.owner in (select key from wallets)"
        " and (t.value is null or t.value > 0)"
        " and not exists (select 1 from consumed c where c.origin = t.origin and c.output = t.output)"
        " and not exists (select 1 from refunds r where r.origin = t.origin and r.output = t.output"
        " and r.stage <> 'open')"
    ),
    "select distinct transfer from pending where role = 'signer'": (
        "select distinct c.transfer from copies c join transfers t on t.id = c.transfer where t.stage <> 'answered'"
    ),
    "select distinct device, sequence, transfer from counted": (
        "select distinct w.device, c.sequence, c.transfer from copies c join wallets w on w.key = c.signer"
        " join transfers t on t.id = c.transfer where t.purpose is not null"
    ),
}
"""What is kept apart, and what it is kept from."""


def steps(net: LedgerNetwork, action: Callable[[], object]) -> int:
    with steps_of(*connections_of(store_of(net.banks["alatau"].node))) as count:
        action()
        return count()


def history(net: LedgerNetwork, payer: Customer, payee: Customer, payments: int) -> None:
    """So many settled payments, each from the last one's change."""
    change = payer.fund(1_000_000)
    for _ in range(payments):
        paid = net.pay(payer, change, payee, 100)
        payer.upload_bundle(replace(net.bundle([paid]), transfers=(paid,)))
        change = net.outputs(paid)[1:]


def test_no_statement_reads_a_whole_table_that_grows(tmp_path: Path) -> None:
    net = Remembering(tmp_path)
    recordings: list[Recording] = []
    for assembled in net.banks.values():
        recordings += recorded(store_of(assembled.node))
    tell(net)
    for name in ("Aigul", "Shop"):
        customer = net.customer(name)
        customer.line().post("/v1/keys", [customer.key])
        customer.line().post("/v1/possessions", [b""])
        customer.line().get("/v1/account")
        customer.deliveries()
        customer.line().post("/v1/losses", [])
    let_refused_go(net)
    scans = {sql: name for recording in recordings for sql, name in recording.scans().items()}
    assert len(recordings[0].asked) > 60
    assert {sql: name for sql, name in scans.items() if not {name, name.split(":")[0]} & set(FIXED)} == {}
    for recording in recordings:
        for held, derived in DERIVED.items():
            assert sorted(recording.execute(held)) == sorted(recording.execute(derived))
    net.close()


def let_refused_go(net: LedgerNetwork) -> None:
    """Over a share, and after a time."""
    cheat, shop = net.customer("Refused"), net.customer("Shop")
    tokens = cheat.fund(1_000)
    retention = net.banks["alatau"].node.retention
    retention._most[Share.REFUSED] = 1
    for more in range(1, 4):
        made = false(net, cheat, tokens, shop, more)
        shop.upload_bundle(replace(net.bundle([made]), transfers=(made,)))
    net.now += 181 * DAY
    retention.sweep()
    assert net.look("alatau", "select count(*) from refused") == [(0,)]


CENTRAL_FIXED = {
    "accounts": "as many as there are banks",
    "head": "one row",
    "directory": "one row",
    "base": "one row",
    "changes": "one row",
    "revocations:revocations_pending": "revocations of the last seconds",
    "shown_evidence": "evidence of the last seconds",
    "claims:claims_open": "what banks still owe",
    "asked:asked_open": "what banks have still to show",
}


def test_no_statement_of_the_central_bank_reads_history_either(tmp_path: Path) -> None:
    net = Remembering(tmp_path)
    central = recorded(net.network.central_bank.storage.store)
    trusts = [recorded(assembled.trust._kept._store) for assembled in net.banks.values()]
    tell(net)
    scans = {sql: name for recording in chain(central, *trusts) for sql, name in recording.scans().items()}
    assert len(central[0].asked) > 30
    assert {sql: name for sql, name in scans.items() if name not in CENTRAL_FIXED} == {}
    net.close()


@pytest.mark.parametrize("asked", ["keys", "upload", "refunds", "certificate"])
def test_a_call_costs_no_more_after_a_long_history(net: LedgerNetwork, asked: str) -> None:
    aigul, shop = net.customer("Aigul"), net.customer("Shop")

    def ask() -> int:
        paid = net.pay(aigul, aigul.fund(1_000), shop, 700)
        bundle = net.bundle([paid])
        actions: dict[str, Callable[[], object]] = {
            "keys": lambda: aigul.line().post("/v1/keys", [aigul.key] * 64),
            "upload": lambda: shop.upload_bundle(bundle),
            "refunds": net.banks["alatau"].node.refunds.find,
            "certificate": lambda: customer_again(shop),
        }
        return steps(net, actions[asked])

    history(net, aigul, shop, 2)
    ask()
    before = ask()
    history(net, aigul, shop, 60)
    assert ask() < 1.25 * before


def customer_again(customer: Customer) -> None:
    customer.certify()


def test_a_refresh_for_somebody_else_costs_no_more_after_many(net: LedgerNetwork) -> None:
    """What a key had had refreshed was added up each time, transfer by transfer, out of all that it ever signed."""
    payer, mate = net.customer("Aigul"), net.customer("Mate")

    def refresh(count: int) -> list[int]:
        cost = []
        for start in range(0, count, 8):
            for token in payer.fund(*[100] * min(8, count - start)):
                made = net.redeem(payer, [token], token.amount, Refresh(mate.key, (token.amount,)))
                cost.append(steps(net, lambda made=made: payer.upload(made)))  # type: ignore[misc]
        return cost

    refresh(4)
    before = max(refresh(4))
    refresh(64)
    assert max(refresh(4)) < 1.1 * before
    assert not net.banks["alatau"].node.wallets.is_revoked(payer.account, Reason.LIMITS)
    sums = net.banks["alatau"].node.context.storage.signing_history
    assert sums.refreshed(payer.key, payer.person.certificate.body.issued) == 76 * 100


def test_what_was_refreshed_for_others_before_there_were_sums_is_summed_up(net: LedgerNetwork) -> None:
    payer, mate, other = net.customer("Aigul"), net.customer("Mate"), net.customer("Baurzhan", "zhibek")
    tokens = payer.fund(100, 200, 300, 400)
    for token, owner in zip(tokens, (mate, other, payer), strict=False):
        net.now += 100
        payer.upload(net.redeem(payer, [token], token.amount, Refresh(owner.key, (token.amount,))))
    payer.upload(net.defund(payer, tokens[3:]))
    paid = net.pay(other, other.fund(500), payer, 500)
    other.upload(paid)
    payer.upload(net.refuse(payer, net.outputs(paid)[0]))
    net.settle_down()
    store = store_of(net.banks["alatau"].node)
    ((key, total),) = store.rows("select key, sum(amount) from refreshed where level = 30 group by key")
    assert (key, total) == (payer.key, 300)
    rows = store.rows("select * from refreshed order by key, level, block")
    store.run("delete from refreshed")
    store.run(REFRESHED.read_text().partition("\n-- Of earlier ones")[2].partition("\n")[2])
    assert store.rows("select * from refreshed order by key, level, block") == rows


def test_work_that_is_due_is_claimed_without_reading_the_backlog(net: LedgerNetwork) -> None:
    store, work = store_of(net.banks["alatau"].node), net.banks["alatau"].node.work

    def claim() -> int:
        return steps(net, lambda: work.claim(8, {JobKind.REDEEM}, ""))

    def pile(work: JobQueue, first: int, last: int) -> None:
        with store.transaction():
            for number in range(first, last):
                work.add(Job(JobKind.RELAY_FULL, "zhibek", number.to_bytes(32, "big")))
                work.add(Job(JobKind.REDEEM, "", number.to_bytes(32, "big")))

    pile(work, 0, 50)
    before = claim()
    pile(work, 50, 2_000)
    assert claim() <= before
    assert [claim.item.subject[-1] for claim in work.claim(3, {JobKind.RELAY_FULL}, "zhibek")] == [0, 1, 2]


def test_a_partner_out_of_reach_holds_up_its_own_work_in_one_row(net: LedgerNetwork) -> None:
    store, work = store_of(net.banks["alatau"].node), net.banks["alatau"].node.work
    items = [Job(JobKind.RELAY_FULL, "zhibek", number.to_bytes(32, "big")) for number in range(300)]
    other = Job(JobKind.REDEEM, "", bytes(32))
    with store.transaction():
        for item in (*items, other):
            work.add(item)
    (claim,) = work.claim(1, {JobKind.RELAY_FULL}, "zhibek")
    assert steps(net, lambda: work.postpone(claim, Refusal(Code.UNREACHABLE))) < 300
    assert work.ready([*items, other]) == [other]
    assert work.answering() == [""]
    assert steps(net, lambda: work.reached("zhibek")) < 300
    assert work.ready([*items, other]) == [*items, other]
    assert len(work.claim(1_000, set(JobKind), "zhibek")) == 300


def forks(net: LedgerNetwork, cheat: Customer, payee: Customer, count: int) -> list[Signed[Transfer]]:
    """Transfers of one key with one number, of tokens that nobody has."""
    person = cheat.person
    tokens = cheat.fund(*[1_000] * 2)
    made = []
    for number in range(count):
        copied = Person(person.key, person.certificate, person.sequence, person.total)
        ref = replace_ref(tokens[0].ref.txid, number)
        made.append(
            net.transfer(
                copied,
                tokens[:1],
                payee.key,
                10,
                bytes(16),
                edit=lambda body, ref=ref: replace(body, inputs=(ref,)),  # type: ignore[misc]
            )
        )
    return made


def replace_ref(txid: bytes, number: int) -> TokenRef:
    return TokenRef(number.to_bytes(2, "big") + txid[2:], 0)


def test_evidence_does_not_grow_with_what_a_cheat_signs(net: LedgerNetwork) -> None:
    """`evidence grows with the square`: n(n - 1)/2 pieces, one revocation."""
    cheat, shop = net.customer("Dauren"), net.customer("Shop")
    made = forks(net, cheat, shop, 120)
    cost = []
    for start in range(0, 120, 20):
        bundle = Bundle(tuple(made[start : start + 20]), (), (cheat.person.certificate,), ())
        cost.append(steps(net, lambda bundle=bundle: shop.upload_bundle(bundle)))  # type: ignore[misc]
    store = store_of(net.banks["alatau"].node)
    (raw,) = [row[0] for row in store.rows("select raw from evidence")]
    assert parse_evidence(raw).certificate.body.key == cheat.key
    assert cost[-1] < 1.25 * cost[1]
    net.settle_down()
    assert len(net.policy().revoked) == 1


def test_judging_a_bundle_costs_at_most_twice_its_signatures(
    net: LedgerNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """32 transfers of one key whose provenance nobody has, and 32 certificates that did not sign them."""
    cheat, shop = net.customer("Dauren"), net.customer("Shop")
    others = [net.customer(f"other {number}", opening=0).person.certificate for number in range(31)]
    made = forks(net, cheat, shop, 32)
    bundle = Bundle(tuple(made), (), (*others, cheat.person.certificate), ())
    checked = 0
    verify = Signed.signed_by

    def counted(self: Signed[Any], key: PublicKey) -> bool:
        nonlocal checked
        checked += 1
        return verify(self, key)

    monkeypatch.setattr(Signed, "signed_by", counted)
    for most in (3 * (32 + 32), 2 * (32 + 32)):
        checked = 0
        shop.upload_bundle(bundle)
        assert checked <= most
    assert store_of(net.banks["alatau"].node).value("select count(*) from claims") == 0
