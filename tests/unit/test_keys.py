from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from earmark.errors import UsageError
from earmark.keys import DAY_S, SCOPES, includes, is_expired, key_id_of, make_key, matches

NOW = 1_000_000.0


def test_a_key_is_its_id_and_a_secret_of_which_the_digest_is_kept():
    record, text = make_key(" Ann ", ["write", "read"], 2, NOW)
    assert (record.name, record.scopes, record.created_at) == ("Ann", ("read", "write"), NOW)
    assert (record.expires_at, record.revoked_at) == (NOW + 2 * DAY_S, None)
    start, secret = text[: len("ek_") + 11], text[len("ek_") + 11 :]
    assert start == f"ek_{record.id}_"
    assert len(secret) == 43  # 256 bits
    assert record.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in repr(record)


def test_no_two_keys_are_alike():
    made = [make_key("a", ["read"], None, NOW) for _ in range(200)]
    assert len({record.id for record, _ in made}) == len({text for _, text in made}) == 200
    assert all(key_id_of(text) == record.id for record, text in made)


def test_only_the_very_key_matches():
    record, text = make_key("a", ["read"], None, NOW)
    assert matches(record, text, NOW)
    other = "A" if text[-1] != "A" else "B"
    wrong = [text[:-1] + other, text + "A", text[:-1], f" {text}", f"{text}\n", "", "ek__"]
    assert not any(matches(record, said, NOW) for said in wrong)
    second, its_text = make_key("a", ["read"], None, NOW)
    assert not matches(record, its_text, NOW)
    assert not matches(replace(second, digest=record.digest), text, NOW)


def test_a_key_ends_by_time_or_by_hand():
    record, text = make_key("a", ["read"], 1, NOW)
    assert matches(record, text, NOW + DAY_S - 1)
    assert not matches(record, text, NOW + DAY_S)
    assert is_expired(record, NOW + DAY_S)
    assert not matches(replace(record, revoked_at=NOW), text, NOW)


@pytest.mark.parametrize("text", ["", "ek_", "Bearer x", "ek_ABCDEFGHIJ_" + 43 * "x", "ek_é" * 9])
def test_what_is_no_key_has_no_id(text):
    assert key_id_of(text) is None


def test_scopes_imply_lower_ones():
    allowed = {(held, wanted) for held in SCOPES for wanted in SCOPES if includes([held], wanted)}
    assert allowed == {
        ("read", "read"),
        ("write", "read"),
        ("write", "write"),
        ("admin", "read"),
        ("admin", "write"),
        ("admin", "admin"),
    }
    assert not includes(["root"], "read")


@pytest.mark.parametrize(
    ("name", "scopes", "days", "words"),
    [
        ("", ["read"], None, "1 to 100 printable"),
        ("x" * 101, ["read"], None, "1 to 100 printable"),
        ("a\nb", ["read"], None, "printable"),
        ("a", [], None, "read, write, admin"),
        ("a", ["root"], None, "no scope 'root'"),
        ("a", ["read"], 0, "more than 0"),
        ("a", ["read"], float("nan"), "nan"),
        ("a", ["read"], 1e9, "at most 36500"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(name, scopes, days, words):
    with pytest.raises(UsageError, match=words):
        make_key(name, scopes, days, NOW)
