"""Uploads that wait for the same writer are one transaction, and each is answered as if it had come alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from random import Random

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_sync.bank.intake.signatures import Signatures, Unverified
from ledger_sync.bank.intake.uploads import Upload, apart
from ledger_sync.bank.ports.shares import uploader_of_customer
from ledger_sync.bank.ports.transfers import Stage
from ledger_sync.bank.settlement.commits import MAX_REFS, how_many
from ledger_sync.service.batches import _Order
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.sampling import everything, seed
from tests.support.world import NOW, World
from wallet.protocol import codec
from wallet.protocol.batch import read_together
from wallet.protocol.bounds import ID_BYTES
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.keys import p256
from wallet.protocol.settlement import COMMITS
from wallet.protocol.transfer import TokenRef, Transfer

BANK = "alatau"


class Queue:
    """Uploads that wait behind a writer until it ends, in the order in which they came."""

    def __init__(self, net: LedgerNetwork) -> None:
        self._node = net.banks[BANK].node
        self._threads: list[threading.Thread] = []
        self.heard: dict[int, Code | None] = {}
        self.transactions = 0
        net.banks[BANK].node.context.storage.unit.at_end(self._ended, lambda: None)

    def _ended(self) -> None:
        self.transactions += 1

    def behind_a_writer(self, *uploads: tuple[Customer, Bundle]) -> None:
        batches = self._node.intake._batches
        with self._node.context.storage.unit.transaction():
            for place, (customer, bundle) in enumerate(uploads):
                waiting = batches._orders.qsize()
                thread = threading.Thread(target=self._upload, args=(place, customer, bundle))
                thread.start()
                self._threads.append(thread)
                # The first begins a batch of its own and waits for the writer; the others queue behind it.
                while batches._turn.locked() is False or batches._orders.qsize() < waiting + (place > 0):
                    assert thread.is_alive()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def _upload(self, place: int, customer: Customer, bundle: Bundle) -> None:
        try:
            self._node.intake.take(bundle, uploader_of_customer(customer.account))
            self.heard[place] = None
        except Refusal as refusal:
            self.heard[place] = refusal.code


@pytest.fixture
def people(net: LedgerNetwork) -> list[Customer]:
    return [net.customer(f"person {number}") for number in range(5)]


def test_what_waits_for_one_writer_is_one_transaction(net: LedgerNetwork, people: list[Customer]) -> None:
    payer, *payees = people
    paid = [
        net.pay(payer, [token], payee, 100)
        for token, payee in zip(payer.fund(100, 100, 100), payees, strict=False)
    ]
    queue = Queue(net)
    queue.behind_a_writer(*((payee, net.bundle([one])) for payee, one in zip(payees, paid, strict=False)))
    assert queue.heard == {0: None, 1: None, 2: None}
    assert queue.transactions == 3, "the writer's, the first one's, and that of all who came meanwhile"
    transfers = net.banks[BANK].node.objects.transfers
    assert [transfers.stage(one.id) for one in paid] == [Stage.VALID] * 3


def test_what_one_brings_undoes_nothing_of_what_others_bring(
    net: LedgerNetwork, people: list[Customer]
) -> None:
    """A forged child waits as a claim while nobody knows whose it should be; in one transaction with its parent it
    turns out to be nobody's. Then each is taken alone."""
    payer, payee, other, third, _ = people
    first, second = payer.fund(100, 100)
    parent = net.pay(payer, [first], payee, 100)
    child = net.pay(payee, net.outputs(parent)[:1], other, 100)
    forged = replace(child, signature=parent.signature)
    honest = net.pay(payer, [second], third, 100)
    queue = Queue(net)
    queue.behind_a_writer(
        (other, Bundle()),
        (payee, net.bundle([parent])),
        (other, Bundle((forged,))),
        (third, net.bundle([honest])),
    )
    assert queue.heard == {0: None, 1: None, 2: Code.TRANSFER_SIGNATURE, 3: None}
    transfers = net.banks[BANK].node.objects.transfers
    assert [transfers.stage(one.id) for one in (parent, honest)] == [Stage.VALID] * 2
    assert transfers.stage(child.id) is None


@given(st.lists(st.integers(1, 32), min_size=1, max_size=300), st.integers(32, MAX_REFS))
def test_a_call_to_the_notary_names_as_many_tokens_as_its_answer_has_room_for(
    sizes: list[int], most: int
) -> None:
    count = how_many(sizes, most)
    assert sum(sizes[:count]) <= most
    assert count == len(sizes) or sum(sizes[: count + 1]) > most
    assert how_many([most + 1, *sizes], most) == 1


def test_what_one_call_does_not_hold_is_committed_by_the_next(
    net: LedgerNetwork, people: list[Customer]
) -> None:
    """Each payment names 32 tokens, and 33 such are more than one call takes."""
    payer, payee, *_ = people
    made = []
    for _ in range(MAX_REFS // 32 + 1):
        tokens = payer.fund(*[1] * 32)
        made.append(net.pay(payer, sorted(tokens, key=lambda token: token.ref), payee, 32))
    calls: list[int] = []

    def between(name: str, request: httpx.Request, deliver: Callable[[], httpx.Response]) -> httpx.Response:
        if request.url.path == "/v1/commits":
            calls.append(
                sum(len(read_together(COMMITS, one)) for one in codec.decode(request.content, 1 << 20))
            )
        return deliver()

    node = net.banks[BANK].node
    for some in (made[:16], made[16:]):
        node.intake.take(net.bundle(some), uploader_of_customer(payee.account))
    net.between = between
    node.settler.settle()
    assert calls == [MAX_REFS // 32, 1]
    transfers = node.objects.transfers
    assert {transfers.stage(one.id) for one in made} == {Stage.ANSWERED}


_KEPT = {
    "transfers": "id, stage, owner, turn, first_uploader",
    "inputs": "transfer, origin, output",
    "copies": "transfer, signer, signature",
    "claims": "transfer, uploader, signature",
    "uploads": "transfer, uploader, whole",
    "signers": "transfer, certificate",
    "tokens": "origin, output, owner, amount, value",
    "requests": "id, uploader, answered",
    "waiting": "transfer, uploader, payer",
    "shares": "uploader, what, payer, count",
    "pending": "key, role, transfer",
    "counted": "device, sequence, transfer, amount",
    "unspent": "origin, output, owner",
    "revocations": "wallet, reason",
    "certificates": "id",
    "issuances": "id",
}


def uploads_of(net: LedgerNetwork, chance: Random) -> tuple[list[tuple[Customer, Bundle]], ...]:
    """Some that come alone, and then some that come together: chains whole and in parts, rivals, forgeries."""
    people = [net.customer(f"person {number}") for number in range(4)]
    owned = [(person, token) for person in people for token in person.fund(100, 100)]
    made: list[Signed[Transfer]] = []
    for _ in range(8):
        payer, token = chance.choice(owned)
        payee = chance.choice([person for person in people if person is not payer])
        made.append(net.pay(payer, [token], payee, chance.choice([token.amount, 40])))
        owned += [(payee if at == 0 else payer, out) for at, out in enumerate(net.outputs(made[-1]))]
    bundles: list[tuple[Customer, Bundle]] = []
    for _ in range(8):
        bundle = net.bundle(chance.sample(made, chance.randint(1, 2)))
        match chance.randrange(6):
            case 0:
                bundle = replace(bundle, transfers=bundle.transfers[:1])
            case 1:
                bundle = replace(bundle, certificates=())
            case 2:
                bundle = replace(bundle, issuances=(), certificates=bundle.certificates[:1])
            case 3:
                forged = replace(bundle.transfers[0], signature=chance.choice(made).signature)
                bundle = replace(bundle, transfers=(forged, *bundle.transfers[1:]))
        bundles.append((chance.choice(people), bundle))
    return bundles[:2], bundles[2:]


def take(
    net: LedgerNetwork, uploads: Sequence[tuple[Customer, Bundle]], *, as_one: bool
) -> list[Code | None]:
    """Have uploads taken that wait for the same writer, verified beforehand, as one batch or each as a batch of its
    own; then again what lacked a signature. What each was refused for."""
    intake, context = net.banks[BANK].node.intake, net.banks[BANK].node.context
    heard: dict[int, Code | None] = {}
    orders: dict[int, _Order[Upload, Collection[bytes]]] = {}
    for place, (customer, bundle) in enumerate(uploads):
        directory = context.trust.directory
        signatures = Signatures(context.storage.unit, context.key, directory)
        try:
            intake._verify(bundle, signatures)
        except Refusal as refusal:
            heard[place] = refusal.code
        else:
            orders[place] = _Order(
                Upload(bundle, uploader_of_customer(customer.account), directory, signatures)
            )
    batches = [list(orders.values())] if as_one else [[order] for order in orders.values()]
    for batch in batches:
        intake._batches._do_batch(batch)
    for place, order in orders.items():
        error = order.end.exception()
        heard[place] = error.code if isinstance(error, Refusal) else None
        if isinstance(error, Unverified):
            customer, bundle = uploads[place]
            intake.take(bundle, uploader_of_customer(customer.account))
    return [heard[place] for place in range(len(uploads))]


@pytest.mark.parametrize("number", range(24 if everything() else 4))
def test_together_they_come_to_what_they_come_to_one_by_one(tmp_path: Path, number: int) -> None:
    came = []
    for as_one in (True, False):
        net = LedgerNetwork(tmp_path / str(as_one))
        before, after = uploads_of(net, Random(f"{seed()} {number}"))
        heard = [take(net, [one], as_one=True) for one in before]
        heard.append(take(net, after, as_one=as_one))
        kept = {
            table: sorted(net.look(BANK, f"select {columns} from {table}"), key=repr)
            for table, columns in _KEPT.items()
        }
        came.append((heard, kept))
        net.close()
    assert came[0] == came[1]


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), unique_by=lambda one: one[0], max_size=3),
        max_size=6,
    )
)
def test_in_one_pass_no_transfer_stands_twice_and_none_consumes_what_another_upload_brings(
    shape: list[list[tuple[int, int]]],
) -> None:
    uploads = [_upload(one) for one in shape]
    groups = list(apart(uploads))
    assert [one for group in groups for one in group] == uploads
    for group in groups:
        ids = [txid for one in group for txid in one.txids]
        assert len(ids) == len(set(ids))
        for one in group:
            others = {txid for other in group if other is not one for txid in other.txids}
            assert others.isdisjoint(ref.txid for item in one.bundle.transfers for ref in item.body.inputs)


class Outside:
    """A unit of work that nobody is in."""

    in_transaction = False

    def transaction(self) -> AbstractContextManager[None]:
        raise AssertionError

    def at_end(self, finish: Callable[[], None], forget: Callable[[], None]) -> None:
        raise AssertionError


_DIRECTORY = World().directory()
_SIGNATURES = Signatures(Outside(), p256, _DIRECTORY)


def _upload(transfers: list[tuple[int, int]]) -> Upload:
    """Transfers by the numbers of each and of what it consumes."""
    held = []
    for number, origin in transfers:
        ref = TokenRef(bytes((origin,)) * ID_BYTES, 0)
        body = Transfer(
            inputs=(ref,), payee=b"", amount=1, change=0, purpose=b"", sequence=number, total=0, time=NOW
        )
        held.append(Signed(body, b"", b"", bytes((number,)) * ID_BYTES))
    return Upload(Bundle(tuple(held)), "customer:a", _DIRECTORY, _SIGNATURES)
