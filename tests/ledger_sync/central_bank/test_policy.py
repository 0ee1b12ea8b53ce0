"""Directory, policy and revocations: signed, numbered without gaps, each bank over its own wallets only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from ledger_sync.central_bank.registry import BASE_EVERY, POOL_SECONDS
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.peers import RemoteRefusal
from ledger_sync.http.reading import HEADER, READS
from ledger_sync.http.trust import MAX_DELTAS_ONLINE, Trust
from ledger_sync.sandbox.in_process import CENTRAL_BANK
from ledger_sync.sandbox.in_process.lines import authority
from ledger_sync.sandbox.in_process.network import named
from tests.ledger_sync.central_bank.stand import OPERATOR, Stand
from tests.support.deals import refusal_of
from tests.support.world import DAY, NOW, Key, Person
from wallet.protocol import codec, cose
from wallet.protocol.bounds import (
    MAX_AHEAD,
    MAX_CERTIFICATE_LIFE,
    MAX_DELTA_BYTES,
    MAX_REVOKED_PER_DELTA,
    MAX_TOKEN_LIFE,
)
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.directory import Directory, parse_directory, read_directory
from wallet.protocol.evidence import Evidence
from wallet.protocol.policy import Baseline, Policy, PolicyUpdate, Reason, first_policy
from wallet.protocol.transfer import Refresh, ToAccount, ToPayer


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    stand = Stand(tmp_path)
    yield stand
    stand.close()


def update(stand: Stand, since: int = 0) -> PolicyUpdate:
    return PolicyUpdate.from_cbor(stand.alatau.get("/v1/policy", {"since": since}), most=MAX_DELTAS_ONLINE)


def policy(stand: Stand) -> Policy:
    signed = read_directory(stand.alatau.get("/v1/directory"))
    now = update(stand)
    assert now.head is not None
    return first_policy(Directory.of(signed, stand.ledger.world.root.public), now.head, now.deltas)


def revoke(stand: Stand, *listed: tuple[Person, Reason], evidence: Evidence | None = None) -> int:
    """In a delta of its own: long enough after the last one."""
    stand.now = max(stand.now, stand.registry._published + POOL_SECONDS)
    (version,) = stand.alatau.post("/v1/revocations", body(*listed, evidence=evidence))
    return int(version)


def body(*listed: tuple[Person, Reason], evidence: Evidence | None = None) -> Cbor:
    wallets = [[person.possession().to_cbor(), int(reason)] for person, reason in listed]
    return [wallets, None if evidence is None else evidence.to_cbor()]


def double_spend(stand: Stand, cheat: Person) -> Evidence:
    bob, cid = stand.ledger.person("bob"), stand.ledger.person("cid")
    tokens = stand.fund(cheat, 500)
    one, other = stand.ledger.pay(cheat, tokens, bob, 500), stand.ledger.pay(cheat, tokens, cid, 400)
    transfers = stand.ledger.transfers
    evidence = Evidence.of(transfers[one[0].ref.txid], transfers[other[0].ref.txid], cheat.certificate)
    assert evidence is not None
    return evidence


def test_the_directory_lists_every_role(stand: Stand) -> None:
    world = stand.ledger.world
    directory = policy(stand).directory
    assert [bank.id for bank in directory.banks] == ["alatau", "zhibek"]
    assert directory.redemption_key() == world.redemption.public
    first = stand.alatau.get("/v1/directory")
    stand.reopen()
    assert stand.alatau.get("/v1/directory") == first


def test_the_head_is_signed_anew_when_it_has_aged(stand: Stand) -> None:
    first = update(stand).head
    assert first is not None
    assert update(stand).head == first
    stand.now += stand.terms.head_age
    second = update(stand).head
    assert second is not None
    assert (second.body.version, second.body.time) == (0, stand.now)
    stand.now -= 1
    assert update(stand).head == second


@pytest.mark.parametrize("ahead", [5 * 3_600, DAY, 400 * DAY])
def test_a_head_that_a_wrong_clock_has_dated_ahead_is_followed_by_one_of_the_right_time(
    stand: Stand, ahead: int
) -> None:
    """A newer version, so that all who hold the wrong one take it and pass it on."""
    stand.now += ahead
    wrong = update(stand)
    stand.now -= ahead
    assert wrong.head is not None
    led = first_policy(stand.registry.directory, wrong.head, wrong.deltas).apply(update(stand))
    assert (led.version, led.head.time) == (wrong.head.body.version + 1, stand.now)
    assert update(stand) == update(stand), "one new version is enough"


def test_what_a_clock_far_behind_signs_is_good_all_the_same(stand: Stand) -> None:
    """Never dated before the directory's keys are good: a delta that nobody can check would end the chain."""
    update(stand)
    stand.now -= 400 * DAY
    stand.network.restart(CENTRAL_BANK, terms={"grace": DAY})
    behind = policy(stand)
    assert (behind.version, behind.head.grace) == (1, DAY)
    stand.now += 400 * DAY
    assert policy(stand).head.time == stand.now


def test_a_bank_revokes_its_own_wallet(stand: Stand) -> None:
    ann = stand.ledger.person("ann")
    assert revoke(stand, (ann, Reason.LOST)) == 1
    assert policy(stand).revoked == {ann.certificate.body.revocation_id: Reason.LOST}


def test_the_same_revocation_again_is_no_new_version(stand: Stand) -> None:
    ann, bob = stand.ledger.person("ann"), stand.ledger.person("bob")
    revoke(stand, (ann, Reason.LOST))
    assert revoke(stand, (ann, Reason.LOST)) == 1
    assert revoke(stand, (ann, Reason.LIMITS)) == 1
    assert revoke(stand, (ann, Reason.LOST), (bob, Reason.CLOSED)) == 2
    assert policy(stand).revoked == {
        ann.certificate.body.revocation_id: Reason.LOST,
        bob.certificate.body.revocation_id: Reason.CLOSED,
    }


def test_a_conflict_needs_evidence_that_names_the_wallet(stand: Stand) -> None:
    cheat, bystander = stand.ledger.person("cheat"), stand.ledger.person("bystander")
    evidence = double_spend(stand, cheat)
    path = "/v1/revocations"
    assert stand.code(stand.alatau, path, body((cheat, Reason.CONFLICT))) is Code.EVIDENCE_INVALID
    about_other = body((bystander, Reason.CONFLICT), evidence=evidence)
    assert stand.code(stand.alatau, path, about_other) is Code.EVIDENCE_INVALID
    forged = replace(evidence, second=evidence.first)
    assert (
        stand.code(stand.alatau, path, body((cheat, Reason.CONFLICT), evidence=forged))
        is Code.EVIDENCE_INVALID
    )
    assert policy(stand).revoked == {}
    earlier = stand.ledger.world.person("cheat 2")
    assert revoke(stand, (cheat, Reason.CONFLICT), (earlier, Reason.CONFLICT), evidence=evidence) == 1
    assert set(policy(stand).revoked.values()) == {Reason.CONFLICT}
    assert len(policy(stand).revoked) == 2


def test_a_conflict_outranks_what_was_said_before(stand: Stand) -> None:
    cheat = stand.ledger.person("cheat")
    revoke(stand, (cheat, Reason.LOST))
    evidence = double_spend(stand, cheat)
    assert revoke(stand, (cheat, Reason.CONFLICT), evidence=evidence) == 2
    assert revoke(stand, (cheat, Reason.CONFLICT), evidence=evidence) == 2
    assert policy(stand).revoked == {cheat.certificate.body.revocation_id: Reason.CONFLICT}
    assert revoke(stand, (cheat, Reason.LOST)) == 2


def test_nobody_revokes_anothers_wallets(stand: Stand) -> None:
    bob = stand.ledger.person("bob", "zhibek")
    assert stand.code(stand.alatau, "/v1/revocations", body((bob, Reason.LOST))) is Code.AUTH_FORBIDDEN
    forged = replace(bob.certificate.body, bank="alatau")
    mine = Person(bob.key, cose.sign(forged, Key.of("stranger").sign))
    assert (
        stand.code(stand.alatau, "/v1/revocations", body((mine, Reason.LOST))) is Code.CERTIFICATE_SIGNATURE
    )
    cheat = stand.ledger.person("cheat", "zhibek")
    evidence = double_spend(stand, cheat)
    about_theirs = body((stand.ledger.person("ann"), Reason.CONFLICT), evidence=evidence)
    assert stand.code(stand.alatau, "/v1/revocations", about_theirs) is Code.EVIDENCE_INVALID


def test_evidence_counts_from_any_bank_for_the_wallet_that_it_names(stand: Stand) -> None:
    cheat, earlier = stand.ledger.person("cheat", "zhibek"), stand.ledger.world.person("cheat 2", "zhibek")
    evidence = double_spend(stand, cheat)
    path = "/v1/revocations"
    forged = replace(evidence, second=evidence.first)
    assert stand.code(stand.alatau, path, [[], forged.to_cbor()]) is Code.EVIDENCE_INVALID
    assert stand.code(stand.alatau, path, [[], None]) is Code.MALFORMED
    far = replace(cheat.certificate.body, issued=NOW + MAX_AHEAD + 1, expires=NOW + MAX_AHEAD + DAY)
    ahead = cose.sign(far, stand.ledger.world.bank_key("zhibek").sign)
    told = replace(evidence, certificate=ahead)
    assert stand.code(stand.alatau, path, [[], told.to_cbor()]) is Code.TIME_AHEAD
    assert policy(stand).revoked == {}
    assert stand.alatau.post(path, [[], evidence.to_cbor()]) == [1]
    assert stand.alatau.post(path, [[], evidence.to_cbor()]) == [1]
    assert policy(stand).revoked == {cheat.certificate.body.revocation_id: Reason.CONFLICT}
    both = [[person.possession().to_cbor(), int(Reason.CONFLICT)] for person in (cheat, earlier)]
    assert stand.zhibek.post(path, [both, evidence.to_cbor()]) == [2], "its own bank lists the others"


def test_a_bank_that_certifies_anothers_id_and_key_revokes_neither(stand: Stand) -> None:
    """Her key did not want to be zhibek's: ann's refresh is paid as she signed it."""
    ann = stand.ledger.person("ann")
    by_zhibek = stand.ledger.world.bank_key("zhibek").sign
    borrowed = Person(ann.key, cose.sign(replace(ann.certificate.body, bank="zhibek"), by_zhibek))
    for shown, code in (
        (borrowed.possession("alatau"), Code.KEY_INVALID),
        (ann.possession(), Code.AUTH_FORBIDDEN),
    ):
        asked = [[[shown.to_cbor(), int(Reason.LOST)]], None]
        assert stand.code(stand.zhibek, "/v1/revocations", asked) is code
    assert policy(stand).revoked == {}
    assert stand.registry.revoked_since(ann.key.public) is None
    refreshed = stand.ledger.redeem(ann, stand.fund(ann, 200), Refresh(Key.of("ann 2").public, (200,)))
    stand.commit(refreshed)
    issuance, value = stand.redeem(refreshed)
    assert issuance is not None
    assert value == 200
    assert revoke(stand, (ann, Reason.LIMITS)) == 1
    assert stand.registry.revoked_since(ann.key.public) == NOW


def test_what_no_payee_takes_yet_is_not_listed_for_ever(stand: Stand) -> None:
    """The life of a certificate is bounded, and so is how far ahead it may begin."""
    life = MAX_CERTIFICATE_LIFE
    far, next_day = NOW + MAX_AHEAD + 1, NOW + MAX_AHEAD
    ann = stand.ledger.world.person("ann", issued=far, expires=far + life)
    bob = stand.ledger.world.person("bob", issued=next_day, expires=next_day + life)
    assert stand.code(stand.alatau, "/v1/revocations", body((ann, Reason.LOST))) is Code.TIME_AHEAD
    assert revoke(stand, (bob, Reason.LOST)) == 1
    stand.now = next_day + life + stand.terms.token_life + stand.terms.grace + 1
    stand.registry.drop_expired()
    assert policy(stand).revoked == {}


def test_a_delta_stays_within_its_bytes(stand: Stand) -> None:
    people = [stand.ledger.person(f"p{n}") for n in range(MAX_REVOKED_PER_DELTA + 1)]
    revoke(stand, *[(person, Reason.LIMITS) for person in people[:-1]])
    (delta,) = update(stand).deltas
    assert len(delta.encode()) <= MAX_DELTA_BYTES
    too_many = body(*[(person, Reason.LIMITS) for person in people])
    assert stand.code(stand.alatau, "/v1/revocations", too_many) is Code.TOO_MANY


def test_a_revocation_leaves_when_nothing_of_the_wallet_can_be_alive(stand: Stand) -> None:
    ann = stand.ledger.person("ann")
    revoke(stand, (ann, Reason.LOST))
    stand.now = ann.certificate.body.expires + stand.terms.token_life + stand.terms.grace
    stand.registry.drop_expired()
    assert policy(stand).version == 1
    stand.now += 1
    stand.registry.drop_expired()
    assert (policy(stand).version, policy(stand).revoked) == (2, {})
    stand.registry.drop_expired()
    assert policy(stand).version == 2
    assert revoke(stand, (ann, Reason.LOST)) == 2


def test_many_deltas_come_in_parts_and_the_head_last(stand: Stand, tmp_path: Path) -> None:
    world = stand.ledger.world
    for n in range(MAX_DELTAS_ONLINE + 3):
        stand.now += POOL_SECONDS
        stand.registry.revoke("alatau", [(world.person(f"p{n}").possession(), Reason.LOST)], None)
    first = update(stand)
    assert (len(first.deltas), first.head) == (MAX_DELTAS_ONLINE, None)
    rest = update(stand, MAX_DELTAS_ONLINE)
    assert len(rest.deltas) == 3
    assert rest.head is not None
    trust = Trust(tmp_path / "trust.db", world.root.public, stand.alatau)
    trust.refresh()
    assert len(trust.policy.revoked) == MAX_DELTAS_ONLINE + 3
    assert trust.update_since(0).head is None
    assert trust.update_since(MAX_DELTAS_ONLINE) == rest
    trust.close()


def test_trust_is_kept_over_a_restart_and_follows_what_is_new(stand: Stand, tmp_path: Path) -> None:
    world = stand.ledger.world
    trust = Trust(tmp_path / "trust.db", world.root.public, stand.alatau)
    assert not trust.is_ready
    trust.keep_fresh(stand.now, 30)
    revoke(stand, (stand.ledger.person("ann"), Reason.LOST))
    trust.keep_fresh(stand.now + 29, 30)
    assert trust.policy.version == 0
    trust.keep_fresh(stand.now + 30, 30)
    assert trust.policy.version == 1
    trust.close()
    again = Trust(tmp_path / "trust.db", world.root.public, stand.alatau)
    assert again.policy.version == 1
    caller = again.identify(world.bank_key("zhibek").public, NOW)
    assert caller is not None
    assert caller.name == "zhibek"
    assert again.identify(OPERATOR.public, NOW) is None
    again.close()


def test_trust_takes_nothing_from_another_root(stand: Stand, tmp_path: Path) -> None:
    trust = Trust(tmp_path / "trust.db", Key.of("another root").public, stand.alatau)
    with pytest.raises(Refusal, match=Code.DIRECTORY_SIGNATURE.value):
        trust.refresh()
    assert not trust.is_ready
    trust.close()


class Lying:
    """Somebody on the line who changes what the central bank says about the policy."""

    def __init__(self, stand: Stand, change: Callable[[PolicyUpdate], PolicyUpdate]) -> None:
        self._stand = stand
        self._change = change

    def get(self, path: str) -> Cbor:
        answer = self._stand.alatau.get(path)
        if not path.startswith("/v1/policy"):
            return answer
        return self._change(PolicyUpdate.from_cbor(answer, most=MAX_DELTAS_ONLINE)).to_cbor()


def test_what_a_liar_says_is_neither_believed_nor_kept(stand: Stand, tmp_path: Path) -> None:
    root = stand.ledger.world.root.public
    revoke(stand, (stand.ledger.person("ann"), Reason.LOST))
    revoke(stand, (stand.ledger.person("bob"), Reason.LOST))
    true = update(stand)
    assert true.head is not None
    stranger = Key.of("stranger").sign
    forged = cose.sign(replace(true.deltas[0].body, revoked=()), stranger)
    old_head = cose.sign(replace(true.head.body, time=true.head.body.time + 1), stranger)
    for change, code in (
        (replace(true, deltas=(forged, true.deltas[1])), Code.POLICY_SIGNATURE),
        (replace(true, deltas=(forged,), head=None), Code.POLICY_SIGNATURE),
        (replace(true, deltas=true.deltas[1:]), Code.POLICY_GAP),
        (replace(true, deltas=true.deltas[:1]), Code.POLICY_GAP),
        (replace(true, head=old_head), Code.POLICY_SIGNATURE),
        (PolicyUpdate(None, ()), Code.POLICY_GAP),
    ):
        trust = Trust(tmp_path / "trust.db", root, Lying(stand, lambda _true, change=change: change))  # type: ignore[misc]
        with pytest.raises(Refusal) as caught:
            trust.refresh()
        assert (caught.value.code, trust.is_ready) == (code, False)
        with pytest.raises(Refusal, match=Code.BUSY.value):
            trust.identify(OPERATOR.public, NOW)
        trust.close()
    honest = Trust(tmp_path / "trust.db", root, stand.alatau)
    honest.refresh()
    assert honest.policy.version == 2
    honest.close()


@pytest.mark.parametrize("life", [MAX_TOKEN_LIFE + 1, -1])
def test_terms_under_which_no_token_would_be_taken_are_no_terms(life: int) -> None:
    assert Terms.of({"token_life": MAX_TOKEN_LIFE}).token_life == MAX_TOKEN_LIFE
    with pytest.raises(ValueError, match="token_life"):
        Terms.of({"token_life": life})


def test_a_revoked_wallet_redeems_to_its_own_account_only(stand: Stand) -> None:
    """Its refresh and its refusals of money are paid there too: nothing is stuck, and it gets no new tokens."""
    ann, bob = stand.ledger.person("ann"), stand.ledger.person("bob", "zhibek")
    paid = stand.ledger.pay(bob, stand.fund(bob, 40), ann, 40)
    tokens = stand.fund(ann, 100, 200)
    redeemed = [
        stand.ledger.redeem(ann, tokens[:1], ToAccount()),
        stand.ledger.redeem(ann, tokens[1:], Refresh(Key.of("ann 2").public, (200,))),
        stand.ledger.redeem(ann, paid, ToPayer(bob.key.public)),
    ]
    revoke(stand, (ann, Reason.LIMITS))
    stand.commit(paid, *redeemed)
    before = stand.books()[3]["alatau"]
    assert [stand.redeem(outputs) for outputs in redeemed] == [(None, 100), (None, 200), (None, 40)]
    assert stand.books()[3]["alatau"] == before + 340
    assert stand.books()[2] == 0


def test_a_revoked_wallets_refresh_waits_for_its_own_bank(stand: Stand) -> None:
    """Whoever speaks for the new owner only is told that there is nothing for it."""
    ann = stand.ledger.person("ann")
    refreshed = stand.ledger.redeem(ann, stand.fund(ann, 200), Refresh(Key.of("ann 2").public, (200,)))
    revoke(stand, (ann, Reason.LIMITS))
    stand.commit(refreshed)
    *asked, _ = stand.asked(refreshed)
    assert stand.code(stand.zhibek, "/v1/redemptions", [*asked, None]) is Code.WALLET_REVOKED
    assert stand.redeem(refreshed) == (None, 200)
    assert stand.zhibek.post("/v1/redemptions", [*asked, None]) == [None, 200, 0]


def test_what_was_committed_before_the_revocation_is_paid_as_signed(stand: Stand) -> None:
    ann = stand.ledger.person("ann")
    refreshed = stand.ledger.redeem(ann, stand.fund(ann, 200), Refresh(Key.of("ann 2").public, (200,)))
    stand.commit(refreshed)
    stand.now += 1_000
    revoke(stand, (ann, Reason.LOST))
    issuance, value = stand.redeem(refreshed)
    assert issuance is not None
    assert value == 200


def test_revoking_a_wallet_reaches_every_certificate_of_its_key(stand: Stand) -> None:
    shop = stand.ledger.person("shop")
    renewed = cose.sign(
        replace(shop.certificate.body, wallet=named("new id"), expires=NOW + 80 * DAY),
        stand.ledger.world.bank_key("alatau").sign,
    )
    refreshed = stand.ledger.redeem(shop, stand.fund(shop, 200), Refresh(Key.of("shop 2").public, (200,)))
    revoke(stand, (shop, Reason.LOST))
    stand.commit(refreshed)
    stand.ledger.certificates = {renewed.id: renewed}
    assert stand.redeem(refreshed) == (None, 200)


def test_revocations_of_some_seconds_share_deltas_conflicts_first(stand: Stand) -> None:
    """`policy padded against gossip`: each was a delta, and word of a conflict came last."""
    cheat = stand.ledger.person("cheat")
    evidence = double_spend(stand, cheat)
    revoke(stand, (stand.ledger.person("first"), Reason.LOST))
    people = [stand.ledger.world.person(f"p{number}") for number in range(70)]
    for person in people:
        stand.alatau.post("/v1/revocations", body((person, Reason.LOST)))
    (promised,) = stand.alatau.post("/v1/revocations", body((cheat, Reason.CONFLICT), evidence=evidence))
    assert len(update(stand).deltas) == 1
    assert stand.registry.revoked_since(cheat.key.public) is not None, "it counts before it is listed"
    stand.now += POOL_SECONDS
    deltas = update(stand).deltas
    assert len(deltas) == promised == 1 + 3
    assert cheat.certificate.body.revocation_id in dict(deltas[1].body.revoked)
    assert len(policy(stand).revoked) == 72
    assert [delta.body.version for delta in update(stand).deltas] == [1, 2, 3, 4]


def test_what_is_pending_is_listed_after_a_restart_too(stand: Stand) -> None:
    revoke(stand, (stand.ledger.person("first"), Reason.LOST))
    stand.alatau.post("/v1/revocations", body((stand.ledger.person("ann"), Reason.LOST)))
    stand.registry._published = -POOL_SECONDS
    stand.registry.publish()
    assert len(policy(stand).revoked) == 2


def test_an_answer_is_what_its_parts_encode_to(stand: Stand, tmp_path: Path) -> None:
    for number in range(40):
        revoke(stand, (stand.ledger.world.person(f"p{number}"), Reason.LOST))
    trust = Trust(tmp_path / "trust.db", stand.ledger.world.root.public, stand.alatau)
    trust.refresh()
    for since in (0, 1, 17, 39, 40, 99):
        raw = stand.registry.update_since(since).body
        assert raw == trust.encoded_since(since).body
        assert raw == codec.encode(trust.update_since(since).to_cbor())
        assert PolicyUpdate.from_cbor(codec.decode(raw, 2**20), most=MAX_DELTAS_ONLINE) == trust.update_since(
            since
        )
    trust.close()


def test_the_policy_is_read_beside_a_writer(stand: Stand) -> None:
    """`public policy is expensive`: anybody's question took the one lock that money waits for."""
    revoke(stand, (stand.ledger.person("ann"), Reason.LOST))
    known = stand.registry.update_since(0)
    with ThreadPoolExecutor(1) as pool, stand.store.writing():
        assert pool.submit(stand.registry.update_since, 0).result(60) == known
        assert pool.submit(stand.registry.update_since, 1).result(60) != known


def test_who_begins_begins_with_the_newest_base(stand: Stand, tmp_path: Path) -> None:
    """Else a new wallet had every delta since the first to verify; and beyond 256 of them it could not begin."""
    world, root = stand.ledger.world, stand.ledger.world.root.public
    people = [world.person(f"p{number}") for number in range(BASE_EVERY + 3)]
    with pytest.raises(Refusal) as nothing:
        stand.alatau.get("/v1/base")
    assert nothing.value.code is Code.NOT_FOUND
    for person in people:
        revoke(stand, (person, Reason.LOST))
    baseline = Baseline.from_cbor(stand.alatau.get("/v1/base"))
    assert baseline.base.body.version == BASE_EVERY
    trust = Trust(tmp_path / "trust.db", root, stand.alatau)
    trust.refresh()
    assert codec.decode(trust.base().body, 2**20) == baseline.to_cbor()
    trust.close()
    again = Trust(tmp_path / "trust.db", root, stand.alatau)
    assert codec.decode(again.base().body, 2**20) == baseline.to_cbor()
    again.close()
    directory = Directory.of(read_directory(stand.alatau.get("/v1/directory")), root)
    start = baseline.policy(directory)
    assert start.apply(update(stand, BASE_EVERY)).revoked == policy(stand).revoked
    assert start.apply(update(stand, BASE_EVERY)).head == policy(stand).head
    for changed in (
        replace(baseline, revoked=baseline.revoked[1:]),
        replace(baseline, base=cose.sign(baseline.base.body, Key.of("stranger").sign)),
    ):
        with pytest.raises(Refusal) as refused:
            changed.policy(directory)
        assert refused.value.code is Code.POLICY_SIGNATURE


def test_a_caller_is_given_the_newest_form_that_it_reads(stand: Stand) -> None:
    """Whoever was here before there were two forms says nothing of what it reads, and is answered as it was then."""

    def asked(said: str | None) -> httpx.Response:
        headers = {} if said is None else {HEADER: said}
        line = stand.network.lines.connect("anybody")("")
        with httpx.Client(transport=line, base_url=f"http://{authority(CENTRAL_BANK)}") as client:
            return client.get("/v1/directory", headers=headers)

    root = stand.ledger.world.root.public
    first, second = (parse_directory(asked(said).content) for said in (None, READS))
    assert (first.body.KIND.typ, second.body.KIND.typ) == ("qbd1", "qbd2")
    assert Directory.of(first, root) == Directory.of(second, root)
    outdated = asked("qbd7")
    assert (outdated.status_code, outdated.json()["code"]) == (406, Code.READER_OUTDATED)
    assert outdated.json()["facts"] == {"kind": "qbd2"}


class Alone:
    """A central bank of the time when there was one form, and whoever asks it."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self.asked: list[str] = []

    def get(self, path: str) -> Cbor:
        self.asked.append(path)
        if path == "/v1/directories":
            raise RemoteRefusal(Code.NOT_FOUND)
        if path == "/v1/directory":
            return self._stand.registry.published().forms[-1].to_cbor()
        return self._stand.alatau.get(path)


def test_a_service_that_holds_the_first_form_alone_goes_by_it_and_takes_the_second_when_it_comes(
    stand: Stand, tmp_path: Path
) -> None:
    root, old = stand.ledger.world.root.public, Alone(stand)
    trust = Trust(tmp_path / "trust.db", root, old)
    trust.refresh()
    assert [form.body.KIND.typ for form in trust.published().forms] == ["qbd1"]
    assert refusal_of(lambda: trust.directory_for(frozenset({"qbd2"}))) is Code.READER_OUTDATED
    trust.refresh()
    assert old.asked.count("/v1/directories") == 1
    trust.close()
    later = Trust(tmp_path / "trust.db", root, stand.alatau)
    assert [form.body.KIND.typ for form in later.published().forms] == ["qbd1"]
    before = later.policy
    later.refresh()
    assert [form.body.KIND.typ for form in later.published().forms] == ["qbd2", "qbd1"]
    assert later.policy == before
    later.close()
    again = Trust(tmp_path / "trust.db", root, stand.alatau)
    assert again.published() == later.published()
    again.close()
