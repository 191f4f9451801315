from __future__ import annotations

import io
import struct

import mido
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark import EarmarkError, NoMelodyError, NotAScoreError, UsageError
from earmark.errors import AudioTooLongError, SourceNotFoundError
from earmark.melody.choose import choose, likeliest
from earmark.melody.midi import read_midi
from earmark.melody.part import Sheet, part_of
from earmark.melody.score import SUFFIXES, read_score

BEAT = 480
SCALE = [60, 62, 64, 65, 67, 69, 71, 72]


def track(*messages, name=""):
    """A track of (tick, message) at absolute ticks."""
    made = mido.MidiTrack()
    if name:
        made.append(mido.MetaMessage("track_name", name=name))
    now = 0
    for tick, message in sorted(messages, key=lambda pair: pair[0]):
        made.append(message.copy(time=tick - now))
        now = tick
    return made


def notes(pitches, *, step=BEAT, length=BEAT, channel=0, start=0):
    for place, pitch in enumerate(pitches):
        at = start + place * step
        for one in pitch if isinstance(pitch, tuple) else (pitch,):
            yield at, mido.Message("note_on", note=one, velocity=64, channel=channel)
            yield at + length, mido.Message("note_off", note=one, channel=channel)


def tempo(tick, bpm):
    return tick, mido.MetaMessage("set_tempo", tempo=round(mido.bpm2tempo(bpm)))


def saved(*tracks, kind=1, division=BEAT):
    file = mido.MidiFile(type=kind, ticks_per_beat=division)
    file.tracks.extend(tracks)
    held = io.BytesIO()
    file.save(file=held)
    return held.getvalue()


def test_a_tune_of_four_notes():
    found = read_score(saved(track(*notes(SCALE[:4]))), "a.mid")
    assert found.tune.onset_s.tolist() == [0.0, 0.5, 1.0, 1.5]
    assert found.tune.length_s.tolist() == [0.5] * 4
    assert found.tune.semitones.tolist() == SCALE[:4]
    assert found.duration_s == 2.0
    assert found.tune.onset_s.dtype == np.float32


def test_tempi_of_any_track_count():
    data = saved(
        track(*notes(SCALE[:6]), name="Melody"),
        track(tempo(0, 60), tempo(2 * BEAT, 240), name="tempo"),
        track(tempo(4 * BEAT, 60)),
    )
    found = read_score(data, "a.mid")
    assert found.tune.onset_s.tolist() == [0.0, 1.0, 2.0, 2.25, 2.5, 3.5]
    assert found.duration_s == 4.5


def test_smpte_division():
    division = struct.unpack(">h", bytes([256 - 25, 40]))[0]  # a tick is a millisecond
    data = bytearray(saved(track(*notes(SCALE, step=500, length=250), tempo(0, 33))))
    data[12:14] = struct.pack(">h", division)
    assert read_score(bytes(data), "a.mid").tune.onset_s[:3].tolist() == [0.0, 0.5, 1.0]
    data[12:14] = b"\0\0"
    with pytest.raises(NotAScoreError, match="no ticks"):
        read_score(bytes(data), "a.mid")


def test_the_highest_of_notes_that_begin_together():
    chords = [(48, 60, 72), (50, 65), 64]
    found = read_score(saved(track(*notes(chords, length=2 * BEAT))), "a.mid").tune
    assert found.semitones.tolist() == [72, 65, 64]
    assert found.length_s.tolist() == [0.5, 0.5, 1.0]


def test_slips_are_dropped():
    part = part_of(0, "", [(0.0, 1.0, 60), (0.5, 0.51, 90), (1.0, 2.0, 62), (1.01, 2.0, 50)], -1)
    from earmark.melody.part import skyline

    assert skyline(part).semitones.tolist() == [60, 62]


def test_a_note_that_never_ends_and_one_that_is_struck_again():
    on = mido.Message("note_on", note=60, velocity=64)
    data = saved(track((0, on), (BEAT, on), (2 * BEAT, on.copy(velocity=0)), *notes([72] * 4)))
    assert len(read_score(data, "a.mid").tune) == 4


def many(**names):
    """A tune, chords and a bass as tracks, with their names."""
    return saved(
        track(*notes([36, 41, 43, 36] * 4), name=names.get("bass", "")),
        track(*notes([(48, 52, 55), (53, 57, 60)] * 8), name=names.get("chords", "")),
        track(*notes(SCALE * 2, start=10), name=names.get("tune", "")),
    )


def test_the_track_is_chosen_by_what_tunes_are_like():
    assert read_score(many(), "a.mid").tune.semitones.tolist() == SCALE * 2


@pytest.mark.parametrize("name", ["MELODY", "Vocal", "Lead", "VOICE", "Sing along", "主旋律", "歌"])
def test_the_track_is_chosen_by_its_name(name):
    found = read_score(many(bass=name.encode().decode("latin-1")), "a.mid")
    assert found.tune.semitones[0] == 36
    assert found.part == name


def test_names_that_only_look_like_it():
    assert read_score(many(bass="Backing vocals", chords="Lead guitar"), "a.mid").part == ""


@pytest.mark.parametrize("wanted", ["drone", "DRONE", "1", 1, "ron"])
def test_the_caller_names_the_track(wanted):
    found = read_score(many(chords="Drone", tune="Melody"), "a.mid", wanted)
    assert found.part == "Drone"
    assert found.tune.semitones[0] == 55


def test_a_track_that_is_not_there():
    with pytest.raises(UsageError, match=r"a\.mid has no part 'x'; those with notes are: 0, 1 Dr"):
        read_score(many(chords="Drone"), "a.mid", "x")


def test_one_track_is_split_by_channels():
    events = (
        *notes([36, 41, 43, 36] * 4, channel=1),
        *notes(SCALE * 2, channel=3),
        *notes([38] * 30, channel=9, step=100, length=50),
    )
    for kind in (0, 1):
        found = read_score(saved(track(*events, name="A song"), kind=kind), "a.mid")
        assert found.tune.semitones.tolist() == SCALE * 2
        assert (found.part, found.title) == ("channel 4", "A song")


def test_karaoke_follows_the_syllables():
    words = [(0, "@KMIDI KARAOKE FILE"), (0, "@TThe title"), (0, "@TThe singer")]
    words += [(at * 2 * BEAT + 10, f"\\la{at}") for at in range(8)]
    data = saved(
        track(*notes(SCALE * 4), name="Fiddle"),
        track(*notes([50, 52] * 4, step=2 * BEAT, start=10)),
        track(*((tick, mido.MetaMessage("text", text=text)) for tick, text in words)),
    )
    found = read_score(data, "a.kar")
    assert (found.title, found.composer) == ("The title", "The singer")
    assert found.tune.semitones.tolist() == [50, 52] * 4


def test_lyric_events():
    lyrics = ((at, mido.MetaMessage("lyrics", text="la")) for at in range(0, 16 * BEAT, 2 * BEAT))
    data = saved(track(*notes(SCALE * 2)), track(*notes([45, 47] * 4, step=2 * BEAT), *lyrics))
    assert read_score(data, "a.mid").tune.semitones.tolist() == [45, 47] * 4


def test_the_title_is_the_name_of_a_first_track_that_is_silent():
    data = saved(track(tempo(0, 120), name="The song"), track(*notes(SCALE), name="Piano"))
    found = read_score(data, "a.mid")
    assert (found.title, found.part) == ("The song", "Piano")
    assert read_score(many(bass="Bass"), "a.mid").title == ""


def test_a_riff_container():
    data = saved(track(*notes(SCALE)))
    riff = b"RIFF" + struct.pack("<I", len(data) + 12) + b"RMIDdata" + struct.pack("<I", len(data))
    assert len(read_score(riff + data, "a.rmi").tune) == 8


def test_nothing_to_find():
    drums = saved(track(*notes([36, 38] * 8, channel=9)))
    with pytest.raises(NoMelodyError, match="nothing but percussion"):
        read_score(drums, "a.mid")
    with pytest.raises(NoMelodyError, match="no notes"):
        read_score(saved(track(tempo(0, 100))), "a.mid")
    with pytest.raises(NoMelodyError, match="no note that lasts"):
        read_score(saved(track(*notes(SCALE, length=1))), "a.mid")


def test_what_is_no_midi_file(tmp_path):
    whole = saved(track(*notes(SCALE)))
    for data in (whole[:-9], whole[:20], b"RIFF....RMID", b"text", b"MThd" + bytes(20)):
        with pytest.raises(NotAScoreError, match=r"a\.mid"):
            read_score(data, "a.mid")
    with pytest.raises(NotAScoreError, match=r"is empty \(0 bytes\)"):
        read_score(b"", "a.mid")
    with pytest.raises(NotAScoreError, match="no ending of a score"):
        read_score(whole, "a.xml")
    with pytest.raises(SourceNotFoundError):
        read_score(tmp_path / "a.mid")
    (tmp_path / "a.mid").write_bytes(whole)
    assert len(read_score(tmp_path / "a.mid").tune) == 8


def test_times_that_cannot_be():
    with pytest.raises(AudioTooLongError, match="hours"):
        read_score(saved(track(*notes(SCALE, step=2**26))), "a.mid")


def test_the_likeliest_part_is_none_of_the_basses():
    tune = [(at * 0.5, at * 0.5 + 0.4, 65 + at % 5) for at in range(20)]
    bass = part_of(0, "", tune, 33)
    lead = part_of(1, "", [(a, b, c + 14) for a, b, c in tune], 0)
    assert likeliest([bass, lead]) is lead
    assert choose(Sheet((bass,)), None, "x") is bass


WHOLE = saved(track(*notes(SCALE), tempo(7, 90), name="Melody"), track(*notes([(40, 50)] * 5)))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    suffix=st.sampled_from(sorted(SUFFIXES & {".mid", ".rmi", ".kar"})),
    data=st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=100).map(lambda tail: WHOLE[:22] + tail),
        st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)).map(
            lambda at: WHOLE[: at[0]] + bytes([at[1]]) + WHOLE[at[0] + 1 :]
        ),
        st.integers(0, len(WHOLE)).map(lambda end: WHOLE[:end]),
    ),
)
def test_damage_is_told_as_such(suffix, data):
    try:
        tune = read_score(data, f"a{suffix}").tune
    except EarmarkError:
        return
    assert len(tune)
    assert np.isfinite(tune.onset_s).all()
    assert (tune.length_s > 0).all()
    assert (np.diff(tune.onset_s) > 0).all()


def test_reading_does_not_depend_on_the_track_order():
    sheet = read_midi(many(), "a.mid")
    assert likeliest(sheet.parts[::-1]).index == likeliest(sheet.parts).index == 2
