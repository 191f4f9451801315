"""A library in one file to carry elsewhere: metadata, features and covers, never audio.

A zip with these members::

    earmark.json                      format, version, counts, the engines' digests
    tracks/000001.jsonl ...           one track a line; "audio" is the number that features go by
    features/ENGINE/DIGEST/NUMBER     one engine's packed features of one audio
    covers/TRACK-ID                   a cover picture as the file held it
    SHA256SUMS                        one line per other member, in order, the last to be written
"""

from __future__ import annotations

FORMAT = "earmark-archive"
VERSION = 1
