"""Ctrl-C at any moment of a command: status 4 and a sentence, no traceback; once it is done, nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.cli import ROOT

INTERRUPTER = """
    import os, signal, sys

    class Interrupter:
        '''Ctrl-C at the moment at which a module is asked for.'''

        def find_spec(self, name, path=None, target=None):
            if name == {module!r}:
                os.kill(os.getpid(), signal.SIGINT)
            return None

    sys.meta_path.insert(0, Interrupter())
    from app.cli.main import main
    sys.exit(main())
"""
AT_THE_DOOR = (
    "argparse",
    "app.catalogue",
    "tomllib",
    "app.cli.running",
    "rich.console",
    "app.cli.parser",
    "hsm.keystore",
    "wallet.protocol.codes",
)
IN_A_COMMAND = ("wallet.transport.nfc.doctor", "wallet.transport.nfc.machine", "app.cli.commands.nfc")


def run(code: str, *argv: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), "--home", str(home), *argv],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT), "QALTA_LANG": "en"},
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.mark.parametrize("module", [*AT_THE_DOOR, *IN_A_COMMAND])
def test_ctrl_c_while_anything_is_imported_is_4_and_a_sentence(tmp_path: Path, module: str) -> None:
    done = run(INTERRUPTER.format(module=module), "nfc", "doctor", home=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (4, False), done.stderr
    assert "Interrupted" in done.stderr


DROPPED = """
    import os, signal, sys
    from app.cli import parser, running

    class Torn:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):
                pass

    def command(args, context):
        import time
        Torn()
        time.sleep(20)

    from app.cli.interrupts import INTERRUPTS
    from types import SimpleNamespace
    with INTERRUPTS.installed(for_good=True):
        words = running.catalogue("en")
        context = SimpleNamespace(show=running.Show(words, as_json=False))
        status = running.run_command(SimpleNamespace(run=command), context)
    sys.exit(status)
"""


def test_ctrl_c_where_python_drops_exceptions_is_not_lost(tmp_path: Path) -> None:
    done = run(DROPPED, home=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (4, False), done.stderr


SETTLED = """
    import os, signal, sys
    from app.cli import running

    def command(args, context):
        from app.cli.interrupts import INTERRUPTS
        INTERRUPTS.settled()
        os.kill(os.getpid(), signal.SIGINT)
        context.show.say("sync.done")
        return running.Status.DONE

    from app.cli.interrupts import INTERRUPTS
    from types import SimpleNamespace
    with INTERRUPTS.installed(for_good=True):
        context = SimpleNamespace(show=running.Show(running.catalogue("en"), as_json=False))
        status = running.run_command(SimpleNamespace(run=command), context)
    os.kill(os.getpid(), signal.SIGINT)
    sys.exit(status)
"""


def test_ctrl_c_after_all_is_done_changes_nothing(tmp_path: Path) -> None:
    done = run(SETTLED, home=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Synced.\n", "")


NESTED = """
    import os, signal, sys
    from types import SimpleNamespace
    from app.cli import running
    from app.cli.interrupts import INTERRUPTS

    show = running.Show(running.catalogue("en"), as_json=False)

    def inner(args, context):
        INTERRUPTS.settled()
        if {during}:
            os.kill(os.getpid(), signal.SIGINT)
        return running.Status.DONE

    def outer(args, context):
        status = running.run_command(SimpleNamespace(run=inner), SimpleNamespace(show=show))
        print("inner", int(status), flush=True)
        INTERRUPTS.check()
        import time
        time.sleep({sleeps})
        return running.Status.DONE

    with INTERRUPTS.installed(for_good=True):
        if not {during}:
            import threading
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        status = running.run_command(SimpleNamespace(run=outer), SimpleNamespace(show=show))
    sys.exit(status)
"""


@pytest.mark.parametrize("during", [True, False])
def test_an_agent_hears_ctrl_c_between_commands_and_after_one_that_had_settled(
    tmp_path: Path, during: bool
) -> None:
    done = run(NESTED.format(during=during, sleeps=30), home=tmp_path)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (4, "inner 0\n", False), done.stderr
