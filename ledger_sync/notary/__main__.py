"""`python -m ledger_sync.notary --home DIR`: the notary's process."""

import sys

from ledger_sync.http.run import main
from ledger_sync.notary.service import PROGRAM

sys.exit(main(PROGRAM))
