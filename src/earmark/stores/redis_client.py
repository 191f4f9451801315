"""The requests that the stores make of a Redis or a cluster: patient, counted, few round trips.

Every request may be sent twice, because a connection that breaks does not say whether the request
got through: commands are chosen, and scripts written, so that the second time changes nothing.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from earmark.errors import ExtraMissingError
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_errors import known_errors, meant, transient

T = TypeVar("T")
Word = bytes | str | int | float
"""One word of a command."""
Command = Sequence[Word]
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.05, 1.0


@dataclass(frozen=True, slots=True)
class RedisPatience:
    """How long a connection, one answer, and a request with all its repetitions may take."""

    connect_s: float = 5.0
    answer_s: float = 10.0
    total_s: float = 20.0


@dataclass(frozen=True)
class Script:
    """A Lua script; it runs whole or not at all, on the node of its first key."""

    text: str

    @cached_property
    def sha(self) -> str:
        """What Redis calls it."""
        return hashlib.sha1(self.text.encode()).hexdigest()  # noqa: S324 - Redis' own choice

    def command(self, keys: Sequence[str | bytes], arguments: Command) -> list[Word]:
        """Return the command that runs it."""
        return ["EVALSHA", self.sha, len(keys), *keys, *arguments]


class RedisClient:
    """One Redis, or one cluster (found out when first asked); any number of threads.

    Attributes
    ----------
    round_trips
        How often somebody waited for an answer; a pipeline to all nodes at once counts once.
    """

    def __init__(self, address: RedisAddress, patience: RedisPatience | None = None) -> None:
        self.address = address
        self.round_trips = 0
        self._patience = patience or RedisPatience()
        self._lock = threading.Lock()
        self._client: Any = None
        self._cluster = False

    # --- keys ----------------------------------------------------------------------------------

    def key(self, *names: str | int) -> str:
        """Return a key of the catalogue: all of them lie in one slot of a cluster."""
        return self.sharded("", *names)

    def sharded(self, shard: str, *names: str | int) -> str:
        """Return a key of a shard; the keys of one shard lie in one slot of a cluster."""
        namespace = self.address.namespace
        tag = f"{namespace}.{shard}" if shard else namespace
        return ":".join(("em", f"{{{tag}}}", *map(str, names)))

    # --- requests ------------------------------------------------------------------------------

    @property
    def cluster(self) -> bool:
        """Whether it is a cluster."""
        return self._patiently(lambda _: self._cluster)

    def call(self, *command: Word) -> Any:  # noqa: ANN401 - whatever Redis answers
        """Return the answer to one command."""
        return self._patiently(lambda client: client.execute_command(*command))

    def ask(self, request: Callable[[Any], T]) -> T:
        """Return what ``request`` makes of redis-py's own client, for a library that wants one."""
        return self._patiently(request)

    def calls(self, commands: Iterable[Command]) -> list[Any]:
        """Return the answers to several commands, sent to all their nodes at once.

        They are not one transaction: another's command may run in between.
        """
        asked = [list(command) for command in commands]
        if not asked:
            return []
        if len(asked) == 1:
            return [self.run_loaded(asked[0])]
        answers = self._patiently(lambda client: self._piped(client, asked))
        unknown = [at for at, answer in enumerate(answers) if _unknown_script(answer)]
        if unknown:
            for at, again in zip(unknown, self._loaded([asked[at] for at in unknown]), strict=True):
                answers[at] = again
        return answers

    def run(self, script: Script, keys: Sequence[str | bytes], *arguments: Word) -> Any:  # noqa: ANN401
        """Return what a script returns."""
        return self.run_loaded(script.command(keys, arguments), script)

    def run_loaded(self, command: Sequence[Any], script: Script | None = None) -> Any:  # noqa: ANN401
        """Return the answer to one command, which may be a script that a node has not seen yet."""
        from redis.exceptions import NoScriptError

        try:
            return self.call(*command)
        except NoScriptError:
            text = script.text if script is not None else self._texts[command[1]]
            return self.call("EVAL", text, *command[2:])

    def know(self, *scripts: Script) -> None:
        """Remember scripts that `calls` may have to send whole."""
        self._texts.update({script.sha: script.text for script in scripts})

    def primaries(self) -> list[str]:
        """Return the primaries as ``host:port``; a single Redis is its own."""

        def named(client: Any) -> list[str]:  # noqa: ANN401
            if not self._cluster:
                return [self.address.server]
            return [f"{node.host}:{node.port}" for node in client.get_primaries()]

        return self._patiently(named)

    def everywhere(self, *command: Word) -> dict[str, Any]:
        """Return the answer of each primary to a command that names no key."""

        def asked(client: Any) -> dict[str, Any]:  # noqa: ANN401
            if not self._cluster:
                return {self.address.server: client.execute_command(*command)}
            return {
                f"{node.host}:{node.port}": client.execute_command(*command, target_nodes=node)
                for node in client.get_primaries()
            }

        return self._patiently(asked)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    # --- how -----------------------------------------------------------------------------------

    @cached_property
    def _texts(self) -> dict[str, str]:
        return {}

    def _piped(self, client: Any, commands: Sequence[list[Any]]) -> list[Any]:  # noqa: ANN401
        from redis.exceptions import NoScriptError

        pipe = client.pipeline() if self._cluster else client.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        answers = list(pipe.execute(raise_on_error=False))
        for answer in answers:
            if isinstance(answer, known_errors()) and not isinstance(answer, NoScriptError):
                raise answer
        return answers

    def _loaded(self, commands: Sequence[list[Any]]) -> list[Any]:
        whole = [["EVAL", self._texts[command[1]], *command[2:]] for command in commands]
        if len(whole) == 1:
            return [self.call(*whole[0])]
        return self._patiently(lambda client: self._piped(client, whole))

    def _patiently(self, ask: Callable[[Any], T]) -> T:
        """Return what ``ask`` returns, asking again while Redis is away or electing."""
        from redis.exceptions import NoScriptError

        until_s = time.monotonic() + self._patience.total_s
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                answer = ask(self._connected())
            except NoScriptError:
                raise
            except known_errors() as error:
                if not transient(error) or time.monotonic() + wait_s > until_s:
                    raise meant(self.address, error) from error
                if self._cluster:
                    self._refresh()
                time.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - so that all do not
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)  # come back at once
            else:
                with self._lock:
                    self.round_trips += 1
                return answer

    def _refresh(self) -> None:
        client = self._client
        if client is not None:
            try:
                client.nodes_manager.initialize()
            except known_errors():
                return  # nobody of the cluster answers: the next try says so

    def _connected(self) -> Any:  # noqa: ANN401
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:  # noqa: ANN401
        try:
            import redis
        except ImportError as error:
            message = "a library in Redis needs the extra `redis`: pip install 'earmark[redis]'"
            raise ExtraMissingError(message) from error
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        options: dict[str, Any] = {
            "host": self.address.host,
            "port": self.address.port,
            **self._credentials(),
            "socket_connect_timeout": self._patience.connect_s,
            "socket_timeout": self._patience.answer_s,
            "socket_keepalive": True,
            "health_check_interval": 30,
            "protocol": 2,
        }
        single: Any = redis.Redis(**options, db=self.address.database, retry=Retry(NoBackoff(), 1))
        info: Any = single.execute_command("INFO", "cluster")
        enabled = int(dict(info).get("cluster_enabled", 0)) if isinstance(info, Mapping) else 0
        if not enabled:
            return single
        single.close()
        if self.address.database:
            raise redis.exceptions.ResponseError("SELECT is not allowed in cluster mode")
        self._cluster = True
        return redis.RedisCluster(**options, retry=Retry(NoBackoff(), 1))

    def _credentials(self) -> dict[str, Any]:
        address = self.address
        found: dict[str, Any] = {}
        if address.password:
            found["password"] = address.password
        if address.user:
            found["username"] = address.user
        if address.tls:
            found["ssl"] = True
            if address.ca:
                found["ssl_ca_certs"] = address.ca
        return found


def _unknown_script(answer: object) -> bool:
    from redis.exceptions import NoScriptError

    return isinstance(answer, NoScriptError)
