"""The address of a library in Redis, taken apart once; its secrets are never shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from earmark.errors import UsageError

SCHEMES = {"redis": False, "rediss": True, "valkey": False, "valkeys": True}
"""What a library's URL may begin with, and whether that means TLS."""
PORT = 6379
PASSWORD = "EARMARK_REDIS_PASSWORD"  # noqa: S105 - the name of a variable
DEFAULT_NAMESPACE = "earmark"
_NAMESPACE = re.compile(r"[A-Za-z0-9_-]{1,40}")
ESCAPED = "write / ? # @ : in a user or a password as %2F %3F %23 %40 %3A"
"""What to do about a URL whose parts end where a secret should go on; never says what they are."""
_SHAPE = "redis(s)://[user:password@]host[:6379][/db][?ns=NAME&vectors=URI&ca=FILE]"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One Redis, or any node of a cluster, and the namespace of one library in it.

    ``vectors`` is what the URL says of where vectors are, empty where it says nothing; ``ca`` is
    the file of the authority that signed the server's certificate, empty for the system's.
    """

    host: str
    port: int = PORT
    database: int = 0
    namespace: str = DEFAULT_NAMESPACE
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    vectors: str = field(default="", repr=False)
    ca: str = ""

    @property
    def uri(self) -> str:
        """What is written down and shown: no secrets, and nothing of the vectors."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "rediss" if self.tls else "redis"
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        return f"{scheme}://{user}{host}:{self.port}/{self.database}?ns={self.namespace}"

    @property
    def server(self) -> str:
        """The host and the port, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return self.uri


def is_redis(text: str) -> bool:
    """Return whether a library's address is one in Redis.

    >>> is_redis("redis://db:6379/0?ns=music"), is_redis("music")
    (True, False)
    """
    return text.partition("://")[0].lower() in SCHEMES and "://" in text


def redis_address(text: str, password: str = "") -> RedisAddress:
    """Return the address that a library's URL means.

    Parameters
    ----------
    password
        Where the URL has none.

    Raises
    ------
    UsageError
        It is no such URL; the message does not repeat what may be a secret.

    Examples
    --------
    >>> address = redis_address("redis://ann:secret@db/2?ns=music&vectors=http://milvus:19530")
    >>> address.uri, address.vectors
    ('redis://ann@db:6379/2?ns=music', 'http://milvus:19530')
    """
    try:
        return _from_url(text, password)
    except ValueError as error:
        message = f"a library in Redis is {_SHAPE}: {error}"
        raise UsageError(message) from None


def port_of(url: SplitResult) -> int | None:
    """Return a URL's port; `ValueError` does not repeat it: it may be a piece of a password."""
    try:
        return url.port
    except ValueError:
        message = f"a port is a number below 65536; {ESCAPED}"
        raise ValueError(message) from None


def _from_url(text: str, password: str) -> RedisAddress:
    url = urlsplit(text)
    if url.scheme not in SCHEMES or not url.hostname:
        raise ValueError("that is no such address")
    asked = parse_qs(url.query, keep_blank_values=True)
    namespace = asked.pop("ns", [DEFAULT_NAMESPACE])[-1]
    vectors, ca = (asked.pop(name, [""])[-1] for name in ("vectors", "ca"))
    if asked or url.fragment:
        raise ValueError("only ns, vectors and ca may follow the question mark")
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError(f"a namespace is 1 to 40 letters, digits, - and _, not {namespace!r}")
    database = url.path.strip("/") or "0"
    if not re.fullmatch(r"[0-9]{1,4}", database):
        raise ValueError(f"a database is a number; {ESCAPED}")
    return RedisAddress(
        host=url.hostname,
        port=port_of(url) or PORT,
        database=int(database),
        namespace=namespace,
        tls=SCHEMES[url.scheme],
        user=unquote(url.username or ""),
        password=unquote(url.password or "") or password,
        vectors=vectors,
        ca=ca,
    )
