"""A real service over a real library of three songs, one with keys and one without."""

from __future__ import annotations

import shutil
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile
import uvicorn
from fastapi import FastAPI

from earmark import Library, Settings
from earmark.bootstrap import open_ledger
from earmark.config import ServeSettings
from earmark.keys import make_key
from earmark.ports.ledger import Ledger
from earmark.service.app import create_app
from earmark.service.server import _config

with warnings.catch_warnings():
    # It would rather have httpx's successor; what earmark.client stands on serves it too.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

PLUGINS = Path(__file__).parents[2] / "plugins"
RATE_HZ = 16000


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory, song: Callable[..., object]) -> Path:
    """A folder with a library of the songs 0, 1 and 2 and their files; made once, only read."""
    folder = tmp_path_factory.mktemp("stock")
    paths = []
    for seed in range(3):
        paths.append(folder / f"{seed}.wav")
        soundfile.write(paths[-1], song(seed), RATE_HZ)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGINS))
        patch.setenv("PYTHONPATH", str(PLUGINS), prepend=":")
        settings = Settings(library=str(folder / "library"), workers=1, lock_wait_s=5.0)
        with Library.open(create=True, settings=settings) as library:
            assert library.add(paths).added == 3
    return folder


@pytest.fixture
def stocked(tones: None, settings: Settings, stock: Path) -> Iterator[Library]:
    """A library of three songs of the test's own."""
    shutil.copytree(stock / "library", settings.library)
    with Library.open(settings=settings) as library:
        yield library


@pytest.fixture
def options() -> ServeSettings:
    """What the service is told; a test file may have a fixture of its own by this name."""
    return ServeSettings(threads=2, rate_per_minute=0, grace_s=2.0)


@pytest.fixture
def ledger(stocked: Library, settings: Settings) -> Iterator[Ledger]:
    """The ledger beside the library, without keys."""
    book = open_ledger(settings.library, settings)
    yield book
    book.close()


@pytest.fixture
def house_app(
    stocked: Library, ledger: Ledger, settings: Settings, options: ServeSettings
) -> FastAPI:
    """The service; what it works with is at ``house_app.state.house``."""
    return create_app(stocked, ledger, options=options, settings=settings)


@pytest.fixture
def client(house_app: FastAPI) -> Iterator[TestClient]:
    """A client on the service's own machine; no key is needed."""
    with TestClient(house_app, base_url="http://localhost") as found:
        yield found


@pytest.fixture
def keyed(client: TestClient, ledger: Ledger) -> Callable[[str | None], TestClient]:
    """The same client with a key of a scope (or without one: None), where keys are needed."""
    texts = {}
    for scope in ("read", "write", "admin"):
        record, texts[scope] = make_key(scope, [scope], None, time.time())
        ledger.add_key(record)
    client.app.state.house.keys.forget()

    def with_key(scope: str | None) -> TestClient:
        client.headers.pop("Authorization", None)
        if scope is not None:
            client.headers["Authorization"] = f"Bearer {texts[scope]}"
        return client

    return with_key


@pytest.fixture
def served(house_app: FastAPI, options: ServeSettings) -> Iterator[tuple[str, int]]:
    """The same service behind a real socket: its host and port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(_config(house_app, options))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield listener.getsockname()
    server.should_exit = True
    thread.join(10)
