"""The sound network: audio, a teacher's labels, a small network that learns them, its export."""
