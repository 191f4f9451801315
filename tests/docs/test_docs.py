"""The documentation is checked like code: commands exist, examples run, links lead somewhere."""

from __future__ import annotations

import doctest
import inspect
import re
import shlex
from dataclasses import fields
from pathlib import Path

import mido
import numpy as np
import pytest
import typer.main

from earmark import Library, Settings, errors
from earmark.bootstrap import open_ledger
from earmark.cli.errors import exit_code
from earmark.cli.main import app
from earmark.config import ServeSettings, load_serve_settings
from earmark.evaluation.hum import hum, made_up_tune, manner_of
from earmark.service.answering.problems import status_of
from earmark.service.app import create_app

ROOT = Path(__file__).parents[2]
RATE_HZ = 16_000
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PROGRAM = typer.main.get_command(app)
GLOBAL = {option for param in PROGRAM.params for option in param.opts} | {"--help"}
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def commands(text: str) -> list[str]:
    """Every `earmark ...` in code: lines of blocks that begin with it, and spans in prose."""
    found = []
    for language, body in FENCE.findall(text):
        if language != "python":
            start = r"\$ " if language == "console" else ""
            found += re.findall(rf"^{start}(earmark [^\n#]+)", body, re.MULTILINE)
    prose = FENCE.sub("", text)
    return found + re.findall(r"`(earmark [^`]+)`", prose)


def words(command: str) -> list[str]:
    """The words after the program's name, without the brackets of a synopsis."""
    return [word.strip("[]") for word in shlex.split(command)[1:]]


def split_command(command: str) -> tuple[str | None, list[str]]:
    """Return the subcommand, and every option that is named."""
    said = words(command)
    options = [word.partition("=")[0] for word in said if word.startswith("--")]
    while said and said[0].startswith("--"):
        said = said[1 if said[0] in {"--version", "--help"} else 2 :]
    return (said[0] if said else None), options


CALLS = [(name_of(path), call) for path in PAGES for call in commands(path.read_text("utf-8"))]


@pytest.mark.parametrize(("where", "command"), CALLS, ids=[f"{p}: {c}" for p, c in CALLS])
def test_commands_in_the_docs_exist_with_their_options(where, command):
    name, options = split_command(command)
    if name is None or name.isupper():
        assert set(options) <= GLOBAL
        return
    assert name in PROGRAM.commands, f"{where} names the command {name!r}"
    known = {option for param in PROGRAM.commands[name].params for option in param.opts} | GLOBAL
    assert set(options) <= known, f"{where} names options of {name!r} that are not there"


def test_commands_are_found_at_all():
    assert len(CALLS) > 30
    assert split_command("earmark --library second import FILE [--json]") == (
        "import",
        ["--library", "--json"],
    )


def options_of(name: str) -> set[str]:
    params = PROGRAM.commands[name].params
    return {option for param in params for option in param.opts if option.startswith("--")}


@pytest.mark.parametrize("name", PROGRAM.commands)
def test_every_command_is_described_with_every_option(name):
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page("docs/cli.md"), re.M | re.S))
    assert name in sections, f"docs/cli.md has no section {name!r}"
    shared = {"--library", "--help"}  # told once, at the top of the page
    calls = [split_command(call) for call in commands(sections[name])]
    told = max((set(own) - shared for called, own in calls if called == name), key=len)
    assert told == options_of(name) - shared
    assert "```console" in sections[name]


def tree() -> list[type[errors.EarmarkError]]:
    found = inspect.getmembers(errors, inspect.isclass)
    return [kind for _, kind in found if kind.__module__ == errors.__name__]


def test_every_error_stands_in_the_table():
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (\d) \| (\d{3}) \|", page("docs/errors.md"), re.M)
    assert sorted(rows) == sorted(
        (k.code, k.__name__, str(exit_code(k("x"))), str(status_of(k("x")))) for k in tree()
    )


def test_every_status_stands_in_the_table_with_its_codes():
    rows = re.findall(r"^\| (\d{3}) \| [^|]+ \| ([^|]+) \|", page("docs/service.md"), re.M)
    told = {
        (int(status), code) for status, codes in rows for code in codes.replace("`", "").split()
    }
    # The one status that depends on more than the error: a body that came too slowly.
    wanted = {(status_of(kind("x")), kind.code) for kind in tree()} | {(408, "timed_out")}
    assert told == wanted


def test_every_setting_of_the_service_stands_in_the_table():
    rows = re.findall(r"^\| `(EARMARK_SERVE_\w+)` \| `([^`]+)` \|", page("docs/service.md"), re.M)
    assert [name for name, _ in rows] == [
        f"EARMARK_SERVE_{f.name.upper()}" for f in fields(ServeSettings)
    ]
    told = {name: value.strip('"') for name, value in rows}
    assert load_serve_settings(told | {"EARMARK_CONFIG": ""}) == ServeSettings()
    for name, value in told.items():
        default = getattr(ServeSettings(), name.removeprefix("EARMARK_SERVE_").lower())
        assert value == (str(default).lower() if isinstance(default, bool) else str(default))


def test_every_route_stands_in_the_table(tmp_path):
    settings = Settings(library=str(tmp_path / "library"))
    with Library.open(create=True, settings=settings) as library:
        ledger = open_ledger(settings.library, settings)
        options = ServeSettings(compat=True)
        service = create_app(library, ledger, options=options, settings=settings)
        schema = service.openapi()
        ledger.close()
    there = {
        (method.upper(), re.sub(r"\{\w+\}", "{id}", path))
        for path, methods in schema["paths"].items()
        for method in methods
    }
    rows = re.findall(r"^\| `([A-Z]+) (/\S*)` \| [\w-]+ \|", page("docs/service.md"), re.M)
    unlisted = {("WS", "/v1/listen"), ("GET", "/"), ("GET", "/docs")}  # of no schema
    assert set(rows) - unlisted == {pair for pair in there if pair[0] != "HEAD"}


def test_every_setting_stands_in_the_table():
    told = dict(re.findall(r"^\| `EARMARK_(\w+)` \| `([^`]+)` \|", page("docs/cli.md"), re.M))
    wanted = {f.name.upper(): f.default for f in fields(Settings)}
    assert told.keys() == wanted.keys()
    for name, default in wanted.items():
        value = told[name].strip('"')
        read = value == "True" if isinstance(default, bool) else type(default)(value)
        assert read == default


@pytest.mark.parametrize("name", ["README.md", "docs/python.md"])
def test_python_examples_run(name, tmp_path, monkeypatch, write, song, capsys):
    for seed in (1, 2):
        write(f"music/song {seed}.wav", seed)
    write("clip.wav", song(2)[3 * RATE_HZ : 8 * RATE_HZ])
    monkeypatch.chdir(tmp_path)
    blocks = [body for language, body in FENCE.findall(page(name)) if language == "python"]
    assert blocks
    namespace: dict[str, object] = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{name}, example {number + 1}", "exec"), namespace)
    said = capsys.readouterr().out
    assert "song 2" in said
    assert "confidence" in said


def write_midi(path, tune) -> None:
    """A tune as a MIDI file of one track, at 960 ticks a second."""
    track = mido.MidiTrack()
    for length_s, pitch in zip(tune.length_s, tune.semitones, strict=True):
        track.append(mido.Message("note_on", note=int(pitch), time=0))
        track.append(mido.Message("note_off", note=int(pitch), time=round(960 * length_s)))
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(track)
    file.save(path)


def test_melody_examples_run(tmp_path, monkeypatch, write, song, capsys):
    rng = np.random.default_rng(5)
    (tmp_path / "tunes").mkdir()
    write("music/song 1.wav", 1)
    for path, hummed in (("tunes/1.mid", "hum"), ("tunes/2.mid", ""), ("song.mid", "hum of song")):
        tune = made_up_tune(rng)
        write_midi(tmp_path / path, tune)
        if hummed:
            write(f"{hummed}.wav", hum(tune, manner_of("hum", tune, rng), rng))
    monkeypatch.chdir(tmp_path)
    blocks = [
        body for language, body in FENCE.findall(page("docs/melody.md")) if language == "python"
    ]
    namespace: dict[str, object] = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"docs/melody.md, example {number + 1}", "exec"), namespace)
    assert capsys.readouterr().out.startswith("1 ")
    assert (tmp_path / "hum.png").stat().st_size > 1000


def test_monitoring_examples_run(tmp_path, monkeypatch, write, music, capsys):
    """A scan, a watch of the same file, the check of a signature; then doubles and a comparison."""
    write("music/song 1.wav", music(1, 20.0))
    write("music/song 2.wav", music(2, 20.0))
    write("music/again.flac", 0.5 * music(1, 20.0))
    write("clip.wav", music(1, 20.0)[3 * RATE_HZ :])
    quiet = np.zeros(4 * RATE_HZ, np.float32)
    write("morning.flac", np.concatenate([quiet, music(2, 20.0), quiet]))
    monkeypatch.chdir(tmp_path)
    with Library.open("earmark-library", create=True) as library:
        library.switch("sound", False)
        library.add("music")
    for name in ("docs/monitoring.md", "docs/twins.md"):
        for number, block in enumerate(
            body for language, body in FENCE.findall(page(name)) if language == "python"
        ):
            if block.startswith(">>> "):
                flags = doctest.REPORT_ONLY_FIRST_FAILURE
                examples = doctest.DocTestParser().get_doctest(block, {}, name, name, 0)
                assert doctest.DocTestRunner(optionflags=flags).run(examples) == (0, 7)
            else:
                exec(compile(block, f"{name}, example {number + 1}", "exec"), {})
    scanned, watched, *twins = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"4\.\d 2[34]\.\d song 2", scanned)
    assert watched.endswith(" song 2")
    assert twins[0].startswith("recording ")
    assert twins[-1].startswith("the same recording")
    assert "song 2" in (tmp_path / "morning.srt").read_text()
    assert (tmp_path / "both.png").stat().st_size > 1000


def test_model_examples_run(monkeypatch, tmp_path, capsys):
    for name in ("EARMARK_WEIGHTS", "EARMARK_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    blocks = [
        body for language, body in FENCE.findall(page("docs/models.md")) if language == "python"
    ]
    namespace: dict[str, object] = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"docs/models.md, example {number + 1}", "exec"), namespace)
    builtin, heard, own = capsys.readouterr().out.splitlines()
    assert builtin == "builtin"
    assert heard.startswith("(384,) ")
    assert own == "(8,)"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_resolve(path):
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        file, _, anchor = target.partition("#")
        found = path if not file else path.parent / file
        assert found.exists(), f"{name_of(path)} links to {target}"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in heads}


def test_every_decision_is_listed():
    decisions = {path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md")}
    assert decisions == set(re.findall(r"\]\((\d{4}-[^)]+)\)", page("docs/adr/README.md")))


def test_every_room_is_in_the_architecture():
    source = ROOT / "src/earmark"
    rooms = {f"{p.name}/" for p in source.iterdir() if (p / "__init__.py").is_file()}
    rooms |= {p.name for p in source.glob("*.py") if not p.name.startswith("__")}
    missing = {room for room in rooms if f"`{room}`" not in page("ARCHITECTURE.md")}
    assert not missing


def test_make_targets_in_the_docs_exist():
    targets = set(re.findall(r"^(\w+):", page("Makefile"), re.M))
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        named = set(re.findall(r"(?:^|`)make (\w+)", text, re.M))
        assert named <= targets, name_of(path)


def test_no_path_of_a_developer_s_machine():
    for path in PAGES:
        assert not re.search(r"/(root|work|tmp)/", path.read_text(encoding="utf-8")), name_of(path)
