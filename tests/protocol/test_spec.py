"""SPEC.md names every code and every bound, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import wallet.protocol
from tests.support.vectors import frozen
from wallet.protocol import bounds, bundle
from wallet.protocol.codes import Code
from wallet.protocol.kinds import KINDS
from wallet.session.messages import TELLABLE

SPEC = (Path(wallet.protocol.__file__).parent / "SPEC.md").read_text(encoding="utf-8")
NUMBERED = re.findall(r"^\| (\d+(?:\.\d+)+) \| `([a-z_]+)` \|", SPEC, flags=re.M)
CODES = {code.value for code in Code}


def test_every_code_has_a_numbered_check_and_every_check_a_code() -> None:
    assert {name for _, name in NUMBERED} == CODES


def test_no_other_code_is_mentioned() -> None:
    mentioned = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", SPEC))
    assert mentioned - CODES == set()


def test_checks_are_numbered_without_gaps() -> None:
    places: dict[str, list[int]] = {}
    for number, _ in NUMBERED:
        section, _, place = number.rpartition(".")
        places.setdefault(section, []).append(int(place))
    assert set(places) == {"7", "8.1", "8.2", "8.3", "8.4", "8.5", "9.8"}
    assert all(found == list(range(1, len(found) + 1)) for found in places.values())


def test_the_codes_stand_in_the_sections_that_their_list_says() -> None:
    """codes.py groups them by section of the page."""
    source = (Path(wallet.protocol.__file__).parent / "codes.py").read_text(encoding="utf-8")
    section, listed = "", {}
    for line in source.splitlines():
        if found := re.search(r"# .*\(SPEC ([\d.]+)\)", line):
            section = found[1]
        elif found := re.search(r'^    [A-Z_]+ = "([a-z_]+)"', line):
            listed[found[1]] = section
    for name, section in listed.items():
        assert any(number.startswith(section + ".") for number, other in NUMBERED if other == name), (
            name,
            section,
        )


def test_references_to_checks_and_sections_lead_somewhere() -> None:
    numbers = {number for number, _ in NUMBERED}
    for reference in re.findall(r"\b([789]\.\d+\.\d+)\b", SPEC):
        assert reference in numbers, reference
    headings = set(re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", SPEC, flags=re.M))
    headings |= set(re.findall(r"^\*\*(\d+\.\d+) ", SPEC, flags=re.M))
    folder = Path(wallet.protocol.__file__).parent
    for path in folder.glob("*.py"):
        for section in re.findall(r"SPEC(?: section)? (\d+(?:\.\d+)?)", path.read_text(encoding="utf-8")):
            assert section in headings, (path.name, section)


def test_the_table_of_bounds_is_the_code() -> None:
    table = {name: int(value) for name, value in re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", SPEC, flags=re.M)}
    code = {
        name: value
        for module in (bounds, bundle)
        for name, value in vars(module).items()
        if isinstance(value, int)
    }
    assert table == code


def test_every_kind_is_listed_once() -> None:
    listed = re.findall(r"^\| `(q[a-z]{2}\d)` \|", SPEC, flags=re.M)
    assert sorted(listed) == sorted(kind.typ for kind in KINDS)


def test_a_vector_shows_every_check_of_bytes_validity_and_acceptance() -> None:
    shown = {vector["code"] for _, vector in frozen("invalid")}
    told = {name for number, name in NUMBERED if number.startswith(("8.1.", "8.2.", "8.3.", "8.4."))}
    assert told - shown == set()


def test_the_page_says_which_codes_travel() -> None:
    """Section 7 names what a problem may say, and it is what the session lets out."""
    (told,) = re.findall(r"So only these codes travel: (.*?)\. Anything else", " ".join(SPEC.split()))
    groups = {
        "all of 8.1": {name for number, name in NUMBERED if number.startswith("8.1.")},
        "all of 8.3": {name for number, name in NUMBERED if number.startswith("8.3.")},
    }
    named = set(re.findall(r"`([a-z_]+)`", told))
    for group, names in groups.items():
        assert group in told
        named |= names
    named.discard("redemption_payer")  # "all of 8.3 but"
    assert named | {Code.DECLINED.value} == {code.value for code in TELLABLE}
