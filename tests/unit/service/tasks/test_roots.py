"""What requests may name of the service's machine."""

from __future__ import annotations

import os

import pytest

from earmark.errors import ForbiddenError, InvalidRequestError, UsageError
from earmark.service.tasks.roots import resolved, unfolded

ENDINGS = frozenset({".wav", ".mid"})


@pytest.fixture
def music(tmp_path):
    """A root with files, a secret outside, and links of every kind between them."""
    music, secret = tmp_path / "music", tmp_path / "secret"
    for path in ("a.wav", "b/c.wav", "b/d.MID", "b/text.txt", ".hidden.wav", ".git/e.wav"):
        (music / path).parent.mkdir(parents=True, exist_ok=True)
        (music / path).touch()
    secret.mkdir()
    (secret / "key.wav").touch()
    (music / "list.m3u").write_text(f"{secret}/key.wav\nhttp://127.0.0.1/x\nlist.m3u\n")
    (music / "out").symlink_to(secret)
    (music / "out.wav").symlink_to(secret / "key.wav")
    (music / "list.wav").symlink_to(music / "list.m3u")
    (music / "b" / "up").symlink_to(music)
    (music / "twin.wav").symlink_to(music / "a.wav")
    return music


def names(found, music):
    return [os.path.relpath(path, music) for path in found.files]


def test_a_folder_gives_its_files_once_and_nothing_that_lies_outside(music):
    found = unfolded([str(music)], [music], ENDINGS)
    assert names(found, music) == ["a.wav", "b/c.wav", "b/d.MID"]
    told = {os.path.relpath(failure.input, music): failure for failure in found.failed}
    assert sorted(told) == ["list.wav", "out", "out.wav"]
    assert {failure.code for failure in found.failed} == {"forbidden"}
    assert "playlist" in told["list.wav"].message
    assert "outside" in told["out"].message


def test_a_link_to_another_root_is_followed(music):
    secret = music.parent / "secret"
    found = unfolded([str(music)], [music, secret], ENDINGS)
    assert str(secret / "key.wav") in found.files
    assert [failure.code for failure in found.failed] == ["forbidden"]  # the playlist


def test_what_is_named_is_taken_whatever_its_ending(music):
    found = unfolded([str(music / "b" / "text.txt"), str(music / "gone.wav")], [music], ENDINGS)
    assert names(found, music) == ["b/text.txt"]
    assert [(failure.code, failure.input) for failure in found.failed] == [
        ("not_found", str(music / "gone.wav"))
    ]


def test_no_pattern_is_unfolded(music):
    found = unfolded([str(music / "*.wav"), str(music / "**")], [music], ENDINGS)
    assert found.files == []
    assert [failure.code for failure in found.failed] == ["not_found", "not_found"]


@pytest.mark.parametrize("name", ["secret/key.wav", "music/../secret/key.wav", "music/out.wav"])
def test_what_lies_outside_is_forbidden_there_or_not(music, name):
    for path in (music.parent / name, music.parent / name.replace("key", "none")):
        if path.name == "none.wav" or "out" not in path.name:
            with pytest.raises(ForbiddenError, match="outside"):
                resolved(str(path), [music])
    with pytest.raises(ForbiddenError, match="outside"):
        resolved(str(music.parent / name), [music])


def test_a_name_that_only_begins_like_a_root_is_outside(music):
    (music.parent / "music2").mkdir()
    with pytest.raises(ForbiddenError):
        resolved(str(music.parent / "music2"), [music])


@pytest.mark.parametrize("name", ["a.wav", "", "~/a.wav", "/a\0b", "/" + "a" * 5000, "file:///a"])
def test_only_absolute_paths_are_names(music, name):
    with pytest.raises(InvalidRequestError, match="absolute path"):
        resolved(name, [music])


@pytest.mark.parametrize("name", ["list.m3u", "list.wav"])
def test_playlists_are_refused_also_behind_links(music, name):
    with pytest.raises(InvalidRequestError, match="playlist"):
        resolved(str(music / name), [music])


def test_without_roots_nothing_may_be_named(music):
    with pytest.raises(ForbiddenError, match="EARMARK_SERVE_ROOTS"):
        resolved(str(music / "a.wav"), [])


def test_a_folder_that_is_too_large_is_refused(music):
    with pytest.raises(UsageError, match="too many entries"):
        unfolded([str(music)], [music], ENDINGS, most=5)


def test_an_empty_folder_and_a_pipe_are_told(music):
    (music / "empty").mkdir()
    os.mkfifo(music / "pipe.wav")
    found = unfolded([str(music / "empty"), str(music / "pipe.wav")], [music], ENDINGS)
    assert [failure.code for failure in found.failed] == ["not_audio", "unreadable"]


def test_a_name_too_long_for_the_file_system_is_told(music):
    found = unfolded([str(music / ("a" * 300))], [music], ENDINGS)
    (failure,) = found.failed
    assert failure.code in {"unreadable", "not_found"}


def test_a_folder_whose_name_is_no_text_can_be_told(music):
    (music / os.fsdecode(b"\xff")).symlink_to(music.parent / "secret")
    found = unfolded([str(music)], [music], ENDINGS)
    "".join(failure.input + failure.message for failure in found.failed).encode()
