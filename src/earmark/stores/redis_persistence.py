"""Whether a Redis keeps what it has acknowledged: told by its settings, where it shows them."""

from __future__ import annotations

from earmark.errors import StoreUnavailableError
from earmark.stores.redis_client import RedisClient

_ASKED = ("appendonly", "appendfsync", "maxmemory", "maxmemory-policy")


def persistence_faults(client: RedisClient) -> list[str]:
    """Return one sentence for each setting of a node that loses tracks, the worst first.

    A service that does not let its settings be read (CONFIG) is taken at its word. That
    ``appendfsync everysec`` may lose a second with the power is what people choose it with.

    Raises
    ------
    StoreUnavailableError
        It cannot be reached.
    """
    faults: list[tuple[int, str]] = []
    for server, settings in sorted(_settings(client).items()):
        where = f"Redis at {server}"
        policy = settings.get("maxmemory-policy", "noeviction")
        if policy != "noeviction":
            bounded = settings.get("maxmemory", "0") != "0"
            when = "deletes tracks when" if bounded else "may delete tracks where"
            faults.append(
                (
                    0,
                    f"{where} {when} its memory is full (maxmemory-policy {policy}); set "
                    "`maxmemory-policy noeviction`",
                )
            )
        if settings.get("appendonly", "yes") != "yes":
            faults.append(
                (
                    1,
                    f"{where} keeps nothing over a restart but its last snapshot (appendonly no); "
                    "set `appendonly yes`",
                )
            )
        elif settings.get("appendfsync") == "no":
            faults.append(
                (
                    2,
                    f"{where} leaves it to the system when changes reach the disk (appendfsync "
                    "no); set `appendfsync everysec`, or `always` where none may be lost",
                )
            )
    return [sentence for _, sentence in sorted(faults)]


def _settings(client: RedisClient) -> dict[str, dict[str, str]]:
    """Return the settings of each node; none where it refuses to tell them."""
    client.call("PING")  # so that what fails below is the question, not the connection
    found: dict[str, dict[str, str]] = {}
    for name in _ASKED:  # older servers take one pattern at a time
        try:
            answers = client.everywhere("CONFIG", "GET", name)
        except StoreUnavailableError:
            return found
        for server, answer in answers.items():
            found.setdefault(server, {}).update(_pairs(answer))
    return found


def _pairs(answer: object) -> dict[str, str]:
    if isinstance(answer, dict):
        items = list(answer.items())
    elif isinstance(answer, list):
        items = list(zip(answer[::2], answer[1::2], strict=False))
    else:
        items = []
    return {_text(name): _text(value) for name, value in items}


def _text(word: object) -> str:
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)
