"""The examples of the documentation are sent to the real service, and its answers compared."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import soundfile

from earmark.config import ServeSettings

RATE_HZ = 16000
# The routes of tracks and questions; the others have tests of their own.
ROUTES = ("/v1/identify", "/v1/tracks")


@pytest.fixture
def options() -> ServeSettings:
    """Addresses of this machine may be fetched: the examples' host is one."""
    return ServeSettings(threads=2, rate_per_minute=0, grace_s=2.0, private_urls=True)


@pytest.fixture
def document(house_app) -> dict[str, Any]:
    return house_app.openapi()


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def fits(document: dict[str, Any], schema: dict[str, Any], value: Any, where: str = "$") -> None:
    """Fail unless a value is what a schema says, and the schema says all of it."""
    schema = resolved(document, schema)
    if "anyOf" in schema:
        for one in schema["anyOf"]:
            try:
                return fits(document, one, value, where)
            except AssertionError:
                continue
        raise AssertionError(f"{where}: {value!r} is none of {schema['anyOf']}")
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
        "null": type(None),
    }
    if "enum" in schema:
        assert value in schema["enum"], where
    if "type" not in schema:
        return None
    assert isinstance(value, kinds[schema["type"]]), f"{where}: {value!r} is no {schema['type']}"
    if schema["type"] == "object":
        known = schema.get("properties", {})
        assert set(schema.get("required", ())) <= set(value), f"{where}: {value}"
        if not schema.get("additionalProperties"):
            assert set(value) <= set(known), f"{where} has {set(value) - set(known)}"
        for name, one in value.items():
            more = schema.get("additionalProperties")
            inner = known.get(name) or (more if isinstance(more, dict) else {})
            fits(document, inner, one, f"{where}.{name}")
    if schema["type"] == "array":
        for i, one in enumerate(value):
            inner = schema["prefixItems"][i] if "prefixItems" in schema else schema["items"]
            fits(document, inner, one, f"{where}[{i}]")
    return None


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        if path.startswith(ROUTES):
            for method, operation in item.items():
                yield path, method, operation


def examples_of(schemas: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, schema in schemas.items():
        for example in schema.get("examples", ()):
            yield name, example


def test_every_route_is_there_and_says_what_it_is(document):
    there = {f"{method.upper()} {path}" for path, method, _ in operations(document)}
    assert there == {
        "POST /v1/identify",
        "GET /v1/tracks",
        "POST /v1/tracks",
        "GET /v1/tracks/{track_id}",
        "PUT /v1/tracks/{track_id}",
        "PATCH /v1/tracks/{track_id}",
        "DELETE /v1/tracks/{track_id}",
        "GET /v1/tracks/{track_id}/audio",
        "GET /v1/tracks/{track_id}/waveform",
        "GET /v1/tracks/{track_id}/cover",
        "GET /v1/tracks/{track_id}/similar",
        "GET /v1/tracks/{track_id}/duplicates",
        "PUT /v1/tracks/{track_id}/score",
        "DELETE /v1/tracks/{track_id}/score",
    }
    for path, method, operation in operations(document):
        assert operation["summary"], (path, method)
        assert operation["description"], (path, method)


def test_every_example_is_what_its_schema_says(document):
    seen = list(examples_of(document["components"]["schemas"]))
    assert {"TrackShape", "TrackPage", "AnswerShape", "WaveformShape"} <= {name for name, _ in seen}
    for name, example in seen:
        fits(document, {"$ref": f"#/components/schemas/{name}"}, example, name)


@pytest.fixture
def site(song) -> Iterator[str]:
    """A web server of this machine that serves a sound at every address."""
    import http.server
    import threading

    file = io.BytesIO()
    soundfile.write(file, song(1)[: 6 * RATE_HZ], RATE_HZ, format="WAV")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(file.getvalue())))
            self.end_headers()
            self.wfile.write(file.getvalue())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_every_request_of_the_documentation_is_answered_as_it_says(client, document, site, song):
    file = io.BytesIO()
    soundfile.write(file, song(1)[: 6 * RATE_HZ], RATE_HZ, format="WAV")
    score = ("tune.abc", b"X:1\nT:T\nM:4/4\nL:1/4\nQ:120\nK:C\n" + b"CDEFGABc" * 4 + b"\n")
    sound = ("clip.wav", file.getvalue())
    track_id = client.get("/v1/tracks?limit=1").json()["tracks"][0]["id"]
    sent = 0

    def last(one: tuple[str, str, Any]) -> tuple[bool, int]:
        return one[1] == "delete", -len(one[0])

    # What deletes comes last, the track itself last of all.
    for path, method, operation in sorted(operations(document), key=last):
        requests: list[dict[str, Any]] = []
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            if kind == "application/json":
                fits(document, content["schema"], content["example"], path)
                text = json.dumps(content["example"]).replace("https://example.org", site)
                requests.append({"content": text, "headers": {"Content-Type": kind}})
            elif kind == "multipart/form-data":
                what = score if path.endswith("/score") else sound
                requests.append({"files": {"file": what}})
            else:
                concrete = kind.replace("*", "wav")
                requests.append({"content": sound[1], "headers": {"Content-Type": concrete}})
        if path.endswith("/score") and method == "delete":
            client.put(path.replace("{track_id}", track_id), files={"file": score})
        if path == "/v1/tracks/{track_id}" and method == "delete":
            track_id = client.post("/v1/tracks?duplicates=true", content=sound[1]).json()["id"]
        for request in requests or [{}]:
            answer = client.request(method, path.replace("{track_id}", track_id), **request)
            said = operation["responses"][str(answer.status_code)]
            kinds = said.get("content", {})
            if path.endswith("/cover"):
                assert answer.json()["code"] == "no_media"
            elif path.endswith("/similar"):
                assert answer.json()["code"] == "usage"  # the plug-in does not compare
            else:
                assert answer.status_code in (200, 201, 204), (method, path, answer.text)
            kind = answer.headers.get("content-type", "")
            if "json" in kind:
                fits(document, kinds[kind]["schema"], answer.json(), path)
            sent += 1
    assert sent >= 20
