"""How unknown music that repeats is found: peaks, matches, links, groups."""
