"""What a track sounds and looks like: its file, stretches of it, its waveform, its cover."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path as FilePath
from pathlib import PurePath
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from earmark.audio.fetch import is_url
from earmark.errors import (
    InvalidRequestError,
    NoMediaError,
    SourceNotFoundError,
    SourceUnreadableError,
)
from earmark.ingest.scores import file_of
from earmark.melody.score import SUFFIXES
from earmark.service.answering.bodydocs import reads
from earmark.service.answering.problems import declared
from earmark.service.answering.schemas import WaveformShape
from earmark.service.answers import CHECKED, json_answer, not_modified, quoted, unchanged
from earmark.service.auth import Caller, needs
from earmark.service.bodies.sniff import HEAD_BYTES, looks_like
from earmark.service.context import House
from earmark.service.here import Here
from earmark.service.ranges import OpenFile, file_answer, open_file
from earmark.types import Track

router = APIRouter(prefix="/v1/tracks", tags=["tracks"])
Reader = Annotated[Caller, Depends(needs("read"))]
TrackId = Annotated[str, Path(max_length=500, description="The track's id")]
_START = Query(ge=0, allow_inf_nan=False)

EXCERPT_RATE_HZ = 32_000
EXCERPT_S = 10.0
LONGEST_EXCERPT_S = 60.0
WAVEFORMS_KEPT = 256
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_TYPES = {
    "aac": "audio/aac",
    "aif": "audio/aiff",
    "aifc": "audio/aiff",
    "aiff": "audio/aiff",
    "amr": "audio/amr",
    "caf": "audio/x-caf",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "m4b": "audio/mp4",
    "mka": "audio/x-matroska",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp2": "audio/mpeg",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "wave": "audio/wav",
    "webm": "video/webm",
    "wma": "audio/x-ms-wma",
}
_PICTURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


@router.get(
    "/{track_id}/audio",
    response_class=Response,
    summary="Hear a track",
    responses={
        **declared(404, 416),
        200: {"description": "The file, or the stretch as WAV", "content": {"audio/*": _BINARY}},
        206: {"description": "The bytes that Range asks for", "content": {"audio/*": _BINARY}},
        304: {"description": "It is as If-None-Match says"},
    },
    openapi_extra=reads("Range", "If-Range", "If-None-Match"),
)
async def audio(
    request: Request,
    here: Here,
    caller: Reader,  # noqa: ARG001 - asked for its scope
    track_id: TrackId,
    start_s: Annotated[float | None, _START] = None,
    duration_s: Annotated[
        float | None, Query(gt=0, le=LONGEST_EXCERPT_S, allow_inf_nan=False)
    ] = None,
) -> Response:
    """Return the track's file; with `start_s` or `duration_s` that stretch as mono WAV."""
    track = await here.quick(lambda: here.library.get(track_id))
    _require_sound(track)
    if start_s is None and duration_s is None:
        opened = await here.quick(lambda: _opened(here, track))
        name = PurePath(track.source).name
        headers = {"Content-Disposition": f"inline; filename*=UTF-8''{_quoted(name)}"}
        return file_answer(request, opened, _type_of(name), headers)
    start_s, duration_s = start_s or 0.0, duration_s or EXCERPT_S
    etag = quoted("excerpt", track.content_id, start_s, duration_s, EXCERPT_RATE_HZ)
    if unchanged(request, etag):
        return not_modified(etag)
    try:
        data = await here.work.run(
            lambda _: here.library.excerpt(track_id, start_s, duration_s, EXCERPT_RATE_HZ),
            request=request,
            timeout_s=here.options.timeout_s,
        )
    except (SourceNotFoundError, SourceUnreadableError) as error:
        raise NoMediaError(_GONE) from error
    return Response(data, 200, {"ETag": etag, "Cache-Control": CHECKED}, "audio/wav")


router.add_api_route(
    "/{track_id}/audio", audio, methods=["HEAD"], include_in_schema=False, response_class=Response
)


class _Waveforms:
    """The waveforms that were asked for last: a page draws the same ones again and again."""

    def __init__(self, most: int = WAVEFORMS_KEPT) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], dict[str, Any]] = OrderedDict()

    def get(self, key: tuple[object, ...]) -> dict[str, Any] | None:
        """Return one and mark it as used."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: tuple[object, ...], shape: dict[str, Any]) -> None:
        """Keep one; the one that was not used for the longest time goes."""
        with self._lock:
            self._kept[key] = shape
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)


_waveforms = _Waveforms()


@router.get(
    "/{track_id}/waveform",
    response_model=WaveformShape,
    summary="Draw a track",
    responses={**declared(404), 304: {"description": "It is as If-None-Match says"}},
    openapi_extra=reads("If-None-Match"),
)
async def waveform(
    request: Request,
    here: Here,
    caller: Reader,  # noqa: ARG001
    track_id: TrackId,
    points: Annotated[int, Query(ge=16, le=4000)] = 800,
    start_s: Annotated[float, _START] = 0.0,
    end_s: Annotated[float | None, _START] = None,
) -> Response:
    """Return the lowest and the highest sample of `points` equal stretches."""
    if end_s is not None and end_s <= start_s:
        message = f"end_s must be above start_s, got {start_s:g} to {end_s:g}"
        raise InvalidRequestError(message)
    track = await here.quick(lambda: here.library.get(track_id))
    _require_sound(track)
    key = (track.content_id, points, start_s, end_s)
    etag = quoted("waveform", *key)
    if unchanged(request, etag):
        return not_modified(etag)
    shape = _waveforms.get(key)
    if shape is None:
        try:
            shape = await here.work.run(
                lambda stop: _drawn(here, track_id, points, start_s, end_s, stop),
                request=request,
                timeout_s=here.options.timeout_s,
            )
        except (SourceNotFoundError, SourceUnreadableError) as error:
            raise NoMediaError(_GONE) from error
        _waveforms.put(key, shape)
    return json_answer(shape, headers={"ETag": etag, "Cache-Control": CHECKED})


@router.get(
    "/{track_id}/cover",
    response_class=Response,
    summary="See a track's cover",
    responses={
        **declared(404),
        200: {"description": "The picture", "content": {"image/*": _BINARY}},
        304: {"description": "It is as If-None-Match says"},
    },
    openapi_extra=reads("If-None-Match"),
)
async def cover(
    request: Request,
    here: Here,
    caller: Reader,  # noqa: ARG001
    track_id: TrackId,
) -> Response:
    """Return the picture that the file brought along."""
    data = await here.quick(lambda: here.library.cover(track_id))
    kind = _picture_kind(data) if data else None
    if data is None or kind is None:
        message = f"the track {track_id!r} has no cover picture"
        raise NoMediaError(message)
    etag = quoted("cover", data.hex())
    if unchanged(request, etag):
        return not_modified(etag)
    return Response(data, 200, {"ETag": etag, "Cache-Control": CHECKED}, kind)


_GONE = "the track's file is not there any more, or may not be read"


def _drawn(
    here: House,
    track_id: str,
    points: int,
    start_s: float,
    end_s: float | None,
    stop: threading.Event,
) -> dict[str, Any]:
    wave = here.library.waveform(track_id, points, start_s, end_s, stop=stop)
    pairs = wave.peaks.round(3).tolist()
    return {
        "duration_s": round(wave.duration_s, 4),
        "start_s": round(wave.start_s, 4),
        "end_s": round(wave.end_s, 4),
        "peaks": [[round(low, 3), round(high, 3)] for low, high in pairs],
    }


def _require_sound(track: Track) -> None:
    if is_url(track.source):
        message = f"the track {track.id!r} lies at a web address, the service has no file of it"
        raise NoMediaError(message)
    if PurePath(file_of(track.source)).suffix.lower() in SUFFIXES:
        message = f"the track {track.id!r} is a score: nothing sounds in it"
        raise NoMediaError(message)


def _opened(here: House, track: Track) -> OpenFile:
    try:
        opened = open_file(FilePath(track.source))
    except NoMediaError:
        moved = here.media.find(track.source)
        if moved is None:
            raise
        opened = open_file(moved)
    # An archive that was imported may name any path, and what lay at one may be another file now.
    if looks_like(os.pread(opened.file.fileno(), HEAD_BYTES, 0)) is not None:
        opened.file.close()
        message = f"what lies where the audio of {track.id!r} was is no audio"
        raise NoMediaError(message)
    return opened


def _type_of(name: str) -> str:
    """Return a type that a browser only ever plays: never one that it would show as a page."""
    return _TYPES.get(PurePath(name).suffix.lower().lstrip("."), "application/octet-stream")


def _quoted(name: str) -> str:
    return quote(name.encode("utf-8", "replace"), safe="")


def _picture_kind(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _PICTURES if data.startswith(magic)), None)
