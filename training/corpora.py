"""Collect monophonic melodies for training and evaluation from folders of MIDI and ABC files.

``python -m training.corpora OUT.npz pop909=FOLDER oneills1850=FOLDER ... --random 6000``

Nothing is downloaded; whose tunes may train what is shipped is written down in `CORPORA`.
"""

from __future__ import annotations

import argparse
import pickle
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.generate import tunes
from training.scores import Notes, read_abc, read_midi

MIN_NOTES = 10
GROUP_INTERVALS = 24
Melody = dict[str, Any]
"""`src`, `id`, `title`; arrays `on` (s, from 0), `dur` (s), `pitch` (MIDI); `grp`, see `group`."""


@dataclass(frozen=True)
class Corpus:
    """How a collection is stored, and what its licence lets us do."""

    kind: str  # "midi" or "abc"
    licence: str
    trains: bool  # whether weights under Apache-2.0 may learn from it
    track: str | None = None
    skip: str = "versions"


MUSIC21 = "tune in the public domain; transcribers named in Z: lines, no licence stated"
CORPORA = {
    "oneills1850": Corpus("abc", f"O'Neill 1903: {MUSIC21}", True),
    "ryansMammoth": Corpus("abc", f"Ryan 1883: {MUSIC21}", True),
    "airdsAirs": Corpus("abc", f"Aird 1778-1801: {MUSIC21}", True),
    "pop909": Corpus("midi", "MIT, (c) 2020 Music X Lab", True, track="MELODY"),
    "nott": Corpus("midi", "GPL-3.0: kept out of what is shipped", False),
    "jang": Corpus("midi", "MIR-QBSH: evaluation only", False),
    "essen": Corpus("midi", "Essen, free for research: evaluation only", False),
}


def melody(source: str, name: str, title: str, notes: Notes) -> Melody | None:
    """Pack a line of notes from 0 s on, or None when it is too short to be a melody."""
    if len(notes) < MIN_NOTES:
        return None
    on, end, pitch = np.array(notes, float).T
    return {"src": source, "id": name, "title": title, "on": on - on[0], "dur": end - on,
            "pitch": pitch}  # fmt: skip


def collect(source: str, folder: Path) -> Iterator[Melody]:
    """Yield the melodies of one corpus below `folder`, in the order of their paths."""
    corpus = CORPORA[source]
    found: Iterable[tuple[str, str, Notes]]
    if corpus.kind == "abc":
        found = (
            (f"{path.stem}_{number}", title, notes)
            for path in sorted(folder.glob("*.abc"))
            for number, title, notes in read_abc(path)
        )
    else:
        paths = (p for p in sorted(folder.rglob("*.mid")) if corpus.skip not in p.parts)
        found = ((path.stem, path.stem, read_midi(path, corpus.track)) for path in paths)
    for name, title, notes in found:
        entry = melody(source, name, title, notes)
        if entry is not None:
            yield entry


def group(melodies: list[Melody]) -> list[Melody]:
    """Give melodies that share their first intervals, in any key, one number in `grp`."""
    numbers: dict[tuple[int, ...], int] = {}
    for entry in melodies:
        key = tuple(np.diff(entry["pitch"])[:GROUP_INTERVALS].astype(int).tolist())
        entry["grp"] = numbers.setdefault(key, len(numbers))
    return melodies


def trainable(melodies: list[Melody]) -> list[Melody]:
    """Drop what may not train, and every tune that an evaluation corpus holds too."""
    fit = {"random", *(name for name, corpus in CORPORA.items() if corpus.trains)}
    held_out = {m["grp"] for m in melodies if m["src"] not in fit and m["src"] != "nott"}
    return [m for m in melodies if m["src"] in fit and m["grp"] not in held_out]


def write(path: Path, melodies: list[Melody]) -> None:
    """Write a pickled list (.pkl), or what the encoder trains on (.npz, melodies end to end)."""
    if path.suffix == ".pkl":
        path.write_bytes(pickle.dumps(melodies))
        return
    counts = [len(m["on"]) for m in melodies]
    np.savez(
        path,
        onset_s=np.concatenate([m["on"] for m in melodies]),
        length_s=np.concatenate([m["dur"] for m in melodies]),
        semitones=np.concatenate([m["pitch"] for m in melodies]),
        start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        end_s=np.array([m["on"][-1] + m["dur"][-1] for m in melodies]),
        group=np.array([m["grp"] for m in melodies], np.int64),
        source=np.array([m["src"] for m in melodies]),
        name=np.array([m["id"] for m in melodies]),
        title=np.array([m["title"] for m in melodies]),
    )


def read(path: Path) -> list[Melody]:
    """Return what `write` wrote; a .pkl runs code, so open only your own."""
    if path.suffix == ".pkl":
        held: list[Melody] = pickle.loads(path.read_bytes())
        return held
    with np.load(path) as arrays:
        flat = {name: arrays[name] for name in arrays.files}
    return [
        {"src": str(flat["source"][i]), "id": str(flat["name"][i]), "title": str(flat["title"][i]),
         "on": flat["onset_s"][a:b], "dur": flat["length_s"][a:b], "pitch": flat["semitones"][a:b],
         "grp": int(flat["group"][i])}
        for i, (a, b) in enumerate(zip(flat["start"][:-1], flat["start"][1:], strict=True))
    ]  # fmt: skip


def main(arguments: Iterable[str] | None = None) -> None:
    """Write the collection that the command line asks for and print its counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("output", type=Path, help="a .npz or .pkl file")
    parser.add_argument("corpus", nargs="*", help="name=folder, name one of " + ", ".join(CORPORA))
    parser.add_argument("--random", type=int, default=0, help="how many generated tunes to add")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--all", action="store_true", help="keep what may not train as well")
    options = parser.parse_args(None if arguments is None else list(arguments))
    melodies: list[Melody] = []
    for item in options.corpus:
        source, _, folder = item.partition("=")
        if source not in CORPORA or not Path(folder).is_dir():
            parser.error(f"{item!r} is not name=folder; names are {', '.join(CORPORA)}.")
        melodies.extend(collect(source, Path(folder)))
    melodies = group(melodies + tunes(options.random, options.seed))
    melodies = melodies if options.all else trainable(melodies)
    write(options.output, melodies)
    counts = Counter(entry["src"] for entry in melodies)
    print(*(f"{source} {count}" for source, count in counts.items()), sep="\n")


if __name__ == "__main__":
    main()
