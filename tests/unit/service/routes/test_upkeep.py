"""Counts, engines, models, faults, archives, keys and feedback over HTTP."""

from __future__ import annotations

from earmark import Library


def test_what_it_holds(client, stocked):
    assert client.get("/v1/stats").json() == stocked.stats().as_dict()
    assert client.get("/v1/stats").json()["tracks"] == 3
    assert client.get("/v1/check").json() == {"faults": []}


def test_faults_are_mended(client, stocked):
    (segment,) = (stocked.folder / "index" / "sound" / "postings").glob("*.segment")
    with segment.open("ab") as file:
        file.write(b"x")
    (fault,) = client.get("/v1/check").json()["faults"]
    looked = client.post("/v1/check", json={"repair": False}).json()
    assert looked == {"sound": False, "faults": [fault], "found": [fault], "done": []}
    mended = client.post("/v1/check", json={"repair": True}).json()
    done = ["built the index of 'sound' again: 3 recordings"]
    assert mended == {"sound": True, "faults": [], "found": [fault], "done": done}
    assert client.get("/v1/check").json() == {"faults": []}
    for body in ({}, {"repair": "yes"}, {"repair": True, "more": 1}):
        assert client.post("/v1/check", json=body).status_code == 422


def test_models_as_the_command_lists_them(client):
    models = {model["name"]: model for model in client.get("/v1/models").json()["models"]}
    assert {"builtin", "mn04"} <= models.keys()
    assert models["builtin"]["here"] is True
    assert models["mn04"]["dimension"] > 0
    assert set(models["mn04"]) == {"name", "dimension", "bytes", "licence", "here", "about"}


def test_engines_are_switched(client, stocked):
    before = client.get("/v1/engines").json()["engines"]
    assert before == dict(stocked.engines())
    name = list(before)[-1]
    off = client.patch("/v1/engines", json={name: False}).json()
    assert off == {"engines": before | {name: False}, "to_rebuild": 0}
    assert stocked.engines()[name] is False
    assert client.patch("/v1/engines", json={name: True}).json()["engines"] == before


def test_engines_that_make_no_sense_change_nothing(client, stocked):
    before = dict(stocked.engines())
    for body in ({}, {"recording": False, "none": True}, {"recording": "yes"}, ["recording"]):
        answer = client.patch("/v1/engines", json=body)
        assert answer.status_code == 422
        assert dict(stocked.engines()) == before
    answer = client.patch("/v1/engines", json=dict.fromkeys(stocked.engines(), False))
    assert (answer.status_code, answer.json()["code"]) == (422, "usage")


def test_the_library_is_carried_away_and_taken_in(client, house_app, stocked, settings, tmp_path):
    archive = client.get("/v1/export")
    assert archive.status_code == 200
    assert "attachment" in archive.headers["Content-Disposition"]
    assert int(archive.headers["Content-Length"]) == len(archive.content)
    assert not list((house_app.state.house.media.folder / ".incoming").iterdir())
    again = client.post("/v1/import", content=archive.content)
    assert (again.status_code, again.json()["unchanged"]) == (200, 3)
    with Library.open(tmp_path / "other", create=True, settings=settings) as other:
        (tmp_path / "a.earmark").write_bytes(archive.content)
        other.import_from(tmp_path / "a.earmark")
        assert [track.id for track in other] == [track.id for track in stocked]
    gone = next(iter(stocked)).id
    stocked.remove(gone)
    form = client.post("/v1/import", files={"file": ("a.earmark", archive.content)})
    assert form.status_code == 200
    assert stocked.get(gone).id == gone


def test_what_is_no_archive_is_refused(client):
    for body in (b"no archive at all", b"\x1f\x8b" + b"x" * 100):
        answer = client.post("/v1/import", content=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_archive")


def test_scopes_of_upkeep(keyed):
    for path in ("/v1/stats", "/v1/engines", "/v1/models"):
        assert keyed("read").get(path).status_code == 200
        assert keyed(None).get(path).status_code == 401
    for method, path in (
        ("GET", "/v1/check"),
        ("POST", "/v1/check"),
        ("GET", "/v1/export"),
        ("POST", "/v1/import"),
        ("PATCH", "/v1/engines"),
        ("GET", "/v1/keys"),
        ("POST", "/v1/keys"),
        ("DELETE", "/v1/keys/x"),
        ("GET", "/v1/feedback"),
    ):
        assert keyed("write").request(method, path, json={}).status_code == 403, path


def test_a_key_is_made_shown_once_used_and_revoked(keyed):
    made = keyed("admin").post("/v1/keys", json={"name": "ü", "scopes": ["write"], "days": 1})
    assert made.status_code == 201
    shape = made.json()
    key = shape.pop("key")
    assert made.headers["Cache-Control"] == "no-store"
    listed = keyed("admin").get("/v1/keys")
    assert listed.json()["keys"][-1] == shape
    assert key[-43:] not in listed.text
    bearer = {"Authorization": f"Bearer {key}"}
    assert keyed(None).get("/v1", headers=bearer).json()["scopes"] == ["read", "write"]
    revoked = keyed("admin").delete(f"/v1/keys/{shape['id']}").json()
    assert revoked["revoked_at"] >= shape["created_at"]
    assert keyed(None).get("/v1", headers=bearer).status_code == 401
    gone = keyed("admin").delete("/v1/keys/none")
    assert (gone.status_code, gone.json()["code"]) == (404, "key_not_found")


def test_a_key_that_makes_no_sense_is_refused(client):
    for body in (
        {},
        {"name": " "},
        {"name": "a", "scopes": []},
        {"name": "a", "scopes": ["root"]},
        {"name": "a", "days": 0},
        {"name": "a", "more": 1},
    ):
        assert client.post("/v1/keys", json=body).status_code == 422
    assert client.get("/v1/keys").json() == {"keys": []}


def test_what_people_say_is_kept(keyed):
    for number in range(3):
        said = keyed("read").post(
            "/v1/feedback", json={"right": number > 0, "details": {"n": number}}
        )
        assert said.status_code == 201
    page = keyed("admin").get("/v1/feedback?limit=2").json()
    assert [(one["right"], one["details"]) for one in page["verdicts"]] == [
        (True, {"n": 2}),
        (True, {"n": 1}),
    ]
    rest = keyed("admin").get(f"/v1/feedback?before={page['next']}").json()
    assert (rest["verdicts"][0]["right"], rest["next"]) == (False, None)
    assert keyed("read").get("/v1/feedback").status_code == 403


def test_feedback_that_makes_no_sense_is_refused(client):
    for body in (
        b'{"right": 1}',
        b'{"right": true, "details": {"x": "%s"}}' % (b"x" * 4000),
        b'{"right": true, "details": {"x": NaN}}',
        b'{"right": true, "details": {"x": "\\ud800"}}',
        b'{"right": true, "track_id": "\\ud800"}',
        b'{"right": true, "more": 1}',
    ):
        answer = client.post(
            "/v1/feedback", content=body, headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert client.get("/v1/feedback").json()["verdicts"] == []
