"""ARCHITECTURE.md is drawn from today's imports, and each file and name that it points to is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tools.architecture import PAGE, ROOT, Plan, draw, first_sentence, thinned
from tools.drawn import drawn_in, redrawn

TEXT = PAGE.read_text("utf-8")
FILES = re.compile(r"`((?:app|hsm|ledger_sync|wallet)/[\w/]+\.\w+)`(?: \(`(\w+)`\))?")
KNOWN_CIRCLES = {"app.engine", "app.presenters"}
"""Engine and presenters share the values of views, which lie with the presenters."""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan()


def test_it_is_drawn_from_todays_imports(plan: Plan) -> None:
    assert drawn_in(TEXT) == draw(plan), "python -m tools.architecture draws it anew"


def test_rooms_stand_in_no_circle(plan: Plan) -> None:
    assert set(plan.circles()) <= KNOWN_CIRCLES


def test_every_room_says_what_it_is(plan: Plan) -> None:
    assert [room.name for room in plan.rooms if not room.about.endswith(".")] == []


def test_every_file_and_name_that_it_points_to_is_there() -> None:
    pointed = FILES.findall(TEXT)
    assert len(pointed) > 30
    assert [path for path, _ in pointed if not (ROOT / path).is_file()] == []
    assert [(path, name) for path, name in pointed if name and name not in defined(ROOT / path)] == []


def defined(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}


def test_thinned_arrows_still_reach_whoever_was_reached() -> None:
    stairs = frozenset({("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("a", "d")})
    assert thinned(stairs) == {("a", "b"), ("b", "c"), ("c", "d")}
    circle = frozenset({("a", "b"), ("b", "a"), ("a", "c"), ("b", "c")})
    assert thinned(circle) in ({("a", "b"), ("b", "a"), ("b", "c")}, {("a", "b"), ("b", "a"), ("a", "c")})


def test_an_import_that_is_new_changes_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small house of two packages, seen before and after one of its modules imports another."""
    for path, text in {
        "upper/__init__.py": '"""Upper."""',
        "upper/one/__init__.py": '"""One. More."""',
        "upper/two/__init__.py": '"""Two."""',
        "upper/shared.py": '"""Shared."""',
        "upper/loose.py": '"""Loose."""\nimport upper.one',
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert Plan(["upper"], tmp_path).arrows == {("upper", "upper.one")}
    (tmp_path / "upper/two/inside.py").write_text(
        "def later():\n    import upper.shared\n    import upper.one"
    )
    (tmp_path / "upper/one/inside.py").write_text("import upper.two.inside")
    after = Plan(["upper"], tmp_path)
    assert after.arrows == {
        ("upper", "upper.one"),
        ("upper.one", "upper.two"),
        ("upper.two", "upper.one"),
        ("upper.two", "upper.shared"),
    }
    assert after.circles() == ("upper.one", "upper.two")
    assert [room.about for room in after.rooms] == ["Upper.", "One.", "Shared.", "Two."]


def test_a_first_sentence_ends_at_its_full_stop() -> None:
    assert first_sentence("What v1.2\nsays. And more.") == "What v1.2 says."


def test_a_page_without_marks_is_not_drawn_into() -> None:
    with pytest.raises(ValueError, match="no marks"):
        redrawn("# A page", "")
