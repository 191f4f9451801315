"""Which methods an address takes, for the ``Allow`` header of 405 and of OPTIONS."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import BaseRoute, Route


class Methods:
    """The routes of a service by their addresses."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def add(self, routes: Iterable[BaseRoute]) -> None:
        """Take in the routes of a router; WebSockets and mounted folders take no part."""
        self._routes.extend(route for route in routes if isinstance(route, Route))

    def of(self, path: str) -> str:
        """Return the methods of an address as the header wants them: ``GET, HEAD, OPTIONS``.

        ``/a/totals`` is the address of that name, not of an id that ``/a/{id}`` would take as well.
        """
        found, template = {"OPTIONS"}, None
        for route in self._routes:
            if route.path_regex.match(path) and template in (None, route.path):
                template = route.path
                found |= route.methods or set()
        return ", ".join(sorted(found))
