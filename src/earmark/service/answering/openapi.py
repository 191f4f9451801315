"""The OpenAPI document: what FastAPI knows, and the problems that every route may answer with."""

from __future__ import annotations

import http
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from earmark.service.answering.examples import restore_nulls
from earmark.service.answering.problems import MEDIA_TYPE, Problem, Where

ABOUT = """Finds a sound in your own library: recordings, tunes that are hummed, likeness.

Errors are [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem documents with a stable
`code`. "No match" is an answer (200), not an error. Listening goes over the WebSocket `/v1/listen`,
which OpenAPI cannot describe; see the guide.
"""
TAGS = [
    {"name": "identify", "description": "What is this?"},
    {"name": "tracks", "description": "The library's tracks, their audio and what is like them."},
    {"name": "jobs", "description": "Long work: adding many, rebuilding."},
    {"name": "monitoring", "description": "What was played: scans, streams, detections, rules."},
    {"name": "library", "description": "Counts, engines, models, checks, export and import."},
    {"name": "feedback", "description": "What people said of answers."},
    {"name": "keys", "description": "Who may come in."},
    {"name": "compat", "description": "The routes of audio_similarity_search."},
    {"name": "service", "description": "The service itself."},
]
# What any route may answer: whoever calls too often, with a bad key, or while it goes down.
EVERYWHERE = (401, 403, 422, 429, 500, 503, 504)
WITHOUT_KEY = (500, 503)
BODIES = (408, 413)
# These tell more to who has a key, and answer everyone.
NO_KEY_NEEDED = ("/v1",)


def describe(app: FastAPI) -> None:
    """Make ``app.openapi`` tell all that the routes may answer."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    where = Where.model_json_schema()
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas["Problem"].pop("$defs", None)
    schemas["Where"] = where
    for path, item in found["paths"].items():
        for operation in item.values():
            _complete(path, operation)
    named = {
        tag
        for item in found["paths"].values()
        for op in item.values()
        for tag in op.get("tags", ())
    }
    found["tags"] = [tag for tag in TAGS if tag["name"] in named]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    restore_nulls(schemas)
    return found


def _complete(path: str, operation: dict[str, Any]) -> None:
    """Add the problems that every route may answer with to one operation."""
    responses = operation["responses"]
    if path in NO_KEY_NEEDED:
        operation["security"] = [*operation["security"], {}]
    also: tuple[int, ...] = EVERYWHERE if "security" in operation else WITHOUT_KEY
    if "requestBody" in operation:
        also = (*also, *BODIES)
    for status in also:
        fastapis = str(status) == "422" and "HTTPValidationError" in str(responses.get("422"))
        if str(status) not in responses or fastapis:
            responses[str(status)] = _answer(status)


def _answer(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    answer: dict[str, Any] = {
        "description": http.HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": schema}},
    }
    if status in (429, 503):
        answer["headers"] = {
            "Retry-After": {
                "description": "Whole seconds after which to ask again.",
                "schema": {"type": "string", "pattern": "^[0-9]+$"},
            }
        }
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return answer
