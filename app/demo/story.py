"""The story that `qalta demo` tells, act by act, and what it found, for `--json`.

Everything that is shown was done: pictures are decoded from pixels, sums come from the services' books, the
culprit from evidence that was checked against the root key.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from app.catalogue.written import written_amount, written_number
from app.demo.cast import BANKS, Cast, assemble, copy_of
from app.demo.exchange import Failed, Hop, pay_by_qr
from app.demo.tap import pay_by_tap, require_radio, tell
from app.launch.actors import Actor, ActorFailed, stop_all
from app.terminal.books import show_books
from app.terminal.show import Show
from wallet.protocol.bounds import MAX_HOP

FUNDED: Final = 2_000_000
FIRST: Final = 1_250_050
KEPT: Final = 10_000
"""What each one in the chain keeps of what passes through, tiyn."""
TAPPED: Final = 150_000
CHEATED: Final = 300_000
GOSSIP: Final = 50_000


@dataclass(slots=True)
class Found:
    """What `--json` prints."""

    hops: list[dict[str, int]] = field(default_factory=list)
    refused: dict[str, Any] = field(default_factory=dict)
    tap: dict[str, Any] = field(default_factory=dict)
    ledger: dict[str, int] = field(default_factory=dict)
    conflict: dict[str, Any] = field(default_factory=dict)
    gossip: dict[str, Any] = field(default_factory=dict)

    def as_fields(self) -> dict[str, Any]:
        return {
            "hops": self.hops,
            "refused": self.refused,
            "tap": self.tap,
            "ledger": self.ledger,
            "conflict": self.conflict,
            "gossip": self.gossip,
        }


_SYNCS, _BETWEEN_SYNCS = 600, 0.25
"""How often, and how many seconds apart: far more than the news of a cheat takes from one bank to another."""


class Story:
    """One performance in ``home``; ``seed`` decides the order in which the wallets reconcile."""

    def __init__(self, home: Path, show: Show, seed: int) -> None:
        self.home = home
        self.show = show
        self.random = random.Random(seed)
        self.found = Found()
        self._policy = 0

    def play(self) -> Found:
        from ledger_sync import sandbox

        require_radio()
        try:
            self._act("opening")
            sandbox.start(self.home / "sandbox")
            self.show.say("demo.sandbox", banks=", ".join(BANKS))
            with self._cast() as cast:
                self._fund(cast)
                self._chain(cast)
                self._tap(cast)
                self._reconcile(cast)
                twin = self._double_spend(cast)
                self._conflict(cast)
                self._gossip(cast, twin)
                self._sums(cast)
        finally:
            sandbox.stop(self.home / "sandbox")
        return self.found

    def _act(self, name: str, **facts: int | str) -> None:
        self.show.blank()
        self.show.say(f"demo.act_{name}", **facts)

    @contextmanager
    def _cast(self) -> Iterator[Cast]:
        self.show.step("demo.wallets")
        cast = assemble(self.home)
        try:
            yield cast
        finally:
            stop_all(cast.everybody)

    def _fund(self, cast: Cast) -> None:
        self._act("funding")
        for actor, amount in ((cast.chain[0], FUNDED), (cast.cheat, FUNDED)):
            done = actor.must("fund", str(amount // 100))
            self.show.say(
                "demo.funded", who=actor.shown, amount=written_amount(amount), tokens=int(done["tokens"])
            )

    def _network(self, actors: list[Actor], *, on: bool) -> None:
        for actor in actors:
            actor.network(on=on)

    def _chain(self, cast: Cast) -> None:
        from ledger_sync import sandbox

        self._act("offline")
        self._network(cast.everybody, on=False)
        sandbox.stop(self.home / "sandbox")
        self.show.say("demo.cut")
        hops: list[Hop] = []
        with self.show.progress("demo.passing", MAX_HOP) as done:
            for number in range(1, MAX_HOP + 1):
                payer, payee = cast.chain[number - 1], cast.chain[number]
                amount = FIRST - (number - 1) * KEPT
                hops.append(self._must_pay(payer, payee, amount, f"hop-{number:02}"))
                done(number)
        self._hop_table(hops)
        self.found.hops = [{"hop": hop.hop, "bytes": hop.bytes, "frames": hop.frames} for hop in hops]
        last, first = cast.chain[-1], cast.chain[0]
        refused = pay_by_qr(last, first, FIRST - MAX_HOP * KEPT, self._pictures("hop-16"))
        if isinstance(refused, Hop):
            raise ActorFailed(last.wallet, "hop 16 was not refused", {})
        self.found.refused = {"hop": MAX_HOP + 1, "code": refused.code}
        self.show.say("demo.hop_refused", who=refused.by, code=refused.code)
        self.show.say("demo.said", said=self.show.catalogue.tell(refused.code, {"limit": MAX_HOP}).next)

    def _tap(self, cast: Cast) -> None:
        """Still offline; the shop is one that stays so until the sums."""
        self._act("tap")
        tap = pay_by_tap(cast.chain[0], cast.shops[2], TAPPED)
        self.found.tap = tap.as_fields()
        tell(tap, self.show)

    def _must_pay(self, payer: Actor, payee: Actor, tiyn: int, pictures: str) -> Hop:
        paid = pay_by_qr(payer, payee, tiyn, self._pictures(pictures))
        if isinstance(paid, Failed):
            raise ActorFailed(payer.wallet, f"pay {payee.wallet}", {"code": paid.code, "by": paid.by})
        return paid

    def _pictures(self, name: str) -> Path:
        return self.home / "pictures" / name

    def _hop_table(self, hops: list[Hop]) -> None:
        columns = (
            "demo.hop>",
            "demo.payer",
            "demo.payee",
            "demo.amount>",
            "demo.bytes>",
            "demo.frames>",
            "demo.ms>",
        )
        rows = [
            [
                str(hop.hop),
                hop.payer,
                hop.payee,
                written_amount(hop.amount),
                written_number(hop.bytes),
                str(hop.frames),
                written_number(hop.milliseconds),
            ]
            for hop in hops
        ]
        self.show.table("", columns, rows)

    def _reconcile(self, cast: Cast) -> None:
        from ledger_sync import sandbox

        self._act("reconcile")
        sandbox.start(self.home / "sandbox")
        order = list(cast.chain)
        self.random.shuffle(order)
        self._network(order, on=True)
        with self.show.progress("demo.reconciling", len(order)) as done:
            for number, actor in enumerate(order, 1):
                actor.must("sync")
                done(number)
        for actor in order:
            self._policy = max(self._policy, int(actor.must("sync")["policy"]))
        self.show.say("demo.reconciled", order=", ".join(actor.shown for actor in order[:4]) + " …")

    def _double_spend(self, cast: Cast) -> Actor:
        self._act("cheat", who=cast.cheat.shown)
        twin = copy_of(cast.cheat)
        cast.copies.append(twin)
        self._network([cast.cheat, twin], on=False)
        for actor, shop in ((cast.cheat, cast.shops[0]), (twin, cast.shops[1])):
            self._must_pay(actor, shop, CHEATED, f"cheat-{shop.wallet}")
            self.show.say("demo.accepted", shop=shop.shown, amount=written_amount(CHEATED))
        return twin

    def _conflict(self, cast: Cast) -> None:
        self._act("conflict")
        shops = cast.shops[:2]
        self._network(shops, on=True)
        conflicts: list[dict[str, Any]] = []
        for _ in range(2):
            for shop in shops:
                conflicts += shop.must("sync")["conflicts"]
        if not conflicts:
            raise ActorFailed(shops[0].wallet, "no conflict was found", {})
        key = str(conflicts[0]["culprit"])
        named = [actor for actor in cast.everybody if self._is_of(actor, key)]
        self.found.conflict = {
            "code": conflicts[0]["code"],
            "culprit": cast.cheat.wallet if cast.cheat in named else key,
            "key": key,
            "honest": [shop.wallet for shop in shops if shop not in named],
        }
        self.show.say("demo.culprit", who=", ".join(actor.shown for actor in named[:1]), key=key[:16])
        for shop in shops:
            held = int(shop.must("balance")["spendable"])
            self.show.say("demo.has", shop=shop.shown, amount=written_amount(held))
        self._prove(shops)

    def _prove(self, shops: list[Actor]) -> None:
        """The proof, in files, checked by somebody who has the root key and nothing else."""
        for shop in shops:
            saved = shop.must("evidence", "save", str(self.home / "evidence"))
            for file in saved["files"]:
                checked = shop.must("evidence", "check", file, "--root", saved["root"])
                if checked["key"] != self.found.conflict["key"]:
                    raise ActorFailed(shop.wallet, "the evidence names another key", checked)
        self.show.say("demo.proved")

    def _is_of(self, actor: Actor, key: str) -> bool:
        return key in actor.must("wallet", "show")["keys"]

    def _gossip(self, cast: Cast, twin: Actor) -> None:
        friend, shop = cast.chain[0], cast.shops[2]
        self._act("gossip", shop=shop.shown)
        self._let_news_reach(friend)
        self._network([friend], on=False)
        self._must_pay(friend, shop, GOSSIP, "gossip")
        refused = pay_by_qr(twin, shop, GOSSIP, self._pictures("gossip-cheat"))
        if isinstance(refused, Hop):
            raise ActorFailed(shop.wallet, "the cheat was not refused", {})
        self.found.gossip = {"refused_by": shop.wallet, "code": refused.code}
        self.show.say("demo.cheat_refused", shop=shop.shown, code=refused.code)

    def _let_news_reach(self, friend: Actor) -> None:
        """Revocations of some seconds share a version of the policy, and a bank asks for it every few seconds."""
        for _ in range(_SYNCS):
            if int(friend.must("sync")["policy"]) > self._policy:
                return
            time.sleep(_BETWEEN_SYNCS)
        raise ActorFailed(friend.wallet, "no news of the cheat came", {})

    def _sums(self, cast: Cast) -> None:
        from app.wallets.sandbox_desk import network_of, read_books

        self._act("sums")
        honest = [*cast.chain, *cast.shops]
        self._network(honest, on=True)
        for _ in range(2):
            for actor in honest:
                actor.must("sync")
        books = read_books(network_of(self.home / "sandbox"))
        self.found.ledger = books.totals()
        show_books(books, self.show)


@contextmanager
def stage(home: Path | None) -> Iterator[Path]:
    """A folder for the performance: the one that was named, or one that goes when it is over."""
    if home is not None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield home
        return
    folder = Path(tempfile.mkdtemp(prefix="qalta-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
