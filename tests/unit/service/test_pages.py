from __future__ import annotations

import hashlib
import re

import pytest

from earmark.service.pages import WEB


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_are_whole_and_ask_no_other_host(client, path):
    page = client.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert named
    for address in named:
        if not address.startswith(("data:", "#")):
            assert address.startswith("/"), address
            assert client.get(address).status_code == 200, address
    assert "<script>" not in page.text
    assert client.head(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../service/app.py",
        "/static/..%2fservice%2fapp.py",
        "/static/%2e%2e/service/app.py",
        "/static//etc/passwd",
        "/static/..\\service\\app.py",
        "/static/docs/%00",
        "/static/" + "a" * 5000,
        "/static/",
        "/static/docs",
    ],
)
def test_nothing_outside_the_pages_folder_is_served(client, path):
    answer = client.get(path)
    assert answer.status_code in (400, 404, 422)
    assert answer.json()["code"] in ("no_such_page", "invalid_request")
    assert "create_app" not in answer.text


def test_the_vendored_interface_is_small_licensed_and_as_it_came():
    docs = WEB / "docs"
    told = (docs / "README.md").read_text()
    files = [docs / "swagger-ui-bundle.js", docs / "swagger-ui.css"]
    for file in files:
        assert f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" in told
    assert sum(file.stat().st_size for file in files) < 2_000_000
    for name in ("LICENSE", "NOTICE"):
        assert (docs / name).stat().st_size > 0
