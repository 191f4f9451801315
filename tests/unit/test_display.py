from __future__ import annotations

import base64
import io
import re
import wave
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from earmark import Answer, Considered, Evidence, Library, Match, QueryFacts, Segment, Span, Track
from earmark.display import LONGEST_S, PLAYERS, RATE_HZ, ROWS
from earmark.types import Kind

FACTS = QueryFacts(6.0, -23.1, clipped=False)
EVIL = "<script>alert('x')</script>"
VOID = {"br"}


class Page(HTMLParser):
    """Checks that tags nest, and keeps what a reader would meet."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.words = ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)

    @property
    def players(self) -> list[dict]:
        return [attrs for tag, attrs in self.tags if tag == "audio"]


def page(shown: Answer | Match) -> Page:
    return Page(shown._repr_html_())


def played(player: dict) -> np.ndarray:
    """The samples that a player holds, in [-1, 1]."""
    head, data = player["src"].split(",")
    assert head == "data:audio/wav;base64"
    with wave.open(io.BytesIO(base64.b64decode(data))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE_HZ)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767.0


def match_of(source="nowhere.wav", kind: Kind = "recording", title="", start_s=2.0, **figures):
    track = Track("id1", str(source), "c" * 64, 30.0, 7, title=title)
    segment = Segment(Span(0.0, 3.0), Span(start_s, start_s + 3.0))
    return Match(kind, track, 0.97, 41.2, (segment,), 1.0, 0.0, Evidence(figures))


def answer_of(*matches: Match, **fields) -> Answer:
    return replace(Answer("clip.wav", "match", matches, FACTS), **fields)


def test_a_match_is_played_where_it_was_found(write, song):
    path = write("a song.wav", song(1))
    [player] = page(answer_of(match_of(path))).players
    assert player["aria-label"] == "a song, 0:02.0 to 0:05.0"
    assert "controls" in player
    np.testing.assert_allclose(played(player), song(1)[2 * RATE_HZ : 5 * RATE_HZ], atol=1e-3)


def test_the_query_is_played_too_from_where_it_matched(write, song):
    path = write("clip.wav", song(1)[: 3 * RATE_HZ])
    shown = page(answer_of(match_of(), input=str(path), query=replace(FACTS, duration_s=3.0)))
    [player] = shown.players
    assert len(played(player)) == 3 * RATE_HZ

    long = write("long.wav", np.tile(song(1), 2))
    at_20 = replace(match_of(), segments=(Segment(Span(20.0, 24.0), Span(2.0, 6.0)),))
    facts = replace(FACTS, duration_s=60.0)
    [player] = page(answer_of(at_20, input=str(long), query=facts)).players
    assert player["aria-label"] == "the query, 0:20.0 to 0:24.0"


def test_a_player_is_bounded(write, song):
    path = write("long.wav", np.tile(song(1), 3))
    whole = replace(match_of(path), segments=(Segment(Span(0, 60), Span(0, 60)),))
    assert len(played(page(whole).players[0])) == LONGEST_S * RATE_HZ


def test_the_table_can_be_read_aloud_and_says_everything():
    labels = {"Dog": 0.93, "Bark": 0.5}
    sound = replace(
        match_of(kind="sound", title="T", similarity=0.75),
        confidence=0.4,
        evidence=Evidence({"similarity": 0.75}, labels=labels),
    )
    tune = replace(
        match_of(kind="melody", title="U", written=1), time_ratio=1.15, pitch_shift_semitones=-13.4
    )
    asked = (Considered("recording", skipped="switched off"), Considered("sound", note="2 matches"))
    shown = page(answer_of(sound, tune, considered=asked, warnings=("cut short",)))
    assert shown.count("table") == shown.count("caption") == shown.count("thead") == 1
    scopes = [attrs.get("scope") for tag, attrs in shown.tags if tag == "th"]
    assert scopes == ["col"] * 8 + ["row"] * 2
    for words in (
        "possible, 0.40",
        "almost certain, 0.97",
        "sound, Dog 0.93, Bark 0.50",
        "0.75 (0.25)",
        "tune, from its score, 1.15 times as fast, 13.4 semitones lower",
        "0:02.0 to 0:05.0",
        "6.0 s, -23 dBFS",
        "recording: switched off; sound: 2 matches",
        "Warning: cut short",
    ):
        assert words in shown.words


def test_without_sounds_there_is_no_distance():
    assert "distance" not in page(match_of()).words


@pytest.mark.parametrize("where", ["title", "artist", "input", "label", "reason", "note", "file"])
def test_what_a_stranger_wrote_comes_out_inert(where, write):
    match = match_of(title=EVIL if where == "title" else "T")
    if where == "artist":
        match = replace(match, track=replace(match.track, artist=EVIL))
    if where == "label":
        match = replace(match, evidence=Evidence({}, labels={EVIL: 0.5}))
    if where == "file":  # its name is in the player's label, between quotation marks
        match = match_of(write('" onplay="alert(1)<script>.wav', 1))
    answer = answer_of(match)
    if where == "input":
        answer = replace(answer, input=EVIL)
    if where == "reason":
        answer = Answer("a", "no_match", reason=EVIL)
    if where == "note":
        answer = replace(answer, considered=(Considered("sound", note=EVIL),))
    shown = page(answer)
    assert not {"script", "img"} & {tag for tag, _ in shown.tags}
    assert not [name for _, attrs in shown.tags for name in attrs if name.startswith("on")]
    assert where == "file" or EVIL in shown.words
    assert not re.search("https?:", answer._repr_html_())


def test_a_name_that_is_no_text_can_still_be_sent_to_a_browser():
    shown = answer_of(match_of(title="a\udcffb"))._repr_html_()
    assert r"a\udcffb" in shown
    shown.encode("utf-8")


def test_why_there_is_no_player_is_said(tmp_path, write):
    book = tmp_path / "tunes.abc"
    book.write_text("X:1\nK:C\nCDEF|")
    text = tmp_path / "a.wav"
    text.write_text("no audio")
    silence = write("silence.wav", np.zeros(6 * RATE_HZ, np.float32))
    short = write("short.wav", 1)
    for match, why in (
        (match_of("gone.wav"), "its file is not there any more"),
        (match_of("gone#2.abc", "melody", written=1), "its file is not there any more"),
        (match_of(f"{book}#1", "melody", written=1), "a score: nothing to play"),
        (match_of(book, "melody", written=1), "a score: nothing to play"),
        (match_of("https://example.org/a.mp3"), "not fetched"),
        (match_of(tmp_path), "its file is not there any more"),
        (match_of("x" * 5000), "its file is not there any more"),
        (match_of("nul\0.wav"), "its file is not there any more"),
        (match_of(text), "not"),
        (match_of(silence), "silent here"),
        (match_of(short, start_s=5000.0), "no audio"),
        (replace(match_of(short), segments=()), "no stretch to play"),
    ):
        shown = page(match)
        assert not shown.players, match
        assert why in shown.words, (match, shown.words)
        assert "cannot be shown" not in shown.words, match


def test_a_recording_with_a_score_is_played_all_the_same(write):
    assert page(match_of(write("a.wav", 1), "melody", written=1)).players


def test_many_matches_are_few_players_and_a_bounded_table(write):
    path = write("a.wav", 1)
    shown = page(answer_of(*[match_of(path)] * (ROWS + 7)))
    assert len(shown.players) == PLAYERS
    assert shown.count("tr") == 1 + ROWS
    assert "… and 7 more" in shown.words


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer("a", "no_match", reason="the clip is silent", query=FACTS), "the clip is silent"),
        (Answer("a", "no_match"), "No match"),
        (Answer("a", "error", reason="a is not audio", code="not_audio"), "Error: a is not audio"),
        (Answer("a", "error", code="not_audio"), "Error: not_audio"),
    ],
)
def test_without_a_match_the_reason_is_told(answer, words):
    shown = page(answer)
    assert words in shown.words
    assert not shown.count("table")


def test_display_never_raises():
    broken = replace(match_of(), confidence="certainly")  # as a plug-in might
    for shown in (page(broken), page(answer_of(broken))):
        assert "cannot be shown" in shown.words


def test_an_answer_of_a_real_library(tmp_path, write, song, settings):
    for seed in (1, 2):
        write(f"music/song {seed}.wav", seed)
    clip = write("clip.wav", song(2)[3 * RATE_HZ : 8 * RATE_HZ])
    with Library.open(create=True, settings=settings) as library:
        library.add(tmp_path / "music")
        shown = page(library.identify(clip, mode="recording"))
    assert "song 2" in shown.words
    assert len(shown.players) == 2
    query, found = map(played, shown.players)
    start, piece = RATE_HZ, query[RATE_HZ : RATE_HZ + 4000]
    likeness = [
        np.corrcoef(piece, found[start + lag : start + lag + 4000])[0, 1]
        for lag in range(-320, 321)
    ]
    assert max(likeness) > 0.99  # the same sound, to 20 ms the same moment
