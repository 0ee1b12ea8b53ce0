"""`python -m ledger_sync.central_bank --home DIR`: the central bank's process."""

import sys

from ledger_sync.central_bank.program import PROGRAM
from ledger_sync.service.run import main

sys.exit(main(PROGRAM))
