"""Bodies as they arrive: whole, cut off, slow, too large, and what they leave behind."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Iterable

import pytest
from starlette.requests import Request

from earmark import (
    BodyTooLargeError,
    DiskFullError,
    EmptyAudioError,
    InvalidRequestError,
    MediaTypeError,
    StoppedError,
    TimedOutError,
)
from earmark.config import ServeSettings
from earmark.service.bodies import uploads
from earmark.service.bodies.media import MediaRoom
from earmark.service.bodies.spool import Spool
from earmark.service.bodies.uploads import Body, Wanted, received

SOUND = b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(range(256)) * 40
EDGE = "----edge"
STALL = object()


@pytest.fixture
def room(tmp_path) -> MediaRoom:
    return MediaRoom(tmp_path / "media")


@pytest.fixture
def taken(room) -> Callable[..., Body]:
    """Read a body that comes in pieces; its files' bytes are in ``read``."""

    def take(
        pieces: Iterable[object],
        kind: str = "application/octet-stream",
        wanted: Wanted | None = None,
        headers: dict[str, str] | None = None,
        then: Callable[[Body], object] | None = None,
        **options: float,
    ) -> Request:
        pieces = list(pieces)

        async def receive():
            await asyncio.sleep(0)
            if not pieces:
                return {"type": "http.request", "body": b"", "more_body": False}
            piece = pieces.pop(0)
            if piece is STALL:
                await asyncio.sleep(10)
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": True}

        lines = {"content-type": kind, **(headers or {})}
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in lines.items()],
        }
        request = Request(scope, receive)
        settings = ServeSettings(**{"body_stall_s": 0.1, **options})

        async def run():
            async with received(request, room, settings, wanted or Wanted()) as body:
                assert not request.state.unread
                return then(body) if then else None

        request.state.result = asyncio.run(run())
        return request

    yield take
    assert [path for path in room.folder.rglob("*") if path.is_file()] == []
    assert room.memory_bytes == 0


def form(*parts: tuple[str, str | None, bytes], end: bool = True) -> bytes:
    """A multipart body of (name, file name, data)."""
    pieces = []
    for name, file_name, data in parts:
        named = f'; filename="{file_name}"' if file_name is not None else ""
        head = f'--{EDGE}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
        pieces += [head.encode(), data, b"\r\n"]
    return b"".join(pieces) + (f"--{EDGE}--\r\n".encode() if end else b"")


FORM = f"multipart/form-data; boundary={EDGE}"


def read(body: Body) -> list[tuple[str, bytes, bool]]:
    """Name, bytes, and whether it lies on the disk, of each file."""
    return [
        (
            one.name,
            one.source if isinstance(one.source, bytes) else one.source.read_bytes(),
            one.path is not None,
        )
        for one in body.files
    ]


@pytest.mark.parametrize("step", [1, 7, 1000, 10**6])
@pytest.mark.parametrize("memory_bytes", [0, 5000, 10**6])
def test_forms_and_bodies_in_pieces_of_any_size(taken, step, memory_bytes):
    wanted = Wanted(fields=frozenset({"title"}), memory_bytes=memory_bytes)
    disk = memory_bytes < len(SOUND)
    for data, kind, name in (
        (form(("title", None, "né".encode()), ("file", "a/b.wav", SOUND)), FORM, "b.wav"),
        (SOUND, "audio/wav", "upload.wav"),
    ):
        pieces = [data[i : i + step] for i in range(0, len(data), step)]
        seen = taken(pieces, kind, wanted, then=lambda b: (read(b), dict(b.fields))).state.result
        assert seen[0] == [(name, SOUND, disk)]
        assert seen[1] == ({"title": ["né"]} if kind == FORM else {})


def test_large_files_never_lie_in_memory(taken, monkeypatch):
    most = 0
    write = Spool.write

    async def watched(self, data):
        nonlocal most
        await write(self, data)
        most = max(most, len(self._buffer))

    monkeypatch.setattr(Spool, "write", watched)
    sizes = taken(
        [SOUND, *[bytes(65536)] * 200],
        wanted=Wanted(memory_bytes=500_000),
        then=lambda body: [one.path.stat().st_size for one in body.files],
    ).state.result
    assert sizes == [len(SOUND) + 200 * 65536]
    assert most <= (1 << 20) + 65536


def test_memory_that_all_bodies_share_has_an_end(taken, room, monkeypatch):
    monkeypatch.setattr("earmark.service.bodies.spool.MOST_MEMORY_BYTES", 100)
    seen = taken([SOUND], wanted=Wanted(memory_bytes=10**6), then=read).state.result
    assert seen[0][2] is True


def test_digests_tell_bodies_apart(taken):
    def digest(data: bytes, kind: str = "audio/wav") -> str:
        wanted = Wanted(hashed=True)
        return taken([data], kind, wanted, then=lambda body: body.digest).state.result

    assert digest(SOUND) == digest(SOUND)
    assert len({digest(SOUND), digest(SOUND + b"x"), digest(SOUND, "audio/ogg")}) == 3
    assert digest(b'{"a": 1}', "application/json")
    one = form(("title", None, b"x"), ("file", "a.wav", SOUND))
    again = one.replace(EDGE.encode(), b"----other")
    wanted = Wanted(fields=frozenset({"title"}), hashed=True)
    digests = [
        taken([data], kind, wanted, then=lambda body: body.digest).state.result
        for data, kind in (
            (one, FORM),
            (again, "multipart/form-data; boundary=----other"),
            (one.replace(b"a.wav", b"b.wav"), FORM),
            (one.replace(b"x\r\n--", b"y\r\n--"), FORM),
            (one.replace(bytes(range(256)), bytes(range(1, 257 - 1)), 1), FORM),
        )
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 4


def test_many_files(taken):
    data = form(*[("file", f"{i}.wav", SOUND) for i in range(30)])
    wanted = Wanted(most_files=30)
    assert len(taken([data], FORM, wanted, then=read).state.result) == 30
    with pytest.raises(InvalidRequestError, match="more than 29 files"):
        taken([data], FORM, Wanted(most_files=29))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (form(("file", "a.wav", SOUND), end=False), "ends before its last boundary"),
        (b"", "ends before its last boundary"),
        (b"nonsense", "damaged"),
        (form(("other", None, b"x")), "unknown field 'other'; known: file, title"),
        (form(("file", "a", SOUND), ("file", "b", SOUND)), "more than one file"),
        (form(("title", "a.txt", b"x")), "only 'file' may be one"),
        (form(("title", None, b"\xff\xfe")), "not UTF-8"),
        (form(*[("title", None, b"x")] * 300), "more than 257 parts"),
        (f"--{EDGE}\r\nA: b\r\n\r\nx\r\n--{EDGE}--".encode(), "has no name"),
        (f"--{EDGE}\r\n".encode() + b"A: b\r\n" * 50, "damaged"),
        (f"--{EDGE}\r\nA: ".encode() + b"b" * 10_000, "damaged"),
    ],
)
def test_forms_that_are_none(taken, data, message):
    with pytest.raises(InvalidRequestError, match=message):
        taken([data], FORM, Wanted(fields=frozenset({"title"})))


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", f"multipart/form-data; boundary={'x' * 999}"]
)
def test_boundaries_that_are_none(taken, kind):
    with pytest.raises(InvalidRequestError):
        taken([b"x"], kind)


def test_a_form_without_a_file_says_so(taken):
    with pytest.raises(InvalidRequestError, match="add the sound as `file`"):
        taken([form()], FORM, then=lambda body: body.file)


def test_fields_have_an_end(taken):
    with pytest.raises(BodyTooLargeError, match="'title' holds more than 65536 bytes"):
        taken([form(("title", None, b"x" * 65537))], FORM, Wanted(fields=frozenset({"title"})))
    many = form(*[("title", None, b"x" * 60_000)] * 5)
    with pytest.raises(BodyTooLargeError):
        taken([many], FORM, Wanted(fields=frozenset({"title"})))


def test_what_is_too_large_is_not_even_begun(taken):
    with pytest.raises(BodyTooLargeError, match="larger than the 5000 bytes"):
        taken([STALL], headers={"content-length": "5001"}, upload_limit_bytes=5000)
    for kind, data in (("audio/wav", SOUND), (FORM, form(("file", "a.wav", SOUND)))):
        with pytest.raises(BodyTooLargeError):
            taken([data[:4000], data[4000:], STALL], kind, upload_limit_bytes=5000)
    with pytest.raises(BodyTooLargeError):
        taken([b"[" * 600_000] * 2, "application/json")


@pytest.mark.parametrize("pieces", [[STALL], [SOUND, STALL], [SOUND, None], [None]])
@pytest.mark.parametrize("memory_bytes", [0, 10**6])
def test_clients_that_say_nothing_or_leave(taken, pieces, memory_bytes):
    expected = StoppedError if pieces[-1] is None else TimedOutError
    for kind in ("audio/wav", FORM, "application/json"):
        head = [form(("file", "a.wav", SOUND), end=False)[:200]] if kind == FORM else []
        some = [b"{", pieces[-1]] if kind == "application/json" else [*head, *pieces]
        with pytest.raises(expected):
            taken(some, kind, Wanted(memory_bytes=memory_bytes))


def test_a_trickle_is_cut_off(taken, monkeypatch):
    monkeypatch.setattr(uploads, "PATIENCE_S", 0.0)
    monkeypatch.setattr(uploads, "LEAST_BYTES_PER_S", 1e9)
    with pytest.raises(TimedOutError, match="bytes a second"):
        taken([b"x"] * 100)


def test_cancelled_and_failed_requests_leave_nothing(taken):
    def cancelled(_: Body) -> None:
        raise asyncio.CancelledError

    def failed(_: Body) -> None:
        raise ZeroDivisionError

    with pytest.raises(asyncio.CancelledError):
        taken([SOUND], then=cancelled)
    with pytest.raises(ZeroDivisionError):
        taken([form(("file", "a.wav", SOUND))], FORM, then=failed)


def test_a_file_that_was_moved_away_stays(taken, room, tmp_path):
    def moved(body: Body) -> str:
        body.file.path.rename(tmp_path / "kept.wav")
        return "moved"

    assert taken([SOUND], then=moved).state.result == "moved"
    assert (tmp_path / "kept.wav").read_bytes() == SOUND


def test_a_full_disk(taken, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("earmark.service.bodies.spool.os.write", full)
    with pytest.raises(DiskFullError, match="the disk is full"):
        taken([SOUND])


def test_what_is_no_audio_is_refused_at_its_first_bytes(taken):
    page = b"<!DOCTYPE html>" + b" " * 10_000
    with pytest.raises(MediaTypeError, match="'upload' looks like a web page"):
        taken([page, STALL])
    with pytest.raises(MediaTypeError, match=r"'song\.mp3' looks like plain text"):
        taken([form(("file", "song.mp3", b"words\n"))], FORM)
    with pytest.raises(EmptyAudioError):
        taken([form(("file", "a.wav", b""))], FORM)
    for name, data in (("a.abc", b"X:1\nK:C\nCDE\n"), ("a.musicxml", b"<?xml version='1.0'?><x/>")):
        assert taken([form(("file", name, data))], FORM, then=read).state.result[0][0] == name


def test_json(taken):
    def sent(text: bytes) -> object:
        return taken([text], "application/json", then=lambda body: body.document).state.result

    assert sent(b'{"url": "x"}') == {"url": "x"}
    for text in (b"", b"[]", b"1", b'{"a": Infinity}', b'{"a": "\\ud800"}', b"[" * 10**5, b"\xff"):
        with pytest.raises(InvalidRequestError):
            sent(text)


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/mixed; boundary=x", "application/json"]
)
def test_kinds_that_are_not_taken(taken, kind):
    with pytest.raises(MediaTypeError, match="send multipart/form-data with a field `file`"):
        taken([STALL], kind, Wanted(document=False))
