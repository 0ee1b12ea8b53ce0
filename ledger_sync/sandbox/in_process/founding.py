"""What a network in one process is founded with: its plan, and the settings that each service has by it.

Rule: settings are those that a service of a real home has, so that the same program reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hsm.memory import MemoryKeystore
from ledger_sync.sandbox.in_process.lines import authority, url
from ledger_sync.service.delta_log import USUAL_SIZES, DeltaSizes
from wallet.protocol.bounds import DAY
from wallet.protocol.parts import WHOLE

CENTRAL_BANK: Final = "central-bank"
NOTARY: Final = "notary"
OPERATOR: Final = "operator"
"""The caller of the operator's calls, and the alias of its key."""
_KEYS_GOOD_BEFORE: Final = 365 * DAY


@dataclass(frozen=True, slots=True)
class Plan:
    """What a network is founded with: its banks, tiyn that each is issued, terms of the central bank, and settings
    that every bank gets besides its own. Of the `absent` banks only key and address are known: whoever `attach`es
    there answers for them. ``is_steady``: services sign by a `SteadyClock`, as processes do; a test that lets weeks
    pass must have them hear of each other then (`work`)."""

    banks: tuple[str, ...] = ("alatau", "zhibek")
    grant: int = 1_000_000_000_000
    terms: Mapping[str, Any] = field(default_factory=dict)
    bank: Mapping[str, Any] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    is_steady: bool = False
    workers: int = 1
    """Processes of each bank and of the notary, which answer in turn and live over one store; emulated, each by parts
    of its own."""
    databases: Mapping[str, str] = field(default_factory=dict)
    """Where the stores of a service are, by its name; in its folder, where none is named."""
    auditors: tuple[bytes, ...] = ()
    """The keys that may read the notary's whole log."""
    notaries: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {NOTARY: (WHOLE,)})
    """Those that decide, by name, with the prefixes of what each does."""
    deltas: DeltaSizes = USUAL_SIZES
    """How much of the policy each service gives and keeps."""


def settings_of(name: str, plan: Plan, keystores: Mapping[str, MemoryKeystore], now: int) -> dict[str, Any]:
    """The settings of a service, at a founding at ``now`` (unix seconds)."""
    host, _, port = authority(name).partition(":")
    usual = {
        "host": host,
        "port": int(port),
        "root": keystores[CENTRAL_BANK].public_key("root").hex(),
        "operator": keystores[OPERATOR].public_key(OPERATOR).hex(),
    }
    if name in plan.databases:
        usual["database"] = plan.databases[name]
    if name == CENTRAL_BANK:
        return {**usual, **_of_central_bank(plan, keystores, now)}
    partners = {"central_bank": url(CENTRAL_BANK)}
    banks = {bank: url(bank) for bank in plan.banks}
    if name in plan.notaries:
        witnesses = {bank: at for bank, at in banks.items() if bank not in plan.absent}
        return {**usual, **partners, "banks": witnesses, "prefixes": list(plan.notaries[name])}
    own = {"bank": name, "name": name.title(), "notary": _notaries(plan, url), "banks": banks}
    return {**usual, **partners, **own, **plan.bank}


def _of_central_bank(plan: Plan, keystores: Mapping[str, MemoryKeystore], now: int) -> dict[str, Any]:
    def notary(name: str) -> dict[str, str]:
        return {"url": url(name), "key": keystores[name].public_key("notary").hex()}

    banks = [
        {"id": bank, "name": bank.title(), "key": keystores[bank].public_key("bank").hex(), "url": url(bank)}
        for bank in plan.banks
    ]
    return {
        "banks": banks,
        "notary": _notaries(plan, notary),
        "since": now - _KEYS_GOOD_BEFORE,
        "witnesses": [bank for bank in plan.banks if bank not in plan.absent],
        "auditors": [key.hex() for key in plan.auditors],
        "terms": dict(plan.terms),
    }


def _notaries(plan: Plan, said: Callable[[str], Any]) -> Any:
    """What is said of a notary by its name, as settings have it."""
    found = {prefix: said(name) for name, prefixes in plan.notaries.items() for prefix in prefixes}
    return found.get(WHOLE) or found
