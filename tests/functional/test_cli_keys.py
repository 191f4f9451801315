"""``earmark keys`` as people run it."""

from __future__ import annotations

import re

import pytest

from earmark import Library, Settings
from earmark.bootstrap import open_ledger
from earmark.keys import key_id_of


@pytest.fixture
def home(tmp_path, settings):
    with Library.open(create=True, settings=settings):
        return tmp_path / "library"


def test_a_key_is_made_shown_once_and_ended(earmark, home):
    made = earmark("--library", home, "keys", "add", "phone", "--scope", "write", "--days", "30")
    assert made.code == 0, made.err
    (text,) = re.findall(r"^key +(\S+)$", made.out, re.M)
    key_id = key_id_of(text)
    listed = earmark("--library", home, "keys")
    assert key_id in listed.out
    assert "phone" in listed.out
    assert "good" in listed.out
    assert text not in listed.out
    revoked = earmark("--library", home, "keys", "revoke", key_id)
    assert (revoked.code, "opens nothing any more" in revoked.out) == (0, True)
    (row,) = earmark("--library", home, "keys", "list", "--json").lines
    assert (row["id"], row["name"], row["scopes"]) == (key_id, "phone", ["write"])
    assert row["revoked_at"] >= row["created_at"]
    assert text[-43:].encode() not in (home / "service" / "ledger.sqlite").read_bytes()


def test_keys_in_json_and_beside_an_open_ledger(earmark, home):
    ledger = open_ledger(home, Settings())  # a running service
    made = earmark("--library", home, "keys", "add", "cron", "--json")
    (shape,) = made.lines
    assert (shape["scopes"], shape["expires_at"]) == (["read"], None)
    (kept,) = ledger.keys()
    assert kept.id == key_id_of(shape["key"])
    ledger.close()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["add"], 2, "keys add NAME"),
        (["add", "a", "--scope", "root"], 2, "no scope 'root'"),
        (["revoke"], 2, "keys list"),
        (["revoke", "abc"], 2, "no key 'abc'"),
        (["list", "abc"], 2, "takes no name"),
        (["list", "--days", "3"], 2, "keys add NAME"),
    ],
)
def test_what_makes_no_sense_is_said(home, arguments, code, words):
    from typer.testing import CliRunner

    from earmark.cli.errors import exit_code
    from earmark.cli.main import app

    ran = CliRunner().invoke(app, ["--library", str(home), "keys", *arguments])
    assert exit_code(ran.exception) == code
    assert words in ran.exception.message


def test_the_first_key_makes_the_library_and_nothing_else_does(earmark, tmp_path):
    ran = earmark("--library", tmp_path / "none", "keys", "list")
    assert ran.code == 4
    assert "no library" in ran.err
    assert not (tmp_path / "none").exists()
    assert earmark("--library", tmp_path / "none", "keys", "add", "a").code == 0
    assert len(earmark("--library", tmp_path / "none", "keys", "--json").lines) == 1
