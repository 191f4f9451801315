"""Sounds through a library: the model in the box, models of tests, and what goes wrong."""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earmark import (
    DamagedIndexError,
    Library,
    LibraryParametersError,
    Settings,
    UsageError,
)
from earmark.errors import ModelUnavailableError, TrackNotFoundError
from earmark.manifest import read_manifest
from earmark.ports import StoredFeatures
from earmark.types import Within

RATE_HZ = 16000
GOLDEN = Path(__file__).parents[1] / "golden" / "v1" / "library"


@pytest.fixture
def asked(tmp_path):
    return Settings(library=str(tmp_path / "lib"), workers=1, lock_wait_s=5.0, model="ears")


@pytest.fixture
def shelf(ears, asked):
    """An empty library that hears with ``ears``; only sounds, for speed."""
    with Library.open(create=True, settings=asked) as library:
        library.switch("melody", False)
        yield library


@pytest.fixture
def sounds(write, music):
    """Write the music of seeds; return the paths."""
    return lambda *seeds, seconds=4.0: [
        write(f"music/{seed}.wav", music(seed, seconds)) for seed in seeds
    ]


def ids(library):
    return {Path(track.source).stem: track.id for track in library.tracks()}


def names(answer):
    return [Path(match.track.source).stem for match in answer.matches]


# --- the model in the box -----------------------------------------------------------------------


def test_the_model_in_the_box(tmp_path, asked, write, music, monkeypatch, ears):
    """Real files, the real network: a clip finds its track and its moment."""
    long = np.concatenate([music(1, 12.0), 0.5 * np.random.default_rng(0).random(8 * RATE_HZ)])
    paths = [write("long.wav", long.astype("f4")), write("2.wav", music(2, 5.0))]
    paths.append(write("hiss.wav", np.random.default_rng(5).random(RATE_HZ).astype("f4") * 0.4))
    with Library.open(create=True, settings=replace(asked, model="builtin")) as library:
        library.switch("melody", False)
        assert library.add(paths).added == 3
        answer = library.identify(write("q.wav", music(1, 12.0)[: 9 * RATE_HZ]), mode="sound")
        assert answer.best.kind == "sound"
        assert names(answer)[0] == "long"
        assert answer.best.segments[0].reference.start_s == pytest.approx(0.0, abs=5.0)
        assert answer.timing_ms["analyse"] > 0
        noise = library.identify(paths[2], mode="sound")
        assert names(noise)[:2] == ["hiss", "long"]
        assert noise.matches[1].segments[0].reference.end_s > 12.0
        assert noise.matches[1].segments[0].reference.end_s <= 20.01
        near = library.similar(ids(library)["hiss"], limit=1)
        assert names(near) == ["long"]
        assert library.choices() == {"sound": {"model": "builtin"}}
        assert library.check() == []
    with Library.open(settings=asked) as again:  # what was wished for does not matter any more
        assert again.choices() == {"sound": {"model": "builtin"}}
        assert names(again.identify(paths[1], mode="sound"))[0] == "2"


# --- similar ------------------------------------------------------------------------------------


def test_similar_by_track_moment_and_file(shelf, write, music, sounds):
    both = write("both.wav", np.concatenate([music(1, 10.0), np.zeros(160_000), music(2, 10.0)]))
    shelf.add([both, *sounds(1, 2, 3, seconds=10.0)])
    own = ids(shelf)
    answer = shelf.similar(own["both"])
    assert answer.outcome == "match"
    assert set(names(answer)[:2]) == {"1", "2"}
    assert answer.input == own["both"]
    assert answer.query is None
    assert answer.considered[0].mode == "sound"
    assert answer.considered[0].note == f"{len(answer.matches)} matches"
    assert names(shelf.similar(own["both"], at_s=4.0, limit=1)) == ["1"]
    assert names(shelf.similar(own["both"], at_s=26.0, limit=1)) == ["2"]
    whole = shelf.similar(own["both"], within=Within(whole=True))
    assert all(len(match.segments) == 1 for match in whole.matches)
    for at_s in (30.5, -1.0):
        with pytest.raises(UsageError):
            shelf.similar(own["both"], at_s=at_s)


def test_segments_lie_inside_the_track(shelf, write, music):
    lengths = (0.3217, 4.9999, 12.3456, 23.7771)
    shelf.add([write(f"{s}.wav", music(round(s), s)) for s in lengths])
    for track in list(shelf.tracks()):
        for match in shelf.similar(track.id, limit=9).matches:
            for segment in match.segments:
                assert 0.0 <= segment.query.start_s < segment.query.end_s
                assert segment.query.end_s <= track.duration_s + 0.011
                assert segment.reference.end_s <= match.track.duration_s + 0.011


def test_similar_within(shelf, write, music):
    shelf.add(write("old/1.wav", music(1, 3.0)), tags=["calm"])
    shelf.add(write("old/2.wav", music(1, 3.0) * 0.9), tags=["calm", "loud"])
    shelf.add(write("new/3.wav", music(1, 6.0)))
    own = ids(shelf)
    folder = str(Path(shelf.get(own["1"]).source).parent)

    def found(**within):
        return set(names(shelf.similar(own["1"], within=Within(**within))))

    assert found() == {"2", "3"}
    assert found(tags=("loud",)) == {"2"}
    assert found(folder=folder) == {"2"}
    assert found(shortest_s=4.0) == {"3"}
    assert found(longest_s=4.0, tags=("calm",)) == {"2"}
    assert found(tags=("none",)) == set()
    clip = write("clip.wav", music(1, 3.0))
    for mode in ("sound", "recording"):
        answer = shelf.identify(clip, mode=mode, within=Within(shortest_s=4.0))
        assert names(answer) == ["3"]


def test_similar_that_makes_no_sense(shelf, sounds):
    shelf.add(sounds(1))
    (own,) = ids(shelf).values()
    with pytest.raises(UsageError, match="limit"):
        shelf.similar(own, limit=0)
    with pytest.raises(TrackNotFoundError):
        shelf.similar("nonsense")
    with pytest.raises(UsageError, match=r"4\.0 s long; there is no 9 s"):
        shelf.similar(own, at_s=9.0)
    alone = shelf.similar(own)
    assert (alone.outcome, alone.matches) == ("no_match", ())
    assert alone.reason == "nothing else in the library sounds like it"
    shelf.switch("sound", False)
    with pytest.raises(UsageError, match="earmark engines"):
        shelf.similar(own)
    with pytest.raises(UsageError, match="mode 'sound', not 'recording'"):
        shelf.identify(sounds(1)[0], mode="recording", within=Within(whole=True))


def test_the_same_audio_twice_is_one_match_with_a_duplicate(shelf, write, music, sounds):
    shelf.add([*sounds(1, 2), write("copy/1.wav", music(1, 4.0))])
    answer = shelf.identify(sounds(1)[0], mode="sound")
    assert len(answer.best.duplicates) == 1
    for track in list(shelf.tracks("1.wav")):
        assert "1" not in names(shelf.similar(track.id))


def test_labels_in_answers_and_as_a_filter(shelf, write):
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    for name, hz in (("low", 70), ("high", 3000)):
        shelf.add(write(f"{name}.wav", 0.3 * np.sin(2 * np.pi * hz * time_s)))
    clip = write("clip.wav", 0.3 * np.sin(2 * np.pi * 3000 * time_s))
    answer = shelf.identify(clip, mode="sound")
    assert names(answer)[0] == "high"
    shape = answer.as_dict()["matches"][0]["evidence"]
    assert shape["labels"]["Dog whistle"] > 0.9
    assert names(shelf.identify(clip, mode="sound", within=Within(label="hum"))) in ([], ["low"])
    with pytest.raises(UsageError, match="no label 'horse'"):
        shelf.identify(clip, mode="sound", within=Within(label="horse"))


# --- quiet, short and odd -----------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 400])
def test_a_clip_that_is_too_short(shelf, sounds, write, count):
    from earmark.errors import AudioTooShortError

    shelf.add(sounds(1))
    with pytest.raises(AudioTooShortError, match=r"0\.05 s are needed"):
        shelf.identify(write("c.wav", np.full(count, 0.5)), mode="sound")


def test_a_clip_of_50_ms_and_half_silence(shelf, sounds, write, music):
    shelf.add(sounds(1, 2))
    for clip in (music(1, 4.0)[:800], music(1, 4.0)[:3200]):
        assert shelf.identify(write("c.wav", clip), mode="sound").outcome in ("match", "no_match")
    half = np.concatenate([np.zeros(4 * RATE_HZ, "f4"), music(2, 4.0)])
    assert shelf.identify(write("h.wav", half), mode="sound").outcome == "match"
    silent = shelf.identify(write("s.wav", np.zeros(RATE_HZ)), mode="sound")
    assert silent.reason.startswith("the clip is silent")


def test_only_tracks_that_hardly_sound(shelf, asked, write, music, sounds):
    """Above digital silence, below what counts as sound: features without windows."""
    hiss = np.random.default_rng(0).normal(0, 1e-4, 2 * RATE_HZ).astype("f4")
    assert shelf.add(write("quiet.wav", hiss, subtype="FLOAT")).added == 1
    clip = sounds(1)[0]
    (quiet,) = ids(shelf).values()
    for library in (shelf, Library.open(settings=asked)):
        assert library.identify(clip, mode="sound").outcome == "no_match"
        with pytest.raises(UsageError, match="nothing sounds"):
            library.similar(quiet)
        assert library.stats().engines["sound"]["vectors"] == 0
        assert library.check() == []
    shelf.add(clip)
    assert names(library.identify(clip, mode="sound")) == ["1"]
    shelf.remove(ids(shelf)["1"])
    assert library.identify(clip, mode="sound").outcome == "no_match"
    library.close()


def test_a_score_has_no_sound(chimes, ears, asked, tmp_path, sounds):
    (tmp_path / "a.chimes").write_text("400 800 1200 400 800")
    with Library.open(create=True, settings=asked) as library:
        assert library.add(tmp_path / "a.chimes").added == 1
        assert library.identify(sounds(1)[0], mode="sound").outcome in ("match", "no_match")
        assert library.stats().engines["sound"]["vectors"] == 0
        library.add(sounds(1))
        assert names(library.identify(sounds(1)[0], mode="sound"))[0] == "1"
        with pytest.raises(UsageError, match="nothing sounds"):
            library.similar(ids(library)["a"])
        assert library.rebuild().missing == ()


def test_add_remove_and_add_again(shelf, sounds):
    paths = sounds(1, 2, 3)
    shelf.add(paths)
    shelf.remove(ids(shelf)["2"])
    assert "2" not in names(shelf.identify(paths[1], mode="sound"))
    shelf.add(paths[1])
    assert names(shelf.identify(paths[1], mode="sound"))[0] == "2"
    assert shelf.stats().engines["sound"]["vectors"] == 3
    assert shelf.check() == []


# --- several at one folder ----------------------------------------------------------------------


def test_two_libraries_on_one_folder_through_a_new_fit(shelf, asked, sounds):
    """The second sees everything, also after the statistics were fitted anew."""
    paths = sounds(*range(1, 12))
    statistics = Path(asked.library) / "index" / "sound" / "statistics"
    with Library.open(settings=asked) as other:
        assert other.identify(paths[0], mode="sound").reason == "the library is empty"
        shelf.add(paths[:1])
        assert names(other.identify(paths[0], mode="sound")) == ["1"]
        first = statistics.read_bytes()
        shelf.add(paths[1:9])
        assert statistics.read_bytes() != first
        for path in paths[:9]:
            assert names(other.identify(path, mode="sound"))[0] == path.stem
        other.add(paths[9:])
        for path in paths:
            for library in (shelf, other):
                assert names(library.identify(path, mode="sound"))[0] == path.stem
        shelf.remove(ids(shelf)["4"])
        assert "4" not in names(other.identify(paths[3], mode="sound"))
        assert shelf.check() == other.check() == []


def test_four_threads_ask_while_one_adds(shelf, sounds):
    paths = sounds(*range(1, 5), seconds=2.0)
    shelf.add(paths[:1])
    stop, trouble = threading.Event(), []

    def search():
        try:
            while not stop.is_set():
                assert names(shelf.identify(paths[0], mode="sound"))[0] == "1"
        except BaseException as error:
            trouble.append(error)

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    started = time.monotonic()
    for path in paths[1:]:
        shelf.add(path)
    assert time.monotonic() - started < 60
    stop.set()
    for thread in threads:
        thread.join()
    assert trouble == []


# --- models -------------------------------------------------------------------------------------


def stored(library):
    tracks = library._parts.tracks
    features = dict(tracks.features("sound", tracks.numbers("sound").tolist()))
    return {Path(track.source).stem: features[track.number] for track in library.tracks()}


def test_going_over_to_another_model(shelf, asked, sounds):
    paths = sounds(1, 2, 3)
    shelf.add(paths)
    old = stored(shelf)
    report = shelf.rebuild(model="ear-horn")
    assert (report.analysed, report.missing) == (3, ())
    for name, features in stored(shelf).items():
        assert features.digest != old[name].digest
        assert features.data != old[name].data
    assert shelf.choices() == {"sound": {"model": "ear-horn"}}
    assert read_manifest(Path(asked.library)).choices["sound"] == {"model": "ear-horn"}
    assert names(shelf.identify(paths[1], mode="sound"))[0] == "2"
    assert shelf.check() == []
    with Library.open(settings=asked) as other:
        assert other.choices() == {"sound": {"model": "ear-horn"}}
        assert names(other.identify(paths[2], mode="sound"))[0] == "3"


def test_another_process_goes_over_with_it(shelf, asked, sounds):
    """One that has the library open follows to the other model."""
    paths = sounds(1, 2)
    shelf.add(paths)
    with Library.open(settings=asked) as other:
        assert names(other.identify(paths[0], mode="sound"))[0] == "1"
        shelf.rebuild(model="ear-horn")
        assert names(other.identify(paths[0], mode="sound"))[0] == "1"
        assert other.choices() == {"sound": {"model": "ear-horn"}}


@pytest.mark.parametrize(
    ("model", "error"), [("nonsense", UsageError), ("far-ears", ModelUnavailableError)]
)
def test_a_model_that_cannot_be_gone_over_to_changes_nothing(shelf, asked, sounds, model, error):
    paths = sounds(1)
    shelf.add(paths)
    with pytest.raises(error):
        shelf.rebuild(model=model)
    assert shelf.choices() == {"sound": {"model": "ears"}}
    assert names(shelf.identify(paths[0], mode="sound")) == ["1"]
    assert shelf.check() == []


def test_features_of_another_model_are_left_out(shelf, sounds):
    """A source that was gone at a rebuild: its old features are never compared with new ones."""
    paths = sounds(1, 2)
    shelf.add(paths)
    paths[0].unlink()
    report = shelf.rebuild(model="ear-horn")
    assert [failure.code for failure in report.missing] == ["not_found"]
    assert names(shelf.identify(paths[1], mode="sound")) == ["2"]
    with pytest.raises(LibraryParametersError, match="earmark rebuild"):
        shelf.similar(ids(shelf)["1"])
    assert any("no features of 'sound'" in fault for fault in shelf.check())


def test_a_stored_digest_of_another_model_is_refused(shelf, asked, sounds):
    """A library that does not say which digest it has is believed only as far as its features."""
    shelf.add(sounds(1))
    (item,) = shelf._parts.tracks.features("sound", [1])
    stored = {item[0]: StoredFeatures("another", item[1].data)}
    shelf._parts.tracks.replace_features("sound", stored)
    shutil.rmtree(Path(asked.library) / "index" / "sound")
    manifest = Path(asked.library) / "library.json"
    told = read_manifest(Path(asked.library)).digests["sound"]
    manifest.write_text(manifest.read_text().replace(told, "another"))
    with Library.open(settings=asked) as library, pytest.raises(LibraryParametersError):
        library.identify(sounds(1)[0], mode="sound")


@pytest.fixture
def far(ears, asked, tmp_path, sounds, monkeypatch):
    """A library of ``far-ears``, whose weights are gone again."""
    weights = tmp_path / "models" / "far_ears.bin"
    weights.parent.mkdir()
    weights.write_bytes(b"far ears")
    monkeypatch.setenv("EARMARK_MODELS", str(weights.parent))
    settings = replace(asked, model="far-ears")
    with Library.open(create=True, settings=settings) as library:
        library.switch("melody", False)
        library.add(sounds(1, 2, 3))
    from earmark.sound import analysis

    analysis._opened.cache_clear()
    weights.unlink()
    yield settings
    analysis._opened.cache_clear()


def test_a_library_whose_weights_are_missing(far, sounds, write, music, tmp_path):
    stranger = write("stranger.wav", np.random.default_rng(0).random(4 * RATE_HZ) * 0.3)
    with Library.open(settings=far) as library:
        with pytest.raises(ModelUnavailableError, match=r"far_ears\.bin") as caught:
            library.identify(sounds(1)[0], mode="sound")
        assert caught.value.code == "model_unavailable"
        assert "\n" not in caught.value.message
        answer = library.identify(sounds(1)[0])
        assert (answer.best.kind, names(answer)[0]) == ("recording", "1")
        nothing = library.identify(stranger)
        assert nothing.outcome == "no_match"
        assert "far_ears.bin" in nothing.considered[1].skipped
        assert names(library.similar(ids(library)["1"])) == names(
            library.similar(ids(library)["1"], within=Within(whole=True))
        ) or library.similar(ids(library)["1"]).outcome in ("match", "no_match")
        with pytest.raises(ModelUnavailableError):
            library.add(write("4.wav", music(4, 3.0)))
        library.remove(ids(library)["3"])
        assert library.check() == []
    (tmp_path / "models" / "far_ears.bin").write_bytes(b"something else")
    with Library.open(settings=far) as library:
        assert "sha256" in library.identify(stranger).considered[1].skipped
        library.similar(ids(library)["1"])


# --- damage and age -----------------------------------------------------------------------------


def test_damaged_statistics_are_told_and_a_rebuild_mends(shelf, asked, sounds):
    paths = sounds(1, 2)
    shelf.add(paths)
    statistics = Path(asked.library) / "index" / "sound" / "statistics"
    statistics.write_bytes(statistics.read_bytes()[:-1] + b"x")
    with Library.open(settings=asked) as library:
        with pytest.raises(DamagedIndexError, match="run `earmark rebuild`"):
            library.identify(paths[0], mode="sound")
        assert any("statistics of the sound index" in fault for fault in library.check())
        assert library.rebuild().indexed == 2
        assert names(library.identify(paths[0], mode="sound"))[0] == "1"
        assert library.check() == []


def test_lost_statistics_are_told_and_a_rebuild_mends(shelf, asked, sounds):
    paths = sounds(1, 2)
    for path in paths:  # the statistics are those of the first one
        shelf.add(path)
    (Path(asked.library) / "index" / "sound" / "statistics").unlink()
    with Library.open(settings=asked) as library:
        with pytest.raises(LibraryParametersError, match="rebuild"):
            library.identify(paths[0], mode="sound")
        library.rebuild()
        assert names(library.identify(paths[0], mode="sound"))[0] == "1"


def test_a_lost_index_is_made_again_unasked(shelf, asked, sounds):
    paths = sounds(1, 2)
    shelf.add(paths)
    shutil.rmtree(Path(asked.library) / "index" / "sound")
    with Library.open(settings=asked) as library:
        assert names(library.identify(paths[1], mode="sound"))[0] == "2"


def test_a_damaged_window_in_the_truth_is_told(shelf, asked, sounds):
    paths = sounds(1)
    shelf.add(paths)
    ((number, item),) = shelf._parts.tracks.features("sound", [1])
    spoilt = {number: StoredFeatures(item.digest, item.data[:-9])}
    shelf._parts.tracks.replace_features("sound", spoilt)
    shutil.rmtree(Path(asked.library) / "index" / "sound")
    with Library.open(settings=asked) as library, pytest.raises(DamagedIndexError, match="rebuild"):
        library.identify(paths[0], mode="sound")


def test_a_library_from_before_sounds(ears, asked, tmp_path, sounds):
    """It opens and answers; sounds need its sources, which are gone; what is new has sounds."""
    shutil.copytree(GOLDEN, asked.library)
    with Library.open(settings=asked) as library:
        clip = sounds(1)[0]
        answer = library.identify(clip, mode="sound")
        assert answer.reason == "no track has been analysed for this yet; run `earmark rebuild`"
        old = next(library.tracks())
        with pytest.raises(LibraryParametersError, match="earmark rebuild"):
            library.similar(old.id)
        assert any("no features of 'sound'" in fault for fault in library.check())
        report = library.rebuild()
        assert {failure.code for failure in report.missing} == {"not_found"}
        assert library.add(clip).added == 1
        assert names(library.identify(clip, mode="sound")) == ["1"]
        assert library.choices() == {"sound": {"model": "ears"}}
        with pytest.raises(LibraryParametersError, match="earmark rebuild"):
            library.similar(old.id)


def test_a_model_that_no_package_declares_any_more(shelf, asked, sounds):
    """Recordings are named all the same, and another model mends the rest."""
    paths = sounds(1, 2)
    shelf.add(paths)
    shelf._parts.choose("sound", {"model": "gone"})
    with Library.open(settings=asked) as other:
        answer = other.identify(paths[0])
        (told,) = (one.skipped for one in answer.considered if one.mode == "sound")
        assert "'gone', which no installed package declares" in told
        with pytest.raises(ModelUnavailableError, match="rebuild --model"):
            other.identify(paths[0], mode="sound")
        other.rebuild(model="ear-horn")
        assert names(other.identify(paths[0], mode="sound"))[0] == "1"
