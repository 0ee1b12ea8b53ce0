"""Pictures from strangers: read in order, bounded before they are decoded, refused with a name."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest
import qrcode
from PIL import Image, ImageDraw, ImageOps

from wallet.transport.qr import reader as reading
from wallet.transport.qr.frames import FrameEncoder
from wallet.transport.qr.picture import frame_image, write_frames, write_gif
from wallet.transport.qr.reader import (
    PictureError,
    PictureFault,
    PyzbarReader,
    Reader,
    ReaderMissing,
    ZxingReader,
    best_reader,
    read_pictures,
)

TEXT = FrameEncoder(b"a message").frame(0)


@pytest.fixture(params=[PyzbarReader, ZxingReader])
def reader(request: pytest.FixtureRequest) -> Reader:
    made: Reader = request.param()
    return made


class Size:
    """A reader that tells the width of each picture."""

    def read(self, image: Image.Image) -> list[str]:
        return [str(image.width)]

    def read_all(self, image: Image.Image) -> list[str]:
        return self.read(image)


def test_the_core_imports_no_picture_library() -> None:
    heavy = "PIL qrcode pyzbar zxingcpp numpy cv2"
    script = (
        "import sys, wallet, wallet.transport, wallet.transport.qr\n"
        f"early = [name for name in '{heavy}'.split() if name in sys.modules]\n"
        "import wallet.transport.qr.picture, wallet.transport.qr.reader\n"
        "late = [name for name in ('numpy', 'cv2', 'pyzbar', 'zxingcpp') if name in sys.modules]\n"
        "sys.exit(f'{early} {late}' if early or late else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_best_reader_is_zxing_then_zbar() -> None:
    assert isinstance(best_reader(), ZxingReader)
    with patch.dict(sys.modules, {"zxingcpp": None}):
        assert isinstance(best_reader(), PyzbarReader)
        with patch.dict(sys.modules, {"pyzbar": None}), pytest.raises(ReaderMissing):
            best_reader()
        with pytest.raises(ReaderMissing):
            ZxingReader()


def test_nothing_to_see(reader: Reader) -> None:
    noise = Image.frombytes("L", (200, 200), random.Random(4).randbytes(40_000))
    for image in (noise, Image.new("RGB", (1, 1)), Image.new("L", (0, 0)), Image.new("1", (20, 900))):
        assert reader.read(image) == []


def test_two_codes_in_one_picture(reader: Reader) -> None:
    other = FrameEncoder(b"another").frame(0)
    left, right = frame_image(TEXT), frame_image(other)
    both = Image.new("L", (left.width + right.width, left.height), 255)
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    assert sorted(reader.read(both)) == sorted([TEXT, other])


def test_text_that_is_not_ascii_is_left_out(reader: Reader) -> None:
    code = qrcode.QRCode()
    code.add_data("қалта".encode())
    code.make()
    assert reader.read(code.make_image().get_image()) == []


def test_other_barcodes_are_left_out(reader: Reader) -> None:
    image = Image.new("L", (400, 120), 255)
    draw = ImageDraw.Draw(image)
    ean = "101" + "0001101" * 6 + "01010" + "1110010" * 6 + "101"
    for at, bar in enumerate(ean):
        if bar == "1":
            draw.rectangle((40 + 3 * at, 10, 42 + 3 * at, 110), fill=0)
    assert reader.read(image) == []


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P", "CMYK", "LA", "I", "F"])
def test_any_kind_of_picture(reader: Reader, mode: str) -> None:
    assert reader.read(frame_image(TEXT).convert("L").convert(mode)) == [TEXT]


def test_transparent_is_white(reader: Reader) -> None:
    light = frame_image(TEXT).convert("L")
    clear = Image.new("RGBA", light.size, (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), mask=light.point(lambda level: 255 - level))
    assert reader.read(clear) == [TEXT]


def save(path: Path, width: int) -> Path:
    Image.new("L", (width, 30), 255).save(path)
    return path


def test_a_folder_is_read_in_natural_order(tmp_path: Path) -> None:
    for width, name in enumerate(["2.png", "10.png", "a1b9.bmp", "a1b10.gif", "A.JPG"], 30):
        save(tmp_path / name, width)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".11.png").write_text("a part")
    (tmp_path / "folder.png").mkdir()
    names = [path.name for path in reading.picture_files(tmp_path)]
    assert names == ["2.png", "10.png", "A.JPG", "a1b9.bmp", "a1b10.gif", "folder.png"]
    (tmp_path / "folder.png").rmdir()
    assert list(read_pictures(tmp_path, Size())) == ["30", "31", "34", "32", "33"]


def test_paths_are_read_in_the_order_given(tmp_path: Path) -> None:
    first, second = save(tmp_path / "9.png", 40), save(tmp_path / "1.png", 50)
    assert list(read_pictures([first, second], Size())) == ["40", "50"]


def fault_of(path: Path) -> PictureFault:
    with pytest.raises(PictureError) as caught:
        list(read_pictures(path, Size()))
    assert caught.value.path == path
    return caught.value.fault


def test_every_fault_has_a_name(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.png"
    garbage.write_bytes(random.Random(5).randbytes(2_000))
    cut = tmp_path / "cut.png"
    cut.write_bytes(save(tmp_path / "whole.png", 300).read_bytes()[:60])
    script = tmp_path / "script.png"
    script.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n")
    assert fault_of(tmp_path / "none.png") is PictureFault.MISSING
    assert fault_of(Path("/dev/zero")) is PictureFault.NOT_A_FILE
    assert fault_of(garbage) is PictureFault.NOT_A_PICTURE
    assert fault_of(cut) is PictureFault.UNREADABLE
    assert fault_of(script) is PictureFault.NOT_A_PICTURE


def test_too_large_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(bomb)
    wide = tmp_path / "wide.png"
    Image.new("1", (6_000, 5_000)).save(wide)
    heavy = tmp_path / "heavy.png"
    with heavy.open("wb") as file:
        file.truncate(reading.MAX_FILE_BYTES + 1)
    for path in (bomb, wide, heavy):
        with patch.object(Image.Image, "load", side_effect=AssertionError("decoded")):
            assert fault_of(path) is PictureFault.TOO_LARGE


def test_a_small_gif_cannot_grow(tmp_path: Path) -> None:
    """The second frame says that it is 6,000 pixels wide and 60,000 high."""
    path = tmp_path / "grows.gif"
    frames = [Image.new("L", (30, 30), level) for level in (0, 255)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    data = bytearray(path.read_bytes())
    second = data.rindex(b"\x2c\0\0\0\0")
    data[second + 5 : second + 9] = (6_000).to_bytes(2, "little") + (60_000).to_bytes(2, "little")
    path.write_bytes(data)
    assert fault_of(path) is PictureFault.TOO_LARGE


def test_frames_of_a_file_and_files_of_a_folder_are_counted(tmp_path: Path) -> None:
    write_gif(random.Random(6).randbytes(2_000), tmp_path / "a.gif", frames=8, box=1)
    for sizes in ({"frames": 7}, {"most": 30_000}):
        with pytest.raises(PictureError) as large:
            list(reading.images_in(tmp_path / "a.gif", **sizes))
        assert large.value.fault is PictureFault.TOO_LARGE
    assert len(list(reading.images_in(tmp_path / "a.gif", frames=8))) == 8
    write_frames(random.Random(6).randbytes(2_000), tmp_path / "many", 8, box=1)
    assert len(reading.picture_files(tmp_path / "many", 8)) == 8
    with pytest.raises(PictureError) as many:
        reading.picture_files(tmp_path / "many", 7)
    assert many.value.fault is PictureFault.TOO_LARGE


def test_faults_can_be_told_and_passed_over(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 40)
    (tmp_path / "2.png").write_bytes(b"cut off")
    save(tmp_path / "3.png", 50)
    told: list[PictureError] = []
    assert list(read_pictures([tmp_path, tmp_path / "4.png"], Size(), told.append)) == ["40", "50"]
    assert [error.fault for error in told] == [PictureFault.NOT_A_PICTURE, PictureFault.MISSING]


@pytest.mark.parametrize("suffix", ["png", "gif", "jpg", "webp", "bmp"])
def test_changed_bytes_give_texts_or_a_fault(tmp_path: Path, suffix: str) -> None:
    rng = random.Random(8)
    path = tmp_path / f"a.{suffix}"
    frame_image(TEXT, box=2).convert("L").save(path)
    whole = path.read_bytes()
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 5)):
            data[rng.randrange(min(len(data), 300))] = rng.randrange(256)
        path.write_bytes(data[: rng.randint(1, len(data))] if rng.random() < 0.2 else data)
        told: list[PictureError] = []
        texts = list(read_pictures(path, Size(), told.append))
        assert len(texts) + len(told) >= 1


def on(ground: str | None, *, dark: str | None = "black", light: str | None = "white") -> Image.Image:
    """A code whose dark and light modules have these colours (None: transparent), with a wide edge of ``ground``."""
    code = frame_image(TEXT, box=4).convert("L")
    clear = (0, 0, 0, 0)
    picture = Image.new("RGBA", (code.width + 80, code.height + 80), ground or clear)
    for colour, part in ((light, code), (dark, ImageOps.invert(code))):
        paint = Image.new("RGBA", code.size, colour or clear)
        picture.paste(paint, (40, 40), part)
    return picture


ODD = {
    "black on transparent": on(None, light=None),
    "white on transparent": on(None, dark="white", light=None),
    "light modules on transparent": on(None, dark=None, light="white"),
    "inverted": on("black", dark="white", light="black"),
    "inverted on transparent": on(None, dark="white", light="black"),
    "yellow on blue": on("navy", dark="yellow", light="navy"),
}


@pytest.mark.parametrize("name", ODD)
def test_inverted_and_transparent_pictures_are_read_by_both_decoders(reader: Reader, name: str) -> None:
    assert reader.read(ODD[name]) == [TEXT]
    assert reader.read_all(ODD[name]) == [TEXT]


def side_by_side(*pictures: Image.Image) -> Image.Image:
    whole = Image.new("L", (sum(one.width for one in pictures) + 120, pictures[0].height + 80), 255)
    left = 40
    for one in pictures:
        whole.paste(one.convert("L"), (left, 40))
        left += one.width + 40
    return whole


def test_a_code_that_needs_another_look_is_not_lost_beside_one_that_does_not(reader: Reader) -> None:
    other = FrameEncoder(b"another message").frame(0)
    light = ImageOps.invert(frame_image(other, box=4).convert("L"))
    assert set(reader.read_all(side_by_side(frame_image(TEXT, box=4), light))) == {TEXT, other}


class Torn:
    """A symbol that a decoder cannot give the bytes of."""

    @property
    def data(self) -> bytes:
        raise ValueError("not in any charset")

    bytes = data


@pytest.mark.parametrize("kind", [PyzbarReader, ZxingReader])
def test_a_decoders_error_on_one_code_loses_no_other(kind: type[Reader]) -> None:
    whole = SimpleNamespace(data=TEXT.encode(), bytes=TEXT.encode())
    reader = kind()
    reader._decode = lambda *_, **__: [Torn(), whole, Torn()]  # type: ignore[attr-defined]
    assert reader.read(Image.new("L", (60, 60))) == [TEXT]


@pytest.mark.parametrize("kind", [PyzbarReader, ZxingReader])
def test_a_decoders_error_on_one_look_leaves_the_next(kind: type[Reader]) -> None:
    looks = iter([RuntimeError("deep inside"), [SimpleNamespace(data=TEXT.encode(), bytes=TEXT.encode())]])

    def decode(*_: object, **__: object) -> object:
        given = next(looks)
        if isinstance(given, Exception):
            raise given
        return given

    reader = kind()
    reader._decode = decode  # type: ignore[attr-defined]
    assert reader.read(Image.new("L", (60, 60))) == [TEXT]


def test_a_photograph_of_48_megapixels_is_read_at_a_fraction_of_its_size(
    reader: Reader, tmp_path: Path
) -> None:
    photograph = Image.new("L", (8_000, 6_000), 230)
    code = frame_image(TEXT, box=24)
    photograph.paste(code.convert("L"), (3_000, 2_000))
    photograph.save(tmp_path / "large.jpg", quality=80)
    photograph.save(tmp_path / "large.png")
    assert list(read_pictures(tmp_path / "large.jpg", reader)) == [TEXT]
    assert fault_of(tmp_path / "large.png") is PictureFault.TOO_LARGE


def test_what_may_not_be_read_is_no_damaged_picture(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", 40)
    with (
        patch.object(Image, "open", side_effect=PermissionError(13, "no", str(path))),
        pytest.raises(PermissionError),
    ):
        list(read_pictures(path, Size()))
