"""Bad input: one exception of the tree, one sentence with the name and the remedy."""

import os
import socket

import numpy as np
import pytest

from earmark.audio.decode import decode
from earmark.errors import (
    AudioTooLongError,
    EmptyAudioError,
    InputError,
    NotAudioError,
    SourceNotFoundError,
    SourceUnreadableError,
)


def refused(kind, source):
    with pytest.raises(kind) as caught:
        decode(source, 16000)
    assert type(caught.value) is kind
    message = caught.value.message
    assert "\n" not in message
    assert "; " in message, "no remedy"
    return message


def test_a_missing_file(tmp_path):
    assert str(tmp_path / "no.mp3") in refused(SourceNotFoundError, tmp_path / "no.mp3")


def test_a_path_through_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    assert "its path" in refused(SourceNotFoundError, tmp_path / "a" / "b.mp3")


def test_a_folder(tmp_path):
    assert "is a folder" in refused(SourceUnreadableError, tmp_path)


def test_a_socket_cannot_be_read(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        assert "cannot be read" in refused(SourceUnreadableError, tmp_path / "s")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "secret.wav"
    path.write_bytes(b"RIFF")
    path.chmod(0)
    assert "may not be read" in refused(SourceUnreadableError, path)


def test_a_disk_that_fails_is_unreadable():
    import io

    class Failing(io.RawIOBase):
        name = "failing.wav"

        def readable(self):
            return True

        def readinto(self, buffer):
            raise PermissionError(13, "denied")

    assert "failing.wav may not be read" in refused(SourceUnreadableError, Failing())


def test_a_path_with_a_null_or_too_long_a_name():
    for path in ("a\0b.mp3", "x" * 5000):
        with pytest.raises(InputError):
            decode(path, 16000)


def test_text_renamed(tmp_path):
    path = tmp_path / "notes.mp3"
    path.write_text("Dear diary, today I heard a song.\n" * 200)
    message = refused(NotAudioError, path)
    assert "notes.mp3" in message
    assert "looks like text" in message


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes(seed):
    noise = np.random.default_rng(seed).integers(0, 256, 20_000, dtype=np.uint8).tobytes()
    refused(NotAudioError, noise)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n/etc/hostname\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///tmp/a.wav\n",
        "ffconcat version 1.0\nfile a.wav\n",
        "[playlist]\nFile1=a.mp3\n",
    ],
)
def test_a_playlist_opens_nothing_else(text):
    assert "playlist" in refused(NotAudioError, text.encode())


def test_zero_bytes(tmp_path):
    (tmp_path / "e.wav").touch()
    assert "0 bytes" in refused(EmptyAudioError, tmp_path / "e.wav")
    refused(EmptyAudioError, b"")


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "AIFF"])
def test_zero_samples(make, kind):
    refused(EmptyAudioError, make.wav(np.zeros((0, 1), np.float32), kind=kind))


def test_video_without_sound(make):
    assert "no audio stream" in refused(NotAudioError, make.video_only())


def test_an_m4a_without_its_index(make):
    data = make.m4a(make.tone(3.0))
    assert "cut off" in refused(NotAudioError, data[: len(data) // 2])


def test_too_long(make):
    data = make.wav(make.tone(3.0))
    assert decode(data, 16000, max_s=3.0).clip.duration_s == pytest.approx(3.0)
    with pytest.raises(AudioTooLongError, match="longer than 2 s; cut it"):
        decode(data, 16000, max_s=2.0)


def test_silence_is_visible_and_no_error(make):
    decoded = decode(make.wav(np.zeros((16000, 1), np.float32), 16000), 16000)
    assert decoded.levels.silent
    assert decoded.clip.duration_s == 1.0


def test_a_wrong_or_odd_name_does_not_matter(make, tmp_path):
    for name in ("a.raw", "b:c.mp3", "concat:x|y", "-", "ünï ☃", "no extension", "x.txt"):
        path = tmp_path / name
        path.write_bytes(make.wav(make.tone(0.2)))
        assert decode(path, 16000).clip.duration_s == pytest.approx(0.2)
        assert decode(str(path), 16000).levels == decode(path.read_bytes(), 16000).levels
