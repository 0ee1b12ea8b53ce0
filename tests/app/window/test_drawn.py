"""Every state of every screen as it is drawn: nothing cut off, no missing letter, nothing too small or too faint."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from itertools import product
from typing import Any

import pytest

from app.engine.values import TapStep
from app.presenters.views.carrying import Carrier
from app.presenters.views.gate import StartStep, StartView
from app.presenters.views.pay import PayStep, PayView
from app.presenters.views.receive import ReceiveStep, ReceiveView
from tests.app.window.album import settings
from tests.app.window.samples import SAMPLES
from tests.sampling import everything, seed
from wallet.session import Money


def checked(cases: list[list[Any]], *planted: str) -> list[list[str]]:
    """What a process of its own finds wrong with these; ``planted`` names faults to be made on purpose."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.app.window.checking", *planted],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wrong: list[list[str]] = json.loads(done.stdout)
    return wrong


def test_every_state_is_drawn_whole() -> None:
    """Each state in one setting of the many, each setting several times; under ./test --all every one in every one."""
    ways = settings()
    if everything():
        chosen = list(product(SAMPLES, ways))
    else:
        draw = random.Random(f"{seed()}:drawn")
        draw.shuffle(ways)
        chosen = [(state, ways[at % len(ways)]) for at, state in enumerate(SAMPLES)]
    cases = [[state, way.language, way.look, way.size, way.is_large] for state, way in chosen]
    assert checked(cases) == []


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("cut", "is cut off"),
        ("letter", "has letters that"),
        ("word", "breaks within a word"),
        ("small", "is too small to touch"),
        ("outside", "is outside of the window"),
        ("over", "lies on"),
    ],
)
def test_that_check_can_fail(fault: str, complaint: str) -> None:
    wrong = checked([["home", "en", "light", [360, 640], False]], fault)
    assert any(complaint in said for *_, said in wrong), wrong


def test_there_is_a_sample_of_every_step() -> None:
    """A step that is added without a sample would not be looked at."""
    shown = [view for sample in SAMPLES.values() for view in sample.views.values()]
    for steps, of in (
        (StartStep, StartView),
        (ReceiveStep, ReceiveView),
        (PayStep, PayView),
    ):
        assert {view.step for view in shown if isinstance(view, of)} == set(steps)
    moving = [view for view in shown if isinstance(view, (PayView, ReceiveView))]
    assert {view.carrier for view in moving} == set(Carrier)
    assert {view.tap for view in moving} == {None, *TapStep}
    assert {view.money for view in shown if isinstance(view, PayView)} >= set(Money) - {Money.RESERVED}


def test_every_colour_can_be_read_on_its_ground() -> None:
    """WCAG 2.1: 4.5 for text; 3 for signs and large type. In a process of its own, for both looks."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.app.window.contrast"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) > 20
    assert [pair for pair in found if pair["contrast"] < pair["least"]] == []
