"""Runs one Milvus 2.3.5 in a network of its own; started by `milvus_server.py`, with its Python.

The server listens on every interface there is, so it gets a network namespace in which there is
none but loopback. The socket through which tests reach it was opened before, in the network they
live in, and is relayed. Orders come on stdin, one a line; when stdin ends, the server ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

NEW_USER, NEW_NET = 0x10000000, 0x40000000
SET_FLAGS, UP_AND_RUNNING = 0x8914, 0x41
DEATH_SIGNAL = 1
# A server for one test is not busy: it may look more often for what is to be done.
QUICK = {
    "proxy.timeTickInterval": 50,
    "queryCoord.checkInterval": 100,
    "queryCoord.distPullInterval": 50,
    "queryCoord.checkHandoffInterval": 500,
    "log.level": "warn",
    # How long a server that was killed counts as alive, and keeps its successor waiting;
    # one that a test freezes must live through that.
    "common.session.ttl": 15,
}
SIGNALS = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP, "thaw": signal.SIGCONT}


def leave_the_network() -> None:
    """Move this process to a network with nothing but loopback; raises OSError where refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    alone = NEW_NET if os.geteuid() == 0 else NEW_USER | NEW_NET
    if libc.unshare(alone):
        code = ctypes.get_errno()
        raise OSError(code, f"no network namespace: {os.strerror(code)}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sH14x", b"lo", UP_AND_RUNNING))


def start(programs: Path, data: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server on the data that is there; return it and its port."""
    from milvus import MilvusServerConfig

    config = MilvusServerConfig(data_dir=str(data))
    config.set("authorization_enabled", True)
    for name, value in QUICK.items():
        config.set(name, value)
    config.resolve()
    environment = {
        **os.environ,
        "DEPLOY_MODE": "STANDALONE",
        "METRICS_PORT": "9091",
        "MILVUS_RUN_DIR": str(data / "run"),
        "LD_LIBRARY_PATH": str(programs / "bin"),
    }
    with (data / "logs" / "output.log").open("ab") as log:
        server = subprocess.Popen(
            [str(programs / "bin" / "milvus"), "run", "standalone"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=data,
            preexec_fn=lambda: ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL),
        )
    return server, int(config.get("proxy_port"))


def relay(one: socket.socket, other: socket.socket) -> None:
    """Copy what one socket says to the other until it has no more to say."""
    with contextlib.suppress(OSError):
        while piece := one.recv(1 << 16):
            other.sendall(piece)
    for end in (one, other):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def serve(door: socket.socket, ports: list[int]) -> None:
    """Relay every connection to the server's last port; close those it does not take."""
    while True:
        inside, _ = door.accept()
        try:
            outside = socket.create_connection(("127.0.0.1", ports[-1]), timeout=5)
        except OSError:
            inside.close()
            continue
        outside.settimeout(None)
        for ends in ((inside, outside), (outside, inside)):
            threading.Thread(target=relay, args=ends, daemon=True).start()


def main(programs: Path, data: Path) -> None:
    """Serve until stdin ends."""
    from milvus import _initialize_data_files

    door = socket.create_server(("127.0.0.1", 0), backlog=64)
    leave_the_network()
    _initialize_data_files(str(programs))
    server, port = start(programs, data)
    ports = [port]  # one that is busy moves
    threading.Thread(target=serve, args=(door, ports), daemon=True).start()

    def tell(**what: object) -> None:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()

    tell(port=door.getsockname()[1])
    try:
        for order in map(str.strip, sys.stdin):
            if order == "start":
                server, port = start(programs, data)
                ports.append(port)
            else:
                server.send_signal(SIGNALS[order])
                if order == "kill":
                    server.wait()
            tell(done=order)
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main(*(Path(folder) for folder in sys.argv[1:3]))
