"""Several codes in pictures: all are named, and none is taken that nobody chose."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from app.catalogue import LANGUAGES, catalogue
from app.cli.codes_in_pictures import read_messages
from app.cli.main import main
from app.cli.picking import PAYABLE, RECEIVABLE, pick
from app.terminal.show import Show
from app.terminal.status import UsageError
from tests.support.cli import Cli
from tests.support.deals import deal
from tests.vectors.good import AIGUL, DEAL, SHOP, WORLD
from wallet.protocol.codes import Code
from wallet.session import messages
from wallet.transport.qr.frames import FrameEncoder
from wallet.transport.qr.picture import frame_image, write_frames, write_png

REQUEST = messages.encode(messages.RequestMessage(DEAL.request))
PAYMENT = messages.payment_message(DEAL.payment.encode())
RIVAL = messages.encode(messages.RequestMessage(deal(WORLD, payer=AIGUL, payee=SHOP).request))
OTHER = b"\x82\x09\x00"


def side_by_side(path: Path, *all_messages: bytes) -> Path:
    codes = [frame_image(FrameEncoder(message, 625).frame(0), box=4).convert("L") for message in all_messages]
    whole = Image.new("L", (sum(code.width + 40 for code in codes), max(code.height for code in codes)), 255)
    left = 0
    for code in codes:
        whole.paste(code, (left, 0))
        left += code.width + 40
    whole.save(path)
    return path


def context(language: str = "en") -> Any:
    return SimpleNamespace(show=Show(catalogue(language), as_json=True))


def chosen(path: Path, wanted: Any, number: int | None = None) -> bytes:
    around = context()
    reads = read_messages([path], around.show)
    return pick(reads, wanted, SimpleNamespace(pick=number), around).read.message  # type: ignore[arg-type]


def test_of_two_that_could_be_meant_none_is_taken_by_itself(tmp_path: Path) -> None:
    path = side_by_side(tmp_path / "two.png", REQUEST, RIVAL)
    with pytest.raises(UsageError) as found:
        chosen(path, PAYABLE)
    assert (found.value.name, found.value.facts) == ("usage.pick", {"most": 2})
    assert {chosen(path, PAYABLE, 1), chosen(path, PAYABLE, 2)} == {REQUEST, RIVAL}
    for number in (0, 3, -1):
        with pytest.raises(UsageError) as found:
            chosen(path, PAYABLE, number)
        assert found.value.name == "usage.pick_wrong"


def test_the_only_one_that_could_be_meant_is_taken_and_the_others_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    write_frames(PAYMENT, folder, 12)
    write_png(REQUEST, folder / "a-request.png")
    write_png(OTHER, folder / "other.png")
    (folder / "broken.png").write_bytes(b"no picture")
    assert chosen(folder, RECEIVABLE) == PAYMENT
    said = " ".join(capsys.readouterr().err.split())
    assert "a-request.png" in said
    assert "other.png" in said
    assert "broken.png could not be read" in said
    assert chosen(folder, PAYABLE) == REQUEST


def test_a_code_of_which_parts_are_missing_is_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_frames(PAYMENT * 2, tmp_path / "all", 2)
    write_png(REQUEST, tmp_path / "all" / "a.png")
    assert chosen(tmp_path / "all", PAYABLE) == REQUEST
    assert "parts are missing: 1" in capsys.readouterr().err


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("message", "command", "advice"), [(REQUEST, "receive", "qalta pay"), (PAYMENT, "pay", "qalta receive")]
)
def test_the_wrong_kind_is_called_what_it_is(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    message: bytes,
    command: str,
    advice: str,
    language: str,
) -> None:
    write_frames(message, tmp_path / "code", 12)
    assert main(["--json", "--lang", language, "--home", str(tmp_path), command, str(tmp_path / "code")]) == 1
    told = json.loads(capsys.readouterr().out)
    assert Code(told["refused"]) is Code.MESSAGE_UNEXPECTED
    assert advice in told["told"][2]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_text("# Readme"), "no picture"),
        (lambda path: write_png(REQUEST, path) or path.write_bytes(path.read_bytes()[:90]), "damaged"),
        (lambda path: Image.new("1", (6_000, 5_000)).save(path), "larger"),
        (lambda path: Image.new("L", (300, 300), 255).save(path), "No code"),
    ],
)
def test_a_picture_that_gives_nothing_is_told_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], Any], said: str
) -> None:
    make(tmp_path / "a.png")
    assert main(["--json", "--home", str(tmp_path), "pay", str(tmp_path / "a.png")]) == 1
    told = json.loads(capsys.readouterr().out)["told"]
    assert said in told[0]
    assert "a.png" in told[0]
    assert ("camera" in told[2]) is (said == "No code")


def test_two_shops_in_one_picture_are_not_paid_before_one_is_picked(cli: Cli, tmp_path: Path) -> None:
    for name in ("payer", "left", "right"):
        cli.must("wallet", "new", name)
    cli.wallet("payer", "fund", "100")
    for name in ("left", "right"):
        cli.wallet(name, "request", "10", "--out", str(tmp_path / f"{name}.png"))
    codes = [Image.open(tmp_path / f"{name}.png").convert("L") for name in ("left", "right")]
    both = Image.new("L", (codes[0].width * 2 + 40, codes[0].height), 255)
    both.paste(codes[0], (0, 0))
    both.paste(codes[1], (codes[0].width + 40, 0))
    both.save(tmp_path / "both.png")
    pay = (
        "--wallet",
        "payer",
        "pay",
        str(tmp_path / "both.png"),
        "--yes",
        "--out",
        str(tmp_path / "payment"),
    )
    refused = cli.run("--json", *pay)
    assert (refused.status, refused.json["error"]) == (2, "usage.pick")
    assert [choice["amount"] for choice in refused.json["choices"]] == [1_000, 1_000]
    assert cli.wallet("payer", "balance")["spendable"] == 10_000
    assert not (tmp_path / "payment").exists()
    assert cli.run("--json", *pay, "--pick", "2").json["amount"] == 1_000
    shutil.rmtree(tmp_path / "payment")
