from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/healthz", "/docs", "/openapi.json", "/static/docs/docs.js", "/nothing"]
)
def test_every_answer_is_guarded(client, path):
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["permissions-policy"].startswith("microphone=(self)")
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["x-request-id"]
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_the_page_may_run_its_own_files_and_nothing_else(client):
    policy = client.get("/").headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["media-src"] == "'self' blob:"
    assert rules["img-src"] == "'self' blob: data:"


def test_data_is_never_a_page_and_never_kept(client):
    headers = client.get("/v1").headers
    assert headers["cache-control"] == "no-store"
    assert "script-src" not in headers["content-security-policy"]


def test_page_files_are_asked_for_again_and_not_sent_again(client):
    first = client.get("/static/docs/docs.js")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/static/docs/docs.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_what_a_route_says_itself_is_left_alone(house_app, client):
    from starlette.responses import Response

    async def cached() -> Response:
        return Response(b"x", headers={"Cache-Control": "private, max-age=60"})

    house_app.add_api_route("/v1/cached", cached)
    assert client.get("/v1/cached").headers["cache-control"] == "private, max-age=60"
