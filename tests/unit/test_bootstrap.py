from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from earmark import (
    DamagedIndexError,
    LibraryNotFoundError,
    LibraryParametersError,
    LibraryVersionError,
    Settings,
    StoreError,
    UsageError,
)
from earmark.bootstrap import open_ledger, open_parts
from earmark.errors import DiskFullError
from earmark.homes import store_errors
from earmark.manifest import VERSION, Manifest, read_manifest, write_manifest
from earmark.ports import Embedded

SETTINGS = Settings(lock_wait_s=1.0)


def test_a_library_is_made_and_opened_again(tmp_path):
    folder = tmp_path / "a" / "b"
    open_parts(folder, SETTINGS, create=True).close()
    shape = json.loads((folder / "library.json").read_text())
    assert (shape["format"], shape["version"]) == ("earmark-library", VERSION)
    open_parts(folder, SETTINGS).close()


def test_an_empty_folder_becomes_one(tmp_path):
    open_parts(tmp_path, SETTINGS, create=True).close()


def test_what_is_no_library(tmp_path):
    with pytest.raises(LibraryNotFoundError, match=r"earmark --library .* add"):
        open_parts(tmp_path / "none", SETTINGS)
    (tmp_path / "song.mp3").touch()
    with pytest.raises(LibraryNotFoundError, match=r"'song\.mp3'"):
        open_parts(tmp_path, SETTINGS, create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["song.mp3"]
    with pytest.raises(StoreError):
        open_parts(tmp_path / "song.mp3" / "x", SETTINGS, create=True)
    with pytest.raises(StoreError):
        open_parts(tmp_path / "song.mp3", SETTINGS, create=True)
    with pytest.raises(UsageError, match=r"begins with redis://.*nothing is known of ftp://"):
        open_parts("ftp://host/0", SETTINGS, create=True)


def test_another_version_says_what_to_do(tmp_path):
    write_manifest(tmp_path, Manifest(VERSION + 1))
    with pytest.raises(LibraryVersionError, match="upgrade earmark"):
        open_parts(tmp_path, SETTINGS)
    write_manifest(tmp_path, Manifest(VERSION - 1))
    with pytest.raises(LibraryVersionError, match="export"):
        open_parts(tmp_path, SETTINGS, repair=True)


def test_a_room_hands_out_stores_in_folders_of_their_own(tmp_path):
    parts = open_parts(tmp_path / "library", SETTINGS, create=True)
    room = parts.room("melody")
    vectors = room.vectors(8, "digest")
    vectors.add([Embedded(1, np.eye(8, dtype=np.float32), np.zeros(8), np.ones(8), b"")])
    vectors.flush()
    assert (room.folder / "vectors" / "manifest.json").is_file()
    assert room.vectors(8, "digest").known().tolist() == [1]
    assert room.postings(8, "digest").known().tolist() == []
    with pytest.raises(LibraryParametersError, match="rebuild"):
        room.vectors(16, "digest").known()
    room.discard()
    assert room.vectors(16, "digest").known().tolist() == []
    parts.close()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "x"}', '"x"', "\x00"])
def test_a_damaged_manifest_is_named_and_mended(tmp_path, text):
    (tmp_path / "library.json").write_text(text)
    with pytest.raises(DamagedIndexError, match=r"library\.json is damaged; run .* rebuild"):
        open_parts(tmp_path, SETTINGS)
    open_parts(tmp_path, SETTINGS, repair=True).close()
    open_parts(tmp_path, SETTINGS).close()


def test_digests_are_remembered(tmp_path):
    write_manifest(tmp_path, Manifest().with_digest("recording", "abc"))
    assert read_manifest(tmp_path).digests == {"recording": "abc"}


def test_a_full_device_has_its_own_error(tmp_path):
    with pytest.raises(DiskFullError, match="no room"), store_errors(tmp_path):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("place", ["redis:/ann:secret@db/0", Path("rediss://ann:secret@db/0")])
def test_half_a_url_is_no_folder(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for use in (lambda: open_parts(place, SETTINGS, create=True), lambda: open_ledger(place)):
        with pytest.raises(UsageError, match="two slashes follow the colon") as caught:
            use()
        assert "secret" not in caught.value.message
    assert list(tmp_path.iterdir()) == []
