"""Reading melodies from MIDI and ABC, and collecting them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

mido = pytest.importorskip("mido")

from training import corpora, scores
from training.generate import tunes


def _midi(path: Path, pitches: list[int], track: str = "MELODY") -> Path:
    """Write quarter notes; the second tempo, twice as slow, starts at the fifth note."""
    midi = mido.MidiFile(ticks_per_beat=480)
    tempo, notes = mido.MidiTrack(), mido.MidiTrack()
    tempo.append(mido.MetaMessage("set_tempo", tempo=500_000, time=0))
    tempo.append(mido.MetaMessage("set_tempo", tempo=1_000_000, time=4 * 480))
    notes.append(mido.MetaMessage("track_name", name=track, time=0))
    for pitch in pitches:
        notes.append(mido.Message("note_on", note=pitch, velocity=90, time=0))
        notes.append(mido.Message("note_off", note=pitch, velocity=0, time=480))
    midi.tracks += [tempo, notes]
    midi.save(path)
    return path


def test_midi_follows_the_tempo_changes_of_every_track(tmp_path: Path) -> None:
    """A tempo in the first track acts on the notes of the second."""
    line = scores.read_midi(_midi(tmp_path / "a.mid", list(range(60, 68))))
    assert [note[2] for note in line] == list(range(60, 68))
    assert [note[0] for note in line] == pytest.approx([0, 0.5, 1, 1.5, 2, 3, 4, 5])


def test_other_tracks_and_damaged_files_give_no_notes(tmp_path: Path) -> None:
    """A wrong track name and a file that is no MIDI are both silent."""
    path = _midi(tmp_path / "a.mid", list(range(60, 72)), track="PIANO")
    (tmp_path / "b.mid").write_bytes(b"MThd nothing")
    assert scores.read_midi(path, "MELODY") == []
    assert scores.read_midi(tmp_path / "b.mid") == []


def test_skyline_keeps_the_top_and_cuts_overlaps() -> None:
    """Of a chord the highest note stays; the next note ends the one before."""
    line = scores.skyline([(0.0, 2.0, 72), (0.0, 2.0, 60), (1.0, 1.5, 74)])
    assert line == [(0.0, 1.0, 72), (1.0, 1.5, 74)]


@pytest.mark.skipif(shutil.which("abc2midi") is None, reason="needs abc2midi")
def test_abc_gives_each_tune_its_title(tmp_path: Path) -> None:
    """Two tunes of one file come out with number, title and pitches."""
    body = "M:4/4\nL:1/4\nK:C\nCDEF|GABc|CDEF|GABc|\n"
    path = tmp_path / "book.abc"
    path.write_text(f"X:1\nT:First\n{body}\nX:7\nT:Second\n{body}", encoding="utf-8")
    found = list(scores.read_abc(path))
    assert [(number, title) for number, title, _ in found] == [("1", "First"), ("7", "Second")]
    assert [note[2] for note in found[0][2][:8]] == [60, 62, 64, 65, 67, 69, 71, 72]


def test_groups_ignore_the_key() -> None:
    """A transposed copy shares the number of its original; another tune does not."""
    one, other = tunes(2, seed=3)
    copy = {**one, "pitch": one["pitch"] + 5}
    grouped = corpora.group([one, other, copy])
    assert grouped[0]["grp"] == grouped[2]["grp"] != grouped[1]["grp"]


def test_what_is_evaluated_on_never_trains() -> None:
    """A tune that an evaluation corpus holds is dropped from the training ones."""
    one, other = tunes(2, seed=3)
    held_out = {**one, "src": "jang"}
    kept = corpora.trainable(corpora.group([one, other, held_out]))
    assert [m["id"] for m in kept] == [other["id"]]


@pytest.mark.parametrize("name", ["melodies.npz", "melodies.pkl"])
def test_a_collection_reads_back(tmp_path: Path, name: str) -> None:
    """Both formats keep every field."""
    melodies = corpora.group(tunes(3, seed=1))
    corpora.write(tmp_path / name, melodies)
    for before, after in zip(melodies, corpora.read(tmp_path / name), strict=True):
        assert before.keys() == after.keys()
        assert all(np.array_equal(before[key], after[key]) for key in before)
