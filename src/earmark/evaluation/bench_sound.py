"""The suite behind ``earmark bench sound``: clips of known kinds, and music cut in pieces."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from earmark.bootstrap import open_parts
from earmark.config import Settings
from earmark.errors import UsageError
from earmark.evaluation import sound_cost
from earmark.evaluation.labelled import LabelledClip, folder_of, read_labelled
from earmark.evaluation.music_segments import cut
from earmark.evaluation.sound_report import DEPTH, SoundOutcome, SoundReport
from earmark.library import Library
from earmark.reports import Progress, ProgressCallback
from earmark.sound.analysis import Chosen, SoundAnalysis
from earmark.sound.catalogue import AUTO, chosen_model
from earmark.types import Track


def run(
    labelled: Path | None = None,
    music: Path | None = None,
    *,
    model: str = AUTO,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> SoundReport:
    """Ask for each clip what else sounds like it, and count what is of its kind.

    Parameters
    ----------
    labelled
        A folder of folders of clips, each a class (`read_labelled`). Clips of one source are left
        out of each other's results.
    music
        A folder of tracks, of which segments are to find each other (`cut`).
    model
        The sound model.
    workers
        Analysis processes while indexing; None is one a core.
    progress
        Called while music is cut, while indexing and while asking.

    Raises
    ------
    UsageError
        Neither folder is named, one holds too little, or there is no such model.
    SourceNotFoundError
        A folder is not there.
    ModelUnavailableError, ExtraMissingError, CheckpointError, StoreError
        The model cannot be opened here; no library can be made in the temporary folder.
    """
    if labelled is None and music is None:
        message = "name a folder of labelled clips, a folder of music, or both"
        raise UsageError(message)
    clips = () if labelled is None else read_labelled(labelled)
    if music is not None:
        folder_of(music)
    info, weights = chosen_model(None, model)
    analysis = SoundAnalysis(Chosen(info, weights))
    analysis.prepare()
    settings = Settings(model=info.name, workers=workers or 0)
    measured: dict[str, float] = {}
    outcomes: dict[str, tuple[SoundOutcome, ...]] = {}
    with tempfile.TemporaryDirectory(prefix="earmark-bench-") as temporary:
        place = Path(temporary)
        sets = {"labelled": clips}
        if music is not None:
            sets["music"] = cut(music, place / "segments", info.rate_hz, progress)
        for name, asked in sets.items():
            if not asked:
                continue
            outcomes[name], failed = _asked(place / name, asked, settings, progress)
            if not measured:  # of the labelled clips, where there are any
                measured = _cost(place / name, asked, settings, analysis)
            measured["music_failed" if name == "music" else "failed"] = failed
    return SoundReport(info.name, **outcomes, measured=measured)


def _asked(
    folder: Path,
    clips: Sequence[LabelledClip],
    settings: Settings,
    progress: ProgressCallback | None,
) -> tuple[tuple[SoundOutcome, ...], int]:
    """Make a library of the clips in which only this engine is on; return what each one finds.

    Told besides is how many clips could not be added.
    """
    by_path = {clip.path: clip for clip in clips}
    with Library.open(folder, create=True, settings=settings) as library:
        for name in library.engines():
            if name != sound_cost.ENGINE:
                library.switch(name, on=False)
        added = library.add([clip.path for clip in clips], progress=progress)
        tracks = list(library.tracks())
        held = {track.id: by_path[track.source] for track in tracks}
        outcomes = []
        kin = _kin(tracks, held)
        for done, track in enumerate(tracks, 1):
            outcome = _outcome(library, track.id, held, kin[track.id])
            if outcome.relevant:
                outcomes.append(outcome)
            if progress is not None:
                progress(Progress(done, len(tracks), source=track.source))
    if not outcomes:
        message = f"{len(added.failed)} of {len(clips)} clips cannot be read; no two are of a kind"
        raise UsageError(message)
    return tuple(outcomes), len(added.failed)


def _kin(tracks: Sequence[Track], held: Mapping[str, LabelledClip]) -> dict[str, set[str]]:
    """Return, of each track, itself and those that say nothing of it: same source, same audio."""
    alike: dict[str | int, set[str]] = defaultdict(set)
    for track in tracks:
        alike[held[track.id].source].add(track.id)
        alike[track.number].add(track.id)
    return {track.id: alike[held[track.id].source] | alike[track.number] for track in tracks}


def _outcome(
    library: Library, track_id: str, held: Mapping[str, LabelledClip], kin: set[str]
) -> SoundOutcome:
    clip = held[track_id]
    try:
        matches = library.similar(track_id, limit=DEPTH + len(kin) - 1).matches
    except UsageError:  # a silent clip: nothing in it to compare
        matches = ()
    ids = [one for match in matches for one in (match.track.id, *match.duplicates)]
    answers = [held[one].label for one in ids if one not in kin]
    relevant = sum(other.label == clip.label for one, other in held.items() if one not in kin)
    right = tuple(label == clip.label for label in answers[:DEPTH])
    return SoundOutcome(clip.path, clip.label, right, relevant)


def _cost(
    folder: Path, clips: Sequence[LabelledClip], settings: Settings, analysis: SoundAnalysis
) -> dict[str, float]:
    parts = open_parts(folder, settings)
    try:
        figures = sound_cost.bytes_of(parts, analysis)
        figures["search_ms"] = sound_cost.search_ms(parts, analysis)
    finally:
        parts.close()
    speed = sound_cost.x_real_time([clip.path for clip in clips], analysis)
    return {**figures, "x_real_time": speed}
