"""Those who sign rubbish: customers without a purse, and a bank that says whatever it likes.

Rule: they break no signature and no bound of the wire, so that nothing they send can be told from an honest call by
its form. What they do to others is all that they are for; nobody audits them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from ledger_sync.bank.peers import BankClients
from ledger_sync.http.call import Signer
from ledger_sync.http.client import ServiceClient
from ledger_sync.possession import possession_message
from ledger_sync.sandbox.in_process import NOTARY, named
from tests.support.system import System
from tests.support.world import DAY, Key
from wallet.protocol import cose
from wallet.protocol.bounds import ID_BYTES, NONCE_BYTES
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import CURRENCY
from wallet.protocol.request import Request
from wallet.protocol.settlement import Commit
from wallet.protocol.transfer import TokenRef, Transfer


@dataclass
class Stranger:
    """An enrolled device with a certified key, of which nobody knows anything else."""

    system: System
    name: str
    bank: str
    key: Key = field(init=False)
    device: Key = field(init=False)
    certificate: Signed[Certificate] = field(init=False)
    _made: int = 0

    def __post_init__(self) -> None:
        self.key, self.device = Key.of(f"{self.name} key"), Key.of(f"{self.name} device")

    @property
    def account(self) -> str:
        return named(f"account of {self.name}").hex()

    def enrol(self) -> Stranger:
        account = [bytes.fromhex(self.account), self.name, 0, 0, 1]
        (code,) = self.system.operate(self.bank, "/v1/customers", account)
        self._line().post("/v1/enrolments", [code, self.device.public])
        proof = self.key.sign(possession_message(self.bank, self.device.public))
        self.system.strangers.add(self.account)
        raw, _news = self._line().post("/v1/certificates", [self.key.public, 0, proof])
        self.certificate = cose.from_cbor(Certificate, raw)
        return self

    def copy_to(self, system: System) -> Stranger:
        """The same one in a copy of its world."""
        other = replace(self, system=system)
        other.certificate, other._made = self.certificate, self._made
        return other

    def upload(self, bundle: Bundle) -> Any:
        return self._line().post("/v1/uploads", bundle.to_cbor())

    def spending_nothing(self, payee: bytes, count: int, *, is_known: bool = True) -> Bundle:
        """Transfers of tokens that nobody has, to somebody; ``is_known``: with the certificate of who signed."""
        made = [self._transfer(payee) for _ in range(count)]
        return Bundle(tuple(made), (), (self.certificate,) if is_known else (), ())

    def asking_nobody(self, count: int) -> Bundle:
        """Requests that nobody has seen."""
        made = [self._request() for _ in range(count)]
        return Bundle((), (), (), tuple(made))

    def _transfer(self, payee: bytes) -> Signed[Transfer]:
        self._made += 1
        body = Transfer(
            inputs=(TokenRef(self._chance(ID_BYTES), 0),),
            payee=payee,
            amount=10,
            change=0,
            purpose=self._chance(16),
            sequence=self._made,
            total=10 * self._made,
            time=self.certificate.body.issued,
        )
        return cose.sign(body, self.key.sign)

    def _request(self) -> Signed[Request]:
        self._made += 1
        body = Request(
            payee=self.certificate,
            currency=CURRENCY,
            amount=self._made,
            is_open=False,
            nonce=self._chance(NONCE_BYTES),
            memo="",
            expires=self.system.now + DAY,
            policy=0,
        )
        return cose.sign(body, self.key.sign)

    def _chance(self, size: int) -> bytes:
        return self.system.chance(f"rubbish of {self.name}")(size)

    def _line(self) -> ServiceClient:
        signer = Signer(self.device.public, self.device.sign)
        return self.system.network.line(self.name, self.bank, signer)


class LyingBank:
    """A bank of the directory whose service is not ours: it certifies keys that are not its customers', consumes
    tokens for transfers that do not exist, and answers as it likes (``answer``)."""

    def __init__(self, system: System, name: str) -> None:
        self.system = system
        self.name = name
        self.signer = system.network.signer(name, "bank")
        self.answer: Callable[[], httpx.Response] = lambda: httpx.Response(503)
        system.network.lines.attach(name, self._application)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        response = self.answer()
        headers = [(name.lower(), value) for name, value in response.headers.raw]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": response.content})

    def certify(self, certificate: Certificate, to: str, **changes: Any) -> Signed[Certificate]:
        """An honest key under a certificate of this bank, told to another bank."""
        body = replace(certificate, bank=self.name, **changes)
        signed = cose.sign(body, self.signer.sign)
        line = self.system.network.line(self.name, to, self.signer)
        BankClients({to: line}).relay(to, Bundle(certificates=(signed,)))
        return signed

    def consume(self, ref: TokenRef, consumer: bytes) -> None:
        """Somebody's token, for a transfer that only this bank could show."""
        body = Commit(self.name, consumer, (ref,), self.system.now)
        commit = cose.sign(body, self.signer.sign).to_cbor()
        self.system.network.line(self.name, NOTARY, self.signer).post("/v1/commits", [commit])
