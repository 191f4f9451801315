"""Files of weights: right ones are read bit for bit, wrong ones are one sentence, none is run."""

from __future__ import annotations

import pickle
import struct
import zipfile
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.errors import CheckpointError, UntrustedCheckpointError
from earmark.sound.checkpoint import read_checkpoint

TENSORS = {
    "a.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "a.bias": np.array([0.5, -1.5]),
    "half": np.array([[1.5]], np.float16),
    "count": np.array(3, np.int64),
}
FORMATS = ("zip", "old")


def written(file, form, path):
    return getattr(file, form)(path)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("nested", ["", "model", "state_dict"])
def test_tensors_come_back_bit_for_bit(torch_file, tmp_path, form, nested):
    found = read_checkpoint(written(torch_file(TENSORS, nested), form, tmp_path / "w.pt"))
    assert list(found) == list(TENSORS)
    for name, array in TENSORS.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)


@pytest.mark.parametrize("form", FORMATS)
def test_a_transposed_view_is_read_by_its_strides(torch_file, tmp_path, form):
    file = torch_file({"w": TENSORS["a.weight"]}, shapes={"w": (2, (4, 3), (1, 4))})
    found = read_checkpoint(written(file, form, tmp_path / "w.pt"))
    flat = TENSORS["a.weight"].ravel()
    assert np.array_equal(found["w"], [[flat[2 + i + 4 * j] for j in range(3)] for i in range(4)])


@pytest.mark.parametrize("old", [False, True])
def test_what_torch_itself_writes(tmp_path, old):
    torch = pytest.importorskip("torch")
    state = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3)).state_dict()
    state["parameter"] = torch.nn.Parameter(torch.ones(2, 3).T)
    sampler = {"indexes": np.arange(5), "one": np.int64(3), "list": [np.float32(1.0), "x"]}
    whole = {"iteration": 3, "model": state, "sampler": sampler}
    torch.save(whole, tmp_path / "w.pth", _use_new_zipfile_serialization=not old)
    found = read_checkpoint(tmp_path / "w.pth")
    assert list(found) == list(state)
    assert all(np.array_equal(found[name], state[name].detach().numpy()) for name in state)


class Evil:
    def __init__(self, call, *arguments):
        self.does = (call, arguments)

    def __reduce__(self):
        return self.does


HOSTILE = {
    "os.system": b"cos\nsystem\nX\x02\x00\x00\x00id\x85R",
    "posix.system": b"cposix\nsystem\nX\x02\x00\x00\x00id\x85R",
    "builtins.eval": b"cbuiltins\neval\nX\x01\x00\x00\x001\x85R",
    "builtins.getattr": b"cbuiltins\ngetattr\n0N",
    "torch.load": b"ctorch\nload\n0N",
    "torch.storage._load_from_bytes": b"ctorch.storage\n_load_from_bytes\n0N",
    "numpy.load": b"cnumpy\nload\n0N",
    "subprocess.Popen": b"X\x0a\x00\x00\x00subprocessX\x05\x00\x00\x00Popen\x93)R",
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_foreign_name_is_refused_and_told(torch_file, raw, tmp_path, form, name):
    file = torch_file(TENSORS, extra={"x": raw(HOSTILE[name])})
    with pytest.raises(UntrustedCheckpointError, match=name) as refused:
        read_checkpoint(written(file, form, tmp_path / "w.pt"))
    assert "w.pt asks for" in refused.value.message


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_protocol_runs_code(tmp_path, protocol):
    mark = tmp_path / "ran"
    data = pickle.dumps({"model": Evil(exec, f"open({str(mark)!r}, 'w')")}, protocol)
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as archive:
        archive.writestr("archive/data.pkl", data)
    (tmp_path / "bare.pt").write_bytes(data)
    for name in ("w.pt", "bare.pt"):
        with pytest.raises(CheckpointError):
            read_checkpoint(tmp_path / name)
    assert not mark.exists()


def test_arrays_of_numpy_are_passed_over_and_never_made(torch_file, raw, tmp_path):
    # An array of objects would unpickle whatever lies in it: here it is not made at all.
    inner = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    inner += b"(K\x01K\x01\x85cnumpy\ndtype\nX\x02\x00\x00\x00O8K\x00K\x01\x87R\x89]Nat" + b"b"
    file = torch_file(TENSORS, extra={}).zip
    path = torch_file(TENSORS, "model").zip(tmp_path / "w.pt")
    assert read_checkpoint(path)
    path = torch_file({**TENSORS}, extra={"x": raw(inner)}).zip(tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="'x' is no tensor"):
        read_checkpoint(path)
    assert file


WRONG = {
    "reaches beyond": (0, (25,), (1,)),
    "offset": (1, (2, 3, 4), (12, 4, 1)),
    "negative stride": (0, (2,), (-1,)),
    "negative offset": (-1, (2,), (1,)),
    "terabytes": (0, (1 << 40,), (0,)),
    "huge stride": (0, (2,), (1 << 62,)),
    "no tuple": (0, 3, (1,)),
    "unlike": (0, (2, 3), (1,)),
    "text": (0, ("2",), (1,)),
    "deep": (0, (1,) * 9, (1,) * 9),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("what", WRONG)
def test_a_shape_never_leaves_its_storage(torch_file, tmp_path, form, what):
    file = torch_file({"w": TENSORS["a.weight"]}, shapes={"w": WRONG[what]})
    with pytest.raises(CheckpointError, match=r"w\.pt is no checkpoint of torch, or is damaged"):
        read_checkpoint(written(file, form, tmp_path / "w.pt"))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("count", [25, -1, 1 << 62])
def test_a_storage_never_leaves_the_file(torch_file, tmp_path, form, count):
    file = torch_file({"w": TENSORS["a.weight"]}, counts={"w": count})
    with pytest.raises(CheckpointError):
        read_checkpoint(written(file, form, tmp_path / "w.pt"))


def test_a_packed_zip_is_refused(torch_file, tmp_path):
    bomb = torch_file({"w": np.zeros(10_000_000, np.float32)}).zip(tmp_path / "w.pt", packed=True)
    assert bomb.stat().st_size < 100_000
    with pytest.raises(CheckpointError, match="packed"):
        read_checkpoint(bomb)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_cut_short_is_told(torch_file, tmp_path, form):
    whole = written(torch_file(TENSORS), form, tmp_path / "w.pt").read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "cut.pt").write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="fetch the model again"):
            read_checkpoint(tmp_path / "cut.pt")


@pytest.mark.parametrize("data", [b"", b"hello\n" * 50, b"PK\x03\x04", bytes(1000)])
def test_what_is_no_checkpoint_at_all(tmp_path, data):
    (tmp_path / "w.pt").write_bytes(data)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        read_checkpoint(tmp_path / "w.pt")


def test_a_memo_of_four_thousand_million_costs_nothing(torch_file, raw, tmp_path):
    big = raw(b"N" + b"r" + struct.pack("<I", 0xFFFFFFFF))
    path = torch_file(TENSORS, extra={"x": big}).zip(tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="'x' is no tensor"):
        read_checkpoint(path)


def test_a_table_is_not_keyed_by_nested_tuples(torch_file, raw, tmp_path):
    deep = raw(b"})" + b"\x85" * 100_000 + b"Ns")
    path = torch_file(TENSORS, extra={"x": deep}).zip(tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="keys are no names"):
        read_checkpoint(path)


@pytest.mark.parametrize("form", FORMATS)
def test_spoilt_bytes_raise_nothing_else(torch_file, tmp_path, form):
    whole = written(torch_file(TENSORS, "model"), form, tmp_path / "w.pt").read_bytes()
    path = tmp_path / "spoilt.pt"

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(
            st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), min_size=1, max_size=8
        ),
        st.integers(0, len(whole)),
        st.binary(max_size=12),
    )
    def spoil(changes, at, inserted):
        data = bytearray(whole)
        for where, value in changes:
            data[where] = value
        data[at:at] = inserted
        path.write_bytes(data)
        with suppress(CheckpointError):
            found = read_checkpoint(path)
            assert all(np.asarray(array).sum() is not None for array in found.values())

    spoil()
