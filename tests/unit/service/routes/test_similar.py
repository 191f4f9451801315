"""What sounds like a track, over HTTP, with a model that compares sounds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from earmark import Library, Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(library=str(tmp_path / "lib"), workers=1, lock_wait_s=5.0, model="ears")


@pytest.fixture
def stocked(ears, settings, write, music) -> Iterator[Library]:
    """A library of three sounds, of which the second holds half of the first."""
    with Library.open(create=True, settings=settings) as library:
        library.switch("melody", False)
        library.switch("recording", False)
        one, two, other = music(1, 4.0), music(2, 4.0), music(3, 4.0)
        half = len(one) // 2
        two = two.copy()
        two[half:] = one[half:]
        paths = [write(f"{name}.wav", data) for name, data in zip("abc", (one, two, other))]  # noqa: B905
        assert library.add(paths).added == 3
        yield library


def test_what_sounds_like_a_track(client):
    first, second, _ = client.get("/v1/tracks").json()["tracks"]
    where = f"/v1/tracks/{first['id']}/similar"
    answer = client.get(where, params={"at_s": 3.0, "limit": 1}).json()
    assert answer["matches"][0]["track"]["id"] == second["id"]
    assert len(answer["matches"]) == 1
    assert first["id"] not in [m["track"]["id"] for m in client.get(where).json()["matches"]]
    client.patch(f"/v1/tracks/{second['id']}", json={"tags": ["kept"]})
    among = client.get(where, params={"tag": "kept"}).json()["matches"]
    assert [match["track"]["id"] for match in among] == [second["id"]]


def test_what_cannot_be_compared(client):
    first = client.get("/v1/tracks").json()["tracks"][0]
    where = f"/v1/tracks/{first['id']}/similar"
    late = client.get(where, params={"at_s": 100.0})
    assert (late.status_code, late.json()["code"]) == (422, "usage")
    odd = client.get(where, params={"at_s": "inf"})
    assert (odd.status_code, odd.json()["code"]) == (422, "invalid_request")
    for what in ("similar", "duplicates"):
        gone = client.get(f"/v1/tracks/nothing/{what}")
        assert (gone.status_code, gone.json()["code"]) == (404, "track_not_found")
