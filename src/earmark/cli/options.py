"""Options that several commands share, and the library they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from earmark.config import Settings
    from earmark.library import Library

LibraryOption = Annotated[
    str | None,
    typer.Option(
        "--library",
        metavar="PLACE",
        help="The library's folder or Redis URL (EARMARK_LIBRARY; ./earmark-library by default).",
        show_default=False,
    ),
]
VectorsOption = Annotated[
    str | None,
    typer.Option(
        "--vectors",
        metavar="URI",
        help="Where vectors are: embedded, PATH.db (Milvus Lite) or a Milvus' URL "
        "(EARMARK_VECTORS); the library remembers what `add` or `rebuild` used.",
        show_default=False,
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Take the settings of [profiles.NAME] in earmark.toml (EARMARK_PROFILE).",
        show_default=False,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON only; progress and warnings go to stderr.")
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, help="Analysis processes; one per core where nothing is said."
    ),
]


@dataclass(frozen=True, slots=True)
class Program:
    """What was said before the command's name."""

    library: str | None = None
    vectors: str | None = None
    profile: str | None = None


def settings(
    context: typer.Context,
    library: str | None = None,
    workers: int | None = None,
    model: str | None = None,
) -> Settings:
    """Return the settings in force: the command's flags over the program's over the rest."""
    from earmark.config import load_settings

    said = context.obj or Program()
    return load_settings(
        profile=said.profile,
        library=library or said.library,
        vectors=said.vectors,
        workers=workers,
        model=model,
    )


def opened(
    context: typer.Context,
    library: str | None,
    *,
    workers: int | None = None,
    model: str | None = None,
    create: bool = False,
    repair: bool = False,
) -> Library:
    """Open the library that is meant; raises what `Library.open` raises."""
    from earmark.library import Library

    return Library.open(
        create=create, repair=repair, settings=settings(context, library, workers, model)
    )
