"""One workload of 300 tracks on every kind of library: the answers are the same everywhere."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from shared_place import forget_place

from earmark import Library, Settings
from earmark.stores.milvus_address import milvus_address

RATE_HZ = 16_000
TRACKS = 300
SECONDS = 4.0
KINDS = ("redis+lite", "cluster+server")


def tune(seed: int) -> np.ndarray:
    """A plucked tune over soft noise, by its seed."""
    rng = np.random.default_rng([seed, 3])
    note_s = rng.uniform(0.25, 0.4)
    time_s = np.arange(int(note_s * RATE_HZ)) / RATE_HZ
    pitch, notes = rng.integers(52, 70), []
    for _ in range(int(SECONDS / note_s)):
        pitch = int(np.clip(pitch + rng.integers(-4, 5), 48, 76))
        hz = 440.0 * 2 ** ((pitch - 69) / 12)
        tones = sum(rng.uniform(0.2, 1) * np.sin(2 * np.pi * k * hz * time_s) for k in range(1, 8))
        notes.append(tones * np.exp(-3 * time_s))
    samples = np.concatenate(notes)
    samples += 0.05 * rng.standard_normal(len(samples))
    return (0.4 * samples / np.abs(samples).max()).astype(np.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("tunes")
    paths = [folder / f"{seed:03d}.wav" for seed in range(TRACKS)]
    for seed, path in enumerate(paths):
        soundfile.write(path, tune(seed), RATE_HZ)
    return paths


@pytest.fixture(scope="module")
def plain(files, tmp_path_factory):
    """The library of 300 tracks in a folder, before the workload."""
    settings = Settings(library=str(tmp_path_factory.mktemp("plain") / "library"), workers=2)
    with Library.open(create=True, settings=settings) as library:
        report = library.add(files[0].parent)
        assert report.added == TRACKS
        yield library


@pytest.fixture(scope="module")
def questions(tmp_path_factory) -> list[tuple[str, Path]]:
    """Clips with noise, clean ones for what they sound like, and two that nobody has."""
    folder = tmp_path_factory.mktemp("questions")
    rng = np.random.default_rng(9)
    asked: list[tuple[str, Path]] = []
    for seed in (*range(0, TRACKS, 20), TRACKS + 1, TRACKS + 2):
        samples = tune(seed)[RATE_HZ // 2 : round(3.5 * RATE_HZ)]
        noise = 0.05 * rng.standard_normal(len(samples)).astype(np.float32)
        clean, noisy = folder / f"{seed}.wav", folder / f"{seed} in noise.wav"
        soundfile.write(clean, samples, RATE_HZ)
        soundfile.write(noisy, samples + noise, RATE_HZ)
        asked.append(("recording", noisy))
        if seed % 3 == 0:
            asked += [("sound", clean), ("melody", clean)]
    return asked


def worked(library: Library, files: list[Path]) -> None:
    """Change things, as people do: remove, describe, replace, put back."""
    ids = [track.id for track in library.tracks()]
    library.remove([ids[at] for at in range(5, TRACKS, 10)])
    for at in range(0, 100, 20):
        library.update(ids[at], title=f"title {at}", tags=("kept", f"t{at}"))
    library.put(files[7], track_id="mine", title="mine")
    library.put(files[8], track_id=ids[9], title="another sound under an old id")
    report = library.add(files[:60], workers=1)  # in the order of their names
    assert report.added == 7  # six were removed, and one's id has another sound now
    assert library.add(files[:60]).unchanged == 60
    library.rebuild()  # so that statistics are those of all tracks, wherever they are fitted when


def told(library: Library, questions) -> list:
    """What is answered, and what is listed."""
    answers = []
    for mode, path in questions:
        answer = library.identify(path, mode, limit=3)
        answers.append(
            [
                (m.track.title or Path(m.track.source).name, round(m.confidence, 3), m.kind)
                for m in answer.matches
            ]
        )
    listed = [
        (Path(t.source).name, t.title, t.tags, round(t.duration_s, 3)) for t in library.tracks()
    ]
    found = [Path(t.source).name for t in library.tracks("title")]
    alike = library.similar(next(library.tracks()).id, limit=3)
    answers.append([Path(m.track.source).name for m in alike.matches])
    totals = library.stats()
    return [answers, listed, found, (totals.tracks, totals.audios, round(totals.audio_s, 3))]


def place_of(kind: str, request, tmp_path: Path) -> tuple[str, str, str]:
    """Return where a library of a kind lies, where its vectors do, and the token for them."""
    where, _, vectors = kind.partition("+")
    token, uri = "", str(tmp_path / "vectors.db")
    if vectors == "server":
        address = milvus_address(request.getfixturevalue("milvus_server").uri())
        token, uri = address.token, address.uri
    if where == "folder":
        return str(tmp_path / "library"), uri, token
    host = request.getfixturevalue({"redis": "redis_host", "cluster": "redis_cluster_host"}[where])
    return f"redis://127.0.0.1:{host.port}/0?ns={uuid.uuid4().hex}", uri, token


@pytest.fixture(scope="module")
def wanted(plain, files, questions, tmp_path_factory) -> list:
    """What a library in a folder says after the workload."""
    settings = Settings(library=str(tmp_path_factory.mktemp("wanted") / "library"), workers=2)
    with Library.open(create=True, settings=settings) as library:
        plain.copy_to(library)
        worked(library, files)
        answers = told(library, questions)
        right = [answer[0][0] for answer in answers[0][:-1] if answer]
        assert len(right) > len(questions) / 2  # questions that nobody answers prove nothing
        return answers


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_the_same(kind, plain, wanted, files, questions, request, tmp_path):
    place, vectors, token = place_of(kind, request, tmp_path)
    settings = Settings(library=place, workers=2, vectors=vectors, milvus_token=token)
    try:
        with Library.open(create=True, settings=settings) as library:
            plain.copy_to(library)
            worked(library, files)
            answers, listed, found, totals = told(library, questions)
            assert library.check() == []
        with Library.open(settings=replace(settings, vectors="")) as again:
            assert again.shared == place.startswith("redis")
            assert told(again, questions[:9])[0][:-1] == answers[:9]
    finally:
        forget_place(vectors)
    assert [listed, found, totals] == wanted[1:]
    for (mode, path), mine, theirs in zip(questions, answers, wanted[0], strict=False):
        if mode == "recording":
            assert mine == theirs, path.name
        else:  # a folder rounds vectors to 8 bits, Milvus keeps 32
            assert [m[0] for m in mine[:1]] == [m[0] for m in theirs[:1]], (mode, path.name)
            assert np.allclose([m[1] for m in mine[:1]], [m[1] for m in theirs[:1]], atol=0.05)
