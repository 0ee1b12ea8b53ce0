"""Directory and policy: signed, numbered without gaps, within their bounds, in every form that is read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.reading import HEADER, READS
from ledger_sync.sandbox.in_process import CENTRAL_BANK
from ledger_sync.sandbox.in_process.lines import authority
from ledger_sync.service.delta_log import MAX_DELTAS_ONLINE
from ledger_sync.service.policy_cache import PolicyCache
from tests.ledger_sync.central_bank.policies import body, policy, revoke, update
from tests.ledger_sync.central_bank.rig import CentralBankRig
from tests.support.trust import trust_in
from tests.support.world import DAY
from wallet.protocol import codec
from wallet.protocol.bounds import (
    MAX_DELTA_BYTES,
    MAX_REVOKED_PER_DELTA,
    MAX_TOKEN_LIFE,
)
from wallet.protocol.codes import Code
from wallet.protocol.directory import Directory, parse_directory
from wallet.protocol.policy import PolicyUpdate, Reason, first_policy


def test_the_directory_lists_every_role(rig: CentralBankRig) -> None:
    world = rig.ledger.world
    directory = policy(rig).directory
    assert [bank.id for bank in directory.banks] == ["alatau", "zhibek"]
    assert directory.redemption_key() == world.redemption.public
    first = rig.alatau.get("/v1/directory")
    rig.reopen()
    assert rig.alatau.get("/v1/directory") == first


def test_the_head_is_signed_anew_when_it_has_aged(rig: CentralBankRig) -> None:
    first = update(rig).head
    assert first is not None
    assert update(rig).head == first
    rig.now += rig.terms.head_age
    second = update(rig).head
    assert second is not None
    assert (second.body.version, second.body.time) == (0, rig.now)
    rig.now -= 1
    assert update(rig).head == second


@pytest.mark.parametrize("ahead", [5 * 3_600, DAY, 400 * DAY])
def test_a_head_that_a_wrong_clock_has_dated_ahead_is_followed_by_one_of_the_right_time(
    rig: CentralBankRig, ahead: int
) -> None:
    """A newer version, so that all who hold the wrong one take it and pass it on."""
    rig.now += ahead
    wrong = update(rig)
    rig.now -= ahead
    assert wrong.head is not None
    led = first_policy(rig.registry.directory, wrong.head, wrong.deltas).apply(update(rig))
    assert (led.version, led.head.time) == (wrong.head.body.version + 1, rig.now)
    assert update(rig) == update(rig), "one new version is enough"


def test_what_a_clock_far_behind_signs_is_good_all_the_same(rig: CentralBankRig) -> None:
    """Never dated before the directory's keys are good: a delta that nobody can check would end the chain."""
    update(rig)
    rig.now -= 400 * DAY
    rig.network.restart(CENTRAL_BANK, terms={"grace": DAY})
    behind = policy(rig)
    assert (behind.version, behind.head.grace) == (1, DAY)
    rig.now += 400 * DAY
    assert policy(rig).head.time == rig.now


def test_a_delta_stays_within_its_bytes(rig: CentralBankRig) -> None:
    people = [rig.ledger.person(f"p{n}") for n in range(MAX_REVOKED_PER_DELTA + 1)]
    revoke(rig, *[(person, Reason.LIMITS) for person in people[:-1]])
    (delta,) = update(rig).deltas
    assert len(delta.encode()) <= MAX_DELTA_BYTES
    too_many = body(*[(person, Reason.LIMITS) for person in people])
    assert rig.code(rig.alatau, "/v1/revocations", too_many) is Code.TOO_MANY


@pytest.mark.parametrize("life", [MAX_TOKEN_LIFE + 1, -1])
def test_terms_under_which_no_token_would_be_taken_are_no_terms(life: int) -> None:
    assert Terms.of({"token_life": MAX_TOKEN_LIFE}).token_life == MAX_TOKEN_LIFE
    with pytest.raises(ValueError, match="token_life"):
        Terms.of({"token_life": life})


def test_an_answer_is_what_its_parts_encode_to(rig: CentralBankRig, tmp_path: Path) -> None:
    for number in range(40):
        revoke(rig, (rig.ledger.world.person(f"p{number}"), Reason.LOST))
    trust = PolicyCache(trust_in(tmp_path / "trust.db"), rig.ledger.world.root.public, rig.alatau)
    trust.refresh()
    for since in (0, 1, 17, 39, 40, 99):
        raw = rig.registry.update_since(since).body
        assert raw == trust.encoded_since(since).body
        assert raw == codec.encode(trust.update_since(since).to_cbor())
        assert PolicyUpdate.from_cbor(codec.decode(raw, 2**20), most=MAX_DELTAS_ONLINE) == trust.update_since(
            since
        )
    trust.close()


def test_the_policy_is_read_beside_a_writer(rig: CentralBankRig) -> None:
    """`public policy is expensive`: anybody's question took the one lock that money waits for."""
    revoke(rig, (rig.ledger.person("ann"), Reason.LOST))
    known = rig.registry.update_since(0)
    with ThreadPoolExecutor(1) as pool, rig.storage.transaction():
        assert pool.submit(rig.registry.update_since, 0).result(60) == known
        assert pool.submit(rig.registry.update_since, 1).result(60) != known


def test_a_caller_is_given_the_newest_form_that_it_reads(rig: CentralBankRig) -> None:
    """Whoever was here before there were two forms says nothing of what it reads, and is answered as it was then."""

    def asked(said: str | None) -> httpx.Response:
        headers = {} if said is None else {HEADER: said}
        line = rig.network.lines.connect("anybody")("")
        with httpx.Client(transport=line, base_url=f"http://{authority(CENTRAL_BANK)}") as client:
            return client.get("/v1/directory", headers=headers)

    root = rig.ledger.world.root.public
    first, second = (parse_directory(asked(said).content) for said in (None, READS))
    assert (first.body.KIND.typ, second.body.KIND.typ) == ("qbd1", "qbd2")
    assert Directory.of(first, root) == Directory.of(second, root)
    outdated = asked("qbd7")
    assert (outdated.status_code, outdated.json()["code"]) == (406, Code.READER_OUTDATED)
    assert outdated.json()["facts"] == {"kind": "qbd2"}
