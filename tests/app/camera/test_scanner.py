"""The worker: texts from pixels by way of the window's thread, each told once, troubles once, and a clean end."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from app.camera.ports import CameraError, CameraTrouble, Picture
from app.camera.publish import Publication
from app.camera.scanner import AGAIN, Scanner
from app.catalogue import LANGUAGES, catalogue
from tests.app.camera.conftest import MESSAGE, ManualClock, film, lossy, shots
from wallet.transport.qr import FrameEncoder, FrameReceiver, Outcome
from wallet.transport.qr.picture import frame_image
from wallet.transport.qr.reader import ReaderMissing

LONG = 30


class Listener:
    """The window's thread: what was posted waits here until it is fetched."""

    def __init__(self) -> None:
        self.posted: queue.Queue[Callable[[], None]] = queue.Queue()
        self.texts: list[str] = []
        self.troubles: list[str | None] = []
        self.several: list[tuple[str, ...]] = []

    def until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self.posted.get(timeout=LONG)()

    def start(self, scanner: Scanner) -> None:
        scanner.start(self.texts.append, self.troubles.append, self.several.append)


class Scripted:
    """A camera that gives what is put into it, and has nothing new otherwise."""

    def __init__(self) -> None:
        self.script: queue.SimpleQueue[Picture | CameraTrouble] = queue.SimpleQueue()
        self.opened: list[str] = []
        self.closed = 0

    def open(self, name: str) -> Scripted:
        self.opened.append(name)
        return self

    def read(self) -> Picture | None:
        try:
            given = self.script.get_nowait()
        except queue.Empty:
            return None
        if isinstance(given, CameraTrouble):
            raise CameraError(given, "scripted")
        return given

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def camera() -> Scripted:
    return Scripted()


@pytest.fixture
def begun(listener: Listener, camera: Scripted, hand: ManualClock) -> Iterator[Scanner]:
    scanner = Scanner(lambda: "scripted", listener.posted.put, opener=camera.open, seconds=hand)
    listener.start(scanner)
    yield scanner
    scanner.stop()


def pictures(count: int = 3) -> list[Picture]:
    made = []
    for number, shot in enumerate(shots(count), 1):
        made.append(Picture(number, shot.width, shot.height, shot.tobytes()))
    return made


def test_a_whole_message_comes_out_of_a_film(tmp_path: Path, listener: Listener) -> None:
    path = film(tmp_path / "film.avi", lossy(24))
    scanner = Scanner(lambda: str(path), listener.posted.put)
    receiver = FrameReceiver()
    done = []

    def seen(text: str) -> None:
        if receiver.add(text).outcome is Outcome.COMPLETE:
            done.append(receiver.message)

    scanner.start(seen, listener.troubles.append, listener.several.append)
    listener.until(lambda: bool(done))
    scanner.stop()
    assert done == [MESSAGE]
    assert listener.troubles == [None]


def test_a_text_is_told_once_while_it_is_seen_and_again_a_while_later(
    listener: Listener, camera: Scripted, begun: Scanner, hand: ManualClock
) -> None:
    first, second, third = pictures()
    for picture in (first, first, first, second, first):
        camera.script.put(picture)
    listener.until(lambda: len(listener.texts) == 2)
    frames = FrameEncoder(MESSAGE)
    assert listener.texts == [frames.frame(0), frames.frame(1)]
    camera.script.put(third)
    listener.until(lambda: len(listener.texts) == 3)
    hand.step(AGAIN)
    camera.script.put(first)
    listener.until(lambda: len(listener.texts) == 4)
    assert listener.texts[3] == frames.frame(0)


def test_the_preview_is_the_newest_picture_and_goes_with_the_camera(
    listener: Listener, camera: Scripted, begun: Scanner
) -> None:
    first, second, _ = pictures()
    camera.script.put(first)
    camera.script.put(second)
    listener.until(lambda: len(listener.texts) == 2)
    assert begun.latest() == second
    camera.script.put(CameraTrouble.LOST)
    listener.until(lambda: listener.troubles == [None, "app_camera.lost"])
    assert begun.latest() is None


def test_a_camera_that_is_unplugged_is_told_once_closed_and_opened_again(
    listener: Listener, camera: Scripted, hand: ManualClock
) -> None:
    scanner = Scanner(lambda: "scripted", listener.posted.put, opener=camera.open, seconds=hand, reopen=0.0)
    listener.start(scanner)
    first, second, third = pictures()
    camera.script.put(first)
    for _ in range(3):
        camera.script.put(CameraTrouble.LOST)
    camera.script.put(CameraTrouble.NO_PICTURES)
    camera.script.put(second)
    listener.until(lambda: len(listener.texts) == 2)
    assert listener.troubles == [None, "app_camera.lost", "app_camera.no_pictures", None]
    camera.script.put(CameraTrouble.LOST)
    camera.script.put(third)
    listener.until(lambda: len(listener.texts) == 3)
    assert listener.troubles[4:] == ["app_camera.lost", None], "the same trouble after pictures is news again"
    assert len(camera.opened) == camera.closed + 1 == 6
    scanner.stop()


def test_after_stop_nothing_is_told_not_even_what_was_posted_before(
    listener: Listener, camera: Scripted, hand: ManualClock
) -> None:
    scanner = Scanner(lambda: "scripted", listener.posted.put, opener=camera.open, seconds=hand)
    listener.start(scanner)
    camera.script.put(pictures()[0])
    waiting = [listener.posted.get(timeout=LONG), listener.posted.get(timeout=LONG)]
    scanner.stop()
    for news in waiting:
        news()
    assert (listener.texts, listener.troubles) == ([], [])
    assert scanner.latest() is None
    scanner.stop()


def test_stop_ends_the_thread_and_closes_the_camera(
    listener: Listener, camera: Scripted, hand: ManualClock
) -> None:
    scanner = Scanner(lambda: "scripted", listener.posted.put, opener=camera.open, seconds=hand)
    listener.start(scanner)
    (thread,) = [each for each in threading.enumerate() if each.name == "qalta-camera"]
    scanner.stop()
    thread.join(LONG)
    assert not thread.is_alive()
    assert camera.closed == 1


def test_the_camera_that_is_chosen_now_is_opened_once_the_other_is_closed(
    listener: Listener, hand: ManualClock
) -> None:
    sources = {"a": Scripted(), "b": Scripted()}
    order: list[str] = []
    chosen = ["a"]

    def opener(name: str) -> Scripted:
        order.append(f"{name} opened, {sources['a'].closed} closed")
        return sources[name]

    scanner = Scanner(lambda: chosen[0], listener.posted.put, opener=opener, seconds=hand)
    listener.start(scanner)
    sources["a"].script.put(pictures()[0])
    listener.until(lambda: len(listener.texts) == 1)
    chosen[0] = "b"
    sources["b"].script.put(pictures()[1])
    listener.start(scanner)
    listener.until(lambda: len(listener.texts) == 2)
    assert order == ["a opened, 0 closed", "b opened, 1 closed"]
    scanner.stop()


def test_a_window_that_opens_later_is_found(tmp_path: Path, listener: Listener) -> None:
    scanner = Scanner(lambda: f"window:{tmp_path / 'pixels'}", listener.posted.put, reopen=0.01)
    listener.start(scanner)
    listener.until(lambda: listener.troubles == ["app_camera.window_closed"])
    publication = Publication(tmp_path / "pixels")
    publication.write(next(shots(1)))
    listener.until(lambda: len(listener.texts) == 1)
    assert listener.troubles == ["app_camera.window_closed", None]
    scanner.stop()
    publication.close()


def test_without_a_decoder_that_is_what_is_said(listener: Listener, camera: Scripted) -> None:
    def none() -> None:
        raise ReaderMissing

    scanner = Scanner(lambda: "0", listener.posted.put, opener=camera.open, decoder=none)  # type: ignore[arg-type]
    listener.start(scanner)
    listener.until(lambda: listener.troubles == ["app_camera.decoder_missing"])
    scanner.stop()
    assert camera.opened == []


def test_pictures_without_a_code_or_of_a_few_pixels_harm_nothing(
    listener: Listener, camera: Scripted, begun: Scanner
) -> None:
    for size in ((1, 1), (640, 480)):
        blank = Image.new("L", size, 128)
        camera.script.put(Picture(1, *size, blank.tobytes()))
    camera.script.put(pictures()[0])
    listener.until(lambda: len(listener.texts) == 1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_trouble_has_its_sentence(language: str) -> None:
    words = catalogue(language)
    assert all(words.text(f"app_camera.{trouble.value}") for trouble in CameraTrouble)


def beside(first: str, second: str) -> Picture:
    """One picture with two codes."""
    codes = [frame_image(text, box=4).convert("L") for text in (first, second)]
    whole = Image.new("L", (sum(code.width for code in codes) + 40, max(code.height for code in codes)), 255)
    whole.paste(codes[0], (0, 0))
    whole.paste(codes[1], (codes[0].width + 40, 0))
    return Picture(1, whole.width, whole.height, whole.tobytes())


def test_codes_of_two_messages_in_one_picture_are_told_together_and_none_alone(
    listener: Listener, camera: Scripted, begun: Scanner, hand: ManualClock
) -> None:
    one, other = FrameEncoder(b"one shop").frame(0), FrameEncoder(b"another shop").frame(0)
    camera.script.put(beside(one, other))
    listener.until(lambda: len(listener.several) == 1)
    assert (set(listener.several[0]), listener.texts) == ({one, other}, [])
    hand.step(AGAIN)
    alone = frame_image(other, box=4).convert("L")
    camera.script.put(Picture(2, alone.width, alone.height, alone.tobytes()))
    listener.until(lambda: len(listener.texts) == 1)
    assert listener.texts == [other]


def test_a_code_that_was_told_is_named_with_the_one_that_comes_beside_it(
    listener: Listener, camera: Scripted, begun: Scanner
) -> None:
    one, other = FrameEncoder(b"one shop").frame(0), FrameEncoder(b"another shop").frame(0)
    alone = frame_image(one, box=4).convert("L")
    camera.script.put(Picture(1, alone.width, alone.height, alone.tobytes()))
    camera.script.put(beside(one, other))
    listener.until(lambda: len(listener.several) == 1)
    assert (listener.texts, set(listener.several[0])) == ([one], {one, other})


def test_two_frames_of_one_message_or_a_strangers_code_are_no_two_to_choose_from(
    listener: Listener, camera: Scripted, begun: Scanner
) -> None:
    frames = FrameEncoder(MESSAGE)
    camera.script.put(beside(frames.frame(0), frames.frame(1)))
    listener.until(lambda: len(listener.texts) == 2)
    camera.script.put(beside(frames.frame(2), "HTTPS://EXAMPLE.KZ/SOMETHING"))
    listener.until(lambda: len(listener.texts) == 4)
    assert listener.several == []
