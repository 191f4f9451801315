from __future__ import annotations

import logging

import pytest
from starlette.requests import ClientDisconnect


@pytest.fixture
def lines(caplog):
    """Return what the access log said, as fields."""
    caplog.set_level(logging.INFO, "earmark.access")
    return lambda: [r.earmark for r in caplog.records if r.name == "earmark.access"]


def test_a_request_is_one_line(client, lines):
    client.get("/v1?text=x", headers={"X-Request-ID": "abc.DEF-1_2"})
    (line,) = lines()
    assert line["request_id"] == "abc.DEF-1_2"
    assert (line["method"], line["path"], line["route"]) == ("GET", "/v1", "/v1")
    assert (line["status"], line["caller"]) == (200, "anyone")
    assert line["bytes"] > 0
    assert line["ms"] >= 0


@pytest.mark.parametrize("bad", ["", "a b", "a" * 65, "<script>", "é"])
def test_an_id_that_is_none_is_replaced(client, bad):
    told = client.get("/v1", headers={"X-Request-ID": bad.encode()}).headers["x-request-id"]
    assert told != bad
    assert len(told) == 16


def test_every_request_has_an_id_of_its_own(client):
    told = {client.get("/v1").headers["x-request-id"] for _ in range(5)}
    assert len(told) == 5


def test_a_refusal_is_logged_with_its_code_and_caller(keyed, lines, ledger):
    keyed("read").get("/v1/check")
    (line,) = lines()
    assert (line["status"], line["code"]) == (403, "forbidden")
    assert "ek_" not in str(line)


def test_a_client_that_leaves_is_no_bug(house_app, client, lines, caplog):
    async def leave() -> None:
        raise ClientDisconnect

    house_app.add_api_route("/v1/leave", leave)
    with pytest.raises(AssertionError):  # the test client wants an answer; nobody is there for one
        client.get("/v1/leave")
    (line,) = lines()
    assert line["status"] == 499
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
