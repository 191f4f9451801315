"""What was played, when and for how long: long files, live streams, whole archives."""
