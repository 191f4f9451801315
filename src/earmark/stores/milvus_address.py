"""The address of a Milvus, taken apart once; its secrets are never shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from earmark.errors import UsageError
from earmark.stores.redis_address import ESCAPED, port_of

EMBEDDED = "embedded"
LITE = ".db"
PORT = 19530
TOKEN = "EARMARK_MILVUS_TOKEN"  # noqa: S105 - the name of a variable
_NAMESPACE = re.compile(r"[A-Za-z0-9]{1,40}")
_DATABASE = re.compile(r"[A-Za-z0-9_]*")
_SHAPE = "http(s)://[user:password@]host:19530[/database][?ns=NAME]"


@dataclass(frozen=True, slots=True)
class MilvusAddress:
    """One Milvus and the namespace of one library in it.

    ``place`` is an URL without secrets and namespace, or the path of a Milvus Lite file; an empty
    ``namespace`` is one that was not chosen yet; ``token`` is ``user:password`` or a key.
    """

    place: str
    namespace: str = ""
    database: str = ""
    token: str = field(default="", repr=False)

    @property
    def lite(self) -> bool:
        """Whether it is a file of Milvus Lite, opened in this process."""
        return self.place.endswith(LITE) and "://" not in self.place

    @property
    def uri(self) -> str:
        """What is written down and shown: the place and the database, no secrets."""
        return f"{self.place}/{self.database}" if self.database else self.place

    def named(self, namespace: str) -> MilvusAddress:
        """Return the address with that namespace, unless it names one itself."""
        return self if self.namespace else replace(self, namespace=namespace)

    def __str__(self) -> str:
        return self.uri


def milvus_address(text: str, token: str = "") -> MilvusAddress | None:
    """Return the address that a setting means, or None for the embedded store.

    Parameters
    ----------
    text
        ``embedded``, the path of a file that ends in ``.db``, or an URL.
    token
        ``user:password`` or a key, where the URL has none.

    Raises
    ------
    UsageError
        It is none of them; the message does not repeat what may be a secret.

    Examples
    --------
    >>> milvus_address("http://ann:secret@vectors:19530/music?ns=band").uri
    'http://vectors:19530/music'
    """
    if text == EMBEDDED:
        return None
    if text.endswith(LITE) and "://" not in text:
        return MilvusAddress(str(Path(text).expanduser().absolute()))
    try:
        return _from_url(text, token)
    except ValueError as error:
        message = f"--vectors wants {EMBEDDED}, PATH.db or {_SHAPE}: {error}"
        raise UsageError(message) from None


def _from_url(text: str, token: str) -> MilvusAddress:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("that is no such address")
    asked = parse_qs(url.query, keep_blank_values=True)
    namespace = asked.pop("ns", [""])[-1]
    if asked or url.fragment:
        raise ValueError("only ns may follow the question mark")
    if "ns=" in url.query and not _NAMESPACE.fullmatch(namespace):
        raise ValueError(f"a namespace is 1 to 40 letters and digits, not {namespace!r}")
    database = url.path.strip("/")
    if not _DATABASE.fullmatch(database):
        raise ValueError(f"a database is letters, digits and _; {ESCAPED}")
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    secret = f"{unquote(url.username or '')}:{unquote(url.password or '')}".strip(":")
    place = f"{url.scheme}://{host}:{port_of(url) or PORT}"
    return MilvusAddress(place, namespace, database, secret or token)
