"""A library in Redis, used as any other: what it says, keeps secret, refuses and follows."""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
from redis_host import RedisHost
from shared_place import url

from earmark import Library, Settings
from earmark.errors import LibraryNotFoundError, StoreUnavailableError, UsageError
from earmark.shared_home import FRESH_S

RATE_HZ = 16_000
pytestmark = pytest.mark.usefixtures("tones")


@pytest.fixture
def files(write, music) -> list[Path]:
    """Four tracks."""
    return [write(f"music/{seed}.wav", music(1000 + seed, 5.0)) for seed in range(4)]


@pytest.fixture
def clips(write, music) -> list[Path]:
    """A piece of each of the four."""
    return [write(f"clips/{s}.wav", music(1000 + s, 5.0)[: 4 * RATE_HZ]) for s in range(4)]


def heard(library: Library, clip: Path) -> str:
    """The name of the track that is found, or nothing."""
    best = library.identify(clip, "recording").best
    return Path(best.track.source).stem if best else ""


def test_all_that_can_be_done_with_it(shared, files, clips, tmp_path):
    with Library.open(create=True, settings=shared) as library:
        assert library.shared
        assert library.address == shared.library
        assert library.add(tmp_path / "music").added == 4
        assert library.add(tmp_path / "music").unchanged == 4
        assert [heard(library, clip) for clip in clips] == ["0", "1", "2", "3"]
        by_source = {Path(track.source).stem: track.id for track in library}
    # The library remembers where its vectors are.
    with Library.open(settings=replace(shared, vectors="")) as library:
        assert library.stats().vectors == shared.vectors
        library.remove(by_source["1"])
        assert heard(library, clips[1]) != "1"
        assert library.update(by_source["2"], title="Two", tags=["kept"]).title == "Two"
        put = library.put(files[1], track_id="mine", title="One again")
        assert (put.created, put.track.id) == (True, "mine")
        assert library.identify(clips[1], "recording").best.track.title == "One again"
        assert library.put(files[1], track_id="mine").changed is False
        assert library.switch("recording", False) == 0
        with pytest.raises(UsageError, match="switched off"):
            library.identify(clips[0], "recording")
        files.append(files[0].with_name("4.wav"))
        files[0].rename(files[4])
        assert library.add(files[4]).moved == 1
        assert library.switch("recording", True) == 0
        assert heard(library, clips[0]) == "4"
        assert library.rebuild().indexed == 4
        assert [heard(library, clip) for clip in clips] == ["4", "1", "2", "3"]
        assert library.check() == []
        assert library.repair().done == ()
        assert len(library) == 4


def tuned(library: Library, clip: Path) -> list[tuple[str, float]]:
    """Which tracks have the tune, and how certain that is."""
    found = library.identify(clip, "melody").matches
    return [(match.track.id, round(match.confidence, 3)) for match in found]


def test_a_score_is_attached(shared, files, write, tmp_path):
    pitches = (60, 64, 62, 67, 65, 69, 60, 72, 71, 67, 64, 60, 65, 62, 59, 60) * 2
    track = mido.MidiTrack()
    for pitch in pitches:
        track.append(mido.Message("note_on", note=pitch, time=0))
        track.append(mido.Message("note_off", note=pitch, time=240))
    mido.MidiFile(tracks=[track]).save(tmp_path / "tune.mid")
    time_s = np.arange(RATE_HZ // 4) / RATE_HZ
    hz = [440 * 2 ** ((pitch - 69) / 12) for pitch in pitches]
    sung = [np.exp(-3 * time_s) * np.sin(2 * np.pi * one * time_s) for one in hz]
    clip = write("sung.wav", 0.5 * np.concatenate(sung))
    with Library.open(create=True, settings=shared) as library:
        library.add(files[:2])
        before = tuned(library, clip)
        first = next(iter(library))
        library.attach(tmp_path / "tune.mid", first.id)
        attached = tuned(library, clip)
        assert attached[0][0] == first.id
        assert attached != before
        assert library.check() == []
        library.detach(first.id)
        assert tuned(library, clip) == before
        assert library.check() == []


def test_another_sees_every_change_with_its_next_question(shared, files, clips):
    with (
        Library.open(create=True, settings=shared) as one,
        Library.open(settings=shared) as other,
    ):
        assert heard(other, clips[0]) == ""
        one.add(files[:2])
        assert [heard(other, clip) for clip in clips[:2]] == ["0", "1"]
        other.remove([track.id for track in other if Path(track.source).stem == "0"])
        assert [heard(one, clip) for clip in clips[:2]] == ["", "1"]
        one.rebuild()
        assert heard(other, clips[1]) == "1"
        one.switch("recording", False)
        assert heard_soon_off(other, clips[1])
        assert other.add(files[2]).added == 1  # without what is off
        assert one.switch("recording", True) == 1
        assert one.rebuild().analysed == 1
        time.sleep(FRESH_S)
        assert [heard(other, clip) for clip in clips[1:3]] == ["1", "2"]
        assert one.check() == other.check() == []


def heard_soon_off(library: Library, clip: Path) -> bool:
    """Whether an engine that another has switched off is refused, a moment later at most."""
    time.sleep(FRESH_S)
    with pytest.raises(UsageError, match="switched off"):
        library.identify(clip, "recording")
    return True


def test_secrets_are_shown_nowhere(lite, files, tmp_path):
    host = RedisHost(tmp_path / "redis", options=["--requirepass", "hush"])
    host.start()
    try:
        place = url(host, "hush")
        settings = Settings(
            library=f"{place}&vectors=http://ann:quiet@127.0.0.1:9", lock_wait_s=5.0
        )
        said = [repr(settings)]
        with Library.open(create=True, settings=settings) as library:
            said += [repr(library), library.address, *library.check()]
            with pytest.raises(StoreUnavailableError) as caught:
                library.add(files[0], workers=1)
            said += [repr(caught.value), str(caught.value), str(caught.value.__cause__)]
            home = library._parts.home
            said.append(str(home._notes.manifest()))
            assert "127.0.0.1:9" in said[-1]
        for wrong in (place.replace("hush", "loud"), place.replace(":hush@", "")):
            with pytest.raises(StoreUnavailableError, match="EARMARK_REDIS_PASSWORD") as caught:
                Library.open(wrong, settings=Settings())
            said.append(f"{caught.value!r} {caught.value}")
        without = Settings(library=place.replace(":hush@", ""), redis_password="hush")
        with Library.open(settings=replace(without, vectors=lite)) as library:
            said.append(json.dumps(library.stats().as_dict()))
        said.append(repr(without))
        for secret in ("hush", "quiet", "loud"):
            assert not [text for text in said if secret in text], secret
    finally:
        host.stop()


def test_what_cannot_be_opened(shared, redis_host):
    with pytest.raises(LibraryNotFoundError, match="no library at") as caught:
        Library.open(settings=shared)
    assert "earmark --library 'redis://127.0.0.1:" in str(caught.value)
    assert "&vectors=http://HOST:19530' add PATH..." in str(caught.value)
    for vectors in ("", "embedded"):
        with pytest.raises(UsageError, match="a new library in Redis needs a Milvus"):
            Library.open(create=True, settings=replace(shared, vectors=vectors))
        with pytest.raises(LibraryNotFoundError):  # nothing was made
            Library.open(settings=shared)
    for wrong, told in (
        ("mysql://db/music", r"begins with redis://.*nothing is known of mysql://"),
        ("redis:///0", "a library in Redis is"),
        (f"redis://127.0.0.1:{redis_host.port}/0?ns=a b", "a namespace is"),
        (f"redis://127.0.0.1:{redis_host.port}/0?name=a", "only ns, vectors and ca"),
    ):
        with pytest.raises(UsageError, match=told):
            Library.open(wrong, create=True, settings=shared)


def test_a_redis_that_forgets_is_warned_of(lite, tmp_path):
    host = RedisHost(tmp_path / "redis", options=["--appendonly", "no"])
    host.start()
    try:
        settings = Settings(library=url(host), vectors=lite)
        with pytest.warns(RuntimeWarning, match="set `appendonly yes`") as caught:
            library = Library.open(create=True, settings=settings)
        assert len(caught) == 1
        with library, warnings.catch_warnings():
            warnings.simplefilter("error")
            library.stats()
            assert ["appendonly yes" in fault for fault in library.check()] == [True]
    finally:
        host.stop()
