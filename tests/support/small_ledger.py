"""A ledger in one object: what banks, notary and central bank decide together, with no wire in between.

Enough for tests of the purse: it verifies what it is shown, the first commit of a token stands, values go down the
chain, redemptions are paid, and what belongs to somebody's keys is delivered with its provenance.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from tests.support.logs import Log
from tests.support.world import DAY, World
from wallet.protocol import cose
from wallet.protocol.batch import sign_batch
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Evidence
from wallet.protocol.issuance import CURRENCY, Issuance
from wallet.protocol.request import Request, request_ref
from wallet.protocol.settlement import (
    Consumption,
    Consumption2,
    Settlement,
    Settlement2,
    Verdict,
    settle_values,
)
from wallet.protocol.transfer import Refresh, ToAccount, TokenRef, ToPayer, Transfer
from wallet.protocol.validity import Token, check_transfer, choose_certificate, issued_tokens


@dataclass(frozen=True)
class Outcome:
    issuance: Signed[Issuance] | None
    value: int


@dataclass(frozen=True)
class Row:
    transfer: bytes
    settlement: Signed[Settlement] | None = None
    first_answered: int | None = None
    consumptions: tuple[Signed[Consumption], ...] = ()
    evidence: Evidence | None = None
    outcome: Outcome | None = None


@dataclass
class SmallLedger:
    """``in_trees``: verdicts and words are of the versions that are signed with others."""

    world: World
    bank: str = "alatau"
    transfers: dict[bytes, Signed[Transfer]] = field(default_factory=dict)
    issuances: dict[bytes, Signed[Issuance]] = field(default_factory=dict)
    certificates: dict[bytes, Signed[Certificate]] = field(default_factory=dict)
    requests: dict[bytes, Signed[Request]] = field(default_factory=dict)
    tokens: dict[TokenRef, Token] = field(default_factory=dict)
    values: dict[TokenRef, int] = field(default_factory=dict)
    consumer: dict[TokenRef, bytes] = field(default_factory=dict)
    rows: dict[bytes, Row] = field(default_factory=dict)
    accounts: dict[bytes, int] = field(default_factory=dict)
    in_trees: bool = False
    log: Log = field(init=False)

    def __post_init__(self) -> None:
        self.log = Log(self.world.notary)

    def know(self, issuance: Signed[Issuance]) -> None:
        self.issuances[issuance.id] = issuance
        for token in issued_tokens(issuance):
            self.tokens[token.ref] = token
            self.values.setdefault(token.ref, token.amount)

    def upload(self, bundle: Bundle) -> tuple[Row, ...]:
        for certificate in bundle.certificates:
            self.certificates[certificate.id] = certificate
        for issuance in bundle.issuances:
            self.know(issuance)
        for request in bundle.requests:
            self.requests[request_ref(request)] = request
        for transfer in bundle.transfers:
            self.transfers.setdefault(transfer.id, transfer)
        grown = True
        while grown:
            grown = any(
                self._settle(item) for item in tuple(self.transfers.values()) if item.id not in self.rows
            )
        return tuple(self.rows.get(item.id, Row(item.id)) for item in bundle.transfers)

    def _settle(self, transfer: Signed[Transfer]) -> bool:
        inputs = [self.tokens.get(ref) for ref in transfer.body.inputs]
        known = [token for token in inputs if token is not None]
        if len(known) < len(inputs):
            return False
        try:
            signer = choose_certificate(self.certificates.values(), known[0].owner, transfer.body.time)
        except Refusal:
            return False
        outputs = check_transfer(transfer, known, signer.body, self.world.directory())
        for ref in transfer.body.inputs:
            self.consumer.setdefault(ref, transfer.id)
        won = [ref for ref in transfer.body.inputs if self.consumer[ref] == transfer.id]
        values = settle_values(
            transfer.body, [self.values[ref] if ref in won else 0 for ref in transfer.body.inputs]
        )
        faces = tuple(token.amount for token in outputs)
        lost = len(won) < len(transfer.body.inputs)
        verdict = Verdict.CONFLICT if lost else Verdict.SETTLED if values == faces else Verdict.SHORT
        for token, value in zip(outputs, values, strict=True):
            self.tokens[token.ref] = token
            self.values[token.ref] = value
        self.rows[transfer.id] = self._row(transfer, signer, verdict, values)
        return True

    def _row(
        self,
        transfer: Signed[Transfer],
        signer: Signed[Certificate],
        verdict: Verdict,
        values: tuple[int, ...],
    ) -> Row:
        world = self.world
        settlement = self._judged(
            Settlement(
                bank=self.bank,
                transfer=transfer.id,
                verdict=verdict,
                values=values,
                code=None,
                time=world.clock_of("bank"),
            )
        )
        words = []
        evidence = None
        for consumer in sorted({self.consumer[ref] for ref in transfer.body.inputs}):
            refs = tuple(ref for ref in transfer.body.inputs if self.consumer[ref] == consumer)
            words.append(self._said(Consumption(consumer, self.bank, world.clock_of("notary"), refs)))
            if consumer != transfer.id:
                evidence = Evidence.of(transfer, self.transfers[consumer], signer)
        outcome = self._outcome(transfer, signer.body, values[0])
        return Row(transfer.id, settlement, None, tuple(words), evidence, outcome)

    def _judged(self, body: Settlement) -> Signed[Settlement]:
        by = self.world.bank_key(self.bank).sign
        if not self.in_trees:
            return cose.sign(body, by)
        salted = Settlement2.from_cbor([body.transfer[:16], *body.to_cbor()])
        other = replace(salted, transfer=bytes(32))
        return sign_batch([[other], [other, salted]], body.time, by)[1][1]

    def _said(self, body: Consumption) -> Signed[Consumption]:
        if not self.in_trees:
            return cose.sign(body, self.world.notary.sign)
        self.log.append([Consumption2.from_cbor([body.consumer[:16], *body.to_cbor()])])
        return self.log.shown(self.log.size - 1, self.log.head(body.time))[0]

    def _outcome(self, transfer: Signed[Transfer], signer: Certificate, value: int) -> Outcome | None:
        match transfer.body.purpose:
            case Refresh(owner, amounts):
                return Outcome(self._issue(transfer, owner, _cut(amounts, value)), value)
            case ToPayer(payer):
                return Outcome(self._issue(transfer, payer, _cut((value,), value)), value)
            case ToAccount():
                self.accounts[signer.wallet] = self.accounts.get(signer.wallet, 0) + value
                return Outcome(None, value)
            case _:
                return None

    def _issue(
        self, cause: Signed[Transfer], owner: bytes, amounts: tuple[int, ...]
    ) -> Signed[Issuance] | None:
        if not amounts:
            return None
        now = self.world.clock_of("central bank")
        body = Issuance(
            funding=cause.id[:16],
            owner=owner,
            currency=CURRENCY,
            amounts=amounts,
            mark=None,
            issued=now,
            expires=now + 90 * DAY,
        )
        issuance = cose.sign(body, self.world.issuing.sign)
        self.know(issuance)
        return issuance

    def deliver(self, keys: Collection[bytes]) -> tuple[Bundle, tuple[Row, ...]]:
        """Everything that concerns these keys, with its provenance, ancestors first."""
        wanted = {token.ref.txid for token in self.tokens.values() if token.owner in keys}
        for transfer in self.transfers.values():
            if transfer.id in self.rows and self.tokens[transfer.body.inputs[0]].owner in keys:
                wanted.add(transfer.id)
            if isinstance(transfer.body.purpose, ToPayer) and transfer.body.purpose.payer in keys:
                wanted.add(transfer.id)
        listed = wanted & self.rows.keys()
        pending = list(wanted)
        while pending:
            known = self.transfers.get(pending.pop())
            for ref in () if known is None else known.body.inputs:
                if ref.txid not in wanted:
                    wanted.add(ref.txid)
                    pending.append(ref.txid)
        bundle = Bundle(
            tuple(item for item in self.transfers.values() if item.id in wanted),
            tuple(item for item in self.issuances.values() if item.id in wanted),
            tuple(self.certificates.values()),
            self._requests_of(listed),
        )
        return bundle, tuple(self.rows[txid] for txid in sorted(listed))

    def _requests_of(self, listed: Collection[bytes]) -> tuple[Signed[Request], ...]:
        purposes = {self.transfers[txid].body.purpose for txid in listed}
        return tuple(request for ref, request in self.requests.items() if ref in purposes)

    def refuse(self, txid: bytes, code: Code) -> Row:
        """The verdict REFUSED, as a bank gives for what it can't take."""
        body = Settlement(
            bank=self.bank, transfer=txid, verdict=Verdict.REFUSED, values=(), code=code, time=self.world.now
        )
        row = Row(txid, cose.sign(body, self.world.bank_key(self.bank).sign))
        self.rows[txid] = row
        return row

    def outstanding(self) -> int:
        """Tiyn in tokens that nothing has consumed."""
        redemption = self.world.redemption.public
        open_ones = (ref for ref in self.values if ref not in self.consumer)
        return sum(self.values[ref] for ref in open_ones if self.tokens[ref].owner != redemption)


def _cut(amounts: tuple[int, ...], value: int) -> tuple[int, ...]:
    """The amounts in their order, as far as the value reaches."""
    cut = []
    for amount in amounts:
        if value > 0:
            cut.append(min(amount, value))
            value -= cut[-1]
    return tuple(cut)


def repeated(row: Row, at: int) -> Row:
    """The same row as the bank gives it again."""
    return replace(row, first_answered=at)
