"""``earmark models``: which sound models there are, and their weights from the network."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.options import JsonOption
from earmark.cli.output import json_line, size, table, text_line
from earmark.cli.progress import bytes_bar
from earmark.errors import UsageError

if TYPE_CHECKING:
    from earmark.sound.model import ModelInfo


class Action(StrEnum):
    """What to do with models."""

    LIST = "list"
    FETCH = "fetch"


def models(
    action: Annotated[
        Action, typer.Argument(help="Show them all, or fetch one's weights.")
    ] = Action.LIST,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The model to fetch.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", metavar="PATH", help="With fetch: take this file instead of the network."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the sound models, or fetch the weights of one.

    Exit code 4 when the weights cannot be had, 3 when what arrived is another file.
    """
    if action is Action.FETCH:
        if name is None:
            raise UsageError("which model is to be fetched? `earmark models list` shows them")
        _fetch(name, weights, as_json)
    elif weights is not None:
        raise UsageError("--weights goes with `earmark models fetch NAME`")
    elif name is not None:
        raise UsageError(f"`earmark models list` takes no name, got {name!r}")
    else:
        _list(as_json)


def _list(as_json: bool) -> None:
    from earmark.sound.catalogue import best_present, has_extra, known_models
    from earmark.sound.weights import Places, is_here

    places = Places.told()
    best = best_present(places).name
    rows = []
    for plugin in known_models():
        info = plugin.info
        here = is_here(info, places)
        rows.append(_shape(info) | {"here": here, "ready": here and has_extra(info)})
        rows[-1]["auto"] = info.name == best
    if as_json:
        for row in rows:
            json_line(row)
        return
    table(
        ("model", "vector", "size", "licence", "here", ""),
        [
            (
                row["name"],
                str(row["dimension"]),
                size(row["size_bytes"]),
                row["licence"],
                _state(row),
                row["summary"],
            )
            for row in rows
        ],
        right=("vector", "size"),
    )


def _shape(info: ModelInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "summary": info.summary,
        "dimension": info.dimension,
        "rate_hz": info.rate_hz,
        "labels": info.labels_count,
        "size_bytes": info.size_bytes,
        "licence": info.licence,
        "credit": info.credit,
        "source": info.source or None,
        "file_name": info.file_name or None,
        "sha256": info.sha256,
        "extra": info.extra or None,
    }


def _state(row: dict[str, Any]) -> str:
    if row["auto"]:
        return "yes, auto"
    if row["here"] and not row["ready"]:
        return f"needs earmark[{row['extra']}]"
    return "yes" if row["here"] else "no"


def _fetch(name: str, weights: Path | None, as_json: bool) -> None:
    from earmark.sound.catalogue import model_plugin
    from earmark.sound.download import fetch, install

    info = model_plugin(name).info
    if weights is not None:
        path = install(info, weights)
    else:
        with bytes_bar(name) as show:
            path = fetch(info, progress=show)
    count = path.stat().st_size
    if as_json:
        json_line({"name": name, "path": str(path), "size_bytes": count, "sha256": info.sha256})
    else:
        text_line(f"{name} is here: {path} ({size(count)})")
