"""Monitoring in one SQLite file beside the library: durable on return, read while it is written."""

from __future__ import annotations

from pathlib import Path

from earmark.stores.sqlite_monitor_aging import SqliteMonitorAging
from earmark.stores.sqlite_monitor_file import MonitorFile
from earmark.stores.sqlite_monitor_log import SqliteMonitorLog
from earmark.stores.sqlite_monitor_sources import SqliteMonitorSources
from earmark.stores.sqlite_monitor_webhooks import SqliteMonitorWebhooks


class SqliteMonitorStore(
    SqliteMonitorLog, SqliteMonitorAging, SqliteMonitorSources, SqliteMonitorWebhooks
):
    """A `MonitorStore` in ``folder``; made where it is missing.

    Parameters
    ----------
    lock_wait_s
        How long to wait for another process that writes.
    """

    def __init__(self, folder: Path, lock_wait_s: float = 60.0) -> None:
        super().__init__(MonitorFile(folder, lock_wait_s))

    def close(self) -> None:
        """Release files and connections."""
        self._file.close()
