"""Options that say which tracks a question is about."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from earmark.errors import UsageError
from earmark.types import Within

Compare = Literal["moment", "file"]

TagOption = Annotated[
    list[str] | None, typer.Option("--tag", help="Only tracks with this tag; repeat for more.")
]
FolderOption = Annotated[
    str | None, typer.Option("--folder", help="Only tracks from below this folder, as added.")
]
ShortestOption = Annotated[
    float | None, typer.Option("--shortest", min=0.0, help="Only tracks of this many seconds up.")
]
LongestOption = Annotated[
    float | None, typer.Option("--longest", min=0.0, help="Only tracks up to this many seconds.")
]
LabelOption = Annotated[
    str | None,
    typer.Option("--label", help="Only tracks with a moment that is called so (mode sound)."),
]
CompareOption = Annotated[
    Compare | None,
    typer.Option(
        "--kind", help="Compare moments or files as wholes (mode sound).  [default: moment]"
    ),
]


def within(
    tag: list[str] | None,
    folder: str | None,
    shortest: float | None,
    longest: float | None,
    label: str | None,
    kind: Compare | None,
) -> Within:
    """Return what the options ask for; raises `UsageError` where nothing can fit them."""
    if longest is not None and (shortest or 0.0) > longest:
        message = f"--shortest {shortest:g} and --longest {longest:g} leave no track"
        raise UsageError(message)
    tags = tuple(tag or ())
    return Within(tags, folder, shortest or 0.0, longest, label, kind == "file")
