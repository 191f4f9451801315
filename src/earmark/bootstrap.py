"""The one place that names concrete classes: turns a library's address into its parts."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.config import Settings
from earmark.errors import DamagedIndexError, LibraryNotFoundError, UsageError
from earmark.homes import FolderHome, FolderRoom, Home, Room, store_errors
from earmark.manifest import NAME, Manifest, read_manifest, write_manifest
from earmark.places import VectorPlace
from earmark.plugins import declared_engines, load_engines
from earmark.ports import Engine, EnginePlugin, Ledger, MonitorStore, Preparing, TrackStore

if TYPE_CHECKING:
    from earmark.stores.redis_address import RedisAddress
    from earmark.stores.redis_client import RedisClient
    from earmark.stores.stream_locks import StreamLocks

LEASE_S = 30.0
"""After how long without a sign of life a writer of a library in Redis is taken for dead."""


@dataclass(slots=True)
class Parts:
    """What a library is made of; engines are imported and opened when first asked for."""

    home: Home
    tracks: TrackStore
    wishes: Mapping[str, str] = field(default_factory=dict)
    _plugins: dict[str, EnginePlugin] | None = None

    @property
    def address(self) -> str:
        """What messages call the library, and what ``--library`` takes; no secrets."""
        return self.home.address

    @property
    def plugins(self) -> Mapping[str, EnginePlugin]:
        """The engines that could be loaded, in the order in which ``auto`` asks them."""
        if self._plugins is None:
            self._plugins = load_engines(declared_engines())
        return self._plugins

    def room(self, name: str) -> Room:
        """Return the place of one engine's derived index."""
        return self.home.room(name, self.wishes)

    def open_engine(self, name: str) -> Engine[Any]:
        """Open one engine; raises what its stores raise."""
        return self.plugins[name](self.room(name))

    def manifest(self) -> Manifest:
        """Read the manifest again: another process may have rebuilt the library."""
        return self.home.manifest()

    def off(self) -> frozenset[str]:
        """Return the engines that are switched off, also by another process; cheap."""
        return self.home.latest().off

    def place(self) -> VectorPlace:
        """Return where vectors are now, also if another process moved them; cheap."""
        return self.home.place()

    def settle(self) -> bool:
        """Write down where vectors are, and start there with nothing, where that is new.

        The caller holds the writer's lock, and opens engines anew where this returns True.
        """
        return self.home.settle(self.plugins)

    def leave(self) -> None:
        """Delete what `settle` has left in the old place, if that can still be reached."""
        self.home.leave(self.plugins)

    def switch(self, name: str, on: bool) -> None:
        """Write down that an engine is on or off."""
        self.home.change(lambda manifest: manifest.switched(name, on))

    def record_digest(
        self, name: str, digest: str, choices: Mapping[str, str] | None = None
    ) -> None:
        """Write down under which parameters and choices an engine's features stand from now on."""
        self.home.change(lambda m: m.with_digest(name, digest).choosing(name, choices or {}))

    def try_choices(self, name: str, choices: Mapping[str, str]) -> None:
        """Raise what keeps an engine from working with ``choices``; nothing is written."""
        nowhere = FolderRoom(Path(os.devnull) / name, wishes=choices)
        analysis = self.plugins[name](nowhere).analysis
        if isinstance(analysis, Preparing):
            analysis.prepare()

    def choose(self, name: str, choices: Mapping[str, str]) -> None:
        """Write down an engine's choices, e.g. its model, before its features are made anew."""
        self.home.change(lambda manifest: manifest.choosing(name, choices))

    def close(self) -> None:
        """Close the track store, and the connections it used."""
        self.tracks.close()
        self.home.close()


def open_parts(
    path: str | Path, settings: Settings, *, create: bool = False, repair: bool = False
) -> Parts:
    """Open the library at ``path``: a folder, or a URL of a Redis.

    Parameters
    ----------
    create
        Make the folder a library if it is missing or empty.
    repair
        Replace a damaged ``library.json`` (the digests are then found out from the truth).

    Raises
    ------
    LibraryNotFoundError
        No library is there; the message names the command that makes one.
    LibraryVersionError
        Its format is not the one this version reads.
    DamagedIndexError, StoreError, DiskFullError
        It cannot be used.
    UsageError
        No such URL can be a library.
    """
    if "://" in str(path):
        return _open_shared(str(path), settings, create=create)
    refuse_half_url(str(path))
    folder = Path(path).expanduser()
    try:
        read_manifest(folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        if not create:
            message = (
                f"no library at {str(folder)!r}; make one with "
                f"`earmark --library {folder} add PATH...`"
            )
            raise LibraryNotFoundError(message) from error
        _create(folder)
    except DamagedIndexError:
        if not repair:
            raise
        with store_errors(folder):
            write_manifest(folder, Manifest())
    from earmark.stores.sqlite import SqliteTrackStore

    home = FolderHome(folder, settings.vectors, settings.milvus_token)
    tracks = SqliteTrackStore(folder, settings.lock_wait_s)
    return Parts(home, tracks, {"model": settings.model})


def _open_shared(url: str, settings: Settings, *, create: bool) -> Parts:
    address = _redis(url, settings)
    from earmark.shared_home import RedisHome
    from earmark.stores.redis_client import RedisClient
    from earmark.stores.redis_tracks import RedisTrackStore

    client = RedisClient(address)
    try:
        home = RedisHome(address, client, settings.vectors, settings.milvus_token)
        if not home.exists():
            if not create:
                message = (
                    f"no library at {address.uri!r}; make one with "
                    f"`earmark --library '{address.uri}&vectors=http://HOST:19530' add PATH...`"
                )
                raise LibraryNotFoundError(message)
            home.create()
        for fault in home.faults():
            warnings.warn(fault, RuntimeWarning, stacklevel=2)
        home.manifest()
        home.place()
        tracks = RedisTrackStore(client, settings.lock_wait_s, lease_s=LEASE_S)
    except BaseException:
        client.close()
        raise
    return Parts(home, tracks, {"model": settings.model})


def refuse_half_url(place: str) -> None:
    """Refuse what is meant as a URL and would be taken for a folder, with a password in its name.

    Raises
    ------
    UsageError
        It begins like a library in Redis and has no two slashes; it is not repeated.
    """
    from earmark.stores.redis_address import SCHEMES

    scheme, colon, rest = place.partition(":")
    if colon and scheme.lower() in SCHEMES and not rest.startswith("//"):
        message = (
            "a library in Redis is redis://HOST...: two slashes follow the colon (a pathlib.Path "
            "takes one away; give the URL as a string)"
        )
        raise UsageError(message)


def _redis(url: str, settings: Settings) -> RedisAddress:
    from earmark.stores.redis_address import SCHEMES, is_redis, redis_address

    if not is_redis(url):
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        scheme = url.partition("://")[0]
        message = f"a library is a folder or begins with {known}; nothing is known of {scheme}://"
        raise UsageError(message)
    return redis_address(url, settings.redis_password)


def open_ledger(place: str | os.PathLike[str], settings: Settings | None = None) -> Ledger:
    """Open what a service keeps beside the library at ``place``; made where it is missing.

    It lies in ``service/ledger.sqlite`` in the library's folder, for its owner only, or beside the
    tracks in Redis.

    Raises
    ------
    LibraryNotFoundError
        No library is there.
    LibraryVersionError
        The ledger's format is not the one this version reads.
    DamagedIndexError, StoreUnavailableError, DiskFullError, LibraryLockedError
        It cannot be used.
    """
    settings = settings or Settings()
    if "://" in str(place):
        from earmark.stores.redis_ledger import RedisLedger

        return RedisLedger(_beside_shared(str(place), settings))
    from earmark.stores.sqlite_ledger import SqliteLedger

    return SqliteLedger(_library_folder(place) / "service", settings.lock_wait_s)


def open_monitor(place: str | os.PathLike[str], settings: Settings | None = None) -> MonitorStore:
    """Open what monitoring keeps beside the library at ``place``; made where it is missing.

    It lies in ``monitor/monitor.sqlite`` in the library's folder, for its owner only, or beside the
    tracks in Redis.

    Raises
    ------
    LibraryNotFoundError
        No library is there.
    LibraryVersionError
        The log's format is not the one this version reads.
    DamagedIndexError, StoreUnavailableError, DiskFullError, LibraryLockedError
        It cannot be used.
    """
    settings = settings or Settings()
    if "://" in str(place):
        from earmark.stores.redis_monitor import RedisMonitorStore

        return RedisMonitorStore(_beside_shared(str(place), settings))
    from earmark.stores.sqlite_monitor import SqliteMonitorStore

    return SqliteMonitorStore(_library_folder(place) / "monitor", settings.lock_wait_s)


def open_stream_locks(place: str | os.PathLike[str]) -> StreamLocks:
    """Return what tells which process watches which stream of a library in a folder.

    Raises
    ------
    LibraryNotFoundError
        No library is there.
    """
    from earmark.stores.stream_locks import StreamLocks

    return StreamLocks(_library_folder(place) / "monitor")


def _library_folder(place: str | os.PathLike[str]) -> Path:
    """Return the folder of a library that is there."""
    refuse_half_url(str(place))
    folder = Path(place).expanduser()
    if not (folder / NAME).is_file():
        message = f"no library at {str(folder)!r}; make one with `earmark add`"
        raise LibraryNotFoundError(message)
    return folder


def _beside_shared(url: str, settings: Settings) -> RedisClient:
    """Return a client of the Redis in which a library is."""
    from earmark.shared_home import RedisHome
    from earmark.stores.redis_client import RedisClient

    address = _redis(url, settings)
    client = RedisClient(address)
    if not RedisHome(address, client).exists():
        client.close()
        message = f"no library at {address.uri!r}; make one with `earmark add`"
        raise LibraryNotFoundError(message)
    return client


def _create(folder: Path) -> None:
    with store_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        others = [entry.name for entry in folder.iterdir() if not entry.name.startswith(NAME)]
        if others:
            message = (
                f"{str(folder)!r} holds other things ({others[0]!r}) and is no library; "
                "name a new or an empty folder"
            )
            raise LibraryNotFoundError(message)
        write_manifest(folder, Manifest())
