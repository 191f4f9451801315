from __future__ import annotations

import pytest

from earmark import RateLimitedError
from earmark.service.door.ratelimit import RateLimit


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def taken(rates, caller, times=1000):
    for count in range(times):
        try:
            rates.take(caller)
        except RateLimitedError:
            return count
    return times


def test_a_burst_then_a_steady_rate():
    clock = Clock()
    rates = RateLimit(60, clock)
    assert taken(rates, "a") == 10
    with pytest.raises(RateLimitedError, match="60 requests a minute") as refused:
        rates.take("a")
    assert 0 < refused.value.retry_after_s <= 1.0
    clock.now += 3.0
    assert taken(rates, "a") == 3
    clock.now += 3600.0
    assert taken(rates, "a") == 10, "a bucket holds no more than a burst"


def test_callers_have_buckets_of_their_own():
    rates = RateLimit(60, Clock())
    assert taken(rates, "a") == 10
    assert taken(rates, "b") == 10


def test_being_refused_costs_nothing():
    clock = Clock()
    rates = RateLimit(60, clock)
    taken(rates, "a")
    for _ in range(100):
        with pytest.raises(RateLimitedError):
            rates.take("a")
    clock.now += 1.0
    rates.take("a")


def test_memory_stays_bounded():
    rates = RateLimit(60, Clock(), callers=100)
    for number in range(1000):
        rates.take(str(number))
    assert len(rates) == 100


def test_zero_is_unbounded():
    assert taken(RateLimit(0), "a") == 1000
