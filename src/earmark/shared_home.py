"""A library's home in Redis: its manifest and notes; postings there too, vectors in Milvus."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from earmark.errors import LibraryLockedError, UsageError
from earmark.homes import Change
from earmark.manifest import Manifest, manifest_bytes, manifest_of
from earmark.places import VectorPlace
from earmark.ports import PostingStore, VectorStore

if TYPE_CHECKING:
    from earmark.stores.milvus_address import MilvusAddress
    from earmark.stores.redis_address import RedisAddress
    from earmark.stores.redis_client import RedisClient
    from earmark.stores.redis_notes import RedisNotes

FRESH_S = 1.0
"""How long a manifest that was read is believed: what one process switches, others see then."""
_TRIES = 20
_REACH_S = 1.5


@dataclass(frozen=True, slots=True)
class RedisRoom:
    """Where one engine of a library in Redis keeps its derived index."""

    client: RedisClient
    notes: RedisNotes
    engine: str
    place: MilvusAddress
    choices: Mapping[str, str]
    wishes: Mapping[str, str]
    vectors_of: set[str] = field(default_factory=set)

    @property
    def shared(self) -> bool:
        """Whether several machines write here at once: they do."""
        return True

    def note(self, name: str) -> bytes | None:
        """Return what is kept under a name."""
        return self.notes.get(self.engine, name)

    def keep(self, name: str, data: bytes | None) -> None:
        """Keep bytes, or take them away."""
        self.notes.put(self.engine, name, data)

    def agree(self, name: str, data: bytes) -> bytes:
        """Keep the bytes unless another process has kept some already; return what is kept."""
        return self.notes.put_first(self.engine, name, data)

    def choice(self, name: str) -> str | None:
        """Return what the manifest recorded."""
        return self.choices.get(name)

    def wish(self, name: str) -> str | None:
        """Return what the settings ask for."""
        return self.wishes.get(name)

    def postings(self, hash_bits: int, digest: str) -> PostingStore:
        """Return packed postings in Redis."""
        from earmark.stores.redis_postings import RedisPostingStore

        return RedisPostingStore(self.client, self.engine, hash_bits, digest)

    def vectors(self, dimension: int, digest: str, name: str = "vectors") -> VectorStore:
        """Return windows in Milvus, with what belongs to them in Redis."""
        from earmark.stores.shared_vectors import SharedVectorStore

        self.vectors_of.add(self.engine)
        return SharedVectorStore(self.place, self.client, self.engine, name, dimension, digest)

    def discard(self) -> None:
        """Forget the notes; the indexes' rosters go with `drop`, which opens anything."""
        self.notes.clear(self.engine)


class RedisHome:
    """A namespace in Redis.

    Parameters
    ----------
    vectors, token
        The Milvus that the settings name where the URL names none, and the secret for it.
    """

    def __init__(
        self, address: RedisAddress, client: RedisClient, vectors: str = "", token: str = ""
    ) -> None:
        from earmark.stores.redis_notes import RedisNotes

        self.client = client
        self._address = address
        self._notes = RedisNotes(client)
        self._wanted = address.vectors or vectors
        self._token = token
        self._seen: tuple[float, Manifest] | None = None
        self._vectors_of: set[str] = set()

    @property
    def address(self) -> str:
        """The library's URL, without secrets."""
        return self._address.uri

    def exists(self) -> bool:
        """Whether a library is there."""
        return self._notes.manifest() is not None

    def create(self) -> None:
        """Make a library unless another process has made it a moment ago.

        Raises
        ------
        UsageError
            It is not said which Milvus is to hold the vectors.
        """
        milvus = self._milvus(self._wanted)
        if milvus is None:
            message = (
                f"a new library in Redis needs a Milvus for its vectors; add "
                f"&vectors=http://HOST:19530 to {self.address!r}, or set EARMARK_VECTORS"
            )
            raise UsageError(message)
        named = milvus.named(uuid.uuid4().hex)
        vectors = {"uri": named.uri, "ns": named.namespace}
        self._notes.put_manifest(None, manifest_bytes(Manifest(vectors=vectors)))

    def manifest(self) -> Manifest:
        """Read the manifest again."""
        data = self._notes.manifest()
        manifest = self._read(b"" if data is None else data)
        self._seen = (time.monotonic(), manifest)
        return manifest

    def latest(self) -> Manifest:
        """Return the manifest as it was at most `FRESH_S` ago."""
        seen = self._seen
        if seen is None or time.monotonic() - seen[0] > FRESH_S:
            return self.manifest()
        return seen[1]

    def change(self, change: Change) -> None:
        """Replace the manifest; changes of several processes follow each other."""
        for _ in range(_TRIES):
            before = self._notes.manifest() or b""
            new = manifest_bytes(change(self._read(before)))
            if new == before or self._notes.put_manifest(before, new):
                self._seen = None
                return
        message = f"the manifest of {self.address} is being changed all the time; try again"
        raise LibraryLockedError(message)

    def place(self) -> VectorPlace:
        """Return the Milvus that holds the vectors: the one that is named, else the remembered."""
        kept = self.latest().vectors
        address = self._milvus(self._wanted or kept.get("uri", ""))
        if address is None:
            message = f"{self.address!r} does not say where its vectors are; add &vectors=URI"
            raise UsageError(message)
        return VectorPlace(address.named(kept["ns"]) if "ns" in kept else address)

    def settle(self, engines: Iterable[str]) -> bool:  # noqa: ARG002 - a port's shape
        """Write down which Milvus it is: a rebuild does, what one writer's URL says binds none."""
        place = self.place().milvus
        if place is not None and place.uri != self.latest().vectors.get("uri"):
            told = {"uri": place.uri, "ns": place.namespace}
            self.change(lambda manifest: replace(manifest, vectors=told))
        return False

    def leave(self, engines: Iterable[str]) -> None:
        """Do nothing: nothing is left anywhere."""

    def room(self, name: str, wishes: Mapping[str, str]) -> RedisRoom:
        """Return the engine's part of the namespace."""
        place = self.place().milvus
        assert place is not None  # noqa: S101 - `place` raises where there is none
        choices = self.latest().choices.get(name, {})
        notes = self._notes
        return RedisRoom(self.client, notes, name, place, choices, wishes, self._vectors_of)

    def faults(self) -> list[str]:
        """Say where Redis would lose what it has acknowledged."""
        from earmark.stores.redis_persistence import persistence_faults

        return persistence_faults(self.client)

    def reach(self) -> None:
        """Ask Redis, and Milvus where an engine that is on keeps vectors."""
        from earmark.stores.milvus_client import Milvus, Patience

        place = self.place().milvus
        if place is not None and self._vectors_of - self.manifest().off:
            Milvus(place, Patience(connect_s=_REACH_S, ask_s=_REACH_S)).has("earmark")

    def close(self) -> None:
        """Close every connection."""
        self.client.close()

    def _read(self, data: bytes) -> Manifest:
        return manifest_of(data, self.address, f"the manifest of {self.address}")

    def _milvus(self, text: str) -> MilvusAddress | None:
        from earmark.stores.milvus_address import milvus_address

        return milvus_address(text, self._token) if text else None
