from __future__ import annotations

import io
import json
import logging

import pytest

from earmark.keys import make_key
from earmark.service.logs import configure, redacted


@pytest.fixture
def written():
    """Configure the log into a string; put everything back afterwards."""
    names = ("earmark", "uvicorn.error")
    kept = [(logging.getLogger(n), logging.getLogger(n).__dict__.copy()) for n in names]
    stream = io.StringIO()

    def with_kind(kind):
        configure(kind, stream)
        return stream

    yield with_kind
    for logger, state in kept:
        logger.__dict__.update(state)


def test_a_key_is_never_written():
    _, text = make_key("x", ["read"], None, 0.0)
    secret = text.split("_", 2)[2]
    for said in (text, f"Authorization: Bearer {text}", f"?key={text}&x=1", f"'{text}'"):
        assert secret not in redacted(said)
    assert redacted(f"the key {text}").startswith(f"the key ek_{text.split('_')[1]}_***")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("http://me:pw@host:80/a?x=1", "http://***@host:80/a?x=1"),
        ("https://token@host/a", "https://***@host/a"),
        ("/a?api_key=abc&b=2", "/a?api_key=***&b=2"),
        ("/a?X-Amz-Signature=abc#f", "/a?X-Amz-Signature=***#f"),
        ("/a?b=1&password=p%20q", "/a?b=1&password=***"),
        ("authorization=Basic dXNlcjpwYXNz", "authorization=***"),
        ("a Bearer of good news", "a Bearer of good news"),
        ("/v1/tracks?text=monkey", "/v1/tracks?text=monkey"),
        ("mail me@example.org", "mail me@example.org"),
    ],
)
def test_what_is_secret_and_what_is_not(said, told):
    assert redacted(said) == told


def test_json_is_one_object_a_line(written):
    stream = written("json")
    logging.getLogger("earmark.service").info("one\ntwo http://a:b@c/")
    logging.getLogger("earmark.access").info("x", extra={"earmark": {"path": "/v1", "status": 200}})
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first["message"] == "one\ntwo http://***@c/"
    assert (second["path"], second["status"], second["logger"]) == ("/v1", 200, "earmark.access")


def test_a_bug_is_logged_with_its_trace_and_without_secrets(written):
    stream = written("json")
    try:
        raise ValueError("https://me:pw@host/")
    except ValueError:
        logging.getLogger("earmark.service").exception("a bug")
    line = json.loads(stream.getvalue())
    assert "ValueError" in line["trace"]
    assert "pw@" not in stream.getvalue()


def test_text_is_for_people(written):
    stream = written("text")
    logging.getLogger("earmark.access").info("GET /v1", extra={"earmark": {"status": 200}})
    assert stream.getvalue().endswith("info GET /v1 status=200\n")
