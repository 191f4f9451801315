"""One real service for all the rough tests, and the look at it after each of them."""

from __future__ import annotations

import pytest
from rough_service import LISTENS, RATE_HZ, Rough, build, rough_service, soon, wav

LIMIT_BYTES = 3_000_000


@pytest.fixture(scope="session")
def rough(tmp_path_factory, music):
    folder = tmp_path_factory.mktemp("rough")
    library = build(folder, music)
    (folder / "root").mkdir()
    flags = ("--upload-limit-bytes", str(LIMIT_BYTES), "--root", str(folder / "root"))
    told = {"EARMARK_SERVE_BODY_STALL_S": "1", "EARMARK_SERVE_LISTENS": str(LISTENS)}
    with rough_service(library, *flags, EARMARK_SERVE_THREADS="2", **told) as service:
        yield service
        assert "Traceback" not in "".join(service.log)


@pytest.fixture
def client(rough):
    with rough.client() as opened:
        yield opened


@pytest.fixture(scope="session")
def clip(music):
    return wav(music(1)[4 * RATE_HZ : 9 * RATE_HZ])


def told(rough: Rough) -> dict:
    with rough.client() as http:
        return http.get("/v1").json()


@pytest.fixture
def nothing_is_left(rough):
    """After each test the service is as it was: files, work, memory of bodies, tracks."""
    files, tracks = rough.files(), told(rough)["tracks"]
    yield
    assert rough.process.poll() is None, rough.log[-5:]
    with rough.client() as http:
        assert http.get("/healthz").status_code == 200
        assert soon(lambda: "earmark_work_running 0.0" in http.get("/metrics").text)
    assert told(rough)["tracks"] == tracks
    assert soon(lambda: rough.files() == files), rough.files() - files
