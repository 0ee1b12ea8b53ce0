"""The closed list of reasons for a refusal.

SPEC section 8 numbers the checks that give them; the first check that fails gives the code. A code never
changes its meaning and is never used again for another one. What a person reads about a code lives in the
catalogue under ``app/``, keyed by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

Fact = int | str
"""Amounts in tiyn, times in unix seconds, ids in hexadecimal, everything else as it is called."""


class Code(StrEnum):
    """Why something was refused."""

    # bytes (SPEC 8.1)
    TOO_LARGE = "too_large"
    MALFORMED_CBOR = "malformed_cbor"
    NOT_CANONICAL = "not_canonical"
    MALFORMED = "malformed"
    TOO_MANY = "too_many"
    ALGORITHM_UNKNOWN = "algorithm_unknown"
    VERSION_UNKNOWN = "version_unknown"
    KIND_UNEXPECTED = "kind_unexpected"
    SIGNATURE_HIGH_S = "signature_high_s"
    AMOUNT_INVALID = "amount_invalid"
    TIME_INVALID = "time_invalid"
    KEY_INVALID = "key_invalid"
    INPUTS_UNSORTED = "inputs_unsorted"
    DUPLICATE_ITEM = "duplicate_item"

    # who is known (SPEC 8.2)
    DIRECTORY_SIGNATURE = "directory_signature"
    BANK_UNKNOWN = "bank_unknown"
    CERTIFICATE_SIGNATURE = "certificate_signature"
    ISSUANCE_SIGNATURE = "issuance_signature"
    REQUEST_SIGNATURE = "request_signature"
    POLICY_GAP = "policy_gap"
    POLICY_SIGNATURE = "policy_signature"
    RECEIPT_SIGNATURE = "receipt_signature"
    PAYMENT_UNKNOWN = "payment_unknown"
    SETTLEMENT_SIGNATURE = "settlement_signature"
    NOTARY_SIGNATURE = "notary_signature"
    EVIDENCE_INVALID = "evidence_invalid"
    LOG_UNPROVED = "log_unproved"

    # validity of payments (SPEC 8.3)
    PROVENANCE_MISSING = "provenance_missing"
    CERTIFICATE_MISSING = "certificate_missing"
    OWNER_MIXED = "owner_mixed"
    CURRENCY_MIXED = "currency_mixed"
    MARK_MIXED = "mark_mixed"
    TRANSFER_SIGNATURE = "transfer_signature"
    VALUE_MISMATCH = "value_mismatch"
    REDEMPTION_KEY = "redemption_key"
    REDEMPTION_AMOUNTS = "redemption_amounts"
    REDEMPTION_PAYER = "redemption_payer"
    SELF_PAYMENT = "self_payment"
    TIME_BEFORE_INPUTS = "time_before_inputs"
    TIME_BEFORE_CERTIFICATE = "time_before_certificate"
    TOKEN_EXPIRED = "token_expired"
    CERTIFICATE_EXPIRED = "certificate_expired"
    HOP_LIMIT = "hop_limit"
    UNNEEDED_ITEM = "unneeded_item"

    # acceptance by a payee (SPEC 8.4)
    REQUEST_UNKNOWN = "request_unknown"
    REQUEST_ANSWERED = "request_answered"
    PAYEE_OTHER = "payee_other"
    CURRENCY_OTHER = "currency_other"
    MARK_UNKNOWN = "mark_unknown"
    AMOUNT_OVER_CEILING = "amount_over_ceiling"
    AMOUNT_MISMATCH = "amount_mismatch"
    REQUEST_EXPIRED = "request_expired"
    TIME_AHEAD = "time_ahead"
    LIMIT_PAYMENT = "limit_payment"
    TOTAL_INCONSISTENT = "total_inconsistent"
    LIMIT_TOTAL = "limit_total"
    LIMIT_HOPS = "limit_hops"
    LIMIT_DAYS = "limit_days"
    REVOKED_CONFLICT = "revoked_conflict"
    REVOKED_COUNTERPART = "revoked_counterpart"
    TOKEN_CONSUMED_TWICE = "token_consumed_twice"
    PROVENANCE_TOO_LONG = "provenance_too_long"
    LIMIT_BALANCE = "limit_balance"

    # the payer's side and the purse (SPEC 8.5)
    WALLET_UNKNOWN = "wallet_unknown"
    WALLET_EXISTS = "wallet_exists"
    STORE_VERSION = "store_version"
    STORE_DAMAGED = "store_damaged"
    ROLLBACK = "rollback"
    NOT_CERTIFIED = "not_certified"
    RECONCILE_FIRST = "reconcile_first"
    ALREADY_PAID = "already_paid"
    PAYMENT_STATE = "payment_state"
    FUNDS_SHORT = "funds_short"
    HOPS_USED_UP = "hops_used_up"
    FUNDS_SCATTERED = "funds_scattered"
    POLICY_TOO_FAR = "policy_too_far"
    DEVICE_CLOCK = "device_clock"
    STORE_MOVED = "store_moved"
    STORE_OCCUPIED = "store_occupied"

    # sessions and transports (SPEC 7)
    MESSAGE_UNEXPECTED = "message_unexpected"
    DECLINED = "declined"
    PICTURE_UNREADABLE = "picture_unreadable"
    FRAMES_MISSING = "frames_missing"
    NOT_A_WALLET = "not_a_wallet"
    OTHER_WALLET = "other_wallet"
    LINK_GARBLED = "link_garbled"
    LINK_LOST = "link_lost"

    # the ledger (SPEC 9.8)
    AUTH_MISSING = "auth_missing"
    AUTH_SIGNATURE = "auth_signature"
    AUTH_STALE = "auth_stale"
    AUTH_FORBIDDEN = "auth_forbidden"
    AUTH_REPLAYED = "auth_replayed"
    NOT_FOUND = "not_found"
    METHOD_UNKNOWN = "method_unknown"
    ENROLMENT_UNKNOWN = "enrolment_unknown"
    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_SHORT = "account_short"
    POSITION_SHORT = "position_short"
    FUNDING_MISMATCH = "funding_mismatch"
    WALLET_REVOKED = "wallet_revoked"
    COMMIT_MISMATCH = "commit_mismatch"
    TOO_EARLY = "too_early"
    TOO_LATE = "too_late"
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    INTERNAL = "internal"
    ANSWER_UNREADABLE = "answer_unreadable"
    CLOCK_UNSURE = "clock_unsure"
    READER_OUTDATED = "reader_outdated"


class Refusal(Exception):
    """Something was refused, for a reason from the closed list; nothing that was final has changed.

    ``facts`` are what a sentence about the code may mention; a session or service never puts secrets there.
    """

    def __init__(self, code: Code, facts: Mapping[str, Fact] | None = None) -> None:
        self.code = code
        self.facts: Mapping[str, Fact] = dict(facts or {})
        super().__init__(code.value if not self.facts else f"{code.value} {self.facts}")


def require(condition: bool, code: Code, **facts: Fact) -> None:
    """Raise ``Refusal(code, facts)`` unless ``condition`` holds."""
    if not condition:
        raise Refusal(code, facts)
