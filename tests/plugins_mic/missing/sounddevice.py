"""Hides a `sounddevice` that is installed: as if the extra were missing."""

raise ModuleNotFoundError("No module named 'sounddevice'", name="sounddevice")
