"""The truth of a library in Redis: many machines read and write it at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

import numpy as np

from earmark.ports import (
    NewTrack,
    Numbers,
    Published,
    SourceState,
    Stage,
    StoredFeatures,
    TrackChanges,
)
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_leases import RedisLeases
from earmark.stores.redis_roster import NUMBER_LIMIT
from earmark.stores.redis_scripts_read import PAGE, ROW, ROWS_OF
from earmark.stores.redis_scripts_write import UPDATE
from earmark.stores.redis_track_bulk import TrackBulk
from earmark.stores.redis_track_check import TrackCheck
from earmark.stores.redis_track_mend import mended
from earmark.stores.redis_track_rows import (
    Field,
    TrackRows,
    changed_fields,
    content_bytes,
    digest,
    id_bytes,
)
from earmark.stores.redis_track_stages import TrackStages, missing_track
from earmark.stores.redis_track_tags import TrackTags
from earmark.stores.rows import plain, search_text, source_bytes
from earmark.types import Track

HIDDEN_AT_ONCE = 1000
"""Tracks that one script hides: a tenth of a second."""
_ROWS_AT_ONCE = 500
"""Rows that one script reads: it holds up all others for less than a millisecond."""


class RedisTrackStore:
    """A `SharedTrackStore` in one Redis or a cluster, for any number of threads and machines.

    Parameters
    ----------
    lock_wait_s
        How long `writing` and `alone` wait for others.
    lease_s
        After how long without a sign of life a writer is taken for dead.
    """

    def __init__(
        self, client: RedisClient, lock_wait_s: float = 60.0, *, lease_s: float = 30.0
    ) -> None:
        self._client = client
        self._catalogue = [client.key("")]
        client.know(ROW, ROWS_OF, PAGE)
        self._rows = TrackRows(client.address)
        self._leases = RedisLeases(client, lock_wait_s, lease_s)
        self._bulk = TrackBulk(client)
        self._stages = TrackStages(client, self._leases, self._bulk)
        self._tags = TrackTags(client)

    # --- who may write -------------------------------------------------------------------------

    def writing(self) -> AbstractContextManager[None]:
        """Write along with others; raises `LibraryLockedError` while one is alone."""
        return self._leases.writing()

    def alone(self) -> AbstractContextManager[None]:
        """Keep all others out; raises `LibraryLockedError`."""
        return self._leases.alone()

    def claim(self, sources: Sequence[str]) -> list[bool]:
        """Take sources for this store; False where another that lives has one."""
        return self._leases.claim(sources)

    def release(self, sources: Sequence[str]) -> None:
        """Give claims of this store back."""
        self._leases.release(sources)

    # --- changes -------------------------------------------------------------------------------

    def put(self, tracks: Sequence[NewTrack]) -> list[Track]:
        """Insert or replace, all visible at one moment; on return nothing can be lost."""
        with self.writing():
            published = self.publish(self.stage(tracks))
            self.forget(published.gone)
        return list(published.tracks)

    def stage(self, tracks: Sequence[NewTrack]) -> Stage:
        """Write tracks durably where nobody sees them; the caller holds `writing`."""
        return self._stages.stage(tracks)

    def publish(self, stage: Stage) -> Published:
        """Make a stage visible at one moment; raises `LibraryLockedError`."""
        return self._stages.publish(stage)

    def hide(self, track_ids: Sequence[str]) -> list[int]:
        """Hide all or none; return the numbers without a track; raises `TrackNotFoundError`.

        Very many are hidden in parts, after all of them have been looked for: one script of 100,000
        would hold up everybody for seconds.
        """
        with self.writing():
            if len(track_ids) > HIDDEN_AT_ONCE:
                track_ids = list(dict.fromkeys(track_ids))
                self._stages.require(track_ids)
            gone: list[int] = []
            for start in range(0, len(track_ids), HIDDEN_AT_ONCE):
                gone += self._stages.hide(track_ids[start : start + HIDDEN_AT_ONCE])
        return sorted(gone)

    def leftovers(self) -> list[int]:
        """Return the sorted numbers that are to be cleared away; ends what the dead have held."""
        return self._stages.leftovers()

    def staged(self) -> list[int]:
        """Return the sorted numbers of stages that are not published yet."""
        return self._stages.staged()

    def forget(self, numbers: Sequence[int]) -> None:
        """Delete the features of `leftovers`."""
        self._stages.forget(numbers)

    def update(self, track_id: str, changes: TrackChanges) -> Track:
        """Overwrite metadata of one track; raises `TrackNotFoundError`."""
        words: list[int | bytes] = [id_bytes(track_id)]
        for at, value in changed_fields(changes).items():
            words += [int(at), value]
        told = self._client.run(UPDATE, self._catalogue, self._leases.held, *words)
        if told[0] == b"alone":
            with self.writing():
                told = self._client.run(UPDATE, self._catalogue, self._leases.lease, *words)
        if told[0] == b"alone":
            raise self._stages.lost()
        if told[0] == b"missing":
            raise missing_track(track_id)
        return self._rows.track(told[1])

    def delete(self, track_ids: Sequence[str]) -> None:
        """Delete all or none; raises `TrackNotFoundError`."""
        with self.writing():
            self.forget(self.hide(track_ids))

    def replace_features(self, engine: str, items: Mapping[int, StoredFeatures]) -> None:
        """Overwrite one engine's features of existing numbers; others are passed over."""
        with self.writing():
            self._stages.engage(engine, items)

    # --- reading -------------------------------------------------------------------------------

    def get(self, track_id: str) -> Track:
        """Return one track; raises `TrackNotFoundError`."""
        return self._rows.track(self._row(track_id))

    def by_number(self, numbers: Sequence[int]) -> dict[int, list[Track]]:
        """Return the tracks of each number, first added first; unknown numbers are absent."""
        found: dict[int, list[Track]] = {}
        for row in self._rows_of("audios", [int(number) for number in numbers]):
            track = self._rows.track(row)
            found.setdefault(track.number, []).append(track)
        return found

    def by_tags(self, tags: Sequence[str]) -> Numbers:
        """Return the sorted numbers of the tracks that have every one of ``tags``."""
        return self._tags.numbers(tags)

    def source_state(self, source: str) -> SourceState | None:
        """Return what is remembered of a source; of several tracks, the one added last."""
        rows = self._rows_of("sources", [digest(source_bytes(source))])
        return self._rows.state(rows[-1]) if rows else None

    def by_content(self, content_id: str) -> list[SourceState]:
        """Return every track of a content id, first added first."""
        rows = self._rows_of("contents", [digest(content_bytes(content_id))])
        return [self._rows.state(row) for row in rows]

    def page(self, after: str | None, limit: int, text: str | None = None) -> list[Track]:
        """Return tracks in the order they were added; raises `TrackNotFoundError` for ``after``."""
        found: list[Track] = []
        wanted = plain(text.casefold()) if text else ""
        kind: str = "place" if after is None else "id"
        place: int | bytes = 0 if after is None else id_bytes(after)
        while place != -1 and (len(found) < limit or kind == "id"):
            most = _ROWS_AT_ONCE if wanted else min(_ROWS_AT_ONCE, limit - len(found))
            told = self._client.run(PAGE, self._catalogue, kind, place, max(0, most))
            if told is None:
                raise missing_track(str(after))
            last, rows = told
            likely = (row for row in rows if row is not None and _may_hold(row, wanted))
            tracks = [self._rows.track(row) for row in likely]
            found += [track for track in tracks if not wanted or wanted in _searched(track)]
            kind, place = "place", int(last) if len(rows) == most else -1
        return found[: max(0, limit)]

    def cover(self, track_id: str) -> bytes | None:
        """Return the cover picture's bytes, or None; raises `TrackNotFoundError`."""
        before = b""
        while True:
            name = self._rows.fields(self._row(track_id))[Field.COVER]
            data = self._bulk.cover(int(name)) if name else None
            if data is not None or name == before:
                return data
            before = name  # replaced while it was looked for?

    def count(self) -> int:
        """Return the number of tracks."""
        return self._figures("tracks")[0]

    def numbers(self, engine: str) -> Numbers:
        """Return the sorted numbers that hold features of ``engine``."""
        bits = self._client.call("GET", self._client.key(f"has:{engine}")) or b""
        return np.flatnonzero(np.unpackbits(np.frombuffer(bits, np.uint8))).astype(np.int64)

    def features(self, engine: str, numbers: Sequence[int]) -> Iterator[tuple[int, StoredFeatures]]:
        """Yield the features of those numbers that have them, ascending, a few at a time."""
        ordered = sorted({int(number) for number in numbers})
        return self._bulk.features(engine, [n for n in ordered if 0 < n < NUMBER_LIMIT])

    def revision(self) -> int:
        """Return a counter that every change of any process raises."""
        return self._figures("revision")[0]

    def totals(self) -> Mapping[str, float]:
        """Return ``tracks``, ``audios``, ``audio_s`` and ``bytes`` (of rows and features)."""
        tracks, audios, audio_us, size = self._figures("tracks", "audios", "audio_us", "bytes")
        return {"tracks": tracks, "audios": audios, "audio_s": audio_us / 1e6, "bytes": size}

    def check(self) -> list[str]:
        """Return one sentence per fault found, in chunks while others go on; empty when sound."""
        return TrackCheck(self._client).faults()

    def mend(self) -> list[str]:
        """Delete what is in the shards and belongs to nothing; the caller is `alone`."""
        return mended(self._client, self._bulk)

    def close(self) -> None:
        """Give leases and claims back; the client is closed by whoever has opened it."""
        self._leases.close()

    # --- how -----------------------------------------------------------------------------------

    def _row(self, track_id: str) -> bytes:
        row: bytes | None = self._client.run(ROW, self._catalogue, id_bytes(track_id))
        if row is None:
            raise missing_track(track_id)
        return row

    def _rows_of(self, lookup: str, fields: Sequence[int | bytes]) -> list[bytes]:
        """Return the rows of a lookup in the order in which they were added."""
        asked = list(dict.fromkeys(fields))
        parts = [asked[at : at + _ROWS_AT_ONCE] for at in range(0, len(asked), _ROWS_AT_ONCE)]
        told = self._client.calls(
            ROWS_OF.command(self._catalogue, [lookup, *part]) for part in parts
        )
        pairs = [
            (int(place), row)
            for answer in told
            for place, row in zip(answer[::2], answer[1::2], strict=True)
            if row is not None
        ]
        return [row for _, row in sorted(pairs)]

    def _figures(self, *names: str) -> list[int]:
        return [
            int(one or 0) for one in self._client.call("HMGET", self._client.key("meta"), *names)
        ]


def _searched(track: Track) -> str:
    return search_text(track.title, track.artist, track.album, track.tags, track.source)


def _may_hold(row: bytes, wanted: str) -> bool:
    """Return whether a row may hold a text, without taking it apart; '?' stands for no text."""
    return "?" in wanted or wanted in row.decode("utf-8", "replace").casefold()
