"""A service of another version: what it says of our call, and an answer in a form that we do not know, are told as
that; the same code of something that was shown is told as that."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import NoReturn

import pytest

from app.catalogue import LANGUAGES, catalogue
from app.cli.context import Context
from app.cli.pin import PinSource
from app.cli.running import run_command
from app.terminal.show import Show
from app.terminal.status import Status
from app.wallets.places import Home
from ledger_sync.client.bank import BankClient
from ledger_sync.http.peers import NoAnswer, RemoteRefusal
from tests.support.world import World
from wallet.protocol import codec
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal

NOT_UNDERSTOOD = [code for code in Code if RemoteRefusal(code).is_not_understood]


def told(refusal: Refusal, language: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What a command says that was refused so."""

    def refuse(_args: argparse.Namespace, _context: Context) -> NoReturn:
        raise refusal

    show = Show(catalogue(language), as_json=True)
    context = Context(Home(folder), None, show, PinSource(None))
    assert run_command(argparse.Namespace(run=refuse), context) is Status.REFUSED
    said = json.loads(capsys.readouterr().out)
    assert said["refused"] == refusal.code, "the code stays what the service said"
    lines: list[str] = said["told"]
    return lines


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", NOT_UNDERSTOOD)
def test_what_a_service_says_of_our_call_is_not_told_of_a_code_that_was_shown(
    code: Code, language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_call = told(RemoteRefusal(code), language, tmp_path, capsys)
    shown = told(Refusal(code), language, tmp_path, capsys)
    assert of_call == list(catalogue(language).tell("malformed", {"fault": "call"}).lines())
    assert shown == list(catalogue(language).tell(code).lines())
    assert "sandbox stop" in of_call[2]


def test_too_many_of_a_service_is_its_bound_and_no_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(RemoteRefusal(Code.TOO_MANY, {"limit": 8}), "en", tmp_path, capsys)
    assert "at most 8" in said[0]
    assert "other side" not in said[2]


class NextYear:
    """A bank whose directory is of a version that nobody knows yet."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, _path: str) -> Cbor:
        protected, *rest = codec.decode(self._world.signed_directory().encode(), 65_536)
        assert isinstance(protected, bytes)
        return [self._world.root.public, codec.encode([protected[:-1] + b"2", *rest])]

    def post(self, path: str, _value: Cbor) -> Cbor:
        raise AssertionError(path)


def test_a_directory_in_a_form_that_we_do_not_know_is_an_answer_that_cannot_be_read() -> None:
    bank = BankClient(NextYear(World()), "alatau", bytes(33))
    with pytest.raises(NoAnswer) as unread:
        bank.root()
    assert unread.value.code is Code.ANSWER_UNREADABLE
