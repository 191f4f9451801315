"""The program that tests run most: what it says is what a start would say, and it always ends."""

from __future__ import annotations

import os
import subprocess
import textwrap
import threading
import time
from pathlib import Path

import pytest
import warm_program
from warm_program import WarmProgram, changes_the_start

STAND_IN = """
    import os, signal, subprocess, sys, time

    what = sys.argv[1]
    print(what, os.getcwd(), os.environ.get("ROOM"), sys.stdin.read(), flush=True)
    if what == "hang":
        time.sleep(60)
    if what == "leave":
        left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print(left.pid, flush=True)
    if what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "soundfile":
        import soundfile
        print(soundfile.__file__)
    sys.exit(3)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("program")
    (folder / "earmark").mkdir()
    (folder / "earmark" / "__init__.py").touch()
    (folder / "earmark" / "__main__.py").write_text(textwrap.dedent(STAND_IN))
    return folder


@pytest.fixture(scope="module")
def warm(folder):
    program = WarmProgram(folder)
    yield program
    program.close()


@pytest.fixture
def run(warm, folder):
    """Run the stand-in; returns its exit code, output and complaints."""

    def ran(*arguments, stdin=b"", path=(), **environment):
        paths = os.pathsep.join(map(str, (*path, folder)))
        env = os.environ | {"PYTHONPATH": paths} | environment
        code, out, err = warm.run([*arguments], folder, env, stdin)
        return code, out.decode(), err.decode()

    if not warm._started:
        ran("say")  # the first run is a start
    return ran


def test_a_forked_run_is_what_a_start_is(run, folder):
    assert run("say", stdin=b"hello", ROOM="1") == (3, f"say {folder} 1 hello\n", "")
    assert run("say") == (3, f"say {folder} None \n", "")  # nothing stays of the run before
    assert run("killed") == (-9, f"killed {folder} None \n", "")


def test_one_that_hangs_ends_and_says_where(run, monkeypatch):
    monkeypatch.setattr(warm_program, "TIMEOUT_S", 1.0)
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        run("hang")
    assert caught.value.output.startswith(b"hang ")
    assert b'earmark/__main__.py", line 7 in <module>' in caught.value.stderr
    assert any("line 7 in" in note for note in caught.value.__notes__)


def test_what_a_program_leaves_behind_with_its_pipes_is_told(run, monkeypatch):
    monkeypatch.setattr(warm_program, "PIPES_S", 0.5)
    begun_s = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        run("leave")
    os.kill(int(caught.value.output.split()[-1]), 9)
    assert b"holds its pipes" in caught.value.stderr
    assert time.monotonic() - begun_s < 30


def test_a_warm_process_that_died_is_told_and_followed_by_another(run, warm):
    run("say")
    warm._process.kill()
    warm._process.wait()
    with pytest.raises(RuntimeError, match="the warm program"):
        run("say")
    assert run("say")[0] == 3


def test_nothing_stays_open(run):
    run("say")
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(3):
        run("say")
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_several_at_once_get_their_own_answers(run):
    answers = {}

    def ask(name):
        answers[name] = run("say", stdin=name.encode() * 50_000)[1].split()[-1]

    threads = [threading.Thread(target=ask, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {name: name * 50_000 for name in "abc"}


def test_a_module_that_stands_in_for_an_imported_one_is_used(run, tmp_path):
    (tmp_path / "soundfile.py").touch()
    assert str(tmp_path / "soundfile.py") in run("soundfile", path=[tmp_path])[1]


def test_what_is_looked_at_only_when_python_starts(tmp_path):
    there = {"LANG": "C", "PYTHONPATH": "x", "HOME": "h"}
    assert not changes_the_start(there | {"PYTHONPATH": "y", "HOME": "i", "MORE": "1"}, there)
    for name in ("LANG", "LC_ALL", "TZ", "PYTHONHASHSEED", "OMP_NUM_THREADS", "NO_COLOR"):
        assert changes_the_start(there | {name: "2"}, there), name
    (tmp_path / "sitecustomize.py").touch()
    assert changes_the_start(there | {"PYTHONPATH": str(tmp_path)}, there)
