"""The notary audited from outside, by whoever the directory names: its whole log is read and decided anew."""

from ledger_sync.audit.desk import ALIAS, Audited, Desk
from ledger_sync.audit.log import Finding, Report, Wrong

__all__ = ["ALIAS", "Audited", "Desk", "Finding", "Report", "Wrong"]
