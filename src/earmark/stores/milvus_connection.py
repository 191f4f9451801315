"""Connections to Milvus, one an address and process, and Milvus Lite started on its file."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from earmark.errors import ExtraMissingError, StoreUnavailableError
from earmark.stores.milvus_address import MilvusAddress
from earmark.stores.milvus_errors import explained

# Milvus Lite takes pymilvus' pings every 10 s for an attack, hangs up, and gRPC prints that.
_LITE_OPTIONS = {"grpc.keepalive_time_ms": 600_000, "grpc.keepalive_permit_without_calls": 0}
_connected: dict[MilvusAddress, Any] = {}
_connecting = threading.Lock()


def connected(address: MilvusAddress, limit_s: float) -> Any:  # noqa: ANN401 - pymilvus has no types
    """Return the client of an address, which is connected when first asked for."""
    with _connecting:
        if address not in _connected:
            _connected[address] = _connect(address, limit_s)
        return _connected[address]


def forget(address: MilvusAddress) -> None:
    """Close the connection to an address, and its Milvus Lite; the next request opens it again."""
    with _connecting:
        client = _connected.pop(address, None)
        if client is not None:
            client.close()
            if address.lite:
                from milvus_lite.server_manager import server_manager_instance

                server_manager_instance.release_server(address.place)


def _connect(address: MilvusAddress, limit_s: float) -> Any:  # noqa: ANN401
    try:
        from pymilvus import MilvusClient
    except ImportError as error:
        message = "Milvus needs pymilvus; run `pip install 'earmark[milvus]'`"
        raise ExtraMissingError(message) from error
    for name in ("pymilvus", "milvus_lite"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # their errors are raised, too
    if address.lite:
        _open_file(address)
    with explained(address):
        client = MilvusClient(
            uri=address.place,
            token=address.token,
            db_name=address.database,
            timeout=limit_s,
            secure=address.place.startswith("https:"),
            grpc_options=_LITE_OPTIONS if address.lite else {},
            dedicated=True,
        )
        # Asked whether it has a collection, a server without the database would say no.
        client.list_collections(timeout=limit_s)
        return client


def _open_file(address: MilvusAddress) -> None:
    """Start Milvus Lite on its file; pymilvus would not tell why it cannot be opened."""
    try:
        from milvus_lite.db import MilvusLite
        from milvus_lite.exceptions import DataDirLockedError
        from milvus_lite.server_manager import server_manager_instance
    except ImportError as error:
        message = "Milvus Lite is not installed; run `pip install 'earmark[milvus]'`"
        raise ExtraMissingError(message) from error
    path = Path(address.place)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if server_manager_instance.start_and_get_uri(str(path)) is None:
            MilvusLite(str(path)).close()  # raises what the server manager has swallowed
            message = f"Milvus Lite cannot serve {path}"
            raise StoreUnavailableError(message)
    except DataDirLockedError as error:
        message = (
            f"{path} is in use by another process: Milvus Lite serves one at a time; "
            "close the other, or start a Milvus server for several"
        )
        raise StoreUnavailableError(message) from error
    except OSError as error:
        message = f"{path} cannot be used by Milvus Lite: {error.strerror or error}"
        raise StoreUnavailableError(message) from error
