"""``earmark bench``: each suite asks for what it needs, and the last line is flat figures."""

import json
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from made_up_sounds import write_labelled

from earmark.evaluation.hum import RATE_HZ, hum, made_up_tune, manner_of

SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture
def tunes(tmp_path):
    """A folder of three scores, and one hum of each with the list that names them."""
    (tmp_path / "tunes").mkdir()
    rows = []
    for number in range(3):
        tune = made_up_tune(np.random.default_rng([number, 2]))
        track = mido.MidiTrack()
        for length_s, pitch in zip(tune.length_s, tune.semitones, strict=True):
            track.append(mido.Message("note_on", note=int(pitch), time=0))
            track.append(mido.Message("note_off", note=int(pitch), time=round(960 * length_s)))
        file = mido.MidiFile(ticks_per_beat=480)
        file.tracks.append(track)
        file.save(tmp_path / "tunes" / f"{number}.mid")
        rng = np.random.default_rng(number)
        samples = hum(tune, manner_of("la", tune, rng), rng)
        soundfile.write(tmp_path / f"hum{number}.wav", samples, RATE_HZ)
        rows.append(json.dumps({"query": f"hum{number}.wav", "song": str(number)}))
    (tmp_path / "queries.jsonl").write_text("\n".join(rows))
    return tmp_path


MELODY = ("bench", "melody", "--queries", "queries.jsonl", "--references", "tunes")


def test_melody(earmark, tunes):
    ran = earmark(*MELODY, "--workers", "1", "--json")
    assert (ran.code, ran.err) == (0, "")
    (figures,) = ran.lines
    assert (figures["queries"], figures["songs"], figures["top1"]) == (3, 3, 1.0)
    assert {"top3", "top10", "mrr", "cpu_ms", "bytes_per_song"} <= figures.keys()
    table = earmark(*MELODY, "--from-start", "--workers", "1")
    assert (table.code, "top10" in table.out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("recording",), "bench recording needs --music"),
        (("melody",), "bench melody needs --queries and --references"),
        (("melody", "--queries", "q.jsonl"), "bench melody needs --queries and --references"),
        ((*MELODY[1:], "--music", "."), "--music belongs to bench recording"),
        ((*MELODY[1:], "--seed", "0"), "--seed belongs to bench recording"),
        (("monitor",), "bench monitor needs --music"),
        (("monitor", "--music", ".", "--hours", "0.01"), "at least 1 of a minute (0.017)"),
        (("monitor", "--music", ".", "--per-cell", "2"), "--per-cell belongs to bench recording"),
        (("recording", "--music", ".", "--hours", "1"), "--hours belongs to bench monitor, not"),
        (("recording", "--music", ".", "--from-start"), "--from-start belongs to bench melody"),
        (("nonsense",), "unknown suite 'nonsense'; known: recording, melody, sound, monitor"),
        (("sound",), "bench sound needs --labelled or --music"),
        (("sound", "--model", "builtin"), "bench sound needs --labelled or --music"),
        (("sound", "--labelled", ".", "--seed", "0"), "bench recording and bench monitor, not"),
        (("sound", "--music", ".", "--queries", "q"), "--queries belongs to bench melody, not"),
        ((*MELODY[1:], "--music", "."), "bench recording, bench sound and bench monitor, not"),
        ((*MELODY[1:], "--labelled", "."), "--labelled belongs to bench sound, not"),
        (("recording", "--music", ".", "--model", "mn04"), "--model belongs to bench sound"),
        (("sound", "--labelled", ".", "--model", "loud"), "folders with audio; at least 2 classes"),
    ],
)
def test_requests_without_sense(earmark, arguments, complaint):
    ran = earmark("bench", *arguments)
    assert ran.code == 2
    assert complaint in ran.err
    assert ran.out == ""


@pytest.fixture
def sounds(earmark, tmp_path, monkeypatch):
    """Run the program with its own engine ``sound`` beside a folder ``set`` of two classes."""
    monkeypatch.delenv("EARMARK_MODELS", raising=False)
    write_labelled(tmp_path / "set", kinds=("bursts", "tones"), sources=2, takes=1)
    cache = str(tmp_path / "cache")
    own = {"PYTHONPATH": str(SOURCE), "XDG_CACHE_HOME": cache, "EARMARK_MODEL": "builtin"}

    def ran(*arguments, **environment):
        return earmark("bench", "sound", *arguments, "--workers", "1", **(own | environment))

    return ran


def test_sound(sounds):
    ran = sounds("--labelled", "set", "--json")
    assert (ran.code, ran.err) == (0, "")
    (figures,) = ran.lines
    assert (figures["model"], figures["queries"], figures["classes"]) == ("builtin", 4, 2)
    assert (figures["p@1"], figures["map@10"], figures["windows"]) == (1.0, 1.0, 4)
    assert {"p@5", "p@1.tones", "x_real_time", "bytes_a_window", "search_ms"} <= figures.keys()
    assert not any(isinstance(value, dict | list) for value in figures.values())
    table = sounds("--labelled", "set", "--model", "builtin")
    assert (table.code, "map@10" in table.out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("--labelled", "set", "--model", "nonsense"), 2, "no sound model is called 'nonsense'"),
        (("--labelled", "set", "--model", "mn04"), 4, "run `earmark models fetch mn04`"),
        (("--labelled", "nowhere"), 3, "nowhere does not exist"),
        (("--labelled", "set", "--music", "nowhere"), 3, "nowhere does not exist"),
        (("--labelled", "set/tones"), 2, "lies beside the classes"),
        (("--music", "set"), 2, "holds 0 tracks of 22.5 s or more"),
    ],
)
def test_sounds_that_cannot_be_compared(sounds, arguments, code, complaint):
    ran = sounds(*arguments, "--json")
    assert (ran.code, ran.out) == (code, "")
    assert complaint in ran.err
    assert ran.err.count("\n") == 1
