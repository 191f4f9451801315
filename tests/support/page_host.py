"""A library of made-up music and tunes, and the real service over it, for the page."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
START_S = 30.0


def environment() -> dict[str, str]:
    """Return this process' environment, in which `python -m earmark` is ours and plain."""
    paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("EARMARK_")}
    return plain | {"PYTHONPATH": os.pathsep.join(paths)}


def earmark(folder: Path, *arguments: str | Path) -> None:
    """Run the program in a folder; its library is ``library`` there."""
    command = [sys.executable, "-m", "earmark", "--library", "library", *map(str, arguments)]
    subprocess.run(
        command, cwd=folder, env=environment(), check=True, capture_output=True, timeout=300
    )


@contextmanager
def served(folder: Path, *arguments: str, told: Mapping[str, str] | None = None) -> Iterator[str]:
    """Serve ``library`` below a folder on a free port; yields the address.

    ``told`` are settings of the environment.
    """
    log = folder / "serve.log"
    command = [sys.executable, "-m", "earmark", "--library", "library", "serve", "--port", "0"]
    with log.open("wb") as file:
        settings = environment() | dict(told or {})
        process = subprocess.Popen([*command, *arguments], stderr=file, cwd=folder, env=settings)
    try:
        ends_at = time.monotonic() + START_S
        while " at http://" not in log.read_text():
            if process.poll() is not None or time.monotonic() > ends_at:
                message = f"the service did not start:\n{log.read_text()}"
                raise RuntimeError(message)
            time.sleep(0.05)
        yield log.read_text().split(" at ")[1].split()[0]
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
