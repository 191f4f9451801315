"""A real `earmark serve` for rough tests: keys of every kind, small limits, and a look inside."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import soundfile

from earmark import Library, Settings
from earmark.bootstrap import open_ledger
from earmark.keys import make_key

RATE_HZ = 16_000
LISTENS = 64
NOISE = np.random.default_rng(3).uniform(-0.5, 0.5, 2 * RATE_HZ).astype(np.float32)
SOURCE = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class Rough:
    """A service that answers; ``spare`` is where its temporary files go, ``key`` an admin's."""

    process: subprocess.Popen[str]
    port: int
    library: Path
    spare: Path
    key: str
    log: list[str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, key: str | None = None) -> httpx.Client:
        head = {"Authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=self.address, headers=head, trust_env=False, timeout=30)

    def line(self, timeout_s: float = 10.0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout_s)

    def said(self, data: bytes) -> bytes:
        """Send raw bytes and return all that comes until the service hangs up, or a second."""
        with self.line(1.0) as line:
            got = b""
            try:
                line.sendall(data)
                while more := line.recv(65536):
                    got += more
            except OSError:
                pass
            return got

    @property
    def descriptors(self) -> int:
        """How many it has open, but for those of databases: each thread keeps its connections."""
        return sum("sqlite" not in name for name in self._open())

    @property
    def connections(self) -> int:
        """How many connections it has to the database that it has most to."""
        return max(Counter(name for name in self._open() if name.endswith("sqlite")).values())

    def _open(self) -> list[str]:
        names = []
        for one in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                names.append(str(one.readlink()))
        return names

    def files(self) -> set[Path]:
        """Return the files that it keeps or has not cleared away."""
        return {
            p for top in (self.library / "media", self.spare) for p in top.rglob("*") if p.is_file()
        }


def soon(true: Callable[[], object], seconds: float = 15.0) -> bool:
    """Wait until something is so; return whether it came to be."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.03)
    return True


def new_key(library: Path, *scopes: str, days: float | None = None) -> str:
    """Write a key into a library's ledger and return its text; negative days: expired."""
    ledger = open_ledger(library)
    try:
        now = time.time()
        record, text = make_key("rough", scopes, abs(days) if days else None, now)
        if days is not None and days < 0:
            record, text = make_key("rough", scopes, -days, now + 2 * days * 86_400)
        ledger.add_key(record)
        return text
    finally:
        ledger.close()


@contextmanager
def rough_service(
    library: Path, *flags: str, before: Sequence[str] = (), **environment: str
) -> Iterator[Rough]:
    """Serve a library until the block ends; ``before`` is put in front of the command."""
    spare = library.parent / f"spare-{library.name}"
    spare.mkdir()
    key = new_key(library, "admin")
    process = subprocess.Popen(
        [
            *before,
            *(sys.executable, "-m", "earmark", "--library", str(library)),
            *("serve", "--port", "0", "--rate-per-minute", "0", *flags),
        ],
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=library.parent,
        env=os.environ | {"PYTHONPATH": str(SOURCE), "TMPDIR": str(spare)} | environment,
    )
    assert process.stderr is not None
    log: list[str] = []
    reader = threading.Thread(target=log.extend, args=(process.stderr,), daemon=True)
    try:
        for text in process.stderr:
            log.append(text)
            found = re.search(r"at http://[\d.]+:(\d+)", text)
            if found:
                break
        else:
            raise AssertionError("".join(log))
        reader.start()
        yield Rough(process, int(found[1]), library, spare, key, log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        if reader.is_alive():
            reader.join(10)
        process.stderr.close()


def wav(samples: np.ndarray, rate_hz: int = RATE_HZ, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype=subtype)
    return file.getvalue()


def build(folder: Path, music) -> Path:
    """Make a library of two pieces as recordings, and return where it is."""
    for seed in (1, 2):
        soundfile.write(folder / f"music {seed}.wav", music(seed), RATE_HZ)
    library = folder / "library"
    with Library.open(create=True, settings=Settings(library=str(library), workers=1)) as opened:
        opened.switch("melody", False)
        opened.switch("sound", False)
        assert opened.add(sorted(folder.glob("*.wav"))).added == 2
    return library


def refused(answer: httpx.Response, *statuses: int) -> str:
    """Return the code of a refusal that is a problem document."""
    assert answer.status_code in statuses, (answer.status_code, answer.text)
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["request_id"]) == (
        answer.status_code,
        answer.headers["X-Request-ID"],
    )
    assert "/library/" not in problem["detail"]
    return problem["code"]


def asked_raw(rough: Rough, path: str, *heads: str) -> bytes:
    return "\r\n".join(
        [
            f"POST {path} HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {rough.key}",
            "Content-Type: audio/wav",
            *heads,
            "\r\n",
        ]
    ).encode()
