"""Changes of a library in Redis in steps: staged, published, hidden, forgotten."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from earmark.errors import DiskFullError, LibraryLockedError, TrackNotFoundError
from earmark.ports import NewTrack, Published, Stage, StoredFeatures
from earmark.stores.identity import track_ids
from earmark.stores.redis_client import RedisClient, Script, Word
from earmark.stores.redis_leases import RedisLeases
from earmark.stores.redis_roster import NUMBER_LIMIT
from earmark.stores.redis_scripts_stage import PUBLISH, STAGE
from earmark.stores.redis_scripts_write import ENGAGE, HIDE
from earmark.stores.redis_track_bulk import TrackBulk
from earmark.stores.redis_track_rows import (
    TrackRows,
    digest,
    id_bytes,
    new_fields,
    packed,
    unpacked,
)
from earmark.stores.rows import source_bytes

_NUMBERS_AT_ONCE = 1000


class TrackStages:
    """The steps of one opened store; each may be done twice."""

    def __init__(self, client: RedisClient, leases: RedisLeases, bulk: TrackBulk) -> None:
        self._client = client
        self._leases = leases
        self._bulk = bulk
        self._rows = TrackRows(client.address)

    def stage(self, tracks: Sequence[NewTrack]) -> Stage:
        """Write tracks where nobody sees them."""
        token = secrets.token_urlsafe(12)
        if not tracks:
            return Stage(token, (), ())
        audios = {_audio(new): new for new in tracks}  # of the same audio, one's features
        engines = sorted({engine for new in tracks for engine in new.features})
        covers = [new.cover for new in tracks if new.cover is not None]
        told = self._run(
            STAGE,
            self._leases.holder,
            self._leases.lease,
            token,
            NUMBER_LIMIT,
            len(covers),
            packed([engine.encode() for engine in engines]),
            *audios,
        )
        if told == b"lost":
            raise self.lost()
        if told == b"full":
            message = f"{self._client.address} has given all {NUMBER_LIMIT} numbers; begin another"
            raise DiskFullError(message)
        answers, cover_names = told
        numbers: dict[bytes, int] = {}
        features: dict[tuple[str, int], StoredFeatures] = {}
        wanted: dict[bytes, set[str]] = {}
        for audio, (number, own, lacks) in zip(audios, answers, strict=True):
            numbers[audio] = int(number)
            wanted[audio] = set(engines) if own else {engines[which - 1] for which in lacks}
        for new in tracks:  # the first that has features of an engine counts
            for engine, one in new.features.items():
                if engine in wanted[_audio(new)]:
                    features.setdefault((engine, numbers[_audio(new)]), one)
        found: dict[str, list[int]] = {}
        for engine, number in features:
            found.setdefault(engine, []).append(number)
        linked = {
            (engine, numbers[audio]): one
            for audio, new in audios.items()
            for engine, one in new.features.items()
            if (engine, numbers[audio]) not in features
        }
        self._bulk.write(
            (
                (engine, number, one)
                for (engine, number), one in (features | self._lost(linked)).items()
            ),
            {int(name): data for name, data in zip(cover_names, covers, strict=True)},
        )
        return Stage(
            token,
            tuple(tracks),
            tuple(numbers[_audio(new)] for new in tracks),
            {engine: tuple(sorted(some)) for engine, some in sorted(found.items())},
        )

    def publish(self, stage: Stage) -> Published:
        """Make a stage visible; raises `LibraryLockedError`."""
        if not stage.tracks:
            return Published(())
        told = self._run(PUBLISH, self._leases.holder, stage.token, *self._packets(stage))
        if told[0] == b"lost":
            raise self.lost()
        if told[0] == b"claimed":
            source = stage.tracks[int(told[1]) - 1].source
            message = (
                f"another process is at work on {source!r} in {self._client.address}; nothing of "
                "this batch was kept, run it again"
            )
            raise LibraryLockedError(message)
        rows, gone, covers, missing = told
        if not all(rows):  # a request that came twice, and another's removal in between
            message = f"{self._client.address} has lost a new track to another process' removal"
            raise TrackNotFoundError(message)
        self._sweep(covers)
        tracks = tuple(self._rows.track(row) for row in rows)
        self._add_missing(stage, [track.number for track in tracks], missing)
        return Published(tracks, tuple(sorted(map(int, gone))))

    def hide(self, track_ids: Sequence[str]) -> list[int]:
        """Hide all or none; raises `TrackNotFoundError`."""
        if not track_ids:
            return []
        request = secrets.token_urlsafe(12)
        told = self._run(HIDE, self._leases.lease, request, *map(id_bytes, track_ids))
        if told[0] == b"lost":
            raise self.lost()
        if told[0] == b"missing":
            raise missing_track(track_ids[int(told[1]) - 1])
        gone, covers = told
        self._sweep(covers)
        return sorted(map(int, gone))

    def require(self, track_ids: Sequence[str]) -> None:
        """Raise `TrackNotFoundError` for the first of many ids that is not there."""
        for start in range(0, len(track_ids), _NUMBERS_AT_ONCE):
            some = track_ids[start : start + _NUMBERS_AT_ONCE]
            held = self._client.call("HMGET", self._client.key("ids"), *map(id_bytes, some))
            for track_id, place in zip(some, held, strict=True):
                if place is None:
                    raise missing_track(track_id)

    def engage(self, engine: str, items: Mapping[int, StoredFeatures]) -> None:
        """Overwrite or add features of an engine to numbers that are there; others stay away."""
        numbers = [number for number in sorted(items) if 0 < number < NUMBER_LIMIT]
        for start in range(0, len(numbers), _NUMBERS_AT_ONCE):
            some = numbers[start : start + _NUMBERS_AT_ONCE]
            audios = self._client.key("audios")
            held = self._client.call("HMGET", audios, *some)
            some = [number for number, one in zip(some, held, strict=True) if one is not None]
            before = self._bulk.sizes(engine, some)
            self._bulk.write(((engine, number, items[number]) for number in some), {})
            words: list[Word] = []
            for number, size in zip(some, before, strict=True):
                features = items[number]
                words += [number, len(features.data) + len(features.digest.encode()) + 2 - size]
            request = secrets.token_urlsafe(12)
            told = self._run(ENGAGE, self._leases.lease, request, engine, *words)
            if told[0] == b"lost":
                raise self.lost()
            # Hidden meanwhile, and perhaps forgotten before these features were written.
            self._bulk.delete([engine], [int(number) for number in told[1]])

    def leftovers(self) -> list[int]:
        """Return the sorted numbers to be cleared away."""
        self._leases.evict_dead()
        self._sweep(self._members("gone_covers"))
        return sorted(self._members("gone"))

    def staged(self) -> list[int]:
        """Return the sorted numbers that stages have of their own."""
        stages = self._client.call("HVALS", self._client.key("stages"))
        return sorted(int(number) for stage in stages for number in unpacked(stage)[2].split())

    def forget(self, numbers: Sequence[int]) -> None:
        """Delete the features of leftovers; other numbers are left alone."""
        gone = self._client.key("gone")
        asked = sorted({int(number) for number in numbers})
        for start in range(0, len(asked), _NUMBERS_AT_ONCE):
            some = asked[start : start + _NUMBERS_AT_ONCE]
            held, engines = self._client.calls(
                [["SMISMEMBER", gone, *some], ["SMEMBERS", self._client.key("engines")]]
            )
            left = [number for number, one in zip(some, held, strict=True) if one]
            if left:
                self._bulk.delete([engine.decode() for engine in engines], left)
                self._client.call("SREM", gone, *left)

    # --- how -----------------------------------------------------------------------------------

    def _lost(
        self, linked: Mapping[tuple[str, int], StoredFeatures]
    ) -> dict[tuple[str, int], StoredFeatures]:
        """Return those features that should be there and are not: they come back with this stage.

        `TrackCheck` tells of them and sends people to `earmark rebuild`, which brings them.
        """
        found: dict[tuple[str, int], StoredFeatures] = {}
        for engine in {engine for engine, _ in linked}:
            numbers = [number for name, number in linked if name == engine]
            for number, size in zip(numbers, self._bulk.sizes(engine, numbers), strict=True):
                if not size:
                    found[engine, number] = linked[engine, number]
        return found

    def _packets(self, stage: Stage) -> list[bytes]:
        found = []
        brought = {engine: set(numbers) for engine, numbers in stage.new.items()}
        sizes = _sizes(stage, brought)
        for new, number in zip(stage.tracks, stage.numbers, strict=True):
            *_, longest = track_ids(new.source, new.content_id)
            engines = [e for e in new.features if number in brought.get(e, ())]
            found.append(
                packed(
                    [
                        *new_fields(new, number),
                        _audio(new),
                        longest.encode(),
                        b"1" if self._leases.claims(source_bytes(new.source)) else b"",
                        packed([engine.encode() for engine in engines]),
                        b"%d" % sizes.pop(number, 0),
                    ]
                )
            )
        return found

    def _add_missing(self, stage: Stage, numbers: Sequence[int], missing: Sequence[Any]) -> None:
        """Give another writer's audio the features of engines that it lacks."""
        for which, engine in missing:
            at, name = int(which) - 1, engine.decode()
            self.engage(name, {numbers[at]: stage.tracks[at].features[name]})

    def _sweep(self, covers: Sequence[bytes | int]) -> None:
        if covers:
            names = [int(cover) for cover in covers]
            self._bulk.delete_covers(names)
            self._client.call("SREM", self._client.key("gone_covers"), *names)

    def _members(self, name: str) -> list[int]:
        key, cursor, found = self._client.key(name), 0, set[int]()
        while True:
            at, some = self._client.call("SSCAN", key, cursor, "COUNT", _NUMBERS_AT_ONCE)
            found.update(map(int, some))
            cursor = int(at)
            if not cursor:
                return sorted(found)

    def _run(self, script: Script, *arguments: Word) -> Any:  # noqa: ANN401 - as scripts answer
        return self._client.run(script, [self._client.key("")], *arguments)

    def lost(self) -> LibraryLockedError:
        """Return the error for a lease that has ended."""
        return LibraryLockedError(
            f"this process stood still for so long that another has taken over its work in "
            f"{self._client.address}; nothing of this batch was kept, run it again"
        )


def missing_track(track_id: str) -> TrackNotFoundError:
    """Return the error for an id that no track has."""
    return TrackNotFoundError(f"no track has the id {track_id!r}")


def _audio(new: NewTrack) -> bytes:
    return digest(new.audio_id.encode("utf-8", "surrogatepass"))


def _sizes(stage: Stage, brought: Mapping[str, set[int]]) -> dict[int, int]:
    """Return how many bytes of features the stage has brought to each number."""
    sizes: dict[int, int] = {}
    counted: set[tuple[str, int]] = set()
    for new, number in zip(stage.tracks, stage.numbers, strict=True):
        for engine, one in new.features.items():
            if number in brought.get(engine, ()) and (engine, number) not in counted:
                counted.add((engine, number))
                size = len(one.data) + len(one.digest.encode()) + 2
                sizes[number] = sizes.get(number, 0) + size
    return sizes
