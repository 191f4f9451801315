"""``earmark bench``: each suite asks for what it needs, and the last line is flat figures."""

import json

import mido
import numpy as np
import pytest
import soundfile

from earmark.evaluation.hum import RATE_HZ, hum, made_up_tune, manner_of


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
        (("recording", "--music", ".", "--from-start"), "--from-start belongs to bench melody"),
        (("nonsense",), "unknown suite 'nonsense'; known: recording, melody"),
    ],
)
def test_requests_without_sense(earmark, arguments, complaint):
    ran = earmark("bench", *arguments)
    assert ran.code == 2
    assert complaint in ran.err
    assert ran.out == ""
