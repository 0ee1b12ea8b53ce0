"""What is said on a screen: the catalogue, with the amounts, moments and names of a view put in."""

from __future__ import annotations

from dataclasses import dataclass

from app.catalogue import Catalogue, Explanation
from app.catalogue.written import LAST_TIME, written_amount, written_number, written_time
from app.engine.values import Busy, Trouble
from app.presenters.views.common import Counterparty
from app.presenters.views.history import HistoryLine

ID_LETTERS = 8
"""Of a wallet id or key: enough to tell two apart, as the command line writes them."""


@dataclass(frozen=True, slots=True)
class Words:
    """One language's words for the screens."""

    catalogue: Catalogue

    def say(self, name: str, /, **facts: int | str) -> str:
        return self.catalogue.text(name, **facts)

    def told(self, trouble: Trouble) -> Explanation:
        return self.catalogue.tell(trouble.code, dict(trouble.facts))

    def busy(self, busy: Busy, **facts: int | str) -> str:
        """``facts``: what else the step may speak of (bank, amount)."""
        return self.catalogue.text(busy.step, count=busy.total, **facts)

    def who(self, party: Counterparty | None) -> str:
        if party is None:
            return self.say("app_pay.somebody")
        return party.name or self.wallet(party.wallet)

    def wallet(self, wallet: bytes) -> str:
        return self.say("pay.somebody", wallet=short(wallet))

    @staticmethod
    def amount(tiyn: int) -> str:
        return written_amount(tiyn)

    @staticmethod
    def typed(typed: str) -> str:
        """What a keypad made so far ("1250,5"), as an amount that is still being written."""
        whole, comma, rest = (typed or "0").partition(",")
        tenge = written_amount(int(whole or "0") * 100)
        number, sign = tenge[:-2], tenge[-2:]
        return f"{number}{comma}{rest}{sign}"

    @staticmethod
    def signed(tiyn: int, sign: int) -> str:
        """With a sign where money came or went."""
        return {1: "+", -1: "−"}.get(sign, "") + written_amount(tiyn)

    def lost(self, line: HistoryLine) -> str:
        """How much of a line is lost, and to whom the claim is."""
        facts: dict[str, int | str] = {"amount": line.lost}
        if line.claim:
            facts["claim"] = short(line.claim)
        return self.say("history.lost_to", **facts)

    @staticmethod
    def number(number: int) -> str:
        return written_number(number)

    @staticmethod
    def time(moment: int) -> str:
        return written_time(min(max(moment, 0), LAST_TIME))


def short(name: bytes) -> str:
    """The first letters of an id."""
    return name.hex()[:ID_LETTERS]
