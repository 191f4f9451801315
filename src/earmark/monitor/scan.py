"""Long files and whole archives: what they play, from their start to their end."""

from earmark.monitor.scanning_many import Scanned, scan_many
from earmark.monitor.scanning_one import scan
from earmark.monitor.scanning_progress import ScanCallback, ScanProgress

__all__ = ["ScanCallback", "ScanProgress", "Scanned", "scan", "scan_many"]
