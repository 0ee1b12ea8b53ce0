"""`python -m tests.ledger_sync.storm.jumping.bank --home DIR`."""

import sys

from ledger_sync.bank.program import PROGRAM
from tests.ledger_sync.storm.jumping import run

sys.exit(run(PROGRAM))
