"""What is said beside every figure of a wallet whose older copy was put back: that it may not be the whole truth."""

from __future__ import annotations

from app.cli.context import Context
from wallet.purse.store.journal import PurseState


def tell_rollback(state: PurseState, context: Context) -> None:
    """Nothing for a sound purse."""
    if state is PurseState.ROLLED_BACK:
        context.show.say("balance.rolled_back")
