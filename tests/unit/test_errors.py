from __future__ import annotations

import inspect
import re

import pytest

from earmark import errors
from earmark.cli.errors import exit_code

TREE = [
    c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__
]
LEAVES = [c for c in TREE if not c.__subclasses__()]


def test_the_tree_is_drawn_in_full():
    drawn = set(re.findall(r"\w+Error", errors.__doc__))
    assert drawn == {c.__name__ for c in TREE}


def test_codes_are_stable_names_and_each_is_used_once():
    codes = [c.code for c in TREE]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z_]+", code) for code in codes)


@pytest.mark.parametrize("kind", LEAVES, ids=lambda c: c.__name__)
def test_every_error_has_an_exit_code_of_its_branch(kind):
    wanted = {
        errors.UsageError: 2,
        errors.RequestError: 2,
        errors.InputError: 3,
        errors.StoreError: 4,
    }
    branch = next(b for b in wanted if issubclass(kind, b))
    assert exit_code(kind("x")) == wanted[branch]


def test_a_message_is_its_sentence():
    assert errors.UsageError("no").message == "no"
    assert errors.DiskFullError().message == "disk_full"
