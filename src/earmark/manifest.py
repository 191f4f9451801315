"""``library.json``: what makes a folder a library, and under which parameters it was indexed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from earmark.errors import DamagedIndexError, LibraryVersionError, StoreError

FORMAT = "earmark-library"
VERSION = 1
NAME = "library.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The format version and, for each engine, the digest its stored features have."""

    version: int = VERSION
    digests: Mapping[str, str] = field(default_factory=dict)

    def with_digest(self, engine: str, digest: str) -> Manifest:
        """Return a copy that records ``digest`` for ``engine``."""
        return Manifest(self.version, {**self.digests, engine: digest})


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a library folder.

    Raises
    ------
    FileNotFoundError
        The folder is not a library.
    LibraryVersionError
        Another version of the format.
    DamagedIndexError
        The file is not what earmark wrote.
    StoreError
        It may not be read.
    """
    path = folder / NAME
    try:
        shape = json.loads(path.read_bytes())
        if shape["format"] != FORMAT:
            raise KeyError(FORMAT)
        version = int(shape["version"])
        digests = {str(k): str(v["digest"]) for k, v in shape.get("engines", {}).items()}
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise StoreError(message) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path} is damaged; run `earmark --library {folder} rebuild`"
        raise DamagedIndexError(message) from error
    if version != VERSION:
        remedy = (
            "upgrade earmark" if version > VERSION else "export it with the earmark that wrote it"
        )
        message = (
            f"the library {folder} has format version {version}, this earmark reads {VERSION}: "
            f"{remedy}"
        )
        raise LibraryVersionError(message)
    return Manifest(version, digests)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest atomically and durably; raises OSError."""
    shape = {
        "format": FORMAT,
        "version": manifest.version,
        "engines": {name: {"digest": digest} for name, digest in sorted(manifest.digests.items())},
    }
    building = folder / f"{NAME}.{os.getpid()}.tmp"
    with building.open("w", encoding="utf-8") as file:
        json.dump(shape, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    building.replace(folder / NAME)
