"""Two sounds side by side over HTTP, and duplicates as a job."""

from __future__ import annotations

import io
import time

import pytest
import soundfile

from earmark.client.twinread import read_comparison, read_duplicates

RATE_HZ = 16000


def wav(samples, kind="WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format=kind, subtype="PCM_16")
    return file.getvalue()


@pytest.fixture
def ids(stocked):
    """The ids of the songs 0, 1 and 2."""
    return [track.id for track in stocked.tracks()]


def test_two_files_as_a_form(client, music):
    whole = music(1)
    files = [("file", ("a.wav", wav(whole))), ("file", ("b.flac", wav(whole[48000:], "FLAC")))]
    answer = client.post("/v1/compare", files=files)
    assert answer.status_code == 200, answer.text
    shape = answer.json()
    assert (shape["relation"], shape["a"]["name"], shape["b"]["codec"]) == (
        "recording",
        "a.wav",
        "flac",
    )
    assert shape["only_a"] == [{"start_s": 0.0, "end_s": pytest.approx(3.0, abs=0.05)}]
    read = read_comparison(shape)
    assert read.as_dict() == {**shape, "speed_ppm": pytest.approx(shape["speed_ppm"], abs=0.2)}


def test_a_track_beside_a_file_and_two_tracks(client, ids, song):
    form = client.post(
        "/v1/compare", files={"file": ("clip.wav", wav(song(1)))}, data={"b": ids[1]}
    )
    assert form.status_code == 200, form.text
    assert form.json()["b"]["track_id"] == ids[1]
    assert form.json()["relation"] in ("exact", "recording")
    both = client.post("/v1/compare", json={"a": ids[0], "b": ids[0]})
    assert both.json()["relation"] == "exact"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"a": "x"}, 422),
        ({"a": "no-such", "b": "no-such"}, 404),
        ({"a": "/etc/passwd", "b": "/etc/hostname"}, 404),
        ({"a": "", "b": ""}, 422),
        ({"a": "http://127.0.0.1:9/a.wav", "b": "http://127.0.0.1:9/b.wav"}, 422),
    ],
)
def test_what_is_refused(client, body, status):
    refused = client.post("/v1/compare", json=body)
    assert refused.status_code == status, refused.text
    assert "root:" not in refused.text


def test_one_file_alone_is_refused(client, song):
    refused = client.post("/v1/compare", files={"file": ("a.wav", wav(song(1)))})
    assert refused.status_code in (400, 422)
    assert "two sounds" in refused.json()["detail"]


def test_duplicates_as_a_job(client, stocked, song, tmp_path):
    path = tmp_path / "copy.flac"
    path.write_bytes(wav(song(1), "FLAC"))
    stocked.add([path])
    begun = client.post("/v1/dedupe", json={"kinds": ["exact", "recording"]})
    assert begun.status_code == 202, begun.text
    job = begun.json()
    assert (job["kind"], begun.headers["location"]) == ("dedupe", f"/v1/jobs/{job['id']}")
    until = time.monotonic() + 30
    while job["state"] not in ("done", "failed"):
        assert time.monotonic() < until
        time.sleep(0.05)
        job = client.get(f"/v1/jobs/{job['id']}").json()
    assert job["state"] == "done", job
    found = read_duplicates(job["report"]["duplicates"])
    assert found.groups[0].kind in ("exact", "recording")
    assert len(found.groups[0].members) == 2
    shape = job["report"]["duplicates"]
    assert found.as_dict() == {**shape, "wall_s": pytest.approx(shape["wall_s"])}
    assert client.post("/v1/dedupe", json={"kinds": ["copies"]}).status_code == 422
