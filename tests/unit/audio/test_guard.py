"""Only public addresses: judged, and fetched through, with servers on this machine."""

from __future__ import annotations

import http.server
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from earmark.audio._guard import MOST_TRIED, Guard, is_public, resolve
from earmark.audio.fetch import FetchLimits, fetched
from earmark.audio.stream import open_blocks
from earmark.errors import FetchError

CAREFUL = FetchLimits(public_only=True, stall_s=5.0)
PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    "address",
    [
        PUBLIC,
        "8.8.8.8",
        "172.15.255.255",
        "172.32.0.1",
        "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
        f"::ffff:{PUBLIC}",
        "64:ff9b::5db8:d70e",
        "2002:5db8:d70e::1",
    ],
)
def test_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "0.1.2.3",
        "10.1.2.3",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a01:203",
        "64:ff9b:1::5db8:d70e",
        "2002:7f00:1::1",
        "2002:c0a8:101::1",
        "2001:0:5db8:d70e::1",
        "2001:db8::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "nonsense",
        "",
    ],
)
def test_addresses_that_are_not(address):
    assert not is_public(address)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, self.headers["Host"]))
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to?"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "audio/wav")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"RIFF")

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def running():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server(running):
    running.seen = []
    return running


@pytest.fixture
def net(server):
    """A made-up internet: names, what they resolve to, and every public address is the server."""
    return Net(server.server_port)


class Net:
    def __init__(self, port):
        self.names = {"music.example": [[PUBLIC]]}
        self.port = port
        self.dialled = []
        self.guard = Guard(self.resolve, self.dial)

    def resolve(self, host, port):
        answers = self.names.get(host)
        if answers is None:
            return resolve(host, port)
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def dial(self, address, timeout_s):
        self.dialled.append(address)
        return socket.create_connection(("127.0.0.1", self.port), timeout_s)

    def refused(self, url):
        with pytest.raises(FetchError) as caught, fetched(url, CAREFUL, self.guard):
            pass
        assert "public internet" in caught.value.message
        assert "127.0.0.1" not in caught.value.message.partition(" is not ")[2]
        return caught.value


def test_a_public_name_is_fetched_from_the_address_that_was_judged(net, server):
    with fetched("http://music.example:8080/a.wav", CAREFUL, net.guard) as file:
        assert file.read() == b"RIFF"
    assert net.dialled == [(PUBLIC, 8080)]
    assert server.seen == [("/a.wav", "music.example:8080")]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
    ],
)
def test_this_machine_is_refused_however_it_is_spelt(server, host):
    url = f"http://{host}:{server.server_port}/a.wav"
    try:
        socket.getaddrinfo(host.strip("[]"), 80)
    except OSError:
        pytest.skip(f"this system has no address for {host}")
    with pytest.raises(FetchError, match="public internet"), fetched(url, CAREFUL):
        pass
    assert server.seen == []


def test_without_the_guard_it_is_fetched(server, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with fetched(f"http://127.0.0.1:{server.server_port}/a.wav") as file:
        assert file.read() == b"RIFF"


def test_a_redirect_is_judged_again(net, server):
    inside = f"http://127.0.0.1:{server.server_port}/secret.wav"
    net.refused(f"http://music.example/to?{inside}")
    net.refused(f"https://127.0.0.1:{server.server_port}/secret.wav")
    assert [path for path, _ in server.seen] == [f"/to?{inside}"]
    with fetched("http://music.example/to?http://music.example/a.wav", CAREFUL, net.guard) as file:
        assert file.read() == b"RIFF"


def test_a_name_that_changes_its_mind_is_resolved_once(net):
    net.names["rebinding.example"] = [[PUBLIC], ["127.0.0.1"]]
    with fetched("http://rebinding.example/a.wav", CAREFUL, net.guard) as file:
        assert file.read() == b"RIFF"
    assert net.dialled == [(PUBLIC, 80)]
    net.refused("http://rebinding.example/a.wav")


def test_one_private_address_among_public_ones_is_enough(net):
    net.names["mixed.example"] = [[PUBLIC, "10.0.0.1"]]
    net.refused("http://mixed.example/a.wav")
    assert net.dialled == []


def test_the_next_address_is_tried(net):
    net.names["two.example"] = [["2606:2800:21f:cb07:6820:80da:af6b:8b2c", PUBLIC]]
    dial = net.dial

    def no_ipv6(address, timeout_s):
        if ":" in address[0]:
            raise OSError(101, "Network is unreachable")
        return dial(address, timeout_s)

    with fetched("http://two.example/a.wav", CAREFUL, Guard(net.resolve, no_ipv6)) as file:
        assert file.read() == b"RIFF"


def test_not_all_of_a_thousand_addresses_are_tried():
    tried = []

    def nobody(address, timeout_s):
        tried.append(address)
        raise TimeoutError

    addresses = [f"8.8.{n // 250}.{n % 250}" for n in range(1000)]
    with pytest.raises(TimeoutError):
        Guard(lambda host, port: addresses, nobody).connect("many.example", 80, 1.0)
    assert len(tried) == MOST_TRIED


def test_a_name_without_an_address(net):
    net.names["nowhere.example"] = [[]]
    with (
        pytest.raises(FetchError, match="cannot be reached"),
        fetched("http://nowhere.example/a.wav", CAREFUL, net.guard),
    ):
        pass


def test_proxies_of_the_environment_are_not_asked(net, server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    with fetched("http://music.example/a.wav", CAREFUL, net.guard):
        pass
    assert server.seen == [("/a.wav", "music.example")]  # a proxy sees the whole address


def test_live_streams_are_not_opened(server):
    url = f"http://127.0.0.1:{server.server_port}/a.wav"
    with (
        pytest.raises(FetchError, match="live"),
        open_blocks(url, 16000, live=True, limits=CAREFUL),
    ):
        pass
    assert server.seen == []


@pytest.fixture
def tls(tmp_path, monkeypatch):
    """A server of https whose certificate, which is trusted here, is for ``music.example``."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here to make a certificate")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    wanted = "req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2"
    names = ["-subj", "/CN=music.example", "-addext", "subjectAltName=DNS:music.example"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *wanted.split(), *names, *files], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.seen, server.handle_error = [], lambda request, address: None
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_https_checks_the_name_though_it_dials_the_address(tls):
    net = Net(tls.server_port)
    with fetched("https://music.example/a.wav", CAREFUL, net.guard) as file:
        assert file.read() == b"RIFF"
    assert net.dialled == [(PUBLIC, 443)]
    net.names["other.example"] = [[PUBLIC]]
    with (
        pytest.raises(FetchError, match=r"(?i)certificate"),
        fetched("https://other.example/a.wav", CAREFUL, net.guard),
    ):
        pass
    net.refused("https://music.example/to?https://127.0.0.1/a.wav")
