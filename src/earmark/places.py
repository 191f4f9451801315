"""Where a library's vectors are: in its folder, or in a Milvus that ``library.json`` names."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.ports import VectorStore

if TYPE_CHECKING:
    from earmark.stores.milvus_address import MilvusAddress

EMBEDDED = "embedded"
_POSTINGS = "postings"


@dataclass(frozen=True, slots=True)
class VectorPlace:
    """One place; ``milvus`` is None for the library's own folder."""

    milvus: MilvusAddress | None = None

    @property
    def told(self) -> str:
        """What is shown of it: no secrets."""
        return EMBEDDED if self.milvus is None else self.milvus.uri

    def store(self, folder: Path, name: str, dimension: int, digest: str) -> VectorStore:
        """Return the vector store ``name`` of the engine whose index folder is ``folder``."""
        if self.milvus is None:
            from earmark.stores.vectors import FileVectorStore

            return FileVectorStore(folder / name, dimension, digest)
        from earmark.stores.milvus import MilvusVectorStore

        return MilvusVectorStore(self.milvus, folder.name, name, dimension, digest)

    def empty(self, folder: Path) -> None:
        """Delete every vector index of an engine there, unread; its postings stay."""
        if self.milvus is not None:
            from earmark.stores.milvus import discard

            discard(self.milvus, folder.name)
            return
        for inner in folder.iterdir() if folder.is_dir() else ():
            if inner.is_dir() and inner.name != _POSTINGS:
                shutil.rmtree(inner, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class VectorPlaces:
    """Which place a library uses: the one that is wanted, else the one that it remembers.

    Parameters
    ----------
    folder
        The library's; a Milvus Lite in it is remembered by its path within.
    wanted
        ``embedded``, a path or an URL; empty where nothing is said.
    token
        Milvus' ``user:password`` or key, where the URL has none.
    """

    folder: Path
    wanted: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    _namespace: str = field(default_factory=lambda: uuid.uuid4().hex)

    def now(self, kept: Mapping[str, str]) -> VectorPlace:
        """Return the place in force; raises `UsageError` for one that is none.

        Parameters
        ----------
        kept
            What the library remembers, as `written` made it.
        """
        from earmark.stores.milvus_address import milvus_address

        text = self.wanted or kept.get("uri", EMBEDDED)
        inside = self.folder / text
        if not self.wanted and "://" not in text and text != EMBEDDED:
            text = str(inside)
        address = milvus_address(text, self.token)
        if address is None:
            return VectorPlace()
        same = kept.get("uri") == self._uri(address) and "ns" in kept
        return VectorPlace(address.named(kept["ns"] if same else self._namespace))

    def written(self, place: VectorPlace) -> dict[str, str]:
        """Return what the library is to remember of a place; nothing for its own folder."""
        address = place.milvus
        return {} if address is None else {"uri": self._uri(address), "ns": address.namespace}

    def _uri(self, address: MilvusAddress) -> str:
        folder = self.folder.absolute()
        path = Path(address.place)
        within = address.lite and path.is_relative_to(folder)
        return str(path.relative_to(folder)) if within else address.uri
