"""`python -m ledger_sync.notary --home DIR`: the notary's process."""

import sys

from ledger_sync.notary.service import PROGRAM
from ledger_sync.service.run import main

sys.exit(main(PROGRAM))
