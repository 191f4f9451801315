"""Addresses, names, keys, sizes and errors of the Milvus store: what needs no Milvus."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
from pymilvus.exceptions import MilvusException

from earmark.errors import DamagedIndexError, StoreUnavailableError, UsageError
from earmark.stores.milvus_address import MilvusAddress, milvus_address
from earmark.stores.milvus_errors import NotLoadedError, meant
from earmark.stores.milvus_schema import (
    Held,
    IndexSizes,
    Names,
    asked,
    listed,
    prefix,
    window_ids,
)
from earmark.stores.milvus_windows import Found


@pytest.mark.parametrize(
    ("text", "uri", "namespace", "token"),
    [
        ("http://host", "http://host:19530", "", ""),
        ("https://host:443/music?ns=A1", "https://host:443/music", "A1", ""),
        ("http://ann:s%40t@host:1/", "http://host:1", "", "ann:s@t"),
        ("http://[::1]:19530", "http://[::1]:19530", "", ""),
    ],
)
def test_an_address_is_taken_apart(text, uri, namespace, token):
    address = milvus_address(text)
    assert (address.uri, address.namespace, address.token) == (uri, namespace, token)
    assert not address.lite
    assert "s@t" not in repr(address) + str(address)


def test_a_token_from_elsewhere_and_a_file(tmp_path, monkeypatch):
    assert milvus_address("http://host", "key").token == "key"
    assert milvus_address("http://a:b@host", "key").token == "a:b"
    monkeypatch.chdir(tmp_path)
    lite = milvus_address("some/vectors.db")
    assert lite.lite
    assert lite.place == str(tmp_path / "some" / "vectors.db")
    assert lite.named("x").named("y").namespace == "x"
    assert milvus_address("embedded") is None


@pytest.mark.parametrize(
    "text",
    [
        "milvus",
        "ftp://host",
        "http://",
        "http://host:port",
        "http://user:secret@host?table=1",
        "http://user:secret@host?ns=",
        "http://user:secret@host?ns=a_b",
        "http://user:secret@host/a-b",
        "http://host#part",
    ],
)
def test_what_is_no_address_is_a_usage_error_without_secrets(text):
    with pytest.raises(UsageError, match=r"--vectors wants embedded, PATH\.db or http") as caught:
        milvus_address(text)
    assert "secret" not in caught.value.message


def test_names_of_different_engines_never_meet():
    assert Names("n1", "melody", "vectors").windows == "earmark_n1_melody_vectors"
    assert Names("n1", "melody", "vectors").tracks == "earmark_n1_melody_vectors_tracks"
    odd = Names("n1", "a_b", "c-d").windows
    assert not odd.startswith(prefix("n1", "a"))
    assert odd.startswith(prefix("n1", "a_b"))
    assert odd.replace("_", "").isalnum()


def test_the_index_grows_at_once_and_shrinks_late():
    sizes = IndexSizes(flat_most=100, hnsw_most=1000)
    steps = [(100, "FLAT"), (101, "HNSW"), (51, "HNSW"), (50, "FLAT"), (5000, "IVF_SQ8")]
    steps += [(501, "IVF_SQ8"), (500, "HNSW"), (10, "FLAT"), (2000, "IVF_SQ8"), (0, "FLAT")]
    kind = "FLAT"
    for windows, wanted in steps:
        kind = sizes.wanted(windows, kind)
        assert kind == wanted, windows
    assert sizes.wanted(500, "of another program") == "HNSW"
    assert asked("HNSW", 1000)["ef"] >= 2000
    assert asked("HNSW", 16_384)["ef"] <= 32_768
    assert asked("FLAT", 10) == {}


def test_keys_are_apart_and_bounded():
    assert window_ids(3, 4).start > window_ids(2, 1 << 24)[-1]
    for number, count in ((-1, 1), (1 << 38, 1), (1, (1 << 24) + 1)):
        with pytest.raises(ValueError, match="no room"):
            window_ids(number, count)
    assert [len(eval(text.partition(" in ")[2])) for text in listed(range(5000))] == [4096, 904]
    assert list(listed([])) == []


def test_what_is_held():
    held = Held.of([(5, 1), (2, 3), (9, 0)])
    assert held.numbers.tolist() == [2, 5, 9]
    assert held.total == 4
    assert held.has(np.array([5, 6, 10, 2])).tolist() == [True, False, False, True]
    assert not Held.none().has(np.array([1])).any()
    assert held.without([5]).plus(Held.of([(9, 7), (1, 1)])).windows.tolist() == [1, 3, 7]
    assert held.only(np.array([9, 5, 4])).numbers.tolist() == [5, 9]


def test_found_windows_come_by_similarity_then_number_then_start_then_row():
    def part(*rows):
        columns = np.array(rows, float).T
        whole = (column.astype(np.int64) for column in columns[:4])
        return Found(*whole, columns[4].astype(np.float32))

    one = part((7, 0, 1, 0, 0.5), (3, 9, 1, 1, 0.5))
    other = part((3, 2, 1, 5, 0.5), (3, 2, 1, 4, 0.5), (1, 0, 1, 0, 0.4), (9, 0, 1, 0, 0.9))
    found = Found.of([one, other])
    places = list(zip(found.number.tolist(), found.start.tolist(), found.row.tolist(), strict=True))
    assert places == [(9, 0, 0), (3, 2, 4), (3, 2, 5), (3, 9, 1), (7, 0, 0), (1, 0, 0)]
    assert found.first(2).number.tolist() == [9, 3]


class Refused(grpc.RpcError):
    def __init__(self, status, details=""):
        self._status, self._details = status, details

    def code(self):
        return self._status

    def details(self):
        return self._details


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (Refused(grpc.StatusCode.UNAUTHENTICATED), StoreUnavailableError, "refuses the user"),
        (Refused(grpc.StatusCode.PERMISSION_DENIED), StoreUnavailableError, "refuses the user"),
        (Refused(grpc.StatusCode.DEADLINE_EXCEEDED), StoreUnavailableError, "in time"),
        (Refused(grpc.StatusCode.UNAVAILABLE), StoreUnavailableError, "cannot be reached"),
        (
            Refused(grpc.StatusCode.UNAVAILABLE, "Ssl handshake failed"),
            StoreUnavailableError,
            "TLS",
        ),
        (MilvusException(800, "database not found"), StoreUnavailableError, "no database 'd'"),
        (MilvusException(101, "collection not loaded"), NotLoadedError, "in a moment"),
        (MilvusException(65535, "quota exceeded"), StoreUnavailableError, "quota exceeded"),
    ],
)
def test_every_error_becomes_a_sentence(error, kind, words):
    told = meant(MilvusAddress("http://host:1", "n", "d", "user:secret"), error)
    assert type(told) is kind
    assert words in told.message
    assert "secret" not in told.message


def test_an_error_of_a_file_is_damage():
    told = meant(MilvusAddress("/x/vectors.db"), MilvusException(1, "bad magic"))
    assert isinstance(told, DamagedIndexError)
    assert "bad magic" in told.message
