"""Which recording is this, and where in it? Landmarks propose, the constellation verifies."""
