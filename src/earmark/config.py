"""Settings: flags over environment (``EARMARK_*``) over a TOML file over defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from earmark.errors import UsageError

DEFAULT_LIBRARY = "earmark-library"
_YES_NO = {"1": True, "true": True, "yes": True, "on": True} | dict.fromkeys(
    ("0", "false", "no", "off"), False
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a deployment may want to set.

    ``library`` is a folder, or the URL of a Redis (docs/scaling.md); ``workers`` the number of
    analysis processes (0: one per core); ``lock_wait_s`` how long a writer waits for another;
    ``fetch_limit_bytes`` and ``fetch_timeout_s`` bound the download of a URL, and
    ``fetch_public_only`` refuses URLs of this machine and of private networks. ``model`` is the
    sound model of new libraries (``auto``: the best that is here). ``vectors`` is where vectors
    are: ``embedded``, the path of a Milvus Lite file (``.db``) or a Milvus' URL; empty: where the
    library remembers. ``milvus_token`` is ``user:password`` or a key for it, ``redis_password``
    the password of a library in Redis whose URL has none. ``monitor_keep_days`` is how many days
    detections are kept, ``evidence_keep_days`` their clips, and ``evidence_max_gb`` the room for
    clips in gigabytes (docs/monitoring.md); 0 is for ever, and any number.
    """

    library: str = field(default=DEFAULT_LIBRARY, repr=False)  # an URL may hold a password
    workers: int = 0
    lock_wait_s: float = 60.0
    fetch_limit_bytes: int = 2_000_000_000
    fetch_timeout_s: float = 30.0
    fetch_public_only: bool = False
    model: str = "auto"
    vectors: str = field(default="", repr=False)
    milvus_token: str = field(default="", repr=False)
    redis_password: str = field(default="", repr=False)
    monitor_keep_days: float = 0.0
    evidence_keep_days: float = 0.0
    evidence_max_gb: float = 0.0

    @property
    def worker_count(self) -> int:
        """The number of analysis processes to start."""
        if self.workers > 0:
            return self.workers
        return _cores()


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What the service may be told: table ``[serve]`` of the TOML file, ``EARMARK_SERVE_*``.

    ``open`` lets anyone in who reaches an address that is not this machine's own, without a key.
    ``upload_limit_bytes`` bounds a body; ``body_stall_s`` how long one may say nothing;
    ``threads`` (0: one per core) answer questions while ``queue`` more wait; ``timeout_s`` bounds
    one request's work. ``roots`` are folders of this machine that jobs may add from and
    ``origins`` the pages of other addresses that may ask (both separated by commas); ``proxies``
    are addresses whose ``X-Forwarded-For`` is believed. ``rate_per_minute`` bounds the requests of
    one key or address (0: unbounded). ``listens`` may listen at once, each ``listen_limit_s`` of
    sound. ``private_urls`` lets URLs of private networks be fetched. ``compat`` serves the routes
    of audio_similarity_search too. ``log`` is ``json`` or ``text``. ``grace_s`` is how long work
    in hand may go on when the service is told to end. ``media`` is the folder of what is uploaded
    (empty: ``media`` in the library's folder, `earmark-media` in the working folder where the
    library is in Redis); all services and workers of one library share it. ``jobs`` says whether
    the service does jobs itself, which only workers can take over from it. ``streams`` is how
    many streams it watches at once, ``scans`` how many scans run at once, beside its other jobs.
    """

    host: str = "127.0.0.1"
    port: int = 8645
    open: bool = False
    upload_limit_bytes: int = 500_000_000
    body_stall_s: float = 20.0
    threads: int = 0
    queue: int = 64
    timeout_s: float = 60.0
    roots: str = ""
    origins: str = ""
    proxies: str = ""
    rate_per_minute: int = 1200
    listens: int = 64
    listen_limit_s: float = 20.0
    private_urls: bool = False
    compat: bool = False
    log: str = "json"
    grace_s: float = 20.0
    media: str = ""
    jobs: bool = True
    streams: int = 64
    scans: int = 1

    @property
    def thread_count(self) -> int:
        """The number of threads that answer questions."""
        return self.threads if self.threads > 0 else _cores()

    @property
    def root_folders(self) -> tuple[Path, ...]:
        """The folders that jobs may add from, links resolved."""
        return tuple(Path(name).expanduser().resolve() for name in _listed(self.roots))

    @property
    def origin_list(self) -> tuple[str, ...]:
        """The origins of other pages that may ask: ``https://host[:port]``."""
        return tuple(name.rstrip("/") for name in _listed(self.origins))


def load_settings(
    environment: Mapping[str, str] | None = None, **flags: str | float | None
) -> Settings:
    """Return the settings in force.

    Parameters
    ----------
    environment
        Where ``EARMARK_*`` is looked up; None is the process environment. ``EARMARK_CONFIG`` names
        the TOML file; without it ``earmark.toml`` in the working folder is read if it is there.
    flags
        Fields of `Settings` that a caller gave; None means not given. ``profile`` besides names
        the table ``[profiles.NAME]`` of the TOML file that goes over its top (``EARMARK_PROFILE``).

    Raises
    ------
    UsageError
        A name or value that `Settings` does not have, or no such profile; the message names where
        it came from.
    """
    environment = os.environ if environment is None else environment
    file = _toml(environment)
    table = {name: value for name, value in file.items() if name not in ("serve", "profiles")}
    profile = flags.pop("profile", None) or environment.get("EARMARK_PROFILE")
    if profile:
        table |= _profile(file, str(profile))
    return Settings(**_values(Settings, table, environment, "EARMARK_", flags))  # type: ignore[arg-type]


def load_serve_settings(
    environment: Mapping[str, str] | None = None, **flags: str | float | bool | None
) -> ServeSettings:
    """Return the service's settings in force; as `load_settings`, for ``EARMARK_SERVE_*``.

    Raises
    ------
    UsageError
        A name or value that `ServeSettings` does not have.
    """
    environment = os.environ if environment is None else environment
    table = _toml(environment).get("serve", {})
    if not isinstance(table, dict):
        message = f"serve in the TOML file is a table ([serve]), got {table!r}"
        raise UsageError(message)
    return ServeSettings(**_values(ServeSettings, table, environment, "EARMARK_SERVE_", flags))  # type: ignore[arg-type]


def _profile(file: Mapping[str, object], name: str) -> dict[str, object]:
    """Return the settings of one profile of the TOML file."""
    profiles = file.get("profiles", {})
    table = profiles.get(name) if isinstance(profiles, dict) else None
    if not isinstance(table, dict):
        known = ", ".join(sorted(profiles)) if isinstance(profiles, dict) else ""
        message = f"no profile {name!r} in the TOML file; there are: {known or 'none'}"
        raise UsageError(message)
    return dict(table)


def _values(
    kind: type[Settings | ServeSettings],
    table: Mapping[str, object],
    environment: Mapping[str, str],
    prefix: str,
    flags: Mapping[str, str | float | bool | None],
) -> dict[str, str | float | bool]:
    """Return the fields that somebody set, each in its type."""
    values: dict[str, str | float | bool] = {}
    known = {f.name: type(f.default) for f in fields(kind)}
    for name, value in table.items():
        values[name] = _typed(name, value, known, "the TOML file")
    for name in known:
        variable = f"{prefix}{name.upper()}"
        if environment.get(variable):
            values[name] = _typed(name, environment[variable], known, variable)
    for name, flag in flags.items():
        if flag is not None:
            values[name] = _typed(name, flag, known, f"--{name.replace('_', '-')}")
    return values


def _toml(environment: Mapping[str, str]) -> dict[str, object]:
    named = environment.get("EARMARK_CONFIG")
    path = Path(named or "earmark.toml")
    if not path.is_file():
        if named:
            message = f"EARMARK_CONFIG names {named!r}, which is not a file"
            raise UsageError(message)
        return {}
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        message = f"{path} is not valid TOML: {error}"
        raise UsageError(message) from error


def _typed(name: str, value: object, known: Mapping[str, type], where: str) -> str | float | bool:
    if name not in known:
        message = f"unknown setting {name!r} in {where}; known: {', '.join(sorted(known))}"
        raise UsageError(message)
    kind = known[name]
    try:
        if kind is str:
            return ",".join(map(str, value)) if isinstance(value, list) else str(value)
        if kind is bool:
            return _YES_NO[str(value).lower()]
        return int(str(value)) if kind is int else float(str(value))
    except (ValueError, KeyError) as error:
        wanted = "true or false" if kind is bool else kind.__name__
        message = f"setting {name} wants {wanted}, got {value!r} from {where}"
        raise UsageError(message) from error


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
