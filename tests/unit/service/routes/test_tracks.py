"""Tracks over HTTP, against a real library with its worker processes."""

from __future__ import annotations

import io
import json
import threading

import pytest
import soundfile

from earmark.errors import StoreError

RATE_HZ = 16000


def wav(samples) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()


def kept(client) -> list[str]:
    """Every file below the media folder, arriving ones too."""
    folder = client.app.state.house.media.folder
    return sorted(str(path) for path in folder.rglob("*") if path.is_file())


def code(response) -> str:
    assert response.headers["content-type"] == "application/problem+json"
    return response.json()["code"]


def test_an_uploaded_file_is_a_track_that_can_be_found_heard_and_deleted(client, song):
    answer = client.post(
        "/v1/tracks",
        files={"file": ("../my tune.wav", wav(song(7)))},
        data={"title": "Tune", "tags": "a, b", "extra": '{"isrc": "X"}'},
    )
    assert answer.status_code == 201, answer.text
    track = answer.json()
    assert (track["title"], track["tags"], track["extra"]) == ("Tune", ["a", "b"], {"isrc": "X"})
    assert track["uploaded"] is True
    assert track["source"].endswith("/my tune.wav")
    assert answer.headers["location"] == f"/v1/tracks/{track['id']}"
    assert kept(client) == [track["source"]]
    clip = wav(song(7)[3 * RATE_HZ : 8 * RATE_HZ])
    found = client.post("/v1/identify?mode=sound", content=clip).json()
    assert found["matches"][0]["track"]["id"] == track["id"]
    assert client.get(f"/v1/tracks/{track['id']}/audio").content == wav(song(7))
    assert client.delete(f"/v1/tracks/{track['id']}").status_code == 204
    assert kept(client) == []
    assert code(client.get(f"/v1/tracks/{track['id']}")) == "track_not_found"


def test_the_same_bytes_are_the_same_track_unless_asked_otherwise(client, song):
    data = wav(song(7))
    first = client.post("/v1/tracks", content=data)
    assert (first.status_code, first.json()["source"][-11:]) == (201, "/upload.wav")
    second = client.post("/v1/tracks", content=data)
    assert (second.status_code, second.json()) == (200, first.json())
    assert "location" not in second.headers
    third = client.post("/v1/tracks?duplicates=true", content=data)
    assert third.status_code == 201
    assert third.json()["id"] != first.json()["id"]
    assert len(kept(client)) == 2
    found = client.get(f"/v1/tracks/{first.json()['id']}/duplicates").json()
    assert [match["track"]["id"] for match in found["matches"]] == [third.json()["id"]]


def test_a_put_is_idempotent_and_a_replaced_file_goes(client, song):
    one = {"file": ("one.wav", wav(song(7)))}
    first = client.put("/v1/tracks/mine.1", files=one, data={"title": "One"})
    assert (first.status_code, first.json()["id"]) == (201, "mine.1")
    again = client.put("/v1/tracks/mine.1", files=one, data={"title": "One"})
    assert (again.status_code, again.json()) == (200, first.json())
    assert kept(client) == [first.json()["source"]]
    other = client.put("/v1/tracks/mine.1", files={"file": ("two.wav", wav(song(8)))})
    assert (other.status_code, other.json()["source"][-7:]) == (200, "two.wav")
    assert kept(client) == [other.json()["source"]]
    assert other.headers["etag"] != first.headers["etag"]


def test_a_file_stays_where_its_track_was_written_before_the_trouble(client, song, monkeypatch):
    library = client.app.state.house.library
    indexes = library._indexes

    def broken() -> None:
        message = "the index cannot be written"
        raise StoreError(message)

    with monkeypatch.context() as patch:
        patch.setattr(indexes, "follow", broken)
        answer = client.put("/v1/tracks/mine", content=wav(song(7)))
        assert (answer.status_code, code(answer)) == (503, "store")
        track = library.get("mine")  # it is in the truth all the same
        assert kept(client) == [track.source]
        patch.setattr(library, "put", lambda *_, **__: broken())
        assert client.post("/v1/tracks", content=wav(song(8))).status_code == 503
    assert kept(client) == [track.source]
    again = client.put("/v1/tracks/mine", content=wav(song(7)))
    assert (again.status_code, again.json()["source"]) == (200, track.source)
    assert kept(client) == [track.source]


def test_preconditions(client, song):
    one = {"file": ("one.wav", wav(song(7)))}
    assert code(client.put("/v1/tracks/x", files=one, headers={"If-Match": "*"})) == (
        "precondition_failed"
    )
    assert kept(client) == []
    etag = client.put("/v1/tracks/x", files=one, headers={"If-None-Match": "*"}).headers["etag"]
    assert client.put("/v1/tracks/x", files=one, headers={"If-None-Match": "*"}).status_code == 412
    shown = client.get("/v1/tracks/x", headers={"If-None-Match": f'"other", W/{etag}'})
    assert (shown.status_code, shown.content, shown.headers["etag"]) == (304, b"", etag)
    change = client.patch("/v1/tracks/x", json={"artist": "A"}, headers={"If-Match": etag})
    assert (change.status_code, change.json()["artist"]) == (200, "A")
    assert change.headers["etag"] != etag
    assert client.patch("/v1/tracks/x", json={}, headers={"If-Match": etag}).status_code == 412
    assert client.delete("/v1/tracks/x", headers={"If-Match": etag}).status_code == 412
    fresh = {"If-Match": change.headers["etag"]}
    assert client.delete("/v1/tracks/x", headers=fresh).status_code == 204


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"title": 5}, "body.title"),
        ({"nonsense": "x"}, "body.nonsense"),
        ({"tags": "a"}, "body.tags"),
        ({"tags": [""]}, "body.tags.0"),
        ({"extra": {"a": 1}}, "body.extra.a"),
        ({"title": "x" * 1001}, "body.title"),
    ],
)
def test_changes_that_make_no_sense(client, document, where):
    track = client.get("/v1/tracks?limit=1").json()["tracks"][0]
    answer = client.patch(f"/v1/tracks/{track['id']}", json=document)
    assert (answer.status_code, code(answer)) == (422, "invalid_request")
    assert answer.json()["errors"][0]["where"] == where
    assert client.get(f"/v1/tracks/{track['id']}").json() == track


def test_what_an_attached_score_is_called_is_not_the_callers_to_say(client):
    track = client.get("/v1/tracks?limit=1").json()["tracks"][0]
    answer = client.patch(f"/v1/tracks/{track['id']}", json={"extra": {"score": "/etc/passwd"}})
    assert (answer.status_code, code(answer)) == (422, "invalid_request")
    assert "PUT /v1/tracks/ID/score" in answer.json()["detail"]


@pytest.mark.parametrize("track_id", ["-x", "a b", "x" * 129, ".hidden", "..."])
def test_ids_that_cannot_be(client, track_id):
    answer = client.put(f"/v1/tracks/{track_id}", content=b"RIFF")
    assert (answer.status_code, code(answer)) == (422, "invalid_request")


def test_metadata_alone_makes_no_track(client):
    for answer in (
        client.put("/v1/tracks/x", json={"title": "X"}),
        client.post("/v1/tracks", json={"title": "X"}),
        client.post("/v1/tracks", files={"title": (None, "X")}),
    ):
        assert (answer.status_code, code(answer)) == (422, "invalid_request")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "/etc/passwd", "ftp://example.org/a.wav", "http://", 5]
)
def test_only_web_addresses_are_fetched(client, url):
    assert code(client.post("/v1/tracks", json={"url": url})) == "invalid_request"
    assert code(client.post("/v1/identify", json={"url": url})) == "invalid_request"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/a.wav", "http://[::1]/a.wav"])
def test_addresses_of_this_network_are_not_fetched(client, url):
    for answer in (
        client.post("/v1/tracks", json={"url": url}),
        client.post("/v1/identify", json={"url": url}),
    ):
        assert (answer.status_code, code(answer)) == (422, "fetch_failed")


def test_pages_keep_their_place_when_tracks_go(client, song):
    ids = [track["id"] for track in client.get("/v1/tracks").json()["tracks"]]
    for seed in (10, 11, 12):
        ids.append(client.post("/v1/tracks", content=wav(song(seed))).json()["id"])
    page = client.get("/v1/tracks?limit=2").json()
    assert ([track["id"] for track in page["tracks"]], page["total"]) == (ids[:2], 6)
    for track_id in ids[:2]:
        client.delete(f"/v1/tracks/{track_id}")
    page = client.get("/v1/tracks", params={"limit": 2, "after": page["next"]}).json()
    assert ([track["id"] for track in page["tracks"]], page["total"]) == (ids[2:4], 4)
    client.delete(f"/v1/tracks/{ids[3]}")  # one of the page is left: nothing comes twice
    page = client.get("/v1/tracks", params={"limit": 9, "after": page["next"]}).json()
    assert ([track["id"] for track in page["tracks"]], page["next"]) == (ids[4:], None)


def test_a_search_counts_all_that_it_finds(client):
    page = client.get("/v1/tracks", params={"text": ".wav", "limit": 2}).json()
    assert (len(page["tracks"]), page["total"]) == (2, 3)
    rest = client.get("/v1/tracks", params={"text": ".wav", "after": page["next"]}).json()
    assert (len(rest["tracks"]), rest["total"], rest["next"]) == (1, 3, None)
    assert client.get("/v1/tracks?text=1.wav").json()["total"] == 1
    assert client.get("/v1/tracks?text=nowhere").json() == {"tracks": [], "next": None, "total": 0}


@pytest.mark.parametrize("cursor", ["x", "W10", "W1siYSJdLG51bGxd", "é", "a" * 5000, "eyJhIjoxfQ"])
def test_cursors_that_are_not_ours(client, cursor):
    answer = client.get("/v1/tracks", params={"after": cursor})
    assert (answer.status_code, code(answer)) == (422, "invalid_request")
    assert "begin again" in answer.json()["detail"]


def test_half_a_letter_is_no_text(client):
    track = client.get("/v1/tracks?limit=1").json()["tracks"][0]
    answer = client.patch(
        f"/v1/tracks/{track['id']}",
        content=b'{"title": "\\ud800"}',
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, code(answer)) == (422, "invalid_request")


def test_a_request_repeated_under_its_key_is_done_once(client, song):
    data = wav(song(7))
    headers = {"Idempotency-Key": "k1"}
    first = client.post("/v1/tracks?duplicates=true", content=data, headers=headers)
    again = client.post("/v1/tracks?duplicates=true", content=data, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    for name in ("etag", "location", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len(kept(client)) == 1
    other = client.post("/v1/tracks?duplicates=true", content=wav(song(8)), headers=headers)
    assert (other.status_code, code(other)) == (409, "conflict")
    elsewhere = client.post("/v1/tracks", content=data, headers=headers)
    assert elsewhere.status_code == 409


def test_a_refusal_is_repeated_and_a_bad_key_refused(client):
    headers = {"Idempotency-Key": "k2"}
    first = client.post("/v1/tracks", content=b"\x00" * 5000, headers=headers)
    again = client.post("/v1/tracks", content=b"\x00" * 5000, headers=headers)
    assert (first.status_code, again.status_code) == (415, 415)
    assert again.headers["idempotency-replayed"] == "true"
    for key in ("", "x" * 201, "tab\there"):
        refused = client.post("/v1/tracks", content=b"\x00", headers={"Idempotency-Key": key})
        assert code(refused) == "invalid_request"


def test_a_request_that_is_still_answered_is_not_begun_again(client, song, ledger):
    data, answers = wav(song(7)), []
    held, go = threading.Event(), threading.Event()
    finish = ledger.finish

    def slow(key, reply):
        held.set()
        go.wait(10)
        finish(key, reply)

    def ask():
        answers.append(client.post("/v1/tracks", content=data, headers={"Idempotency-Key": "k"}))

    client.app.state.house.ledger.finish = slow
    first = threading.Thread(target=ask)
    first.start()
    assert held.wait(20)
    second = client.post("/v1/tracks", content=data, headers={"Idempotency-Key": "k"})
    go.set()
    first.join()
    assert (second.status_code, code(second)) == (409, "conflict")
    assert int(second.headers["retry-after"]) >= 1
    assert answers[0].status_code == 201


def test_scopes(keyed, song):
    assert keyed(None).get("/v1/tracks").status_code == 401
    assert keyed("read").get("/v1/tracks").status_code == 200
    assert keyed("read").post("/v1/tracks", content=b"x").status_code == 403
    assert keyed("read").patch("/v1/tracks/x", json={}).status_code == 403
    assert keyed("read").delete("/v1/tracks/x").status_code == 403
    assert keyed("write").delete("/v1/tracks/x").status_code == 404


def test_a_score_is_attached_and_detached(client):
    track = client.get("/v1/tracks?limit=1").json()["tracks"][0]
    where = f"/v1/tracks/{track['id']}/score"
    notes = " ".join("CDEFGABc"[i % 8] for i in range(24))
    tune = f"X:1\nT:T\nM:4/4\nL:1/4\nQ:120\nK:C\n{notes}\n".encode()
    for answer in (
        client.put(where, files={"file": ("tune.abc", b"\x00\x01nonsense")}),
        client.put(where, content=tune),
    ):
        assert answer.status_code == 415
    assert client.put(where, files={"file": ("tune.txt", tune)}).status_code in (415, 422)
    assert kept(client) == []
    attached = client.put(where, files={"file": ("tune.abc", tune)})
    assert attached.status_code == 200, attached.text
    assert kept(client) == [attached.json()["extra"]["score"]]
    with_more = client.patch(f"/v1/tracks/{track['id']}", json={"extra": {"a": "b"}}).json()
    assert set(with_more["extra"]) == {"a", "score"}
    detached = client.delete(where)
    assert (detached.status_code, detached.json()["extra"]) == (200, {"a": "b"})
    assert kept(client) == []
    assert client.delete(where).status_code == 422
    json.dumps(detached.json())


def test_questions_are_answered_while_changes_wait_for_the_writers_lock(client, song):
    held, free = threading.Event(), threading.Event()

    def hold():
        with client.app.state.house.library._tracks.writing():
            held.set()
            free.wait(30)

    ids = [track["id"] for track in client.get("/v1/tracks").json()["tracks"]]
    clip = {"file": ("clip.wav", wav(song(1)[: 5 * RATE_HZ]))}
    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    answers = []
    changing = [
        threading.Thread(
            target=lambda: answers.append(client.patch(f"/v1/tracks/{ids[0]}", json={"title": "x"}))
        )
        for _ in range(client.app.state.house.options.thread_count + 2)
    ]
    try:
        for one in changing:
            one.start()
        assert client.post("/v1/identify", files=clip).json()["outcome"] == "match"
        assert not answers
    finally:
        free.set()
        for one in (holder, *changing):
            one.join()
    assert {answer.status_code for answer in answers} == {200}
