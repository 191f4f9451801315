"""The arithmetic of the recording suite: splits, excerpts, what is right, what is calibrated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.errors import SourceNotFoundError, UsageError
from earmark.evaluation import bench_recording
from earmark.evaluation.collection import split
from earmark.evaluation.counting import CountingPostings, Reads
from earmark.evaluation.noise import NoiseBank
from earmark.evaluation.queries import choose, spoilt
from earmark.evaluation.report import REACH, RecordingReport, floors
from earmark.evaluation.score import (
    Outcome,
    calibration,
    cells,
    expected_calibration_error,
    offset_error_s,
)
from earmark.ports import Posted
from earmark.stores.memory_postings import MemoryPostingStore
from earmark.types import Evidence, Finding, Segment, Span

RIGHT = Outcome(
    condition="clean",
    length_s=10.0,
    positive=True,
    answered=True,
    right=True,
    extra=0,
    confidence=0.95,
    offset_error_s=0.004,
    warped=False,
    cpu_ms=10.0,
    reads=1000,
)
SILENT = replace(
    RIGHT,
    answered=False,
    right=False,
    confidence=0.0,
    offset_error_s=None,
    warped=True,
    cpu_ms=90.0,
)
WRONG = replace(RIGHT, right=False, confidence=0.6, offset_error_s=None)
HELD = replace(SILENT, positive=False)
FALSE = replace(HELD, answered=True, confidence=0.55)


def finding(*starts: tuple[float, float]) -> Finding:
    segments = tuple(
        Segment(Span(query_s, query_s + 2.0), Span(reference_s, reference_s + 2.0))
        for query_s, reference_s in starts
    )
    return Finding("recording", 1, 0.9, 10.0, segments, 1.0, 0.0, Evidence({}))


def noise(path: Path, seed: int, seconds: float = 15.0, level: float = 0.1) -> Path:
    samples = level * np.random.default_rng(seed).standard_normal(int(seconds * 16000))
    soundfile.write(path, samples.clip(-1, 1), 16000)
    return path


class TestSplit:
    def test_every_file_has_one_part_and_names_do_not_matter(self, tmp_path: Path) -> None:
        for folder, suffix in (("a", ""), ("b", "renamed")):
            (tmp_path / folder).mkdir()
            for seed in range(10):
                noise(tmp_path / folder / f"{suffix}{seed}.wav", seed, 0.1)
        parts = split(tmp_path / "a")
        assert len(parts.held_out) == 3
        assert not set(parts.held_out) & set(parts.positives)
        assert len(parts.held_out) + len(parts.positives) == 10
        renamed = split(tmp_path / "b")
        assert [f"renamed{path.name}" for path in parts.held_out] == [
            path.name for path in renamed.held_out
        ]

    def test_another_seed_is_another_split(self, tmp_path: Path) -> None:
        for seed in range(12):
            noise(tmp_path / f"{seed}.wav", seed, 0.1)
        assert len({split(tmp_path, seed=seed).held_out for seed in range(5)}) > 1

    def test_holds_out_what_is_asked_but_never_more_than_half(self, tmp_path: Path) -> None:
        for seed in range(10):
            noise(tmp_path / f"{seed}.wav", seed, 0.1)
        assert len(split(tmp_path, least_held_out=4).held_out) == 4
        assert len(split(tmp_path, least_held_out=40).held_out) == 5

    def test_equal_bytes_count_once_also_among_distractors(self, tmp_path: Path) -> None:
        music, others = tmp_path / "music", tmp_path / "others"
        for folder in (music, others):
            folder.mkdir()
            noise(folder / "x.wav", 1, 0.1)
        noise(music / "copy.wav", 1, 0.1)
        noise(music / "y.wav", 2, 0.1)
        noise(others / "z.wav", 3, 0.1)
        parts = split(music, others)
        assert len(parts.positives) == len(parts.held_out) == 1
        assert [path.name for path in parts.distractors] == ["z.wav"]

    def test_too_little_music_is_said(self, tmp_path: Path) -> None:
        noise(tmp_path / "alone.wav", 1, 0.1)
        with pytest.raises(UsageError, match="holds 1 different tracks; at least 2"):
            split(tmp_path)

    def test_no_folder_is_said(self, tmp_path: Path) -> None:
        with pytest.raises((SourceNotFoundError, UsageError), match="nowhere"):
            split(tmp_path / "nowhere")


class TestQueries:
    def test_excerpts_lie_where_they_say(self, tmp_path: Path) -> None:
        tracks = [noise(tmp_path / f"{seed}.wav", seed) for seed in range(3)]
        chosen = choose(tracks, [1.0, 5.0], 4, 0, "test")
        assert [len([e for e in chosen if e.length_s == s]) for s in (1.0, 5.0)] == [4, 4]
        for excerpt in chosen:
            whole, _ = soundfile.read(excerpt.source, dtype="float32")
            start = round(excerpt.start_s * 16000)
            np.testing.assert_allclose(
                excerpt.samples, whole[start : start + len(excerpt.samples)], atol=1e-4
            )

    def test_the_seed_decides(self, tmp_path: Path) -> None:
        tracks = [noise(tmp_path / f"{seed}.wav", seed) for seed in range(3)]
        starts = [
            [excerpt.start_s for excerpt in choose(tracks, [2.0], 3, seed, "test")]
            for seed in (0, 0, 1)
        ]
        assert starts[0] == starts[1] != starts[2]

    def test_silent_short_and_unreadable_tracks_are_passed_over(self, tmp_path: Path) -> None:
        good = noise(tmp_path / "good.wav", 1)
        silent = noise(tmp_path / "silent.wav", 2, level=0.0005)
        short = noise(tmp_path / "short.wav", 3, 3.0)
        broken = tmp_path / "broken.wav"
        broken.write_text("no audio")
        chosen = choose([silent, short, broken, good], [10.0], 3, 0, "test")
        assert {excerpt.source for excerpt in chosen} == {good}
        assert [excerpt.index for excerpt in chosen] == list(range(len(chosen)))
        assert choose([silent], [10.0], 3, 0, "test") == []

    def test_conditions_share_their_excerpts(self, tmp_path: Path) -> None:
        tracks = [noise(tmp_path / f"{seed}.wav", seed) for seed in range(2)]
        chosen = choose(tracks, [1.0], 2, 0, "test")
        bank = NoiseBank.synthetic(np.random.default_rng(0))
        queries = list(spoilt(chosen, ["clean", "speed+5"], bank, 0, positive=True))
        assert [(q.condition, q.offset_s) for q in queries] == [
            (name, excerpt.start_s) for excerpt in chosen for name in ("clean", "speed+5")
        ]
        assert [q.time_ratio for q in queries] == [1.0, 1.05, 1.0, 1.05]
        assert all(q.clip.duration_s == 1.0 for q in queries)


class TestScore:
    def test_the_nearest_segment_counts(self) -> None:
        assert offset_error_s(finding((0.0, 90.0), (4.0, 34.02)), 30.0, 1.0) == pytest.approx(0.02)

    def test_time_runs_as_it_does_in_truth(self) -> None:
        assert offset_error_s(finding((4.0, 34.2)), 30.0, 1.05) == pytest.approx(0.0)

    def test_no_segment_is_no_place(self) -> None:
        assert offset_error_s(finding(), 30.0, 1.0) is None

    def test_cells_count_by_condition_and_length(self) -> None:
        far = replace(RIGHT, offset_error_s=3.0)
        other = replace(RIGHT, length_s=2.0)
        found = cells([RIGHT, far, WRONG, SILENT, other, HELD, FALSE])
        assert [(c.condition, c.length_s, c.positive, c.count) for c in found] == [
            ("clean", 10.0, True, 4),
            ("clean", 2.0, True, 1),
            ("clean", 10.0, False, 2),
        ]
        first = found[0]
        assert (first.accepted, first.placed, first.wrong) == (0.5, 0.25, 0.25)
        assert first.median_offset_error_ms == pytest.approx(1502.0)
        assert (found[2].accepted, found[2].wrong) == (0.0, 0.5)
        assert found[2].median_offset_error_ms is None

    def test_calibration_counts_answers_only(self) -> None:
        table = calibration([RIGHT, RIGHT, replace(RIGHT, confidence=1.0), WRONG, FALSE, SILENT])
        assert [(row.low, row.count, row.right) for row in table] == [
            (0.5, 1, 0.0),
            (0.6, 1, 0.0),
            (0.9, 3, 1.0),
        ]
        gap = (0.55 + 0.6 + 3 * (1.0 - (0.95 + 0.95 + 1.0) / 3)) / 5
        assert expected_calibration_error(table) == pytest.approx(gap)
        assert expected_calibration_error(()) == 0.0


class TestReport:
    report = RecordingReport(
        (
            RIGHT,
            replace(RIGHT, extra=1, length_s=2.0),
            SILENT,
            replace(RIGHT, length_s=1.0),
            replace(SILENT, length_s=1.0),
            HELD,
            HELD,
            FALSE,
        ),
        {"bytes_per_hour": 1e6},
    )

    def test_rates(self) -> None:
        figures = self.report.figures()
        assert figures["accepted"] == pytest.approx(2 / 3)
        assert figures["accepted_1s"] == figures["accepted_1s.clean"] == 0.5
        assert figures["accepted.clean"] == pytest.approx(2 / 3)
        assert figures["false_alarm_rate"] == pytest.approx(1 / 3)
        assert figures["extra_tracks_rate"] == pytest.approx(1 / 3)
        assert figures["wrong_track_rate"] == 0.0
        assert figures["right_at_90"] == 1.0
        assert figures["median_offset_error_ms"] == pytest.approx(4.0)

    def test_costs_are_those_of_ten_seconds(self) -> None:
        figures = self.report.figures()
        assert (figures["cpu_ms_query_plain"], figures["cpu_ms_query_warped"]) == (10.0, 90.0)
        assert figures["postings_read_per_query"] == 1000.0

    def test_the_last_line_is_flat(self) -> None:
        shape = self.report.as_dict()
        assert shape["suite"] == "recording"
        assert (shape["queries"], shape["held_out_queries"]) == (5, 3)
        assert all(isinstance(value, int | float | str) for value in shape.values())

    def test_a_line_for_each_cell(self) -> None:
        lines = self.report.cell_dicts()
        assert len(lines) == 4
        assert lines[-1] == {
            "suite": "recording",
            "condition": "clean",
            "length_s": 10.0,
            "indexed": False,
            "queries": 3,
            "false_alarm_rate": 0.3333,
        }

    def test_table_for_people(self) -> None:
        text = self.report.table()
        assert "clean" in text.splitlines()[1]
        assert "66.7" not in text.splitlines()[1]
        assert "false alarms" in text
        assert "short of the aims:" in text

    def test_floors_are_least_and_ceilings_greatest(self) -> None:
        table = {"accepted": 0.5, "false_alarm_rate": 0.5, "cpu_ms_query": 1.0, "accepted.gone": 1}
        missed = floors(self.report, table)
        assert [(miss.name, miss.measured) for miss in missed] == [
            ("cpu_ms_query", 90.0),
            ("accepted.gone", None),
        ]
        assert str(missed[1]) == "accepted.gone: 1 wanted, nothing measured"

    def test_aims_are_figures_of_the_suite(self) -> None:
        known = {*self.report.figures(), "x_real_time", "bytes_per_hour"}
        assert {name.split(".")[0] for name in REACH} <= {name.split(".")[0] for name in known}

    def test_no_answers_at_all(self) -> None:
        report = RecordingReport((SILENT, HELD))
        assert report.figures()["accepted"] == 0.0
        assert "median_offset_error_ms" not in report.as_dict()
        assert report.table()


class TestRun:
    def test_small_run_of_noise(self, tmp_path: Path) -> None:
        music, others = tmp_path / "music", tmp_path / "others"
        for folder, seeds in ((music, range(4)), (others, range(4, 6))):
            folder.mkdir()
            for seed in seeds:
                noise(folder / f"{seed}.wav", seed)
        told = []
        report = bench_recording.run(
            music,
            distractors=others,
            per_cell=2,
            workers=1,
            conditions=("clean", "telephone"),
            lengths_s=(3.0,),
            progress=told.append,
        )
        figures = report.as_dict()
        assert (figures["tracks_indexed"], figures["tracks_held_out"]) == (4, 2)
        assert (figures["queries"], figures["held_out_queries"]) == (4, 2)
        assert figures["accepted.clean"] == 1.0
        assert figures["indexed_audio_s"] == pytest.approx(60.0)
        assert figures["bytes_per_hour"] > 0
        assert figures["x_real_time"] > 0
        assert told[-1].done == told[-1].total == 6

    def test_unknown_condition(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="unknown condition 'rain'"):
            bench_recording.run(tmp_path, conditions=("rain",))


def test_reads_are_counted() -> None:
    reads = Reads()
    store = CountingPostings(MemoryPostingStore(), reads)
    one = np.array([5, 5, 9], np.uint32)
    store.add([Posted(1, one, np.array([0, 1, 2], np.uint32), 10, np.zeros(4, np.uint8))])
    store.lookup(np.array([5, 7], np.uint32))
    assert (reads.lookups, reads.hashes, reads.postings) == (1, 2, 2)
    assert store.counts(np.array([5], np.uint32)).tolist() == [2]
    assert reads.lookups == 1
    reads.clear()
    assert reads == Reads()
