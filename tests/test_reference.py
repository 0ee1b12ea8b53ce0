"""The API reference builds without a warning, tells every public name, and needs no name that it does not tell."""

from __future__ import annotations

import enum
import inspect
import re
import typing
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tools import reference

OURS = ("wallet", "hsm", "ledger_sync")
NOT_TOLD = {
    # what only Wallet.open, connect and open_keystore make, and hand on
    "wallet.purse.purse.Purse",
    "wallet.purse.store.store.Store",
    "hsm.profiles.Family",
    "ledger_sync.client.bank.Service",
    "ledger_sync.client.patience.Patience",
    "wallet.transport.nfc.devices.Surroundings",
    # ports of a purse, for sessions over something else than a wallet's
    "wallet.session.ports.PayeePurse",
    "wallet.session.ports.PayerPurse",
    "wallet.tapping.TappedPayeePurse",
    "wallet.tapping.TappedPayerPurse",
    # told by the ports of the same name
    "wallet.purse.pay.preflight.Consideration",
    "wallet.purse.store.payments.PaymentSummary",
    "wallet.purse.receive.receiving.Received",
    # what the bank's calls carry, which set_up, certify, fund and reconcile read
    "ledger_sync.client.bank.Certified",
    "ledger_sync.client.bank.Delivery",
    "ledger_sync.client.statuses.ReportedStatus",
    "wallet.protocol.log.LogHead",
    "wallet.protocol.policy.Baseline",
    "wallet.protocol.policy.PolicyDelta",
    "wallet.protocol.policy.PolicyHead",
    "wallet.protocol.time_word.TimeWord",
    # SPEC 2.2, 2.5 and 4.1 tell these
    "wallet.protocol.leaf.Leaf",
    "wallet.protocol.keys.Algorithm",
    "wallet.protocol.kinds.Kind",
    "wallet.protocol.handover.Handover",
    "wallet.protocol.directory.Bank",
    "wallet.protocol.directory.DirectoryBody",
    "wallet.protocol.directory.KeyChange",
    "wallet.protocol.directory.KeyEntry",
    "wallet.protocol.directory.Role",
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The page of each door."""
    built = reference.build(tmp_path_factory.mktemp("reference"))
    return {door: page.read_text("utf-8") for door, page in zip(reference.DOORS, built, strict=True)}


def test_every_public_name_has_its_section(pages: dict[str, str]) -> None:
    for door, page in pages.items():
        sections = set(re.findall(r'<section id="(\w+)"', page))
        assert sections == set(import_module(door).__all__), door


def test_what_a_name_does_is_told_in_its_section(pages: dict[str, str]) -> None:
    section = re.search(r'<section id="provision".*?</section>', pages["qalta"], re.DOTALL)
    assert section is not None
    assert "ALREADY_PROVISIONED" in section[0]


def test_no_folder_of_this_machine_is_shown(pages: dict[str, str]) -> None:
    for page in pages.values():
        assert str(reference.ROOT) not in page


def types_in(hint: object) -> Iterator[type]:
    """Every class that a type hint names."""
    if isinstance(hint, type):
        yield hint
    elif isinstance(hint, list | tuple):
        for part in hint:
            yield from types_in(part)
    yield from (part for argument in typing.get_args(hint) for part in types_in(argument))


def hints_of(shown: object) -> Iterator[object]:
    """The type hints of a function, or of a class's public attributes, properties and methods."""
    if inspect.isfunction(shown):
        yield from typing.get_type_hints(shown).values()
    elif isinstance(shown, type) and not issubclass(shown, enum.Enum):
        yield from typing.get_type_hints(shown).values()
        for name, member in vars(shown).items():
            bare = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
            if inspect.isfunction(bare) and (name == "__init__" or not name.startswith("_")):
                yield from typing.get_type_hints(bare).values()


def test_what_is_told_names_nothing_that_is_not() -> None:
    shown = [getattr(door, name) for door in map(import_module, reference.DOORS) for name in door.__all__]
    named = {kind for each in shown for hint in hints_of(each) for kind in types_in(hint)}
    behind = {
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in named
        if kind.__module__.partition(".")[0] in OURS and not any(kind is each for each in shown)
    }
    assert behind == NOT_TOLD


def test_a_warning_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A public name that leads nowhere makes no reference."""
    (tmp_path / "crooked.py").write_text('"""Crooked."""\n__all__ = ["missing"]\n')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AttributeError, match="missing"):
        reference.build(tmp_path / "out", ["crooked"])
    (tmp_path / "bent.py").write_text('"""Bent."""\ndef f(a: "Nowhere") -> None:\n    """F."""\n')
    (tmp_path / "bent.py").write_text((tmp_path / "bent.py").read_text() + '__all__ = ["f"]\n')
    with pytest.raises(UserWarning, match="Nowhere"):
        reference.build(tmp_path / "out", ["bent"])
