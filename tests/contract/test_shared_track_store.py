"""What a track store owes its callers where several machines write to it at once."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from earmark.errors import LibraryLockedError, TrackNotFoundError
from earmark.ports import NewTrack, SharedTrackStore, StoredFeatures, TrackChanges


def new(name: str, audio: str | None = None, **fields: object) -> NewTrack:
    audio = audio or f"audio-{name}"
    features = {
        "recording": StoredFeatures("d1", f"peaks of {audio}".encode()),
        "melody": StoredFeatures("m1", f"contour of {audio}".encode()),
    }
    track = NewTrack(f"/music/{name}.ogg", f"content-{name}", audio, 12.5, features)
    return replace(track, **fields)


def in_thread(work) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.fixture
def stores(shared_tracks):
    """Two openings of one library, as two machines have them."""
    return shared_tracks.open(), shared_tracks.open()


@pytest.fixture
def store(stores):
    return stores[0]


def test_it_is_one_by_its_shape(store):
    assert isinstance(store, SharedTrackStore)


# --- stage, publish ------------------------------------------------------------------------------


def test_nobody_sees_a_stage_before_it_is_published(stores):
    one, two = stores
    with one.writing():
        stage = one.stage([new("a", cover=b"c"), new("b", "same"), new("c", "same")])
        assert stage.numbers[1] == stage.numbers[2]
        assert {n: list(some) for n, some in stage.new.items()} == {
            "melody": sorted(set(stage.numbers)),
            "recording": sorted(set(stage.numbers)),
        }
        for seen in (one, two):
            assert (seen.count(), seen.page(None, 9), seen.leftovers()) == (0, [], [])
            assert seen.numbers("recording").tolist() == []
            assert list(seen.features("recording", stage.numbers)) == []
            assert seen.totals()["audios"] == 0
        published = one.publish(stage)
    assert published.gone == ()
    assert [track.number for track in published.tracks] == list(stage.numbers)
    assert two.page(None, 9) == list(published.tracks)
    assert two.numbers("recording").tolist() == sorted(set(stage.numbers))
    assert two.cover(published.tracks[0].id) == b"c"
    assert one.check() == []


def test_publishing_twice_is_publishing_once(stores):
    one, _ = stores
    (old,) = one.put([new("old")])
    with one.writing():
        stage = one.stage([new("a"), new("other", track_id=old.id)])
        first = one.publish(stage)
        revision = one.revision()
        assert one.publish(stage) == first
    assert first.gone == (old.number,)
    assert one.revision() == revision
    assert one.count() == 2


def test_an_empty_stage(store):
    with store.writing():
        assert store.publish(store.stage([])).tracks == ()


def test_known_audio_is_not_new(stores):
    one, two = stores
    (track,) = one.put([new("a", "same")])
    with two.writing():
        more = {**new("b", "same").features, "sound": StoredFeatures("s1", b"vectors")}
        stage = two.stage([new("b", "same", features=more), new("c")])
        assert stage.numbers[0] == track.number
        assert stage.new == {
            "melody": (stage.numbers[1],),
            "recording": (stage.numbers[1],),
            "sound": (track.number,),
        }
        assert list(one.features("sound", [track.number])) == []
        assert one.numbers("sound").tolist() == []
        two.publish(stage)
    assert one.numbers("sound").tolist() == [track.number]
    assert one.check() == []


def test_audio_that_another_published_meanwhile_keeps_that_number(stores):
    one, two = stores
    with one.writing(), two.writing():
        first, second = one.stage([new("a", "same")]), two.stage([new("b", "same")])
        assert first.numbers != second.numbers
        (theirs,) = two.publish(second).tracks
        published = one.publish(first)
        assert published.tracks[0].number == theirs.number
        assert published.gone == first.numbers
        assert two.leftovers() == list(first.numbers)
        one.forget(published.gone)
        assert two.leftovers() == []
    assert one.totals()["audios"] == 1
    assert one.check() == []


def test_of_audio_that_two_publish_at_once_no_engine_is_lost(stores):
    one, two = stores
    sound = {"sound": StoredFeatures("s1", b"vectors")}
    with one.writing(), two.writing():
        first, second = one.stage([new("a", "x", features=sound)]), two.stage([new("b", "x")])
        (theirs,) = two.publish(second).tracks
        one.forget(one.publish(first).gone)
    ((number, features),) = one.features("sound", [theirs.number])
    assert (number, features.data) == (theirs.number, b"vectors")
    assert one.check() == []


def test_audio_that_a_stage_counts_on_stays_though_its_last_track_goes(stores):
    one, two = stores
    (track,) = one.put([new("a", "same")])
    with one.writing(), two.writing():
        stage = one.stage([new("b", "same")])
        assert stage.numbers == (track.number,)
        assert two.hide([track.id]) == []
        assert (two.count(), two.leftovers()) == (0, [])
        published = one.publish(stage)
    assert published.tracks[0].number == track.number
    assert published.gone == ()
    assert len(list(one.features("recording", [track.number]))) == 1
    assert one.check() == []


def test_a_stage_that_is_not_published_lets_audio_go_that_only_it_counted_on(stores):
    one, two = stores
    (track,) = one.put([new("a", "same")])
    with one.writing():
        one.stage([new("b", "same")])
        two.delete([track.id])
        assert one.leftovers() == []
    assert one.leftovers() == [track.number]
    one.forget(one.leftovers())
    assert one.totals()["audios"] == 0
    assert one.check() == []


def test_a_stage_that_was_given_up_is_left_over(stores):
    one, two = stores
    with one.writing():
        stage = one.stage([new("a", cover=b"c"), new("b")])
    assert two.leftovers() == sorted(stage.numbers)
    with pytest.raises(LibraryLockedError, match="nothing of this batch was kept"):
        one.publish(stage)
    assert two.leftovers() == sorted(stage.numbers)
    two.forget(two.leftovers())
    assert (two.leftovers(), two.count(), two.check()) == ([], 0, [])


def test_forgetting_leaves_what_is_in_use(store):
    (track,) = store.put([new("a")])
    store.forget([track.number, 10**9, -3])
    assert len(list(store.features("recording", [track.number]))) == 1
    store.forget([])


# --- hide ----------------------------------------------------------------------------------------


def test_hiding_comes_first_and_forgetting_last(stores):
    one, two = stores
    tracks = one.put([new("a", "same", cover=b"c"), new("b", "same"), new("c")])
    with one.writing():
        assert one.hide([tracks[0].id]) == []
        gone = one.hide([tracks[1].id, tracks[2].id])
        assert gone == sorted({tracks[0].number, tracks[2].number})
        assert two.leftovers() == gone
        assert (two.count(), two.numbers("recording").tolist()) == (0, [])
        assert list(two.features("recording", gone)) == []
        assert two.check() == []
        one.forget(gone)
        one.forget(gone)
    assert two.leftovers() == []
    assert two.totals() == {"tracks": 0, "audios": 0, "audio_s": 0.0, "bytes": 0}


def test_hiding_is_all_or_none(store):
    (track,) = store.put([new("a")])
    with pytest.raises(TrackNotFoundError, match="'nosuch'"):
        store.hide([track.id, "nosuch"])
    assert (store.count(), store.leftovers()) == (1, [])
    assert store.hide([track.id, track.id]) == [track.number]
    assert store.hide([]) == []


# --- claims --------------------------------------------------------------------------------------


def test_a_claim_is_one_holders(stores):
    one, two = stores
    assert one.claim(["/a", "/b"]) == [True, True]
    assert one.claim(["/b", "/c"]) == [True, True]
    assert two.claim(["/a", "/d"]) == [False, True]
    two.release(["/a"])  # not its own
    assert two.claim(["/a"]) == [False]
    one.release(["/a"])
    assert two.claim(["/a"]) == [True]
    assert one.claim([]) == []
    one.close()
    assert two.claim(["/b"]) == [True]


def test_a_source_that_another_has_claimed_is_not_published(stores):
    one, two = stores
    assert two.claim(["/music/b.ogg"]) == [True]
    with one.writing():
        stage = one.stage([new("a"), new("b")])
        with pytest.raises(LibraryLockedError, match=r"/music/b\.ogg"):
            one.publish(stage)
        two.release(["/music/b.ogg"])
        with pytest.raises(LibraryLockedError):
            one.publish(stage)
    assert one.count() == 0
    assert one.leftovers() == sorted(stage.numbers)


def test_sources_that_are_no_text_can_be_claimed(stores):
    one, two = stores
    name = b"/music/\xff.ogg".decode("utf-8", "surrogateescape")
    assert one.claim([name]) == [True]
    assert two.claim([name]) == [False]


# --- leases --------------------------------------------------------------------------------------


def test_many_write_at_once(stores):
    one, two = stores
    with one.writing(), two.writing():
        one.put([new("a")])
        two.put([new("b")])
    assert one.count() == 2


def test_one_that_is_alone_keeps_all_others_out(hasty_tracks):
    one, two = hasty_tracks.open(), hasty_tracks.open()
    with one.alone(), one.alone(), one.writing():
        one.put([new("a")])
        for refused in (two.writing, two.alone):
            with pytest.raises(LibraryLockedError, match=r"waited 0\.3 s"), refused():
                pass
        with pytest.raises(LibraryLockedError, match="as a whole"):
            two.put([new("b")])
        (track,) = two.page(None, 9)  # reading goes on
        with pytest.raises(LibraryLockedError, match="as a whole"):
            two.update(track.id, TrackChanges(title="x"))
        one.update(track.id, TrackChanges(title="y"))
    with two.alone():
        two.put([new("b")])
    assert one.count() == 2


def test_one_that_is_alone_keeps_its_own_other_threads_out(hasty_tracks):
    store = hasty_tracks.open()
    caught = []

    def other() -> None:
        with pytest.raises(LibraryLockedError) as error, store.writing():
            pass
        caught.append(error.value.message)

    with store.alone():
        in_thread(other).join()
    assert len(caught) == 1


def test_being_alone_ends_where_writing_goes_on(stores):
    one, two = stores
    with one.writing():
        with one.alone():
            pass
        two.put([new("a")])
        one.put([new("b")])
    assert one.count() == 2


def test_one_that_cannot_be_alone_says_so_and_lets_others_write(hasty_tracks):
    one, two = hasty_tracks.open(), hasty_tracks.open()
    with one.writing():
        with pytest.raises(LibraryLockedError, match="written by other processes"), two.alone():
            pass
        one.put([new("a")])
        two.put([new("b")])


def test_one_that_waits_to_be_alone_keeps_new_writers_out(stores):
    one, two = stores
    done: list[str] = []
    entered = threading.Event()

    def waits() -> None:
        with two.alone():
            done.append("alone")

    def comes_later() -> None:
        entered.set()
        with one.writing():
            done.append("later")

    with one.writing():
        waiter = in_thread(waits)
        time.sleep(0.3)  # it asks and is told to wait
        late = in_thread(comes_later)
        entered.wait()
        time.sleep(0.2)
        with one.writing():  # one that writes already is not kept out
            assert done == []
    waiter.join()
    late.join()
    assert done == ["alone", "later"]


def test_changes_outside_of_writing_are_a_bug(store):
    with pytest.raises(RuntimeError, match="outside of writing"):
        store.stage([new("a")])


def test_a_closed_store_has_given_everything_back(hasty_tracks):
    one, two = hasty_tracks.open(), hasty_tracks.open()
    lease = one.alone()
    lease.__enter__()
    one.claim(["/a"])
    one.close()
    assert two.claim(["/a"]) == [True]
    two.put([new("a")])


# --- at once -------------------------------------------------------------------------------------


def test_updates_of_several_fields_at_once_all_count(stores):
    one, two = stores
    (track,) = one.put([new("a", tags=("old",))])

    def title() -> None:
        for at in range(20):
            one.update(track.id, TrackChanges(title=f"t{at}", source=f"/moved{at}"))

    thread = in_thread(title)
    for at in range(20):
        two.update(track.id, TrackChanges(artist=f"a{at}", tags=(f"tag{at}",)))
    thread.join()
    got = one.get(track.id)
    assert (got.title, got.artist, got.tags) == ("t19", "a19", ("tag19",))
    assert one.source_state("/moved19").track_id == track.id
    assert one.source_state("/moved18") is None
    assert one.check() == []


def test_every_change_of_another_is_in_the_revision(stores):
    one, two = stores
    seen = {two.revision()}
    (track,) = one.put([new("a")])
    seen.add(two.revision())
    with one.writing():
        gone = one.hide([track.id])
        seen.add(two.revision())
        one.forget(gone)
    assert len(seen) == 3
