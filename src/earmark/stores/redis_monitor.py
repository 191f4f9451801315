"""Monitoring in Redis: one log for all machines of a library, durable as Redis is told."""

from __future__ import annotations

from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_monitor_aging import RedisMonitorAging
from earmark.stores.redis_monitor_sources import RedisMonitorSources
from earmark.stores.redis_monitor_webhooks import RedisMonitorWebhooks


class RedisMonitorStore(RedisMonitorAging, RedisMonitorSources, RedisMonitorWebhooks):
    """A `MonitorStore` beside a library in Redis; it closes its client."""

    def __init__(self, client: RedisClient) -> None:
        RedisMonitorAging.__init__(self, client)
        RedisMonitorSources.__init__(self, client)
        RedisMonitorWebhooks.__init__(self, client)

    def close(self) -> None:
        """Release connections."""
        self._client.close()
