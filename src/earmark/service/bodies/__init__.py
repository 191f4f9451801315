"""Bodies on their way in: received, looked at, kept."""
