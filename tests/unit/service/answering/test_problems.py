from __future__ import annotations

import pytest

from earmark import errors
from earmark.errors import EarmarkError
from earmark.service.answering.problems import status_of


def every(kind):
    yield kind
    for below in kind.__subclasses__():
        yield from every(below)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("UsageError", 422),
        ("ExtraMissingError", 501),
        ("TrackNotFoundError", 404),
        ("NotAudioError", 415),
        ("NotAScoreError", 415),
        ("AudioTooLongError", 413),
        ("FetchError", 422),
        ("TooLittleVoiceError", 422),
        ("UnauthorizedError", 401),
        ("ForbiddenError", 403),
        ("JobNotFoundError", 404),
        ("NoSuchMethodError", 405),
        ("ConflictError", 409),
        ("PreconditionError", 412),
        ("BodyTooLargeError", 413),
        ("MediaTypeError", 415),
        ("RangeError", 416),
        ("InvalidRequestError", 422),
        ("RateLimitedError", 429),
        ("BusyError", 429),
        ("TimedOutError", 504),
        ("ShuttingDownError", 503),
        ("LibraryLockedError", 503),
        ("DiskFullError", 507),
        ("InternalError", 500),
    ],
)
def test_statuses(kind, status):
    assert status_of(getattr(errors, kind)("x")) == status


def test_every_error_has_a_status_and_only_bugs_have_500():
    bare = {EarmarkError, errors.InternalError}
    for kind in every(EarmarkError):
        status = status_of(kind("x"))
        assert 400 <= status <= 599
        assert (status == 500) == (kind in bare), kind


@pytest.fixture
def raising(house_app, client):
    """Ask an address that raises an error."""

    def asked(error):
        async def fail() -> None:
            raise error

        house_app.add_api_route("/v1/fails", fail)
        return client.get("/v1/fails", headers={"X-Request-ID": "me-1"})

    return asked


def test_a_known_error_is_a_problem_document(raising):
    answer = raising(errors.NotAudioError("'a.txt' is not audio"))
    assert answer.status_code == 415
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Unsupported Media Type",
        "status": 415,
        "code": "not_audio",
        "detail": "'a.txt' is not audio",
        "instance": "/v1/fails",
        "request_id": "me-1",
    }


@pytest.mark.parametrize(("wait_s", "told"), [(0.0, "1"), (2.1, "3"), (30.0, "30")])
def test_busy_says_when_to_come_again_in_whole_seconds(raising, wait_s, told):
    answer = raising(errors.BusyError("full", wait_s))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, told)


def test_a_bug_is_500_with_an_id_and_tells_nothing_else(raising):
    answer = raising(RuntimeError("the secret is 42"))
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "me-1" in answer.json()["detail"]
    assert "42" not in answer.text
    assert answer.headers["x-request-id"] == "me-1"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_missing_page_and_a_wrong_method(client):
    missing = client.get("/v1/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "no_such_page")
    wrong = client.delete("/healthz")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, HEAD, OPTIONS"


def test_options_tells_the_methods(client):
    answer = client.options("/healthz")
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


def test_a_parameter_that_makes_no_sense_is_named(house_app, client):
    async def take(limit: int) -> int:
        return limit

    house_app.add_api_route("/v1/take", take)
    answer = client.get("/v1/take?limit=many")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["where"] == "query.limit"
    assert answer.json()["detail"].startswith("query.limit: ")
