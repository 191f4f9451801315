"""Make the golden monitoring log anew: ``python tests/golden/make_golden_monitor.py``.

Writes ``monitor1/monitor.sqlite``, and ``monitor1/expected.json`` with what it holds. Once
released they are never written again: a new format gets a new folder.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from monitor_records import (
    DELIVERY,
    OUTAGE,
    REJECTION,
    RULE,
    SCAN,
    STREAM,
    WEBHOOK,
    make_entry,
)

from earmark.ports import Decision, MonitorStore, Wanted
from earmark.stores.sqlite_monitor import SqliteMonitorStore

FOLDER = Path(__file__).parent / "monitor1"
NAME = "monitor.sqlite"
GROUPINGS = ("track", "artist", "day", "hour", "station", "action", "ruling")


def fill(store: MonitorStore) -> None:
    """Write at least one record of each kind."""
    for seed in range(12):
        store.put_entry(make_entry(seed))
    store.decide("d0003", Decision("reject", "Ann", 5.5, "nicht das Stück"))
    store.put_rejection(REJECTION)
    store.put_rule(RULE)
    store.put_rule(replace(RULE, id="r2", track_id=None, tag="jingle"))
    store.put_stream(STREAM)
    store.tell_stream(replace(STREAM, state="down", state_at=9.5))
    store.put_outage(OUTAGE)
    store.put_scan(SCAN)
    store.put_webhook(WEBHOOK)
    for number, state in enumerate(("pending", "delivered", "dead")):
        store.put_delivery(replace(DELIVERY, id=f"e{number}", state=state))
    store.claim_deliveries(60.0, 70.0)


def held(store: MonitorStore) -> dict[str, object]:
    """Return all that a store holds, as JSON."""
    entries = store.entries(Wanted(), limit=1000)
    records = {
        "entries": [asdict(entry) for entry in entries],
        "rejections": [asdict(one) for one in store.rejections("Radio 1", "t1")],
        "rules": [asdict(rule) for rule in store.rules()],
        "streams": [asdict(stream) for stream in store.streams()],
        "outages": [asdict(outage) for outage in store.outages("s1")],
        "scans": [asdict(store.scan(scan.id)) for scan in store.scans()],
        "webhooks": [asdict(webhook) for webhook in store.webhooks()],
        "deliveries": [asdict(delivery) for delivery in store.deliveries()],
        "totals": {by: [asdict(t) for t in store.totals(Wanted(), by)] for by in GROUPINGS},
    }
    return json.loads(json.dumps(records))


def main() -> None:
    """Write the file and what it holds."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteMonitorStore(Path(folder))
        fill(store)
        expected = held(store)
        with store._file.reading() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()
        shutil.copyfile(Path(folder) / NAME, FOLDER / NAME)
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
