"""Forms are forms, files are read from disk piece by piece, and names are only names."""

from __future__ import annotations

import io
import tracemalloc
from email.parser import BytesParser
from email.policy import HTTP

import pytest

from earmark.client.bodies import Upload, form_body, json_body, upload_of
from earmark.client.wire import place
from earmark.errors import SourceNotFoundError, SourceUnreadableError, UsageError


def parts_of(body):
    head = f"Content-Type: {body.content_type}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + b"".join(body.blocks()))
    return [
        (part.get_param("name", header="Content-Disposition"), part)
        for part in message.iter_parts()
    ]


def test_a_form_is_read_by_others(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF\r\n--x\r\n\0")
    body = form_body([("file", upload_of(path))], [("title", "Für Elise\r\nX: y"), ("tags", "a")])
    parts = parts_of(body)
    assert [name for name, _ in parts] == ["title", "tags", "file"]
    assert parts[2][1].get_payload(decode=True) == path.read_bytes()
    assert parts[2][1].get_filename() == "a.wav"
    assert parts[0][1].get_payload(decode=True).decode() == "Für Elise\r\nX: y"
    assert len(b"".join(body.blocks())) == body.size_bytes
    assert b"".join(body.blocks()) == b"".join(body.blocks())


@pytest.mark.parametrize("name", ['a".wav', "a\r\nX-Evil: 1.wav", "ü.wav", "a\\b", "\udcff.wav"])
def test_a_name_stays_in_its_header(name):
    body = b"".join(form_body([("file", Upload(b"DATA", name, 4))]).blocks())
    head, _, rest = body.partition(b"\r\n\r\n")
    assert head.count(b"\r\n") == 2
    assert head.count(b'"') == 4
    assert rest.startswith(b"DATA\r\n--")


def test_a_large_file_is_never_in_memory(stage, ask, tmp_path, track):
    big = tmp_path / "big.wav"
    with big.open("wb") as file:
        file.truncate(24 << 20)
    stage.says(201, track)
    ask(stage.url, "get", "t1")  # what is imported at the first call
    tracemalloc.start()
    ask(stage.url, "add", big)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert int(stage.asked[-1].headers["content-length"]) > 24 << 20
    assert peak < 8 << 20


def test_file_objects_are_sent_from_their_beginning(tmp_path):
    file = io.BytesIO(b"0123456789")
    file.read(5)
    upload = upload_of(file, "x.wav")
    assert upload.size_bytes == 10
    assert b"".join(upload.blocks()) == b"".join(upload.blocks()) == b"0123456789"


def test_sources_that_are_none(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"no\.wav does not exist"):
        upload_of(tmp_path / "no.wav")
    with pytest.raises(SourceUnreadableError, match="is a folder"):
        upload_of(tmp_path)
    with pytest.raises(UsageError, match="got int"):
        upload_of(5)
    for bad in ("", "a\0b"):
        with pytest.raises((SourceNotFoundError, SourceUnreadableError, Exception)) as caught:
            upload_of(bad)
        assert caught.value.code in {"not_found", "unreadable", "not_audio"}
    with pytest.raises(UsageError, match="binary mode"):
        list(upload_of(io.StringIO("x"), "x").blocks())


def test_a_file_that_shrinks_while_it_is_sent(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"0123456789")
    upload = upload_of(path)
    path.write_bytes(b"01")
    with pytest.raises(SourceUnreadableError, match="became shorter"):
        list(upload.blocks())
    path.unlink()
    with pytest.raises(SourceNotFoundError):
        list(upload.blocks())


def test_json_that_is_none():
    for shape in (object(), float("nan"), {1: {2}}):
        with pytest.raises(UsageError, match="cannot be sent as JSON"):
            json_body(shape)


@pytest.mark.parametrize(
    "track_id", ["a/b", "a b", "?x=1", "#", "%2e", "ü", "../../keys", "\udcff"]
)
def test_an_id_stays_one_part_of_the_path(track_id):
    path = place("tracks", track_id, "audio")
    assert path.count("/") == 4
    assert not set(path) & set("?# ")
