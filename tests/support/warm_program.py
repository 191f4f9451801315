"""The program without its start: run by a process that has its imports already, and forks.

The first run of each command is a start of Python all the same, and so is each run in which Python
or a library would start otherwise; the others are forked (`warm_server.py`).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from warm_server import LENGTH, WHERE

AT_THE_START = (
    "PYTHON",
    "LANG",
    "LC_",
    "TZ",
    "OMP_",
    "OPENBLAS_",
    "COLOR",
    "COLORS",
    "TERMINAL_",
    "GITHUB_",
)
"""How names begin, or end, of what Python or a library looks at when it starts."""
ANY_TIME = {"PYTHONPATH", "PYTHONUNBUFFERED"}
"""What `_become` sees to."""
TIMEOUT_S = 120.0
PIPES_S = 60.0
"""A program that has ended leaves nobody behind who holds its pipes for so long."""
_START = "import sys; sys.path.insert(0, sys.argv[1]); import warm_server; warm_server.serve()"


def commands_of(arguments: list[str]) -> set[str]:
    """Return the words of a command line that are names of commands; `--version` is one, too."""
    from earmark.cli.main import app

    names = {one.name for one in app.registered_commands}
    return {word for word in arguments if word in names} or {"none"}


def changes_the_start(env: dict[str, str], there: dict[str, str]) -> bool:
    """Whether a run has to start Python anew: what is looked at then is not as it was ``there``."""
    paths = [Path(one) for one in env.get("PYTHONPATH", "").split(os.pathsep) if one]
    early = {
        name
        for name in (env.keys() | there.keys()) - ANY_TIME
        if name.startswith(AT_THE_START) or name.endswith(AT_THE_START)
    }
    return any(env.get(name) != there.get(name) for name in early) or any(
        (path / "sitecustomize.py").exists() for path in paths
    )


class WarmProgram:
    """Runs the program: each command's first run is a start of Python, further ones are forked."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._env = dict(os.environ)  # a test may change it for a moment
        self._started: set[str] = set()
        self._turn = threading.Lock()
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._process: subprocess.Popen[bytes] | None = None
        self._door: socket.socket | None = None

    def run(
        self, arguments: list[str], cwd: Path, env: dict[str, str], stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """Run it to its end; returns its exit code, what it put out and what it complained of."""
        commands = commands_of(arguments)
        if commands <= self._started and not changes_the_start(env, self._env):
            return self._forked(arguments, cwd, env, stdin)
        self._started |= commands
        command = [sys.executable, "-W", "error", "-m", "earmark", *arguments]
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, cwd=cwd, env=env, timeout=TIMEOUT_S
            )
        except subprocess.TimeoutExpired as late:
            out, err = bytearray(late.output or b""), bytearray(late.stderr or b"")
            raise _hung(arguments, TIMEOUT_S, out, err) from None
        return done.returncode, done.stdout, done.stderr

    def _forked(
        self, arguments: list[str], cwd: Path, env: dict[str, str], stdin: bytes
    ) -> tuple[int, bytes, bytes]:
        mine, theirs = socket.socketpair()
        with mine:
            mine.settimeout(TIMEOUT_S)
            told = {"arguments": arguments, "cwd": str(cwd), "env": env}
            with theirs, self._turn:
                in_write, out_read, err_read = self._order(told, theirs.fileno())
            out, err = bytearray(), bytearray()
            # Daemons: one that still reads at the end of all tests must not hold that up.
            threads = [
                threading.Thread(target=_write, args=(in_write, stdin), daemon=True),
                threading.Thread(target=_read, args=(out_read, out), daemon=True),
                threading.Thread(target=_read, args=(err_read, err), daemon=True),
            ]
            for thread in threads:
                thread.start()
            try:
                pid = LENGTH.unpack(_exactly(mine, 4))[0]
            except (TimeoutError, EOFError) as error:
                raise self._broken(f"does not begin {arguments}") from error
            try:
                status = LENGTH.unpack(_exactly(mine, 4))[0]
            except TimeoutError:
                _end(pid)
                threads[2].join(2.0)
                raise _hung(arguments, TIMEOUT_S, out, err) from None
            except EOFError as error:
                raise self._broken(f"lost sight of {arguments}") from error
        until_s = time.monotonic() + PIPES_S
        for thread in threads:
            thread.join(max(0.0, until_s - time.monotonic()))
        if any(thread.is_alive() for thread in threads):
            err += b"\nit has ended, and what it started holds its pipes"
            raise _hung(arguments, PIPES_S, out, err)
        return os.waitstatus_to_exitcode(status), bytes(out), bytes(err)

    def _order(self, what: dict[str, object], line: int) -> tuple[int, int, int]:
        """Have a program forked; returns this end of its stdin, of its stdout and of its stderr."""
        door, told = self._opened(), json.dumps(what).encode()
        (in_read, in_write), (out_read, out_write), (err_read, err_write) = (
            os.pipe() for _ in range(3)
        )
        given = (in_read, out_write, err_write)
        try:
            rest = memoryview(LENGTH.pack(len(told)) + told)
            rest = rest[socket.send_fds(door, [rest], (*given, line)) :]
            door.sendall(rest)
        except OSError as error:
            for fd in (in_write, out_read, err_read):
                os.close(fd)
            raise self._broken("takes no orders") from error
        finally:
            for fd in given:
                os.close(fd)
        return in_write, out_read, err_read

    def _broken(self, how: str) -> RuntimeError:
        """Give the warm process up, so that the next run has a new one; return what to raise."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._door is not None:
            self._door.close()
        self._process = self._door = None
        self._complaints.seek(0)
        last = self._complaints.read()[-2000:].decode(errors="replace")
        return RuntimeError(f"the warm program {how}: {last}")

    def close(self) -> None:
        """End the warm process."""
        if self._door is not None:
            self._door.close()
        if self._process is not None:
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:  # it waits for a program that does not end
                self._process.kill()
                self._process.wait()
        self._complaints.close()

    def _opened(self) -> socket.socket:
        if self._door is None:
            self._door, theirs = socket.socketpair()
            self._door.settimeout(TIMEOUT_S)
            with theirs:
                # No stdout of the tests': whoever reads theirs waits for all who hold it. One
                # thread: a fork has but one.
                self._process = subprocess.Popen(
                    [sys.executable, "-W", "error", "-c", _START, str(Path(__file__).parent)],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=self._complaints,
                    env=self._env | {"PYTHONPATH": str(self._source), "OPENBLAS_NUM_THREADS": "1"},
                )
        return self._door


def _exactly(line: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (more := line.recv(count - len(data))):
            raise EOFError("the warm program died")
        data += more
    return data


def _write(fd: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), os.fdopen(fd, "wb") as file:
        file.write(data)


def _read(fd: int, into: bytearray) -> None:
    with os.fdopen(fd, "rb", buffering=0) as file:
        while piece := file.read(1 << 16):
            into += piece


def _end(pid: int) -> None:
    """Have a program that hangs say where, and end it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, WHERE)
        time.sleep(1.0)
        os.kill(pid, signal.SIGKILL)


def _hung(
    arguments: list[str], after_s: float, out: bytearray, err: bytearray
) -> subprocess.TimeoutExpired:
    """Return what to raise; it tells what was put out until then."""
    error = subprocess.TimeoutExpired(["earmark", *arguments], after_s, bytes(out), bytes(err))
    for name, text in (("stdout", out), ("stderr", err)):
        error.add_note(f"{name}: {bytes(text[-4000:]).decode(errors='replace')}")
    return error
