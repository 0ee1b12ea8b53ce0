"""Auditing the notary: its log is read whole, made again leaf by leaf, and every reference is decided anew.

Rule: of what the notary shows only signatures count. Its entries must be the tree whose head it signed; each must say
what the commit behind it asked for, less what was consumed before, and no reference may be consumed twice. Where two
things that the notary signed contradict each other, they are told as evidence that anybody can check.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from ledger_sync.http.peers import read
from wallet.protocol import codec
from wallet.protocol.batch import Group
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import IsHead, Signed, each_head_once, is_head_of
from wallet.protocol.directory import Directory, Role
from wallet.protocol.leaf import Path
from wallet.protocol.log import KIND, LogHead, check_head
from wallet.protocol.merkle import Tree, leaf_hash
from wallet.protocol.notary_evidence import NotaryEvidence, between
from wallet.protocol.parts import decider, notaries, parts_of
from wallet.protocol.settlement import (
    Consumption,
    Consumption2,
    check_commit,
    check_consumption,
    read_commit,
    read_consumption,
)
from wallet.protocol.transfer import TokenRef

_PAGE: Final = 128
"""Entries that are asked for at a time."""


class Wrong(StrEnum):
    """What is wrong with a log, or with an entry of it."""

    ROOT = "root"
    """The entries are not the tree that the head is of."""
    ENTRY = "entry"
    """It can't be read."""
    TWICE = "twice"
    """It consumes a reference that an earlier one has consumed."""
    COMMIT = "commit"
    """The commit behind it was not signed by the bank that it names, or asks for something else."""
    DECISION = "decision"
    """It gives more or less of what the commit asked for than was free."""
    ELSEWHERE = "elsewhere"
    """It consumes a reference that by the directory another notary decides."""
    STATEMENT = "statement"
    """What was signed alone is not what the entry says, or not signed by the notary."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: where (the index of an entry, None for the log), and the evidence, if there is one."""

    wrong: Wrong
    index: int | None
    evidence: NotaryEvidence | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit has found: the head it was of, how many entries and references were decided anew, behind how many
    entries the notary shows no commit (it learnt them from others after it was put back), and what is wrong."""

    head: LogHead
    entries: int
    references: int
    without_commit: int
    findings: tuple[Finding, ...]


class Line(Protocol):
    """An auditor's signed line to the notary (ledger_sync.http.client)."""

    def get(self, path: str) -> Cbor: ...


@dataclass(frozen=True, slots=True)
class _Entry:
    payload: bytes
    proof: bytes
    statement: Cbor


class Audit:
    """One reading of a log under its newest head; memory for every reference that was consumed."""

    def __init__(
        self, line: Line, directory: Directory, hear: Callable[[int, int], None] = lambda _done, _all: None
    ) -> None:
        """``hear`` is told how many entries of how many were decided."""
        self._line = line
        self._directory = directory
        self._hear = hear
        self._leaves: list[bytes] = []
        self._taken: dict[TokenRef, int] = {}
        self._twice: list[tuple[int, int]] = []
        self._findings: list[Finding] = []
        self._without_commit = 0
        self._roles: frozenset[int] = frozenset()

    def run(self) -> Report:
        """Read and decide all of it. NOTARY_SIGNATURE (of the head), ``RemoteRefusal``, ``NoAnswer``."""
        head = read(self._line.get("/v1/log/head"), LogHead.from_cbor)
        check_head(head, self._directory)
        self._roles = _roles_of(head, self._directory)
        size = head.extent.size
        while len(self._leaves) < size:
            is_head = each_head_once()
            for entry in self._page(len(self._leaves), size):
                self._decide(entry, is_head)
            self._hear(len(self._leaves), size)
        tree = Tree.of(self._leaves)
        if tree.root != head.root:
            self._find(Wrong.ROOT, None)
        for first, second in self._twice:
            self._findings.append(Finding(Wrong.TWICE, second, self._evidence(head, tree, first, second)))
        return Report(head, size, len(self._taken), self._without_commit, tuple(self._findings))

    def _page(self, begin: int, end: int) -> Sequence[_Entry]:
        end = min(end, begin + _PAGE)
        answer = self._line.get(f"/v1/log/entries?begin={begin}&end={end}")
        return read(answer, lambda value: [_entry(item) for item in codec.array(value, end - begin)])

    def _decide(self, entry: _Entry, is_head: IsHead) -> None:
        index = len(self._leaves)
        self._leaves.append(leaf_hash(entry.payload))
        try:
            body = _body(entry.payload)
        except Refusal:
            self._find(Wrong.ENTRY, index)
            return
        self._twice += sorted({(self._taken[ref], index) for ref in body.refs if ref in self._taken})
        self._check_commit(index, entry.proof, body, is_head)
        self._check_statement(index, entry.statement, body)
        if any(decider(self._directory, ref, body.time) not in self._roles for ref in body.refs):
            self._find(Wrong.ELSEWHERE, index)
        for ref in body.refs:
            self._taken.setdefault(ref, index)

    def _check_commit(self, index: int, proof: bytes, body: Consumption, is_head: IsHead) -> None:
        if not proof:
            self._without_commit += 1
            return
        try:
            commit = codec.read(proof, MAX_OBJECT_BYTES, read_commit)
            check_commit(commit, self._directory, is_head)
        except Refusal:
            self._find(Wrong.COMMIT, index)
            return
        asked = commit.body
        if (asked.bank, asked.consumer) != (body.bank, body.consumer) or set(body.refs) - set(asked.refs):
            self._find(Wrong.COMMIT, index)
        elif body.refs != tuple(ref for ref in asked.refs if ref not in self._taken):
            self._find(Wrong.DECISION, index)

    def _check_statement(self, index: int, value: Cbor, body: Consumption) -> None:
        if value is None:
            return
        try:
            said = read_consumption(value)
            check_consumption(said, self._directory)
        except Refusal:
            self._find(Wrong.STATEMENT, index)
            return
        if _told(said.body) != _told(body):
            self._find(Wrong.STATEMENT, index)

    def _find(self, wrong: Wrong, index: int | None) -> None:
        self._findings.append(Finding(wrong, index))

    def _evidence(self, head: LogHead, tree: Tree, first: int, second: int) -> NotaryEvidence | None:
        """Of two entries under the head; none where the head is not of them."""
        if tree.root != head.root:
            return None
        one, other = (self._shown(head, tree, index) for index in (first, second))
        return between(one, other)

    def _shown(self, head: LogHead, tree: Tree, index: int) -> Signed[Consumption2]:
        (entry,) = self._page(index, index + 1)
        path = Path(head.extent.size, index, tree.path(index))
        (shown,) = Group.of([_body(entry.payload)]).signed(head.extent, path, head.signature)
        return shown


def _roles_of(head: LogHead, directory: Directory) -> frozenset[int]:
    """The roles of whoever signed a head. What was decided before there were parts may be in the log of any."""
    signers = [
        key
        for key in notaries(directory, head.extent.time)
        if is_head_of(key, KIND, head.extent, head.root, head.signature)
    ]
    parts = parts_of(directory)
    of_signer = [role for role in parts if any(entry.key in signers for entry in directory.roles[role])]
    return frozenset((Role.NOTARY, *of_signer))


def _entry(value: Cbor) -> _Entry:
    payload, proof, statement = codec.array(value, 3)
    return _Entry(codec.octets(payload), codec.octets(proof), statement)


def _body(payload: bytes) -> Consumption2:
    return codec.read(payload, Consumption2.KIND.most, Consumption2.from_cbor)


def _told(body: Consumption) -> tuple[bytes, str, int, tuple[TokenRef, ...]]:
    return body.consumer, body.bank, body.time, body.refs
