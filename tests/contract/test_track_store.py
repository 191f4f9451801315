"""What every track store owes its callers."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from earmark.errors import TrackNotFoundError
from earmark.ports import NewTrack, StoredFeatures, TrackChanges


def new(name: str, audio: str | None = None, **fields: object) -> NewTrack:
    audio = audio or f"audio-{name}"
    features = {
        "recording": StoredFeatures("d1", f"peaks of {audio}".encode()),
        "melody": StoredFeatures("m1", f"contour of {audio}".encode()),
    }
    track = NewTrack(f"/music/{name}.ogg", f"content-{name}", audio, 12.5, features)
    return replace(track, **fields)


@pytest.fixture
def store(tracks):
    return tracks.open()


def test_put_returns_what_get_returns(store):
    wanted = new(
        "a",
        title="Título",
        artist="Ärtist",
        album="B",
        tags=("x", "y z"),
        extra={"isrc": "DE1"},
        cover=b"\x89PNG",
        size_bytes=10,
        modified_ns=2**62,
    )
    (track,) = store.put([wanted])
    assert store.get(track.id) == track
    assert (track.source, track.content_id, track.duration_s) == ("/music/a.ogg", "content-a", 12.5)
    assert (track.title, track.artist, track.album) == ("Título", "Ärtist", "B")
    assert (track.tags, dict(track.extra)) == (("x", "y z"), {"isrc": "DE1"})
    assert store.cover(track.id) == b"\x89PNG"
    assert track.added_at.endswith("+00:00")
    state = store.source_state("/music/a.ogg")
    assert (state.track_id, state.size_bytes, state.modified_ns) == (track.id, 10, 2**62)
    assert store.check() == []


def test_ids_are_short_and_the_same_in_every_store(store):
    (track,) = store.put([new("a")])
    assert track.id == "yrky7zgc2k5n"


def test_putting_the_same_source_and_content_again_replaces(store):
    (first,) = store.put([new("a", title="one")])
    (second,) = store.put([new("a", title="two")])
    assert (second.id, second.number, second.title) == (first.id, first.number, "two")
    assert store.count() == 1


def test_an_id_that_is_taken_is_extended(store):
    (own,) = store.put([new("a")])
    store.put([new("b", track_id=own.id)])  # another file now has that id
    (track,) = store.put([new("a")])
    assert len(track.id) == 13
    assert track.id.startswith(own.id)
    assert store.count() == 2


def test_same_audio_shares_a_number_and_is_stored_once(store):
    one, two = store.put([new("a", "same"), new("b", "same")])
    assert one.number == two.number
    assert store.by_number([one.number, 999]) == {one.number: [one, two]}
    assert store.totals()["audios"] == 1
    assert store.totals()["audio_s"] == 12.5
    assert store.totals()["tracks"] == 2


def test_features_of_known_audio_stay_but_new_engines_are_added(store):
    (track,) = store.put([new("a", "same")])
    other = {
        "recording": StoredFeatures("d2", b"other"),
        "sound": StoredFeatures("s1", b"vectors"),
    }
    store.put([new("b", "same", features=other)])
    ((_, recording),) = store.features("recording", [track.number])
    ((_, sound),) = store.features("sound", [track.number])
    assert recording == StoredFeatures("d1", b"peaks of same")
    assert sound == StoredFeatures("s1", b"vectors")


def test_deleting_the_last_track_deletes_the_audio(store):
    one, two = store.put([new("a", "same"), new("b", "same")])
    store.delete([one.id])
    assert store.numbers("recording").tolist() == [one.number]
    store.delete([two.id])
    assert store.numbers("recording").tolist() == []
    assert list(store.features("recording", [one.number])) == []
    assert store.count() == 0
    assert store.totals()["audio_s"] == 0
    assert store.check() == []


def test_numbers_are_never_used_again(store):
    numbers = set()
    for i in range(5):
        (track,) = store.put([new(f"t{i}")])
        numbers.add(track.number)
        store.delete([track.id])
    assert len(numbers) == 5


def test_replacing_with_other_audio_gives_a_new_number(store):
    one, _ = store.put([new("a"), new("b")])
    (replaced,) = store.put([new("a2", track_id=one.id)])
    assert replaced.id == one.id
    assert replaced.number not in (one.number,)
    assert one.number not in store.numbers("recording")
    assert replaced.added_at == one.added_at
    assert [track.id for track in store.page(None, 1)] == [one.id]  # keeps its place


def test_replacing_keeps_audio_that_another_track_uses(store):
    one, _two = store.put([new("a", "same"), new("b", "same")])
    store.put([new("c", track_id=one.id)])
    assert one.number in store.numbers("recording")


def test_audio_handed_from_one_track_to_another_in_one_put_keeps_its_number(store):
    (one,) = store.put([new("a", "x")])
    _, moved = store.put([new("a", "y", track_id=one.id), new("b", "x")])
    assert moved.number == one.number


def test_delete_is_all_or_none(store):
    one, two = store.put([new("a"), new("b")])
    before = store.revision()
    with pytest.raises(TrackNotFoundError, match="nosuch"):
        store.delete([one.id, "nosuch", two.id])
    assert store.count() == 2
    assert store.revision() == before


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.get("nosuch"),
        lambda s: s.get("\ud800"),
        lambda s: s.update("nosuch", TrackChanges(title="x")),
        lambda s: s.cover("nosuch"),
        lambda s: s.page("nosuch", 10),
    ],
)
def test_unknown_ids_are_named(store, call):
    with pytest.raises(TrackNotFoundError, match="no track has the id"):
        call(store)


def test_update_overwrites_only_what_is_given(store):
    (track,) = store.put([new("a", title="old", artist="who", tags=("t",), size_bytes=1)])
    changed = store.update(track.id, TrackChanges(title="new", extra={"k": "v"}, size_bytes=2))
    assert changed == replace(track, title="new", extra={"k": "v"})
    assert store.get(track.id) == changed
    assert store.source_state(track.source).size_bytes == 2
    moved = store.update(track.id, TrackChanges(source="/elsewhere.ogg"))
    assert store.source_state("/music/a.ogg") is None
    assert store.source_state("/elsewhere.ogg").track_id == track.id
    assert moved.source == "/elsewhere.ogg"
    assert [t.id for t in store.page(None, 9, "elsewhere")] == [track.id]
    assert store.page(None, 9, "music/a") == []


def test_pages_follow_the_order_of_addition(store):
    added = store.put([new(f"t{i}") for i in range(7)])
    seen, after = [], None
    while page := store.page(after, 3):
        seen += page
        after = page[-1].id
    assert seen == added
    assert store.page(None, 0) == []


@pytest.mark.parametrize(
    "text", ["straße", "STRASSE", "björk", "BJÖRK", "täg", "/music/one", "one"]
)
def test_search_ignores_case(store, text):
    one, _ = store.put(
        [new("one", title="Straße", artist="Björk", tags=("TÄG",)), new("two", title="no")]
    )
    assert [track.id for track in store.page(None, 10, text)] == [one.id]


def test_search_takes_wildcards_literally(store):
    store.put([new("a", title="100 %"), new("b", title="100 x")])
    assert [track.title for track in store.page(None, 10, "100 %")] == ["100 %"]
    assert store.page(None, 10, "_") == []


def test_sources_that_are_no_text_survive(store):
    name = b"/music/\xff\xfe.ogg".decode("utf-8", "surrogateescape")
    (track,) = store.put([new("a", source=name)])
    assert store.get(track.id).source == name
    assert store.source_state(name).source == name


def test_long_texts_survive(store):
    fields = {
        "source": "/music/" + "s" * 300,
        "content_id": "c" * 301,
        "title": "t" * 70_000,
        "artist": "\0",
        "album": "ä" * 200,
        "tags": tuple(f"tag {at} " + "x" * (at * 20) for at in range(20)),
        "extra": {"lyrics": "la " * 30_000, "": "empty"},
    }
    (track,) = store.put([new("a", **fields)])
    for got in (track, store.get(track.id), *store.page(None, 9, "x" * 300)):
        assert {name: getattr(got, name) for name in fields} == fields
    assert store.check() == []


def test_by_content_and_the_latest_of_a_source(store):
    one, two = store.put([new("a"), new("b", content_id="content-a")])
    assert [state.track_id for state in store.by_content("content-a")] == [one.id, two.id]
    assert store.by_content("nothing") == []
    (later,) = store.put([new("a", content_id="changed")])
    assert store.source_state("/music/a.ogg").track_id == later.id


def test_features_come_ascending_and_once(store):
    added = store.put([new(f"t{i}") for i in range(150)])
    numbers = [track.number for track in added]
    asked = [*reversed(numbers), numbers[0], 10**9]
    got = list(store.features("recording", asked))
    assert [number for number, _ in got] == sorted(numbers)
    assert got[3][1] == StoredFeatures("d1", b"peaks of audio-t3")
    assert store.numbers("recording").tolist() == sorted(numbers)
    assert store.numbers("recording").dtype == np.int64
    assert list(store.features("nothing", numbers)) == []


def test_replace_features(store):
    (track,) = store.put([new("a")])
    fresh = StoredFeatures("d2", b"new")
    store.replace_features("recording", {track.number: fresh, 10**9: fresh})
    assert list(store.features("recording", [track.number, 10**9])) == [(track.number, fresh)]
    assert store.numbers("recording").tolist() == [track.number]


def test_every_change_changes_the_revision(store):
    seen = {store.revision()}
    (track,) = store.put([new("a")])
    seen.add(store.revision())
    store.update(track.id, TrackChanges(title="x"))
    seen.add(store.revision())
    store.replace_features("recording", {track.number: StoredFeatures("d", b"")})
    seen.add(store.revision())
    store.delete([track.id])
    seen.add(store.revision())
    assert len(seen) == 5
    assert store.revision() == store.revision()


def test_the_lock_is_reentrant(store):
    with store.writing(), store.writing():
        store.put([new("a")])
    assert store.count() == 1


def test_empty_requests(store):
    assert store.put([]) == []
    store.delete([])
    assert store.by_number([]) == {}
    assert list(store.features("recording", [])) == []
    assert store.page(None, 10) == []


def test_threads_may_share_a_store(store):
    def work(name: str) -> None:
        for i in range(10):
            store.put([new(f"{name}{i}")])
            store.page(None, 5)

    threads = [threading.Thread(target=work, args=(f"w{i}-",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count() == 40
    assert len(set(store.numbers("recording").tolist())) == 40


def test_another_opening_sees_everything(durable_tracks):
    one, two = durable_tracks.open(), durable_tracks.open()
    (track,) = one.put([new("a", cover=b"c")])
    assert two.get(track.id) == track
    before = two.revision()
    one.delete([track.id])
    assert two.revision() != before
    assert two.count() == 0
    one.close()
    assert durable_tracks.open().count() == 0
