"""Live sources, each from a real sender on this machine."""

import os
import threading
import time

import numpy as np
import pytest
import senders
from radio import BREAK, STALL, Show, encoded, on_air, paced, with_titles

from earmark.audio.fetch import FetchLimits
from earmark.audio.live import LiveFeed, resampled
from earmark.errors import FetchError, InputError, NotAudioError, UsageError

RATE_HZ = 16_000
PUBLIC = FetchLimits(public_only=True)


@pytest.fixture(scope="module")
def radio():
    with on_air() as station:
        yield station


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def tone(hz, seconds=3.0, rate_hz=44_100, channels=2):
    wave = 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def mp3():
    return encoded(tone(440.0), 44_100, "mp3", "libmp3lame")


def heard(address, **how):
    """Return all that is heard, and whether it was meant to go on."""
    with LiveFeed(address, RATE_HZ, **{"stall_s": 1.0, **how}) as feed:
        blocks = list(feed)
    return np.concatenate(blocks), feed.live


def pitch(samples):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * RATE_HZ / len(samples)


def seconds(samples):
    return len(samples) / RATE_HZ


def test_a_station_is_heard_in_blocks_of_a_second(radio, mp3):
    url = radio.play("/a.mp3", *paced(mp3, 4000, 0.01))
    with LiveFeed(url, RATE_HZ, stall_s=1.0) as feed:
        blocks = list(feed)
    assert feed.live
    assert all(RATE_HZ <= len(block) < 1.2 * RATE_HZ for block in blocks[:-1])
    assert {block.dtype for block in blocks} == {np.dtype(np.float32)}
    assert seconds(np.concatenate(blocks)) == pytest.approx(3.0, abs=0.1)
    assert pitch(blocks[1]) == pytest.approx(440.0, abs=2.0)


def test_a_file_over_http_has_an_end(radio, mp3):
    samples, live = heard(radio.play("/file.mp3", mp3, length=len(mp3)))
    assert not live
    assert seconds(samples) == pytest.approx(3.0, abs=0.1)


def test_the_sound_comes_before_the_stream_ends(radio, mp3):
    url = radio.play("/slow.mp3", mp3[:24_000], STALL)
    with LiveFeed(url, RATE_HZ, stall_s=5.0) as feed:
        since = time.monotonic()
        assert len(next(iter(feed))) >= RATE_HZ
        assert time.monotonic() - since < 1.0


def test_titles_between_the_sound_are_not_heard(radio, mp3):
    plain, _ = heard(radio.play("/plain", mp3))
    url = radio.play("/icy", with_titles(mp3, 1000), headers={"icy-metaint": "1000"})
    titled, live = heard(url)
    assert live
    np.testing.assert_array_equal(titled, plain)


def test_an_old_shoutcast_answers_with_a_line_of_its_own(radio, mp3):
    head = b"ICY 200 OK\r\nicy-name: Old\r\ncontent-type: audio/mpeg\r\n\r\n"
    samples, live = heard(radio.play("/old", mp3, head=head))
    assert live
    assert seconds(samples) == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize(
    ("container", "codec", "rates"),
    [
        ("mp3", "libmp3lame", (44_100, 22_050)),
        ("adts", "aac", (44_100, 22_050)),
        ("ogg", "flac", (44_100, 22_050)),
        ("ogg", "libopus", (48_000, 48_000)),
    ],
)
def test_the_format_changes_midway(radio, container, codec, rates):
    """Two songs end to end, the second mono, mostly at another rate."""
    one = encoded(tone(440.0, rate_hz=rates[0]), rates[0], container, codec)
    two = encoded(tone(660.0, rate_hz=rates[1], channels=1), rates[1], container, codec)
    samples, _ = heard(radio.play(f"/{codec}", one, two))
    assert seconds(samples) == pytest.approx(6.0, abs=0.25)
    assert pitch(samples[RATE_HZ : 2 * RATE_HZ]) == pytest.approx(440.0, abs=2.0)
    assert pitch(samples[-2 * RATE_HZ : -RATE_HZ]) == pytest.approx(660.0, abs=2.0)


def test_a_chain_of_ogg_goes_on_after_garbage(radio):
    songs = [encoded(tone(hz), 44_100, "ogg", "flac") for hz in (440.0, 660.0)]
    samples, _ = heard(radio.play("/chain", songs[0], os.urandom(100_000), songs[1]))
    assert pitch(samples[-2 * RATE_HZ : -RATE_HZ]) == pytest.approx(660.0, abs=2.0)


def test_garbage_midway_is_read_past(radio, mp3):
    samples, _ = heard(radio.play("/dirty", mp3, os.urandom(50_000), mp3))
    assert seconds(samples) == pytest.approx(6.0, abs=0.3)


def broken(address, **how):
    """Return how much was heard, how long that took, and the error."""
    count, since = 0, time.monotonic()
    with pytest.raises(InputError) as caught, LiveFeed(address, RATE_HZ, **how) as feed:
        for block in feed:
            count += len(block)
    return count / RATE_HZ, time.monotonic() - since, caught.value


def test_a_stall_ends_it(radio, mp3):
    got_s, took_s, error = broken(radio.play("/stall", mp3[:32_000], STALL), stall_s=0.5)
    assert isinstance(error, FetchError)
    assert got_s == pytest.approx(2.0, abs=0.15)  # what came before it is heard to its end
    assert 0.4 < took_s < 1.5
    assert error.message.endswith("/stall sent nothing for 0.5 s")


def test_a_trickle_without_sound_is_a_stall_too(radio):
    url = radio.play("/trickle", *[b"\0" * 10, 0.05] * 100)
    _, took_s, error = broken(url, stall_s=0.5)
    assert took_s < 1.5
    assert "sent nothing for 0.5 s" in error.message


def test_a_connection_that_breaks(radio, mp3):
    url = radio.play("/break", mp3[:32_000], 0.1, BREAK)
    got_s, _, error = broken(url, stall_s=1.0)
    assert got_s >= 1.0
    assert error.message == f"{url} broke off"
    _, _, error = broken(radio.play("/short", mp3, length=len(mp3) + 5), stall_s=1.0)
    assert error.message.endswith("broke off 5 bytes before its end")


def test_what_is_no_sound(radio):
    page = b"<html><body>Station moved</body></html>"
    for path, sent, kind in (
        ("/page", page, "text/html"),
        ("/page2", page, "audio/mpeg"),
        ("/garbage", os.urandom(20_000), "audio/mpeg"),
        ("/nothing", b"", "audio/mpeg"),
        ("/list", b"[playlist]\nNumberOfEntries=0\n", "audio/x-scpls"),
    ):
        got_s, _, error = broken(radio.play(path, sent, kind=kind), stall_s=1.0)
        assert got_s == 0.0
        assert path in error.message
        assert "\n" not in error.message


def test_a_playlist_that_names_a_stream(radio, mp3):
    stream = radio.play("/deep/stream", mp3)
    for number, text in enumerate(
        (f"#EXTM3U\n#EXTINF:-1,One\n{stream}\n", f"[playlist]\nFile1={stream}\nTitle1=One\n")
    ):
        url = radio.play(f"/list{number}", text.encode(), kind="audio/x-mpegurl")
        samples, live = heard(url)
        assert live
        assert seconds(samples) == pytest.approx(3.0, abs=0.1)


def test_no_answer_and_no_such_address(radio):
    for url, part in (
        (f"{radio.url}/none", "answered 404"),
        ("http://127.0.0.1:1/", "cannot be reached"),
        ("rtmp://me:secret@127.0.0.1:1/live", "rtmp://127.0.0.1:1/live cannot be opened"),
        ("rtsp://me:secret@127.0.0.1:1/live", "rtsp://127.0.0.1:1/live cannot be opened"),
    ):
        _, took_s, error = broken(url, stall_s=1.0)
        assert took_s < 1.5
        assert part in error.message
        assert "secret" not in error.message


def test_a_name_and_a_password_go_to_the_host_only(radio, mp3):
    url = radio.play("/mine", mp3).replace("://", "://me:se%20cret@")
    samples, _ = heard(url)
    assert len(samples)
    assert radio.asked[-1][1]["Authorization"] == "Basic bWU6c2UgY3JldA=="


def test_what_cannot_be_a_stream():
    with pytest.raises(UsageError, match="ftp://host/a is not an address that can be watched"):
        LiveFeed("ftp://me:secret@host/a", RATE_HZ)


def test_only_public_addresses(radio, mp3):
    for address in ("rtmp://host/a", "rtmps://host/a", "rtsp://host/a", "RTSP://host/a"):
        with pytest.raises(UsageError, match="only public addresses"):
            LiveFeed(address, RATE_HZ, limits=PUBLIC)
    _, _, error = broken(radio.play("/here", mp3), limits=PUBLIC, stall_s=1.0)
    assert "not an address of the public internet" in error.message


def test_a_stop_takes_effect_at_once(radio, mp3):
    url = radio.play("/on", mp3[:32_000], STALL)
    with LiveFeed(url, RATE_HZ, stall_s=30.0) as feed:
        threading.Timer(0.2, feed.close).start()
        since = time.monotonic()
        assert len(list(feed)) >= 1
    assert time.monotonic() - since < 1.0


def test_what_is_not_taken_stays_with_the_sender(radio, mp3):
    taken = []

    def steps():
        for number in range(10_000):
            taken.append(number)
            yield mp3

    radio.shows["/flood"] = lambda: Show(steps())
    with LiveFeed(f"{radio.url}/flood", RATE_HZ) as feed:
        blocks = iter(feed)
        next(blocks)
        time.sleep(0.3)  # the system's buffers fill
        assert feed._read.qsize() == 16
        sent = len(taken)
        time.sleep(0.2)
        assert len(taken) == sent


def test_a_file_that_grows(tmp_path):
    sound = encoded(tone(440.0), 44_100, "adts", "aac")
    path = tmp_path / "growing.aac"
    path.write_bytes(sound[:20_000])

    def grow():
        with path.open("ab") as file:
            for at in range(20_000, len(sound), 10_000):
                time.sleep(0.1)
                file.write(sound[at : at + 10_000])
                file.flush()

    thread = threading.Thread(target=grow)
    thread.start()
    samples, live = heard(f"file://{path}", follow=True, follow_s=0.5)
    thread.join()
    assert not live
    assert seconds(samples) == pytest.approx(3.0, abs=0.1)


def test_a_wav_that_grows_says_too_little(tmp_path):
    """The head of a recording that goes on names the length it had when that was written."""
    sound = encoded(tone(440.0), 44_100, "wav", "pcm_s16le")
    size = int.from_bytes(sound[sound.index(b"data") + 4 :][:4], "little")
    short = sound.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    (tmp_path / "a.wav").write_bytes(short)
    samples, _ = heard(str(tmp_path / "a.wav"), follow=True, follow_s=0.2)
    assert seconds(samples) == pytest.approx(3.0, abs=0.1)


def test_a_file_as_it_is(tmp_path):
    (tmp_path / "a.wav").write_bytes(encoded(tone(440.0), 44_100, "wav", "pcm_s16le"))
    samples, live = heard(str(tmp_path / "a.wav"))
    assert not live
    assert seconds(samples) == pytest.approx(3.0, abs=0.01)
    assert "does not exist" in broken(str(tmp_path / "none.wav"))[2].message


def test_rtsp(mp3):
    samples = tone(440.0, channels=1)[:, 0]
    with senders.sending(senders.rtsp(samples)) as port:
        got, live = heard(f"rtsp://127.0.0.1:{port}/one")
    assert live
    assert seconds(got) == pytest.approx(3.0, abs=0.1)
    assert pitch(got) == pytest.approx(440.0, abs=2.0)


def test_rtmp():
    samples = tone(440.0, channels=1)[:, 0]
    with senders.sending(senders.rtmp(samples)) as port:
        got, live = heard(f"rtmp://127.0.0.1:{port}/live/one")
    assert live
    assert seconds(got) == pytest.approx(3.0, abs=0.1)
    assert pitch(got) == pytest.approx(440.0, abs=2.0)


def test_a_sender_that_accepts_and_says_nothing():
    with senders.sending(lambda line: line.recv(1) and time.sleep(2)) as port:
        for scheme in ("http", "rtmp", "rtsp"):
            _, took_s, error = broken(f"{scheme}://127.0.0.1:{port}/x", stall_s=0.4)
            assert took_s < 1.9
            assert f"{port}/x " in error.message


def test_what_a_microphone_hears_is_resampled():
    blocks = [tone(440.0, 1.0, 48_000, 1)] * 3
    out = np.concatenate(list(resampled(blocks, 48_000, RATE_HZ)))
    assert seconds(out) == pytest.approx(3.0, abs=0.05)


def test_other_errors_are_not_hidden(radio):
    """A bug in the thread reaches the one who iterates."""
    with LiveFeed(radio.play("/bug", b"x"), RATE_HZ) as feed:
        pass
    assert not feed._thread.is_alive()
    with pytest.raises(NotAudioError):
        heard(radio.play("/x", b"no sound" * 100))
