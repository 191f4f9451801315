"""``WS /v1/listen``: sound in, levels and answers out, as it comes (docs/listen.md)."""

from __future__ import annotations

from fastapi import APIRouter, WebSocket

from earmark.errors import BusyError, EarmarkError, InternalError
from earmark.service.auth import admit
from earmark.service.context import House, house
from earmark.service.listener import Listener
from earmark.service.listenwire import GoneError, Start, Wire

router = APIRouter()


@router.websocket("/v1/listen")
async def listen(socket: WebSocket) -> None:
    """Listen to one client, until something is certain, it stops, or the limit is reached."""
    here = house(socket)
    await socket.accept()
    wire = Wire(socket, here.options.body_stall_s)
    try:
        try:
            start = await wire.start()
            await _admitted(socket, here, start)
        except EarmarkError as error:
            await wire.refuse(error, 0.0)
            return
        await _with_slot(wire, here, start)
    except GoneError:
        socket.state.gone = True


async def _with_slot(wire: Wire, here: House, start: Start) -> None:
    """Listen, where there is room for one more."""
    slot = object()
    if len(here.listening) >= here.options.listens:
        message = f"{len(here.listening)} are listening already; try again in a few seconds"
        await wire.refuse(BusyError(message, here.options.listen_limit_s / 4), 0.0)
        return
    here.listening.add(slot)
    listener: Listener | None = None
    try:
        listener = Listener(wire, here, start)
        await wire.send({"type": "ready", "limit_s": here.options.listen_limit_s})
        await listener.run()
        await wire.close()
    except EarmarkError as error:
        await wire.refuse(error, listener.heard_s if listener else 0.0)
    except GoneError:
        raise
    except Exception:
        message = "a bug; the service's log tells more under this request's id"
        await wire.refuse(InternalError(message), listener.heard_s if listener else 0.0)
        raise
    finally:
        here.listening.discard(slot)


async def _admitted(socket: WebSocket, here: House, start: Start) -> None:
    """Let in who may read: by the header, or by the key in the start message."""
    header = socket.headers.get("authorization")
    if header is None and start.key is not None:
        header = f"Bearer {start.key}"
    address = socket.client.host if socket.client else ""
    caller = await admit(here, header, "read", address=address)
    socket.state.caller = caller.shown
