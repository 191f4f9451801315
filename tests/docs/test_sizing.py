"""docs/scaling.md shows what benchmarks/scaled/sizing.py prints of what was measured."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

import pytest

from earmark.recording import propose
from earmark.recording.params import QueryParams

ROOT = Path(__file__).parents[2]
SCALED = ROOT / "benchmarks" / "scaled"
PAGE = ROOT / "docs" / "scaling.md"


@pytest.fixture(scope="module")
def sizing():
    sys.path.insert(0, str(SCALED))
    try:
        import sizing
    finally:
        sys.path.remove(str(SCALED))
    return sizing


@pytest.fixture
def measured() -> dict:
    return json.loads((SCALED / "measured.json").read_text(encoding="utf-8"))


def test_the_page_shows_what_is_printed(sizing, measured):
    page = PAGE.read_text(encoding="utf-8")
    assert sizing.put(page, sizing.printed(measured)) == page


def test_another_measure_is_another_page(sizing, measured):
    page = PAGE.read_text(encoding="utf-8")
    measured["figures"]["postings"]["value"] += 1000
    assert sizing.put(page, sizing.printed(measured)) != page


def test_every_figure_has_its_source_and_its_day(measured):
    for figure in (*measured["figures"].values(), *measured["questions"]):
        assert figure["source"]
        values = [figure[name] for name in ("value", "ms", "cpu_ms") if name in figure]
        if None in values:
            assert figure["date"] is None
        else:
            assert date.fromisoformat(figure["date"]) <= date.today()
            assert all(value > 0 for value in values)


def test_a_sum_is_that_of_its_parts(sizing, measured):
    figures = {name: {"value": 0.0} for name in measured["figures"]}
    for name in ("recording_features_bytes", "redis_catalogue_bytes", "sound_payload_bytes"):
        figures[name] = {"value": 1000.0}
    figures["redis_bulk_factor"] = {"value": 1.5}
    figures["redis_posting_bytes"], figures["postings"] = {"value": 4.0}, {"value": 250.0}
    track = sizing.Track(figures)
    assert track.redis().of(8).known == 8 * (1000 + 1.5 * 2000 + 4 * 250) + 3
    assert track.redis().whole
    assert track.folder().known == 1000
    figures["redis_posting_bytes"] = {"value": None}
    assert track.redis().told().startswith("at least 4.00 kB")
    assert track.times("postings", "redis_posting_bytes").told() == sizing.NOT_MEASURED


def test_reads_are_bounded_as_the_engine_bounds_them(sizing):
    assert sizing.READS_POSTINGS == propose._SMALL
    assert sizing.read_of(300_000_000) == 10 * QueryParams().reads[0]


@pytest.mark.parametrize(
    ("windows", "kind"), [(200_000, "FLAT"), (200_001, "HNSW"), (4_000_001, "IVF_SQ8")]
)
def test_the_index_is_the_one_that_a_writer_makes(sizing, windows, kind):
    assert sizing.index_of(windows) == kind
    assert sizing.index_bytes(kind, 64) in {256, 356, 72}
