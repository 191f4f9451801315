"""Both clients are the same client, and much like a library."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from earmark import Library
from earmark.client import AsyncClient, Client


def public(kind):
    return {
        name: value
        for base in reversed(kind.__mro__)
        for name, value in vars(base).items()
        if not name.startswith("_") and callable(value)
    }


def test_both_clients_have_the_same_methods_with_the_same_arguments():
    waiting, awaited = public(Client), public(AsyncClient)
    assert waiting.keys() == awaited.keys()
    for name in waiting:
        ours, theirs = (inspect.signature(kind[name]).parameters for kind in (waiting, awaited))
        assert list(ours) == list(theirs), name
        assert [p.default for p in ours.values()] == [p.default for p in theirs.values()], name
        assert waiting[name].__doc__
        assert awaited[name].__doc__


@pytest.mark.parametrize(
    "name",
    ["identify", "similar", "duplicates", "get", "update", "attach", "detach", "engines", "switch"],
)
def test_the_arguments_are_those_of_the_library(name):
    here = inspect.signature(getattr(Client, name)).parameters.values()
    wanted = inspect.signature(getattr(Library, name)).parameters
    ours = {p.name: (p.kind, p.default) for p in here}
    for parameter in list(wanted.values())[1:]:
        if parameter.name == "stop":
            continue  # an event of this process; a client that leaves is noticed by the service
        assert ours[parameter.name] == (parameter.kind, parameter.default)


def test_nothing_is_imported_before_it_is_asked_for():
    for program, absent in [
        ("import earmark.library", "earmark.client httpx websockets"),
        ("import earmark.client", "httpx websockets fastapi av soundfile sqlite3"),
    ]:
        check = f"import sys; {program}; assert not set({absent.split()!r}) & sys.modules.keys()"
        subprocess.run(
            [sys.executable, "-c", check], check=True, env={"PYTHONPATH": ":".join(sys.path)}
        )


def test_pages_follow_one_another(stage, ask, track):
    stage.says(200, {"tracks": [track, track], "next": "t2", "total": 3})
    stage.says(200, {"tracks": [track], "next": None, "total": 3})
    assert len(ask(stage.url, "tracks", "ada & co", page_size=2)) == 3
    assert [asked.target for asked in stage.asked] == [
        "/v1/tracks?text=ada+%26+co&limit=2",
        "/v1/tracks?text=ada+%26+co&after=t2&limit=2",
    ]


def test_pages_that_go_round_in_circles_end(stage, ask, track):
    stage.says(200, {"tracks": [track], "next": "t1", "total": 1})
    assert len(ask(stage.url, "tracks")) == 2


def test_only_news_is_sent(stage, ask, track):
    stage.says(304).says(200, track, ETag='"new"')
    assert ask(stage.url, "get_if_changed", "t1", '"old"') is None
    assert stage.asked[0].headers["if-none-match"] == '"old"'
    assert ask(stage.url, "get_if_changed", "t1", '"old"').etag == '"new"'


def test_waiting_for_a_job(stage, ask, job):
    from earmark.errors import TimedOutError

    stage.says(200, job | {"state": "running"})
    with pytest.raises(TimedOutError, match=r"j1 is still running after 0\.1 s"):
        ask(stage.url, "wait", "j1", 0.1)
    stage.says(200, job)
    stage.script[:-1] = []
    assert ask(stage.url, "wait", "j1", 0.1).report.failed[0].code == "not_audio"


def test_not_ready_is_an_answer(stage, ask):
    stage.says(503, {"status": "not_ready", "checks": {"disk": "1 MB left"}})
    readiness = ask(stage.url, "ready", retries=2)
    assert not readiness.ready
    assert readiness.checks == {"disk": "1 MB left"}
    assert len(stage.asked) == 1
    assert ask(stage.url, "healthy") is False
