from __future__ import annotations

import pytest


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json()


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", path, operation


def test_every_operation_is_described(document):
    known = {tag["name"] for tag in document["tags"]}
    names = []
    for name, _, operation in operations(document):
        assert operation.get("summary"), name
        assert operation.get("tags"), name
        assert set(operation["tags"]) <= known, name
        names.append(operation["operationId"])
    assert len(names) == len(set(names))


def test_every_refusal_is_a_problem_document(document):
    for name, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status.startswith(("4", "5")) and path != "/readyz":
                assert list(answer["content"]) == ["application/problem+json"], (name, status)
        if "security" in operation:
            assert {"401", "403", "422", "429", "500", "503", "504"} <= set(operation["responses"])


def test_what_needs_a_key_says_so(document):
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for name, path, operation in operations(document):
        open_to_all = path in ("/healthz", "/readyz")
        assert ("security" in operation) != open_to_all, name
        assert ({} in operation.get("security", [])) == (path == "/v1"), name


def test_nothing_refers_to_what_is_not_there(document):
    def references(part):
        if isinstance(part, dict):
            if "$ref" in part:
                yield part["$ref"]
            for value in part.values():
                yield from references(value)
        elif isinstance(part, list):
            for value in part:
                yield from references(value)

    named = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert "Problem" in named
    assert named <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in document["components"]["schemas"]
