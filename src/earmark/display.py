"""Answers in notebooks: a plain table in HTML, and players for what was heard and what was found.

No script and nothing from another host: a player holds its few seconds itself. Nothing here raises;
what cannot be shown or played is said in words.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path

from earmark.audio.decode import decode
from earmark.audio.fetch import is_url
from earmark.audio.wav import wav_bytes
from earmark.errors import EarmarkError, NotAudioError
from earmark.types import Answer, Considered, Match, Span
from earmark.units import clock

RATE_HZ = 16_000
LONGEST_S = 10.0
"""The most that one player holds: 430 kB of the notebook."""
PLAYERS = 5
"""How many of the best matches get one."""
ROWS = 50
_ALMOST_CERTAIN, _LIKELY, _POSSIBLE = 0.9, 0.5, 0.1


def answer_html(answer: Answer) -> str:
    """Return an answer as HTML: the query, a table of its matches, and what was asked."""
    return _shown(lambda: "\n".join(filter(None, _answer(answer))))


def match_html(match: Match) -> str:
    """Return one match as HTML: a table of one row."""
    return _shown(lambda: _table([match], "What was found"))


def _shown(made: Callable[[], str]) -> str:
    try:
        return made()
    except Exception as trouble:  # a notebook shows words where it would show a traceback
        kind = type(trouble).__name__
        return f"<p>This cannot be shown ({_text(kind)}: {_text(trouble)}); print it instead.</p>"


def _answer(answer: Answer) -> Iterable[str]:
    yield f"<p>{_asked(answer)}</p>"
    yield _query_player(answer)
    if answer.outcome == "error":
        yield f"<p><strong>Error:</strong> {_text(answer.reason or answer.code or 'unknown')}</p>"
    elif not answer.matches:
        reason = f": {_text(answer.reason)}" if answer.reason else ""
        yield f"<p><strong>No match</strong>{reason}</p>"
    else:
        alike = all(match.kind == "sound" for match in answer.matches)
        yield _table(answer.matches, "What sounds alike" if alike else "What was found")
    for warning in answer.warnings:
        yield f"<p>Warning: {_text(warning)}</p>"
    if answer.considered:
        yield f"<p>Asked: {_text('; '.join(map(_considered, answer.considered)))}</p>"


def _asked(answer: Answer) -> str:
    told = f"Query: <strong>{_text(answer.input)}</strong>"
    if answer.query is None:
        return told
    clipped = ", clipped" if answer.query.clipped else ""
    return f"{told}, {answer.query.duration_s:.1f} s, {answer.query.level_dbfs:.0f} dBFS{clipped}"


def _considered(engine: Considered) -> str:
    return f"{engine.mode}: {engine.skipped or engine.note or 'asked'}"


def _query_player(answer: Answer) -> str:
    """Return a player of the query where it is a file that is still there, else nothing."""
    path = Path(answer.input)
    if answer.query is None or not _there(path):
        return ""
    span = Span(0.0, answer.query.duration_s)
    if span.duration_s > LONGEST_S and answer.best and answer.best.segments:
        span = answer.best.segments[0].query
    return f"<p>{_player(path, span, 'the query')}</p>"


def _table(matches: Sequence[Match], caption: str) -> str:
    compared = any(match.kind == "sound" for match in matches)
    heads = ["Rank", "Title", "Found as", "Confidence"]
    heads += ["Similarity (distance)"] if compared else []
    heads += ["In the query", "In the track", "Listen"]
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    rows = "\n".join(
        _row(match, rank, compared) for rank, match in enumerate(matches[:ROWS], start=1)
    )
    more = f"<p>… and {len(matches) - ROWS} more</p>" if len(matches) > ROWS else ""
    return (
        f"<table>\n<caption>{_text(caption)}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>{more}"
    )


def _row(match: Match, rank: int, compared: bool) -> str:
    cells = [_text(_found_as(match)), _text(_in_words(match.confidence))]
    if compared:
        cells.append(_text(_compared(match)))
    cells += _where(match)
    cells.append(_listen(match, rank))
    body = "".join(f"<td>{cell}</td>" for cell in cells)
    title = f'<th scope="row">{_text(match.track.label)}</th>'
    return f"<tr><td>{rank}</td>{title}{body}</tr>"


def _found_as(match: Match) -> str:
    kind = {"melody": "tune"}.get(match.kind, match.kind)
    if match.kind == "melody":
        kind += ", from its score" if match.evidence.figures.get("written") else ", as heard"
    told = [kind, *(f"{name} {likely:.2f}" for name, likely in match.evidence.labels.items())]
    if abs(match.time_ratio - 1.0) >= 0.005:
        told.append(f"{match.time_ratio:.2f} times as fast")
    shift = match.pitch_shift_semitones
    if abs(shift) >= 0.05:
        told.append(f"{abs(shift):.1f} semitones {'higher' if shift > 0 else 'lower'}")
    return ", ".join(told)


def _in_words(confidence: float) -> str:
    """Return a confidence as a person says it, with the figure.

    >>> _in_words(0.97), _in_words(0.02)
    ('almost certain, 0.97', 'unlikely, 0.02')
    """
    words = "unlikely"
    for least, name in (
        (_ALMOST_CERTAIN, "almost certain"),
        (_LIKELY, "likely"),
        (_POSSIBLE, "possible"),
    ):
        if confidence >= least:
            words = name
            break
    return f"{words}, {confidence:.2f}"


def _compared(match: Match) -> str:
    if match.kind != "sound":
        return ""
    similarity = float(match.evidence.figures.get("similarity", match.score))
    return f"{similarity:.2f} ({1.0 - similarity:.2f})"


def _where(match: Match) -> list[str]:
    if not match.segments:
        return ["", ""]
    best, others = match.segments[0], len(match.segments) - 1
    more = f" (+{others})" if others else ""
    return [
        f"{clock(span.start_s)} to {clock(span.end_s)}{end}"
        for span, end in ((best.query, ""), (best.reference, more))
    ]


def _listen(match: Match, rank: int) -> str:
    """Return a player of the matched stretch, or why there is none."""
    source = match.track.source
    if rank > PLAYERS:
        return _text(f"players are for the first {PLAYERS}")
    if not match.segments:
        return _text("no stretch to play")
    if is_url(source):
        return _text("not fetched: its source is a URL")
    path, written = Path(source), bool(match.evidence.figures.get("written"))
    if not _there(path):
        a_tune = written and _there(Path(source.rpartition("#")[0]))
        return _text("a score: nothing to play" if a_tune else "its file is not there any more")
    return _player(path, match.segments[0].reference, match.track.label, written=written)


def _player(path: Path, span: Span, what: str, *, written: bool = False) -> str:
    length_s = min(span.duration_s, LONGEST_S)
    start_s = max(0.0, span.start_s)
    try:
        heard = decode(path, RATE_HZ, start_s=start_s, duration_s=length_s)
    except NotAudioError as error:
        return _text("a score: nothing to play" if written else error.message)
    except EarmarkError as error:
        return _text(error.message)
    if heard.levels.silent:
        return _text("silent here")
    label = f"{what}, {clock(start_s)} to {clock(start_s + heard.clip.duration_s)}"
    data = base64.b64encode(wav_bytes(heard.clip)).decode("ascii")
    return (
        f'<audio controls preload="none" aria-label="{_text(label)}" '
        f'src="data:audio/wav;base64,{data}"></audio>'
    )


def _there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be entered
        return False


def _text(text: object) -> str:
    """Return text that HTML takes for nothing else; what is no UTF-8 is written out.

    >>> _text("<b>'A' & B")
    '&lt;b&gt;&#x27;A&#x27; &amp; B'
    """
    return escape(str(text).encode("utf-8", "backslashreplace").decode("utf-8"))
