"""Engines that are switched off in one library."""

from __future__ import annotations

import json

import pytest

from earmark import Library, UsageError
from earmark.manifest import Manifest, read_manifest, write_manifest

RATE_HZ = 16000


@pytest.fixture
def clip(write, song):
    return write("clip.wav", song(1)[3 * RATE_HZ : 8 * RATE_HZ])


def test_an_engine_that_is_off_is_not_asked_and_not_fed(shelf, write, clip, settings):
    assert shelf.engines()["sound"] is True
    assert shelf.switch("sound", False) == 0
    assert shelf.engines()["sound"] is False
    shelf.add(write("1.wav", 1))
    answer = shelf.identify(clip)
    assert answer.best.kind == "recording"
    assert answer.considered[-1].mode == "sound"
    assert answer.considered[-1].skipped == "switched off in this library"
    with pytest.raises(UsageError, match=r"`earmark engines --on sound`"):
        shelf.identify(clip, mode="sound")
    assert "switched off" not in str(shelf.identify(clip, mode="recording").considered)
    assert shelf.check() == []
    assert "sound" not in shelf.stats().engines
    assert shelf.switch("sound", True) == 1
    assert shelf.identify(clip, mode="sound").outcome == "no_match"
    assert any("rebuild" in fault for fault in shelf.check())
    shelf.rebuild()
    assert shelf.identify(clip, mode="sound").outcome == "match"
    assert shelf.check() == []


def test_off_drops_the_index_and_keeps_the_features(shelf, write, clip, settings):
    shelf.add(write("1.wav", 1))
    folder = shelf.folder / "index" / "sound"
    assert any(folder.rglob("*.segment"))
    with Library.open(settings=settings) as other:
        assert other.identify(clip, mode="sound").outcome == "match"
        shelf.switch("sound", False)
        with pytest.raises(UsageError, match="switched off"):
            other.identify(clip, mode="sound")
        assert not any(folder.rglob("*.segment"))
        shelf.rebuild()
        shelf.add(write("copy/1.wav", 1))
        assert shelf.stats().audios == 1
        assert shelf.switch("sound", True) == 0
        assert other.identify(clip, mode="sound").outcome == "match"
        assert len(shelf.identify(clip, mode="sound").best.duplicates) == 1
    assert any(folder.rglob("*.segment"))


def test_features_of_an_engine_that_is_off_outlive_a_rebuild_of_others(
    shelf, write, clip, settings, request
):
    shelf.add(write("1.wav", 1))
    request.getfixturevalue("chimes")
    with Library.open(settings=settings) as library:  # knows chimes, too
        library.switch("sound", False)
        assert library.rebuild().analysed == 1  # for chimes
        assert library.switch("sound", True) == 0
        assert library.identify(clip, mode="sound").outcome == "match"


def test_other_parameters_on_switching_on_are_counted(shelf, write, settings, monkeypatch):
    shelf.add([write("1.wav", 1), write("2.wav", 2)])
    shelf.switch("sound", False)
    monkeypatch.setenv("EARMARK_TONES_DIGEST", "tones-2")
    with Library.open(settings=settings) as library:
        assert library.check() == []
        assert library.switch("sound", True) == 2
        library.rebuild()
        assert library.check() == []


def test_switching_that_makes_no_sense(shelf):
    with pytest.raises(UsageError, match="no engine 'nonsense'"):
        shelf.switch("nonsense", False)
    *others, last = shelf.engines()
    for name in others:
        shelf.switch(name, False)
    with pytest.raises(UsageError, match="the only engine that is on"):
        shelf.switch(last, False)


def test_features_of_an_engine_that_is_off_are_carried_away(shelf, write, clip, settings, tmp_path):
    shelf.add(write("1.wav", 1))
    shelf.switch("sound", False)
    shelf.export_to(tmp_path / "all.earmark")
    with Library.open(tmp_path / "second", create=True, settings=settings) as second:
        second.import_from(tmp_path / "all.earmark")
        assert second.identify(clip, mode="sound").outcome == "match"


def test_the_library_file_says_what_is_off(tmp_path):
    manifest = Manifest().with_digest("a", "1").switched("b", False).switched("a", False)
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    shape = json.loads((tmp_path / "library.json").read_text())
    assert shape["engines"] == {"a": {"digest": "1", "off": True}, "b": {"off": True}}
    assert manifest.switched("a", True).switched("b", True) == Manifest(digests={"a": "1"})
    shape["engines"]["a"]["new"] = 3
    shape["more"] = []
    (tmp_path / "library.json").write_text(json.dumps(shape))
    assert read_manifest(tmp_path) == manifest
    old = {"format": "earmark-library", "version": 1, "engines": {"a": {"digest": "1"}}}
    (tmp_path / "library.json").write_text(json.dumps(old))
    assert read_manifest(tmp_path) == Manifest(digests={"a": "1"})
