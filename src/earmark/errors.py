"""The one exception tree: every error a caller can meet, each with a stable code.

The tree, drawn once::

    EarmarkError
    ├── UsageError              a request that makes no sense          CLI exit 2
    │   └── ExtraMissingError
    ├── InputError              the audio or the file is the trouble   CLI exit 3
    │   ├── SourceNotFoundError
    │   ├── SourceUnreadableError
    │   ├── NotAudioError
    │   ├── NotAScoreError
    │   ├── NoMelodyError
    │   ├── EmptyAudioError
    │   ├── AudioTooShortError
    │   │   └── TooLittleVoiceError
    │   ├── SilentAudioError
    │   ├── AudioTooLongError
    │   ├── FetchError
    │   ├── AnalysisDiedError
    │   ├── ArchiveError
    │   ├── CheckpointError
    │   │   └── UntrustedCheckpointError
    │   └── TrackNotFoundError
    ├── RequestError            a service will not have the request    CLI exit 2
    │   ├── UnauthorizedError
    │   ├── ForbiddenError
    │   ├── NoSuchPageError
    │   ├── NoSuchMethodError
    │   ├── JobNotFoundError
    │   ├── KeyNotFoundError
    │   ├── DetectionNotFoundError
    │   ├── RuleNotFoundError
    │   ├── ScanNotFoundError
    │   ├── StreamNotFoundError
    │   ├── WebhookNotFoundError
    │   ├── DeliveryNotFoundError
    │   ├── NoMediaError
    │   ├── ConflictError
    │   ├── PreconditionError
    │   ├── BodyTooLargeError
    │   ├── MediaTypeError
    │   ├── RangeError
    │   ├── InvalidRequestError
    │   └── RateLimitedError
    └── StoreError              the library or a service is the trouble  CLI exit 4
        ├── LibraryNotFoundError
        ├── LibraryLockedError
        ├── LibraryVersionError
        ├── LibraryParametersError
        ├── DamagedIndexError
        ├── DiskFullError
        ├── ModelUnavailableError
        ├── StoreUnavailableError
        ├── StoppedError
        └── ServiceError
            ├── BusyError
            ├── TimedOutError
            ├── ShuttingDownError
            └── InternalError

A message is one sentence that carries the offending value and, where there is one, the remedy.
Codes are part of the public interface: they appear in JSON and in HTTP problem documents.
"""

from __future__ import annotations

from typing import ClassVar


class EarmarkError(Exception):
    """Base of everything earmark raises on purpose."""

    code: ClassVar[str] = "error"

    @property
    def message(self) -> str:
        """The one sentence to show a person."""
        return str(self.args[0]) if self.args else self.code


class UsageError(EarmarkError):
    """The request itself makes no sense."""

    code = "usage"


class InputError(EarmarkError):
    """The audio, file or identifier that was handed in is the trouble."""

    code = "bad_input"


class SourceNotFoundError(InputError):
    """No file or folder is there."""

    code = "not_found"


class NotAScoreError(InputError):
    """The bytes are no score that earmark reads, or are damaged."""

    code = "not_a_score"


class NoMelodyError(InputError):
    """A score without a note of definite pitch: nothing to find it by."""

    code = "no_melody"


class ExtraMissingError(UsageError):
    """What is asked for needs an optional package; the message names the command that adds it."""

    code = "extra_missing"


class SourceUnreadableError(InputError):
    """The file is there but may not be, or cannot be, read."""

    code = "unreadable"


class NotAudioError(InputError):
    """The bytes are not audio that any decoder knows, or broke before the first sample."""

    code = "not_audio"


class EmptyAudioError(InputError):
    """A valid container without one sample, or a file of zero bytes."""

    code = "empty"


class AudioTooShortError(InputError):
    """Too little audio to analyse."""

    code = "too_short"


class TooLittleVoiceError(AudioTooShortError):
    """A clip in which hardly any voice, whistle or single instrument sounds."""

    code = "too_little_voice"


class SilentAudioError(InputError):
    """Nothing above the noise floor of digital silence."""

    code = "silent"


class AudioTooLongError(InputError):
    """More audio than this operation takes."""

    code = "too_long"


class FetchError(InputError):
    """A URL did not answer, or answered with something else than media."""

    code = "fetch_failed"


class AnalysisDiedError(InputError):
    """The process that analysed this input was killed, most often for want of memory."""

    code = "analysis_died"


class ArchiveError(InputError):
    """The file to import is not an archive that earmark wrote, or is damaged."""

    code = "bad_archive"


class CheckpointError(InputError):
    """A file of weights is damaged, or not the one that its model needs."""

    code = "bad_checkpoint"


class UntrustedCheckpointError(CheckpointError):
    """A file of weights asks for code to be run, which is never done; the message names it."""

    code = "untrusted_checkpoint"


class TrackNotFoundError(InputError):
    """The library holds no track of that id."""

    code = "track_not_found"


class StoreError(EarmarkError):
    """The library on disk, or the service behind it, is the trouble."""

    code = "store"


class LibraryNotFoundError(StoreError):
    """No library lies at the given place."""

    code = "library_not_found"


class LibraryLockedError(StoreError):
    """Another process is writing and did not finish in time."""

    code = "library_locked"


class LibraryVersionError(StoreError):
    """The library was written in a format this version does not read."""

    code = "library_version"


class LibraryParametersError(StoreError):
    """The library's index was built with other engine parameters."""

    code = "library_parameters"


class DamagedIndexError(StoreError):
    """A checksum does not hold, or a file is cut short; the message names the remedy."""

    code = "damaged"


class DiskFullError(StoreError):
    """The device has no room left; nothing acknowledged was lost."""

    code = "disk_full"


class ModelUnavailableError(StoreError):
    """A model's weights are not here and could not be fetched."""

    code = "model_unavailable"


class StoreUnavailableError(StoreError):
    """The store exists but does not answer."""

    code = "store_unavailable"


class StoppedError(StoreError):
    """The caller asked for it to stop before it was done; nothing was changed."""

    code = "stopped"


class RequestError(EarmarkError):
    """A request that a service will not have."""

    code = "bad_request"


class UnauthorizedError(RequestError):
    """No key, or one that is unknown, revoked or expired."""

    code = "unauthorized"


class ForbiddenError(RequestError):
    """The key's scopes, or where the request comes from, do not allow it."""

    code = "forbidden"


class NoSuchPageError(RequestError):
    """The service has nothing at this address."""

    code = "no_such_page"


class NoSuchMethodError(RequestError):
    """The address is there, but not for this method."""

    code = "method_not_allowed"


class JobNotFoundError(RequestError):
    """The service knows no job of that id."""

    code = "job_not_found"


class KeyNotFoundError(RequestError):
    """The service knows no key of that id."""

    code = "key_not_found"


class DetectionNotFoundError(RequestError):
    """The log of detections holds none of that id."""

    code = "detection_not_found"


class RuleNotFoundError(RequestError):
    """There is no rule of that id."""

    code = "rule_not_found"


class ScanNotFoundError(RequestError):
    """There is no scan of that id."""

    code = "scan_not_found"


class StreamNotFoundError(RequestError):
    """There is no stream of that id."""

    code = "stream_not_found"


class WebhookNotFoundError(RequestError):
    """There is no webhook of that id."""

    code = "webhook_not_found"


class DeliveryNotFoundError(RequestError):
    """There is no delivery of that id."""

    code = "delivery_not_found"


class NoMediaError(RequestError):
    """The track is there, but not the audio or picture that is asked for."""

    code = "no_media"


class ConflictError(RequestError):
    """Something else has been done already under this key or to this job."""

    code = "conflict"


class PreconditionError(RequestError):
    """What the caller wants to change has changed since it was read."""

    code = "precondition_failed"


class BodyTooLargeError(RequestError):
    """More bytes than the service takes."""

    code = "too_large"


class MediaTypeError(RequestError):
    """A body of a kind that this address does not take."""

    code = "unsupported_media_type"


class RangeError(RequestError):
    """A range of bytes or seconds that the file does not have."""

    code = "range_not_satisfiable"


class InvalidRequestError(RequestError):
    """A parameter, field or body is missing or has a value that makes no sense."""

    code = "invalid_request"


class RateLimitedError(RequestError):
    """Too many requests of one caller; ``retry_after_s`` says when the next is taken."""

    code = "rate_limited"

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ServiceError(StoreError):
    """A service cannot be reached or cannot answer now."""

    code = "service_unavailable"


class BusyError(ServiceError):
    """More work is waiting than the service takes; ``retry_after_s`` says when to come again."""

    code = "busy"

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TimedOutError(ServiceError):
    """It was not done within the service's time for one request, or the body came too slowly."""

    code = "timed_out"


class ShuttingDownError(ServiceError):
    """The service is going down and takes no new work."""

    code = "shutting_down"


class InternalError(ServiceError):
    """A bug in the service; its log holds the details under the request's id."""

    code = "internal"
