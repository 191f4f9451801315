"""Archives that were made to break things: every sum is right, what is in them is not."""

from __future__ import annotations

import hashlib
import json
import zipfile

import pytest

from earmark import Library
from earmark.errors import ArchiveError


def forged(path, target, line=None, features=None):
    """Write an archive anew with its lines or its features changed, and sums that agree."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, data in members.items():
        if line is not None and name.startswith("tracks/"):
            lines = [line(json.loads(text)) for text in data.splitlines()]
            members[name] = b"\n".join(json.dumps(one).encode() for one in lines)
        if features is not None and name.startswith("features/"):
            members[name] = features(data)
    del members["SHA256SUMS"]
    sums = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in members.items()]
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr("SHA256SUMS", "".join(sums))
    return target


@pytest.fixture
def archive(shelf, write, song, tmp_path):
    shelf.add([write("a.wav", song(1, 4.0))])
    shelf.export_to(tmp_path / "a.earmark")
    return tmp_path / "a.earmark"


@pytest.mark.parametrize(
    "line",
    [
        lambda line: [1],
        lambda line: {name: value for name, value in line.items() if name != "id"},
        lambda line: {**line, "source": 5},
        lambda line: {**line, "duration_s": "long"},
        lambda line: {**line, "duration_s": float("nan")},
        lambda line: {**line, "tags": None},
        lambda line: {**line, "extra": {"a": 1}},
        lambda line: {**line, "audio": "../x"},
    ],
)
def test_a_line_that_is_no_track_is_refused(archive, settings, tmp_path, line):
    made = forged(archive, tmp_path / "b.earmark", line=line)
    with (
        Library.open(tmp_path / "other", create=True, settings=settings) as library,
        pytest.raises(ArchiveError, match="damaged"),
    ):
        library.import_from(made)


def test_features_that_cannot_be_read_are_refused_before_they_are_kept(
    archive, settings, tmp_path, song, write
):
    made = forged(archive, tmp_path / "b.earmark", features=lambda data: data[:7])
    with Library.open(tmp_path / "other", create=True, settings=settings) as library:
        with pytest.raises(ArchiveError, match="damaged"):
            library.import_from(made)
        assert len(library) == 0
        assert library.import_from(archive).tracks == 1  # nothing was left that is in the way
        assert library.identify(write("q.wav", song(1, 4.0))).matches
