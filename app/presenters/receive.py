"""Asking for money, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.engine.engine import Engine, Work
from app.engine.troubles import trouble_of
from app.engine.values import Trouble
from app.presenters.carrying import CarryingPresenter, Tapping
from app.presenters.dismissed import DismissedItems
from app.presenters.keypad import amount_of, pressed
from app.presenters.views.carrying import Carrier, Shown
from app.presenters.views.receive import ReceiveStep, ReceiveView
from app.wallets.doing import doing
from wallet.flow import Came, ReceiveFlow, ReceiveStatus
from wallet.protocol.bounds import MAX_MEMO_BYTES
from wallet.protocol.codes import Code
from wallet.protocol.request import request_ref
from wallet.session import PayeeState
from wallet.transport.nfc.ports import TappedWallet
from wallet.transport.qr.picture import STATIC_CHUNK, Correction, write_png


class ReceivePresenter(CarryingPresenter[ReceiveView]):
    """RECEIVED with ``repeat_of`` is money that was here already. A request that was left is answered all the same
    whenever its payment is seen."""

    def __init__(self, engine: Engine, tapping: Tapping, aside: DismissedItems) -> None:
        super().__init__(ReceiveView(), engine, tapping)
        self._aside = aside
        self._flow: ReceiveFlow | None = None
        self._ref = b""

    # typing

    def press(self, key: str) -> None:
        self._type(pressed(self.view.typed, key))

    def erase(self) -> None:
        self._type(self.view.typed[:-1])

    def _type(self, typed: str) -> None:
        if self.view.step is ReceiveStep.AMOUNT and not self._is_busy:
            self._show(typed=typed, amount=amount_of(typed), trouble=None)

    def set_open(self, is_open: bool) -> None:
        self._set(is_open=is_open)

    def set_printed(self, is_printed: bool) -> None:
        self._set(is_printed=is_printed)

    def set_memo(self, memo: str) -> None:
        """As much of it as a request may carry."""
        self._set(memo=memo.encode()[:MAX_MEMO_BYTES].decode("utf-8", "ignore"))

    def _set(self, **changes: bool | str) -> None:
        """What is asked for already stays as it was signed."""
        if self.view.step is ReceiveStep.AMOUNT and not self._is_busy:
            self._show(**changes)

    # asking

    def ask(self) -> None:
        view = self.view
        if self._is_busy or view.step is not ReceiveStep.AMOUNT:
            return
        if not view.amount:
            self._fail(Trouble(Code.AMOUNT_INVALID))
            return
        amount = view.amount

        def ask(work: Work) -> ReceiveFlow:
            with doing("ask"):
                request = work.wallet.receiving.request(
                    amount, is_open=view.is_open, memo=view.memo, printed=view.is_printed
                )
            return ReceiveFlow(work.wallet, request)

        self._begin(ask)

    def resume(self, request_id: bytes) -> None:
        """A request that was made before."""
        self.leave()
        self._begin(lambda work: ReceiveFlow.resume(work.wallet, request_id))

    def show_receipt(self, incoming: bytes) -> None:
        """Of a payment that came before: its receipt, for a payer who has not seen it."""
        self.leave()
        self._show(carrier=Carrier.QR)
        self._begin(lambda work: ReceiveFlow.of_incoming(work.wallet, incoming), self._shown_again)

    def _shown_again(self, made: tuple[ReceiveFlow, ReceiveStatus]) -> None:
        self._begun(made)
        if self.view.step is ReceiveStep.RECEIVED:
            self._show(step=ReceiveStep.RECEIPT)

    def _begin(
        self,
        make: Callable[[Work], ReceiveFlow],
        then: Callable[[tuple[ReceiveFlow, ReceiveStatus]], None] | None = None,
    ) -> None:
        def job(work: Work) -> tuple[ReceiveFlow, ReceiveStatus]:
            flow = make(work)
            return flow, flow.status()

        self._look_anew()
        self._run("app_receive.asking", job, then or self._begun)

    def _begun(self, made: tuple[ReceiveFlow, ReceiveStatus]) -> None:
        self._flow, status = made
        self._ref = request_ref(status.request)
        self._show(step=ReceiveStep.ASKING)
        self._stand(status)
        if self.view.is_printed:
            # What is to be printed is shown, however the last payment came.
            self._show(carrier=Carrier.QR)
        if self.view.carrier is Carrier.TAP:
            self._tap()

    def ask_on(self) -> None:
        """After something came: ask with the same request for the next payment (a printed code), or for the one that
        has not come yet."""
        if self.view.is_printed or self.view.is_for_other:
            self._look_anew()
            self._do(ReceiveFlow.ask_on)

    def cancel(self) -> None:
        """Ask no more: it holds no room any more. What was signed already is still received."""
        self._do(ReceiveFlow.cancel)

    def leave(self) -> None:
        """Off this screen: the next request begins with an amount."""
        self._stop_taps()
        self._leave()
        self._flow, self._ref = None, b""
        self._frames.reset()
        self._show(**_fresh(self.view))

    def tick(self, now: int) -> None:
        """Every second: a request that has expired is shown no more."""
        self._tick_tap(now)
        expires = self.view.expires
        if self.view.shown is not None and self.view.step is ReceiveStep.ASKING and expires and now > expires:
            self._do(lambda flow: flow.tick(now))

    def print_to(self, path: Path) -> None:
        """Write the code as a picture to be printed."""
        flow = self._flow
        if flow is not None and self.view.can_print:
            self._run(
                "app_receive.printing",
                lambda work: write_png(flow.request_message, path, correction=Correction.PRINT),
                lambda _: None,
            )

    # what comes

    def _tap(self) -> None:
        """Only a request can be tapped for."""
        if self._flow is not None:
            super()._tap()

    def _heard(self, message: bytes) -> None:
        self._do(lambda flow: flow.hear(message), failed=self._unheard)

    def _unheard(self, trouble: Trouble) -> None:
        """The wallet gave no answer: the same may be shown again."""
        self._look_anew()
        self._fail(trouble)

    def _do(
        self,
        ask: Callable[[ReceiveFlow], ReceiveStatus],
        failed: Callable[[Trouble], None] | None = None,
    ) -> None:
        flow = self._flow
        if flow is not None:
            self._run("app_receive.looking", lambda work: ask(flow), self._stand, failed)

    def _ends(self) -> tuple[Callable[[], TappedWallet], Callable[[], None]]:
        flow = self._flow
        assert flow is not None
        return lambda: flow.tap, self._telling(flow.status, self._stand)

    def _stand(self, status: ReceiveStatus) -> None:
        body, message = status.request.body, status.message
        fits_one_code = message is not None and len(message) <= STATIC_CHUNK
        self._show(
            amount=body.amount,
            is_open=body.is_open,
            is_printed=body.is_printed,
            memo=body.memo,
            expires=body.expires,
            shown=None if message is None else Shown(message, body.is_printed),
            can_print=body.is_printed and fits_one_code,
        )
        if status.answer is not None:
            self._came(status.answer)
        elif status.state is PayeeState.CANCELLED:
            self.leave()
        else:
            self._show(step=ReceiveStep.ASKING, received=0, hop=0, repeat_of=None, receipt=None)
        if status.objections:
            self._show(trouble=trouble_of(status.objections[-1]))

    def _came(self, answer: Came) -> None:
        received = answer.received
        is_refused = received.code is not None
        self._show(
            step=ReceiveStep.REFUSED if is_refused else ReceiveStep.RECEIVED,
            received=0 if is_refused else received.amount,
            hop=max((token.hop for token in received.tokens), default=0),
            repeat_of=received.repeat_of,
            is_for_other=answer.is_for_other,
            receipt=Shown(answer.receipt, False),
            trouble=None if received.code is None else Trouble(received.code),
        )


def _fresh(view: ReceiveView) -> dict[str, object]:
    """What a screen begins with: how messages travel and what the camera does stay."""
    new = ReceiveView(carrier=view.carrier, scanning=view.scanning)
    return {name: getattr(new, name) for name in ReceiveView.__dataclass_fields__}
