"""What is refused for ever has an end: within a share, and for a time; whenever it comes again, it is refused alike."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.ledger_sync.bank.customers import Customer, Row
from tests.ledger_sync.bank.inside import store_of
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.sweeping import false, sweep
from tests.ledger_sync.bank.test_late import forge_commit
from tests.support.world import DAY
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import TokenRef, Transfer

ROOT = Path(__file__).parents[3]
TABLES = (
    "transfers",
    "inputs",
    "copies",
    "uploads",
    "settlements",
    "refused",
    "waiting",
    "pending",
    "counted",
    "answering",
    "claims",
    "work",
    "to_answer",
    "shares",
)


def count(net: LedgerNetwork, table: str, bank: str = "alatau") -> int:
    return int(store_of(net.banks[bank].node).value(f"select count(*) from {table}"))


def told(row: Row) -> tuple[Verdict, Code | None, tuple[int, ...]] | None:
    """What a verdict says, but when."""
    said = row.settlement
    return None if said is None else (said.verdict, said.code, said.values)


def many(net: LedgerNetwork, payer: Customer, payee: Customer, number: int) -> list[Signed[Transfer]]:
    tokens = payer.fund(1_000)
    return [false(net, payer, tokens, payee, more) for more in range(1, number + 1)]


def alone(net: LedgerNetwork, made: Signed[Transfer]) -> Bundle:
    return replace(net.bundle([made]), transfers=(made,))


def onward(
    net: LedgerNetwork, made: Signed[Transfer], payee: Customer, to: Customer, amount: int
) -> Signed[Transfer]:
    """A payment of what a refused one would have brought."""
    good = net.inputs_of(made)[0]
    token = replace(good, ref=TokenRef(made.id, 0), owner=payee.key, amount=amount)
    return net.pay(payee, (token,), to, amount)


def test_a_full_share_lets_the_first_go_and_who_still_asks_is_answered_the_same(net: LedgerNetwork) -> None:
    net.resize(refused=3)
    cheat, shop, aigul = net.customer("Dauren"), net.customer("Shop"), net.customer("Aigul")
    paid = net.pay(aigul, aigul.fund(1_000), shop, 700)
    aigul.upload(paid)
    before = {made.id: told(shop.upload_bundle(alone(net, made))[0]) for made in many(net, cheat, shop, 9)}
    assert set(before.values()) == {(Verdict.REFUSED, Code.VALUE_MISMATCH, ())}
    assert count(net, "refused") <= 3 + 1
    left = [txid for txid in before if shop.line().post("/v1/verdicts", [txid])[0][1] is None]
    assert len(left) >= 5, "the first were let go"
    for txid in left:
        assert told(shop.upload_bundle(alone(net, net._transfers[txid]))[0]) == before[txid]
    assert told(shop.verdict(paid)) == (Verdict.SETTLED, None, (700, 300))
    assert count(net, "refused") <= 3 + 1
    net.settle_down()
    net.check_books()


def test_what_descends_from_a_refused_one_is_refused_again_with_it(net: LedgerNetwork) -> None:
    """The share is pushed over by both signers: of two who have as much of it either may be the one that loses."""
    net.resize(refused=1)
    cheat, shop, aigul = net.customer("Dauren"), net.customer("Shop"), net.customer("Aigul")
    made = false(net, cheat, cheat.fund(1_000), shop)
    second = onward(net, made, shop, aigul, 501)
    rows = {row.txid: told(row) for row in aigul.upload(second)}
    assert rows[second.id] == (Verdict.REFUSED, Code.VALUE_MISMATCH, ())
    for other in (*many(net, cheat, shop, 2), *many(net, shop, aigul, 2)):
        aigul.upload_bundle(alone(net, other))
    assert aigul.verdict(made).settlement is None
    assert aigul.verdict(second).settlement is None
    assert told(aigul.upload_bundle(Bundle((second,)))[0]) is None, "alone it waits, as a stranger's would"
    assert {row.txid: told(row) for row in aigul.upload(second)} == rows


def test_one_who_fills_a_banks_share_pushes_out_its_own(net: LedgerNetwork) -> None:
    """Strangers at zhibek show alatau what alatau's own customers have signed."""
    net.resize(refused=4, relays=1)
    cheat, aigul = net.customer("Dauren"), net.customer("Aigul")
    stranger = net.customer("Stranger", "zhibek")
    hers = false(net, aigul, aigul.fund(1_000), stranger)
    stranger.upload(hers)
    net.settle_down(2)
    for made in many(net, cheat, stranger, 12):
        stranger.upload_bundle(alone(net, made))
        net.settle_down(1)
    kept = store_of(net.banks["alatau"].node)
    held = [txid for (txid,) in kept.rows("select transfer from refused where uploader = 'bank:zhibek'")]
    assert hers.id in held
    assert len(held) <= 5


def test_after_its_time_nothing_of_it_is_left_anywhere(net: LedgerNetwork) -> None:
    cheat, shop = net.customer("Dauren", "zhibek"), net.customer("Shop")
    paid = net.pay(cheat, cheat.fund(1_000), shop, 500)
    shop.upload(paid)
    net.settle_down()
    before = {table: count(net, table) for table in TABLES}
    made = false(net, cheat, net.outputs(paid)[1:], shop)
    shop.upload_bundle(replace(alone(net, made), requests=()))
    net.settle_down()
    assert count(net, "work where kind = 'payload'") == 1, "its signer's bank was shown it"
    assert count(net, "refused") == 1
    net.now += 179 * DAY
    sweep(net)
    assert count(net, "refused") == 1
    net.now += 2 * DAY
    sweep(net)
    assert {table: count(net, table) for table in TABLES} == before
    rows = {row.txid: told(row) for row in shop.upload(made)}
    assert rows[made.id] == (Verdict.REFUSED, Code.VALUE_MISMATCH, ())
    assert rows[paid.id] == (Verdict.SETTLED, None, (500, 500))


def test_evidence_outlives_what_it_is_made_of_and_is_made_again(net: LedgerNetwork) -> None:
    """A refused transfer is a cheat's signature too: two with one number name its wallet, whoever brings them, and
    whenever."""
    cheat, other, shop = net.customer("Dauren"), net.customer("Erlan"), net.customer("Shop")

    def forked(one: Customer) -> tuple[Signed[Transfer], Signed[Transfer]]:
        copied = replace(one.person)
        tokens = one.fund(1_000)
        return false(net, one, tokens, shop), false(net, copied, tokens, shop, 2)

    for made in forked(cheat):
        shop.upload_bundle(alone(net, made))
    assert count(net, "evidence") == 1
    first, second = forked(other)
    shop.upload_bundle(alone(net, first))
    net.now += 181 * DAY
    sweep(net)
    assert count(net, "refused") == 0
    assert count(net, "evidence") == 1
    shop.upload_bundle(alone(net, second))
    assert count(net, "evidence") == 1
    shop.upload_bundle(alone(net, first))
    assert count(net, "evidence") == 2, "who brings both again has them compared"


def test_one_that_the_notary_gave_a_token_is_half_of_a_conflict_and_stays(net: LedgerNetwork) -> None:
    """A bank that commits what is invalid: the notary can't tell."""
    cheat, shop = net.customer("Dauren"), net.customer("Shop")
    tokens, copied = cheat.fund(1_000), replace(cheat.person)
    made = false(net, cheat, tokens, shop)
    good = net.pay(copied, tokens, shop, 500)
    shop.upload_bundle(alone(net, made))
    forge_commit(net, "zhibek", tokens[0].ref, made.id)
    (row,) = shop.upload_bundle(alone(net, good))
    assert told(row) == (Verdict.CONFLICT, None, (0, 0))
    assert row.evidence is not None
    net.now += 181 * DAY
    sweep(net)
    assert count(net, "refused") == 0, "nobody's burden any more"
    assert told(shop.verdict(made)) == (Verdict.REFUSED, Code.VALUE_MISMATCH, ())
    again = shop.verdict(good)
    assert (told(again), again.evidence) == (told(row), row.evidence)


KILLED = "bank.retention.refused"


def test_a_sweep_that_is_killed_is_done_whole_by_the_next(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "QALTA_FAILPOINT"}

    def swept(**more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.ledger_sync.bank.sweeping", str(tmp_path)]
        return subprocess.run(
            command, cwd=ROOT, env=environment | more, capture_output=True, text=True, check=False
        )

    killed = swept(QALTA_FAILPOINT=KILLED)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = swept()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"before": [2, 2, 2, 2], "after": [0, 0, 0, 0]}


def test_what_an_older_store_has_refused_is_charged_to_who_brought_it() -> None:
    """Over SQLite; PostgreSQL's migration is the same statement."""
    scripts = sorted((ROOT / "ledger_sync/bank/sql/migrations").glob("*.sql"))
    before = [path for path in scripts if path.name < "0020"]
    db = sqlite3.connect(":memory:")
    for path in before:
        db.executescript(path.read_text("utf-8"))
    rows = [(b"settled", "a", 1, None), (b"refused", "a", 4, None), (b"noted", "b", None, "hop_limit")]
    for txid, uploader, verdict, code in rows:
        db.execute(
            "insert into transfers (id, payload, sequence, stage, first_uploader) values (?, x'', 1, 'answered', ?)",
            (txid, uploader),
        )
        if verdict is not None:
            db.execute("insert into settlements values (?, ?, null, 7, x'', x'', null)", (txid, verdict))
        else:
            db.execute("insert into to_answer (transfer, code) values (?, ?)", (txid, code))
    db.execute("insert into shares values ('a', 'waiting', 'a', 3)")
    db.executescript(next(path for path in scripts if path.name == "0020_refused.sql").read_text("utf-8"))
    assert sorted(db.execute("select * from refused")) == [(b"noted", "b", "b", 0), (b"refused", "a", "a", 7)]
    assert sorted(db.execute("select * from shares")) == [
        ("a", "refused", "", 1),
        ("a", "refused", "a", 1),
        ("a", "waiting", "a", 3),
        ("b", "refused", "", 1),
        ("b", "refused", "b", 1),
    ]
    db.close()
