"""A folder of music, split by content: what is indexed, and what must not be found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from earmark.audio.identity import content_id
from earmark.errors import UsageError
from earmark.ingest.inputs import collect

HELD_OUT_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Split:
    """Files by their part: ``positives`` are indexed, ``held_out`` never; both are asked for."""

    positives: tuple[Path, ...]
    held_out: tuple[Path, ...]
    distractors: tuple[Path, ...] = ()


def split(
    music: Path,
    distractors: Path | None = None,
    *,
    seed: int = 0,
    least_held_out: int = 1,
    share: float = HELD_OUT_SHARE,
) -> Split:
    """Divide the files of a folder by a hash of their bytes; equal bytes count once.

    Parameters
    ----------
    music
        Any folder; files are taken by their extension, at any depth.
    distractors
        More music, all of it indexed; what ``music`` holds too is left out.
    seed
        Another seed is another split; the names and the order of files do not matter.
    least_held_out
        Hold out so many tracks where ``share`` gives fewer, but never more than half.
    share
        Of the tracks, in [0, 1], how many are held out.

    Raises
    ------
    SourceNotFoundError
        A folder is not there.
    UsageError
        ``music`` holds fewer than two different files.
    """
    ranked = sorted(_by_content(music, seed).items())
    if len(ranked) < 2:
        message = f"{str(music)!r} holds {len(ranked)} different tracks; at least 2 are needed"
        raise UsageError(message)
    wanted = max(round(share * len(ranked)), least_held_out)
    held = max(1, min(wanted, len(ranked) // 2))
    others = {} if distractors is None else _by_content(distractors, seed)
    own = {rank for rank, _ in ranked}
    return Split(
        positives=tuple(path for _, path in ranked[held:]),
        held_out=tuple(path for _, path in ranked[:held]),
        distractors=tuple(path for rank, path in sorted(others.items()) if rank not in own),
    )


def _by_content(folder: Path, seed: int) -> dict[str, Path]:
    found = collect([folder])
    if found.failed and not found.sources:
        raise UsageError(found.failed[0].message)
    ranks: dict[str, Path] = {}
    for source in sorted(found.sources):
        rank = hashlib.sha256(f"{seed} {content_id(source)}".encode()).hexdigest()
        ranks.setdefault(rank, Path(source))
    return ranks
