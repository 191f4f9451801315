"""``earmark list | show | update | remove``: the entries of a library."""

from __future__ import annotations

from typing import Annotated

import typer

from earmark.cli.options import JsonOption, LibraryOption, opened
from earmark.cli.output import fields, json_line, table, text_line
from earmark.errors import UsageError
from earmark.types import Track
from earmark.units import clock

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A track's id (see `earmark list`).")]


def list_tracks(
    context: typer.Context,
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEXT]", help="Keep tracks with this in title, artist, album, tags or source."
        ),
    ] = None,
    library: LibraryOption = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="The most to show.")] = None,
    after: Annotated[
        str | None, typer.Option("--after", metavar="ID", help="Begin behind this track.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List tracks in the order they were added."""
    with opened(context, library) as shelf:
        found = shelf.tracks(text, after=after, limit=limit)
        if as_json:
            for track in found:
                json_line(track.as_dict())
            return
        rows = [(t.id, t.label, t.album, clock(t.duration_s), t.source) for t in found]
    if rows:
        table(("id", "track", "album", "length", "source"), rows, right=("length",))
    else:
        text_line("no tracks")


def show(
    context: typer.Context,
    track_id: IdArgument,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one track."""
    with opened(context, library) as shelf:
        track = shelf.get(track_id)
    _print(track, as_json=as_json)


def update(
    context: typer.Context,
    track_id: IdArgument,
    library: LibraryOption = None,
    title: Annotated[str | None, typer.Option("--title")] = None,
    artist: Annotated[str | None, typer.Option("--artist")] = None,
    album: Annotated[str | None, typer.Option("--album")] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="Replaces all tags; repeat, '' for none.")
    ] = None,
    extra: Annotated[
        list[str] | None,
        typer.Option("--extra", metavar="NAME=VALUE", help="Sets one extra field; repeat."),
    ] = None,
    detach_score: Annotated[
        bool, typer.Option("--detach-score", help="Take off the score that `add --for` attached.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Change what the library says of a track; what is not named stays."""
    with opened(context, library) as shelf:
        if detach_score:
            shelf.detach(track_id)
        more = {**shelf.get(track_id).extra, **_pairs(extra)} if extra else None
        tags = None if not tag else [word for word in tag if word]
        track = shelf.update(
            track_id, title=title, artist=artist, album=album, tags=tags, extra=more
        )
    _print(track, as_json=as_json)


def remove(
    context: typer.Context,
    track_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Tracks' ids.")],
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove tracks, all or none; no search finds them afterwards."""
    with opened(context, library) as shelf:
        ids = list(dict.fromkeys(track_ids))
        shelf.remove(ids)
    if as_json:
        json_line({"removed": len(ids)})
    else:
        text_line(f"removed {len(ids)}")


def _print(track: Track, *, as_json: bool) -> None:
    if as_json:
        json_line(track.as_dict())
        return
    fields(
        [
            ("id", track.id),
            ("title", track.title),
            ("artist", track.artist),
            ("album", track.album),
            ("length", clock(track.duration_s)),
            ("tags", ", ".join(track.tags)),
            *sorted(track.extra.items()),
            ("source", track.source),
            ("content", track.content_id),
            ("added", track.added_at),
        ]
    )


def _pairs(items: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in items:
        name, mark, value = item.partition("=")
        if not mark or not name:
            message = f"--extra wants NAME=VALUE, got {item!r}"
            raise UsageError(message)
        pairs[name] = value
    return pairs
