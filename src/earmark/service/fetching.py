"""What URLs that callers name may be fetched."""

from __future__ import annotations

from dataclasses import replace

from earmark.config import ServeSettings, Settings


def bounded(settings: Settings, options: ServeSettings) -> Settings:
    """Return the library's settings for URLs that others name, not whoever runs the program."""
    return replace(
        settings,
        fetch_public_only=not options.private_urls,
        fetch_limit_bytes=min(settings.fetch_limit_bytes, options.upload_limit_bytes),
    )
