#!/bin/sh
# uvicorn answers at once where it is given host and port, and with Nagle's algorithm on where it is given the socket
# that socket.create_server made for the same address.
#
# Where:   uvicorn 0.54.0 with h11 0.16.0, on CPython 3.11's asyncio and later ones, Linux.
# Valid:   Server.serve(sockets=[...]), as uvicorn's own documentation has it, with a socket that listens.
# Guessed: what is accepted is alike, since asyncio sets TCP_NODELAY on every TCP connection.
# Seen:    asyncio does so only where the socket says IPPROTO_TCP. create_server makes one of protocol 0, and what is
#          accepted there has the same; so the second write of an answer waits for the first one's acknowledgement. Where
#          a process is handed the descriptor by another (socket.socket(fileno=...)) the kernel is asked, and all is well:
#          one worker alone is slow, several are not.
# Why it matters: an answer took 48 ms instead of 4 over loopback (`qalta bench reconcile`); no processor time shows it.
# Qalta's guard: ledger_sync/service/listeners.py sets TCP_NODELAY on the listener, which Linux passes on;
#          tests/ledger_sync/service/test_listeners.py.
#
# Runs without Qalta, in a folder of its own. Status: 0 as said above, 1 it has changed, 3 something is missing.
set -eu

missing() {
    echo "missing: $1" >&2
    exit 3
}

python=${PYTHON:-python3}
"$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    missing 'Python 3.11 or newer with venv (Debian: python3-venv); PYTHON=... names another'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check --only-binary :all: \
    uvicorn==0.54.0 h11==0.16.0 || missing 'the pinned packages from a package registry'

cat >"$work/finding.py" <<'PYTHON'
import asyncio
import platform
import socket
import sys

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

said = []


class Watched(H11Protocol):
    def connection_made(self, transport):
        line = transport.get_extra_info("socket")
        said.append(bool(line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
        super().connection_made(transport)


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})


async def is_undelayed(listener, port):
    config = uvicorn.Config(app, host="127.0.0.1", port=port, http=Watched, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=None if listener is None else [listener]))
    while not server.started:
        await asyncio.sleep(0)
    reading, writing = await asyncio.open_connection("127.0.0.1", port)
    writing.write(b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")
    assert b"here" in await reading.read()
    writing.close()
    server.should_exit = True
    await serving
    return said.pop()


def free():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


by_address = asyncio.run(is_undelayed(None, free()))
made = socket.create_server(("127.0.0.1", 0))
by_socket = asyncio.run(is_undelayed(made, made.getsockname()[1]))
first = socket.create_server(("127.0.0.1", 0))
handed = socket.socket(fileno=first.detach())
by_descriptor = asyncio.run(is_undelayed(handed, handed.getsockname()[1]))
named = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
named.bind(("127.0.0.1", 0))
named.listen()
by_name = asyncio.run(is_undelayed(named, named.getsockname()[1]))

print(f"uvicorn {uvicorn.__version__}, CPython {platform.python_version()}; TCP_NODELAY of what is accepted:")
print(f"  host and port           guessed True, seen {by_address}")
print(f"  create_server           guessed True, seen {by_socket}")
print(f"  its descriptor, handed  guessed True, seen {by_descriptor}")
print(f"  made with IPPROTO_TCP   guessed True, seen {by_name}")
sys.exit((by_address, by_socket, by_descriptor, by_name) != (True, False, True, True))
PYTHON
"$work/venv/bin/python" "$work/finding.py"
