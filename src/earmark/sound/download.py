"""Weights from the network into the cache: resumed, retried, checked, and whole or not there."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from earmark.errors import CheckpointError, ModelUnavailableError, UsageError
from earmark.sound.model import ModelInfo
from earmark.sound.transfer import (
    FetchCallback,
    FetchProgress,
    PassingError,
    SpoiltPartError,
    address,
    elsewhere,
    on_disk,
    receive,
    shown,
)
from earmark.sound.weights import Places, found, sha256_of, verified

__all__ = ["FetchCallback", "FetchProgress", "Patience", "fetch", "install"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to try, how long to wait before the second time (doubled after), and for answers.

    ``lock_wait_s`` is how long to wait for another process that fetches the same file.
    """

    attempts: int = 6
    first_wait_s: float = 1.0
    stall_s: float = 30.0
    lock_wait_s: float = 3600.0


def fetch(
    info: ModelInfo,
    places: Places | None = None,
    progress: FetchCallback | None = None,
    patience: Patience = Patience(),
) -> Path:
    """Return a model's verified file of weights, fetched into the cache where it is not here.

    What was received before a download broke off, even in another process, is not received again.

    Parameters
    ----------
    info
        The model; its ``sha256`` decides what is accepted.
    places
        Where to look, where to put it, and which mirror to ask; None: what the environment tells.
    progress
        Called with `FetchProgress` while bytes arrive.
    patience
        When to give up.

    Raises
    ------
    ModelUnavailableError
        There is no address, no network, no such file, or no end to interruptions.
    CheckpointError
        The address gave another file, or another file lies where weights are looked for.
    DiskFullError
        No room in the cache.
    UsageError
        The model has no file to fetch, or the mirror is no http or https address.
    """
    places = places or Places.told()
    places = Places(places.cache, None, places.models, places.mirror)
    url = address(info, places.mirror)
    here = found(info, places)
    target = places.cache / info.file_name
    if here is not None:
        try:
            return verified(info, here)
        except CheckpointError:
            if here != target:
                raise
            with on_disk(target):  # spoilt since it was fetched
                target.unlink(missing_ok=True)
    part = target.with_name(f"{target.name}.part")
    with on_disk(target):
        places.cache.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.with_name(f"{target.name}.lock"), timeout=patience.lock_wait_s)
        try:
            lock.acquire()
        except Timeout as error:
            waited = f"another process has been fetching {info.name} for {patience.lock_wait_s:g} s"
            raise ModelUnavailableError(f"{waited}; try again later") from error
    try:
        if not target.is_file():
            _persist(info, url, part, progress, patience)
            _finish(part, target)
    finally:
        lock.release()
    return verified(info, target)


def install(info: ModelInfo, weights: Path, places: Places | None = None) -> Path:
    """Copy a file of weights, fetched elsewhere, into the cache; return where it is now.

    Raises
    ------
    CheckpointError
        It is not the file that the model was released with.
    ModelUnavailableError
        It cannot be read.
    DiskFullError, StoreError
        The cache cannot take it.
    UsageError
        The model needs no file.
    """
    if not info.file_name:
        message = f"{info.name} is in the package and takes no file of weights"
        raise UsageError(message)
    places = places or Places.told()
    target = places.cache / info.file_name
    source = verified(info, weights)
    part = target.with_name(f"{target.name}.{os.getpid()}.copy")
    try:
        with on_disk(target):
            places.cache.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, part)
        _finish(part, target)
    finally:
        part.unlink(missing_ok=True)
    return verified(info, target)


def _persist(
    info: ModelInfo,
    url: str,
    part: Path,
    progress: FetchCallback | None,
    patience: Patience,
) -> None:
    """Fill ``part`` with the right bytes, or raise; what is right of it stays."""
    wait_s = patience.first_wait_s
    for attempt in range(1, patience.attempts + 1):
        resumed = part.is_file()
        try:
            receive(info, url, part, progress, patience.stall_s)
            if sha256_of(part) == info.sha256:
                return
            part.unlink(missing_ok=True)
            if not resumed:
                message = (
                    f"{shown(url)} gave another file than the weights of {info.name} (sha256 "
                    f"{info.sha256} was expected); it was deleted: {elsewhere(info)}"
                )
                raise CheckpointError(message)
            why = "what had been received before was spoilt"
        except PassingError as trouble:
            why = str(trouble)
            if isinstance(trouble, SpoiltPartError):
                part.unlink(missing_ok=True)
        if attempt < patience.attempts:
            time.sleep(wait_s)
            wait_s *= 2.0
    message = f"{info.name} could not be fetched from {shown(url)} in {patience.attempts} tries"
    raise ModelUnavailableError(f"{message} ({why}); what arrived is kept: {elsewhere(info)}")


def _finish(part: Path, target: Path) -> None:
    with on_disk(target):
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
