"""What those do whom nobody can stop from calling: rubbish that fills shares, and a bank that lies.

Rule: none of it is an honest customer's doing, so none of it may cost one anything, but for what its own bank's word
alone decides.
"""

from __future__ import annotations

from typing import Final

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from ledger_sync.http.problems import MEDIA_TYPE, encode_problem
from tests.properties.lives.life import LIAR, WHO, Life
from tests.support.strangers import LyingBank
from tests.support.system import BANKS
from tests.support.world import DAY
from wallet.protocol.bounds import ID_BYTES
from wallet.protocol.certificate import Limits
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.transfer import TokenRef

FILLING: Final = st.sampled_from(("waiting", "claims", "requests"))
_MOST_TAKEN: Final = 2
_HOURS: Final = 25
NOTHING: Final = Limits(1, 1, 1, 0, 0)
PROBLEM: Final = {"content-type": MEDIA_TYPE}
ANSWERS: Final = {
    "nothing": lambda: httpx.Response(404, headers=PROBLEM, content=encode_problem(Refusal(Code.NOT_FOUND))),
    "silence": lambda: httpx.Response(404),
    "a page": lambda: httpx.Response(200, html="<html>welcome</html>"),
    "rubbish": lambda: httpx.Response(
        200, headers={"content-type": "application/cbor"}, content=b"\x82\x00\x00"
    ),
}


class Lying(Life):
    """What strangers do."""

    def __init__(self) -> None:
        super().__init__()
        self.strangers = [stranger.copy_to(self.system) for stranger in self.birth.strangers]
        self.liar = LyingBank(self.system, LIAR)
        self.liar.answer = ANSWERS["nothing"]
        self.taken: list[TokenRef] = []

    @rule(
        uploader=st.integers(0, 1), signer=st.integers(0, 1), who=WHO, what=FILLING, count=st.integers(1, 14)
    )
    def strangers_fill_shares(self, uploader: int, signer: int, who: int, what: str, count: int) -> None:
        """At their own bank, and by its relays at the other's."""
        certificate = self.one(who).wallet.reconciling.certificate
        if certificate is None:
            return
        by, key = self.strangers[uploader], certificate.body.key
        bundle = (
            self.strangers[signer].asking_nobody(count)
            if what == "requests"
            else self.strangers[signer].spending_nothing(key, count, is_known=what == "waiting")
        )
        self.trying(lambda: by.upload(bundle))

    @rule(
        who=WHO,
        to=st.sampled_from(BANKS),
        issued=st.sampled_from((-40 * DAY, -60, 0, 60)),
        life=st.sampled_from((60, 30 * DAY, 60 * DAY)),
        limits=st.sampled_from((None, NOTHING)),
    )
    def a_bank_certifies_somebody_elses_key(
        self, who: int, to: str, issued: int, life: int, limits: Limits | None
    ) -> None:
        certificate = self.one(who).wallet.reconciling.certificate
        if certificate is not None:
            body, begins = certificate.body, certificate.body.issued + issued
            changes = {
                "wallet": bytes(16),
                "issued": begins,
                "expires": begins + life,
                "limits": limits or body.limits,
            }
            self.trying(lambda: self.liar.certify(body, to, **changes))

    @rule(who=WHO, which=st.integers(0, 20))
    @precondition(lambda self: len(self.taken) < _MOST_TAKEN)
    def the_lying_bank_takes_a_token(self, who: int, which: int) -> None:
        """It has the notary note a transfer that does not exist."""
        holder = self.one(who)
        tokens = holder.wallet.tokens()
        if tokens and self.is_honest(holder):
            ref = tokens[which % len(tokens)].token.ref
            self.taken.append(ref)
            self.trying(lambda: self.liar.consume(ref, self.system.chance("nothing")(ID_BYTES)))

    def disturbances_end(self) -> None:
        """What it can't show, it says so of in the end, and is asked for by and by where it was silent before."""
        super().disturbances_end()
        self.liar.answer = ANSWERS["nothing"]
        if self.taken:
            self.system.network.revive()
            for holder in self.system.holders.values():
                holder.try_sync()
            for _ in range(_HOURS):
                self.system.now += 3_600
                self.system.network.work()

    @rule(answer=st.sampled_from(sorted(ANSWERS)))
    def the_lying_bank_answers_otherwise(self, answer: str) -> None:
        self.liar.answer = ANSWERS[answer]
