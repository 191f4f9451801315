"""Which tracks are one another, or part of one another; and how two of them differ."""
