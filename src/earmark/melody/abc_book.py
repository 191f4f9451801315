"""ABC files hold one tune or a thousand: where each begins, and one of them alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from earmark.errors import UsageError

_BEGIN = re.compile(r"^X:[ \t]*(\d*)", re.MULTILINE)
# Fields that a file may set for all of its tunes before the first one.
_COMMON = re.compile(r"^[ABCDFGHILMmNORSUuZ]:.*$", re.MULTILINE)
_KEY = re.compile(r"^K:.*$", re.MULTILINE)
_LENGTH = re.compile(r"^[LM]:", re.MULTILINE)
_BLANK = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class AbcTune:
    """One tune of a book: its ``X:`` number (or its place, where those are no good) and text."""

    number: str
    text: str


def tunes(text: str) -> list[AbcTune]:
    r"""Return the tunes of an ABC file in order; one without a number is the whole text.

    >>> [tune.number for tune in tunes("X:1\nK:C\nCDE\n\nX:7\nK:G\nGAB\n")]
    ['1', '7']
    >>> tunes("X:1\nK:C\nCDE\n")[0].text
    'X:1\nL:1/8\nK:C\nCDE\n'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    begins = list(_BEGIN.finditer(text))
    if not begins:
        return [AbcTune("1", text)]
    common = "\n".join(_COMMON.findall(text[: begins[0].start()]))
    numbers = [begin[1] for begin in begins]
    if len(set(numbers)) < len(numbers) or "" in numbers:
        numbers = [str(place) for place in range(1, len(begins) + 1)]
    ends = [begin.start() for begin in begins[1:]] + [len(text)]
    return [
        AbcTune(number, _alone(text[begin.end() : end], number, common))
        for number, begin, end in zip(numbers, begins, ends, strict=True)
    ]


def pick(text: str, number: str | None, name: str) -> AbcTune:
    """Return the tune of that number, or the first; raises `UsageError` where there is none."""
    found = tunes(text)
    if number is None:
        return found[0]
    for tune in found:
        if tune.number == number:
            return tune
    few = ", ".join(tune.number for tune in found[:10])
    message = f"{name} has no tune {number!r}; there are {few}{', ...' if found[10:] else ''}"
    raise UsageError(message)


def _alone(body: str, number: str, common: str) -> str:
    """Return a tune with the file's common fields, without the prose that may follow it."""
    key = _KEY.search(body)
    begun = re.compile(r"\S").search(body, key.end()) if key else None
    blank = _BLANK.search(body, begun.start()) if begun else None
    own = body[: blank.start() if blank else None].strip("\n")
    # Without a metre a note is an eighth, says the standard; music21 wants to be told.
    length = "" if _LENGTH.search(f"{common}\n{own}") else "L:1/8"
    lines = (f"X:{number}", common, length, own)
    return "\n".join(line for line in lines if line) + "\n"
