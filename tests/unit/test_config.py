from __future__ import annotations

import pytest

from earmark import Settings, UsageError, load_settings


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
