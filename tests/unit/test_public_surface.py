from __future__ import annotations

import subprocess
import sys

import pytest

import earmark


def test_every_public_name_is_there():
    assert sorted(earmark.__all__) == list(earmark.__all__)
    for name in earmark.__all__:
        assert getattr(earmark, name) is not None
    assert set(earmark.__all__) <= set(dir(earmark))


def test_every_error_is_public():
    from earmark import errors

    tree = {name for name in vars(errors) if name.endswith("Error")}
    assert tree <= set(earmark.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        earmark.nonsense  # noqa: B018


@pytest.mark.parametrize(
    ("imported", "absent"),
    [
        ("earmark", "numpy"),
        ("earmark.library", "av soundfile soxr rich typer subprocess"),
        ("earmark.cli.main", "av soundfile soxr rich sqlite3 earmark.library"),
    ],
)
def test_heavy_imports_wait(imported, absent):
    program = (
        f"import sys, {imported}\nfound = set({absent.split()!r}) & sys.modules.keys()\n"
        "assert not found, found"
    )
    subprocess.run(
        [sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
