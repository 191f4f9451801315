from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from webhook_host import made_detection, made_track

from earmark.errors import UsageError
from earmark.monitor.rules import made_rule, rule_for, rule_shape
from earmark.ports import Rule

DETECTION = made_detection(track=made_track("t1", tags=("jingle", "own")))


def rule(action, name="", **about):
    return Rule(name or f"{action}-{about}", action, **about)


def said(*rules, detection=DETECTION):
    """The action, whatever order the rules are kept in."""
    found = {
        getattr(rule_for(order, detection), "action", None)
        for order in itertools.permutations(rules)
    }
    assert len(found) == 1, found
    return found.pop()


def test_without_rules_none_says():
    assert said() is None
    assert said(rule("block", track_id="t2"), rule("block", tag="other")) is None


def test_the_most_specific_rule_wins():
    general, tag, track = (
        rule("block"),
        rule("review", tag="own"),
        rule("allow", track_id="t1"),
    )
    assert said(general) == "block"
    assert said(general, tag) == "review"
    assert said(general, tag, track) == "allow"
    assert said(rule("allow", tag="jingle"), rule("block")) == "allow"


def test_among_equals_the_stricter_wins_and_then_the_older():
    for about in ({}, {"tag": "own"}, {"track_id": "t1"}):
        allow, review, block = (rule(a, **about) for a in ("allow", "review", "block"))
        assert said(allow, review) == "review"
        assert said(allow, review, block) == "block"
    older, younger = rule("block", "older"), rule("block", "younger")
    assert rule_for([older, younger], DETECTION) is older
    assert said(rule("allow", tag="jingle"), rule("block", tag="own")) == "block"


def test_a_detection_that_misses_a_bound_is_not_the_rules():
    short = rule("block", track_id="t1", least_s=30.1)
    sure = rule("block", track_id="t1", least_confidence=0.91)
    assert said(short) is said(sure) is None
    assert said(short, rule("allow")) == "allow"  # the next one is asked
    assert said(replace(short, least_s=30.0)) == "block"
    assert said(replace(sure, least_confidence=0.9)) == "block"
    holes = replace(
        DETECTION, pieces=(*DETECTION.pieces, *made_detection(start_s=90.0, end_s=91.0).pieces)
    )
    assert said(replace(short, least_s=40.0), detection=holes) is None  # 31 s sound, 81 s pass


def test_what_makes_no_rule_is_said():
    def refused(words, action="block", **about):
        with pytest.raises(UsageError, match=words):
            made_rule(action, now=0.0, **about)

    refused("allow, review or block, got 'ban'", "ban")
    refused("not of both", track_id="t1", tag="own")
    refused("track is empty", track_id=" ")
    refused("tag is empty", tag="")
    refused("least_s is 0 or more seconds, got -1", least_s=-1.0)
    refused("got nan", least_s=float("nan"))
    refused("between 0 and 1, got 1.5", least_confidence=1.5)
    refused("at most 1000 characters, got 1001", note="x" * 1001)


def test_a_made_rule_has_a_shape():
    made = made_rule("allow", tag="own", least_s=3.0, note=" ours ", now=7.0)
    assert made_rule("allow", now=7.0).id != made.id
    assert rule_shape(made) == {
        "id": made.id, "action": "allow", "track_id": None, "tag": "own", "least_s": 3.0,
        "least_confidence": 0.0, "note": "ours", "created_at": 7.0,
    }  # fmt: skip
