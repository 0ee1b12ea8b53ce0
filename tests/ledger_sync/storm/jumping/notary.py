"""`python -m tests.ledger_sync.storm.jumping.notary --home DIR`."""

import sys

from ledger_sync.notary.service import PROGRAM
from tests.ledger_sync.storm.jumping import run

sys.exit(run(PROGRAM))
