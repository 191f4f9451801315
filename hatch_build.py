"""Build hook: compile ``src/earmark/kernels/*.c`` into one plain shared library.

The kernels know nothing of CPython: they are called through ctypes, so one wheel per platform
serves every Python version (tag ``py3-none-<platform>``). Where no C compiler is installed the
build fetches one as a build-time dependency (PyPI ``ziglang``), so nothing is installed by hand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNELS = Path("src/earmark/kernels")


def _system_compiler() -> list[str] | None:
    named = os.environ.get("CC")
    if named:
        return named.split()
    for name in ("cc", "gcc", "clang"):
        found = shutil.which(name)
        if found:
            return [found]
    return None


def _library_name() -> str:
    return {"darwin": "libearmark.dylib", "win32": "earmark.dll"}.get(sys.platform, "libearmark.so")


class CustomBuildHook(BuildHookInterface):
    """Compile the kernels before hatchling collects files."""

    def dependencies(self) -> list[str]:
        """Return ``ziglang`` where no system compiler is found."""
        return [] if _system_compiler() else ["ziglang"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, then tell hatchling to ship the library and to tag the wheel."""
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        target = root / KERNELS / _library_name()
        compiler = _system_compiler() or [sys.executable, "-m", "ziglang", "cc"]
        sources = sorted(str(path) for path in (root / KERNELS).glob("*.c"))
        # -O3 without -march: the wheel must run on any machine of the platform. -ffast-math is
        # not used: NaN handling and bit-equal results across builds matter more than its gain.
        flags = ["-O3", "-std=c11", "-shared", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off"]
        building = target.with_suffix(f".{os.getpid()}.tmp")
        command = [*compiler, *flags, "-o", str(building), *sources, "-lm"]
        try:
            subprocess.run(command, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            message = (
                f"earmark needs a C compiler to build from source; {command[0]!r} failed: {error}"
            )
            raise RuntimeError(message) from error
        building.replace(target)
        build_data["pure_python"] = False
        build_data["artifacts"].append(str(KERNELS / _library_name()))
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"
