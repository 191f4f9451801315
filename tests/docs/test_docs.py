"""The documentation is checked like code: commands exist, examples run, links lead somewhere."""

from __future__ import annotations

import inspect
import re
import shlex
from dataclasses import fields
from pathlib import Path

import mido
import numpy as np
import pytest
import typer.main

from earmark import Settings, errors
from earmark.cli.errors import exit_code
from earmark.cli.main import app
from earmark.evaluation.hum import hum, made_up_tune, manner_of

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


def test_every_error_stands_in_the_table():
    tree = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__
    ]
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (\d) \|", page("docs/errors.md"), re.M)
    assert sorted(rows) == sorted((k.code, k.__name__, str(exit_code(k("x")))) for k in tree)


def test_every_setting_stands_in_the_table():
    told = dict(re.findall(r"^\| `EARMARK_(\w+)` \| `([^`]+)` \|", page("docs/cli.md"), re.M))
    wanted = {f.name.upper(): f.default for f in fields(Settings)}
    assert told.keys() == wanted.keys()
    for name, default in wanted.items():
        assert type(default)(told[name].strip('"')) == default


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
