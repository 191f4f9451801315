"""HLS: a live playlist whose segments appear as time goes by, over http."""

import itertools
import socket
import time

import numpy as np
import pytest
from radio import Show, encoded, on_air

from earmark.audio._guard import Guard
from earmark.audio._live_hls import HlsOpener
from earmark.audio.fetch import FetchLimits
from earmark.audio.live import LiveFeed
from earmark.errors import FetchError

RATE_HZ = 16_000
SONG = (0.3 * np.sin(2 * np.pi * 440.0 * np.arange(44_100 * 8) / 44_100)).astype(np.float32)


@pytest.fixture(scope="module")
def segments():
    cut = [SONG[second * 44_100 :][:44_100] for second in range(8)]
    return [encoded(c, 44_100, "mpegts", "aac", start_s=n) for n, c in enumerate(cut)]


@pytest.fixture
def radio(monkeypatch, segments):
    monkeypatch.setenv("no_proxy", "*")
    with on_air() as station:
        for number, segment in enumerate(segments):
            station.play(f"/live/{number}.ts", segment, kind="video/mp2t", length=len(segment))
        yield station


def playlist(radio, path="/live/list.m3u8", *, ends=True, prefix="", target_s=1):
    """Publish a live playlist that gains a segment with every look; return its URL.

    It says that segments are short: that is how soon FFmpeg looks again.
    """
    looks = itertools.count(2)

    def show():
        known = min(next(looks), 8)
        first = max(0, known - 4)
        lines = ["#EXTM3U", f"#EXT-X-TARGETDURATION:{target_s}", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
        for number in range(first, known):
            lines += ["#EXTINF:0.2,", f"{prefix}{number}.ts"]
        if ends and known == 8:
            lines.append("#EXT-X-ENDLIST")
        text = "\n".join(lines).encode()
        return Show([text], kind="application/vnd.apple.mpegurl", length=len(text))

    radio.shows[path] = show
    return radio.url + path


def heard(url, **how):
    with LiveFeed(url, RATE_HZ, **{"stall_s": 1.0, **how}) as feed:
        count = sum(map(len, feed))
    return count / RATE_HZ, feed.live


def test_segments_are_heard_as_they_appear(radio):
    heard_s, live = heard(playlist(radio))
    assert heard_s == pytest.approx(8.0, abs=0.5)
    assert not live  # it says that nothing follows


def test_one_that_stands_still_is_a_stall(radio):
    url = playlist(radio, ends=False, target_s=0)
    since = time.monotonic()
    with pytest.raises(FetchError, match=r"list\.m3u8 sent nothing for 1 s"):
        heard(url)
    assert time.monotonic() - since < 6.0


def test_a_redirected_list_in_a_list(radio):
    """The variant's addresses count from where the redirect led; one of them is not there."""
    del radio.shows["/live/4.ts"]
    playlist(radio)
    radio.play("/moved.m3u8", status=302, headers={"Location": "/live/list.m3u8"}, length=0)
    text = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=128000\nmoved.m3u8\n"
    url = radio.play("/top.m3u8", text, kind="application/x-mpegurl", length=len(text))
    heard_s, live = heard(url)
    assert heard_s == pytest.approx(7.0, abs=0.5)
    assert not live


def test_a_stop_takes_effect_soon(radio):
    with LiveFeed(playlist(radio, ends=False), RATE_HZ, stall_s=30.0) as feed:
        for _ in feed:
            break
        since = time.monotonic()
    assert time.monotonic() - since < 2.0


def test_everything_it_names_goes_through_the_guard(radio):
    """The list is where a public address seems to lead; its segments are somewhere else."""
    port = radio.server.server_port
    names = {"station.example": ["93.184.215.14"], "inside.example": ["10.0.0.1"]}
    asked = []

    def resolve(host, port):
        asked.append(host)
        return names[host]

    def dial(address, timeout_s):
        return socket.create_connection(("127.0.0.1", port), timeout_s)

    playlist(radio, prefix="http://inside.example/live/")
    guard = Guard(resolve, dial)
    limits = FetchLimits(public_only=True)
    url = "http://station.example/live/list.m3u8"
    with pytest.raises(FetchError, match=r"inside\.example is not an address of the public"):
        heard(url, limits=limits, guard=guard)
    assert set(asked) == {"station.example", "inside.example"}


def test_a_list_cannot_name_files_or_ciphers():
    for url in ("file:///etc/hosts", "crypto+http://127.0.0.1/a.ts", "rtmp://127.0.0.1/a"):
        opener = HlsOpener(FetchLimits())
        assert opener(url, 1, {}).read() == b""
        assert opener.error is not None


def test_a_list_of_lists_without_end_is_given_up(radio):
    """FFmpeg would ask for it again and again, as fast as it is answered."""
    text = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nself.m3u8\n"
    url = radio.play("/live/self.m3u8", text, kind="application/x-mpegurl", length=len(text))
    with pytest.raises(FetchError, match="names playlists and never a segment"):
        heard(url)
    assert len(radio.asked) < 10
