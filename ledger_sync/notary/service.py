"""The notary over HTTP: commits, questions and lookups, for banks and the central bank only.

Rule: every commit and every question is signed by the bank it names, and that bank must be the caller, so that nobody
consumes or asks in another's name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ledger_sync import hearing
from ledger_sync.http.routes import Caller, CallerKind, IncomingCall, Route
from ledger_sync.notary.attestor import Attestor
from ledger_sync.notary.catching_up import CatchingUp, RemoteWitness
from ledger_sync.notary.sqlite_store import SqliteStore
from ledger_sync.notary.store import CommitItem, Statement, Store
from ledger_sync.notary.writer import Writer
from ledger_sync.service.policy_cache import PolicyCache
from ledger_sync.service.run import Home, Program, Service
from ledger_sync.service.server import Authenticator, build_app
from ledger_sync.service.worker import Worker
from wallet.protocol import codec, cose
from wallet.protocol.bounds import MAX_ID_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require
from wallet.protocol.directory import Directory
from wallet.protocol.settlement import CENTRAL_BANK, Commit, Consumption, check_commit
from wallet.protocol.transfer import TokenRef

ALIAS: Final = "notary"
MAX_COMMITS: Final = 256
MAX_LOOKUPS: Final = 1_024
_OPERATOR: Final = frozenset({CallerKind.OPERATOR})
_PARTNERS: Final = frozenset({CallerKind.BANK, CallerKind.CENTRAL_BANK})
_REFRESH_SECONDS: Final = 30
_LOOK_SECONDS: Final = 0.5


class Notary:
    """The calls, over a store, who attests what is claimed there, and the directory of the moment."""

    def __init__(
        self,
        store: Store,
        attestor: Attestor,
        directory: Callable[[], Directory],
        catching_up: CatchingUp | None = None,
    ) -> None:
        self._store = store
        self._attestor = attestor
        self._writer = Writer(attestor.commit)
        self._directory = directory
        self._catching_up = catching_up or CatchingUp(store, {})

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "POST",
                "/v1/commits",
                _PARTNERS,
                self._commits,
                "Consume token references; the first commit of each stands",
                response="[* [* consumption]]: per commit the statements that cover its references",
                request="[1*256 commit]",
            ),
            Route(
                "POST",
                "/v1/questions",
                _PARTNERS,
                self._questions,
                "What commits would be answered; nothing is consumed",
                response="[* [* consumption]]: per commit the statements that cover what is consumed of its references",
                request="[1*256 commit]",
            ),
            Route(
                "POST",
                "/v1/lookups",
                _PARTNERS,
                self._lookups,
                "Which transaction of the caller's consumed each reference",
                response="[* consumption / null]",
                request="[1*1024 [txid, output]]",
            ),
            Route(
                "POST",
                "/v1/witnesses/absent",
                _OPERATOR,
                self._absent,
                "Go on without the statements that this bank holds (the central bank: empty)",
                response="[* bank tstr]: who is still waited for",
                request="[bank tstr]",
            ),
        )

    def close(self) -> None:
        """Finish what has queued, then close the store."""
        self._writer.close()
        self._store.close()

    def _signed(self, incoming: IncomingCall) -> list[CommitItem]:
        self._catching_up.require_done()
        directory = self._directory()
        items = []
        for value in codec.array(incoming.value, least=1, most=MAX_COMMITS):
            signed = cose.from_cbor(Commit, value)
            require(signed.body.bank == incoming.caller.name, Code.AUTH_FORBIDDEN, bank=signed.body.bank)
            check_commit(signed, directory)
            items.append(CommitItem.of(signed))
        return items

    def _questions(self, incoming: IncomingCall) -> Cbor:
        """Whoever asks signs which transfer it asks for: as for a commit, and no more is told than to a commit."""
        answers: list[Cbor] = []
        for item in self._signed(incoming):
            found = {said.id: said for said in self._attestor.lookup(item.refs) if said is not None}
            answers.append([statement.to_cbor() for statement in found.values()])
        return answers

    def _commits(self, incoming: IncomingCall) -> Cbor:
        items = self._signed(incoming)
        return [[statement.to_cbor() for statement in verdicts] for verdicts in self._writer.commit(items)]

    def _absent(self, incoming: IncomingCall) -> Cbor:
        (name,) = codec.array(incoming.value, 1)
        self._catching_up.go_on_without(codec.text(name, MAX_ID_BYTES))
        return list(self._catching_up.left)

    def _lookups(self, incoming: IncomingCall) -> Cbor:
        """What the caller consumed itself. Of what another did, only a commit of the same reference tells."""
        self._catching_up.require_done()
        values = codec.array(incoming.value, least=1, most=MAX_LOOKUPS)
        found = self._attestor.lookup([TokenRef.from_cbor(value) for value in values])
        return [
            None if statement is None or statement.body.bank != incoming.caller.name else statement.to_cbor()
            for statement in found
        ]


def build(home: Home) -> Service:
    """The notary of a home folder. Settings: host, port, root and operator (hex), central_bank (url), banks
    ({id: url}): whom it asks, after a start, for what it has said."""
    signer = home.signer(ALIAS)
    central_bank = home.line(home.config["central_bank"], signer)
    trust = PolicyCache(home.folder / "trust.db", home.key("root"), central_bank, home.hear)

    def sign(body: Consumption) -> Statement:
        return cose.sign(body, signer.sign)

    lines = {name: home.line(url, signer) for name, url in home.config.get("banks", {}).items()}
    witnesses = {
        name: RemoteWitness(line, lambda: trust.directory)
        for name, line in {CENTRAL_BANK: central_bank, **lines}.items()
    }
    store = SqliteStore(home.folder / "notary.db")
    catching_up = CatchingUp(store, witnesses)
    notary = Notary(store, Attestor(store, sign, home.clock), lambda: trust.directory, catching_up)
    nonces = home.nonces()
    operator = home.key("operator")

    def identify(key: bytes, now: int) -> Caller | None:
        return Caller(CallerKind.OPERATOR, "", key) if key == operator else trust.identify(key, now)

    gate = Authenticator(home.authority, identify, nonces, home.clock, home.machine, home.hear)
    app = build_app(
        "Qalta notary",
        notary.routes(),
        gate,
        home.executor,
        lambda: trust.is_ready and catching_up.is_ready,
        home.health(ALIAS),
    )

    def close() -> None:
        notary.close()
        trust.close()
        nonces.close()
        for line in (central_bank, *lines.values()):
            line.close()

    refreshing = Worker("trust", _LOOK_SECONDS, lambda: trust.keep_fresh(home.machine(), _REFRESH_SECONDS))
    asking = Worker(hearing.WORKER, _LOOK_SECONDS, catching_up.round)
    return Service(app, (refreshing, asking), close)


PROGRAM: Final = Program("notary", (ALIAS,), build)
