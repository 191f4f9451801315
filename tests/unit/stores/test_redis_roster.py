"""Which numbers an index holds: the same for every process, whatever is sent twice."""

from __future__ import annotations

import uuid
from contextlib import closing

import numpy as np
import pytest

from earmark.errors import LibraryParametersError
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_roster import Guard, MovedEpochError, Roster, RosterView


class TwiceClient(RedisClient):
    """Sends every request again, as if the first answer had been lost on the way."""

    def call(self, *command):
        super().call(*command)
        return super().call(*command)


@pytest.fixture(params=[RedisClient, TwiceClient])
def client(request, redis_host):
    address = RedisAddress("127.0.0.1", redis_host.port, namespace=uuid.uuid4().hex)
    with closing(request.param(address)) as client:
        yield client


def roster_of(client, digest="d1") -> Roster:
    return Roster(client, "recording", "postings", digest)


def test_an_empty_roster(client):
    view = roster_of(client).view()
    assert view == RosterView()
    assert view.known().tolist() == []
    assert view.has(np.array([0, 5])).tolist() == [False, False]


def test_what_one_enrols_another_sees(client):
    one, two = roster_of(client), roster_of(client)
    one.enrol(0, {3: 10, 900: 5})
    one.enrol(0, {3: 10, 4: 1})
    view = two.view()
    assert view.known().tolist() == [3, 4, 900]
    assert view.known().dtype == np.int64
    assert (view.items, view.total) == (3, 16)
    assert view.has(np.array([-1, 3, 5, 900, 2**31])).tolist() == [False, True, False, True, False]
    two.strike(0, {900: 5, 77: 1})
    assert (one.view().items, one.view().total) == (2, 11)
    assert one.view().known().tolist() == [3, 4]


def test_a_view_that_is_fresh_costs_one_round_trip(client):
    roster = roster_of(client)
    roster.enrol(0, {1: 1})
    roster.view()
    before = client.round_trips
    first = roster.view()
    once = client.round_trips - before
    assert roster.view(client.call(*roster.question())) is first
    assert once == (2 if isinstance(client, TwiceClient) else 1)


def test_another_digest_is_refused(client):
    roster_of(client).enrol(0, {1: 1})
    other = roster_of(client, "d2")
    for call in (other.view, lambda: other.enrol(0, {2: 1})):
        with pytest.raises(LibraryParametersError, match="earmark rebuild"):
            call()
    assert roster_of(client).view().known().tolist() == [1]


def test_dropping_begins_anew_and_late_writers_notice(client):
    one, two = roster_of(client), roster_of(client, "d2")
    one.enrol(0, {1: 1, 2: 1})
    assert two.drop() == 0
    assert two.view().epoch == 1
    assert two.view().known().tolist() == []
    with pytest.raises(MovedEpochError):
        two.enrol(0, {9: 1})
    two.enrol(1, {5: 7})
    view = two.view()
    assert (view.known().tolist(), view.items, view.total) == ([5], 1, 7)
    with pytest.raises(LibraryParametersError):
        one.view()
    assert two.drop() == 1
    assert roster_of(client).drop() == 2
    names = client.call("KEYS", client.key("*"))
    assert names == [two.meta.encode()]


def test_a_guard_that_has_changed_keeps_numbers_out(client):
    roster = roster_of(client)
    client.call("HSET", client.key("g"), "f", 4)
    roster.enrol(0, {1: 1}, Guard(client.key("g"), "f", 4))
    with pytest.raises(MovedEpochError):
        roster.enrol(0, {2: 1}, Guard(client.key("g"), "f", 5))
    assert roster.view().known().tolist() == [1]
