"""``library.json``: what makes a folder a library, and under which parameters it was indexed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from earmark.errors import DamagedIndexError, LibraryVersionError, StoreError

FORMAT = "earmark-library"
VERSION = 1
NAME = "library.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The format version, the digest of each engine's stored features, and what is switched off.

    ``choices`` are what an engine was opened for, e.g. ``{"sound": {"model": "mn04"}}``;
    ``vectors`` is where vectors are (see `earmark.places`), empty for the library's folder.
    """

    version: int = VERSION
    digests: Mapping[str, str] = field(default_factory=dict)
    off: frozenset[str] = frozenset()
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    vectors: Mapping[str, str] = field(default_factory=dict)

    def with_digest(self, engine: str, digest: str) -> Manifest:
        """Return a copy that records ``digest`` for ``engine``."""
        return replace(self, digests={**self.digests, engine: digest})

    def choosing(self, engine: str, choices: Mapping[str, str]) -> Manifest:
        """Return a copy that records ``choices`` for ``engine``."""
        return replace(self, choices={**self.choices, engine: dict(choices)})

    def switched(self, engine: str, on: bool) -> Manifest:
        """Return a copy in which ``engine`` is on or off."""
        return replace(self, off=self.off - {engine} if on else self.off | {engine})


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
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise StoreError(message) from error
    return manifest_of(data, str(folder), str(path))


def manifest_of(data: bytes, library: str, where: str) -> Manifest:
    """Return the manifest that some bytes are.

    Parameters
    ----------
    library, where
        What messages call the library, and the place of the bytes.

    Raises
    ------
    LibraryVersionError
        Another version of the format.
    DamagedIndexError
        They are not what earmark wrote.
    """
    try:
        shape = json.loads(data)
        if shape["format"] != FORMAT:
            raise KeyError(FORMAT)
        version = int(shape["version"])
        engines = shape.get("engines", {}).items()
        digests = {str(k): str(v["digest"]) for k, v in engines if "digest" in v}
        off = frozenset(str(k) for k, v in engines if v.get("off") is True)
        choices = {
            str(k): {str(name): str(value) for name, value in v["choices"].items()}
            for k, v in engines
            if v.get("choices")
        }
        vectors = {str(k): str(v) for k, v in shape.get("vectors", {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{where} is damaged; run `earmark --library {library} rebuild`"
        raise DamagedIndexError(message) from error
    if version != VERSION:
        remedy = (
            "upgrade earmark" if version > VERSION else "export it with the earmark that wrote it"
        )
        message = (
            f"the library {library} has format version {version}, this earmark reads {VERSION}: "
            f"{remedy}"
        )
        raise LibraryVersionError(message)
    return Manifest(version, digests, off, choices, vectors)


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the bytes that `manifest_of` reads; equal manifests give equal bytes."""
    engines: dict[str, dict[str, object]] = {}
    for name in sorted(manifest.digests.keys() | manifest.off | manifest.choices.keys()):
        digest = manifest.digests.get(name)
        engines[name] = {} if digest is None else {"digest": digest}
        if name in manifest.off:
            engines[name]["off"] = True
        if manifest.choices.get(name):
            engines[name]["choices"] = dict(manifest.choices[name])
    shape = {"format": FORMAT, "version": manifest.version, "engines": engines}
    if manifest.vectors:
        shape["vectors"] = dict(manifest.vectors)
    return f"{json.dumps(shape, indent=2)}\n".encode()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest atomically and durably; raises OSError."""
    building = folder / f"{NAME}.{os.getpid()}.tmp"
    with building.open("wb") as file:
        file.write(manifest_bytes(manifest))
        file.flush()
        os.fsync(file.fileno())
    building.replace(folder / NAME)
