import time
from typing import Annotated

import pytest
from fastapi import Depends

from earmark.config import ServeSettings
from earmark.keys import make_key
from earmark.service.auth import Caller, needs
from earmark.service.door import keyring


@pytest.fixture(autouse=True)
def probes(house_app):
    """An address for each scope, which tells who asked."""

    def probe(scope):
        async def tell(caller: Annotated[Caller, Depends(needs(scope))]) -> list[str]:
            return [caller.key_id or "", *sorted(caller.scopes)]

        house_app.add_api_route(f"/v1/probe/{scope}", tell)

    for scope in ("read", "write", "admin"):
        probe(scope)


def statuses(client):
    return [client.get(f"/v1/probe/{scope}").status_code for scope in ("read", "write", "admin")]


def test_without_keys_this_machine_may_do_everything(client):
    assert statuses(client) == [200, 200, 200]
    about = client.get("/v1").json()
    assert about["needs_key"] is False
    assert about["scopes"] == ["read", "write", "admin"]


def test_each_scope_includes_the_lower_ones(keyed):
    assert statuses(keyed("read")) == [200, 403, 403]
    assert statuses(keyed("write")) == [200, 200, 403]
    assert statuses(keyed("admin")) == [200, 200, 200]
    assert keyed("write").get("/v1").json()["scopes"] == ["read", "write"]


def test_one_key_closes_the_door_for_those_without(keyed):
    client = keyed(None)
    answer = client.get("/v1/probe/read")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "unauthorized"
    assert "Authorization: Bearer" in answer.json()["detail"]
    about = client.get("/v1")
    assert (about.status_code, about.json()["needs_key"], about.json()["scopes"]) == (200, True, [])


def test_too_little_is_told_with_its_remedy(keyed):
    answer = keyed("read").get("/v1/probe/admin")
    assert answer.json()["code"] == "forbidden"
    assert "earmark keys add --scope admin" in answer.json()["detail"]


@pytest.mark.parametrize(
    "bad",
    [
        "Bearer ek_abcdefgh23_" + "x" * 43,
        "Bearer",
        "Bearer nonsense",
        "Basic dXNlcjpwYXNz",
        "ek_abcdefgh23_" + "x" * 43,
        "Bearer \x00\xff",
    ],
)
def test_a_bad_key_opens_nothing_not_even_what_needs_none(keyed, bad):
    client = keyed(None)
    for path in ("/v1/probe/read", "/v1"):
        assert client.get(path, headers={"Authorization": bad.encode("latin-1")}).status_code == 401


def test_a_wrong_secret_under_a_known_id_is_refused(keyed, ledger):
    known = ledger.keys()[0].id
    header = {"Authorization": f"Bearer ek_{known}_" + "A" * 43}
    assert keyed(None).get("/v1/probe/read", headers=header).status_code == 401


def test_expired_and_revoked_keys_are_refused(keyed, ledger, monkeypatch):
    monkeypatch.setattr(keyring, "FRESH_S", 0.0)
    late, late_text = make_key("late", ["admin"], 1.0, time.time() - 2 * 86_400)
    gone, gone_text = make_key("gone", ["admin"], None, time.time())
    ledger.add_key(late)
    ledger.add_key(gone)
    client = keyed(None)

    def status(text):
        header = {"Authorization": f"Bearer {text}"}
        return client.get("/v1/probe/read", headers=header).status_code

    assert (status(late_text), status(gone_text)) == (401, 200)
    ledger.revoke_key(gone.id, time.time())
    assert status(gone_text) == 401


def test_a_revocation_elsewhere_acts_once_the_keys_are_read_again(keyed, ledger, monkeypatch):
    assert keyring.FRESH_S <= 2.0
    monkeypatch.setattr(keyring, "FRESH_S", 0.2)
    client = keyed("read")
    assert client.get("/v1/probe/read").status_code == 200
    key_id = client.get("/v1/probe/read").json()[0]
    ledger.revoke_key(key_id, time.time())
    ends_at = time.monotonic() + 2.0
    while client.get("/v1/probe/read").status_code == 200:
        assert time.monotonic() < ends_at
        time.sleep(0.02)


class TestOpen:
    @pytest.fixture
    def options(self):
        return ServeSettings(host="192.0.2.1", open=True, threads=1, rate_per_minute=0, grace_s=1.0)

    def test_open_lets_everyone_in_although_there_are_keys(self, keyed):
        assert statuses(keyed(None)) == [200, 200, 200]
        key_id, *scopes = keyed("read").get("/v1/probe/admin").json()
        assert key_id, "who sends a key is known by it"
        assert scopes == ["admin", "read", "write"]


class TestFarAddress:
    @pytest.fixture
    def options(self):
        return ServeSettings(host="192.0.2.1", threads=1, rate_per_minute=0, grace_s=1.0)

    def test_no_keys_elsewhere_means_nobody(self, client):
        assert statuses(client) == [401, 401, 401]


class TestRate:
    @pytest.fixture
    def options(self):
        return ServeSettings(threads=1, rate_per_minute=6, grace_s=1.0)

    def test_each_key_has_its_rate_and_bad_keys_that_of_their_address(self, keyed):
        client = keyed("read")
        assert client.get("/v1/probe/read").status_code == 200
        refused = client.get("/v1/probe/read")
        assert refused.status_code == 429
        assert refused.json()["code"] == "rate_limited"
        assert 1 <= int(refused.headers["retry-after"]) <= 10
        assert keyed("write").get("/v1/probe/read").status_code == 200
        bad = {"Authorization": "Bearer no"}
        found = [keyed(None).get("/v1/probe/read", headers=bad).status_code for _ in range(3)]
        assert found == [401, 429, 429]


def test_a_key_that_another_process_just_made_is_taken_soon(keyed, ledger):
    client = keyed("admin")
    assert client.get("/v1").status_code == 200  # the keys have been read by now
    record, secret = make_key("late", ("read",), None, time.time())
    ledger.add_key(record)
    time.sleep(keyring.DOUBT_S + 0.05)
    header = {"Authorization": f"Bearer {secret}"}
    assert client.get("/v1", headers=header).json()["scopes"] == ["read"]


def test_unknown_keys_do_not_make_it_read_each_time(keyed, ledger, monkeypatch):
    client = keyed("admin")
    client.get("/v1")
    reads, read = [], ledger.keys
    monkeypatch.setattr(ledger, "keys", lambda: reads.append(1) or read())
    monkeypatch.setattr(keyring, "DOUBT_S", 1000.0)
    header = {"Authorization": "Bearer ek_" + "a" * 10 + "_" + "b" * 43}
    assert {client.get("/v1", headers=header).status_code for _ in range(5)} == {401}
    assert len(reads) <= 1
