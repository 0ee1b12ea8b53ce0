"""A service's own words: what notaries said on its commits, which it may have lost.

Rule: a service that was put back from a backup has lost words of the notary's; if the notary were put back next, nobody
could show it these. So after each start it asks every notary for what it consumed itself since the last word that it
has, and for as long before as the date of that may be ahead (SPEC 9.10). Nothing waits for that: what it asks for
meanwhile is answered by what was said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ledger_sync.heard import read_page
from ledger_sync.hearing import PAGES_IN_A_ROUND, Hearing
from ledger_sync.http.peers import RemoteRefusal, read
from ledger_sync.notaries import Notaries
from wallet.protocol.bounds import FAR_AHEAD
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.settlement import Consumption

Statements = Sequence[Signed[Consumption]]


class Line(Protocol):
    """A signed line to one notary (`ledger_sync.http.client.ServiceClient`)."""

    def get(self, path: str) -> Cbor: ...


def named(notaries: Notaries[Line]) -> dict[str, Line]:
    """Notaries by what a log calls each."""
    return {f"notary {prefix}".rstrip(): line for prefix, line in notaries.lines.items()}


class OwnWords(Hearing[Line]):
    """The notaries that are left to ask since this start."""

    def __init__(
        self,
        name: str,
        notaries: Mapping[str, Line],
        last: int,
        directory: Callable[[], Directory],
        keep: Callable[[Statements], None],
    ) -> None:
        """``name`` is that in the service's commits; ``last`` the latest date of the words that it has (unix
        seconds); ``keep`` takes those that it may lack, also such as it has."""
        self._name = name
        self._since = max(0, last - FAR_AHEAD)
        self._directory = directory
        self._keep = keep
        self._asked_up_to: dict[str, int] = {}
        super().__init__(notaries, self._ask)

    def _ask(self, name: str, notary: Line) -> None:
        """So many pages in a round, and in the next one from there on: BUSY where there is more. From the beginning
        again where the notary did not answer: it may count anew since it was put back itself."""
        after = self._asked_up_to.pop(name, 0)
        for _ in range(PAGES_IN_A_ROUND):
            number, page = self._page(notary, after)
            if page:
                self._keep(page)
            if number == after:
                return
            after = number
        self._asked_up_to[name] = after
        raise Refusal(Code.BUSY, {"notary": name})

    def _page(self, notary: Line, after: int) -> tuple[int, Statements]:
        """Of a notary that is older than this call, none."""
        try:
            answer = notary.get(f"/v1/consumptions?since={self._since}&after={after}")
        except RemoteRefusal as refusal:
            if refusal.code is not Code.NOT_FOUND:
                raise
            return after, ()
        return read(answer, lambda value: self._believed(value, after))

    def _believed(self, answer: Cbor, after: int) -> tuple[int, Statements]:
        """MALFORMED, NOTARY_SIGNATURE, COMMIT_MISMATCH (it is not about this service's commits)."""
        number, page = read_page(answer, self._directory())
        require(all(said.body.bank == self._name for said in page), Code.COMMIT_MISMATCH)
        require(number >= after, Code.MALFORMED)
        return number, page
