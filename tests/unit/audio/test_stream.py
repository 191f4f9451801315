"""Blocks of any source: no seam, no loss, bounded memory."""

import io
import os
import sys
import threading
import tracemalloc

import numpy as np
import pytest
import soxr

from earmark.audio.decode import decode
from earmark.audio.stream import open_blocks
from earmark.errors import EarmarkError, EmptyAudioError, UsageError


def joined(stream):
    return np.concatenate([clip.samples for clip in stream])


@pytest.mark.parametrize("block_s", [0.01, 0.37, 1.0, 60.0])
def test_blocks_join_to_what_one_resampling_gives(make, block_s):
    tone = make.tone(5.0, channels=2)
    expected = soxr.resample(tone.mean(axis=1), make.RATE_HZ, 16000)
    with open_blocks(make.wav(tone, subtype="FLOAT"), 16000, block_s) as stream:
        clips = list(stream)
    assert all(len(clip.samples) == round(block_s * 16000) for clip in clips[:-1])
    starts = [clip.start_s for clip in clips]
    assert starts == pytest.approx([n * block_s for n in range(len(clips))])
    np.testing.assert_allclose(np.concatenate([c.samples for c in clips]), expected, atol=2e-6)


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_any_rate_and_channel_count(make, rate_hz, channels):
    samples = make.tone(0.5, rate_hz, channels)
    with open_blocks(make.wav(samples, rate_hz, subtype="PCM_24"), 16000) as stream:
        audio = joined(stream)
    assert abs(len(audio) - 8000) <= 1
    expected = soxr.resample(samples.mean(axis=1), rate_hz, 16000)
    np.testing.assert_allclose(audio, expected[: len(audio)], atol=1e-4)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("block_s", [0.1, 30.0])
def test_nothing_that_was_given_out_changes_with_what_is_read_next(make, channels, block_s):
    ramp = np.repeat(np.linspace(-0.9, 0.9, 200_000, dtype=np.float32)[:, None], channels, 1)
    with open_blocks(make.wav(ramp, 44100, subtype="FLOAT"), 44100, block_s) as stream:
        np.testing.assert_array_equal(joined(list(stream)), ramp[:, 0])


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_any_sample_format(make, subtype):
    tone = make.tone(0.5)
    audio = decode(make.wav(tone, subtype=subtype), make.RATE_HZ).clip.samples
    np.testing.assert_allclose(audio, tone[:, 0], atol=2.0**-7 if subtype == "PCM_U8" else 5e-5)


def test_levels_are_those_of_the_channels_not_of_their_mean(make):
    left = make.tone(1.0)
    opposite = np.concatenate([left, -left], axis=1)
    decoded = decode(make.wav(opposite, subtype="FLOAT"), 16000)
    assert np.abs(decoded.clip.samples).max() < 1e-6
    assert decoded.levels.level_dbfs > -20


def test_not_a_number_counts_and_becomes_zero(make):
    tone = make.tone(1.0)
    tone[1000:1010], tone[2000] = np.nan, np.inf
    decoded = decode(make.wav(tone, subtype="FLOAT"), 16000, name="hurt.wav")
    assert np.isfinite(decoded.clip.samples).all()
    assert decoded.levels.nonfinite_samples == 11
    assert decoded.warnings == ("hurt.wav holds 11 samples that are no numbers; they count as 0",)


FORMATS = {
    "wav": lambda make, x: make.wav(x),
    "aiff": lambda make, x: make.wav(x, kind="AIFF"),
    "flac": lambda make, x: make.wav(x, kind="FLAC"),
    "vorbis": lambda make, x: make.wav(x, kind="OGG"),
    "mp3": lambda make, x: make.mp3(x),
    "m4a": lambda make, x: make.m4a(x),
    "wma": lambda make, x: make.container(x, "asf", "wmav2"),
    "mp4 with video": lambda make, x: make.container(x, "mp4", "aac", video=True),
    "mkv with video": lambda make, x: make.container(x, "matroska", "libmp3lame", video=True),
    "alac": lambda make, x: make.container(x, "ipod", "alac"),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_container_gives_the_same_audio(make, kind, channels):
    tone = make.tone(3.0, channels=channels)
    decoded = decode(FORMATS[kind](make, tone), 16000)
    expected = soxr.resample(tone.mean(axis=1), make.RATE_HZ, 16000)
    audio = decoded.clip.samples[: len(expected)]
    assert decoded.clip.duration_s == pytest.approx(3.0, abs=0.15)
    assert decoded.warnings == ()
    lead = 743 if kind == "wma" else 0  # FFmpeg's decoder drops the first 2048 samples of a WMA
    audio, expected = audio[3200 - lead : 40000 - lead], expected[3200:40000]
    assert np.corrcoef(audio, expected)[0, 1] > 0.98


@pytest.mark.parametrize(("container", "codec"), [("ipod", "aac"), ("matroska", "flac")])
def test_eight_channels_through_ffmpeg(make, container, codec):
    tone = make.tone(2.0, 48000, channels=8)
    audio = decode(make.container(tone, container, codec, 48000), 16000).clip.samples
    expected = soxr.resample(tone.mean(axis=1), 48000, 16000)
    assert np.corrcoef(audio[3200:30000], expected[3200:30000])[0, 1] > 0.95


def test_opus(make):
    tone = make.tone(3.0, 48000)
    audio = decode(make.container(tone, "ogg", "libopus", 48000), 16000).clip.samples
    expected = soxr.resample(tone[:, 0], 48000, 16000)
    assert len(audio) == pytest.approx(48000, abs=16)
    assert np.corrcoef(audio[3200:40000], expected[3200:40000])[0, 1] > 0.98


@pytest.mark.parametrize("kind", ["wav", "flac", "vorbis", "mp3", "m4a", "mkv with video", "wma"])
def test_a_stretch_is_what_lies_there(make, kind):
    data = FORMATS[kind](make, make.tone(8.0))
    whole = decode(data, make.RATE_HZ).clip.samples
    with open_blocks(data, make.RATE_HZ, 0.5, start_s=3.25, duration_s=2.0) as stream:
        clips = list(stream)
    assert [clip.start_s for clip in clips] == pytest.approx([3.25, 3.75, 4.25, 4.75])
    cut = np.concatenate([clip.samples for clip in clips])
    assert len(cut) == 2 * make.RATE_HZ
    begin = round(3.25 * make.RATE_HZ)
    error = cut - whole[begin : begin + len(cut)]
    if kind == "mkv with video":  # its time stamps are whole milliseconds
        spectrum = np.correlate(whole[begin - 200 : begin + 8400], cut[1000:8000], "valid")
        assert abs(int(np.argmax(spectrum)) - 1200) <= 64
    else:
        assert np.abs(error).max() < 0.01


def test_a_start_past_the_end_is_empty(make):
    with pytest.raises(EmptyAudioError, match="no audio from 9 s on"):
        decode(make.wav(make.tone(1.0)), 16000, start_s=9.0)


def test_a_pipe_is_read_though_it_cannot_seek(make):
    data = make.m4a(make.tone(4.0))  # its index lies at the end: it must be spooled
    read, write = os.pipe()

    def send():
        with os.fdopen(write, "wb") as out:
            out.write(data)

    sender = threading.Thread(target=send)
    sender.start()
    with os.fdopen(read, "rb") as pipe:
        assert decode(pipe, 16000, name="<stdin>").clip.duration_s == pytest.approx(4.0, abs=0.1)
        assert not pipe.closed
    sender.join()


def test_a_live_pipe_delivers_before_its_end(make):
    data = make.wav(make.tone(8.0), kind="FLAC")
    read, write = os.pipe()
    heard = threading.Event()

    def send():
        with os.fdopen(write, "wb") as out:
            out.write(data[: len(data) * 3 // 4])
            out.flush()
            assert heard.wait(10)
            out.write(data[len(data) * 3 // 4 :])

    sender = threading.Thread(target=send)
    sender.start()
    with os.fdopen(read, "rb") as pipe, open_blocks(pipe, 16000, 0.5, live=True) as stream:
        first = next(stream)
        heard.set()
        rest = list(stream)
    sender.join()
    assert first.duration_s == 0.5
    assert 0.5 + sum(clip.duration_s for clip in rest) == pytest.approx(8.0, abs=0.01)


def test_a_file_object_stays_open(make):
    memory = io.BytesIO(make.wav(make.tone(1.0)))
    decode(memory, 16000)
    assert not memory.closed


@pytest.mark.parametrize("kind", ["wav", "aiff", "flac", "vorbis", "mp3", "wma"])
def test_a_cut_off_file_delivers_what_is_there(make, tmp_path, kind):
    data = FORMATS[kind](make, make.tone(10.0))
    path = tmp_path / f"cut.{kind}"
    path.write_bytes(data[: len(data) * 6 // 10])
    for source in (path, path.read_bytes()):
        with open_blocks(source, 16000, name="cut") as stream:
            audio = joined(stream)
            assert stream.truncated
            assert stream.warnings[0].startswith("cut is damaged or cut off")
        assert 4.0 < len(audio) / 16000 < 9.0


def test_a_fragment_of_matroska_delivers_what_is_there(make):
    data = FORMATS["mkv with video"](make, make.tone(10.0))
    assert decode(data[: len(data) // 2], 16000).clip.duration_s == pytest.approx(5.0, abs=1.5)


def test_a_hole_in_a_flac_is_read_past(make):
    data = bytearray(make.wav(make.tone(20.0), kind="FLAC"))
    data[len(data) // 2 : len(data) // 2 + 64] = bytes(64)
    with open_blocks(bytes(data), 16000) as stream:
        assert len(joined(stream)) / 16000 == pytest.approx(20.0, abs=0.5)
        assert stream.truncated


def test_a_wav_from_a_pipe_with_unknown_length_is_whole(make):
    data = bytearray(make.wav(make.tone(1.0)))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    decoded = decode(bytes(data), 16000)
    assert decoded.clip.duration_s == pytest.approx(1.0)
    assert decoded.warnings == ()


def test_fifty_milliseconds_and_a_single_sample(make):
    assert decode(make.wav(make.tone(0.05)), 16000).clip.duration_s == pytest.approx(0.05)
    assert len(decode(make.wav(np.ones((1, 1), np.float32)), 16000).clip.samples) <= 1


@pytest.mark.parametrize(
    ("rate_hz", "block_s", "start_s"), [(0, 1, 0), (16000, 0, 0), (16000, 1, -1)]
)
def test_senseless_numbers_are_refused(make, rate_hz, block_s, start_s):
    with (
        pytest.raises(UsageError, match="must be above 0"),
        open_blocks(b"x", rate_hz, block_s, start_s=start_s),
    ):
        pass


def test_an_error_of_the_caller_passes_through_unchanged(make):
    class CallersError(OSError):
        pass

    with pytest.raises(CallersError), open_blocks(make.wav(make.tone(1.0)), 16000):
        raise CallersError


def test_a_pipe_past_its_limit_is_refused(make):
    from earmark.audio.fetch import FetchLimits

    read, write = os.pipe()
    with os.fdopen(write, "wb") as out:
        out.write(bytes(4000))
    with os.fdopen(read, "rb") as pipe, pytest.raises(EarmarkError, match="more than 1000 bytes"):
        decode(pipe, 16000, limits=FetchLimits(max_bytes=1000))


@pytest.mark.slow
def test_ten_hours_in_bounded_memory(make, tmp_path):
    path = tmp_path / "long.wav"
    make.sparse_wav(path, 36_000, 4_000)
    seconds = 0.0
    tracemalloc.start()
    try:
        with open_blocks(path, 2000, 60.0) as stream:
            assert stream.claimed_s == 36_000
            for clip in stream:
                seconds += clip.duration_s
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seconds == pytest.approx(36_000)
    assert peak < 16_000_000


def test_importing_the_room_loads_no_decoder():
    import subprocess

    code = (
        "import sys, earmark.audio.decode, earmark.audio.tags, earmark.audio.identity;"
        "print([m for m in ('av', 'soundfile', 'soxr') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
