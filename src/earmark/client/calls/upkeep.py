"""Requests of who keeps a service: its figures, engines, archive, keys, and what people said."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from earmark.client import tidings
from earmark.client.bodies import json_body, raw_body, upload_of
from earmark.client.refusals import require_good
from earmark.client.reply import Reply
from earmark.client.shapes import seq, table, text, texts, whole
from earmark.client.values import About, Key, Model, NewKey, Page, Readiness, Scope, Verdict
from earmark.client.wire import Call, json_read, place, query, shape_of
from earmark.errors import UsageError
from earmark.reports import CopyReport, LibraryStats, RepairReport


def about() -> Call[About]:
    """Return the service's version, limits and modes, and what this caller may do."""
    return Call("GET", "/v1", json_read(tidings.about))


def stats() -> Call[LibraryStats]:
    """Return counts and sizes."""
    return Call("GET", place("stats"), json_read(tidings.stats))


def engines() -> Call[Mapping[str, bool]]:
    """Return every installed engine, in the order of ``auto``, and whether it is on."""
    return Call("GET", place("engines"), json_read(tidings.engines))


def switch(name: str, on: bool) -> Call[int]:
    """Switch an engine on or off; return how many audios need `rebuild` before it finds them."""

    def read(json: Any) -> int:  # noqa: ANN401 - whatever JSON holds, here and below
        return whole(table(json)["to_rebuild"])

    return Call("PATCH", place("engines"), json_read(read), body=json_body({name: on}))


def models() -> Call[tuple[Model, ...]]:
    """Return the sound models that the service knows."""

    def read(json: Any) -> tuple[Model, ...]:  # noqa: ANN401
        return tuple(tidings.model(one) for one in seq(table(json)["models"]))

    return Call("GET", place("models"), json_read(read))


def check() -> Call[list[str]]:
    """Return one sentence for each fault found in the library; it reads everything."""

    def read(json: Any) -> list[str]:  # noqa: ANN401
        return list(texts(table(json)["faults"]))

    return Call("GET", place("check"), json_read(read))


def repair() -> Call[RepairReport]:
    """Mend what can be mended without the audio files; tell what is wrong still."""
    return Call(
        "POST", place("check"), json_read(tidings.repaired), body=json_body({"repair": True})
    )


def export_to(path: str | os.PathLike[str], *, overwrite: bool = False) -> Call[Path]:
    """Write the whole library, without audio, to one portable file, and return its path.

    Raises
    ------
    UsageError
        The file exists and may not be overwritten.
    DiskFullError, StoreError
        It cannot be written.
    """
    to = Path(path)
    if to.exists() and not overwrite:
        message = f"{str(path)!r} exists; choose another name, or pass overwrite=True"
        raise UsageError(message)

    def read(reply: Reply) -> Path:
        require_good(reply)
        return to

    return Call("GET", place("export"), read, to=to)


def import_from(path: str | os.PathLike[str]) -> Call[CopyReport]:
    """Add every track of an archive under its old id; what is there already is left alone.

    Raises
    ------
    ArchiveError
        Not an archive, or damaged.
    SourceNotFoundError
        No such file.
    """
    body = raw_body(upload_of(path), "application/octet-stream")
    return Call("POST", place("import"), json_read(tidings.copied), body=body)


def keys() -> Call[tuple[Key, ...]]:
    """Return every key, oldest first, revoked ones too."""

    def read(json: Any) -> tuple[Key, ...]:  # noqa: ANN401
        return tuple(tidings.key(one) for one in seq(table(json)["keys"]))

    return Call("GET", place("keys"), json_read(read))


def add_key(
    name: str, scopes: Sequence[Scope] = ("read",), *, days: float | None = None
) -> Call[NewKey]:
    """Make a key; its secret is in ``key`` of what is returned, and told only now.

    Parameters
    ----------
    name
        Whom it is for.
    scopes
        What it lets them do: ``write`` includes ``read``, and ``admin`` both.
    days
        How long it is good; None: until it is revoked.
    """
    body = json_body({"name": name, "scopes": list(scopes), "days": days})
    return Call("POST", place("keys"), json_read(tidings.new_key), body=body, again=False)


def revoke_key(key_id: str) -> Call[Key]:
    """Make a key worthless; raises `KeyNotFoundError`."""
    return Call("DELETE", place("keys", key_id), json_read(tidings.key))


def feedback(
    right: bool, track_id: str | None = None, details: Mapping[str, Any] | None = None
) -> Call[Verdict]:
    """Tell the service whether an answer was right.

    Parameters
    ----------
    track_id
        The track that it named, or that was meant.
    details
        What else is worth keeping, up to 4 kB of JSON.
    """
    shape = {"right": right, "track_id": track_id, "details": dict(details or {})}
    read = json_read(tidings.verdict)
    return Call("POST", place("feedback"), read, body=json_body(shape), again=False)


def verdicts_page(*, before: str | None = None, limit: int = 50) -> Call[Page[Verdict]]:
    """Return one page of what people said, newest first; ``before`` is ``next`` of the last."""
    read = json_read(tidings.page_of("verdicts", tidings.verdict))
    return Call("GET", place("feedback"), read, query(before=before, limit=limit))


def healthy() -> Call[bool]:
    """Return whether the service lives."""

    def read(reply: Reply) -> bool:
        return reply.good

    return Call("GET", "/healthz", read, again=False)


def ready() -> Call[Readiness]:
    """Return whether the service can work, and what each of its checks says."""

    def read(reply: Reply) -> Readiness:
        if reply.status != 503:
            require_good(reply)
        shape = table(shape_of(reply))
        checks = {name: text(said) for name, said in table(shape["checks"]).items()}
        return Readiness(ready=text(shape["status"]) == "ready", checks=checks)

    return Call("GET", "/readyz", read, again=False)


def metrics() -> Call[str]:
    """Return the service's figures as Prometheus reads them."""

    def read(reply: Reply) -> str:
        require_good(reply)
        return reply.body.decode("utf-8")

    return Call("GET", "/metrics", read)
