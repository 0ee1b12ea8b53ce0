"""Video files, folders and published windows give what was put into them, at their own pace, and say why not."""

from __future__ import annotations

import os
import struct
import threading
from pathlib import Path

import pytest
from PIL import Image

from app.camera.devices import cameras, open_camera
from app.camera.folder import PictureFolder
from app.camera.ports import CameraError, CameraTrouble, Found
from app.camera.publish import LATEST, LATEST_AT, SLOT, Publication, slot_at
from app.camera.published import PublishedWindow
from app.camera.video import WebCamera
from tests.app.camera.conftest import MESSAGE, SIZE, ManualClock, film, image_of, lossy, read_all, shots
from wallet.transport.qr.picture import write_gif
from wallet.transport.qr.reader import Reader


def trouble_of(name: str) -> CameraTrouble:
    with pytest.raises(CameraError) as caught:
        open_camera(name).close()
    return caught.value.trouble


# video files


def test_a_message_is_read_from_a_film_of_which_a_third_is_lost(
    tmp_path: Path, decoder: Reader, hand: ManualClock
) -> None:
    kept = lossy(24)
    source = open_camera(str(film(tmp_path / "film.avi", kept)), seconds=hand)
    message, seen = read_all(source, decoder, hand)
    assert message == MESSAGE
    assert seen <= len(kept)
    source.close()


def test_a_film_runs_by_the_clock_and_begins_again_at_its_end(tmp_path: Path, hand: ManualClock) -> None:
    shades = [Image.new("L", SIZE, shade) for shade in (0, 60, 120, 180, 240)]
    source = WebCamera(film(tmp_path / "film.avi", shades), seconds=hand)
    seen = []
    for _ in range(7):
        picture = source.read()
        assert picture is not None
        assert (picture.width, picture.height) == SIZE
        seen.append(round(picture.gray[0] / 60))
        assert source.read() is None
        hand.step()
    assert seen == [0, 1, 2, 3, 4, 0, 1]
    hand.step(0.1)
    late = source.read()
    assert late is not None
    assert round(late.gray[0] / 60) == 3, "the picture that nobody fetched in time is dropped"
    assert late.number == 8
    source.close()
    source.close()


def test_a_file_that_is_no_film_and_one_that_is_not_there_are_told_apart(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no film")
    assert trouble_of(str(text)) is CameraTrouble.NO_PICTURES
    assert trouble_of(str(tmp_path / "film.avi")) is CameraTrouble.NOT_FOUND
    assert trouble_of("the one over there") is CameraTrouble.NAME_UNKNOWN
    assert trouble_of("") is CameraTrouble.NAME_UNKNOWN


def test_a_camera_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(CameraError) as caught:
        open_camera("7", devices=tmp_path)
    assert caught.value.trouble is CameraTrouble.NOT_FOUND


def test_a_node_that_is_no_camera_gives_no_pictures(tmp_path: Path) -> None:
    """Number 231 stands for a device that another program holds: OpenCV cannot open it."""
    (tmp_path / "video231").touch()
    with pytest.raises(CameraError) as caught:
        open_camera("231", devices=tmp_path)
    assert caught.value.trouble is CameraTrouble.NO_PICTURES


def test_a_camera_that_this_user_may_not_use_is_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read everything: the system's answer is put in its place."""
    (tmp_path / "video3").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (tmp_path / "video3", os.R_OK))
    with pytest.raises(CameraError) as caught:
        open_camera("3", devices=tmp_path)
    assert caught.value.trouble is CameraTrouble.NOT_ALLOWED


# folders


def test_a_message_is_read_from_a_folder_of_pictures(
    tmp_path: Path, decoder: Reader, hand: ManualClock
) -> None:
    for number, shot in enumerate(lossy(24)):
        shot.save(tmp_path / f"{number}.png")
    source = open_camera(str(tmp_path), seconds=hand)
    assert read_all(source, decoder, hand)[0] == MESSAGE
    source.close()


def test_a_message_is_read_from_an_animated_picture(
    tmp_path: Path, decoder: Reader, hand: ManualClock
) -> None:
    write_gif(MESSAGE, tmp_path / "payment.gif")
    assert read_all(open_camera(str(tmp_path / "payment.gif"), seconds=hand), decoder, hand)[0] == MESSAGE


def test_a_folder_is_read_in_natural_order_again_and_again_and_anew(
    tmp_path: Path, hand: ManualClock
) -> None:
    for number in (10, 2, 1):
        Image.new("L", (4, 4), number).save(tmp_path / f"shot-{number}.png")
    (tmp_path / "shot-3.png").write_bytes(b"damaged")
    (tmp_path / "notes.txt").write_text("no picture")
    source = PictureFolder(tmp_path, seconds=hand)

    def next_shade() -> int:
        picture = source.read()
        assert picture is not None
        assert source.read() is None
        hand.step()
        return picture.gray[0]

    assert [next_shade() for _ in range(5)] == [1, 2, 10, 1, 2]
    Image.new("L", (4, 4), 20).save(tmp_path / "shot-20.png")
    assert [next_shade() for _ in range(5)] == [10, 1, 2, 10, 20]
    for path in tmp_path.glob("*.png"):
        path.unlink()
    with pytest.raises(CameraError) as caught:
        next_shade()
    assert caught.value.trouble is CameraTrouble.LOST


def test_a_folder_without_pictures_gives_none(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    assert trouble_of(str(tmp_path)) is CameraTrouble.NO_PICTURES


# another window


def test_a_message_is_read_from_a_window_that_publishes(
    tmp_path: Path, decoder: Reader, hand: ManualClock
) -> None:
    publication = Publication(tmp_path / "pixels")
    source = open_camera(f"window:{tmp_path / 'pixels'}")
    assert source.read() is None
    pictures = iter(lossy(24))

    class Showing:
        """The window shows one more whenever the camera looks."""

        def read(self) -> object:
            publication.write(next(pictures))
            return source.read()

        close = source.close

    assert read_all(Showing(), decoder, hand)[0] == MESSAGE  # type: ignore[arg-type]
    assert source.read() is None, "nothing new"
    publication.close()


def test_a_window_that_closes_is_gone_and_one_that_opens_again_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "pixels"
    assert trouble_of(f"window:{path}") is CameraTrouble.WINDOW_CLOSED
    first = Publication(path, capacity=100)
    source = PublishedWindow(path)
    first.write(Image.new("L", (10, 10), 1))
    assert source.read() is not None
    again = Publication(path, capacity=400)
    again.write(Image.new("L", (20, 20), 2))
    assert source.read() is None
    picture = source.read()
    assert picture is not None
    assert (picture.number, picture.width, picture.gray[0]) == (2, 20, 2)
    again.close()
    with pytest.raises(CameraError) as caught:
        source.read()
    assert caught.value.trouble is CameraTrouble.WINDOW_CLOSED
    source.close()


def test_a_picture_that_is_being_written_over_is_not_taken(tmp_path: Path) -> None:
    """Every state that a writer passes through, and a reader could meet."""
    path = tmp_path / "pixels"
    publication = Publication(path, capacity=100)
    for shade in (1, 2):
        publication.write(Image.new("L", (10, 10), shade))
    source = PublishedWindow(path)
    whole = path.read_bytes()
    at = slot_at(2, 100)
    torn = bytes([2] * 50 + [4] * 50)
    states = {
        "its slot is being filled": (at, struct.pack("<Q", 0)),
        "its slot holds another already": (at, struct.pack("<Q", 4)),
        "its pixels are half new": (at + SLOT.size, torn),
        "its width is out of bounds": (at, SLOT.pack(2, 1_000, 10, 0, 0)),
        "it has no pixels": (at, SLOT.pack(2, 0, 10, 0, 0)),
    }
    for what, (offset, change) in states.items():
        with open(path, "r+b") as file:
            file.seek(offset)
            file.write(change)
        assert source.read() is None, what
        with open(path, "r+b") as file:
            file.write(whole)
    picture = source.read()
    assert picture is not None
    assert image_of(picture).getextrema() == (2, 2)
    with open(path, "r+b") as file:
        file.seek(LATEST_AT)
        file.write(LATEST.pack(3))
    assert source.read() is None, "announced, and not there"


def test_beside_a_writer_in_a_hurry_only_whole_pictures_are_read(tmp_path: Path) -> None:
    """Every picture is of one shade, and the shades grow."""
    publication = Publication(tmp_path / "pixels", capacity=90_000)
    source = PublishedWindow(tmp_path / "pixels")
    pictures = [Image.new("L", (300, 300), 1 + number) for number in range(250)]
    writing = threading.Thread(target=lambda: [publication.write(picture) for picture in pictures])
    writing.start()
    shades = [0]
    while shades[-1] < len(pictures):
        picture = source.read()
        if picture is not None:
            assert picture.gray == bytes([picture.gray[0]]) * 90_000
            assert picture.gray[0] > shades[-1]
            shades.append(picture.gray[0])
    writing.join()


@pytest.mark.parametrize("content", [b"", b"short", b"QALTAPX1" + bytes(24), b"x" * 300])
def test_some_other_file_is_no_window(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    assert trouble_of(f"window:{tmp_path / 'other'}") is CameraTrouble.NO_PICTURES


# which there are


def test_cameras_are_listed_by_number_with_their_names_and_without_their_other_nodes(tmp_path: Path) -> None:
    for node, index, name in (
        ("video10", "0", "On USB"),
        ("video0", "0", "Built in"),
        ("video1", "1", "Built in"),
    ):
        (tmp_path / node).mkdir()
        (tmp_path / node / "index").write_text(f"{index}\n")
        (tmp_path / node / "name").write_text(f"{name}\n")
    (tmp_path / "video-other").mkdir()
    assert cameras(tmp_path) == (Found("0", "Built in"), Found("10", "On USB"))
    assert cameras(tmp_path / "nothing") == ()


def test_what_a_still_camera_sees_is_readable_at_all(decoder: Reader) -> None:
    """Else the tests above would prove nothing by failing to read."""
    assert all(len(decoder.read(shot)) == 1 for shot in shots(6))
