"""SIGKILL and Ctrl-C at named steps of the real command line, and of the real services under it; then the same command
again: the same sums, the same transactions, nothing twice.

One point of most operations by default, every one under ./test --all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.e2e.books import Seen
from tests.e2e.running_network import ASKED, BANK_OF, OTHER, PAYER, SHOP, TIYN, RunningNetwork
from tests.sampling import sampled
from wallet.purse.store.transitions import failpoints

Argv = tuple[str, ...]


@dataclass(frozen=True)
class Operation:
    """A command: ``prepare`` gives its words; ``who`` runs it; ``points`` are the steps it passes; ``made`` what it
    begins, by kind; ``moves`` the tiyn that each wallet's pocket and account gain by it; ``is_done`` whether a person
    who looks after an interruption finds it done, and so does not ask for it again; ``finish`` what the other side does
    after it."""

    who: str
    prepare: Callable[[RunningNetwork], Argv]
    points: tuple[str, ...]
    made: Mapping[str, int]
    moves: Mapping[str, tuple[int, int]]
    is_done: Callable[[Seen, Seen], bool] = lambda before, after: False
    status: int = 0
    finish: Callable[[RunningNetwork, Argv], object] = lambda stage, argv: None


def steps(*transitions: str) -> tuple[str, ...]:
    return tuple(f"purse.{name}.{step}" for name in transitions for step in ("stored", "recorded"))


def records(count: int) -> tuple[str, ...]:
    """Between two steps of the purse the keystore's record moves, in two steps; it was made before (`stage`)."""
    return tuple(
        f"keystore.record.{step}:{nth}" for nth in range(1, count + 1) for step in ("rewritten", "synced")
    )


OPENING = ("keystore.tries.readied", "keystore.open.login", "keystore.open.entered")


def asked(stage: RunningNetwork) -> Callable[[str], str]:
    """The shop has asked for money; its code lies there as request.png."""
    at = stage.scene()
    stage.cli.wallet(SHOP, "request", ASKED, "--out", at("request.png"))
    return at


def paid(stage: RunningNetwork, name: str = PAYER) -> Callable[[str], str]:
    """It was paid, and the pictures lie there as payment."""
    at = asked(stage)
    stage.cli.wallet(name, "pay", at("request.png"), "--yes", "--out", at("payment"))
    return at


def to_request(stage: RunningNetwork) -> Argv:
    return ("request", ASKED, "--out", stage.scene()("request.png"))


def to_pay(stage: RunningNetwork) -> Argv:
    at = asked(stage)
    return ("pay", at("request.png"), "--yes", "--out", at("payment"))


def to_receive(stage: RunningNetwork) -> Argv:
    at = paid(stage)
    return ("receive", at("payment"), "--out", at("receipt.png"))


def to_acknowledge(stage: RunningNetwork) -> Argv:
    at = paid(stage)
    stage.cli.wallet(SHOP, "receive", at("payment"), "--out", at("receipt.png"))
    return ("pay", at("receipt.png"))


def to_refuse(stage: RunningNetwork) -> Argv:
    """Two pay one request; the second is given back its money."""
    at = paid(stage)
    stage.cli.wallet(OTHER, "pay", at("request.png"), "--yes", "--out", at("second"))
    stage.cli.wallet(SHOP, "receive", at("payment"))
    return ("receive", at("second"), "--out", at("receipt.png"))


def to_drop(stage: RunningNetwork) -> Argv:
    """An intent that never got its signature."""
    before = stage.see(PAYER)
    stage.killed(PAYER, to_pay(stage), "purse.reserve.recorded")
    (payment,) = stage.see(PAYER).of("payment") - before.of("payment")
    return ("pay", "--drop", payment.hex())


def to_sync(stage: RunningNetwork) -> Argv:
    """There is something to upload, the other side's news to take, and an epoch of the shop was begun."""
    at = paid(stage)
    stage.cli.wallet(SHOP, "receive", at("payment"))
    stage.begin_epoch(SHOP)
    return ("sync",)


def to_begin_epoch(stage: RunningNetwork) -> Argv:
    """As the shop does, the payer."""
    at = paid(stage)
    stage.cli.wallet(SHOP, "receive", at("payment"))
    stage.begin_epoch(PAYER)
    return ("sync",)


def to_recover(stage: RunningNetwork) -> Argv:
    """An older copy of the purse was put in its place; the ledger knows by now what it had paid since."""
    stage.cli.wallet(PAYER, "sync")
    copy = stage.copy(PAYER, "purse")
    before = stage.see(PAYER)
    at = paid(stage)
    stage.cli.wallet(SHOP, "receive", at("payment"))
    stage.cli.wallet(SHOP, "sync")
    made = stage.see(PAYER).of("transfer") - before.of("transfer")
    assert any(stage.is_known_to_bank(PAYER, made) for _ in range(60))
    stage.put_back(PAYER, copy, "purse")
    return ("sync",)


GAIN, LOSS = (TIYN, 0), (-TIYN, 0)
OPERATIONS: Mapping[str, Operation] = {
    "request": Operation(SHOP, to_request, ("purse.request.signed", "purse.request.stored"), {}, {}),
    "pay": Operation(
        PAYER,
        to_pay,
        (
            *OPENING,
            *steps("reserve", "sign"),
            *records(2),
            "purse.sign.signed",
            "keystore.sign.done",
            "purse.shown.stored",
        ),
        {"payment": 1, "transfer": 1},
        {PAYER: LOSS, SHOP: GAIN},
        finish=lambda stage, argv: stage.cli.wallet(SHOP, "receive", argv[-1]),
    ),
    "receive": Operation(
        SHOP,
        to_receive,
        (*OPENING, *steps("accept"), *records(1), "purse.receipt.signed", "purse.receipt.stored"),
        {"received": 1, "receipt": 1},
        {SHOP: GAIN, PAYER: LOSS},
    ),
    "acknowledge": Operation(
        PAYER,
        to_acknowledge,
        (*steps("acknowledge"), *records(1)),
        {"payment": 1, "transfer": 1},
        {PAYER: LOSS, SHOP: GAIN},
    ),
    "refuse": Operation(
        SHOP,
        to_refuse,
        (
            *steps("refuse", "redeem_signed"),
            *records(2),
            "purse.redeem.signed",
            "purse.receipt.signed",
            "purse.receipt.stored",
        ),
        {"received": 1, "refused": 1, "refusal": 1, "receipt": 2},
        {PAYER: LOSS, OTHER: LOSS, SHOP: GAIN},
        status=1,
    ),
    "drop": Operation(PAYER, to_drop, steps("drop"), {}, {}, lambda before, after: not after.open),
    "fund": Operation(
        PAYER,
        lambda stage: ("fund", ASKED),
        (*steps("fund", "funded"), *records(2), "keystore.sign.done:1", "keystore.sign.done:2"),
        {"funding": 1},
        {PAYER: (TIYN, -TIYN)},
        lambda before, after: bool(after.of("funding") - before.of("funding")) and not after.open,
    ),
    "refused funding": Operation(
        PAYER, lambda stage: ("fund", "40001"), (*steps("funding_dropped"), *records(2)), {}, {}, status=1
    ),
    "defund": Operation(
        PAYER,
        lambda stage: ("defund", ASKED),
        (*steps("redeem", "redeem_signed", "answer"), *records(3), "purse.redeem.signed"),
        {"defund": 1},
        {PAYER: (-TIYN, TIYN)},
        lambda before, after: bool(after.of("defund") - before.of("defund")) and not after.open,
    ),
    "sync": Operation(
        SHOP,
        to_sync,
        (
            *steps("answer", "redeem", "redeem_signed"),
            *records(4),
            "purse.redeem.signed",
            "purse.epoch.certified",
        ),
        {"received": 1, "receipt": 1},
        {PAYER: LOSS, SHOP: GAIN},
    ),
    "new epoch": Operation(
        PAYER,
        to_begin_epoch,
        (
            *(f"purse.epoch.{step}" for step in ("created", "made", "certified")),
            *(f"keystore.create.{step}" for step in ("noted", "made", "synced", "done")),
        ),
        {"payment": 1, "transfer": 1},
        {PAYER: LOSS, SHOP: GAIN},
    ),
    "recover": Operation(
        PAYER, to_recover, steps("resume"), {"payment": 1, "transfer": 1}, {PAYER: LOSS, SHOP: GAIN}
    ),
}
PURSES_OWN = {
    f"purse.{name}.{step}" for name in ("redeemed", "deliver", "expire") for step in ("stored", "recorded")
}
"""Passed on some days only; tests/purse/test_kills.py kills there."""
PURSES_OWN |= {"purse.policy.stored", "purse.epoch.begun", "purse.retire.marked", "purse.retire.destroyed"}

CASES = [(name, point) for name, operation in OPERATIONS.items() for point in operation.points]
KILLS = sampled(
    "e2e kills",
    [case for name in OPERATIONS for case in sampled(f"e2e {name}", [c for c in CASES if c[0] == name], 1)],
    5,
)
"""A point of each operation; of these, five."""
CTRL_C = sampled("e2e Ctrl-C", [case for case in CASES if case[1].startswith("purse.")], 2)

SERVICES = [
    ("fund", "alatau", "bank.fund.debited"),
    ("fund", "alatau", "bank.fund.answered"),
    ("fund", "alatau", "bank.fund.issued"),
    ("fund", "central-bank", "central_bank.funding.signed"),
    ("fund", "central-bank", "central_bank.funding.done"),
    ("defund", "alatau", "bank.settle.commit"),
    ("defund", "alatau", "bank.settle.committed"),
    ("defund", "alatau", "bank.settle.signed"),
    ("defund", "alatau", "bank.settle.answered"),
    ("defund", "alatau", "bank.redeem.ask"),
    ("defund", "alatau", "bank.redeem.answered"),
    ("defund", "alatau", "bank.redeem.booked"),
    ("defund", "notary", "notary.commit.written"),
    ("defund", "notary", "notary.commit.claimed"),
    ("defund", "notary", "notary.commit.done"),
    ("defund", "central-bank", "central_bank.redemption.booked"),
    ("defund", "central-bank", "central_bank.redemption.done"),
    ("sync", "zhibek", "bank.settle.committed"),
    ("sync", "zhibek", "bank.certify.stored"),
    ("sync", "zhibek", "bank.relay.sent"),
    ("sync", "zhibek", "bank.redeem.answered"),
    ("sync", "notary", "notary.commit.done"),
    ("sync", "central-bank", "central_bank.redemption.booked"),
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    """Everybody's record has moved twice, so that it is written over from now on."""
    made = RunningNetwork(tmp_path_factory.mktemp("kills"))
    try:
        for _ in range(2):
            made.cli.wallet(SHOP, "receive", paid(made)("payment"))
        yield made
    finally:
        made.close()


@dataclass(frozen=True)
class Scene:
    """An operation with everything before it done, and what was there then."""

    stage: RunningNetwork
    operation: Operation
    argv: Argv
    before: Mapping[str, Seen]
    at_first: Mapping[str, Seen]

    @classmethod
    def of(cls, stage: RunningNetwork, name: str) -> Scene:
        operation = OPERATIONS[name]
        stage.rest_at_times()
        at_first = see_all(stage)
        argv = operation.prepare(stage)
        return cls(stage, operation, argv, see_all(stage), at_first)

    def again(self) -> None:
        """What a person does: look, and give the same command again unless it is done."""
        stage, operation = self.stage, self.operation
        killed = stage.see(operation.who)
        if not operation.is_done(self.before[operation.who], killed):
            done = stage.cli.run("--json", "--wallet", operation.who, *self.argv)
            assert done.status == operation.status, (self.argv, done.out, done.err)
        elif killed.open:
            stage.cli.wallet(operation.who, "balance")
        self._finish()
        operation.finish(stage, self.argv)
        self._check(killed)

    def _finish(self) -> None:
        """A redemption whose outcome is still on its way comes with another reconciling."""
        for _ in range(5):
            if not any(kind == "redemption" for kind, _ in self.stage.see(self.operation.who).open):
                return
            self.stage.cli.wallet(self.operation.who, "sync")

    def _check(self, killed: Seen) -> None:
        operation, after = self.operation, see_all(self.stage)
        who = operation.who
        assert not after[who].open
        kept = {(kind, name) for kind, name in killed.begun if kind != "refresh"}
        assert kept <= after[who].begun or not operation.made, "what was begun is what there is: the same ids"
        made = {
            kind: count for kind, count in after[who].new(self.at_first[who]).items() if kind != "refresh"
        }
        assert made == operation.made
        for name in BANK_OF:
            moved = (
                after[name].held - self.at_first[name].held,
                after[name].account - self.at_first[name].account,
            )
            assert moved == operation.moves.get(name, (0, 0)), name


def see_all(stage: RunningNetwork) -> dict[str, Seen]:
    return {name: stage.see(name) for name in BANK_OF}


def books_agree(stage: RunningNetwork) -> bool:
    """Soon: what only one side has booked, the banks finish by themselves."""
    return any(stage.books_agree() for _ in range(60))


def test_every_step_of_a_purse_is_killed_at_somewhere() -> None:
    passed = {point for operation in OPERATIONS.values() for point in operation.points}
    assert set(failpoints()) - PURSES_OWN <= passed
    assert not PURSES_OWN & passed


@pytest.mark.parametrize(("name", "point"), KILLS)
def test_killed_there_and_given_again(stage: RunningNetwork, name: str, point: str) -> None:
    scene = Scene.of(stage, name)
    stage.killed(scene.operation.who, scene.argv, point)
    scene.again()
    if name in ("fund", "defund", "sync", "new epoch", "recover"):
        assert books_agree(stage)


@pytest.mark.parametrize(("name", "point"), CTRL_C)
def test_ctrl_c_there_ends_with_4_says_so_and_goes_on(stage: RunningNetwork, name: str, point: str) -> None:
    scene = Scene.of(stage, name)
    ended = stage.interrupted(scene.operation.who, scene.argv, point)
    assert ended.status == 4, (ended.out, ended.err)
    assert "run the same command again" in " ".join(ended.err.split())
    assert "Traceback" not in ended.err
    scene.again()


@pytest.mark.parametrize(("name", "station", "point"), sampled("e2e services", SERVICES, 2))
def test_a_service_killed_under_a_command_ends_with_the_same_books(
    stage: RunningNetwork, name: str, station: str, point: str
) -> None:
    scene = Scene.of(stage, name)
    stage.will_die(station, point)
    try:
        done = stage.cli.run("--json", "--wallet", scene.operation.who, *scene.argv)
        assert done.status in (0, 3), (done.out, done.err)
        assert stage.has_died(station)
    finally:
        stage.revive()
    scene.again()
    assert books_agree(stage)
    assert stage.money() == sum(seen.sum for seen in scene.at_first.values()) or name == "sync"
