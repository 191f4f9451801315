"""What is sent again when a source is opened anew, on blocks and times of the test's own."""

import numpy as np
import pytest

from earmark.errors import FetchError
from earmark.monitor.feed import Away, Heard, Turn
from earmark.monitor.rejoining import Rejoin, repeated

RATE_HZ = 4_000
SOUND = np.random.default_rng(4).normal(0.0, 0.1, 60 * RATE_HZ).astype(np.float32)
GONE = Away(100.0, None, "gone")


def between(begin_s, end_s):
    return SOUND[round(begin_s * RATE_HZ) : round(end_s * RATE_HZ)]


def sent(begin_s, end_s, at, *, at_once=0):
    """Blocks of a second, the first ``at_once`` of them at one moment, then one a second."""
    count = round(end_s - begin_s)
    for index in range(count):
        late_s = max(0, index - at_once + 1)
        yield Heard(between(begin_s + index, begin_s + index + 1), at + late_s)


def rejoined(heard, after, back_at):
    back = Away(100.0, back_at - 1.0, "gone")
    feed = [GONE, Turn("live", back_at), back, *after]
    told = list(Rejoin(RATE_HZ, lambda most: heard[-most:]).run(feed))
    sound = [what.samples for what in told if isinstance(what, Heard)]
    until = [what.until for what in told if isinstance(what, Away)][1:]
    return np.concatenate([np.zeros(0, np.float32), *sound]), until


def test_what_was_heard_is_not_heard_again():
    """Heard until 20; 8 s at once are sent from 14 on, 3 s after it broke off."""
    after = sent(14, 26, 103.0, at_once=8)
    sound, until = rejoined(between(0, 20), after, 103.0)
    np.testing.assert_array_equal(sound, between(20, 26))
    assert until == [100.0 + 1.0]


def test_a_burst_that_begins_after_the_break_is_placed_where_it_was_sent():
    sound, until = rejoined(between(0, 20), sent(32, 40, 117.0, at_once=4), 117.0)
    np.testing.assert_array_equal(sound, between(32, 40))
    assert until == [113.0]


def test_what_comes_as_time_goes_by_is_passed_on():
    sound, until = rejoined(between(0, 20), sent(14, 22, 103.0, at_once=1), 103.0)
    np.testing.assert_array_equal(sound, between(14, 22))
    assert until == [102.0]


def test_nothing_new_is_waited_for():
    """Only what was heard is sent, and 9 s later what follows."""
    after = [*sent(14, 20, 103.0, at_once=6), *sent(20, 23, 112.0, at_once=1)]
    after[5] = Heard(after[5].samples, 104.0)
    sound, until = rejoined(between(0, 20), after, 103.0)
    np.testing.assert_array_equal(sound, between(20, 23))
    assert until == [111.0]


def test_it_breaks_off_in_the_midst_of_what_is_held_back():
    def breaks():
        yield from [GONE, Turn("live", 103.0), Away(100.0, 102.0, "gone")]
        yield from sent(30, 33, 103.0, at_once=5)
        raise FetchError("broke off")

    told = []
    with pytest.raises(FetchError):
        told.extend(Rejoin(RATE_HZ, lambda most: between(0, 20)[-most:]).run(breaks()))
    told = []
    walk = Rejoin(RATE_HZ, lambda most: between(0, 20)[-most:]).run(breaks())
    with pytest.raises(FetchError):
        for what in walk:
            told.append(what)
    assert len([what for what in told if isinstance(what, Heard)]) == 3


@pytest.mark.parametrize(
    ("heard", "again", "known"),
    [
        (between(0, 20), between(12, 30), 8 * RATE_HZ),
        (between(0, 20), between(12, 15), 3 * RATE_HZ),  # all of it
        (between(0, 20), between(30, 40), 0),
        (between(0, 20), 0.0 * between(0, 5), 0),  # silence is like any other
        (between(0, 0.5), between(0, 5), 0),
        (between(18, 20), between(10, 30), 10 * RATE_HZ),  # little was heard since an outage
        (between(18, 20), between(10, 19.5), round(9.5 * RATE_HZ)),  # all of it
    ],
)
def test_how_much_is_sent_again(heard, again, known):
    assert repeated(heard, again, known, RATE_HZ) == known


def test_little_that_was_heard_does_not_swallow_what_is_new():
    """It comes once more 25 s later, and a loop is no reason to leave those out."""
    again = np.concatenate([between(10, 45), between(18, 20), between(45, 50)])
    assert repeated(between(18, 20), again, 2 * RATE_HZ, RATE_HZ) == 10 * RATE_HZ
    assert repeated(between(18, 20), again[20 * RATE_HZ :], 0, RATE_HZ) == 0


def test_of_loops_the_nearest_is_taken():
    loop = np.tile(between(0, 2), 10)
    for expected_s in (4.0, 8.0):
        found = repeated(loop, loop[: 12 * RATE_HZ], round(expected_s * RATE_HZ), RATE_HZ)
        assert found == expected_s * RATE_HZ
