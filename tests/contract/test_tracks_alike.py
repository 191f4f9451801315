"""A long random life of a library: every store tells the same of it as the obvious one."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from earmark.errors import TrackNotFoundError
from earmark.ports import NewTrack, StoredFeatures, TrackChanges
from earmark.stores.memory import MemoryTrackStore

STEPS = 60
ENGINES = ("recording", "melody", "sound")


def drawn(random_: random.Random) -> NewTrack:
    """A track from so few names that sources, contents and audio meet again and again."""
    audio = f"audio-{random_.randrange(8)}"
    engines = random_.sample(ENGINES, random_.randrange(4))
    features = {name: StoredFeatures("d", f"{name} of {audio}".encode()) for name in engines}
    return NewTrack(
        f"/music/{random_.randrange(6)}",
        f"content-{random_.randrange(5)}",
        audio,
        10.0 + int(audio[-1]),
        features,
        random_.randrange(1000),
        random_.randrange(1000),
        random_.choice(["", "Title", "Straße"]),
        random_.choice(["", "Artist", "BJÖRK"]),
        tags=tuple(random_.sample(["a", "b", "c"], random_.randrange(3))),
        cover=random_.choice([None, b"cover", b"other"]),
        track_id=random_.choice([None, None, None, "mine", "yours"]),
        added_at=random_.choice([None, "2020-02-02T20:20:20+00:00"]),
    )


def drawn_changes(random_: random.Random) -> TrackChanges:
    values = {
        "title": "changed",
        "artist": "",
        "tags": ("b", "d"),
        "extra": {"k": "v"},
        "source": f"/music/{random_.randrange(6)}",
        "size_bytes": 7,
    }
    return TrackChanges(**{name: v for name, v in values.items() if random_.random() < 0.4})


def told(store, texts=(None, "title", "STRASSE", "music/3", "d")) -> dict:
    """Everything that a store tells, but for numbers and the moment of addition."""
    tracks = store.page(None, 10**6)
    groups = store.by_number([track.number for track in tracks])
    shown: dict = {
        "tracks": [_plain(track) for track in tracks],
        "groups": sorted([_plain(track) for track in some] for some in groups.values()),
        "covers": [store.cover(track.id) for track in tracks],
        "count": store.count(),
        "totals": {name: v for name, v in store.totals().items() if name != "bytes"},
        "sources": [store.source_state(f"/music/{at}") for at in range(6)],
        "contents": [store.by_content(f"content-{at}") for at in range(5)],
        "pages": [[_plain(t) for t in store.page(None, 3, text)] for text in texts],
    }
    for engine in ENGINES:
        numbers = store.numbers(engine).tolist()
        features = list(store.features(engine, numbers))
        assert [number for number, _ in features] == numbers
        shown[engine] = sorted(
            ([track.id for track in groups[number]], one.data) for number, one in features
        )
    return shown


def _plain(track) -> tuple:
    track = replace(track, number=0, extra=dict(track.extra))
    day = track.added_at if track.added_at.startswith("2020") else ""
    return tuple(str(value) for value in (*replace(track, added_at=day).as_dict().values(),))


@pytest.mark.parametrize("seed", range(2))
def test_a_long_life_looks_the_same_everywhere(tracks, seed):
    random_ = random.Random(seed)
    store, oracle = tracks.open(), MemoryTrackStore()
    for _ in range(STEPS):
        ids = [track.id for track in oracle.page(None, 10**6)]
        what = random_.random()
        if what < 0.5 or not ids:
            batch = [drawn(random_) for _ in range(random_.randrange(1, 4))]
            got, wanted = store.put(batch), oracle.put(batch)
            assert [_plain(track) for track in got] == [_plain(track) for track in wanted]
        elif what < 0.75:
            track_id, changes = random_.choice(ids), drawn_changes(random_)
            changed = store.update(track_id, changes)
            assert _plain(changed) == _plain(oracle.update(track_id, changes))
        else:
            some = random_.sample(ids, random_.randrange(1, min(4, len(ids)) + 1))
            if random_.random() < 0.2:
                some = [*some, "nosuch"]
                with pytest.raises(TrackNotFoundError):
                    store.delete(some)
            else:
                store.delete(some)
                oracle.delete(some)
    assert told(store) == told(oracle)
    assert store.check() == []
    ids = [track.id for track in oracle.page(None, 10**6)]
    store.delete(ids)
    assert (store.count(), store.totals()["audio_s"], store.check()) == (0, 0.0, [])
