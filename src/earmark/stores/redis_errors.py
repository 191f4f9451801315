"""What the errors of redis-py mean for the user, and which of them waiting helps."""

from __future__ import annotations

from earmark.errors import DiskFullError, StoreError, StoreUnavailableError
from earmark.stores.redis_address import PASSWORD, RedisAddress

# redis-py takes the first word off an answer where it has a class for it, and leaves others.
_NOT_READY = (
    "LOADING",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "UNBLOCKED",
    "READONLY",
    "BUSY ",
    "NOREPLICAS",
)
_AUTH = ("NOAUTH", "WRONGPASS", "invalid username-password", "invalid password", "AUTH ")
_FULL = ("OOM", "MISCONF", "No space left")
_RIGHTS = ("NOPERM", "ACL failure", "The user executing the script", "has no permissions")
_TLS = ("SSL", "certificate", "CERTIFICATE", "TLS")
_DATABASE = ("SELECT is not allowed in cluster mode", "DB index is out of range")
_NO_NAME = ("Name or service not known", "nodename nor servname", "No address associated")


def known_errors() -> tuple[type[Exception], ...]:
    """Return what redis-py raises on purpose, and what the network does."""
    from redis import exceptions as known

    return (known.RedisError, known.RedisClusterException, OSError)


def transient(error: BaseException) -> bool:
    """Return whether a request that failed like this may succeed in a moment."""
    from redis import exceptions as known

    text = str(error)
    if _refused(error) or any(sign in text for sign in (*_TLS, *_DATABASE)):
        return False
    away = (
        known.ConnectionError,
        known.TimeoutError,
        known.ClusterError,
        known.RedisClusterException,
        known.ReadOnlyError,
        known.TryAgainError,
        known.AskError,
        OSError,
    )
    return isinstance(error, away) or text.startswith(_NOT_READY)


def meant(address: RedisAddress, error: BaseException) -> StoreError:
    """Return what an error of redis-py means for the user."""
    from redis import exceptions as known

    where, text = f"Redis at {address.server}", str(error) or type(error).__name__
    if _refused(error):
        return StoreUnavailableError(
            f"{where} refuses the user or the password; give them in the URL or in {PASSWORD}"
        )
    if isinstance(error, known.NoPermissionError) or any(sign in text for sign in _RIGHTS):
        return StoreUnavailableError(
            f"{where} does not let the user do what earmark needs ({text}); see docs/scaling.md "
            "for the rights"
        )
    if isinstance(error, known.OutOfMemoryError) or text.startswith(_FULL):
        return DiskFullError(
            f"{where} takes no more ({text}); give it memory or disk and run again, "
            "nothing acknowledged is lost"
        )
    if any(sign in text for sign in _TLS):
        return StoreUnavailableError(
            f"{where} and earmark cannot agree on TLS ({text}); write rediss:// for a server "
            "that has it, redis:// for one that has not, and ca=FILE for an authority of your own"
        )
    if any(sign in text for sign in _DATABASE):
        return StoreUnavailableError(
            f"{where} has no database {address.database}; a cluster has database 0 only, and "
            "libraries share one by their ns="
        )
    if isinstance(error, known.InvalidResponse):
        return StoreUnavailableError(f"{where} is no Redis ({text}); check the port")
    if any(sign in text for sign in _NO_NAME):
        return StoreUnavailableError(f"no host is called {address.host!r}; check the address")
    if isinstance(error, known.BusyLoadingError | known.ReadOnlyError | known.ClusterError) or (
        text.startswith(_NOT_READY)
    ):
        return StoreUnavailableError(f"{where} is not ready ({text}); try again in a moment")
    if transient(error) and address.tls:
        return StoreUnavailableError(
            f"{where} cannot be reached with TLS; start it, check the address, or write redis:// "
            "for one without"
        )
    if transient(error):
        return StoreUnavailableError(f"{where} cannot be reached; start it or check the address")
    return StoreUnavailableError(f"{where} refused a request: {text}")


def _refused(error: BaseException) -> bool:
    from redis import exceptions as known

    kinds = (
        known.AuthenticationError,
        known.AuthorizationError,
        known.AuthenticationWrongNumberOfArgsError,
    )
    known_by_text = isinstance(error, known.RedisError) and str(error).startswith(_AUTH)
    return isinstance(error, kinds) or known_by_text
