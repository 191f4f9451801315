"""The melody suite: what it reads and refuses, how it ranks, what it reports."""

import json

import mido
import numpy as np
import pytest
import soundfile

from earmark.errors import SourceNotFoundError, UsageError
from earmark.evaluation import bench_melody
from earmark.evaluation.hum import RATE_HZ, hum, made_up_tune, manner_of
from earmark.evaluation.melody_report import UNRANKED, HumOutcome, MelodyReport, figures

TUNES = [made_up_tune(np.random.default_rng([seed, 1])) for seed in range(4)]
BOOK = "X:1\nM:4/4\nK:C\nCDEF GABc|\n\nX:7\nM:4/4\nK:C\nGGAB cBAG|\n"


def write_midi(path, tune):
    """A tune at 1000 ticks a second."""
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000)])
    events = []
    for onset_s, length_s, pitch in zip(tune.onset_s, tune.length_s, tune.semitones, strict=True):
        events.append((round(1000 * onset_s), "note_on", int(pitch)))
        events.append((round(1000 * (onset_s + length_s)), "note_off", int(pitch)))
    now = 0
    for at, kind, pitch in sorted(events, key=lambda event: (event[0], event[1] == "note_on")):
        track.append(mido.Message(kind, note=pitch, velocity=80, time=at - now))
        now = at
    file = mido.MidiFile(ticks_per_beat=500)
    file.tracks.append(track)
    file.save(path)


@pytest.fixture
def shelf(tmp_path):
    """A folder of four tunes and a file of two hums of them."""
    (tmp_path / "tunes").mkdir()
    for number, tune in enumerate(TUNES):
        write_midi(tmp_path / "tunes" / f"tune {number}.mid", tune)
    rows = []
    for number, style in ((1, "hum"), (2, "whistle")):
        rng = np.random.default_rng(number)
        manner = manner_of(style, TUNES[number], rng)
        soundfile.write(tmp_path / f"{number}.wav", hum(TUNES[number], manner, rng), RATE_HZ)
        rows.append({"query": f"{number}.wav", "song": f"tune {number}", "group": style})
    return tmp_path, ask(tmp_path, *rows)


def ask(folder, *rows):
    path = folder / "queries.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    return path


@pytest.mark.parametrize("from_start", [False, True])
def test_hums_find_their_tunes(shelf, from_start):
    folder, queries = shelf
    seen = []
    report = bench_melody.run(
        queries, [folder / "tunes"], from_start=from_start, workers=1, progress=seen.append
    )
    assert [(one.song, one.rank) for one in report.outcomes] == [("tune 1", 1), ("tune 2", 1)]
    shape = report.as_dict()
    assert (shape["queries"], shape["songs"], shape["top1"], shape["mrr"]) == (2, 4, 1.0, 1.0)
    assert shape["top10.hum"] == shape["top10.whistle"] == 1.0
    assert shape["cpu_ms"] > 0
    assert shape["bytes_per_song"] > 64
    assert 2.0 < shape["voiced_s"] < 12.0
    assert all(isinstance(value, int | float) for value in shape.values())
    assert (seen[-1].done, seen[-1].total) == (2, 2)
    assert "top1.whistle" in report.table()


def test_silence_is_unranked_and_a_file_that_is_no_audio_is_counted(shelf):
    folder, _ = shelf
    soundfile.write(folder / "silence.wav", np.zeros(RATE_HZ * 5), RATE_HZ)
    (folder / "text.wav").write_text("nothing to hear")
    queries = ask(
        folder,
        {"query": "silence.wav", "song": "tune 1"},
        {"query": "text.wav", "song": "tune 1"},
    )
    shape = bench_melody.run(queries, [folder / "tunes"], workers=1).as_dict()
    assert (shape["queries"], shape["unreadable_queries"], shape["top10"]) == (1, 1, 0.0)
    queries = ask(folder, {"query": "text.wav", "song": "tune 1"})
    with pytest.raises(UsageError, match="none of the 1 queries"):
        bench_melody.run(queries, [folder / "tunes"], workers=1)


def test_a_tune_of_a_book_is_named_by_its_number(shelf):
    pytest.importorskip("music21", reason="pip install 'earmark[scores]' to run this")
    folder, _ = shelf
    (folder / "book.abc").write_text(BOOK)
    queries = ask(folder, {"query": "1.wav", "song": "book#7"})
    references = [folder / "tunes", folder / "book.abc"]
    assert bench_melody.run(queries, references, workers=1).outcomes[0].rank > 1


def test_songs_that_nobody_can_tell_apart_or_find(shelf):
    folder, queries = shelf
    (folder / "more").mkdir()
    write_midi(folder / "more" / "tune 1.mid", TUNES[0])
    write_midi(folder / "more" / "other.mid", TUNES[3])
    with pytest.raises(UsageError, match="two references are called 'tune 1'"):
        bench_melody.run(queries, [folder / "tunes", folder / "more"], workers=1)
    with pytest.raises(UsageError, match="asks for 'tune 2', which no reference is called"):
        bench_melody.run(queries, [folder / "more"], workers=1)
    with pytest.raises(SourceNotFoundError, match="nowhere does not exist"):
        bench_melody.run(queries, [folder / "nowhere"], workers=1)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", UsageError, "holds no query"),
        ("not json", UsageError, "line 1: expected"),
        ('{"query": "a.wav"}', UsageError, "line 1: expected"),
        ("[1]", UsageError, "line 1: expected"),
        ('\n{"query": "a.wav", "song": "a"}', SourceNotFoundError, "line 2: .*a.wav does not"),
    ],
)
def test_a_bad_list_of_queries_is_told_before_anything_is_indexed(tmp_path, text, error, message):
    queries = tmp_path / "queries.jsonl"
    queries.write_text(text)
    with pytest.raises(error, match=message):
        bench_melody.run(queries, [tmp_path])
    with pytest.raises(SourceNotFoundError, match="cannot be read"):
        bench_melody.run(tmp_path / "nowhere.jsonl", [tmp_path])


def outcome(rank, confidence=0.9, group=""):
    return HumOutcome("q.wav", "s", group, rank, confidence, 100.0, 5.0)


def test_figures():
    found = figures([outcome(1), outcome(2), outcome(4, 0.2), outcome(UNRANKED, 0.0)])
    assert (found["top1"], found["top3"], found["top10"]) == (0.25, 0.5, 0.75)
    assert found["mrr"] == pytest.approx((1 + 0.5 + 0.25) / 4)
    assert (found["confident"], found["confident_right"]) == (0.5, 0.5)
    assert figures([]) == {}
    alone = MelodyReport((outcome(1, group="a"),), {"songs": 3})
    assert "top1.a" not in alone.as_dict()
    mixed = MelodyReport((outcome(1, group="a"), outcome(2)), {"songs": 3})
    assert mixed.as_dict()["top1.other"] == 0.0
