"""A process that has imported what every start of `earmark` imports, and forks; for `warm_program`.

Most of a short run is Python's imports. Here they are done once; each run is a child of its own,
with its own folder, environment, pipes and exit code, that then runs ``python -m earmark`` as ever.
What a command would forget to import shows in its first, real start only.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import struct
import sys
from pathlib import Path

# None that starts a thread, as onnxruntime does: a fork has none of them.
THERE_BEFORE = (
    "av",
    "earmark.cli.main",
    "earmark.library",
    "earmark.melody.engine",
    "earmark.recording.engine",
    "earmark.sound.engine",
    "earmark.stores.segments",
    "earmark.stores.sqlite",
    "earmark.stores.vectors",
    "filelock",
    "pydantic",
    "rich.console",
    "rich.progress",
    "rich.table",
    "soundfile",
    "soxr",
    "sqlite3",
    "typer._adapters",
    "typer.main",
)
LENGTH = struct.Struct("<I")
WHERE = signal.SIGUSR2
"""Has a forked program write to its stderr where each of its threads is."""


def serve() -> None:
    """Fork a program for every order, until there is nobody to give any; orders come on stdin."""
    del sys.path[0]
    plain = [one for one in sys.path if one != os.environ["PYTHONPATH"]]
    for name in THERE_BEFORE:
        with contextlib.suppress(ImportError):  # an extra that is not installed, an older typer
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=os.dup(0)) as door:
        while order := _order(door):
            told, fds = order
            minder = os.fork()
            if minder == 0:
                door.close()
                if _minded(fds[3]):
                    return _become(told, fds, plain)
                os._exit(0)
            for fd in fds:
                os.close(fd)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def _order(door: socket.socket) -> tuple[dict, list[int]] | None:
    """Return what shall be run and its pipes; None where nobody asks any more."""
    ints = array.array("i")
    data, ancillary, _, _ = door.recvmsg(4, socket.CMSG_SPACE(4 * ints.itemsize))
    if len(data) < 4:
        return None
    for _, _, fds in ancillary:
        ints.frombytes(fds[: len(fds) - len(fds) % ints.itemsize])
    (count,) = LENGTH.unpack(data[:4])
    while len(data) < 4 + count:
        if not (more := door.recv(4 + count - len(data))):
            return None
        data += more
    return json.loads(data[4:]), list(ints)


def _minded(fd: int) -> bool:
    """Fork; True in the child. The parent waits for it and tells its number and how it ended."""
    pid = os.fork()
    if pid == 0:
        return True
    with socket.socket(fileno=fd) as line:
        line.sendall(LENGTH.pack(pid))
        for one in range(3):  # the pipes have to end with the program
            os.close(one)
        os.closerange(3, fd)
        os.closerange(fd + 1, 1 << 16)
        line.sendall(LENGTH.pack(os.waitpid(pid, 0)[1]))
    return False


def _become(told: dict, fds: list[int], plain: list[str]) -> None:
    """Be the program that was asked for; how it ends is how this process ends."""
    import faulthandler
    import io
    import runpy

    for at, fd in enumerate(fds[:3]):
        os.dup2(fd, at)
    for fd in fds:
        os.close(fd)
    os.chdir(told["cwd"])
    os.environ.clear()
    os.environ.update(told["env"])
    paths = [one for one in told["env"].get("PYTHONPATH", "").split(os.pathsep) if one]
    if _stands_in(paths):
        command = [sys.executable, "-W", "error", "-m", "earmark", *told["arguments"]]
        os.execve(sys.executable, command, told["env"])
    faulthandler.register(WHERE, file=2)
    sys.path[:] = [told["cwd"], *paths, *plain]
    importlib.invalidate_caches()
    through = bool(told["env"].get("PYTHONUNBUFFERED"))
    for at, name in enumerate(("stdin", "stdout", "stderr")):
        was = getattr(sys, name)  # its encoding is that of the environment
        file = io.FileIO(at, "w" if at else "r", closefd=False)
        text = io.TextIOWrapper(
            io.BufferedWriter(file) if at else io.BufferedReader(file),
            encoding=was.encoding,
            errors=was.errors,
            line_buffering=at == 2,
            write_through=through,
        )
        setattr(sys, name, text)
        setattr(sys, f"__{name}__", text)
    sys.argv = ["earmark", *told["arguments"]]
    runpy.run_module("earmark", run_name="__main__", alter_sys=True)


def _stands_in(paths: list[str]) -> bool:
    """Whether a folder on the path has a module in place of one that was imported before."""
    for path in map(Path, paths):
        for entry in path.iterdir() if path.is_dir() else ():
            there = sys.modules.get(entry.name.partition(".")[0])
            if there is not None and not (there.__file__ or "").startswith(f"{path}{os.sep}"):
                return True
    return False
