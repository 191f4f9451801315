"""What a library weighs in its Redis: bytes of keys by what they hold, and for each track."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
from parts import clients, opened

from earmark import Library
from earmark.melody.tune import pack
from earmark.recording.constellation import payload
from earmark.sound.labels_kept import pack_labels
from earmark.stores.redis_client import RedisClient

_SCANNED = 1000
_WEIGHED = 200
_SAMPLED = 300
_SHARD = re.compile(r"em:\{[^.}]+(?:\.([a-z]+)\d+)?\}:(.*)")


def weigh(place: str) -> dict[str, Any]:
    """Ask a single Redis (no cluster) for the bytes of every key of one library.

    ``figures`` are those of measured.json.
    """
    with opened(place) as library:
        stats = library.stats()
        plain = _bulk(library) * stats.audios
        (client,) = clients()
        bytes_, keys = _weighed(client)
        memory = _info(client, "memory")
        of = {letter: sum(n for name, n in bytes_.items() if name[0] == letter) for letter in "bcp"}
        of["c"] -= bytes_["catalogue notes"]  # statistics: of one size in every library
        postings = stats.engines["recording"]["postings"]
        return {
            "library": client.address.uri,
            "version": _info(client, "server").get("redis_version"),
            "tracks": stats.tracks,
            "postings": postings,
            "figures": {
                "redis_catalogue_bytes": round(of["c"] / max(1, stats.tracks)),
                "redis_bulk_factor": round(of["b"] / max(1.0, plain), 3),
                "redis_posting_bytes": round(of["p"] / max(1, postings), 2),
            },
            "bytes": dict(sorted(bytes_.items())),
            "keys": dict(sorted(keys.items())),
            "used_memory": int(memory["used_memory"]),
            "used_memory_rss": int(memory["used_memory_rss"]),
        }


def _bulk(library: Library) -> float:
    """Return the mean bytes of one audio's features and payloads, of some of them."""
    total = 0
    numbers = library._tracks.numbers("recording")
    some = numbers[np.linspace(0, len(numbers) - 1, min(_SAMPLED, len(numbers))).astype(int)]
    for name in ("recording", "melody", "sound"):
        analysis = library._indexes.engine(name).analysis
        for _, stored in library._tracks.features(name, some.tolist()):
            features = analysis.unpack(stored.data)
            kept = {
                "recording": lambda of: len(payload(of)),
                "melody": lambda of: 1 + (len(pack(of.tune)) if of.tune is not None else 0),
                "sound": lambda of: len(pack_labels(of)),
            }[name](features)
            total += len(stored.data) + kept
    return total / max(1, len(some))


def _weighed(client: RedisClient) -> tuple[Counter, Counter]:
    """Return bytes and number of the keys by shard letter and name without figures."""
    bytes_: Counter = Counter()
    keys: Counter = Counter()
    pattern = f"em:{{{client.address.namespace}*"
    cursor = "0"
    while True:
        answer = client.call("SCAN", cursor, "MATCH", pattern, "COUNT", _SCANNED)
        cursor, found = _text(answer[0]), [_text(key) for key in answer[1]]
        for at in range(0, len(found), _WEIGHED):
            some = found[at : at + _WEIGHED]
            sizes = client.calls([["MEMORY", "USAGE", key, "SAMPLES", 0] for key in some])
            for key, size in zip(some, sizes, strict=True):
                name = _group(key)
                bytes_[name] += int(size or 0)
                keys[name] += 1
        if cursor == "0":
            return bytes_, keys


def _group(key: str) -> str:
    """Return what a key is called without its shard's number and the figures in its name.

    >>> _group("em:{music.b17}:features:recording"), _group("em:{music}:track:abc:12")
    ('b features:recording', 'catalogue track')
    """
    matched = _SHARD.fullmatch(key)
    if matched is None:
        return "other"
    shard, rest = matched[1], matched[2]
    if shard is None:
        return f"catalogue {rest.split(':')[0]}"
    names = [name for name in rest.split(":") if not re.fullmatch(r"[0-9a-f]+", name)]
    return f"{shard} {':'.join(names)}".strip()


def _info(client: RedisClient, section: str) -> dict[str, Any]:
    answer = client.call("INFO", section)
    if isinstance(answer, dict):
        return answer
    lines = [line for line in _text(answer).splitlines() if ":" in line]
    return dict(line.split(":", 1) for line in lines)


def _text(word: Any) -> str:
    return word.decode() if isinstance(word, bytes) else str(word)
