"""`python -m tests.ledger_sync.storm.jumping.central_bank --home DIR`."""

import sys

from ledger_sync.central_bank.program import PROGRAM
from tests.ledger_sync.storm.jumping import run

sys.exit(run(PROGRAM))
