"""How a copy begins: what a new library takes over besides its tracks, and what keeps two apart."""

from __future__ import annotations

from pathlib import Path

from earmark.bootstrap import Parts
from earmark.errors import LibraryParametersError, UsageError
from earmark.indexes import Indexes


def require_another(source: Parts, target: Parts) -> None:
    """Refuse to copy a library to itself; raises `UsageError`."""
    if _place(source.address) == _place(target.address):
        message = f"{source.address} is where the copy comes from; name another library"
        raise UsageError(message)


def require_same_parameters(source: Parts, target: Parts) -> None:
    """Refuse features that the target could not search; raises `LibraryParametersError`."""
    theirs = target.manifest().digests
    for engine, digest in source.manifest().digests.items():
        _require(digest, theirs.get(engine, digest), engine, (source, target))


def take_over(source: Parts, target: Parts, indexes: Indexes) -> None:
    """Make a library without tracks like the source: its models, its engines that are off.

    The caller keeps other writers out of the target, whose ``indexes`` they are. A copy that was
    killed here does the same again.
    """
    manifest, now = source.manifest(), target.manifest()
    for name, choices in manifest.choices.items():
        if name not in target.plugins or now.choices.get(name, {}) == choices:
            continue
        if name in now.digests:
            indexes.choose(name, choices)
        else:
            target.choose(name, choices)
    on = [name for name in indexes.all_names if name not in manifest.off]
    for name in (one for one in on if one in target.off()):
        indexes.switch(name, True)
    for name in (one for one in indexes.all_names if one in manifest.off):
        if name not in target.off() and on:
            indexes.switch(name, False)
    recorded = target.manifest().digests
    for name, digest in manifest.digests.items():
        if name in indexes.names:
            _require(digest, indexes.engine(name).analysis.digest, name, (source, target))
        # Features of engines that are off, or are not installed here, come along as well.
        if recorded.get(name) != digest:
            target.record_digest(name, digest, manifest.choices.get(name, {}))


def _require(digest: str, other: str, engine: str, sides: tuple[Parts, Parts]) -> None:
    if other != digest:
        source, target = (side.address for side in sides)
        message = (
            f"{source} holds features of {engine!r} made with other parameters or another model "
            f"({digest}) than {target} ({other}); copy to a new library, or run `earmark rebuild` "
            "on the one that is behind"
        )
        raise LibraryParametersError(message)


def _place(address: str) -> tuple[str, ...]:
    """Return what two addresses of one library have in common."""
    if "://" not in address:
        return (str(Path(address).resolve()),)
    _, _, rest = address.partition("://")
    place, _, query = rest.partition("?")
    return (place, *(word for word in query.split("&") if word.startswith("ns=")))
