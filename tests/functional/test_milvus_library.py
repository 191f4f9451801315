"""A library whose vectors move to a Milvus and back; what it remembers, what it keeps secret."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from earmark import Library
from earmark.errors import StoreUnavailableError, UsageError
from earmark.stores.milvus_address import milvus_address
from earmark.stores.milvus_client import Milvus, forget


@pytest.fixture
def lite(tmp_path):
    path = tmp_path / "shared.db"
    yield str(path)
    forget(milvus_address(str(path)))
    for namespace in ("", "tests"):
        forget(milvus_address(str(path)).named(namespace))


def scores(write_score):
    return [write_score(f"{seed}.mid", seed) for seed in range(3)]


@pytest.fixture
def write_score(tmp_path):
    import mido
    import numpy as np

    def written(name, seed):
        rng = np.random.default_rng(seed)
        track = mido.MidiTrack()
        for pitch in 60 + np.cumsum(rng.integers(-3, 4, 60)):
            track.append(mido.Message("note_on", note=int(pitch) % 40 + 50, time=0))
            track.append(mido.Message("note_off", note=int(pitch) % 40 + 50, time=240))
        file = mido.MidiFile(tracks=[track])
        file.save(tmp_path / name)
        return tmp_path / name

    return written


def counts(library):
    return library.stats().engines["melody"]


def test_vectors_move_there_and_back(settings, lite, write_score, tmp_path):
    with Library.open(create=True, settings=settings) as library:
        library.add(scores(write_score))
        held = counts(library)["vectors"]
        assert held > 10
        assert library.stats().vectors == "embedded"
    folder = tmp_path / "library"
    # Somebody asks with another place: nothing is written, and it answers all the same.
    with Library.open(settings=replace(settings, vectors=lite)) as library:
        assert counts(library)["pending"] == 3
    assert "vectors" not in json.loads((folder / "library.json").read_text())
    with Library.open(settings=replace(settings, vectors=lite)) as library:
        library.add(scores(write_score))  # nothing new, but a writer
        assert counts(library)["pending"] == 0
        assert counts(library)["vectors"] == held
    kept = json.loads((folder / "library.json").read_text())["vectors"]
    assert kept["uri"] == lite
    assert not list((folder / "index" / "melody").glob("*/manifest.json"))  # nothing stays behind
    with Library.open(settings=settings) as library:  # remembered
        assert library.stats().vectors == lite
        assert (counts(library)["vectors"], counts(library)["pending"]) == (held, 0)
        library.remove(next(iter(library)).id)
        assert counts(library)["vectors"] < held
        assert library.check() == []
        report = library.rebuild()
        assert report.indexed == 2
        left = counts(library)["vectors"]
    with Library.open(settings=replace(settings, vectors="embedded")) as library:
        library.rebuild()
        assert counts(library)["vectors"] == left
    assert "vectors" not in json.loads((folder / "library.json").read_text())
    assert list((folder / "index" / "melody").glob("*/manifest.json"))
    assert Milvus(milvus_address(lite).named(kept["ns"])).names() == []


def test_an_open_library_follows_when_another_moves_its_vectors(settings, lite, write_score):
    with Library.open(create=True, settings=settings) as library:
        library.add(scores(write_score))
        with Library.open(settings=replace(settings, vectors=lite)) as other:
            other.rebuild()
        assert library.stats().vectors == lite
        assert counts(library)["pending"] == 0
        assert library.check() == []


def test_a_file_inside_the_library_moves_with_it(settings, write_score, tmp_path):
    inside = tmp_path / "library" / "vectors.db"
    with Library.open(create=True, settings=replace(settings, vectors=str(inside))) as library:
        library.add(scores(write_score))
    kept = json.loads((tmp_path / "library" / "library.json").read_text())["vectors"]
    assert kept["uri"] == "vectors.db"
    forget(milvus_address(str(inside)).named(kept["ns"]))
    (tmp_path / "library").rename(tmp_path / "moved")
    moved = str(tmp_path / "moved" / "vectors.db")
    with Library.open(settings=replace(settings, library=str(tmp_path / "moved"))) as library:
        assert counts(library)["pending"] == 0
        assert library.stats().vectors == moved
    forget(milvus_address(moved).named(kept["ns"]))


def test_secrets_are_not_written_down(settings, milvus_server, write_score, tmp_path):
    uri = f"http://root:Milvus@127.0.0.1:{milvus_server.port}/default?ns=Band7"
    with Library.open(create=True, settings=replace(settings, vectors=uri)) as library:
        library.add(scores(write_score))
        held = counts(library)["vectors"]
    kept = json.loads((tmp_path / "library" / "library.json").read_text())["vectors"]
    assert kept == {"uri": f"{milvus_server.place}/default", "ns": "Band7"}
    with Library.open(settings=settings) as library, pytest.raises(StoreUnavailableError) as caught:
        library.stats()
    assert "EARMARK_MILVUS_TOKEN" in caught.value.message
    with Library.open(settings=replace(settings, milvus_token="root:Milvus")) as library:
        assert (counts(library)["vectors"], counts(library)["pending"]) == (held, 0)
        assert "Milvus" not in repr(settings)


def test_the_command_line(earmark, lite, write_score, tmp_path):
    folder = str(tmp_path / "library")
    added = earmark("--library", folder, "--vectors", lite, "add", *map(str, scores(write_score)))
    assert added.code == 0, added.err
    told = earmark("--library", folder, "stats")
    assert ["vectors", lite] in [line.split() for line in told.out.splitlines()]
    assert json.loads(earmark("--library", folder, "stats", "--json").out)["vectors"] == lite
    assert earmark("--library", folder, "doctor").code == 0
    wrong = earmark("--library", folder, "--vectors", "nowhere", "stats")
    assert wrong.code == 2
    assert "--vectors wants embedded, PATH.db or http" in wrong.err


def test_a_place_that_is_none(settings):
    with pytest.raises(UsageError, match=r"--vectors wants"):
        Library.open(create=True, settings=replace(settings, vectors="http://"))
