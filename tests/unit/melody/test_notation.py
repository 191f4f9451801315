from __future__ import annotations

import builtins
import io
import subprocess
import sys
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark import EarmarkError, ExtraMissingError, NoMelodyError, NotAScoreError, UsageError
from earmark.melody.abc_book import tunes
from earmark.melody.score import pieces, read_score

ABC = """X:1
T:The first
C:Somebody
M:4/4
L:1/4
Q:1/4=60
K:C
|: "C"C D {g}E F | G2 [CEG] c :|
| c2- c2- | c4 |]
"""
BOOK = """% a collection
M:3/4
L:1/4

X:3
T:Three
K:C
CDE|FGA|

This is prose about the next one: X marks nothing.

X:7
T:Sieben
M:4/4
K:G
GABc|d2G2|
"""
KERN = """!!!OTL: A kern tune
!!!COM: Nobody
**kern\t**kern
*M4/4\t*M4/4
*MM120\t*
=1\t=1
1C\t4cc
.\t4dd
.\t4ee
.\t4ff
=2\t=2
1C\t[2gg
.\t2gg]
==\t==
*-\t*-
"""


def test_abc_with_repeats_ties_graces_and_chords():
    found = read_score(ABC.encode(), "a.abc")
    assert (found.title, found.composer) == ("The first", "Somebody")
    once = [60, 62, 64, 65, 67, 67, 72]
    assert found.tune.semitones.tolist() == [*once, *once, 72]
    assert found.tune.onset_s.tolist()[:8] == [0, 1, 2, 3, 4, 6, 7, 8]
    assert found.tune.length_s[-1] == 8.0
    assert found.duration_s == 24.0


def test_without_a_tempo_it_is_120():
    found = read_score(b"X:1\nL:1/4\nK:C\nCDEF|G4|\n", "a.abc")
    assert found.tune.onset_s.tolist() == [0, 0.5, 1, 1.5, 2]


def test_a_book_has_pieces():
    data = BOOK.encode()
    assert pieces(data, "book.abc") == ("3", "7")
    assert pieces(ABC.encode(), "a.abc") == ()
    assert pieces(data, "a.mid") == ()
    assert read_score(data, "book.abc").title == "Three"
    assert read_score(data, "book.abc", "7").title == "Sieben"
    third = read_score(data, "book.abc", 3)
    assert third.tune.semitones.tolist() == [60, 62, 64, 65, 67, 69]
    with pytest.raises(UsageError, match=r"book\.abc has no tune '8'; there are 3, 7"):
        read_score(data, "book.abc", "8")


def test_numbers_that_are_no_good_are_counted():
    assert [t.number for t in tunes("X:1\nK:C\nC\n\nX:1\nK:C\nD\n")] == ["1", "2"]
    assert [t.number for t in tunes("X:\nK:C\nC\n\nX:9\nK:C\nD\n")] == ["1", "2"]
    assert [t.number for t in tunes("no tune at all")] == ["1"]
    common = tunes(BOOK)[1].text
    assert common.startswith("X:7\nM:3/4\nL:1/4\nT:Sieben")
    assert "prose" not in tunes(BOOK)[0].text


def test_kern():
    found = read_score(KERN.encode(), "a.krn")
    assert found.title == "A kern tune"
    assert found.tune.semitones.tolist() == [72, 74, 76, 77, 79]
    assert found.tune.length_s[-1] == 2.0


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A MusicXML file and its compressed twin, by music21's own writer."""
    import warnings

    folder = tmp_path_factory.mktemp("xml")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from music21 import metadata, note, stream, tempo

        score = stream.Score()
        score.insert(0, metadata.Metadata(title="Written", composer="A Composer"))
        bass, lead = stream.Part(), stream.Part()
        bass.partName, lead.partName = "Left", "Right"
        bass.append(tempo.MetronomeMark(number=60))
        for pitch in ("C2", "G2", "C2", "G2"):
            bass.append(note.Note(pitch, quarterLength=4))
        bass.insert(8, tempo.MetronomeMark(number=120))
        for pitch in ("C5", "D5", "E5", "F5", "G5", "A5", "B5", "C6"):
            lead.append(note.Note(pitch, quarterLength=2))
        score.append([bass, lead])
        score.parts[1].recurse().notes[0].addLyric("la")
        score.write("mxl", folder / "a.mxl")  # deletes an a.musicxml beside it
        score.write("musicxml", folder / "a.musicxml")
    return folder


@pytest.mark.parametrize("suffix", ["musicxml", "mxl"])
def test_musicxml(written, suffix):
    found = read_score(written / f"a.{suffix}")
    assert (found.title, found.composer, found.part) == ("Written", "A Composer", "Right")
    assert found.tune.semitones.tolist() == [72, 74, 76, 77, 79, 81, 83, 84]
    assert found.tune.onset_s.tolist() == [0, 2, 4, 6, 8, 9, 10, 11]
    assert read_score(written / f"a.{suffix}", part="left").tune.semitones[0] == 36


def test_musicxml_in_utf_16(written):
    text = (written / "a.musicxml").read_text(encoding="utf-8")
    data = text.replace('encoding="utf-8"', 'encoding="utf-16"').encode("utf-16")
    assert len(read_score(data, "a.musicxml").tune) == 8


def test_what_is_no_score(written):
    whole = (written / "a.musicxml").read_bytes()
    small = (written / "a.mxl").read_bytes()
    with_other_root = io.BytesIO()
    with zipfile.ZipFile(with_other_root, "w") as archive:
        archive.writestr("META-INF/container.xml", '<rootfile full-path="none.xml"/>')
    bad = [
        (whole[: len(whole) // 2], "a.musicxml"),
        (b"<html/>", "a.musicxml"),
        (small[: len(small) // 2], "a.mxl"),
        (whole, "a.mxl"),
        (with_other_root.getvalue(), "a.mxl"),
        (b"plain prose", "a.krn"),
    ]
    for data, name in bad:
        with pytest.raises((NotAScoreError, NoMelodyError), match=name):
            read_score(data, name)
    with pytest.raises((NotAScoreError, NoMelodyError)):
        read_score(b"X:1\nT:Silence\nK:C\nz4|z4|\n", "a.abc")


@settings(max_examples=60, deadline=None)
@given(
    suffix=st.sampled_from([".abc", ".krn", ".musicxml", ".mxl"]),
    data=st.one_of(
        st.binary(max_size=200),
        st.text(max_size=60).map(lambda text: f"X:1\nK:C\n{text}\n".encode()),
        st.integers(0, len(KERN)).map(lambda end: KERN[:end].encode()),
    ),
)
def test_damage_is_told_as_such(suffix, data):
    with suppress(EarmarkError):
        assert len(read_score(data, f"a{suffix}").tune)


def test_without_music21_one_sentence_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *more):
        if name.startswith("music21"):
            raise ModuleNotFoundError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ExtraMissingError, match=r"pip install 'earmark\[scores\]'") as caught:
        read_score(ABC.encode(), "a.abc")
    assert caught.value.code == "extra_missing"


def test_music21_keeps_to_itself(tmp_path):
    program = (
        "import sys; from earmark.melody.score import read_score\n"
        "assert 'music21' not in sys.modules and 'mido' not in sys.modules\n"
        f"assert len(read_score({ABC.encode()!r}, 'a.abc').tune) == 15\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        env={"PYTHONPATH": ":".join(sys.path), "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    assert list(home.iterdir()) == []
