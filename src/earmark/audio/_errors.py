"""The one place where an error of a decoder or of the system becomes one of earmark's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from earmark.errors import (
    EarmarkError,
    InputError,
    NotAudioError,
    SourceNotFoundError,
    SourceUnreadableError,
)


def vendor_errors() -> tuple[type[Exception], ...]:
    """Return what soundfile, soxr, PyAV and the system raise; PyAV only once it is loaded."""
    known: tuple[type[Exception], ...] = (
        OSError,
        RuntimeError,
        ValueError,
        EOFError,
        OverflowError,
    )
    # While another thread is still importing it, it has no errors yet - and has raised none here.
    libav_error = getattr(sys.modules.get("av"), "FFmpegError", None)
    return known if libav_error is None else (*known, libav_error)


@contextmanager
def mapped(name: str) -> Iterator[None]:
    """Turn vendor errors raised inside into `InputError` about the source called ``name``."""
    try:
        yield
    except EarmarkError:
        raise
    except vendor_errors() as error:
        raise as_input_error(error, name) from error


def as_input_error(error: Exception, name: str) -> InputError:
    """Return earmark's error for a vendor's, one sentence that names the source and the remedy."""
    if isinstance(error, FileNotFoundError):
        return SourceNotFoundError(f"{name} does not exist; check the path")
    if isinstance(error, IsADirectoryError):
        return SourceUnreadableError(f"{name} is a folder; name the files in it")
    if isinstance(error, NotADirectoryError):
        return SourceNotFoundError(
            f"{name} does not exist, a part of its path is a file; check the path"
        )
    if isinstance(error, PermissionError):
        return SourceUnreadableError(f"{name} may not be read; give this user the right to read it")
    if isinstance(error, OSError) and not _is_vendor(error):
        why = error.strerror or type(error).__name__
        return SourceUnreadableError(f"{name} cannot be read ({why}); check the disk or the path")
    return not_audio(name)


def not_audio(name: str, head: bytes = b"") -> NotAudioError:
    """Return the error for content that no decoder knows; ``head`` is how it begins."""
    if head[4:8] == b"ftyp":
        return NotAudioError(
            f"{name} is an MP4 file that was cut off or damaged before its index; "
            "copy or download it again"
        )
    looks = " (its content looks like text)" if _is_text(head) else ""
    return NotAudioError(
        f"{name} is not audio that any decoder knows{looks}; "
        "check that it plays, or convert it to FLAC or WAV"
    )


def _is_text(head: bytes) -> bool:
    return bool(head) and all(byte >= 32 or byte in b"\t\r\n" for byte in head[:64])


def _is_vendor(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in {"av", "soundfile", "soxr"}
