"""Tags and covers from every container."""

import base64

import pytest

from earmark.audio.tags import TagsAndCover, read_tags
from earmark.errors import SourceNotFoundError, SourceUnreadableError
from earmark.types import Tags


def wide(text):
    return b"\1" + text.encode("utf-16")


def picture_frame(make):
    return (b"APIC", b"\0image/png\0\3\0" + make.png())


@pytest.mark.parametrize(
    ("container", "codec"),
    [("mp3", "libmp3lame"), ("ipod", "aac"), ("asf", "wmav2"), ("matroska", "libmp3lame"),
     ("mp4", "aac"), ("flac", "flac")],
)  # fmt: skip
def test_tags_of_containers(make, container, codec):
    data = make.container(make.tone(0.3), container, codec, metadata=make.TAGS)
    assert read_tags(data) == TagsAndCover(Tags(**make.TAGS))


@pytest.mark.parametrize("container", ["matroska", "flac"])
def test_isrc(make, container):
    data = make.container(make.tone(0.3), container, "flac", metadata={"ISRC": "USABC0112345"})
    assert read_tags(data).tags.isrc == "USABC0112345"


def test_id3_with_cover_number_genre_and_utf16(make):
    frames = [
        (b"TIT2", wide("Tïtle ☃")),
        (b"TPE1", b"\0" + "Ärtist".encode("latin-1")),
        (b"TALB", b"\0Album"),
        (b"TYER", b"\x002001"),
        (b"TCON", b"\0(17)"),
        (b"TSRC", b"\0USABC0112345"),
        picture_frame(make),
    ]
    tags = Tags("Tïtle ☃", "Ärtist", "Album", "2001", "Rock", "USABC0112345")
    assert read_tags(make.id3(frames) + make.mp3(make.tone(0.3))) == TagsAndCover(
        tags, make.png(), "image/png"
    )


def test_id3v1_at_the_end(make):
    tail = (
        b"TAG" + b"Title".ljust(30, b"\0") + b"Artist".ljust(30, b" ") + b"Album".ljust(30, b"\0")
    )
    tail += b"2001" + b"".ljust(30, b"\0") + bytes([17])
    found = read_tags(make.wav(make.tone(0.3), kind="MP3", subtype="MPEG_LAYER_III") + tail)
    assert found.tags == Tags("Title", "Artist", "Album", "2001", "Rock")


def test_covers_of_flac_ogg_and_m4a(make):
    flac = make.flac_with_picture(make.wav(make.tone(0.3), kind="FLAC"), make.png())
    block = base64.b64encode(make.flac_picture(make.png())).decode()
    ogg = make.container(
        make.tone(0.3, 48000), "ogg", "libopus", 48000, {"METADATA_BLOCK_PICTURE": block}
    )
    m4a = make.container(make.tone(0.3), "mp4", "aac", cover=make.png())
    for data in (flac, ogg, m4a):
        found = read_tags(data)
        assert (found.cover, found.cover_mime) == (make.png(), "image/png")


def test_a_film_is_no_cover(make):
    data = make.container(make.tone(1.0), "matroska", "libmp3lame", video=True)
    assert read_tags(data).cover is None


def test_aiff_author_is_the_artist(make, tmp_path):
    import soundfile

    with soundfile.SoundFile(tmp_path / "a.aiff", "w", 44100, 1) as file:
        file.title, file.artist = "Title", "Artist"
        file.write(make.tone(0.3))
    assert read_tags(tmp_path / "a.aiff").tags == Tags("Title", "Artist")


@pytest.mark.parametrize(
    "frames",
    [
        [(b"TIT2", b"\3\xff\xfe\xfa")],
        [(b"TPE1", b"\1abc")],
        [(b"APIC", b"\0imag")],
        [(b"APIC", b"\0image/png\0\3\0not a picture")],
        [(b"TIT2", b"")],
    ],
)
def test_broken_tags_are_empty_tags(make, frames):
    found = read_tags(make.id3(frames) + make.mp3(make.tone(0.3)))
    assert found.cover is None
    assert found.tags.title is None


def test_what_is_not_audio_has_no_tags():
    for data in (b"", b"hello" * 100, b"#EXTM3U\nx", b"ID3\4\0\0\x7f\x7f\x7f\x7f" + b"\xff" * 50):
        assert read_tags(data) == TagsAndCover()


def test_a_missing_file_and_a_folder_are_errors(tmp_path):
    with pytest.raises(SourceNotFoundError):
        read_tags(tmp_path / "no.mp3")
    with pytest.raises(SourceUnreadableError):
        read_tags(tmp_path)
