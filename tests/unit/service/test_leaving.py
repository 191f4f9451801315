from __future__ import annotations

import socket
import threading

import httpx
import pytest
from starlette.requests import Request

from earmark.service.context import house


@pytest.fixture
def told(house_app):
    """An address whose work goes on until it is told to stop; the event is set when it was."""
    begun, ended = threading.Event(), threading.Event()

    async def slow(request: Request) -> str:
        def work(stop):
            begun.set()
            if stop.wait(10):
                ended.set()

        await house(request).work.run(work, request=request, timeout_s=10)
        return "done"

    house_app.add_api_route("/v1/slow", slow, methods=["GET", "POST"])
    return begun, ended


@pytest.mark.parametrize(
    "asked",
    [
        b"GET /v1/slow HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /v1/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_work_stops_soon_after_its_client_has_gone(served, told, asked):
    begun, ended = told
    with socket.create_connection(served) as line:
        line.sendall(asked)
        assert begun.wait(5)
        assert not ended.is_set()
    assert ended.wait(3)


def test_the_loop_answers_others_while_work_goes_on(served, told, house_app):
    address = f"http://{served[0]}:{served[1]}"
    lines = [socket.create_connection(served) for _ in range(2)]  # as many as there are threads
    for line in lines:
        line.sendall(b"GET /v1/slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert told[0].wait(5)
    for path in ("/healthz", "/v1", "/readyz"):
        assert httpx.get(f"{address}{path}", timeout=5, trust_env=False).status_code == 200
    assert house_app.state.house.work.running == 2
    for line in lines:
        line.close()
    assert told[1].wait(3)
