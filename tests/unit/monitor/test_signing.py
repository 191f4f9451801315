from __future__ import annotations

import hashlib
import hmac

import pytest

from earmark.monitor.signing import SECRET_PREFIX, make_secret, sign, verify

NOW = 1_700_000_000


def test_a_signature_is_the_hmac_of_timestamp_and_body():
    right = hmac.new(b"whsec_abc", b'1700000000.{"a": 1}', hashlib.sha256).hexdigest()
    assert sign("whsec_abc", NOW, b'{"a": 1}') == f"v1={right}"


def test_secrets_are_long_and_never_alike():
    made = {make_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(one.startswith(SECRET_PREFIX) and len(one) == 6 + 43 for one in made)


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "whsec_other"},
        {"body": b"{ }"},
        {"timestamp": "1700000001"},
        {"timestamp": "-1700000000"},
        {"timestamp": ""},
        {"timestamp": "1" * 30},
        {"timestamp": "\u0661\u0667"},
        {"signature": ""},
        {"signature": "v1=\u00e9"},
        {"signature": "v2=" + "0" * 64},
        {"now": NOW + 301.0},
        {"now": NOW - 301.0},
    ],
)
def test_whatever_differs_is_refused(wrong):
    said = {
        "secret": "whsec_abc",
        "timestamp": str(NOW),
        "body": b"{}",
        "signature": sign("whsec_abc", NOW, b"{}"),
        "now": float(NOW),
    }
    assert verify(**said)
    assert verify(**said | {"now": NOW + 299.0})
    assert not verify(**said | wrong)
