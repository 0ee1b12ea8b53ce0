"""Published pixels: a reader that follows the written format sees whole pictures only, the newest first."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from PIL import Image

from app.camera.publish import HEADER, LATEST, LATEST_AT, MAGIC, SLOT, Publication, slot_at


def newest(path: Path) -> tuple[int, Image.Image] | None:
    """As the docstring of the format says it."""
    data = path.read_bytes()
    magic, capacity, _, latest = HEADER.unpack_from(data)
    assert magic == MAGIC
    assert LATEST.unpack_from(data, LATEST_AT) == (latest,)
    if latest == 0:
        return None
    at = slot_at(latest, capacity)
    number, width, height, crc, _ = SLOT.unpack_from(data, at)
    pixels = data[at + SLOT.size : at + SLOT.size + width * height]
    assert (number, crc) == (latest, zlib.crc32(pixels))
    return latest, Image.frombytes("L", (width, height), pixels)


def test_a_reader_finds_the_newest_picture_and_it_is_the_one_written(tmp_path: Path) -> None:
    publication = Publication(tmp_path / "pixels", capacity=100)
    assert newest(tmp_path / "pixels") is None
    for shade in (0, 100, 255):
        assert publication.write(Image.new("RGBA", (10, 4), (shade, shade, shade, 255)))
    found = newest(tmp_path / "pixels")
    assert found is not None
    assert found[0] == publication.sequence == 3
    assert found[1].size == (10, 4)
    assert found[1].getextrema() == (255, 255)


def test_rows_run_from_the_top(tmp_path: Path) -> None:
    picture = Image.new("L", (2, 2), 0)
    picture.putpixel((1, 0), 200)
    Publication(tmp_path / "pixels", capacity=4).write(picture)
    found = newest(tmp_path / "pixels")
    assert found is not None
    assert found[1].tobytes() == bytes([0, 200, 0, 0])


def test_the_same_picture_is_not_written_twice_and_another_size_is_another_picture(tmp_path: Path) -> None:
    publication = Publication(tmp_path / "pixels", capacity=100)
    assert publication.write(Image.new("L", (5, 4), 7))
    assert not publication.write(Image.new("L", (5, 4), 7))
    assert publication.write(Image.new("L", (4, 5), 7))
    assert publication.sequence == 2


def test_too_large_a_picture_is_halved(tmp_path: Path) -> None:
    publication = Publication(tmp_path / "pixels", capacity=100)
    publication.write(Image.new("L", (30, 20), 9))
    found = newest(tmp_path / "pixels")
    assert found is not None
    assert found[1].size == (8, 5)


def test_the_picture_before_stays_whole_while_the_next_is_written(tmp_path: Path) -> None:
    """The slot of the newest picture is not the one that the next goes to."""
    assert slot_at(4, 100) == slot_at(6, 100)
    assert slot_at(5, 100) - slot_at(4, 100) == SLOT.size + 100


def test_the_file_goes_with_the_window_and_appears_whole(tmp_path: Path) -> None:
    publication = Publication(tmp_path / "pixels", capacity=16)
    assert [path.name for path in tmp_path.iterdir()] == ["pixels"]
    assert (tmp_path / "pixels").stat().st_size == HEADER.size + 2 * (SLOT.size + 16)
    publication.close()
    assert list(tmp_path.iterdir()) == []


def test_where_no_file_can_be_made_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Publication(tmp_path / "missing" / "pixels")
