"""The network of a sandbox inside one process, for simulators and tests: no sockets, no threads, given clocks and
chance; see `founding` for what it begins with, `network` for the services, `lines` and `disturbances` for what happens
between them."""

from ledger_sync.sandbox.in_process.disturbances import (
    CutAfter,
    Delay,
    HoldUp,
    Overhear,
    Spoiling,
    Unreadable,
    cut,
    lose_answer,
    repeat,
)
from ledger_sync.sandbox.in_process.founding import CENTRAL_BANK, NOTARY, OPERATOR, Plan
from ledger_sync.sandbox.in_process.lines import (
    Death,
    Disturbance,
    Exchange,
    Lines,
    authority,
    run_inline,
    url,
)
from ledger_sync.sandbox.in_process.network import InProcessNetwork, named

__all__ = [
    "CENTRAL_BANK",
    "NOTARY",
    "OPERATOR",
    "CutAfter",
    "Death",
    "Delay",
    "Disturbance",
    "Exchange",
    "HoldUp",
    "InProcessNetwork",
    "Lines",
    "Overhear",
    "Plan",
    "Spoiling",
    "Unreadable",
    "authority",
    "cut",
    "lose_answer",
    "named",
    "repeat",
    "run_inline",
    "url",
]
