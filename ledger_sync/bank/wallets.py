"""Wallet ids: which customer each pseudonym belongs to, and which are revoked. Only this bank can link them.

Rule: revoking a customer lists every wallet id of its that has not expired; evidence of a contradiction outweighs
every other reason. What is listed here are this bank's own wallet ids; in a policy each stands under the revocation
id that it has as this bank's.
"""

from __future__ import annotations

from ledger_sync.bank.house import House
from ledger_sync.bank.once import Once
from ledger_sync.bank.parsed import load
from ledger_sync.bank.terms import MAX_LOSSES_A_DAY
from ledger_sync.bank.work import Item, Kind, WorkList
from ledger_sync.possession import Possession
from wallet.protocol.bounds import DAY
from wallet.protocol.certificate import Certificate, revocation_id
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.policy import Reason


class Wallets:
    """The keys this bank has certified. Writes within the caller's transaction."""

    def __init__(self, house: House, work: WorkList) -> None:
        self._house = house
        self._store = house.store
        self._work = work
        self._holders = Once(house.store, self._read_holder)

    def add(self, signed: Signed[Certificate], account: str, device: bytes, policy: int | None) -> None:
        """This bank has certified a key of ``device`` for ``account``; ``policy``: the version that came with it."""
        body = signed.body
        self._store.insert(
            "wallets",
            wallet=body.wallet,
            key=body.key,
            customer=account,
            device=device,
            certificate=signed.id,
            issued=body.issued,
            expires=body.expires,
            policy=policy,
        )
        self._holders.forget()

    def learn(self, signed: Signed[Certificate]) -> None:
        """A certificate of this bank's own that came from others: put back from a backup, the bank has forgotten that
        it gave it. What its wallet id signed counts for whom the key was certified for besides, if for anybody. The
        policy that went with it is not known any more, so that only the certificate's own limits are held to."""
        account, device = self._holders.get(signed.body.key)
        if signed.body.bank == self._house.bank and account is not None and device is not None:
            self.add(signed, account, device, None)

    def customer_of(self, key: bytes) -> str | None:
        """The account whose wallet ``key`` was certified for."""
        return self._holders.get(key)[0]

    def _read_holder(self, key: bytes) -> tuple[str, bytes] | tuple[None, None]:
        row = self._store.row("select customer, device from wallets where key = ? limit 1", (key,))
        return (None, None) if row is None else (row[0], row[1])

    def possession(self, key: bytes) -> Possession:
        """What shows others that this bank speaks for ``key``. KEY_INVALID where it does not."""
        return self._possession("w.key = ? order by w.expires desc, w.wallet", key)

    def possession_under(self, certificate: Signed[Certificate]) -> Possession:
        """As `possession`, with this very certificate of its own."""
        return self._possession("w.certificate = ? and w.key = ?", certificate.id, certificate.body.key)

    def _possession(self, where: str, *values: bytes) -> Possession:
        row = self._store.row(
            "select c.payload, c.signature, p.device, p.proof from wallets w"
            " join possessions p on p.device = w.device and p.key = w.key"
            f" join certificates c on c.id = w.certificate where {where} limit 1",
            values,
        )
        if row is None:
            raise Refusal(Code.KEY_INVALID, {"bank": self._house.bank})
        return Possession(load(Certificate, row[0], row[1]), row[2], row[3])

    def device_of(self, key: bytes) -> bytes | None:
        """The device whose purse holds ``key``: sequence numbers count over all keys of one purse."""
        return self._holders.get(key)[1]

    def unexpired(self, account: str, but_of: bytes = b"") -> list[bytes]:
        """Wallet ids of ``account`` that have not expired, ``but_of`` one device's."""
        rows = self._store.rows(
            "select wallet from wallets where customer = ? and expires >= ? and device <> ? order by wallet",
            (account, self._house.clock(), but_of),
        )
        return [row[0] for row in rows]

    def count_of_device(self, device: bytes) -> int:
        """How many of its wallet ids have not expired."""
        sql = "select count(*) from wallets where device = ? and expires >= ?"
        return int(self._store.value(sql, (device, self._house.clock())))

    def revoke(
        self,
        account: str,
        reason: Reason,
        evidence: bytes | None = None,
        named: bytes | None = None,
        but_of: bytes = b"",
    ) -> None:
        """Have all unexpired wallet ids of ``account``, ``but_of`` one device's, revoked at the central bank, as soon
        as it can be reached; and the one that ``evidence`` has ``named``, expired or not, so that no proof comes too
        late to count."""
        with self._store.transaction():
            meant = dict.fromkeys([*self.unexpired(account, but_of), *([named] if named else [])])
            fresh = [wallet for wallet in meant if self._outweighs(wallet, reason)]
            for wallet in fresh:
                self._store.insert(
                    "revocations",
                    wallet=wallet,
                    customer=account,
                    reason=int(reason),
                    evidence=evidence,
                    time=self._house.clock(),
                )
            if fresh:
                self._work.again(Item(Kind.REVOKE, "", evidence or account.encode()))

    def report_loss(self, account: str, but_of: bytes = b"") -> None:
        """Revoke what the account's devices, ``but_of`` one, hold certificates for. TOO_MANY: so many losses in a day
        had wallets revoked already; where there is nothing new to revoke, it is no other."""
        now = self._house.clock()
        is_news = any(self._outweighs(wallet, Reason.LOST) for wallet in self.unexpired(account, but_of))
        count = self._store.value(
            "select count(distinct time) from revocations where customer = ? and reason = ? and time > ?",
            (account, int(Reason.LOST), now - DAY),
        )
        require(not is_news or count < MAX_LOSSES_A_DAY, Code.TOO_MANY, count=count, limit=MAX_LOSSES_A_DAY)
        self.revoke(account, Reason.LOST, but_of=but_of)

    def is_named(self, wallet: bytes) -> bool:
        """Whether a contradiction of this wallet is known already."""
        sql = "select 1 from revocations where wallet = ? and reason = ?"
        return self._store.row(sql, (wallet, int(Reason.CONFLICT))) is not None

    def _outweighs(self, wallet: bytes, reason: Reason) -> bool:
        rows = self._store.rows("select reason from revocations where wallet = ?", (wallet,))
        known = {Reason(row[0]) for row in rows}
        return not known or (reason is Reason.CONFLICT and Reason.CONFLICT not in known)

    def is_revoked(self, account: str, *reasons: Reason) -> bool:
        """Whether an id of ``account`` is revoked for one of ``reasons`` (any, where none is named), by what this bank
        remembers or by the policy: put back from a backup, it may have forgotten what it had listed there."""
        policy = self._house.trust.policy
        listed, known = policy.revoked, policy.version
        rows = self._store.rows(
            "select wallet, reason, version from revocations where customer = ?",
            (account,),
        )
        wanted = reasons or tuple(Reason)
        if any(listed.get(self._listed_as(wallet)) in wanted for wallet in self.unexpired(account)):
            return True
        return any(
            Reason(reason) in wanted
            and (version is None or version > known or self._listed_as(wallet) in listed)
            for wallet, reason, version in rows
        )

    def is_listed(self, wallet: bytes) -> bool:
        """Whether the policy has this id of the bank's revoked."""
        return self._listed_as(wallet) in self._house.trust.policy.revoked

    def _listed_as(self, wallet: bytes) -> bytes:
        return revocation_id(self._house.bank, wallet)
