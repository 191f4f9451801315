"""Opens http(s) addresses on a line that can be cut; public ones only, where that is asked."""

from __future__ import annotations

import http.client
import ssl
import urllib.request

from earmark.audio._guard import Guard
from earmark.audio._icy import IcyResponse
from earmark.audio._line import Line


def opener(
    redirects: urllib.request.HTTPRedirectHandler,
    public_only: bool,
    guard: Guard | None,
    line: Line,
) -> urllib.request.OpenerDirector:
    """Return what opens http and https addresses on a line; public ones only through a guard."""
    if not public_only:
        return urllib.request.build_opener(redirects, _Http(None, line), _Https(None, line))
    guard = guard or Guard()
    no_proxy = urllib.request.ProxyHandler({})
    return urllib.request.build_opener(redirects, no_proxy, _Http(guard, line), _Https(guard, line))


class _Http(urllib.request.HTTPHandler):
    """Opens http addresses through a guard where there is one, those of redirects too."""

    def __init__(self, guard: Guard | None, line: Line) -> None:
        super().__init__()
        self._guard = guard
        self._line = line

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        guard, line = self._guard, self._line

        class Connection(http.client.HTTPConnection):
            response_class = IcyResponse

            def connect(self) -> None:
                if guard is None:
                    super().connect()
                else:
                    self.sock = guard.connect(self.host, self.port, self.timeout)
                line.hold(self.sock)

        return self.do_open(Connection, req)


class _Https(urllib.request.HTTPSHandler):
    """The same for https; the certificate is checked against the name, not the address."""

    def __init__(self, guard: Guard | None, line: Line) -> None:
        super().__init__()
        self._guard = guard
        self._line = line

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        guard, line, tls = self._guard, self._line, ssl.create_default_context()

        class Connection(http.client.HTTPSConnection):
            response_class = IcyResponse

            def connect(self) -> None:
                if guard is None:
                    super().connect()
                    line.hold(self.sock)
                    return
                plain = guard.connect(self.host, self.port, self.timeout)
                try:
                    line.hold(plain)
                    self.sock = tls.wrap_socket(plain, server_hostname=self.host)
                except BaseException:
                    plain.close()
                    raise

        return self.do_open(Connection, req)
