"""Looks for what does not fit together in the truth in Redis: a little at a time.

Others go on meanwhile, so what looks wrong is looked at twice: half a change is not there any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from earmark.errors import DamagedIndexError
from earmark.stores.redis_client import Command, RedisClient
from earmark.stores.redis_track_bulk_check import BulkCheck
from earmark.stores.redis_track_rows import Field, TrackRows, digest, unpacked

_AT_ONCE = 500
_MOST_OF_A_KIND = 50
"""Faults of one kind that are told one by one."""
_FIGURES = ("revision", "tracks", "audios", "audio_us")


class TrackCheck:
    """One look at a library, or two."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._rows = TrackRows(client.address)

    def faults(self) -> list[str]:
        """Return one sentence per fault."""
        once = self._look()
        if not once:
            return []
        again = set(self._look())
        return [fault for fault in once if fault in again]

    def _look(self) -> list[str]:
        before = self._figures()
        parts: list[Iterator[str]] = [
            self._tracks(),
            self._ids(),
            self._lookups("sources"),
            self._lookups("contents"),
            self._audios(),
            self._audio_ids(),
        ]
        found = [fault for part in parts for fault in self._some(part)]
        for kind in BulkCheck(self._client).kinds():
            found += self._some(kind)
        if self._figures() == before:
            found += self._counted(before)
        return [f"{self._client.address}: {fault}" for fault in found]

    # --- the catalogue -------------------------------------------------------------------------

    def _tracks(self) -> Iterator[str]:
        """Compare rows with every lookup that should know them."""
        for places, rows in self._chunks("rows"):
            fields: list[list[bytes]] = []
            kept: list[bytes] = []
            for place, data in zip(places, rows, strict=True):
                try:
                    self._rows.track(data)
                    fields.append(self._rows.fields(data))
                    kept.append(place)
                except DamagedIndexError:
                    yield f"the row at place {int(place)} makes no sense"
            if not kept:
                continue
            asked = (
                ("ids", [row[Field.ID] for row in fields]),
                ("audios", [row[Field.NUMBER] for row in fields]),
                ("sources", [digest(row[Field.SOURCE]) for row in fields]),
                ("contents", [digest(row[Field.CONTENT]) for row in fields]),
            )
            commands: list[Command] = [["HMGET", self._key(name), *names] for name, names in asked]
            bits = [word for place in kept for word in ("GET", "u1", place)]
            numbers = [word for place in kept for word in ("GET", "u32", b"#" + place)]
            commands.append(["BITFIELD_RO", self._key("live"), *bits])
            commands.append(["BITFIELD_RO", self._key("numbers"), *numbers])
            *found, live, packs = self._client.calls(commands)
            for row, place, own, audio, source, content, bit, pack in zip(
                fields, kept, *found, live, packs, strict=True
            ):
                name = f"track {row[Field.ID].decode('utf-8', 'replace')!r}"
                if own != place:
                    yield f"{name} is not found by its id"
                if audio is None:
                    yield f"{name} refers to audio {int(row[Field.NUMBER])}, which is missing"
                elif place not in _places(audio):
                    yield f"{name} is not found by its audio {int(row[Field.NUMBER])}"
                if place not in (source or b"").split():
                    yield f"{name} is not found by its source"
                if place not in (content or b"").split():
                    yield f"{name} is not found by its content"
                if not bit or pack != int(row[Field.NUMBER]):
                    yield f"{name} is not found in the listing"

    def _ids(self) -> Iterator[str]:
        for ids, places in self._chunks("ids"):
            for track_id, row in zip(ids, self._held("rows", places), strict=True):
                if row is None:
                    yield f"the id {track_id.decode('utf-8', 'replace')!r} points to no track"

    def _lookups(self, name: str) -> Iterator[str]:
        for _, held in self._chunks(name):
            places = [place for one in held for place in one.split()]
            for place, row in zip(places, self._held("rows", places), strict=True):
                if row is None:
                    yield f"the lookup of {name} points to place {int(place)}, where no track is"

    def _audios(self) -> Iterator[str]:
        for numbers, held in self._chunks("audios"):
            audios = [unpacked(one) for one in held]
            pins = self._held("pins", numbers)
            owners = self._held("audio_ids", [audio[0] for audio in audios])
            places = [place for audio in audios for place in audio[3].split()]
            rows = dict(zip(places, self._held("rows", places), strict=True))
            for number, audio, pin, owner in zip(numbers, audios, pins, owners, strict=True):
                if not audio[3] and pin is None:
                    yield f"audio {int(number)} has no track"
                if owner != number:
                    yield f"audio {int(number)} is not found by its audio id"
                for place in audio[3].split():
                    if rows[place] is None:
                        yield f"audio {int(number)} refers to a track that is missing"

    def _audio_ids(self) -> Iterator[str]:
        for _, numbers in self._chunks("audio_ids"):
            for number, audio in zip(numbers, self._held("audios", numbers), strict=True):
                if audio is None:
                    yield f"an audio id points to audio {int(number)}, which is missing"

    def _counted(self, figures: Sequence[int]) -> Iterator[str]:
        """Compare the counters with what they count, while nothing has changed."""
        _, tracks, audios, _ = figures
        told = self._client.calls(
            [
                ["HLEN", self._key("rows")],
                ["HLEN", self._key("audios")],
                ["BITCOUNT", self._key("live")],
            ]
        )
        rows, held, live = map(int, told)
        if self._figures() != list(figures):
            return
        for what, one, other in (
            ("tracks are counted", tracks, rows),
            ("tracks are listed", live, rows),
            ("audios are counted", audios, held),
        ):
            if one != other:
                yield f"{one} {what} and {other} are there"

    # --- how -----------------------------------------------------------------------------------

    def _some(self, faults: Iterator[str]) -> list[str]:
        found: list[str] = []
        more = 0
        for fault in faults:
            if len(found) < _MOST_OF_A_KIND:
                found.append(fault)
            else:
                more += 1
        return [*found, *([f"{more} more faults like {found[-1]!r}"] if more else [])]

    def _chunks(self, name: str) -> Iterator[tuple[list[bytes], list[bytes]]]:
        """Yield the fields and values of a hash, some at a time; a field may come twice."""
        cursor = 0
        while True:
            at, flat = self._client.call("HSCAN", self._key(name), cursor, "COUNT", _AT_ONCE)
            items = list(flat.items()) if isinstance(flat, dict) else _paired(flat)
            if items:
                yield [field for field, _ in items], [value for _, value in items]
            cursor = int(at)
            if not cursor:
                return

    def _held(self, name: str, fields: Sequence[bytes]) -> list[bytes | None]:
        if not fields:
            return []
        held: list[bytes | None] = self._client.call("HMGET", self._key(name), *fields)
        return held

    def _figures(self) -> list[int]:
        told = self._client.call("HMGET", self._key("meta"), *_FIGURES)
        return [int(one or 0) for one in told]

    @property
    def _key(self) -> Callable[[str], str]:
        return self._client.key


def _places(audio: bytes) -> list[bytes]:
    return unpacked(audio)[3].split()


def _paired(flat: Sequence[Any]) -> list[tuple[bytes, bytes]]:
    return list(zip(flat[::2], flat[1::2], strict=True))
