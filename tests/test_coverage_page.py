"""docs/coverage.md is made of coverage.py's report: by room, floors only, and of rooms that there are."""

from __future__ import annotations

import re

from tests.support.pages import ROOT, page, rows
from tools.coverage import Figures, by_room, draw
from tools.drawn import drawn_in


def summary(statements: int, gone: int, branches: int, taken: int) -> dict[str, dict[str, int]]:
    names = ("num_statements", "covered_lines", "num_branches", "covered_branches")
    return {"summary": dict(zip(names, (statements, gone, branches, taken), strict=True))}


REPORT = {
    "files": {
        "wallet/purse/store/store.py": summary(10, 9, 4, 2),
        "wallet/purse/pay/paying.py": summary(10, 10, 0, 0),
        "wallet/wallet.py": summary(4, 4, 0, 0),
        "hsm/keystore.py": summary(100, 60, 4, 1),
        "hsm/empty.py": summary(0, 0, 0, 0),
        "app/__init__.py": summary(0, 0, 0, 0),
    }
}


def test_files_are_summed_up_by_room() -> None:
    assert by_room(REPORT) == {
        "app": Figures(),
        "hsm": Figures(100, 60, 4, 1),
        "wallet": Figures(4, 4, 0, 0),
        "wallet.purse": Figures(20, 19, 4, 2),
    }


def test_a_room_that_the_tests_are_not_about_has_no_row() -> None:
    table = rows(draw(by_room(REPORT), "`tests/purse`"))
    assert table == [["`wallet`", "4", "100.0%", "100.0%"], ["`wallet.purse`", "20", "95.0%", "50.0%"]]


def test_the_page_tells_of_rooms_that_there_are() -> None:
    text = page("coverage.md")
    told = [row[0].strip("`") for row in rows(drawn_in(text))]
    assert told
    assert [room for room in told if not ROOT.joinpath(*room.split(".")).is_dir()] == []
    assert re.search(r"^Tests: (all|`tests)", text, re.MULTILINE)
