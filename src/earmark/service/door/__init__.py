"""Who comes in: keys, how fast, how much, and what is written down of it."""
