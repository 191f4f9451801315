import pytest

from earmark.monitor.wallclock import WINDOW_S, Zero


def arrive(zero, pairs):
    return [zero.arrived(now, heard_s) for now, heard_s in pairs][-1]


def test_a_burst_at_the_start_is_older_than_it_seems():
    zero = Zero(1000.0, follows=True)
    burst = [(1001.0, float(second)) for second in range(1, 6)]
    assert arrive(zero, [*burst, (1002.0, 6.0), (1003.5, 7.0)]) == 996.0


def test_what_is_not_live_stays_where_it_began():
    assert arrive(Zero(1000.0, follows=False), [(1001.0, 3600.0)]) == 1000.0


def test_a_sender_that_runs_slow_moves_it_forward():
    """A clock 100 ppm slow is 8.6 s behind after a day; nothing but arrivals can tell."""
    zero = Zero(0.0, follows=True)
    day = [(now, now * (1 - 1e-4)) for now in range(1, 86_400, 5)]
    assert arrive(zero, day) == pytest.approx(8.64, abs=2 * WINDOW_S * 1e-4)


def test_a_hiccup_that_is_made_up_for_moves_nothing():
    zero = Zero(0.0, follows=True)
    steady = [(now, float(now)) for now in range(1, 400)]
    late = [(420.0, float(heard)) for heard in range(400, 421)]
    assert arrive(zero, [*steady, *late]) == 0.0
