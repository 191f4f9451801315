"""The clients against the real service: a real server on a real port over a real library."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import uvicorn

from earmark import (
    ConflictError,
    JobNotFoundError,
    Library,
    MediaTypeError,
    PreconditionError,
    RepairReport,
    Settings,
    TrackNotFoundError,
    UnauthorizedError,
    Within,
)
from earmark.bootstrap import open_ledger
from earmark.client import AsyncClient, Client, Ended, Heard, Level, Ready
from earmark.config import ServeSettings
from earmark.service.app import create_app
from earmark.service.server import _config

PLUGINS = Path(__file__).parents[1] / "plugins"
PAGE = Path(__file__).parents[2] / "docs" / "client.md"
RATE_HZ = 16000


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty service for the tests of this file, each of which brings its own songs."""
    folder = tmp_path_factory.mktemp("service")
    settings = Settings(library=str(folder / "library"), workers=1, lock_wait_s=5.0)
    options = ServeSettings(threads=2, rate_per_minute=0, grace_s=2.0, roots=str(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGINS))
        patch.setenv("PYTHONPATH", str(PLUGINS), prepend=":")
        with Library.open(create=True, settings=settings) as library:
            ledger = open_ledger(settings.library, settings)
            app = create_app(library, ledger, options=options, settings=settings)
            listener = socket.create_server(("127.0.0.1", 0))
            server = uvicorn.Server(_config(app, options))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            server.should_exit = True
            thread.join(15)
            ledger.close()
            assert not thread.is_alive()


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url, timeout_s=30) as found:
        yield found


@pytest.fixture
def clip(song: Callable[..., np.ndarray]) -> Callable[[int], np.ndarray]:
    """Five seconds of a song, from its third."""
    return lambda seed: song(seed)[3 * RATE_HZ : 8 * RATE_HZ]


def test_a_track_from_beginning_to_end(client, write, clip):
    path = write("one.wav", 101)
    added = client.add(path, id="one", title="One", artist="Ada", tags=["a", "b"], extra={"k": "v"})
    assert added.created
    assert not client.add(path, id="one", title="One").created
    track = client.get("one")
    assert (track.label, track.tags, track.extra, track.uploaded) == (
        "Ada - One",
        ("a", "b"),
        {"k": "v"},
        True,
    )
    assert track.duration_s == pytest.approx(12.0, abs=0.1)

    answer = client.identify(write("clip.wav", clip(101)), "sound", drawing=True)
    assert (answer.input, answer.outcome) == ("clip.wav", "match")
    assert answer.best.track.id == "one"
    assert answer.best.segments[0].reference.start_s == pytest.approx(3.0, abs=0.5)
    assert client.identify(path.read_bytes(), "sound", within=Within(tags=("none",))).matches == ()
    with path.open("rb") as file:
        file.read(100)  # it is sent from its beginning all the same
        named = client.identify(file, "sound", 1, name="what I heard")
        assert (named.input, named.best.track.id) == ("what I heard", "one")
    silence = client.identify(write("silence.wav", np.zeros(5 * RATE_HZ, np.float32)))
    assert (silence.outcome, silence.query.duration_s) == ("no_match", 5.0)

    assert client.get_if_changed("one", track.etag) is None
    changed = client.update("one", title="Eins", if_match=track.etag)
    assert (changed.title, changed.artist) == ("Eins", "Ada")
    assert client.get_if_changed("one", track.etag).title == "Eins"
    with pytest.raises(PreconditionError) as caught:
        client.delete("one", if_match=track.etag)
    assert caught.value.status == 412
    assert caught.value.request_id

    client.delete("one", if_match=changed.etag)
    with pytest.raises(TrackNotFoundError):
        client.get("one")


def test_what_can_be_heard_and_seen_of_a_track(client, write, tmp_path):
    path = write("heard.wav", 102)
    client.add(path, id="heard")
    assert client.audio("heard").body == path.read_bytes()
    saved = client.audio("heard", tmp_path / "copy.wav")
    assert (saved.body, saved.path.read_bytes()) == (b"", path.read_bytes())
    assert saved.content_type.startswith("audio/")
    stretch = client.audio("heard", tmp_path / "stretch.wav", start_s=2.0, duration_s=1.5)
    assert soundfile.info(stretch.path).duration == pytest.approx(1.5, abs=0.01)
    shape = client.waveform("heard", points=50, start_s=1.0, end_s=6.0)
    assert shape.peaks.shape == (50, 2)
    assert (shape.peaks[:, 0] <= shape.peaks[:, 1]).all()
    assert (shape.start_s, shape.end_s) == (1.0, 6.0)
    assert client.cover("heard") is None
    assert client.duplicates("heard").outcome == "no_match"
    client.delete("heard")


def test_sending_it_again_is_safe(client, write):
    data = write("again.wav", 103).read_bytes()
    first = client.add(data, idempotency_key="k-103", name="again.wav")
    second = client.add(data, idempotency_key="k-103", name="again.wav")
    assert (first.replayed, second.replayed) == (False, True)
    assert first.created
    assert second.created  # it is the first answer
    assert second.track.id == first.track.id
    with pytest.raises(ConflictError):
        client.add(write("other.wav", 104), idempotency_key="k-103")
    assert client.add(data).track.id == first.track.id  # the same bytes
    client.delete(first.track.id)


def test_pages(client, write):
    for number in range(5):
        client.add(write(f"p{number}.wav", 110 + number), id=f"p{number}", album="pages")
    assert [track.id for track in client.tracks("pages", page_size=2)] == [
        f"p{number}" for number in range(5)
    ]
    page = client.page("pages", limit=2)
    assert (len(page.items), page.total) == (2, 5)
    for number in range(5):
        client.delete(f"p{number}")


def test_a_job_is_followed_to_its_end(client, write, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF" + bytes(range(200)))
    files = [write(f"j{number}.wav", 120 + number) for number in range(2)]
    job = client.submit([*files, tmp_path / "bad.wav"], tags=["batch"])
    states = list(client.follow(job.id))
    assert states[-1] == client.wait(job.id, 10)
    assert states[-1].state == "done"
    report = states[-1].report
    assert (report.added, len(report.failed)) == (2, 1)
    assert report.failed[0].input.endswith("bad.wav")
    assert client.get(report.track_ids[0]).tags == ("batch",)
    assert job.id in [one.id for one in client.jobs()]
    with pytest.raises(ConflictError):
        client.cancel(job.id)
    with pytest.raises(JobNotFoundError):
        list(client.follow("nonsense"))
    for track_id in report.track_ids:
        client.delete(track_id)


def test_upkeep(client, url, write, tmp_path):
    client.add(write("kept.wav", 130), id="kept")
    about = client.about()
    assert (about.name, about.needs_key) == ("earmark", False)
    assert "sound" in about.modes
    assert client.stats().tracks == about.tracks == len(list(client.tracks()))
    assert client.engines()["sound"] is True
    assert client.switch("melody", False) == 0
    assert client.engines()["melody"] is False
    client.switch("melody", True)
    assert any(model.here for model in client.models())
    assert client.check() == []
    assert client.repair() == RepairReport()
    archive = client.export_to(tmp_path / "all.earmark")
    assert client.import_from(archive).unchanged == about.tracks
    assert client.wait(client.rebuild().id, 60).report.unchanged >= 1
    assert client.healthy()
    assert client.ready().ready
    assert "earmark" in client.metrics()
    said = client.feedback(True, "kept", {"confidence": 0.9})
    assert next(client.verdicts()) == said
    client.delete("kept")


def test_listening_ends_as_soon_as_it_is_certain(client, write, song):
    client.add(write("live.wav", 140), id="live")
    taken = []

    def blocks(step=RATE_HZ // 4):
        samples = song(140)[2 * RATE_HZ :]
        for at in range(0, len(samples), step):
            taken.append(at)
            yield samples[at : at + step]
            time.sleep(0.02)

    events = list(client.listen(blocks(), RATE_HZ, mode="sound"))
    assert isinstance(events[0], Ready)
    assert any(isinstance(event, Level) and event.verdict == "ok" for event in events)
    assert isinstance(events[-1], Ended)
    heard = [event for event in events if isinstance(event, Heard)][-1]
    assert heard.kind == "match"
    assert heard.answer.best.track.id == "live"
    client.delete("live")


def test_asynchronously(url, write, song, tmp_path):
    paths = [write(f"a{number}.wav", 150 + number) for number in range(2)]

    async def live():
        samples = song(150)[2 * RATE_HZ : 10 * RATE_HZ]
        for at in range(0, len(samples), 4000):
            yield samples[at : at + 4000].astype("<f4").tobytes()
            await asyncio.sleep(0.01)

    async def work():
        async with AsyncClient(url, timeout_s=30) as client:
            one, two = await asyncio.gather(
                *(client.add(path, id=path.stem, tags=["async"]) for path in paths)
            )
            assert one.created
            assert two.created
            assert {track.id async for track in client.tracks("async", page_size=1)} == {"a0", "a1"}
            clip = write("clip.wav", song(151)[3 * RATE_HZ : 8 * RATE_HZ])
            assert (await client.identify(clip, "sound")).best.track.id == "a1"
            saved = await client.audio("a0", tmp_path / "a.wav")
            assert saved.path.read_bytes() == paths[0].read_bytes()
            told = client.listen(live(), RATE_HZ, format="pcm_f32le", mode="sound")
            events = [event async for event in told]
            assert isinstance(events[-1], Ended)
            found = [event for event in events if isinstance(event, Heard)][-1]
            assert found.answer.best.track.id == "a0"
            job = await client.submit(write("late.wav", 152))
            states = [state async for state in client.follow(job.id)]
            assert states[-1].report.added == 1
            assert (await client.wait(job.id, 5)).ended
            with pytest.raises(MediaTypeError):
                await client.identify(b"hello " * 100)
            for track_id in ("a0", "a1", *states[-1].report.track_ids):
                await client.delete(track_id)

    asyncio.run(work())


def test_keys(url):
    """Last but one: from the first key on nobody comes in without."""
    with Client(url) as client:
        boss = client.add_key("boss", ["admin"])
    assert boss.key not in repr(boss)
    with Client(url) as stranger, pytest.raises(UnauthorizedError):
        stranger.stats()
    with Client(url) as stranger, pytest.raises(UnauthorizedError):
        list(stranger.listen([]))
    with Client(url, boss.key) as client:
        assert client.about().scopes == ("read", "write", "admin")
        (listed,) = client.keys()
        assert (listed.id, listed.name) == (boss.id, "boss")
        assert client.revoke_key(boss.id).revoked_at


@pytest.mark.parametrize("page", [PAGE], ids=["client.md"])
def test_the_examples_of_the_page_run(page, url, write, song, tmp_path, monkeypatch, capsys):
    for number in range(3):
        write(f"music/{number}.wav", 160 + number)
    write("song.wav", 170)
    write("clip.wav", song(170)[3 * RATE_HZ : 8 * RATE_HZ])
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8").replace("http://127.0.0.1:8645", url)
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 5
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)
