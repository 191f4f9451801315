"""Nulls put back into the documentation's examples: FastAPI leaves every one of them out."""

from __future__ import annotations

from typing import Any

_PREFIX = "#/components/schemas/"


def restore_nulls(schemas: dict[str, Any]) -> None:
    """Write null where an example lacks a field that its schema requires and that may be null.

    Parameters
    ----------
    schemas
        The document's ``components.schemas``; their examples are completed in place.
    """
    for schema in schemas.values():
        for example in schema.get("examples", ()):
            _restore(schemas, schema, example)


def _restore(schemas: dict[str, Any], schema: dict[str, Any], value: Any) -> None:  # noqa: ANN401
    for one in _kinds(schemas, schema):
        if isinstance(value, dict) and "properties" in one:
            for name, inner in one["properties"].items():
                nullable = any(kind.get("type") == "null" for kind in _kinds(schemas, inner))
                if name in value:
                    _restore(schemas, inner, value[name])
                elif nullable and name in one.get("required", ()):
                    value[name] = None
        elif isinstance(value, list) and "items" in one:
            for item in value:
                _restore(schemas, one["items"], item)


def _kinds(schemas: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a schema allows, with references followed."""
    while "$ref" in schema:
        schema = schemas[schema["$ref"].removeprefix(_PREFIX)]
    if "anyOf" in schema:
        return [kind for one in schema["anyOf"] for kind in _kinds(schemas, one)]
    return [schema]
