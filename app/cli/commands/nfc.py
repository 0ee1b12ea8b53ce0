"""`qalta nfc doctor`: which readers there are, what is in their way, and what to do about it.

Rule: it looks and changes nothing, and whatever is missing is a finding, never a failure.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from app.cli.context import Context
from app.cli.parser import Commands
from app.terminal.status import Status

if TYPE_CHECKING:
    from wallet.transport.nfc.doctor import Finding


def add(commands: Commands) -> None:
    commands.add("nfc doctor", _doctor)


def _doctor(args: argparse.Namespace, context: Context) -> Status:
    from wallet.transport.nfc.doctor import examine, obstacles, usable

    findings = examine()
    in_the_way, devices = obstacles(findings), usable(findings)
    show = context.show
    for finding in findings:
        show.say(f"nfc.{finding.fact.value}", **_facts(finding))
        if finding in in_the_way:
            show.say("nfc.to_do", what=show.catalogue.text(f"nfc.do_{finding.fact.value}", **_facts(finding)))
    show.blank()
    if devices:
        show.say("nfc.usable", devices=", ".join(devices))
    else:
        show.say("nfc.unusable")
    show.result(
        findings=[{"fact": finding.fact.value, **_facts(finding)} for finding in findings],
        obstacles=[{"fact": finding.fact.value, **_facts(finding)} for finding in in_the_way],
        usable=list(devices),
    )
    return Status.DONE if devices else Status.MISSING


def _facts(finding: Finding) -> dict[str, str]:
    """``device`` and ``value``, where there are any."""
    named = {"device": finding.device, "value": finding.value}
    return {name: fact for name, fact in named.items() if fact}
