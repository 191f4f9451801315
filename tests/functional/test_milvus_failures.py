"""A real Milvus that is away, refuses, hangs, dies or is not the one that was meant."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import numpy as np
import pytest

from earmark.errors import (
    DamagedIndexError,
    ExtraMissingError,
    LibraryParametersError,
    StoreUnavailableError,
)
from earmark.ports import Embedded
from earmark.stores.milvus import MilvusVectorStore, discard
from earmark.stores.milvus_address import milvus_address
from earmark.stores.milvus_client import Patience, forget

DIMENSION = 8
QUICK = Patience(connect_s=3, ask_s=5, write_s=3)


def item(number: int, windows: int = 5) -> Embedded:
    rng = np.random.default_rng(number)
    vectors = rng.standard_normal((windows, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Embedded(number, vectors, np.arange(windows), np.ones(windows), b"%d" % number)


def opened(address, index="v", dimension=DIMENSION, digest="d", patience=QUICK):
    return MilvusVectorStore(address, "failing", index, dimension, digest, patience=patience)


def test_nothing_listens():
    address = milvus_address("http://127.0.0.1:1?ns=x")
    with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:1 cannot be reached; start it"):
        opened(address).known()


@pytest.mark.parametrize("token", ["root:Wrong", "nobody:Milvus", ""])
def test_a_wrong_password_is_refused_and_never_shown(milvus_server, token):
    address = milvus_address(f"http://{token}@127.0.0.1:{milvus_server.port}?ns=x")
    with pytest.raises(StoreUnavailableError, match="refuses the user, password") as caught:
        opened(address).known()
    assert "Wrong" not in str(caught.value) + repr(address)
    assert "EARMARK_MILVUS_TOKEN" in caught.value.message


def test_a_database_that_is_not_there(server_address):
    address = replace(server_address, database="elsewhere")
    with pytest.raises(StoreUnavailableError, match="no database 'elsewhere'"):
        opened(address).known()


def test_tls_where_there_is_none(server_address):
    address = replace(server_address, place=server_address.place.replace("http", "https"))
    with pytest.raises(StoreUnavailableError, match="TLS"):
        opened(address).known()


@pytest.mark.parametrize("kind", ["lite", "server"])
def test_an_index_of_other_parameters_is_refused_and_can_be_dropped(request, kind):
    address = request.getfixturevalue(f"{kind}_address")
    one = opened(address, "other")
    one.add([item(1)])
    one.flush()
    for other in (
        opened(address, "other", dimension=9),
        opened(address, "other", digest="e"),
    ):
        with pytest.raises(LibraryParametersError, match="run `earmark rebuild`"):
            other.search(np.ones((1, other._dimension), np.float32), 1)
    other.drop()
    assert other.known().tolist() == []
    other.add([item(1)])
    other.flush()
    assert opened(address, "other", digest="e").known().tolist() == [1]


def test_a_server_that_hangs_in_the_middle_of_a_flush(milvus_server, server_address):
    store = opened(server_address, "hangs", patience=Patience())
    store.add([item(1)])
    store.flush()
    hasty = opened(server_address, "hangs")
    hasty.add(item(n) for n in range(2, 30))
    milvus_server.order("freeze")
    try:
        with pytest.raises(StoreUnavailableError, match="did not answer in time"):
            hasty.flush()
    finally:
        milvus_server.order("thaw")
    milvus_server.ready()
    patient = opened(server_address, "hangs", patience=Patience())
    assert patient.known().tolist() in ([1], list(range(1, 30)))
    patient.add(item(n) for n in range(2, 30))
    patient.flush()
    assert patient.verify() == []
    assert patient.known().tolist() == list(range(1, 30))


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(milvus_server, server_address):
    patient = Patience(ask_s=120, write_s=120)
    store = opened(server_address, "killed", patience=patient)
    store.add(item(n) for n in range(20))
    store.flush()
    # The next step is cut off after its windows, before its rows of tracks.
    store.add(item(n) for n in range(20, 40))
    put = type(store._tracks).put

    def killed(*_):
        milvus_server.order("kill")
        raise StoreUnavailableError("killed")

    type(store._tracks).put = killed
    try:
        with pytest.raises(StoreUnavailableError):
            store.flush()
    finally:
        type(store._tracks).put = put
    assert store.known().tolist() == list(range(40))  # pending ones are found as before
    milvus_server.order("start")
    milvus_server.ready()
    forget(server_address)
    reader = opened(server_address, "killed", patience=patient)
    assert reader.known().tolist() == list(range(20))
    found = reader.search(item(30).vectors, 200)
    assert set(found.number[found.number >= 0].tolist()) == set(range(20))
    store.flush()
    assert store.verify() == []
    reader.reload()
    assert reader.known().tolist() == list(range(40))
    assert reader.search(item(30).vectors, 1).number.tolist() == [[30]] * 5


def test_a_file_that_another_process_uses(tmp_path):
    path = tmp_path / "vectors.db"
    program = f"""
        import sys
        from milvus_lite.db import MilvusLite
        held = MilvusLite({str(path)!r})
        print("held", flush=True)
        sys.stdin.read()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StoreUnavailableError, match="in use by another process"):
            opened(milvus_address(str(path))).known()
        other.stdin.close()


def test_a_file_that_is_none(tmp_path):
    path = tmp_path / "vectors.db"
    path.write_bytes(b"not a Milvus")
    with pytest.raises((StoreUnavailableError, DamagedIndexError), match=r"vectors\.db"):
        opened(milvus_address(str(path))).known()


def test_a_damaged_file_says_so(tmp_path):
    address = milvus_address(str(tmp_path / "vectors.db")).named("x")
    store = opened(address)
    store.add([item(1)])
    store.flush()
    forget(address)
    for path in (tmp_path / "vectors.db").rglob("*"):
        if path.is_file() and path.name != "LOCK":
            path.write_bytes(b"\0" * max(20, path.stat().st_size // 2))
    try:
        with pytest.raises(DamagedIndexError, match="rebuild"):
            opened(address).search(item(1).vectors, 1)
    finally:
        forget(address)


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(ExtraMissingError, match=r"pip install 'earmark\[milvus\]'"):
        opened(milvus_address("http://127.0.0.1:2?ns=x")).known()


WRITER = """
    import sys
    sys.path[:0] = {paths!r}
    from test_milvus_failures import item, opened
    from earmark.stores.milvus_address import milvus_address
    store = opened(milvus_address({path!r}).named("x"))
    for number in range(len(store.known()), 10_000, 3):
        store.add(item(n) for n in range(number, number + 3))
        store.flush()
        print(number + 3, flush=True)
"""


def test_a_writer_of_a_lite_file_is_killed_again_and_again(tmp_path):
    """All that was acknowledged is there, or the file is called damaged and can be made anew.

    Lite itself is not always whole after a kill (docs/milvus.md).
    """
    path = str(tmp_path / "vectors.db")
    program = textwrap.dedent(WRITER).format(paths=[os.path.dirname(__file__)], path=path)  # noqa: PTH120
    rng = np.random.default_rng(11)
    address = milvus_address(path).named("x")
    damaged = 0
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as writer:
            acknowledged = int(writer.stdout.readline())
            time.sleep(rng.uniform(0, 0.4))
            writer.send_signal(signal.SIGKILL)
            acknowledged = max([acknowledged, *map(int, writer.stdout.read().split()[:-1] or [0])])
        try:
            if not _sound(opened(address), acknowledged):
                damaged += 1
                discard(address, "failing")
        except DamagedIndexError:
            damaged += 1
            shutil.rmtree(path)
        finally:
            forget(address)
    assert damaged < 5


def _sound(store, acknowledged) -> bool:
    known = store.known().tolist()
    assert known == list(range(len(known)))
    assert len(known) >= acknowledged
    assert len(known) % 3 == 0
    found = store.search(item(0).vectors, 5000)
    assert set(found.number[found.number >= 0].tolist()) == set(known)
    store.flush()  # ends what was cut off
    faults = store.verify()
    assert all("run `earmark rebuild`" in fault for fault in faults)
    return not faults
