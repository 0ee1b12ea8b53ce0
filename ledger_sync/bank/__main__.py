"""`python -m ledger_sync.bank --home DIR`: a bank's process."""

import sys

from ledger_sync.bank.program import PROGRAM
from ledger_sync.service.run import main

sys.exit(main(PROGRAM))
