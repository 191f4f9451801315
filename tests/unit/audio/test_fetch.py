"""Downloads from a server on this machine."""

import contextlib
import http.server
import socket
import threading
import time

import pytest

from earmark.audio._guard import Guard
from earmark.audio.decode import decode
from earmark.audio.fetch import FetchLimits, fetched
from earmark.audio.stream import open_blocks
from earmark.errors import FetchError


class Handler(http.server.BaseHTTPRequestHandler):
    audio = b""

    def do_GET(self):
        getattr(self, "answer_" + self.path.strip("/").partition("?")[0].replace(".", "_"))()

    def answer(self, body, kind="audio/wav", length=None, extra=()):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in extra:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def answer_a_wav(self):
        self.answer(self.audio)

    def answer_page(self):
        self.answer(b"<!DOCTYPE html><p>hello", "text/html; charset=utf-8")

    def answer_hidden(self):
        self.answer(b"\n <html><p>hello", "audio/mpeg")

    def answer_list(self):
        self.answer(b"#EXTM3U", "application/vnd.apple.mpegurl")

    def answer_radio(self):
        self.answer(b"abc", "audio/mpeg", extra=[("icy-name", "radio")])

    def answer_short(self):
        self.answer(self.audio[:100], length=5000)

    def answer_garbage(self):
        self.wfile.write(b"what is this\r\n\r\n")

    def answer_slow(self):
        time.sleep(1.0)

    def answer_drip(self):
        self.send_response(200)
        self.end_headers()
        for _ in range(40):
            time.sleep(0.05)
            self.wfile.write(b"x")

    def redirect(self, to):
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer_moved(self):
        self.redirect("/a.wav")

    def answer_loop(self):
        self.redirect(f"/loop?{time.monotonic_ns()}")

    def answer_escape(self):
        self.redirect("file:///etc/hostname")

    def answer_gone(self):
        self.send_error(404)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def base(make):
    Handler.audio = make.wav(make.tone(1.0))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda request, address: None
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def refused(url, limits=None):
    with pytest.raises(FetchError) as caught, fetched(url, limits or FetchLimits()):
        pass
    assert "\n" not in caught.value.message
    return caught.value.message


def test_a_file_arrives_whole(base):
    with fetched(f"{base}/a.wav") as file:
        assert file.read() == Handler.audio


def test_decode_and_stream_take_a_url(base):
    assert decode(f"{base}/a.wav", 16000).clip.duration_s == pytest.approx(1.0)
    with open_blocks(f"{base}/moved", 16000) as stream:
        assert next(stream).duration_s == pytest.approx(1.0)


def test_a_live_url_is_streamed(base):
    with open_blocks(f"{base}/a.wav", 16000, 0.25, live=True) as stream:
        assert [clip.duration_s for clip in stream] == [0.25] * 4


def test_a_live_url_that_fails(base):
    for url in (f"{base}/gone", "http://127.0.0.1:1/a", "rtmp://127.0.0.1/a"):
        with pytest.raises(FetchError), open_blocks(url, 16000, live=True):
            pass


def test_statuses_and_pages(base):
    assert "404 Not Found" in refused(f"{base}/gone")
    assert "web page" in refused(f"{base}/page")
    assert "web page" in refused(f"{base}/hidden")
    assert "earmark watch" in refused(f"{base}/list")
    assert "earmark watch" in refused(f"{base}/radio")


def test_limits(base):
    assert "more than 1000 bytes" in refused(f"{base}/a.wav", FetchLimits(max_bytes=1000))
    assert "did not answer within 0.2 s" in refused(f"{base}/slow", FetchLimits(stall_s=0.2))
    assert "not done after 0.2 s" in refused(f"{base}/drip", FetchLimits(total_s=0.2))
    assert "redirect 3" in refused(f"{base}/loop", FetchLimits(redirects=2))


@pytest.mark.parametrize("public_only", [False, True])
def test_a_head_that_trickles_is_cut(public_only):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle():
            with listener.accept()[0] as line, contextlib.suppress(OSError):
                line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while True:
                    line.sendall(b"x")
                    time.sleep(0.02)

        thread = threading.Thread(target=trickle)
        thread.start()
        port = listener.getsockname()[1]
        guard = Guard(
            lambda host, _: ["8.8.8.8"],
            lambda _, timeout_s: socket.create_connection(("127.0.0.1", port), timeout_s),
        )
        limits = FetchLimits(total_s=0.2, stall_s=5.0, public_only=public_only)
        started = time.monotonic()
        with (
            pytest.raises(FetchError, match=r"was not done after 0\.2 s"),
            fetched(f"http://127.0.0.1:{port}/a.wav", limits, guard),
        ):
            pass
        assert time.monotonic() - started < 2.0
        thread.join(5.0)
        assert not thread.is_alive()  # the connection was closed, not left


def test_broken_answers(base):
    assert "broke off after 100 of 5000" in refused(f"{base}/short")
    assert "cannot be reached" in refused(f"{base}/garbage")


def test_nobody_there():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    assert "check the address and the network" in refused(f"http://127.0.0.1:{port}/a.wav")


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://", "http://a b/\x00", "http://127.0.0.1:x/"]
)
def test_addresses_that_are_none(url):
    refused(url)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://host/a.mp3", "gopher://h/x"])
def test_other_schemes_are_refused(url):
    assert "not an http" in refused(url)
    with pytest.raises(FetchError):
        decode(url, 16000)


def test_a_redirect_to_a_file_is_refused(base):
    assert "redirects to an address that is not http" in refused(f"{base}/escape")


def test_a_password_is_not_shown():
    message = refused("ftp://me:secret@host/a.mp3")
    assert "secret" not in message
