"""What a notary of some parts decides, and what its heads are good for, also where a part was split again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from ledger_sync.notary.attestor import Attestor
from ledger_sync.notary.jurisdiction import PartsOfReferences
from tests.ledger_sync.notary.backends import in_file, item, opened, sign, sign_head
from tests.ledger_sync.notary.test_parts import of_part
from tests.protocol.test_parts import directory, entry
from tests.support.world import NOW
from wallet.protocol.codes import Code, Refusal

HALVES, QUARTERS = NOW + 100, NOW + 200
"""When references are split in two, and the first part in two again."""
SINCE = {"0": HALVES, "1": HALVES, "00": QUARTERS, "01": QUARTERS}


def notary(*prefixes: str, parts: str = "0 1 00 01") -> PartsOfReferences:
    split = directory({prefix: [entry(prefix, SINCE[prefix])] for prefix in parts.split()})
    return PartsOfReferences(prefixes, lambda: split, lambda: QUARTERS)


@pytest.mark.parametrize(
    ("prefix", "when"),
    [("", {NOW}), ("0", {HALVES}), ("00", {QUARTERS}), ("01", {QUARTERS}), ("1", {HALVES, QUARTERS})],
)
def test_it_is_in_office_as_long_as_it_decides_anything(prefix: str, when: set[int]) -> None:
    found = notary(prefix)
    assert {at for at in (NOW, HALVES, QUARTERS) if found.is_in_office(at)} == when


def test_whoever_has_what_is_left_is_in_office() -> None:
    assert notary("", parts="0").is_in_office(QUARTERS)


@pytest.mark.parametrize("prefix", ["00", "01"])
def test_a_head_of_the_part_that_it_was_split_from_stays_good_for_what_that_decided(prefix: str) -> None:
    found = notary(prefix)
    shared, elsewhere = [of_part("00"), of_part("01")], of_part("1")
    assert found.covers(shared, HALVES)
    assert found.covers([*shared, elsewhere], NOW), "one decided all"
    assert not found.covers(shared, QUARTERS)
    assert not found.covers([*shared, elsewhere], HALVES)
    assert not found.covers([elsewhere], HALVES)


def test_what_it_decides_no_more_when_it_comes_to_it_is_not_claimed(tmp_path: Path) -> None:
    """The call was let in before the parts began."""
    with closing(opened(in_file(tmp_path))) as store:
        attestor = Attestor(store, sign, lambda: HALVES, sign_head, notary(""))
        with pytest.raises(Refusal) as refused:
            attestor.commit([item("a", of_part("0"), of_part("1"))])
        assert refused.value.code is Code.BUSY
        assert store.log.tip().size == 0


@pytest.mark.parametrize(("prefix", "at", "told"), [("0", NOW, 2), ("0", HALVES, 1), ("", HALVES, 2)])
def test_what_lies_in_another_part_alone_is_left_to_it_by_whoever_is_in_office(
    tmp_path: Path, prefix: str, at: int, told: int
) -> None:
    with closing(opened(in_file(tmp_path))) as store:
        store.claim([item(part, of_part(part)) for part in ("0", "1")], NOW)
        attestor = Attestor(store, sign, lambda: at, sign_head, notary(prefix, parts="0 1"))
        number, page = attestor.own("alatau", 0, 0)
        assert (number, len(page)) == (2, told)
