"""What scenes in one process have in common: people with money, what is refused, whom evidence names."""

from __future__ import annotations

import pytest

from tests.support.audit import Audit
from tests.support.holders import Holder
from tests.support.system import System
from wallet.protocol.codes import Refusal
from wallet.protocol.evidence import check_evidence


def together(world: System, audit: Audit, *order: str) -> None:
    audit.moment()
    world.bring_together(*order)
    audit.at_rest()


def funded(world: System, name: str, bank: str, amount: int, **more: bool) -> Holder:
    holder = world.holder(name, bank, **more)
    holder.fund(amount)
    return holder


def refused(call: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call()  # type: ignore[operator]
    return caught.value


def named(holder: Holder, audit: Audit) -> set[bytes]:
    """Wallet ids that the evidence in somebody's hands names."""
    return {check_evidence(item, audit.directory()).wallet for item in holder.wallet.evidence()}


def wallet_id(holder: Holder) -> bytes:
    certificate = holder.wallet.reconciling.certificate
    assert certificate is not None
    return certificate.body.wallet


# the main job
