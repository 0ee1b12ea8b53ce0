"""Everything that a screen can show, as frozen values. Amounts in tiyn, times in unix seconds, ids as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from wallet.protocol.codes import Fact
from wallet.purse.reading import Balance
from wallet.session import Money


@dataclass(frozen=True, slots=True)
class Trouble:
    """A refusal: ``code`` is of the catalogue's [code] table."""

    code: str
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Busy:
    """Work under way off the window's thread. ``step`` is a name of the catalogue ("sync.upload"); ``done`` of
    ``total`` where it can be counted."""

    step: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Party:
    """The other side. A merchant's certified ``name``; for a person ``wallet`` (its pseudonym) is all there is."""

    name: str
    wallet: bytes
    bank: str
    is_merchant: bool
    category: int = 0


# start and unlock


class StartStep(Enum):
    WELCOME = "welcome"
    """What offline money is, in three sentences; choose the language."""
    HOLDER = "holder"
    """Name, person or shop, which bank, enrolment code."""
    PIN = "pin"
    PIN_AGAIN = "pin_again"
    MAKING = "making"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class StartView:
    """``banks``: ids to choose from in a sandbox; empty where a real bank's address and code are asked for."""

    step: StartStep = StartStep.WELCOME
    banks: tuple[str, ...] = ()
    bank: str = ""
    holder: str = ""
    is_merchant: bool = False
    pin_length: int = 0
    busy: Busy | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class UnlockView:
    """``tries_left`` before the next wait; ``wait_until`` while the keystore takes no PIN."""

    holder: str = ""
    pin_length: int = 0
    tries_left: int | None = None
    wait_until: int | None = None
    busy: Busy | None = None
    trouble: Trouble | None = None
    is_open: bool = False


# home


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A payment or request to go on with. ``is_signed``: the money is the payee's already; else sign it or drop it."""

    id: bytes
    is_payment: bool
    amount: int
    party: Party | None
    at: int
    is_signed: bool = False


@dataclass(frozen=True, slots=True)
class HomeView:
    """``hops_left``: of the money that can be spent, how often the most worn may still change hands; ``expires``: when
    the first of it expires; ``offline_since``: the last reconciling."""

    holder: str = ""
    bank: str = ""
    balance: Balance | None = None
    account: int | None = None
    hops_left: int | None = None
    expires: int | None = None
    offline_since: int | None = None
    is_network_on: bool = True
    is_rolled_back: bool = False
    unfinished: tuple[Unfinished, ...] = ()
    busy: Busy | None = None
    trouble: Trouble | None = None


# how messages travel


class Carrier(Enum):
    QR = "qr"
    TAP = "tap"


class Role(Enum):
    """Which side of a tap this device is."""

    READER = "reader"
    CARD = "card"


class TapStep(Enum):
    """What the person holding the device should do."""

    WAITING = "waiting"
    NOBODY = "nobody"
    """Waiting for long. Two devices that both read, or are both cards, never meet: one of them changes sides."""
    HOLD_STILL = "hold_still"
    TAP_AGAIN = "tap_again"
    OTHER_DECIDES = "other_decides"
    OTHER_WALLET = "other_wallet"


@dataclass(frozen=True, slots=True)
class Shown:
    """A message to show as a code: ``message`` is what the frames are made of."""

    message: bytes
    is_still: bool


class CodeKind(Enum):
    """What a code says that it is; UNKNOWN until enough of it was read."""

    REQUEST = "request"
    PAYMENT = "payment"
    RECEIPT = "receipt"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class InView:
    """One of several codes in view, as it says of itself: a request's payee and ``amount`` (tiyn)."""

    kind: CodeKind = CodeKind.UNKNOWN
    party: Party | None = None
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Scanning:
    """What the camera is doing: ``rank`` of ``needed`` parts; ``is_seeing``: a picture came; ``camera_trouble``: a name
    of the catalogue where there is no camera. ``several``: the codes in view, where they are of more than one message,
    and none of them is taken."""

    is_seeing: bool = False
    rank: int = 0
    needed: int = 0
    camera_trouble: str | None = None
    several: tuple[InView, ...] = ()


# receive


class ReceiveStep(Enum):
    AMOUNT = "amount"
    ASKING = "asking"
    RECEIVED = "received"
    RECEIPT = "receipt"
    """The receipt of an earlier payment, shown again."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ReceiveView:
    """``typed`` as the keypad made it ("1250,50"); ``amount`` its tiyn, or what is asked for. ``received`` and ``hop``
    once money came, ``repeat_of`` if it was here already: then it is no new money. ``is_for_other``: it answered an
    earlier request, and ``amount`` is still asked for; as a printed code always is (``ask_on``). REFUSED: the payment
    goes back to the payer, ``trouble`` says why."""

    step: ReceiveStep = ReceiveStep.AMOUNT
    typed: str = ""
    amount: int = 0
    is_open: bool = False
    is_printed: bool = False
    memo: str = ""
    carrier: Carrier = Carrier.QR
    shown: Shown | None = None
    expires: int | None = None
    scanning: Scanning = Scanning()
    tap: TapStep | None = None
    role: Role | None = None
    received: int = 0
    hop: int = 0
    repeat_of: int | None = None
    is_for_other: bool = False
    receipt: Shown | None = None
    can_print: bool = False
    busy: Busy | None = None
    trouble: Trouble | None = None


# pay


class PayStep(Enum):
    SEEK = "seek"
    """Scan or tap for a request (or for the receipt of an earlier payment)."""
    ASKED = "asked"
    """Whom, how much, which limits; an open amount is typed here, an earlier payment to a printed code asked about."""
    PIN = "pin"
    SIGNING = "signing"
    SHOWING = "showing"
    PAID = "paid"
    RETURNED = "returned"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Room:
    """What the limits leave: ``spendable`` now, ``payment`` at once, ``total`` until the next reconciling."""

    spendable: int
    payment: int
    total: int


@dataclass(frozen=True, slots=True)
class Earlier:
    """A payment to the same printed code, or as much to the same payee a moment ago, that has no receipt."""

    id: bytes
    amount: int
    at: int


@dataclass(frozen=True, slots=True)
class PayView:
    """``amount`` None while it is still to be typed, up to ``ceiling``. ``money``: where the money is now. ``shown``:
    the payment, from its signature on; only PAID says that the payee has it, at ``receipt_at``. RETURNED and DROPPED
    say why in ``trouble``. ``alike``: as much was signed for this payee a moment ago and has no receipt; perhaps that
    is what is asked for anew. ``wait_until`` while the keystore takes no PIN."""

    step: PayStep = PayStep.SEEK
    carrier: Carrier = Carrier.QR
    scanning: Scanning = Scanning()
    tap: TapStep | None = None
    role: Role | None = None
    party: Party | None = None
    amount: int | None = None
    ceiling: int | None = None
    typed: str = ""
    memo: str = ""
    expires: int | None = None
    room: Room | None = None
    earlier: tuple[Earlier, ...] = ()
    alike: tuple[Earlier, ...] = ()
    pin_length: int = 0
    wait_until: int | None = None
    shown: Shown | None = None
    receipt_at: int | None = None
    money: Money = Money.UNTOUCHED
    busy: Busy | None = None
    trouble: Trouble | None = None


# history


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """``kind`` and ``state`` as in wallet.purse.history; ``sign`` +1 into the pocket, −1 out of it, and then ``amount``
    is what the pocket changed by; 0 neither. ``lost`` of it went to somebody else, and the claim for that is against
    the wallet ``claim``, where somebody is named."""

    id: bytes
    kind: str
    state: str
    at: int
    amount: int
    sign: int
    party: Party | None
    memo: str
    code: str | None
    lost: int = 0
    claim: bytes = b""


@dataclass(frozen=True, slots=True)
class Hand:
    """One hand of a chain: hop 0 is the central bank's issuance (``party`` None). ``is_own``: this wallet."""

    hop: int
    at: int
    amount: int
    wallet: bytes | None
    bank: str | None
    is_own: bool


@dataclass(frozen=True, slots=True)
class HistoryView:
    """``chosen`` with its ``chain`` when one line is opened; ``can_show``: the payment, or the receipt of one that was
    received, can be shown again."""

    lines: tuple[HistoryLine, ...] = ()
    chosen: HistoryLine | None = None
    chain: tuple[Hand, ...] = ()
    can_show: bool = False
    busy: Busy | None = None
    trouble: Trouble | None = None


# ledger


@dataclass(frozen=True, slots=True)
class Conflicted:
    """A contradiction that the ledger showed: which key signed twice."""

    code: str
    key: bytes
    wallet: bytes
    bank: str


@dataclass(frozen=True, slots=True)
class ReconcileView:
    """``verdicts``: name (settled, repeat, short, conflict, refused, waiting) and how many; ``losses``: lines of
    history, newest first, of which something is lost, whenever that was; ``expired``: tiyn that go back to the account
    as they have expired; ``clock``: what the device's clock says and what it should, where it is wrong."""

    is_done: bool = False
    busy: Busy | None = None
    verdicts: tuple[tuple[str, int], ...] = ()
    conflicts: tuple[Conflicted, ...] = ()
    losses: tuple[HistoryLine, ...] = ()
    expired: int = 0
    is_rolled_back: bool = False
    clock: tuple[int, int] | None = None
    refreshed: int = 0
    before: Balance | None = None
    after: Balance | None = None
    account: int | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class FundsView:
    """Between the account and the pocket. ``is_in``: funding; else defunding, which asks for the PIN."""

    is_in: bool = True
    typed: str = ""
    amount: int = 0
    account: int | None = None
    balance: Balance | None = None
    pin_length: int | None = None
    moved: int | None = None
    busy: Busy | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class LostView:
    """Reporting the account's other devices: ``amount`` (tiyn) and ``until`` as the bank knows them, ``amount`` None
    before it said so; ``pin_length`` None while no PIN is asked for."""

    amount: int | None = None
    until: int | None = None
    pin_length: int | None = None
    is_reported: bool = False
    busy: Busy | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class RiskView:
    """What would go with this device now, and until when; ``is_doubtful``: some of it may be spent already."""

    amount: int = 0
    unsettled: int = 0
    until: int | None = None
    is_doubtful: bool = False
    busy: Busy | None = None
    trouble: Trouble | None = None


# settings


class Look(Enum):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Pace(Enum):
    """How fast the animation runs and how dense it is."""

    SLOW = "slow"
    NORMAL = "normal"


class TapReader(Enum):
    """Whose device reads at a tap; the other side's is the card. Both wallets need the same."""

    PAYEE = "payee"
    PAYER = "payer"


class PinStep(Enum):
    """Changing the PIN."""

    NONE = "none"
    OLD = "old"
    NEW = "new"
    AGAIN = "again"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class SettingsView:
    """Kept beside the wallet and applied live. ``camera`` and ``reader`` are device names (see `qalta app --help`)."""

    language: str = "en"
    look: Look = Look.SYSTEM
    is_large: bool = False
    pace: Pace = Pace.NORMAL
    camera: str = "0"
    cameras: tuple[str, ...] = ()
    reader: str = "auto"
    readers: tuple[str, ...] = ()
    tap_reader: TapReader = TapReader.PAYEE
    pin_step: PinStep = PinStep.NONE
    pin_length: int = 0
    busy: Busy | None = None
    trouble: Trouble | None = None
