"""Bytes to mono samples: any file, bytes, pipe or URL, its loudness, its tags and its identity.

Heavy libraries (soundfile, soxr, PyAV) are imported inside the functions that need them, so that
importing this package costs no more than numpy.
"""
