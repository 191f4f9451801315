from __future__ import annotations

import pytest
from starlette.websockets import WebSocketDisconnect

from earmark.config import ServeSettings


def asked(client, **headers):
    answer = client.get("/v1", headers={k.replace("_", "-"): v for k, v in headers.items()})
    if answer.status_code == 403:
        assert answer.json()["code"] == "forbidden"
        return answer.json()["detail"]
    assert answer.status_code == 200
    return "ok"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8645", "127.0.0.1:1", "[::1]:8645"])
def test_names_of_this_machine_are_its_own(client, host):
    assert asked(client, Host=host) == "ok"


@pytest.mark.parametrize("host", ["rebind.example", "127.0.0.1.example", "192.0.2.7:8645", ""])
def test_a_name_that_was_bent_to_this_machine_is_refused(client, host):
    assert "earmark keys add" in asked(client, Host=host)


def test_our_own_page_may_ask(client):
    assert asked(client, Origin="http://localhost") == "ok"
    assert asked(client, Origin="http://localhost:80") == "ok"
    assert asked(client, Host="127.0.0.1:8645", Origin="http://127.0.0.1:8645") == "ok"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost:9000", "https://localhost", "http://", ""],
)
def test_another_page_may_not(client, origin):
    assert "--origin" in asked(client, Origin=origin)


def test_a_far_page_may_not_write_either(client):
    answer = client.post("/v1", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_picture_or_a_frame_of_a_far_page_costs_nothing(client, site):
    headers = {"Sec-Fetch-Site": site}
    for path in ("/v1/export", "/v1/check", "/v1"):
        assert client.get(path, headers=headers).json()["code"] == "forbidden"
    assert client.get("/", headers=headers).status_code == 200  # a link to the page is fine
    for near in ("same-origin", "none"):
        assert client.get("/v1", headers={"Sec-Fetch-Site": near}).status_code == 200


def test_a_far_page_may_not_listen(client):
    headers = {"Origin": "https://evil.example"}
    with pytest.raises(WebSocketDisconnect) as refused:  # noqa: SIM117
        with client.websocket_connect("/v1/listen", headers=headers):
            pass
    assert refused.value


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_a_proxy_does_not_make_strangers_local(client, header):
    assert header.lower() in asked(client, **{header: "203.0.113.9"})


def test_with_keys_it_is_the_key_that_counts(keyed):
    client = keyed("read")
    assert asked(client, Host="music.example", Origin="https://evil.example") == "ok"
    assert asked(client, X_Forwarded_For="203.0.113.9") == "ok"


class TestOrigins:
    @pytest.fixture
    def options(self):
        return ServeSettings(
            origins="https://app.example", threads=1, rate_per_minute=0, grace_s=1.0
        )

    def test_a_named_page_may_ask_and_is_told_so(self, client):
        answer = client.get("/v1", headers={"Origin": "https://app.example"})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "X-Request-ID" in answer.headers["access-control-expose-headers"]

    def test_its_preflight_is_answered(self, client):
        asks = {
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "authorization, if-match",
        }
        answer = client.options("/v1/tracks/x", headers=asks)
        assert answer.status_code == 200
        assert "PUT" in answer.headers["access-control-allow-methods"]
        refused = client.options("/v1/tracks/x", headers=asks | {"Origin": "https://evil.example"})
        assert refused.status_code == 400
        assert "access-control-allow-origin" not in refused.headers

    def test_another_page_is_refused(self, client):
        answer = client.get("/v1", headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
