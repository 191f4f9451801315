from __future__ import annotations

import pytest

from earmark import Settings, UsageError, load_settings
from earmark.config import load_serve_settings


def test_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_settings({}) == Settings()
    assert Settings(workers=3).worker_count == 3
    assert Settings().worker_count >= 1


def test_flags_over_environment_over_file_over_defaults(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text('library = "from file"\nworkers = 2\nlock_wait_s = 1.5\n')
    environment = {"EARMARK_CONFIG": str(file), "EARMARK_WORKERS": "3", "EARMARK_LIBRARY": "env"}
    settings = load_settings(environment, library="flag")
    assert (settings.library, settings.workers, settings.lock_wait_s) == ("flag", 3, 1.5)
    assert load_settings(environment, library=None).library == "env"


def test_the_file_of_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "earmark.toml").write_text('library = "here"')
    assert load_settings({}).library == "here"


@pytest.mark.parametrize(
    ("text", "environment", "flags", "message"),
    [
        ("colour = 1", {}, {}, "unknown setting 'colour' in the TOML file"),
        ("workers = [", {}, {}, "not valid TOML"),
        ("", {"EARMARK_WORKERS": "many"}, {}, "wants int, got 'many' from EARMARK_WORKERS"),
        ("", {}, {"lock_wait_s": "long"}, "from --lock-wait-s"),
    ],
)
def test_mistakes_name_their_place(tmp_path, text, environment, flags, message):
    file = tmp_path / "my.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        load_settings({"EARMARK_CONFIG": str(file), **environment}, **flags)


def test_a_named_file_must_be_there(tmp_path):
    with pytest.raises(UsageError, match="EARMARK_CONFIG"):
        load_settings({"EARMARK_CONFIG": str(tmp_path / "none.toml")})


PROFILES = """
library = "top"
workers = 2

[profiles.big]
library = "redis://db:6379/0?ns=music"
vectors = "http://milvus:19530"

[profiles.odd]
colour = "red"

[serve]
port = 1234
"""


def test_a_profile_goes_over_the_top_of_the_file_and_under_the_rest(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text(PROFILES)
    environment = {"EARMARK_CONFIG": str(file)}
    assert load_settings(environment).library == "top"
    big = load_settings(environment, profile="big")
    assert (big.library, big.vectors) == ("redis://db:6379/0?ns=music", "http://milvus:19530")
    assert big.workers == 2
    named = environment | {"EARMARK_PROFILE": "big"}
    assert load_settings(named) == big
    assert load_settings(named, profile=None) == big
    assert load_settings(named | {"EARMARK_LIBRARY": "env"}).library == "env"
    assert load_settings(named, library="flag").library == "flag"
    assert load_serve_settings(named).port == 1234


def test_a_profile_that_is_none(tmp_path, monkeypatch):
    file = tmp_path / "my.toml"
    file.write_text(PROFILES)
    environment = {"EARMARK_CONFIG": str(file)}
    with pytest.raises(UsageError, match=r"no profile 'small' in the TOML file.*: big, odd"):
        load_settings(environment, profile="small")
    with pytest.raises(UsageError, match="unknown setting 'colour' in the TOML file"):
        load_settings(environment, profile="odd")
    file.write_text("profiles = 3")
    with pytest.raises(UsageError, match="no profile 'big'"):
        load_settings(environment, profile="big")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="there are: none"):
        load_settings({"EARMARK_PROFILE": "big"})


def test_the_passwords_of_a_library_are_not_shown():
    settings = Settings(library="redis://:hush@db", redis_password="hush", milvus_token="hush")
    assert "hush" not in repr(settings)


def test_the_program_takes_a_profile(earmark, tmp_path):
    (tmp_path / "earmark.toml").write_text('[profiles.here]\nlibrary = "nothing here"\n')
    told = earmark("--profile", "here", "stats")
    assert (told.code, "nothing here" in told.err) == (4, True)
    assert "nothing here" in earmark("stats", EARMARK_PROFILE="here").err
    wrong = earmark("--profile", "there", "stats")
    assert (wrong.code, "no profile 'there'" in wrong.err) == (2, True)
