"""How the documentation shows what routes read themselves: streamed bodies, some headers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

_BINARY = {"type": "string", "format": "binary"}
FILE_FIELD = {**_BINARY, "description": "The sound (or score) itself"}
TRACK_FIELDS: dict[str, Any] = {
    "title": {"type": "string", "maxLength": 1000},
    "artist": {"type": "string", "maxLength": 1000},
    "album": {"type": "string", "maxLength": 1000},
    "tags": {"type": "string", "description": "Separated by commas; may come several times"},
    "extra": {"type": "string", "description": 'A JSON object of strings: {"isrc": "..."}'},
}
_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Idempotency-Key": (
        "The same request under the same key is done once and answered twice, for a day",
        {"type": "string", "minLength": 1, "maxLength": 200},
    ),
    "If-Match": ("Only where the track has this ETag", {"type": "string"}),
    "If-None-Match": ("Only where it does not have this ETag", {"type": "string"}),
    "If-Range": ("Range only where the file has this ETag, else all", {"type": "string"}),
    "Range": ("One range of bytes: `bytes=0-99`", {"type": "string"}),
}


def reads(*names: str) -> dict[str, Any]:
    """Return what FastAPI's ``openapi_extra`` wants for headers that a route looks at."""
    return {
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": False,
                "description": _HEADERS[name][0],
                "schema": _HEADERS[name][1],
            }
            for name in names
        ]
    }


def takes(
    document: type[BaseModel] | None = None,
    *,
    form: dict[str, Any] | None = None,
    raw: bool = False,
) -> dict[str, Any]:
    """Return what FastAPI's ``openapi_extra`` wants for a route's body.

    Parameters
    ----------
    document
        The model of a JSON body; its first example is shown.
    form
        The fields of a multipart form besides ``file``.
    raw
        Whether the file itself may be the body.
    """
    content: dict[str, Any] = {}
    if form is not None:
        properties = {"file": FILE_FIELD, **form}
        content["multipart/form-data"] = {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": properties,
                "additionalProperties": False,
            }
        }
    if raw:
        content["audio/*"] = {"schema": _BINARY}
        content["application/octet-stream"] = {"schema": _BINARY}
    if document is not None:
        schema = _whole(document.model_json_schema())
        examples = schema.pop("examples", [])
        content["application/json"] = {"schema": schema, "example": examples[0]}
    return {"requestBody": {"required": True, "content": content}}


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with what it refers to in its own ``$defs`` put in where it is meant.

    Inside of a larger document such a reference would lead to nothing.
    """
    parts = schema.pop("$defs", {})

    def put_in(value: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(value, dict):
            named = str(value.get("$ref", "")).removeprefix("#/$defs/")
            if named in parts:
                beside = {key: one for key, one in value.items() if key != "$ref"}
                return put_in({**parts[named], **beside})
            return {key: put_in(one) for key, one in value.items()}
        return [put_in(one) for one in value] if isinstance(value, list) else value

    found: dict[str, Any] = put_in(schema)
    return found
