"""`earmark models`: the list, and weights from a real server of this machine."""

from __future__ import annotations

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

NAMES = ["builtin", "mn04", "mn10", "panns-cnn14", "panns-cnn14-16k", "yamnet"]
DATA = b"weights of a model " * 5000
PLUGIN = f'''
from earmark.sound.model import ModelInfo

class Plugin:
    info = ModelInfo(name="loud", summary="how loud it is", dimension=2, rate_hz=8000,
                     window_s=1.0, licence="CC0", credit="nobody", front_end="1", rank=99,
                     sha256="{hashlib.sha256(DATA).hexdigest()}", size_bytes={len(DATA)},
                     source="http://127.0.0.1:9/loud.bin", file_name="loud.bin")

    def open(self, weights):
        raise NotImplementedError

loud = Plugin()
'''


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(tmp_path):
    """A mirror that serves the folder ``mirror``; yields its address."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "loud.bin").write_bytes(DATA)
    (folder / "mn04_as_mAP_432.pt").write_bytes(b"not mn04")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def models(earmark, tmp_path, monkeypatch):
    """Run `earmark models` on a machine that has the plug-in model ``loud`` and no weights."""
    monkeypatch.delenv("EARMARK_MODELS", raising=False)
    site = tmp_path / "site"
    folder = site / "loud-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[earmark.models]\nloud = loud_model:loud\n")
    (site / "loud_model.py").write_text(PLUGIN)
    cache = str(tmp_path / "cache")

    def ran(*arguments, **more):
        return earmark("models", *arguments, path=[site], XDG_CACHE_HOME=cache, **more)

    return ran


def test_the_list_tells_what_is_here_and_what_auto_takes(models):
    ran = models("list", "--json")
    assert (ran.code, ran.err) == (0, "")
    rows = {row["name"]: row for row in ran.lines}
    assert list(rows) == [*NAMES, "loud"]
    assert [name for name, row in rows.items() if row["here"]] == ["builtin"]
    assert [name for name, row in rows.items() if row["auto"]] == ["builtin"]
    assert rows["mn04"]["dimension"] == 384
    assert rows["panns-cnn14"]["licence"] == "CC-BY-4.0"
    assert rows["builtin"]["source"] is None
    people = models()
    assert people.code == 0
    assert "yes, auto" in people.out
    assert "MIT" in people.out


def test_weights_are_fetched_from_a_mirror_once(models, mirror, tmp_path):
    ran = models("fetch", "loud", "--json", EARMARK_MODELS_MIRROR=mirror)
    assert (ran.code, ran.err) == (0, "")
    path = tmp_path / "cache" / "earmark" / "models" / "loud.bin"
    assert ran.lines == [
        {
            "name": "loud",
            "path": str(path),
            "size_bytes": len(DATA),
            "sha256": hashlib.sha256(DATA).hexdigest(),
        }
    ]
    assert path.read_bytes() == DATA
    again = models("fetch", "loud")
    assert (again.code, again.out) == (0, f"loud is here: {path} (95.0 kB)\n")
    assert [row["name"] for row in models("list", "--json").lines if row["auto"]] == ["loud"]


def test_weights_are_taken_from_a_file_that_is_the_right_one(models, tmp_path):
    right, wrong = tmp_path / "right.bin", tmp_path / "wrong.bin"
    right.write_bytes(DATA)
    wrong.write_bytes(DATA[:-1])
    path = tmp_path / "cache" / "earmark" / "models" / "loud.bin"
    refused = models("fetch", "loud", "--weights", wrong)
    assert refused.code == 3
    assert "sha256" in refused.err
    assert not path.exists()
    assert models("fetch", "loud", "--weights", right).code == 0
    assert path.read_bytes() == DATA
    assert list(path.parent.iterdir()) == [path]
    for arguments in (("list", "--weights", right), ("fetch", "builtin", "--weights", right)):
        assert models(*arguments).code == 2
    assert models("fetch", "loud", "--weights", tmp_path / "none").code == 4


def test_another_file_is_told(models, mirror, tmp_path):
    ran = models("fetch", "mn04", EARMARK_MODELS_MIRROR=mirror)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.count("\n") == 1
    assert ran.err.startswith(f"earmark: {mirror}/mn04_as_mAP_432.pt ")


def test_a_file_that_the_mirror_lacks_is_told(models, mirror):
    ran = models("fetch", "mn10", EARMARK_MODELS_MIRROR=mirror)
    assert (ran.code, ran.out) == (4, "")
    assert "mn10_as_mAP_471.pt answered 404 Not Found" in ran.err
    assert "EARMARK_MODELS" in ran.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fetch"], "which model is to be fetched?"),
        (["fetch", "nope"], "no sound model is called 'nope'; there are builtin, mn04"),
        (["fetch", "builtin"], "nothing to fetch"),
        (["list", "mn04"], "takes no name"),
    ],
)
def test_what_makes_no_sense_is_usage(models, arguments, sentence):
    ran = models(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err
    assert ran.err.count("\n") == 1


def test_a_mirror_that_is_no_address(models):
    ran = models("fetch", "mn04", EARMARK_MODELS_MIRROR="ftp://x")
    assert ran.code == 2
    assert "EARMARK_MODELS_MIRROR" in ran.err
