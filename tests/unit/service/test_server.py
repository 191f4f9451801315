from __future__ import annotations

import socket

import pytest
from typer.testing import CliRunner

from earmark import ExtraMissingError, ServiceError, UsageError
from earmark.cli import main
from earmark.cli import serve as cli
from earmark.config import ServeSettings
from earmark.keys import make_key
from earmark.service import server


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"log": "xml"}, "json, text"),
        ({"port": 70_000}, "65535"),
        ({"port": -1}, "65535"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"upload_limit_bytes": 0}, "upload_limit_bytes"),
        ({"queue": -1}, "queue"),
        ({"rate_per_minute": -1}, "rate_per_minute"),
    ],
)
def test_options_that_make_no_sense_are_named(wrong, said):
    with pytest.raises(UsageError, match=said):
        server._check(ServeSettings(**wrong))


def test_the_defaults_make_sense():
    server._check(ServeSettings())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "music.example"])
def test_strangers_need_a_key_or_a_word(house_app, ledger, host):
    house = house_app.state.house
    with pytest.raises(UsageError, match=r"earmark keys add.*earmark serve --open"):
        server._refuse_open(ServeSettings(host=host), house)
    server._refuse_open(ServeSettings(host=host, open=True), house)
    record, _ = make_key("x", ["read"], None, 0.0)
    ledger.add_key(record)
    server._refuse_open(ServeSettings(host=host), house)
    ledger.revoke_key(record.id, 1.0)
    with pytest.raises(UsageError):
        server._refuse_open(ServeSettings(host=host), house)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]"])
def test_this_machine_needs_neither(house_app, host):
    server._refuse_open(ServeSettings(host=host), house_app.state.house)


def test_a_free_port_is_told():
    with server._bound(ServeSettings(port=0)) as listener:
        address = server._address(listener)
        assert address == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_port_in_use_and_a_name_without_address():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = ServeSettings(port=taken.getsockname()[1])
        with pytest.raises(ServiceError, match=r"taken by another program.*--port"):  # noqa: SIM117
            with server._bound(options):
                pass
    with pytest.raises(ServiceError, match="no address of this machine"):  # noqa: SIM117
        with server._bound(ServeSettings(host="no-such-name.invalid", port=0)):
            pass


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine knows no IPv6")
def test_ipv6_addresses_are_written_with_brackets():
    try:
        with server._bound(ServeSettings(host="::1", port=0)) as listener:
            assert server._address(listener).startswith("http://[::1]:")
    except ServiceError:
        pytest.skip("this machine has no IPv6 address of its own")


def test_what_is_not_installed_is_told_with_the_command(monkeypatch):
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == "uvicorn" else name)
    ran = CliRunner().invoke(main.app, ["serve"])
    assert isinstance(ran.exception, ExtraMissingError)
    assert "uvicorn" in ran.exception.message
    assert "pip install 'earmark[server]'" in ran.exception.message
