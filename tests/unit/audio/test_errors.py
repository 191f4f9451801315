from __future__ import annotations

import sys
from types import ModuleType

from earmark.audio._errors import vendor_errors


def test_a_library_that_another_thread_is_still_importing_has_no_errors_yet(monkeypatch):
    import av

    assert av.FFmpegError in vendor_errors()
    monkeypatch.setitem(sys.modules, "av", ModuleType("av"))
    assert OSError in vendor_errors()
    assert av.FFmpegError not in vendor_errors()
