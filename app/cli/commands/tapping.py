"""`qalta pay --nfc` and `receive --nfc`: the same sessions, carried by taps.

By default the payee reads and the payer is the card, as where a reader lies on a shop's desk; `--as` turns it round
on both sides. Going on after an interruption: `pay --nfc` again finds a signed payment by the request that the
payee still has; `receive --nfc --request ID` goes on with that request. Without `--request` it asks anew, always: a
request that somebody else may be answering at this moment is never handed to the next one who taps.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from app.catalogue import Catalogue, Explanation
from app.catalogue.written import written_amount, written_time
from app.cli.asking import amount_of, require_memo, valid_for
from app.cli.context import Context
from app.cli.outcomes import status_of
from app.cli.radio import CARD, READER, radio
from app.cli.tapped import PayeeParticipant, PayerParticipant
from app.terminal.status import Status, UsageError
from app.wallets.doing import doing
from app.wallets.opened import OpenWallet
from wallet.flow.holding import Holding, HoldingStep
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.request import request_ref

if TYPE_CHECKING:
    from wallet.protocol.cose import Signed
    from wallet.protocol.request import Request

SECONDS: Final = 120
_MOST_SECONDS: Final = 3_600
_REF_DIGITS: Final = 32


def add_options(command: argparse.ArgumentParser, words: Catalogue) -> None:
    """What `pay` and `receive` have in common."""
    command.add_argument("--nfc", action="store_true", help=words.text("help.tap"))
    command.add_argument("--as", choices=(CARD, READER), dest="side", help=words.text("help.tap_as"))
    command.add_argument("--device", metavar="NAME", help=words.text("help.tap_device"))
    command.add_argument("--seconds", type=int, metavar="N", help=words.text("help.tap_seconds"))


def check_options(args: argparse.Namespace, *, by_picture: tuple[str, ...], by_tap: tuple[str, ...]) -> None:
    """That pictures and taps are not mixed, and that there is one of the two. UsageError."""
    shown = bool(args.pictures) or any(getattr(args, name) for name in by_picture)
    if args.nfc:
        if shown:
            raise UsageError("usage.tap_or_picture")
        if not 0 < (SECONDS if args.seconds is None else args.seconds) <= _MOST_SECONDS:
            raise UsageError("usage.seconds", limit=_MOST_SECONDS)
        return
    if any(getattr(args, name) for name in ("side", "device", "seconds", *by_tap)):
        raise UsageError("usage.tap_only")
    if not shown or (by_tap and not args.pictures):
        raise UsageError("usage.nothing_to_do")


def pay(args: argparse.Namespace, context: Context) -> Status:
    """A payer's taps, until there is a receipt."""
    with radio(args.side or CARD, args.device) as hold, context.opened() as opened:
        party = PayerParticipant(opened, args, context)
        holding = Holding(party, _teller(context), args.seconds or SECONDS)
        is_stopped = _until_ctrl_c(hold, holding)
        party.finish()
    context.show.result(taps=holding.taps)
    if party.is_done:
        return Status.DONE
    return _interrupted(holding, is_stopped, context, context.show.catalogue.text("tap.go_on_pay"))


def receive(args: argparse.Namespace, context: Context) -> Status:
    """A payee's taps, until the payer has the receipt."""
    if (args.amount is None) == (args.request is None):
        raise UsageError("usage.tap_amount")
    seconds = valid_for(args.minutes)
    require_memo(args.memo)
    with radio(args.side or READER, args.device) as hold, context.opened() as opened:
        request = _earlier(args.request, opened) if args.request else _new(args, seconds, opened, context)
        body, ref = request.body, request_ref(request).hex()
        context.show.say("tap.asking", amount=written_amount(body.amount), until=written_time(body.expires))
        beside = (opened.wallet.contacts.introduce(request),) if args.introduce else ()
        party = PayeeParticipant(opened, request, context, beside)
        holding = Holding(party, _teller(context), args.seconds or SECONDS)
        is_stopped = _until_ctrl_c(hold, holding)
    context.show.result(
        request=request.id.hex(), expires=body.expires, taps=holding.taps, milliseconds=holding.milliseconds
    )
    if party.received is None:
        go_on = context.show.catalogue.text("tap.go_on_receive", request=ref)
        return _interrupted(holding, is_stopped, context, go_on)
    if not holding.has_said_all:
        context.show.say("tap.no_receipt", request=ref)
    return status_of(party.received)


def _teller(context: Context) -> Callable[[HoldingStep | Refusal], None]:
    """Says what whoever holds the device should know."""

    def tell(news: HoldingStep | Refusal) -> None:
        if isinstance(news, Refusal):
            context.show.told(context.show.catalogue.tell(news.code.value, news.facts))
        else:
            context.show.step(f"tap.{news.value}")

    return tell


def _until_ctrl_c(hold: Callable[[Holding], None], holding: Holding) -> bool:
    """Ctrl-C ends it as the last second does; whether it came."""
    try:
        hold(holding)
    except KeyboardInterrupt:
        return True
    return False


def _new(
    args: argparse.Namespace, seconds: int | None, opened: OpenWallet, context: Context
) -> Signed[Request]:
    """Asked anew; an unanswered request of the same amount is named, for whoever meant to go on with it."""
    receiving, amount = opened.wallet.receiving, amount_of(args.amount)
    for earlier in receiving.unanswered():
        if earlier.body.amount == amount and earlier.body.is_open == args.is_open:
            context.show.step("tap.earlier", request=request_ref(earlier).hex())
            break
    with doing("ask"):
        return receiving.request(amount, is_open=args.is_open, memo=args.memo, valid_for=seconds)


def _earlier(written: str, opened: OpenWallet) -> Signed[Request]:
    """The request of ours whose id, in either form, begins so: an unanswered one, or by 32 digits any. UsageError."""
    receiving, wanted = opened.wallet.receiving, written.lower()
    names = [(item.id.hex(), request_ref(item).hex(), item) for item in receiving.unanswered()]
    found = [item for *ids, item in names if any(name.startswith(wanted) for name in ids)]
    if not found and len(wanted) >= _REF_DIGITS:
        found = [request for request in [_by_ref(wanted, opened)] if request is not None]
    if len(found) != 1:
        raise UsageError("usage.request_id", written=written)
    return found[0]


def _by_ref(written: str, opened: OpenWallet) -> Signed[Request] | None:
    try:
        ref = bytes.fromhex(written[:_REF_DIGITS])
    except ValueError:
        return None
    return opened.wallet.receiving.own_request(ref)


def _interrupted(holding: Holding, is_stopped: bool, context: Context, go_on: str) -> Status:
    """It is not over: what the last tap refused; or that it was stopped or the seconds are up, and how to go on."""
    if holding.refused is not None and not is_stopped:
        raise holding.refused
    lost = context.show.catalogue.tell(Code.LINK_LOST.value)
    what = lost.what if holding.taps else context.show.catalogue.text("tap.nobody")
    if is_stopped:
        what = context.show.catalogue.text("tap.stopped")
    told = Explanation(what, lost.money, go_on)
    context.show.told(told)
    context.show.result(interrupted=Code.LINK_LOST.value, told=told.lines())
    return Status.INTERRUPTED
