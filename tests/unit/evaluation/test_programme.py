"""Programmes: the truth is what was mixed, whatever was done to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import soxr

from earmark.errors import UsageError
from earmark.evaluation.noise import RATE_HZ, NoiseBank
from earmark.evaluation.programme import Programme, Sources
from earmark.evaluation.programme_mix import Layer, Mixer, alone, played
from earmark.evaluation.programme_sound import EFFECTS, FASTEST
from earmark.evaluation.programme_truth import Alone, Stretch, Truth
from earmark.types import Span

MADE_S = 240.0
PIECE_S = 2.0


def rumble(seed: int, seconds: float = 50.0) -> np.ndarray:
    """Noise below a kilohertz: like itself at one place only."""
    noise = np.random.default_rng(seed).standard_normal(int(seconds * RATE_HZ))
    return np.convolve(noise, np.full(16, 0.02), "same").astype(np.float32)


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Ten tracks of 50 s by their paths; the last four are nobody's."""
    folder = tmp_path_factory.mktemp("songs")
    kept = {}
    for seed in range(10):
        path = folder / f"{seed}.wav"
        kept[path] = rumble(seed)
        soundfile.write(path, kept[path], RATE_HZ, subtype="FLOAT")
    return kept


@pytest.fixture(scope="module")
def sources(songs):
    paths = tuple(songs)
    noises = tuple(np.random.default_rng(seed).standard_normal(99_000) for seed in (1, 2))
    return Sources(paths[:6], paths[6:], bank=NoiseBank(noises[:1], noises[1:], noises[:1]))


@pytest.fixture(scope="module")
def programmes(sources):
    """A programme of every style: its samples and its truth."""
    made = {}
    for style in ("radio", "speed", "dj", "unknown"):
        programme = Programme(sources, style, duration_s=MADE_S, seed=3)
        made[style] = np.concatenate(list(programme)), programme.truth
    return made


def offset_s(piece: np.ndarray, around: np.ndarray, start_s: float, ratio: float) -> float:
    """How far from the middle of ``around``, in its own seconds, the piece lies in it."""
    if ratio != 1.0:
        around = soxr.resample(around, RATE_HZ * ratio, RATE_HZ)
    n = 1 << (len(piece) + len(around)).bit_length()
    product = np.fft.rfft(around, n) * np.conj(np.fft.rfft(piece, n))
    likeness = np.fft.irfft(product)[: len(around) - len(piece)]
    return float(np.argmax(likeness) / RATE_HZ * ratio - start_s)


@pytest.mark.parametrize("style", ["radio", "speed", "dj", "unknown"])
def test_the_truth_is_what_was_mixed(programmes, songs, style):
    samples, truth = programmes[style]
    tracks = {str(path): track for path, track in songs.items()}
    assert len(samples) == MADE_S * RATE_HZ == truth.duration_s * RATE_HZ
    checked = 0
    for play in truth.played:
        assert play.known is (style != "unknown" and int(play.source[-5]) < 6)
        for heard in play.heard:
            if heard.span.duration_s < PIECE_S or "two" in heard.condition:
                continue
            at_s = (heard.span.start_s + heard.span.end_s - PIECE_S) / 2
            reference_s = play.reference_s(at_s)
            ratio = (play.reference_s(at_s + PIECE_S) - reference_s) / PIECE_S
            first_s = max(0.0, reference_s - 0.5)
            cut = slice(int(first_s * RATE_HZ), int((reference_s + PIECE_S * 1.1) * RATE_HZ))
            piece = samples[int(at_s * RATE_HZ) : int((at_s + PIECE_S) * RATE_HZ)]
            off_s = offset_s(piece, tracks[play.source][cut], reference_s - first_s, ratio)
            assert abs(off_s) < 0.01, (heard, play)
            checked += 1
    assert checked >= 3


def test_every_style_does_what_it_is_for(programmes):
    ratios = {style: [p.time_ratio for p in t.played] for style, (_, t) in programmes.items()}
    assert max(abs(ratio - 1.0) for ratio in ratios["speed"]) == pytest.approx(0.04, abs=0.011)
    assert all(ratio != 1.0 for ratio in ratios["speed"])
    _, dj = programmes["dj"]
    assert max(len(play.line) for play in dj.played) > 2  # its speed wanders
    pairs = [(a, b) for a in dj.played for b in dj.played if a.span.start_s < b.span.start_s]
    assert sum(a.span.end_s - b.span.start_s > 7.9 for a, b in pairs) >= 2  # long cross-fades
    _, radio = programmes["radio"]
    assert {one.kind for one in radio.alone} > {"music"}
    assert not any(play.known for play in programmes["unknown"][1].played)


def test_jingles_come_again_and_are_in_no_library(programmes, sources):
    for style in ("radio", "unknown"):
        samples, truth = programmes[style]
        (jingle,) = truth.jingles
        assert len(jingle.plays) >= 2
        assert jingle.source not in {play.source for play in truth.played}
        assert jingle.source in {str(path) for path in sources.unknown}
        first, second = (
            samples[round(play.start_s * RATE_HZ) : round(play.end_s * RATE_HZ)]
            for play in jingle.plays[:2]
        )
        assert np.corrcoef(first, second)[0, 1] > 0.999
        assert np.std(first) != pytest.approx(np.std(second), rel=0.01)


@pytest.mark.parametrize(("seed", "sort"), [(7, "noise 0"), (9, "speech 0")])
def test_of_speech_and_noise_the_truth_tells_which_seconds_are_played(sources, seed, sort):
    """The recordings are 6.2 s long: what is longer begins anew."""
    programme = Programme(sources, duration_s=20.0, seed=seed)
    samples = np.concatenate(list(programme))
    plays = [play for play in programme.truth.beside if play.source == sort]
    assert len(plays) >= 2
    assert plays[0].span.end_s == plays[1].span.start_s
    assert plays[1].line[0][1] == 0.0
    recording = {"noise 0": sources.bank.ambient, "speech 0": sources.bank.babble}[sort][0]
    for play in plays:
        start_s, end_s = play.span.start_s + 0.6, play.span.end_s - 0.6
        heard = samples[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]
        first = round(play.reference_s(start_s) * RATE_HZ)
        assert np.corrcoef(heard, recording[first : first + len(heard)])[0, 1] > 0.99


def test_the_same_seed_makes_the_same_programme(sources, programmes, tmp_path):
    truth = Programme(sources, duration_s=MADE_S, seed=3).write(tmp_path / "again.wav")
    again, rate_hz = soundfile.read(tmp_path / "again.wav", dtype="float32")
    samples, first = programmes["radio"]
    assert (rate_hz, truth) == (RATE_HZ, first)
    np.testing.assert_allclose(again, samples, atol=1e-4)
    truth.save(tmp_path / "again.json")
    kept = Truth.load(tmp_path / "again.json")
    assert kept == Truth.from_dict(kept.as_dict())
    assert [p.source for p in kept.played] == [p.source for p in truth.played]
    other = Programme(sources, duration_s=MADE_S, seed=4)
    assert not np.array_equal(np.concatenate(list(other)), samples)


def test_what_is_over_is_let_go(sources):
    programme = Programme(sources, "dj", duration_s=600.0, seed=1)
    for _ in programme:
        held = sum(layer.samples.nbytes for layer in programme._mixer.layers)
        assert held < 4 * 50 * RATE_HZ * 4  # four of the songs
    assert len(programme.truth.played) > 10


def test_refusals(sources, tmp_path):
    with pytest.raises(UsageError, match="no style of programme 'jazz'; there are radio"):
        Programme(sources, "jazz")
    with pytest.raises(UsageError, match="needs music to play"):
        Programme(replace(sources, known=(), unknown=()))
    with pytest.raises(UsageError, match="when its last block was made"):
        _ = Programme(sources).truth
    soundfile.write(tmp_path / "short.wav", np.zeros(RATE_HZ), RATE_HZ)
    with pytest.raises(UsageError, match="none of the music is readable"):
        list(Programme(replace(sources, known=(tmp_path / "short.wav",), unknown=()), "speed"))


def tone(seconds: float, hz: float, level: float) -> np.ndarray:
    return (level * np.sin(np.arange(int(seconds * RATE_HZ)) * hz / RATE_HZ * 6.283)).astype("f4")


def put(start_s: float, samples: np.ndarray, fades=(0.0, 0.0), role="song") -> Layer:
    length_s = len(samples) / RATE_HZ
    line = ((0.0, 5.0), (length_s, 5.0 + length_s))
    return Layer(role, int(start_s * RATE_HZ), samples, *fades, "a", "clean", (line,))


def near(span: Span, start_s: float, end_s: float, within_s: float = 0.11) -> bool:
    return abs(span.start_s - start_s) < within_s and abs(span.end_s - end_s) < within_s


class TestHeard:
    def test_a_fade_counts_down_to_20_db(self):
        (one,) = played([put(2.0, tone(30.0, 440, 0.1), (10.0, 10.0))], 40 * RATE_HZ)
        assert (one.span, one.reference_s(3.0)) == (Span(2.0, 32.0), 6.0)
        (heard,) = one.heard
        rising_s = 10.0 * np.arcsin(0.1) / (np.pi / 2)
        assert near(heard.span, 2.0 + rising_s, 32.0 - rising_s)

    def test_what_others_drown_is_not_asked_for(self):
        # 14 dB below the other is heard, 16 dB is not.
        for level, parts in ((0.02, 1), (0.0158, 2)):
            layers = [put(0.0, tone(30.0, 440, level)), put(10.0, tone(10.0, 900, 0.1), role="x")]
            (one,) = played(layers, 30 * RATE_HZ)
            assert len(one.heard) == parts
        assert near(one.heard[0].span, 0.0, 10.0, 0.6)
        assert near(one.heard[1].span, 20.0, 30.0, 0.6)

    def test_pauses_are_not_asked_for(self):
        samples = tone(30.0, 440, 0.1)
        samples[10 * RATE_HZ : 20 * RATE_HZ] = 0.0
        (one,) = played([put(0.0, samples)], 30 * RATE_HZ)
        assert [near(h.span, *at, 0.6) for h, at in zip(one.heard, ((0, 10), (20, 30)), strict=1)]

    def test_conditions_cut_it_and_the_end_of_the_programme_too(self):
        layer = put(1.0, tone(30.0, 440, 0.1))
        layer.over.append(Stretch(Span(5.0, 9.0), "talkover_3db"))
        (one,) = played([layer], 20 * RATE_HZ)
        assert one.span == Span(1.0, 20.0)
        names = [(h.span.start_s, h.span.end_s, h.condition) for h in one.heard]
        wanted = [(1.0, 5.0, "clean"), (5.0, 9.0, "talkover_3db"), (9.0, 20.0, "clean")]
        assert names == [pytest.approx(one) if isinstance(one, float) else one for one in wanted]


def test_what_is_alone():
    layers = [
        put(0.0, tone(10.0, 440, 0.1)),
        put(10.0, tone(10.0, 440, 0.1), role="speech"),
        put(15.0, tone(10.0, 440, 0.1), role="unknown"),
    ]
    assert alone(layers, 30 * RATE_HZ) == [
        Alone("speech", Span(10.0, pytest.approx(15.0, abs=0.6))),
        Alone("music", Span(pytest.approx(20.0, abs=0.6), pytest.approx(25.0, abs=0.6))),
        Alone("silence", Span(pytest.approx(25.0, abs=0.6), 30.0)),
    ]


def test_what_would_begin_after_the_end_is_not_there():
    sound = np.full(RATE_HZ, 0.1, np.float32)
    total = 2 * RATE_HZ
    first = Layer("song", 0, sound, source="a", lines=(((0.0, 0.0), (1.0, 1.0)),))
    after = total + 3 * RATE_HZ // 10
    late = Layer("song", after, sound, source="b", lines=(((2.3, 0.0), (3.3, 1.0)),))
    talk = Layer("speech", after, sound)
    layers = [first, late, talk]
    assert [play.source for play in played(layers, total)] == ["a"]
    assert alone(layers, total) == alone([first], total)


def test_nothing_is_put_into_the_past():
    mixer = Mixer(30 * RATE_HZ)
    mixer.place(put(0.0, tone(12.0, 440, 0.1)))
    assert sum(map(len, mixer.mixed(10 * RATE_HZ))) == 10 * RATE_HZ
    with pytest.raises(ValueError, match="are mixed"):
        mixer.place(put(9.0, tone(2.0, 440, 0.1)))


@pytest.mark.parametrize("name", EFFECTS)
def test_effects_tell_what_plays_when(name):
    source, n = rumble(21), 40 * RATE_HZ
    cut = EFFECTS[name](source[: int(n * FASTEST) + 16], n, np.random.default_rng(5))
    assert abs(len(cut.samples) - n) <= 1
    for line in cut.lines:
        (start_s, first_s), (end_s, last_s) = line[:2]
        ratio = (last_s - first_s) / (end_s - start_s)
        assert 0.95 <= ratio <= 1.05
        if end_s - start_s < PIECE_S + 1.0:
            continue
        at_s, track_s = start_s + 0.5, first_s + 0.5 * ratio
        piece = cut.samples[int(at_s * RATE_HZ) : int((at_s + PIECE_S) * RATE_HZ)]
        around = source[int((track_s - 0.4) * RATE_HZ) : int((track_s + 2 * PIECE_S) * RATE_HZ)]
        assert abs(offset_s(piece, around, 0.4, ratio)) < 0.003
    ends = [line[-1][0] for line in cut.lines]
    assert ends[-1] == pytest.approx(len(cut.samples) / RATE_HZ, abs=1e-3)
