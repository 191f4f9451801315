"""Trains the small network that tells music, speech and other sounds apart in a monitor."""
