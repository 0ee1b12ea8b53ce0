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
    KIND_UNEXPECTED = "kind_unexpected"
    VERSION_UNKNOWN = "version_unknown"
    AMOUNT_INVALID = "amount_invalid"
    TIME_INVALID = "time_invalid"
    KEY_INVALID = "key_invalid"
    SIGNATURE_HIGH_S = "signature_high_s"

    # who is known (SPEC 8.2)
    BANK_UNKNOWN = "bank_unknown"
    DIRECTORY_SIGNATURE = "directory_signature"
    CERTIFICATE_SIGNATURE = "certificate_signature"
    CERTIFICATE_MISSING = "certificate_missing"
    ISSUANCE_SIGNATURE = "issuance_signature"
    POLICY_SIGNATURE = "policy_signature"
    POLICY_GAP = "policy_gap"
    REQUEST_SIGNATURE = "request_signature"
    RECEIPT_SIGNATURE = "receipt_signature"
    SETTLEMENT_SIGNATURE = "settlement_signature"
    NOTARY_SIGNATURE = "notary_signature"

    # validity of transfers and payments (SPEC 8.3)
    DUPLICATE_ITEM = "duplicate_item"
    INPUTS_UNSORTED = "inputs_unsorted"
    PROVENANCE_MISSING = "provenance_missing"
    OWNER_MIXED = "owner_mixed"
    CURRENCY_MIXED = "currency_mixed"
    MARK_MIXED = "mark_mixed"
    TRANSFER_SIGNATURE = "transfer_signature"
    VALUE_MISMATCH = "value_mismatch"
    SELF_PAYMENT = "self_payment"
    HOP_LIMIT = "hop_limit"
    TIME_BEFORE_INPUTS = "time_before_inputs"
    TIME_BEFORE_CERTIFICATE = "time_before_certificate"
    TOKEN_EXPIRED = "token_expired"
    CERTIFICATE_EXPIRED = "certificate_expired"
    REDEMPTION_KEY = "redemption_key"
    REDEMPTION_AMOUNTS = "redemption_amounts"
    REDEMPTION_PAYER = "redemption_payer"
    UNNEEDED_ITEM = "unneeded_item"

    # acceptance by a payee (SPEC 8.4)
    REQUEST_UNKNOWN = "request_unknown"
    REQUEST_EXPIRED = "request_expired"
    REQUEST_ANSWERED = "request_answered"
    PAYEE_OTHER = "payee_other"
    AMOUNT_MISMATCH = "amount_mismatch"
    AMOUNT_OVER_CEILING = "amount_over_ceiling"
    CURRENCY_OTHER = "currency_other"
    MARK_UNKNOWN = "mark_unknown"
    TIME_AHEAD = "time_ahead"
    LIMIT_PAYMENT = "limit_payment"
    TOTAL_INCONSISTENT = "total_inconsistent"
    LIMIT_TOTAL = "limit_total"
    LIMIT_HOPS = "limit_hops"
    LIMIT_DAYS = "limit_days"
    LIMIT_BALANCE = "limit_balance"
    REVOKED_CONFLICT = "revoked_conflict"
    REVOKED_COUNTERPART = "revoked_counterpart"
    TOKEN_CONSUMED_TWICE = "token_consumed_twice"
    PROVENANCE_TOO_LONG = "provenance_too_long"

    # the payer's side and the purse (SPEC 8.5)
    FUNDS_SHORT = "funds_short"
    FUNDS_SCATTERED = "funds_scattered"
    HOPS_USED_UP = "hops_used_up"
    POLICY_TOO_FAR = "policy_too_far"
    NOT_CERTIFIED = "not_certified"
    RECONCILE_FIRST = "reconcile_first"
    ALREADY_PAID = "already_paid"
    PAYMENT_UNKNOWN = "payment_unknown"
    PAYMENT_STATE = "payment_state"
    ROLLBACK = "rollback"
    STORE_VERSION = "store_version"
    STORE_DAMAGED = "store_damaged"
    WALLET_UNKNOWN = "wallet_unknown"
    WALLET_EXISTS = "wallet_exists"

    # sessions and transports (SPEC 7)
    MESSAGE_UNEXPECTED = "message_unexpected"
    DECLINED = "declined"
    PICTURE_UNREADABLE = "picture_unreadable"
    FRAMES_MISSING = "frames_missing"

    # the ledger (SPEC 9)
    AUTH_MISSING = "auth_missing"
    AUTH_SIGNATURE = "auth_signature"
    AUTH_STALE = "auth_stale"
    AUTH_REPLAYED = "auth_replayed"
    AUTH_FORBIDDEN = "auth_forbidden"
    NOT_FOUND = "not_found"
    METHOD_UNKNOWN = "method_unknown"
    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_SHORT = "account_short"
    POSITION_SHORT = "position_short"
    FUNDING_MISMATCH = "funding_mismatch"
    ENROLMENT_UNKNOWN = "enrolment_unknown"
    WALLET_REVOKED = "wallet_revoked"
    COMMIT_MISMATCH = "commit_mismatch"
    TOO_LATE = "too_late"
    TOO_EARLY = "too_early"
    EVIDENCE_INVALID = "evidence_invalid"
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    INTERNAL = "internal"


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
