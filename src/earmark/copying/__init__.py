"""One library into another, of any two kinds: resumable at any moment, verified at the end.

A copy lists the source in order and writes what the target does not hold, batch by batch through
the target's own commits; a comparison of what costs little to read finds what is there already.
Then everything is read again on both sides and compared by checksum, track by track.
"""
