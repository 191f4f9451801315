"""The check of many alignments against plain Python, and against directories that lie."""

from __future__ import annotations

import ctypes
import math
import mmap
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.kernels.verify import MAX_REACH, verify

PAGE = 64
FIRST = 12


def packed(frames, bins, pages):
    """Pages (u32), cumulative counts (u32 each, from 0), codes (u16), padded to four bytes."""
    frames, bins = np.asarray(frames, np.int64), np.asarray(bins, np.int64)
    directory = np.zeros(pages + 2, "<u4")
    directory[0] = pages
    directory[2:] = np.cumsum(np.bincount(frames // PAGE, minlength=pages))
    codes = (frames % PAGE << 9 | bins).astype("<u2").tobytes()
    data = directory.tobytes() + codes + bytes(len(codes) % 4)
    return np.frombuffer(data, np.uint8)


def constellation(rng, pages, count):
    frames = np.sort(rng.integers(0, max(1, pages * PAGE), count if pages else 0))
    return frames, rng.integers(0, 512, len(frames))


def score_one_by_one(cells, frames, bins, offset, time, pitch, reach, least):
    """Return (score, sum, count, jitter, scores around) of one alignment."""
    rows = {}
    for jitter in range(-reach, reach + 1):
        total = count = 0
        for frame, low in zip(frames.tolist(), bins.tolist(), strict=True):
            if low >= cells.shape[1]:
                continue
            f = math.floor((low + FIRST) * pitch + 0.5) - FIRST
            page = frame // PAGE * PAGE
            inverse = 1.0 / time
            t = math.floor((frame - page) * inverse + ((page - offset) * inverse + 0.5)) - jitter
            if 0 <= f < cells.shape[1] and 0 <= t < len(cells):
                total += int(cells[t, f])
                count += 1
        rows[jitter] = (total / math.sqrt(max(count, least)), total, count)
    hit = [jitter for jitter in rows if rows[jitter][2] > 0]
    best = max(hit, key=lambda jitter: (rows[jitter][0], -jitter)) if hit else 0
    around = [rows[j][0] if j in rows else 0.0 for j in (best - 1, best, best + 1)]
    return (*rows[best], best, around)


alignments = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.floats(-120, 420),
        st.sampled_from([1.0, 0.94, 0.99, 1.01, 1.06]),
        st.sampled_from([1.0, 2 ** (1 / 12), 2 ** (-1 / 12), 1.002, 4.0]),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=80, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    frames=st.integers(0, 90),
    bins=st.integers(1, 80),
    reach=st.integers(0, 4),
    at=alignments,
)
def test_scores_equal_a_sum_peak_by_peak(seed, frames, bins, reach, at):
    rng = np.random.default_rng(seed)
    cells = rng.integers(-127, 128, (frames, bins)).astype(np.int8)
    stars = [constellation(rng, pages, count) for pages, count in ((0, 0), (3, 90), (5, 300))]
    stars = [(f, b % 100) for f, b in stars]  # most bins inside, some beyond
    payloads = [packed(f, b, pages) for (f, b), pages in zip(stars, (0, 3, 5), strict=True)]
    which, offset, time, pitch = (
        np.array([row[i] for row in at], dtype)
        for i, dtype in enumerate((np.int64, float, float, float))
    )
    got = verify(cells, FIRST, payloads, which, offset, time, pitch, reach, 10.0)
    for row, (number, *rest) in enumerate(at):
        score, total, count, jitter, around = score_one_by_one(
            cells, *stars[number], *rest, reach, 10.0
        )
        assert (got.total[row], got.counted[row], got.jitter[row]) == (total, count, jitter)
        assert got.score[row] == pytest.approx(score)
        assert got.around[row].tolist() == pytest.approx(around)


@pytest.mark.parametrize(
    ("time", "pitch"), [(1.0, 1.0), (1.05, 1.05), (0.95, 1.0), (1.0, 2 ** (1 / 12))]
)
def test_a_query_made_from_the_reference_is_found_with_its_jitter(time, pitch):
    """Query frame = (frame - offset) / time, query bin = (bin + first) * pitch - first."""
    rng = np.random.default_rng(5)
    frames, bins = constellation(rng, 10, 400)
    bins = bins % 250
    cells = np.full((300, 318), -20, np.int8)
    t = np.floor((frames - 130.0) / time + 0.5).astype(int)
    f = np.floor((bins + FIRST) * pitch + 0.5).astype(int) - FIRST
    inside = (t >= 0) & (t < 300) & (f >= 0) & (f < 318)
    cells[t[inside], f[inside]] = 100
    payload = packed(frames, bins, 10)
    offset = np.array([130.0, 130.0 + 3 * time, 130.0 - 2 * time, 300.0])
    four = np.ones(4)
    got = verify(
        cells, FIRST, [payload], np.zeros(4, np.int64), offset, time * four, pitch * four, 3, 10.0
    )
    assert got.jitter[:3].tolist() == [0, -3, 2]
    assert got.total[:3].tolist() == [100 * inside.sum()] * 3
    assert got.score[3] < 0.5 * got.score[0]
    assert (got.around[0] < got.around[0, 1] + 1e-9).all()


def test_an_alignment_beside_the_query_scores_nothing():
    payload = packed(*constellation(np.random.default_rng(1), 4, 50), 4)
    cells = np.full((50, 318), 100, np.int8)
    at = np.array([-60.0, 1e6, -1e6])
    one = np.ones(3)
    got = verify(cells, FIRST, [payload], np.zeros(3, np.int64), at, one, one, 2, 10.0)
    assert got.counted.tolist() == [0, 0, 0]
    assert got.score.tolist() == [0.0, 0.0, 0.0]
    assert got.jitter.tolist() == [0, 0, 0]


def test_a_pitch_is_remembered_no_longer_than_its_row():
    payload = packed(np.arange(64), np.full(64, 100), 1)
    cells = np.zeros((64, 318), np.int8)
    cells[:, 100], cells[:, round((100 + FIRST) * 1.5) - FIRST] = 10, 20
    pitch = np.array([1.0, 1.5, 1.0, 1.5])
    zero = np.zeros(4)
    got = verify(cells, FIRST, [payload], zero.astype(np.int64), zero, zero + 1, pitch, 0, 1.0)
    assert got.total.tolist() == [640, 1280, 640, 1280]


def test_no_alignments():
    none = np.empty(0)
    cells = np.zeros((5, 5), np.int8)
    for payloads in ([], [packed([], [], 0)]):
        got = verify(cells, FIRST, payloads, none.astype(np.int64), none, none, none, 2, 10.0)
        assert [len(part) for part in got] == [0] * 5
        assert got.around.shape == (0, 3)


@pytest.mark.parametrize(
    ("cells", "payload", "reach", "error"),
    [
        (np.zeros((5, 513), np.int8), packed([], [], 0), 0, "at most 512 bins"),
        (np.zeros((5, 5), np.int8), packed([], [], 0), MAX_REACH + 1, "a reach of 8"),
        (np.zeros((5, 5), np.int8), np.zeros(4, np.uint8), 0, "cut short"),
        (np.zeros((5, 5), np.int8), np.zeros(40, np.uint8)[1:33], 0, "misaligned"),
        (np.zeros((5, 5), np.int8), packed([70], [3], 2)[:12], 0, "claims 2 pages in 12 bytes"),
        (np.zeros((5, 5), np.int8), np.full(16, 255, np.uint8), 0, "claims 4294967295 pages"),
    ],
)
def test_what_c_could_not_take_is_refused(cells, payload, reach, error):
    one = np.ones(1)
    with pytest.raises(ValueError, match=error):
        verify(cells, FIRST, [payload], np.zeros(1, np.int64), one, one, one, reach, 10.0)


# --- memory that ends in a wall ------------------------------------------------------------------

_LIBC = ctypes.CDLL(None, use_errno=True)
_walls = []


def walled(data):
    """Return a copy of an array that ends, to the byte, where memory may not be touched."""
    size = mmap.PAGESIZE
    rooms = -(-max(1, data.nbytes) // size)
    region = mmap.mmap(-1, (rooms + 2) * size)
    start = ctypes.addressof(ctypes.c_char.from_buffer(region))
    for wall in (start, start + (rooms + 1) * size):
        assert _LIBC.mprotect(ctypes.c_void_p(wall), ctypes.c_size_t(size), 0) == 0
    _walls.append(region)
    view = np.frombuffer(region, np.uint8, data.nbytes, (rooms + 1) * size - data.nbytes)
    view[:] = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    return view.view(data.dtype).reshape(data.shape)


def fuzz(rounds):
    """Verify payloads of random damage; a read or write outside them ends the process."""
    rng = np.random.default_rng(9)
    refused = scored = 0
    for trial in range(rounds):
        pages = int(rng.integers(0, 6))
        sound = packed(*constellation(rng, pages, int(rng.integers(0, 60)) * 2), pages)
        payload = walled(sound)
        for _ in range(int(rng.integers(1, 12))):
            head = trial % 3 and rng.random() < 0.7  # most damage to the directory
            at = rng.integers(0, min(len(payload), 4 * (pages + 2)) if head else len(payload))
            payload[at] = rng.choice([0, 1, 127, 255, int(rng.integers(0, 256))])
        if trial % 4:
            payload[:4] = sound[:4]  # a right page count lets C see the rest
        shape = (int(rng.integers(0, 70)), int(rng.integers(1, 513)))
        cells = walled(rng.integers(-127, 128, shape).astype(np.int8))
        offset = walled(rng.choice([-1e12, -500.0, -1.0, 0.0, 63.5, 200.0, 1e12], 8))
        time, pitch = walled(rng.uniform(0.9, 1.1, 8)), walled(rng.uniform(0.5, 2.0, 8))
        which, reach = np.zeros(8, np.int64), int(rng.integers(0, MAX_REACH + 1))
        try:
            got = verify(cells, FIRST, [payload], which, offset, time, pitch, reach, 10.0)
        except ValueError:
            refused += 1
        else:
            assert np.isfinite(got.score).all()
            scored += 1
        _walls.clear()
    assert refused > 0
    assert scored > rounds // 2


@pytest.mark.skipif(sys.platform == "win32", reason="mprotect")
def test_damaged_payloads_are_never_read_beyond_their_end():
    """In a process of its own, because what it looks for would end this one."""
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


if __name__ == "__main__":
    fuzz(int(sys.argv[1]) if len(sys.argv) > 1 else 1500)
