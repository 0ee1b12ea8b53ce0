"""What a bank shows is checked here from the ground up: every signature, sum and hop, and who consumed what.

Rule: the notary's signed statements suffice; it is not asked again, since the first commit of a reference stands
for ever. What it said about a reference when money was paid out is kept, and a statement that says otherwise is
refused, so that not even a notary and a bank together are paid twice for one token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ledger_sync.central_bank.ports.winners import Winners
from ledger_sync.possession import Possession
from ledger_sync.settling import Fragments, Graph, Invalid, Outcome, Valid, Values, Waiting, winners_of
from wallet.protocol import codec
from wallet.protocol.bundle import MAX_STATEMENTS, Bundle
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.settlement import Consumption, read_consumption
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token


@dataclass(frozen=True, slots=True)
class Proof:
    """A bundle with the notary's word on it, by the directory of the moment."""

    fragments: Fragments
    graph: Graph
    values: Values
    winners: Mapping[TokenRef, bytes]
    statements: tuple[Signed[Consumption], ...]

    @classmethod
    def of(cls, bundle: Bundle, statements: Iterable[Signed[Consumption]], directory: Directory) -> Proof:
        """Raises `Refusal`: NOTARY_SIGNATURE, COMMIT_MISMATCH (the statements contradict each other)."""
        held = tuple(statements)
        winners = winners_of(held, directory)
        fragments = Fragments(bundle)
        return cls(fragments, Graph(fragments, directory), Values(fragments, winners.get), winners, held)

    def transfer(self, txid: bytes) -> tuple[Signed[Transfer], Valid]:
        """A valid transfer of the bundle. Raises what is wrong with it, PROVENANCE_MISSING, CERTIFICATE_MISSING."""
        validity = self.graph.validity(txid)
        found = self.fragments.transfer(txid)
        match validity:
            case Valid() if found is not None:
                return found, validity
            case Invalid(code, facts):
                raise Refusal(code, facts)
            case Waiting(keys=keys) if keys:
                raise Refusal(Code.CERTIFICATE_MISSING, {"key": min(keys).hex()})
        raise Refusal(Code.PROVENANCE_MISSING, {"transfer": txid.hex()})

    def token(self, ref: TokenRef) -> Token:
        """A valid output of the bundle. Raises as `transfer` does."""
        token = self.graph.token(ref)
        if token is None:
            self.transfer(ref.txid)
            raise Refusal(Code.PROVENANCE_MISSING, {"token": str(ref)})
        return token

    def outcome(self, txid: bytes) -> Outcome:
        """What became of a transfer. COMMIT_MISMATCH where the notary's word on a reference is missing."""
        outcome = self.values.outcome(txid)
        if outcome is None:
            raise Refusal(Code.COMMIT_MISMATCH, {"transfer": txid.hex()})
        return outcome

    def value(self, ref: TokenRef) -> int:
        """The settled tiyn of an output. COMMIT_MISMATCH as `outcome`."""
        value = self.values.value(ref)
        if value is None:
            raise Refusal(Code.COMMIT_MISMATCH, {"token": str(ref)})
        return value

    def committed_at(self, txid: bytes) -> int:
        """When the notary gave the last of its tokens to a transfer, unix seconds."""
        return max((item.body.time for item in self.statements if item.body.consumer == txid), default=0)


def read_proof(bundle: Cbor, statements: Cbor, directory: Directory) -> Proof:
    """The proof in `bundle` and `statements` as they come. The codes of SPEC 8.1, DUPLICATE_ITEM, and `Proof.of`'s."""
    listed = codec.array(statements, most=MAX_STATEMENTS)
    return Proof.of(Bundle.from_cbor(bundle), [read_consumption(item) for item in listed], directory)


def check_claim(bank: str, key: bytes, shown: Possession | None, directory: Directory) -> None:
    """That `bank` speaks for `key`, whose money it asks for.

    Raises `Refusal`: AUTH_FORBIDDEN (nothing is shown, or another bank's certificate), KEY_INVALID (another key's, or
    the key did not sign that it wanted this bank), BANK_UNKNOWN, CERTIFICATE_SIGNATURE.
    """
    if shown is None:
        raise Refusal(Code.AUTH_FORBIDDEN, {"bank": bank})
    shown.check(bank, directory)
    require(shown.certificate.body.key == key, Code.KEY_INVALID, key=key.hex())


def keep_winners(kept: Winners, winners: Mapping[TokenRef, bytes]) -> None:
    """Take note of who consumed what, in the transaction that pays. COMMIT_MISMATCH if it was someone else before."""
    for ref, consumer in winners.items():
        require(kept.keep(ref, consumer) == consumer, Code.COMMIT_MISMATCH, token=str(ref))
