"""Killed at any moment, the stores lose nothing they acknowledged and bring nothing back.

A real child process works on one folder and writes a line before and after each call; the parent
kills it with SIGKILL, opens the folder and compares. ``EARMARK_CRASH_RUNS`` sets how many kills.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from earmark.ports import Embedded, NewTrack, Posted, StoredFeatures, TrackChanges
from earmark.stores import segments
from earmark.stores import vectors as vector_segments
from earmark.stores.segments import SegmentPostingStore
from earmark.stores.sqlite import SqliteTrackStore
from earmark.stores.vectors import FileVectorStore

RUNS = int(os.environ.get("EARMARK_CRASH_RUNS", "12"))
BITS = 12
DIMENSION = 16
ALL = np.arange(1 << BITS, dtype=np.uint32)


def features_of(audio: str) -> bytes:
    return audio.encode() * 50


def posted(number: int, data: bytes) -> Posted:
    rng = np.random.default_rng(list(data[:20]))
    hashes = rng.integers(0, 1 << BITS, 200).astype(np.uint32)
    frames = rng.integers(0, 5000, 200).astype(np.uint32)
    return Posted(number, hashes, frames, 5000, np.frombuffer(data, np.uint8))


def embedded(number: int, data: bytes) -> Embedded:
    rng = np.random.default_rng(list(data[:20]))
    rows = rng.standard_normal((5, DIMENSION)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Embedded(number, rows, np.arange(5.0), np.ones(5), data)


def catch_up_vectors(tracks: SqliteTrackStore, vectors: FileVectorStore) -> None:
    """The same rule for the other derived index."""
    vectors.reload()
    live, known = set(tracks.numbers("recording").tolist()), set(vectors.known().tolist())
    vectors.remove(sorted(known - live))
    for number, features in tracks.features("recording", sorted(live - known)):
        vectors.add([embedded(number, features.data)])


def catch_up(tracks: SqliteTrackStore, postings: SegmentPostingStore) -> None:
    """The library's rule: the derived index follows the truth."""
    postings.reload()
    live, known = set(tracks.numbers("recording").tolist()), set(postings.known().tolist())
    postings.remove(sorted(known - live))
    for number, features in tracks.features("recording", sorted(live - known)):
        postings.add([posted(number, features.data)])


def work(folder: Path, seed: int) -> None:
    """Do random things for ever; a line "?" before each call and "=" after it."""

    def say(mark: str, op: str, **facts: object) -> None:
        os.write(1, (json.dumps([mark, op, facts]) + "\n").encode())

    rng = np.random.default_rng(seed)
    segments.SMALL_SEGMENT = int(rng.choice([0, 1000, 1 << 19]))
    tracks = SqliteTrackStore(folder, 5.0)
    vector_segments.SMALL_SEGMENT = int(rng.choice([0, 1000, 1 << 19]))
    postings = SegmentPostingStore(folder / "index", BITS, "d")
    vectors = FileVectorStore(folder / "vectors", DIMENSION, "d")
    catch_up(tracks, postings)
    catch_up_vectors(tracks, vectors)
    say("=", "ready")
    step = 0
    while True:
        step += 1
        ids = [track.id for track in tracks.page(None, 10_000)]
        op = str(rng.choice(["put", "put", "delete", "update", "flush", "flush"]))
        if len(ids) > 60:
            op = "delete"
        if op == "put":
            names = [f"{seed}-{step}-{i}" for i in range(rng.integers(1, 4))]
            audios = [f"audio {n[: -2 if rng.random() < 0.2 else None]}" for n in names]
            new = [
                NewTrack(n, n, a, 1.0, {"recording": StoredFeatures("d", features_of(a))})
                for n, a in zip(names, audios, strict=True)
            ]
            say("?", "put", names=names)
            put = tracks.put(new)
            say(
                "=",
                "put",
                put={t.source: [t.id, t.number, a] for t, a in zip(put, audios, strict=True)},
            )
        elif op == "delete" and ids:
            gone = rng.choice(ids, min(len(ids), int(rng.integers(1, 6))), replace=False).tolist()
            say("?", "delete", ids=gone)
            tracks.delete(gone)
            say("=", "delete", ids=gone)
        elif op == "update" and ids:
            target = str(rng.choice(ids))
            say("?", "update", id=target, title=f"{seed}-{step}")
            tracks.update(target, TrackChanges(title=f"{seed}-{step}"))
            say("=", "update", id=target, title=f"{seed}-{step}")
        elif op == "flush":
            with tracks.writing():
                catch_up(tracks, postings)
                live = tracks.numbers("recording").tolist()
                say("?", "flush")
                postings.flush()
                say("=", "flush", numbers=live)
                catch_up_vectors(tracks, vectors)
                say("?", "flush vectors")
                vectors.flush()
                say("=", "flush vectors", numbers=live)


class Expected:
    """What was acknowledged over all runs."""

    def __init__(self) -> None:
        self.tracks: dict[str, list] = {}  # id -> [source, number, audio, title]
        self.deleted: set[str] = set()
        self.numbers: dict[int, str] = {}  # every number ever seen and its audio
        self.flushed: set[int] = set()
        self.flushed_vectors: set[int] = set()

    def take(self, op: str, facts: dict) -> None:
        if op == "put":
            for source, (track_id, number, audio) in facts["put"].items():
                self.tracks[track_id] = [source, number, audio, ""]
                self.deleted.discard(track_id)
                assert self.numbers.setdefault(number, audio) == audio, "a number was used again"
        elif op == "delete":
            for track_id in facts["ids"]:
                del self.tracks[track_id]
                self.deleted.add(track_id)
        elif op == "update":
            self.tracks[facts["id"]][3] = facts["title"]
        elif op == "flush":
            self.flushed = set(facts["numbers"])
        elif op == "flush vectors":
            self.flushed_vectors = set(facts["numbers"])


def run_and_kill(folder: Path, seed: int, expected: Expected) -> tuple[str, dict] | None:
    """Let a child work, kill it, note what it acknowledged; return the call it was in, if any."""
    command = [sys.executable, str(Path(__file__)), str(folder), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        first = child.stdout.readline()
        assert json.loads(first)[1] == "ready"
        time.sleep(np.random.default_rng(seed).uniform(0.0, 0.6))
        child.kill()
        lines = child.stdout.read().split(b"\n")
    doing = None
    for line in lines[:-1]:
        mark, op, facts = json.loads(line)
        if mark == "?":
            doing = (op, facts)
        else:
            expected.take(op, facts)
            doing = None
    return doing


def settle(doing: tuple[str, dict] | None, tracks: SqliteTrackStore, expected: Expected) -> bool:
    """Decide by the store whether the call that was cut off took place; it is all or nothing."""
    if doing is None or doing[0].startswith("flush"):
        return False
    op, facts = doing
    now = {track.id: track for track in tracks.page(None, 10_000)}
    if op == "put":
        put = [track for track in now.values() if track.source in facts["names"]]
        if not put:
            return False
        assert sorted(track.source for track in put) == sorted(facts["names"])
        stored = dict(tracks.features("recording", [track.number for track in put]))
        audios = {n: f.data[: len(f.data) // 50].decode() for n, f in stored.items()}
        expected.take("put", {"put": {t.source: [t.id, t.number, audios[t.number]] for t in put}})
    elif op == "delete":
        gone = [track_id not in now for track_id in facts["ids"]]
        assert len(set(gone)) == 1, "half of a delete took place"
        if not gone[0]:
            return False
        expected.take("delete", facts)
    elif now[facts["id"]].title == facts["title"]:
        expected.take("update", facts)
    else:
        return False
    return True


def compare(folder: Path, tracks: SqliteTrackStore, expected: Expected) -> None:
    now = {t.id: [t.source, t.number, t.title] for t in tracks.page(None, 10_000)}
    assert now == {i: [s, n, title] for i, (s, n, _, title) in expected.tracks.items()}
    assert not expected.deleted & now.keys()
    assert tracks.check() == []
    live = {number: audio for _, number, audio, _ in expected.tracks.values()}
    assert tracks.numbers("recording").tolist() == sorted(live)
    for number, features in tracks.features("recording", sorted(live)):
        assert features.data == features_of(live[number])

    postings = SegmentPostingStore(folder / "index", BITS, "d")
    assert postings.verify() == []
    known = set(postings.known().tolist())
    assert expected.flushed & live.keys() <= known, "an acknowledged flush was lost"
    assert known <= expected.numbers.keys()
    catch_up(tracks, postings)
    hits = postings.lookup(ALL)
    numbers, frames = postings.locate(hits.position)
    got = sorted(zip(hits.query_index.tolist(), numbers.tolist(), frames.tolist(), strict=True))
    want = []
    for number, audio in live.items():
        item = posted(number, features_of(audio))
        rows = zip(item.hashes.tolist(), [number] * 200, item.frames.tolist(), strict=True)
        want.extend(rows)
        assert postings.payload(number).tobytes() == features_of(audio)
    assert got == sorted(want)
    compare_vectors(folder, tracks, expected, live)


def compare_vectors(
    folder: Path, tracks: SqliteTrackStore, expected: Expected, live: dict[int, str]
) -> None:
    vectors = FileVectorStore(folder / "vectors", DIMENSION, "d")
    assert vectors.verify() == []
    known = set(vectors.known().tolist())
    assert expected.flushed_vectors & live.keys() <= known, "an acknowledged flush was lost"
    assert known <= expected.numbers.keys()
    catch_up_vectors(tracks, vectors)
    assert vectors.known().tolist() == sorted(live)
    for number, audio in live.items():
        item = embedded(number, features_of(audio))
        assert vectors.payloads([number]) == [item.payload]
        np.testing.assert_allclose(vectors.embedded(number).vectors, item.vectors, atol=0.005)
        found = vectors.search(item.vectors, 1)
        assert found.number.tolist() == [[number]] * 5
        assert found.start_s[:, 0].tolist() == item.start_s.tolist()


@pytest.mark.slow
def test_kill_nine_loses_nothing_and_returns_nothing(tmp_path):
    folder = tmp_path / "library"
    expected = Expected()
    cut_off: list[str] = []
    for seed in range(RUNS):
        doing = run_and_kill(folder, seed, expected)
        tracks = SqliteTrackStore(folder, 5.0)
        try:
            took_place = settle(doing, tracks, expected)
            cut_off.append(f"{doing[0] if doing else 'between'}{'+' if took_place else ''}")
            compare(folder, tracks, expected)
        finally:
            tracks.close()
    assert len(expected.numbers) > RUNS, cut_off


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]))
