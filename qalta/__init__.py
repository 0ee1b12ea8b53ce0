"""The integrator's door to Qalta: a wallet, the two flows of a payment, the bank's line, keys, verification.

``import qalta`` opens no file, socket, thread or token, and loads nothing before it is used. Names and meanings that
stand here and in `qalta.bank`, `qalta.nfc`, `qalta.qr` and `qalta.sandbox` change only as CHANGELOG.md's version policy
says; the packages behind them (`wallet`, `hsm`, `ledger_sync`) are ours to rearrange. What each name does is told by
its own docstring; the API reference is made of those (CONTRIBUTING.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qalta._lazy import names

if TYPE_CHECKING:
    from hsm.keystore import Keystore, KeystoreCode, KeystoreError, Record
    from hsm.memory import MemoryKeystore
    from hsm.opening import open_keystore, provision
    from hsm.pin import PERSON_COST, RANDOM_PIN_COST, ScryptCost, pin_from_descriptor, pin_from_file
    from hsm.profiles import NSS, SOFTHSM, ModuleProfile
    from ledger_sync.client.bank import Account, BankClient, Enrolled, Loss
    from ledger_sync.client.connecting import connect
    from ledger_sync.client.reconcile import Report, Step, certify, defund, fund, reconcile, set_up
    from ledger_sync.http.peers import NoAnswer, RemoteRefusal
    from wallet.flow.paying import PayFlow, PayStatus
    from wallet.flow.receiving import Came, ReceiveFlow, ReceiveStatus
    from wallet.protocol.attachments import Attachment
    from wallet.protocol.bundle import Bundle, parse_bundle
    from wallet.protocol.certificate import Certificate, Limits, WalletKind
    from wallet.protocol.codes import Code, Refusal
    from wallet.protocol.cose import Signed
    from wallet.protocol.directory import Directory
    from wallet.protocol.evidence import Contradiction, Culprit, Evidence, check_evidence, parse_evidence
    from wallet.protocol.issuance import Issuance
    from wallet.protocol.keys import PublicKey, p256
    from wallet.protocol.payment import Payment, parse_payment
    from wallet.protocol.policy import PolicyUpdate
    from wallet.protocol.receipt import Receipt, ReceiptBody
    from wallet.protocol.request import Request, request_ref
    from wallet.protocol.transfer import Refresh, ToAccount, TokenRef, ToPayer, Transfer
    from wallet.protocol.validity import Token, Verified, verify
    from wallet.purse.contacts import Contacts
    from wallet.purse.pay.paying import Paying
    from wallet.purse.receive.receiving import Receiving
    from wallet.purse.receive.requests import OpenRequest, Requests
    from wallet.purse.store.journal import PurseState
    from wallet.purse.store.memory import MemoryHome
    from wallet.purse.store.payments import PaymentState
    from wallet.purse.store.tokens import Origin, OwnToken, TokenState
    from wallet.purse.sync.dating import Dating
    from wallet.purse.view.balance import Balance, ChainLink, Exposure
    from wallet.purse.view.history import Event, EventKind
    from wallet.purse.view.outlook import Allowance, Outlook
    from wallet.session.errors import LocalError
    from wallet.session.events import (
        AlreadyPaid,
        ConfirmationNeeded,
        MessageRefused,
        PassedOver,
        PayeeEvent,
        PayerEvent,
        PaymentAcknowledged,
        PaymentDropped,
        PaymentFound,
        PaymentReady,
        PaymentReceived,
        PaymentRefused,
        PaymentRepeated,
        PaymentReturned,
        PeerProblem,
        PurseRefused,
        RequestCancelled,
        RequestExpired,
        SignatureNeeded,
    )
    from wallet.session.framing import Deframer, frame
    from wallet.session.messages import (
        PaymentMessage,
        ProblemMessage,
        ReceiptMessage,
        RequestMessage,
        Unreadable,
        read_message,
    )
    from wallet.session.payee import Payee
    from wallet.session.payee_table import PayeeState
    from wallet.session.payer import Payer
    from wallet.session.payer_table import Money, PayerState
    from wallet.session.ports import Consideration, PaymentSummary, Received
    from wallet.session.table import Waiting
    from wallet.wallet import Wallet

__all__ = [
    "NSS",
    "PERSON_COST",
    "RANDOM_PIN_COST",
    "SOFTHSM",
    "Account",
    "Allowance",
    "AlreadyPaid",
    "Attachment",
    "Balance",
    "BankClient",
    "Bundle",
    "Came",
    "Certificate",
    "ChainLink",
    "Code",
    "ConfirmationNeeded",
    "Consideration",
    "Contacts",
    "Contradiction",
    "Culprit",
    "Dating",
    "Deframer",
    "Directory",
    "Enrolled",
    "Event",
    "EventKind",
    "Evidence",
    "Exposure",
    "Issuance",
    "Keystore",
    "KeystoreCode",
    "KeystoreError",
    "Limits",
    "LocalError",
    "Loss",
    "MemoryHome",
    "MemoryKeystore",
    "MessageRefused",
    "ModuleProfile",
    "Money",
    "NoAnswer",
    "OpenRequest",
    "Origin",
    "Outlook",
    "OwnToken",
    "PassedOver",
    "PayFlow",
    "PayStatus",
    "Payee",
    "PayeeEvent",
    "PayeeState",
    "Payer",
    "PayerEvent",
    "PayerState",
    "Paying",
    "Payment",
    "PaymentAcknowledged",
    "PaymentDropped",
    "PaymentFound",
    "PaymentMessage",
    "PaymentReady",
    "PaymentReceived",
    "PaymentRefused",
    "PaymentRepeated",
    "PaymentReturned",
    "PaymentState",
    "PaymentSummary",
    "PeerProblem",
    "PolicyUpdate",
    "ProblemMessage",
    "PublicKey",
    "PurseRefused",
    "PurseState",
    "Receipt",
    "ReceiptBody",
    "ReceiptMessage",
    "ReceiveFlow",
    "ReceiveStatus",
    "Received",
    "Receiving",
    "Record",
    "Refresh",
    "Refusal",
    "RemoteRefusal",
    "Report",
    "Request",
    "RequestCancelled",
    "RequestExpired",
    "RequestMessage",
    "Requests",
    "ScryptCost",
    "SignatureNeeded",
    "Signed",
    "Step",
    "ToAccount",
    "ToPayer",
    "Token",
    "TokenRef",
    "TokenState",
    "Transfer",
    "Unreadable",
    "Verified",
    "Waiting",
    "Wallet",
    "WalletKind",
    "certify",
    "check_evidence",
    "connect",
    "defund",
    "frame",
    "fund",
    "open_keystore",
    "p256",
    "parse_bundle",
    "parse_evidence",
    "parse_payment",
    "pin_from_descriptor",
    "pin_from_file",
    "provision",
    "read_message",
    "reconcile",
    "request_ref",
    "set_up",
    "verify",
]

_ROOMS: Final = {
    "hsm.keystore": (
        "Keystore",
        "KeystoreCode",
        "KeystoreError",
        "Record",
    ),
    "hsm.memory": ("MemoryKeystore",),
    "hsm.opening": (
        "open_keystore",
        "provision",
    ),
    "hsm.pin": (
        "PERSON_COST",
        "RANDOM_PIN_COST",
        "ScryptCost",
        "pin_from_descriptor",
        "pin_from_file",
    ),
    "hsm.profiles": (
        "NSS",
        "SOFTHSM",
        "ModuleProfile",
    ),
    "ledger_sync.client.bank": (
        "Account",
        "BankClient",
        "Enrolled",
        "Loss",
    ),
    "ledger_sync.client.connecting": ("connect",),
    "ledger_sync.client.reconcile": (
        "Report",
        "Step",
        "certify",
        "defund",
        "fund",
        "reconcile",
        "set_up",
    ),
    "ledger_sync.http.peers": (
        "NoAnswer",
        "RemoteRefusal",
    ),
    "wallet.flow.paying": (
        "PayFlow",
        "PayStatus",
    ),
    "wallet.flow.receiving": (
        "Came",
        "ReceiveFlow",
        "ReceiveStatus",
    ),
    "wallet.protocol.attachments": ("Attachment",),
    "wallet.protocol.bundle": (
        "Bundle",
        "parse_bundle",
    ),
    "wallet.protocol.certificate": (
        "Certificate",
        "Limits",
        "WalletKind",
    ),
    "wallet.protocol.codes": (
        "Code",
        "Refusal",
    ),
    "wallet.protocol.cose": ("Signed",),
    "wallet.protocol.directory": ("Directory",),
    "wallet.protocol.evidence": (
        "Contradiction",
        "Culprit",
        "Evidence",
        "check_evidence",
        "parse_evidence",
    ),
    "wallet.protocol.issuance": ("Issuance",),
    "wallet.protocol.keys": (
        "PublicKey",
        "p256",
    ),
    "wallet.protocol.payment": (
        "Payment",
        "parse_payment",
    ),
    "wallet.protocol.policy": ("PolicyUpdate",),
    "wallet.protocol.receipt": (
        "Receipt",
        "ReceiptBody",
    ),
    "wallet.protocol.request": (
        "Request",
        "request_ref",
    ),
    "wallet.protocol.transfer": (
        "Refresh",
        "ToAccount",
        "ToPayer",
        "TokenRef",
        "Transfer",
    ),
    "wallet.protocol.validity": (
        "Token",
        "Verified",
        "verify",
    ),
    "wallet.purse.contacts": ("Contacts",),
    "wallet.purse.sync.dating": ("Dating",),
    "wallet.purse.view.history": (
        "Event",
        "EventKind",
    ),
    "wallet.purse.store.journal": ("PurseState",),
    "wallet.purse.store.memory": ("MemoryHome",),
    "wallet.purse.view.outlook": (
        "Outlook",
        "Allowance",
    ),
    "wallet.purse.pay.paying": ("Paying",),
    "wallet.purse.store.payments": ("PaymentState",),
    "wallet.purse.view.balance": (
        "Balance",
        "ChainLink",
        "Exposure",
    ),
    "wallet.purse.receive.receiving": ("Receiving",),
    "wallet.purse.receive.requests": (
        "OpenRequest",
        "Requests",
    ),
    "wallet.purse.store.tokens": (
        "Origin",
        "OwnToken",
        "TokenState",
    ),
    "wallet.session.errors": ("LocalError",),
    "wallet.session.events": (
        "AlreadyPaid",
        "ConfirmationNeeded",
        "MessageRefused",
        "PassedOver",
        "PayeeEvent",
        "PayerEvent",
        "PaymentAcknowledged",
        "PaymentDropped",
        "PaymentFound",
        "PaymentReady",
        "PaymentReceived",
        "PaymentRefused",
        "PaymentRepeated",
        "PaymentReturned",
        "PeerProblem",
        "PurseRefused",
        "RequestCancelled",
        "RequestExpired",
        "SignatureNeeded",
    ),
    "wallet.session.framing": (
        "Deframer",
        "frame",
    ),
    "wallet.session.messages": (
        "PaymentMessage",
        "ProblemMessage",
        "ReceiptMessage",
        "RequestMessage",
        "Unreadable",
        "read_message",
    ),
    "wallet.session.payee": ("Payee",),
    "wallet.session.payee_table": ("PayeeState",),
    "wallet.session.payer": ("Payer",),
    "wallet.session.payer_table": (
        "Money",
        "PayerState",
    ),
    "wallet.session.ports": (
        "Consideration",
        "PaymentSummary",
        "Received",
    ),
    "wallet.session.table": ("Waiting",),
    "wallet.wallet": ("Wallet",),
}

__getattr__, __dir__ = names(__name__, _ROOMS)
