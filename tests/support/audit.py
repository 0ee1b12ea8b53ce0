"""An auditor of a ``System``: reads every book and store itself, works the rules of money out again, and compares.

Rule: nothing here asks the code under test what the answer should be. ``moment`` holds after any step whatever;
``at_rest`` once everything that was signed has been uploaded and the banks have nothing left to do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import combinations
from typing import Final

from ledger_sync.sandbox.in_process import CENTRAL_BANK
from tests.support.holders import Holder
from tests.support.ledger import Ledger
from tests.support.system import BANKS, System
from wallet.protocol import codec
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.certificate import revocation_id
from wallet.protocol.directory import Directory, parse_directory
from wallet.protocol.evidence import Contradiction, check_evidence, parse_evidence
from wallet.protocol.idempotency import refund_id
from wallet.protocol.policy import Reason
from wallet.protocol.settlement import SETTLEMENTS, Verdict, body_of
from wallet.protocol.transfer import TokenRef, ToPayer, Transfer
from wallet.purse.store.journal import PurseState
from wallet.purse.store.tokens import TokenState

_HOUSE: Final = ("own", "position", "fundings")
_DECIDED: Final = {Verdict.SETTLED, Verdict.SHORT, Verdict.CONFLICT}


class Audit:
    """Of one system, from its beginning on: it remembers what was said."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.cheats: set[str] = set()
        """Accounts of which there was ever more than one purse."""
        self.restored: set[str] = set()
        """Services put back from a backup: a verdict that they forgot they sign anew, with the same meaning."""
        self._said: dict[tuple[str, bytes], bytes] = {}
        self._by_transfer: dict[bytes, tuple[int, tuple[int, ...]]] = {}

    def moment(self) -> None:
        """What holds at every moment."""
        self.books()
        self.verdicts()
        self.blame()
        for holder in self.system.holders.values():
            self.purse(holder)

    # books

    def books(self) -> None:
        """issued - redeemed = positions + outstanding; each bank's accounts sum to its position, but for what only
        one side has booked."""
        accounts = dict(self.system.rows(CENTRAL_BANK, "select name, balance from accounts"))
        positions = {bank: accounts.get(f"position:{bank}", 0) for bank in self.system.network.plan.banks}
        issued, redeemed = -accounts.get("issued", 0), accounts.get("redeemed", 0)
        outstanding = accounts.get("outstanding", 0)
        assert issued - redeemed == sum(positions.values()) + outstanding, accounts
        assert min(outstanding, redeemed, *positions.values()) >= 0, accounts
        for bank in BANKS:
            self._bank(bank, positions[bank])

    def _bank(self, bank: str, position: int) -> None:
        accounts = dict(self.system.rows(bank, "select id, balance from accounts"))
        customers = {name: held for name, held in accounts.items() if name not in _HOUSE}
        assert min(customers.values(), default=0) >= 0, accounts
        assert -accounts["position"] == accounts["own"] + accounts["fundings"] + sum(customers.values()), (
            accounts
        )
        one_sided = self._one_sided(bank)
        assert position + accounts["position"] == sum(one_sided.values()), (bank, one_sided)
        self._listed(bank, one_sided)

    def _one_sided(self, bank: str) -> dict[tuple[str, bytes], int]:
        """Movements that the central bank has booked and the bank has not: kind and id, with the amount.
        What a bank that was put back has forgotten is booked on its own account until it knows it again."""
        booked = {cause for (cause,) in self.system.rows(bank, "select cause from entries")}
        sql = (
            "select e.number, kind, id, amount from entries e join movements m on m.number = movement"
            " where account = ? order by e.number"
        )
        found: dict[tuple[str, bytes], int] = {}
        claims: Counter[tuple[bytes, bool]] = Counter()
        for number, kind, name, amount in self.system.rows(CENTRAL_BANK, sql, f"position:{bank}"):
            start, end = f"{kind}:{name.hex()}", ":issued" if kind == "funding" else ""
            if kind in ("issue", "withdrawal"):
                start = f"movement:{start}"
            elif kind == "challenge":
                claims[name, amount < 0] += amount
                continue
            is_held = f"forgotten:{kind}:{name.hex()}:{number}" in booked
            if not is_held and not any(cause.startswith(start) and cause.endswith(end) for cause in booked):
                found[kind, name] = found.get((kind, name), 0) + amount
        for (name, is_lost), amount in claims.items():
            start = f"movement:challenge:{name.hex()}" if is_lost else f"challenge:{name.hex()}"
            if amount != self._booked_for(bank, start):
                found["challenge", name] = amount - self._booked_for(bank, start)
        return found

    def _booked_for(self, bank: str, start: str) -> int:
        """What a bank has booked for one side of a claim, which may be paid by and by."""
        sql = (
            "select -coalesce(sum(p.amount), 0) from postings p join entries e on e.id = p.entry"
            " where p.account = 'position' and e.cause like ?"
        )
        return int(self.system.rows(bank, sql, f"{start}:%")[0][0])

    def _listed(self, bank: str, one_sided: Mapping[tuple[str, bytes], int]) -> None:
        """What only the central bank has booked stands in the bank's own list, by its id, or is on its way there."""
        if not one_sided:
            return
        listed = {row[0] for row in self.system.rows(bank, "select id from fundings where stage = 'debited'")}
        listed |= {
            row[0] for row in self.system.rows(bank, "select transfer from redemptions where done = 0")
        }
        refunds = self.system.rows(bank, "select origin, output from refunds where stage = 'open'")
        listed |= {refund_id(TokenRef(*row)) for row in refunds}
        challenges = self.system.rows(bank, "select subject from work where kind = 'challenge' and done = 0")
        listed |= {subject[:32] for (subject,) in challenges}
        owed = self.system.rows(bank, "select claim from compensations where owed > 0")
        listed |= {claim for (claim,) in owed}
        sql = "select subject from work where kind = 'whole' and target = ? and done = 0"
        listed |= {row[0] for other in BANKS for row in self.system.rows(other, sql, bank)}
        for kind, name in one_sided:
            is_lost = kind == "challenge" and one_sided[kind, name] < 0
            is_own = kind in ("issue", "withdrawal") or is_lost
            assert is_own or name in listed, (bank, kind, name.hex())

    # verdicts and blame

    def verdicts(self) -> None:
        """A verdict never changes, and no bank says anything else than another about what counts."""
        for bank in BANKS:
            rows = self.system.rows(bank, "select transfer, payload from settlements")
            for txid, payload in rows:
                is_same = self._said.setdefault((bank, txid), payload) == payload
                assert is_same or bank in self.restored, (bank, txid.hex())
                said = body_of(SETTLEMENTS, payload)
                meant = (int(said.verdict), said.values)
                assert self._by_transfer.setdefault(txid, meant) == meant, (bank, txid.hex(), said)

    @property
    def honest_accounts(self) -> set[str]:
        return {holder.account for holder in self.system.holders.values()} - self.cheats

    def blame(self) -> None:
        """No honest key stands in any evidence, no honest wallet is revoked, at a bank or at the central bank."""
        honest_keys, honest_wallets = self._honest()
        for bank in BANKS:
            for key, raw in self.system.rows(bank, "select key, raw from evidence"):
                assert key not in honest_keys, parse_evidence(raw)
            for wallet, reason in self.system.rows(bank, "select wallet, reason from revocations"):
                assert revocation_id(bank, wallet) not in honest_wallets, (wallet.hex(), reason)
        for revoked, reason in self.system.rows(CENTRAL_BANK, "select id, reason from revocations"):
            assert revoked not in honest_wallets, (revoked.hex(), reason)
        directory = self.directory()
        for holder in self.system.holders.values():
            for evidence in holder.wallet.evidence():
                assert check_evidence(evidence, directory).key not in honest_keys, (holder.name, evidence)

    def _honest(self) -> tuple[set[bytes], set[bytes]]:
        """Keys, and what a policy would revoke their wallets by."""
        keys, wallets = set(), set()
        for bank in BANKS:
            for key, wallet, account in self.system.rows(bank, "select key, wallet, customer from wallets"):
                if account in self.honest_accounts:
                    keys.add(key)
                    wallets.add(revocation_id(bank, wallet))
        return keys, wallets

    def directory(self) -> Directory:
        ((raw,),) = self.system.rows(CENTRAL_BANK, "select raw from directory")
        return Directory.of(parse_directory(raw), self.system.root)

    # purses

    def purse(self, holder: Holder) -> None:
        """Within one purse: what came in less what went out is what is there."""
        purse = holder.wallet._purse
        store, ours = purse.store, [own for own in purse.tokens.all() if own.state is not TokenState.REFUSED]
        issued = sum(own.token.amount for own in ours if not purse.objects.has_transfer(own.token.ref.txid))
        received = store.value(
            "SELECT coalesce(sum(o.amount), 0) FROM output o WHERE o.output = 0 AND o.txid IN"
            " (SELECT t.txid FROM incoming i JOIN incoming_transfer t ON t.incoming = i.id WHERE i.code IS NULL)"
        )
        rows = store.rows("SELECT payload FROM outgoing WHERE state = 'signed'")
        bodies = [Transfer.from_cbor(codec.decode(row["payload"], MAX_OBJECT_BYTES)) for row in rows]
        gone = sum(body.amount for body in bodies if not isinstance(body.purpose, ToPayer))
        there = sum(own.token.amount for own in ours if own.state is not TokenState.SPENT)
        is_one = holder.account not in self.cheats
        assert not is_one or issued + received - gone == there, (holder.name, issued, received, gone, there)
        balance = holder.wallet.balance()
        parts = (balance.spendable, balance.unsettled, balance.waiting, balance.reserved, balance.signed)
        assert min(*parts, balance.redeeming, balance.funding, balance.refused) >= 0, balance
        assert balance.unsettled <= balance.spendable, balance
        assert balance.held == sum(own.worth for own in holder.wallet.tokens()) <= there, (balance, there)
        taken = store.rows("SELECT sequence FROM outgoing GROUP BY sequence HAVING count(*) > 1")
        assert not is_one or not taken, f"{holder.name} used a number twice"

    # at rest

    def at_rest(self) -> None:
        """Everything was uploaded and passed on: values, sums, accounts and blame come out as the rules say."""
        self.moment()
        ledger = Ledger.of(self.system)
        self._values_agree(ledger)
        self._nothing_waits(ledger)
        outstanding = dict(self.system.rows(CENTRAL_BANK, "select name, balance from accounts")).get(
            "outstanding", 0
        )
        unspent = ledger.unspent()
        lost = sum(ledger.values(ref.txid)[ref.output] for ref, is_lost in ledger.taken().items() if is_lost)
        apart = self._kept_apart(ledger)
        assert sum(unspent.values()) + lost == outstanding + apart, (unspent, lost, outstanding, apart)
        assert sum(self._compensated(bank) for bank in BANKS) == lost, "the loss is made good, and no more"
        for holder in self.system.holders.values():
            if holder.account not in self.cheats:
                self._sum_explained(holder, ledger, unspent.get(holder.account, 0))
                self._is_sound(holder, ledger)
        self.contradictions(ledger)

    def _kept_apart(self, ledger: Ledger) -> int:
        """Tiyn redeemed by transfers that nobody can show any more, for their bank was put back and the purse is lost:
        the bank keeps them apart for whoever does."""
        sql = "select cause, amount from unclaimed where kind = 'redemption'"
        held = [row for bank in BANKS for row in self.system.rows(bank, sql)]
        return sum(amount for cause, amount in held if cause not in ledger.transfers)

    def _values_agree(self, ledger: Ledger) -> None:
        for bank in BANKS:
            sql = "select origin, output, value from tokens where value is not null"
            for origin, output, value in self.system.rows(bank, sql):
                assert ledger.values(origin)[output] == value, (bank, origin.hex(), output)

    def _nothing_waits(self, ledger: Ledger) -> None:
        """Each transfer is answered at its signer's bank and at its payee's."""
        answered = {
            bank: {row[0] for row in self.system.rows(bank, "select transfer from settlements")}
            for bank in BANKS
        }
        home = {holder.account: holder.bank for holder in self.system.holders.values()}
        for txid, body in ledger.transfers.items():
            keys = [ledger.signers[txid], *([body.payee] if body.redemption is None else [])]
            for key in keys:
                bank = home[ledger.customers[key]]
                assert txid in answered[bank] or txid in ledger.refused, (bank, txid.hex())
        for holder in self.system.holders.values():
            if holder.account in self.cheats:
                continue
            assert not holder.wallet.reconciling.uploads.next().transfers, (
                f"{holder.name} has something without an answer"
            )

    def _sum_explained(self, holder: Holder, ledger: Ledger, unspent: int) -> None:
        """Account and purse together are what was there at first, and what came and went by verdict."""
        account = dict(self.system.rows(holder.bank, "select id, balance from accounts"))[holder.account]
        rows = self.system.rows(holder.bank, "select opening from customers where id = ?", holder.account)
        expected = rows[0][0]
        for txid, body in ledger.transfers.items():
            if not ledger.is_committed(txid):
                continue
            value = ledger.values(txid)[0]
            if body.redemption is None and ledger.customers[body.payee] == holder.account:
                expected += value
            if isinstance(body.purpose, ToPayer) and ledger.customers[body.purpose.payer] == holder.account:
                expected += value if self._is_returned(txid, ledger) else 0
            mine = ledger.customers[ledger.signers[txid]] == holder.account
            if mine and (body.redemption is None or isinstance(body.purpose, ToPayer)):
                expected -= value
        for ref, is_lost in ledger.taken().items():
            if is_lost and ledger.customers[ledger.owners()[ref]] == holder.account:
                expected -= ledger.values(ref.txid)[ref.output]
        expected += self._compensated(holder.bank, holder.account)
        assert account + unspent == expected, (holder.name, account, unspent, expected)
        balance = holder.wallet.balance()
        assert balance.held == unspent, (holder.name, unspent, balance)
        assert (balance.redeeming, balance.funding) == (0, 0), (holder.name, balance)
        if holder.wallet.state is PurseState.SOUND:
            assert (balance.unsettled, balance.signed) == (0, 0), (holder.name, "is told of each", balance)

    def _is_sound(self, holder: Holder, ledger: Ledger) -> None:
        """A purse is rolled back only because of a transfer that it signed and that nobody has shown the ledger."""
        lost = {body.sequence for txid, body in holder.signed_bodies() if txid not in ledger.transfers}
        missing = set(holder.wallet.reconciling.missing_numbers())
        assert missing <= lost, (holder.name, "waits for numbers that were never used", missing - lost)
        assert bool(missing) == (holder.wallet.state is PurseState.ROLLED_BACK), (holder.name, missing)

    def _is_returned(self, txid: bytes, ledger: Ledger) -> bool:
        """A refusal pays the payer anew, unless a revoked wallet signed it."""
        rows = self.system.rows(CENTRAL_BANK, "select value, issuance from redemptions where txid = ?", txid)
        ((value, issuance),) = rows or ((ledger.values(txid)[0], None),)
        if value and issuance is None:
            assert ledger.customers[ledger.signers[txid]] in self.cheats, (
                "an honest refusal gives nothing back"
            )
        return issuance is not None

    def _compensated(self, bank: str, account: str | None = None) -> int:
        """Tiyn, of one account or of all."""
        sql = "select sum(paid) from compensations where ? in (customer, '')"
        return self.system.rows(bank, sql, account or "")[0][0] or 0

    def contradictions(self, ledger: Ledger | None = None) -> set[bytes]:
        """Every key of which the ledger has both halves of a contradiction is named at its bank, with evidence that
        stands by itself and shows one of its contradictions (what a named wallet signs later is compared no more); the
        wallet is revoked. The keys that were named."""
        ledger = ledger or Ledger.of(self.system)
        directory, named = self.directory(), set()
        home = {holder.account: holder.bank for holder in self.system.holders.values()}
        revoked = {
            key
            for key, reason in self.system.rows(CENTRAL_BANK, "select key, reason from revocations")
            if reason == Reason.CONFLICT
        }
        shown = defaultdict(list)
        for bank in BANKS:
            for (raw,) in self.system.rows(bank, "select raw from evidence"):
                evidence = parse_evidence(raw)
                shown[bank, check_evidence(evidence, directory).key].append(evidence)
        for key, contradictions in self._contradicting(ledger).items():
            bank = home[ledger.customers[key]]
            pairs = {frozenset((item.first.id, item.second.id)) for item in shown[bank, key]}
            assert pairs & contradictions, (bank, key.hex(), pairs, contradictions)
            assert key in revoked, (bank, key.hex())
            named.add(key)
        return named

    def _contradicting(self, ledger: Ledger) -> dict[bytes, set[frozenset[bytes]]]:
        """By key, both transfers of every token consumed twice and every number used twice."""
        by_use: dict[tuple[bytes, object], list[bytes]] = defaultdict(list)
        for txid, body in ledger.transfers.items():
            key = ledger.signers[txid]
            for use in (body.sequence, *body.inputs):
                by_use[key, use].append(txid)
        found: dict[bytes, set[frozenset[bytes]]] = defaultdict(set)
        for (key, _), txids in by_use.items():
            found[key].update(frozenset(pair) for pair in combinations(txids, 2))
        return {key: pairs for key, pairs in found.items() if pairs}


def kinds_of_evidence(system: System) -> set[Contradiction]:
    """What kinds of contradiction the banks have found."""
    found = [row for bank in BANKS for row in system.rows(bank, "select raw from evidence")]
    return {parse_evidence(raw).kind for (raw,) in found}
