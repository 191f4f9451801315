"""A file's identity."""

import hashlib

import pytest

from earmark.audio.identity import content_id
from earmark.errors import SourceNotFoundError, SourceUnreadableError


def test_path_and_bytes_agree_with_sha256(tmp_path):
    data = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(data)
    expected = hashlib.sha256(data).hexdigest()
    assert content_id(data) == content_id(tmp_path / "a") == content_id(str(tmp_path / "a"))
    assert content_id(data) == expected


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(SourceNotFoundError):
        content_id(tmp_path / "no")
    with pytest.raises(SourceUnreadableError):
        content_id(tmp_path)
