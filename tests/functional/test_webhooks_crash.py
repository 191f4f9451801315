"""A process that is killed while it delivers: everything arrives, some of it twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from webhook_host import receiving

from earmark import Library
from earmark.bootstrap import open_monitor
from earmark.monitor.desk import Desk
from earmark.monitor.evidence import EvidenceRoom
from earmark.monitor.webhooks import HELD_S, Courier

COUNT = 30
PROGRAM = """
import sys, time
from earmark.bootstrap import open_monitor
from earmark.monitor.desk import Desk
from earmark.monitor.evidence import EvidenceRoom
from earmark.monitor.webhooks import Courier
desk = Desk(open_monitor(sys.argv[1]), EvidenceRoom(sys.argv[2]), library=None)
with Courier(desk):
    time.sleep(60)
"""


def test_kill_9_in_the_midst_of_delivering_loses_nothing(
    shelf: Library, settings, tmp_path, monkeypatch
):
    monkeypatch.setenv("no_proxy", "*")
    desk = Desk(open_monitor(shelf.folder), EvidenceRoom(tmp_path / "ev"), library=None)
    with receiving() as host:
        webhook = desk.add_webhook(host.url("/slow"))
        for number in range(COUNT):
            desk.tell("stream.down", {"stream": {"id": number}})
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(shelf.folder), str(tmp_path / "ev")],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        until = time.monotonic() + 30
        while len(host.told) < 5 and time.monotonic() < until:
            time.sleep(0.01)
        process.kill()
        process.wait()
        killed_at = len(host.told)
        assert 5 <= killed_at < COUNT
        assert desk.deliveries(webhook.id, ["pending"])
        Courier(desk).run_due(time.time() + HELD_S + 1)
        assert desk.deliveries(webhook.id, ["pending", "dead"]) == []
        arrived = [told.json["stream"]["id"] for told in host.told]
        assert set(arrived) == set(range(COUNT))
        twice = len(arrived) - COUNT
        assert twice <= 1  # the one that was in hand
        assert all(
            told.signed(webhook.secret, float(told.headers["X-Earmark-Timestamp"]))
            for told in host.told
        )
    desk.close()
