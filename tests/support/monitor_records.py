"""Made-up records of monitoring, with whatever makes keeping them hard."""

from __future__ import annotations

import random
from dataclasses import replace

from earmark.ports import (
    Decision,
    Delivery,
    Detection,
    Entry,
    EvidenceFile,
    Outage,
    Piece,
    Rejection,
    Rule,
    Scan,
    Stream,
    Webhook,
)
from earmark.types import Span, Track

DAY_S = 86_400.0
WORDS = ("Ümlaut", "Straße", "音楽", "a\nb", "x\x1f\x85\u2028y", "🎧", "q'\"\\", "", "Radio 1")
NO_TEXT = "/music/\udcff\udc80.ogg"
"""A file's name whose bytes are no UTF-8."""


def make_track(rng: random.Random) -> Track:
    """Return one of a dozen tracks."""
    number = rng.randrange(12)
    return Track(
        id=f"t{number}",
        source=NO_TEXT if number == 3 else f"/music/{number}.flac",
        content_id=f"{number:064x}",
        duration_s=100.0 / 3 * (number + 1),
        number=number + 1,
        title="" if number == 4 else f"Titel {WORDS[number % len(WORDS)]} {number}",
        artist=f"Artist {number % 5}" if number % 5 else "",
        album=WORDS[number % len(WORDS)],
        tags=tuple(f"tag{n}" for n in range(number % 4)),
        extra={"isrc": f"DE{number}", "ключ": "знач"},
        added_at="2026-11-23T10:00:00+00:00",
    )


def make_detection(rng: random.Random, name: str) -> Detection:
    """Return a detection of one to four pieces."""
    at, pieces = rng.uniform(0.0, 7200.0), []
    for _ in range(rng.randrange(1, 5)):
        length = rng.uniform(0.5, 90.0)
        start, ratio = rng.uniform(0.0, 200.0), rng.uniform(0.9, 1.1)
        pieces.append(
            Piece(
                Span(at, at + length),
                Span(start, start + length * ratio),
                ratio,
                rng.uniform(-1.0, 1.0),
                rng.random(),
                rng.uniform(1.0, 1e5),
            )
        )
        at += length + rng.uniform(-5.0, 8.0)
    return Detection(
        name,
        rng.choice(["recording", "melody", "sound"]),
        make_track(rng),
        rng.random(),
        rng.uniform(0.0, 500.0),
        tuple(pieces),
        open=rng.random() < 0.2,
        second=rng.random() < 0.2,
        duplicates=tuple(f"t{n}" for n in range(rng.randrange(3))),
    )


def make_evidence(rng: random.Random) -> EvidenceFile:
    """Return what a detection was made from."""
    return EvidenceFile(
        "2026/ab/clip.flac",
        "ef" * 32,
        rng.randrange(10**6),
        rng.uniform(0.0, 1e4),
        rng.uniform(1.0, 15.0),
        16_000,
        Span(rng.random(), 1.0 + rng.random()),
        "recording:0123abcd",
        "1.0.0",
        "42",
        {"coincidences": rng.randrange(999), "share": rng.random()},
    )


def make_decision(rng: random.Random) -> Decision:
    """Return what somebody decided."""
    ruling = rng.choice(["confirm", "reject", "unsure"])
    return Decision(ruling, rng.choice(WORDS), rng.uniform(1e9, 2e9), rng.choice(WORDS))


def make_entry(seed: int, days: int = 5) -> Entry:
    """Return an entry by its seed; many begin at the same second."""
    rng = random.Random(seed)
    station = rng.choice(["Radio 1", "Straße FM", "mix.flac", NO_TEXT])
    began = 1.76e9 + rng.randrange(days * 24) * 3600.0 + rng.choice([0.0, 0.0, rng.uniform(0, 3e3)])
    return Entry(
        make_detection(rng, f"d{seed:04d}"),
        f"http://radio/{seed % 3}?ключ=1",
        station,
        f"stream:{seed % 3}",
        began,
        rng.choice(["allow", "review", "block"]),
        rng.choice([None, "r1"]),
        make_evidence(rng) if rng.random() < 0.5 else None,
        tuple(make_decision(rng) for _ in range(rng.choice([0, 0, 1, 3]))),
    )


RULE = Rule("r1", "block", "t1", None, 2.5, 0.25, "nicht \udcff", 10.5)
REJECTION = Rejection("Radio 1", "t1", Span(1.0 / 3, 2.0 / 3), "d1")
STREAM = Stream(
    "s1",
    "Straße FM",
    "http://radio/1",
    created_at=5.5,
    options={"also": ["melody"], "gap_s": 3.0, "deep": {"x": [1, None]}},
    state="live",
    state_at=7.25,
    heard_s=1e5 / 3,
    reconnects=2,
    error="it's \udcff",
)
OUTAGE = Outage("o1", "s1", 100.25, None, "no route to host")
SCAN = Scan(
    "c1",
    "sha:opts",
    NO_TEXT,
    "mix",
    1e9,
    1e9 + 1 / 3,
    "running",
    12.5,
    None,
    {"at_s": 12.5, "open": [{"id": "d1"}]},
    {"detections": [], "duration_s": 1 / 3},
)
WEBHOOK = Webhook(
    "w1", "https://hook/ü?a=1", "s3cret", ("detection.opened",), ("block", "review"), note="n"
)
DELIVERY = Delivery("e1", "w1", "detection.opened", '{"a": "ü"}', 50.0, next_at=50.0)
EVERYTHING = (RULE, REJECTION, STREAM, OUTAGE, SCAN, replace(SCAN, error={"code": "x"}), WEBHOOK)
