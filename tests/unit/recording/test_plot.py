from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import StoreError, UsageError
from earmark.recording.params import SpectrumParams
from earmark.recording.plot import plot_answer, plot_match, require_format, stretch_to_draw
from earmark.types import Answer, Clip, Evidence, Landmark, Match, Segment, Span, Track

RATE_HZ = 16_000
FRAME_S = SpectrumParams().frame_s
TRACK = Track("id1", "/m/a.ogg", "c" * 64, 200.0, 7, title="Cost $5 of $10", artist="A")


def tones(seconds: float = 4.0) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Short tones at known (second, hertz), four a second."""
    random = np.random.default_rng(3)
    samples = 0.001 * random.standard_normal(int(seconds * RATE_HZ))
    time_s = np.arange(len(samples)) / RATE_HZ
    places = []
    for at_s in np.arange(0.3, seconds - 0.3, 0.25):
        hertz = float(random.integers(40, 300)) * 15.625
        samples += np.exp(-(((time_s - at_s) / 0.02) ** 2)) * np.sin(2 * np.pi * hertz * time_s)
        places.append((float(at_s), hertz))
    return (0.5 * samples).astype(np.float32), places


def match_of(places, offset_s=40.0) -> Match:
    half_s = 512 / RATE_HZ  # a landmark is named by the start of its window
    starts = [(round((at_s - half_s) / FRAME_S) * FRAME_S, hertz) for at_s, hertz in places]
    marks = tuple(Landmark(at_s, at_s + offset_s, hertz) for at_s, hertz in starts)
    segments = (Segment(Span(0.0, 4.0), Span(offset_s, offset_s + 4.0)),)
    return Match("recording", TRACK, 0.97, 12.0, segments, 1.0, 0.0, Evidence({}, marks))


@pytest.fixture
def clip() -> Clip:
    return Clip(tones()[0], RATE_HZ)


@pytest.fixture
def match() -> Match:
    return match_of(tones()[1])


def histogram(figure) -> dict[float, int]:
    bars = figure.axes[1].patches
    middles = [bar.get_x() + bar.get_width() / 2 for bar in bars]
    return dict(zip(middles, (bar.get_height() for bar in bars), strict=True))


@pytest.mark.parametrize("over_the_clip", [True, False])
def test_the_offset_stands_out_where_the_answer_says(match, clip, over_the_clip):
    counts = histogram(plot_answer(match, clip if over_the_clip else None))
    highest = max(counts, key=counts.get)
    assert abs(highest - 40.0) < 1.5 * FRAME_S
    elsewhere = [count for offset, count in counts.items() if abs(offset - 40.0) > 0.05]
    assert counts[highest] >= 3 * max(elsewhere)


def test_a_clip_of_something_else_shows_no_peak(match):
    noise = np.random.default_rng(1).standard_normal(4 * RATE_HZ).astype(np.float32)
    counts = histogram(plot_answer(match, Clip(0.1 * noise, RATE_HZ)))
    near = max(count for offset, count in counts.items() if abs(offset - 40.0) < 0.04)
    assert near < len(match.evidence.landmarks) / 2


def test_landmarks_lie_on_the_tones_they_were_found_at(match, clip):
    figure = plot_answer(match, clip)
    drawn = figure.axes[0].collections[-1].get_offsets()
    wanted = [(at_s, hertz / 1000) for at_s, hertz in tones()[1]]
    np.testing.assert_allclose(drawn, wanted, atol=FRAME_S)
    assert len(figure.axes[0].images) == 1


def test_a_pitch_shift_moves_the_landmarks_to_where_they_are_heard(match):
    higher = replace(match, pitch_shift_semitones=12.0)
    low, high = (plot_match(m).axes[0].collections[-1].get_offsets() for m in (match, higher))
    np.testing.assert_allclose(high[:, 1], 2 * low[:, 1])


def test_the_title_says_what_was_found(match):
    figure = plot_match(replace(match, time_ratio=1.05, pitch_shift_semitones=0.84))
    assert figure.get_suptitle() == r"A - Cost \$5 of \$10"
    title = figure.axes[0].get_title()
    for fact in ("0:40.0", "0.97", "speed x 1.050", "pitch +0.84 st"):
        assert fact in title
    assert "speed" not in plot_match(match).axes[0].get_title()


def test_equal_answers_give_equal_bytes(match, clip, tmp_path):
    answer = Answer("clip.wav", "match", (match,))
    for name in ("a.png", "b.png"):
        plot_answer(answer, clip, tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == second
    assert first.startswith(b"\x89PNG")


def test_a_match_draws_itself_and_shows_in_a_notebook(match, tmp_path):
    figure = match.plot(tmp_path / "m.svg")
    assert (tmp_path / "m.svg").read_text().startswith("<?xml")
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_long_query_is_drawn_around_its_landmarks(match):
    assert stretch_to_draw(match, 20.0) == Span(0.0, 20.0)
    far = match_of([(at_s + 500.0, hertz) for at_s, hertz in tones()[1]])
    span = stretch_to_draw(far, 600.0)
    assert 499.0 <= span.start_s < 500.3
    assert 503.5 < span.end_s < 505.0
    part = Clip(tones()[0], RATE_HZ, 500.0)
    assert plot_answer(far, part).axes[0].get_xlim() == (500.0, 504.0)


def test_a_clip_shorter_than_a_window_is_drawn_without_a_spectrogram(match):
    figure = plot_answer(match, Clip(np.zeros(100, np.float32), RATE_HZ))
    assert not figure.axes[0].images


def test_nothing_to_draw(match):
    with pytest.raises(UsageError, match="no match to draw"):
        plot_answer(Answer("a", "no_match"))
    with pytest.raises(UsageError, match="no landmarks"):
        plot_match(replace(match, evidence=Evidence({})))


def test_trouble_is_one_sentence(match, clip, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="no picture format"):
        require_format("match.mp3")
    with pytest.raises(UsageError, match="must be at 16000 Hz"):
        plot_answer(match, Clip(clip.samples, 8000))
    with pytest.raises(StoreError, match="cannot be written"):
        plot_match(match, tmp_path / "none" / "m.png")
    for module in ("matplotlib.figure", "matplotlib.backend_bases"):
        monkeypatch.setitem(sys.modules, module, None)
    for attempt in (lambda: plot_match(match), lambda: require_format(Path("m.png"))):
        with pytest.raises(UsageError, match=r"pip install 'earmark\[plot\]'"):
            attempt()


def test_matplotlib_waits_and_pyplot_is_never_touched(tmp_path):
    program = (
        "import sys, earmark.recording.plot as plot\nassert 'matplotlib' not in sys.modules\n"
        "plot.new_figure(9.0, 6.0)\nassert 'matplotlib.pyplot' not in sys.modules"
    )
    environment = {"PYTHONPATH": ":".join(sys.path), "MPLCONFIGDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_the_program_draws_the_best_match_over_the_clip(earmark, write, song, tmp_path):
    write("music/song 1.wav", 1)
    clip = write("clip.wav", song(1)[3 * RATE_HZ : 8 * RATE_HZ])
    earmark("--library", "lib", "add", "music")
    ran = earmark("--library", "lib", "identify", clip, "--plot", "one.png")
    assert (ran.code, ran.err) == (0, "")
    piped = earmark(
        "--library", "lib", "identify", "-", "--plot", "two.png", stdin=clip.read_bytes()
    )
    assert (piped.code, piped.err) == (0, "")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    # The answer is given even if the picture cannot be written.
    lost = earmark("--library", "lib", "identify", clip, "--plot", "none/m.png")
    assert lost.code == 4
    assert "song 1" in lost.out
    assert earmark("--library", "lib", "identify", clip, "--plot", "m.mp3").code == 2
