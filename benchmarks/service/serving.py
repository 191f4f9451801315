"""A real `earmark serve` of its own for one benchmark, on a free port of the loopback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True)
class Served:
    """Where it answers, its process, the folder of its temporary files, and the bugs it logs."""

    url: str
    pid: int
    spare: Path
    complaints: list[str]

    @property
    def alive(self) -> bool:
        """Whether the process that was started is still there and no zombie."""
        stat = Path(f"/proc/{self.pid}/stat")
        return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"

    @property
    def resident_mb(self) -> float:
        """Resident memory of the service without its workers."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the service without its workers."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(library: Path, *flags: str) -> Iterator[Served]:
    """Serve a library (made where there is none) until the block ends."""
    with tempfile.TemporaryDirectory() as spare:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "earmark", "--library", str(library)),
                *("serve", "--port", "0", "--rate-per-minute", "0", *flags),
            ],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"TMPDIR": spare},
        )
        assert process.stderr is not None
        try:
            url = None
            for line in process.stderr:
                if found := re.search(r"http://[\d.]+:\d+", line):
                    url = found[0]
                    break
            if url is None:
                raise SystemExit("the service did not start")
            served = Served(url, process.pid, Path(spare), [])
            drain = threading.Thread(target=_drain, args=(process.stderr, served), daemon=True)
            drain.start()
            yield served
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _drain(log: IO[str], served: Served) -> None:
    """Read the log as it comes, and keep what tells of a bug."""
    for line in log:
        if '"level": "error"' in line and len(served.complaints) < 20:
            told = json.loads(line)
            served.complaints.append(f"{told['message']}: {told.get('trace', '')[-600:]}")
