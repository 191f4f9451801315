"""The routes of audio_similarity_search, as its own client and test call them."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from earmark import Library
from earmark.bootstrap import open_ledger
from earmark.config import ServeSettings
from earmark.service.app import create_app


@pytest.fixture
def shop(settings, write, song, tmp_path):
    """A service over an empty library with the real engines, and three songs below its root."""
    for seed in range(3):
        write(f"audio_data/{seed}.wav", song(seed, 3.0))
    write("secret.wav", song(9, 3.0))
    options = ServeSettings(
        compat=True, roots=str(tmp_path / "audio_data"), rate_per_minute=0, grace_s=2.0
    )
    with Library.open(create=True, settings=settings) as library:
        ledger = open_ledger(settings.library, settings)
        app = create_app(library, ledger, options=options, settings=settings)
        with TestClient(app, base_url="http://localhost") as client:
            yield client, library, tmp_path
        ledger.close()


def test_load_search_count_hear_and_drop(shop, write, song):
    client, library, home = shop
    folder = str(home / "audio_data")
    assert client.get("/progress").json() == "current: 0, total: 0"
    loaded = client.post("/audio/load", json={"Table": "audiotable", "File": folder})
    assert loaded.json() == {"status": True, "msg": "Successfully loaded data!"}
    assert client.get("/progress").json() == "current: 3, total: 3"
    assert client.get("/audio/count").json() == 3
    assert client.post("/audio/count?table_name=audiotable").json() == 3
    assert client.get("/audio/count?table_name=other").json() == 0

    clip = (home / "audio_data" / "1.wav").read_bytes()
    rows = client.post(
        "/audio/search?table_name=audiotable", files={"audio": ("clip.wav", clip)}
    ).json()
    address, (name, distance) = rows[0]
    assert name == "1.wav"
    assert distance == pytest.approx(0.0, abs=0.01)
    assert [row[1][1] for row in rows] == sorted(row[1][1] for row in rows)
    heard = client.get(address)
    assert heard.content == clip
    assert parse_qs(urlsplit(address).query) == {"audio_path": [f"{folder}/1.wav"]}
    local = client.post("/audio/search/local", params={"query_audio_path": f"{folder}/1.wav"})
    assert local.json() == rows
    assert client.post("/audio/search?table_name=other", files={"audio": clip}).json() == []

    kept = library.add([write("own.wav", song(5, 3.0))]).track_ids[0]
    dropped = client.post("/audio/drop?table_name=audiotable").json()
    assert dropped == {"status": True, "msg": "3 tracks were dropped"}
    assert [track.id for track in library] == [kept]
    assert (home / "audio_data" / "1.wav").exists()

    # What its server gives away, this one does not.
    for path in ("/etc/passwd", f"{folder}/1.wav", str(home / "secret.wav")):
        assert client.get("/data", params={"audio_path": path}).status_code == 404
    outside = str(home / "secret.wav")
    assert client.post("/audio/load", json={"File": outside}).status_code == 403
    assert (
        client.post("/audio/search/local", params={"query_audio_path": outside}).status_code == 403
    )
    empty = client.post("/audio/load", json={"File": f"{folder}/none"})
    assert (empty.status_code, "does not exist" in empty.json()["detail"]) == (422, True)
    assert client.post("/audio/drop?table_name=a%20b").status_code == 422
    assert client.post("/audio/search", data={"audio": "text"}).status_code == 422


def test_scopes_hold_here_too_and_it_is_off_unless_it_is_wanted(keyed):
    client = keyed("write")
    assert client.get("/audio/count").status_code == 404
    app = client.app
    house = app.state.house
    with_compat = create_app(
        house.library,
        house.ledger,
        options=ServeSettings(compat=True, rate_per_minute=0),
        settings=house.settings,
    )
    other = TestClient(with_compat, base_url="http://localhost")
    assert other.get("/audio/count").status_code == 401
    other.headers["Authorization"] = client.headers["Authorization"]
    assert other.get("/audio/count").json() == 3
    assert other.post("/audio/drop").status_code == 403
