"""The notary over HTTP: commits, questions and lookups, for banks and the central bank only.

Rule: every commit and every question is signed by the bank it names, and that bank must be the caller, so that nobody
consumes or asks in another's name. Where references are split among several, each decides only those that the directory
gives it (SPEC 4.1), and says nothing of others. Whoever reads what is signed in the log is told that, under one head
for a call, and everybody else what is signed alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from ledger_sync import hearing
from ledger_sync.http.reading import newest
from ledger_sync.http.routes import Caller, CallerKind, Encoded, IncomingCall, Route
from ledger_sync.http.texts import plain_text
from ledger_sync.notary.attestor import FORMS, Attestor, Verdicts
from ledger_sync.notary.catching_up import CatchingUp, RemoteWitness
from ledger_sync.notary.jurisdiction import Jurisdiction, PartsOfReferences
from ledger_sync.notary.log import Statement
from ledger_sync.notary.log_routes import LogRoutes
from ledger_sync.notary.sql_store import KIND, SqlStore
from ledger_sync.notary.store import CommitItem, Store
from ledger_sync.service.backup import mind_restored
from ledger_sync.service.batches import Batches
from ledger_sync.service.home import Home, Program, Service
from ledger_sync.service.metrics import Metrics
from ledger_sync.service.own_keys import making, of_notary
from ledger_sync.service.server import Authenticator, build_app
from ledger_sync.service.settings import WORKERS, Form, Setting, SettingsError, Why
from ledger_sync.service.waiting import Waiting
from ledger_sync.service.worker import Worker
from wallet.protocol import batch, codec, cose
from wallet.protocol.batch import read_together
from wallet.protocol.bounds import MAX_ID_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed, each_head_once
from wallet.protocol.directory import Directory
from wallet.protocol.kinds import CONSUMPTION_2, Kind
from wallet.protocol.leaf import Extent
from wallet.protocol.parts import WHOLE, role_of
from wallet.protocol.settlement import CENTRAL_BANK, COMMITS, Commit, Consumption, check_commit
from wallet.protocol.transfer import TokenRef

ALIAS: Final = "notary"
MAX_COMMITS: Final = 256
MAX_REFS: Final = 384
"""In one call of whoever reads what is signed in the log: to each there may be a statement of its own, with a path that
is read from the store, and all of them are one answer."""
MAX_BATCH: Final = 512
"""References after which a batch takes no further call."""
_MAX_NUMBER: Final = 2**53
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
        metrics: Metrics | None = None,
        jurisdiction: Jurisdiction | None = None,
    ) -> None:
        self._store = store
        self._jurisdiction = jurisdiction or Jurisdiction()
        self._attestor = attestor
        self._metrics = metrics or Metrics()
        self._batches = {
            form: Batches(partial(self._decide_together, form), weight=_weight, most=MAX_BATCH)
            for form in FORMS
        }
        self._directory = directory
        self._catching_up = catching_up or CatchingUp(store, {})
        self._log = LogRoutes(store.log, attestor, self._catching_up.require_done)

    def routes(self) -> tuple[Route, ...]:
        return (
            *self._log.routes(),
            Route(
                "POST",
                "/v1/commits",
                _PARTNERS,
                self._commits,
                "Consume token references; the first commit of each stands",
                response="[* [* consumption]]: per commit the statements that cover its references",
                request="[1*256 commit / leaf]: 256 commits at most",
            ),
            Route(
                "POST",
                "/v1/questions",
                _PARTNERS,
                self._questions,
                "What commits would be answered; nothing is consumed",
                response="[* [* consumption]]: per commit the statements that cover what is consumed of its references",
                request="[1*256 commit / leaf]: 256 commits at most",
            ),
            Route(
                "POST",
                "/v1/lookups",
                _PARTNERS,
                self._lookups,
                "Which transaction of the caller's consumed each reference",
                response="[* consumption / null]",
                request="[1*384 [txid, output]]",
            ),
            Route(
                "GET",
                "/v1/consumptions",
                _PARTNERS,
                self._consumptions,
                "What the caller consumed, dated ?since= or later, looked for from number ?after= on",
                response="[number, [*256 consumption]]: up to which it was looked for; ?after= itself at the end",
                queries=("since", "after"),
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

    def waiting(self) -> Sequence[Waiting]:
        """Calls that queue to be decided, and witnesses that are not heard yet."""
        return (
            Waiting("commit", sum(batches.waiting for batches in self._batches.values())),
            Waiting("witness", len(self._catching_up.left)),
        )

    def _decide_together(self, form: Kind, calls: Sequence[Sequence[CommitItem]]) -> list[list[Verdicts]]:
        """The verdicts on the commits of each call, which are one batch; durable."""
        verdicts = iter(self._decide(form, [item for items in calls for item in items]))
        return [list(islice(verdicts, len(items))) for items in calls]

    def _decide(self, form: Kind, items: Sequence[CommitItem]) -> list[Verdicts]:
        verdicts = self._attestor.commit(items, form)
        self._metrics.batch("commit", len(items))
        ends = Counter(
            "lost" if any(word.body.consumer != item.consumer for word in words) else "first"
            for item, words in zip(items, verdicts, strict=True)
        )
        for end, count in ends.items():
            self._metrics.verdict(end, count)
        return verdicts

    def close(self) -> None:
        """Finish what has queued, then close the store."""
        for batches in self._batches.values():
            batches.close()
        self._store.close()

    def _signed(self, incoming: IncomingCall) -> list[CommitItem]:
        self._catching_up.require_done()
        directory = self._directory()
        items = []
        leaves: list[Sequence[Signed[Commit]]] = []
        for value in codec.array(incoming.value, least=1, most=MAX_COMMITS):
            leaves.append(read_together(COMMITS, value))
            found = sum(map(len, leaves))
            require(found <= MAX_COMMITS, Code.TOO_MANY, count=found, limit=MAX_COMMITS)  # 8.1.5
        count = sum(len(commit.body.refs) for leaf in leaves for commit in leaf)
        if _form(incoming) is CONSUMPTION_2:
            require(count <= MAX_REFS, Code.TOO_MANY, count=count, limit=MAX_REFS)  # 9.2
        incoming.charge(count)
        is_head = each_head_once()
        for signed, is_first in ((one, one is leaf[0]) for leaf in leaves for one in leaf):
            require(signed.body.bank == incoming.caller.name, Code.AUTH_FORBIDDEN, bank=signed.body.bank)
            check_commit(signed, directory, is_head if is_first else _as_the_first)
            for ref in signed.body.refs:
                if not self._jurisdiction.decides(ref):
                    raise Refusal(Code.AUTH_FORBIDDEN, {"token": str(ref)})
            items.append(CommitItem.of(signed))
        return items

    def _questions(self, incoming: IncomingCall) -> Cbor:
        """Whoever asks signs which transfer it asks for: as for a commit, and no more is told than to a commit."""
        items, form = self._signed(incoming), _form(incoming)
        refs = list(dict.fromkeys(ref for item in items for ref in item.refs))
        found = dict(zip(refs, self._attestor.lookup(refs, form), strict=True))
        answers: list[Cbor] = []
        for item in items:
            about = {said.id: said for ref in item.refs if (said := found[ref]) is not None}
            answers.append([statement.to_cbor() for statement in about.values()])
        return answers

    def _commits(self, incoming: IncomingCall) -> Encoded:
        items, form = self._signed(incoming), _form(incoming)
        verdicts = self._batches[form].do(items)
        told = [[statement.to_cbor() for statement in statements] for statements in verdicts]
        return Encoded(codec.encode_in_order(told))

    def _absent(self, incoming: IncomingCall) -> Cbor:
        (name,) = codec.array(incoming.value, 1)
        self._catching_up.go_on_without(plain_text(name, MAX_ID_BYTES))
        return list(self._catching_up.left)

    def _consumptions(self, incoming: IncomingCall) -> Cbor:
        """For whoever was put back from a backup, and may have lost what it was told."""
        self._catching_up.require_done()
        since, after = (incoming.number(name, _MAX_NUMBER) for name in ("since", "after"))
        number, page = self._attestor.own(incoming.caller.name, since, after, _form(incoming))
        return [number, [statement.to_cbor() for statement in page]]

    def _lookups(self, incoming: IncomingCall) -> Cbor:
        """What the caller consumed itself. Of what another did, only a commit of the same reference tells."""
        self._catching_up.require_done()
        values = codec.array(incoming.value, least=1, most=MAX_REFS)
        refs = [TokenRef.from_cbor(value) for value in values]
        incoming.charge(len(refs))
        ours = [ref for ref in refs if self._jurisdiction.decides(ref)]
        found = dict(zip(ours, self._attestor.lookup(ours, _form(incoming)), strict=True))
        return [
            None if statement is None or statement.body.bank != incoming.caller.name else statement.to_cbor()
            for statement in map(found.get, refs)
        ]


def _weight(items: Sequence[CommitItem]) -> int:
    return sum(len(item.refs) for item in items)


def _as_the_first(*_head: object) -> bool:
    """Of what `read_together` has read of one leaf, whose tree it makes of its payloads, all is under the head that the
    first was found to be under; the keys are those of one bank and one time."""
    return True


def _form(incoming: IncomingCall) -> Kind:
    """The newest form of its word that a caller reads. READER_OUTDATED."""
    return newest(FORMS, incoming.reads)


def build(home: Home) -> Service:
    """The notary of a home folder. Settings: host, port, root and operator (hex), central_bank (url), banks
    ({id: url}): whom it asks, after a start, for what it has said; perhaps database
    (`ledger_sync.database.opening`; a file in the home folder where none is set) and prefixes: the parts that it
    decides where references are split."""
    prefixes = _prefixes(home.config.get("prefixes", [WHOLE]))
    keys = home.own_keys(ALIAS, of_notary(lambda: trust.directory, prefixes))
    central_bank = home.line(home.config["central_bank"], keys)
    trust = home.trust(central_bank)

    def sign(body: Consumption) -> Statement:
        return cose.sign(body, keys.at(body.time).sign)

    def sign_head(extent: Extent, root: bytes) -> bytes:
        return batch.sign_head(CONSUMPTION_2, extent, root, keys.at(extent.time).sign)

    jurisdiction = PartsOfReferences(prefixes, lambda: trust.directory, home.clock)
    lines = {name: home.line(url, keys) for name, url in home.config.get("banks", {}).items()}
    witnesses = {
        name: RemoteWitness(line, lambda: trust.directory)
        for name, line in {CENTRAL_BANK: central_bank, **lines}.items()
    }
    database = home.store(KIND, "notary.db")
    store = SqlStore(database, home.random)
    if home.process.is_first:  # the others say nothing before it has heard all witnesses
        mind_restored(home.folder, store.begin_anew)
    catching_up = CatchingUp(store, witnesses, home.process.heard, jurisdiction.concerns)
    attestor = Attestor(store, sign, home.clock, sign_head, jurisdiction)
    notary = Notary(store, attestor, lambda: trust.directory, catching_up, home.metrics, jurisdiction)
    home.metrics.watch(backlog=notary.waiting, made=trust.made)
    nonces = home.nonces()
    operator = home.key("operator")

    def identify(key: bytes, now: int) -> Caller | None:
        return Caller(CallerKind.OPERATOR, "", key) if key == operator else trust.identify(key, now)

    gate = Authenticator(home.authority, identify, nonces, home.clock, home.machine, home.hear)
    app = build_app(
        "Qalta notary",
        (*notary.routes(), making({ALIAS: keys})),
        gate,
        home.executor,
        lambda: trust.is_ready and catching_up.is_ready,
        home.health(keys, store=database),
        home.metrics,
        home.quotas,
    )

    def close() -> None:
        notary.close()
        trust.close()
        nonces.close()
        for line in (central_bank, *lines.values()):
            line.close()

    refreshing = Worker("trust", _LOOK_SECONDS, lambda: trust.keep_fresh(home.machine(), _REFRESH_SECONDS))
    asking = Worker(hearing.WORKER, _LOOK_SECONDS, catching_up.round)
    return Service(app, (refreshing, *((asking,) if home.process.is_first else ())), close)


def _prefixes(setting: Any) -> tuple[str, ...]:
    """`SettingsError`."""
    try:
        prefixes = tuple(sorted(setting))
        for prefix in prefixes:
            role_of(prefix)
    except (TypeError, ValueError):
        raise SettingsError("prefixes", Why.UNFIT) from None
    if not prefixes:
        raise SettingsError("prefixes", Why.UNFIT)
    return prefixes


SETTINGS: Final = (
    Setting("root", Form.KEY, is_needed=True),
    Setting("central_bank", Form.URL, is_needed=True),
    Setting("banks", Form.JSON),
    Setting("prefixes", Form.JSON),
    WORKERS,
)
PROGRAM: Final = Program("notary", (ALIAS,), build, SETTINGS)
