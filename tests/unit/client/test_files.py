"""What is fetched is there when it is whole, or not at all."""

from __future__ import annotations

import pytest

from earmark.errors import NoMediaError, ServiceError, StoreError, UsageError


def test_audio_goes_to_a_file_or_to_memory(stage, ask, tmp_path):
    stage.says(200, b"RIFFdata", Content_Type="audio/wav", ETag='"e"')
    to = tmp_path / "a.wav"
    to.write_bytes(b"old")
    saved = ask(stage.url, "audio", "t1", to)
    assert (saved.path, saved.body, to.read_bytes()) == (to, b"", b"RIFFdata")
    held = ask(stage.url, "audio", "t1", start_s=1.5, duration_s=2)
    assert (held.path, held.body, held.content_type, held.etag) == (
        None,
        b"RIFFdata",
        "audio/wav",
        '"e"',
    )
    assert stage.asked[-1].target == "/v1/tracks/t1/audio?start_s=1.5&duration_s=2"
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_what_is_cut_off_leaves_the_old_file(stage, ask, tmp_path):
    to = tmp_path / "a.wav"
    to.write_bytes(b"old")
    stage.says(200, b"RIFF", Content_Length="1000000")
    with pytest.raises(ServiceError, match="broke off"):
        ask(stage.url, "audio", "t1", to)
    stage.refuses(404, "no_media", "its file is gone")
    with pytest.raises(NoMediaError):
        ask(stage.url, "audio", "t1", to)
    assert to.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_place_that_cannot_be_written(stage, ask, tmp_path):
    stage.says(200, b"RIFF")
    with pytest.raises(StoreError, match="cannot be written") as caught:
        ask(stage.url, "audio", "t1", tmp_path / "none" / "a.wav", retries=2)
    assert not isinstance(caught.value, ServiceError)
    assert len(stage.asked) == 1


def test_an_archive_is_not_written_over(stage, ask, tmp_path):
    stage.says(200, b"PK")
    to = ask(stage.url, "export_to", tmp_path / "all.earmark")
    assert to.read_bytes() == b"PK"
    with pytest.raises(UsageError, match="overwrite=True"):
        ask(stage.url, "export_to", to)
    assert len(stage.asked) == 1
    assert ask(stage.url, "export_to", to, overwrite=True) == to


def test_a_track_without_a_cover(stage, ask):
    stage.refuses(404, "no_media").says(200, b"\x89PNG", Content_Type="image/png")
    assert ask(stage.url, "cover", "t1") is None
    assert ask(stage.url, "cover", "t1").body == b"\x89PNG"
    stage.refuses(404, "track_not_found")
    with pytest.raises(Exception, match="no") as caught:
        ask(stage.url, "cover", "t1")
    assert caught.value.code == "track_not_found"
