from __future__ import annotations

from earmark.twins.best import best_first
from earmark.twins.grouping import exact_groups, grouped, settled
from earmark.twins.report import DedupeReport, Group, Member
from earmark.twins.ties import Tie
from earmark.types import Segment, Span, Track


def track(name, number, duration_s=100.0, content="", source=None):
    return Track(name, source or f"/nowhere/{name}.wav", content or name, duration_s, number)


def held(*tracks):
    found = {}
    for one in tracks:
        found.setdefault(one.number, []).append(one)
    return found


def tie(one, other, kind="recording", confidence=0.99, covered=1.0, other_covered=1.0):
    pair = Segment(Span(0.0, 10.0), Span(5.0, 15.0))
    return Tie(one, other, kind, confidence, (pair,), 1.0, 0.0, covered, other_covered)


def ids(group):
    return [member.track.id for member in group.members]


def test_the_same_samples_and_the_same_bytes_are_exact(tmp_path):
    (tmp_path / "a.flac").write_bytes(b"1" * 10)
    (tmp_path / "b.wav").write_bytes(b"1" * 100)
    a = track("a", 1, source=str(tmp_path / "a.flac"))
    b = track("b", 1, source=str(tmp_path / "b.wav"))
    c = track("c", 2, content="a")  # the same bytes, analysed with other parameters
    (group,) = settled(exact_groups(held(b, a, c, track("d", 3))))
    assert (group.kind, ids(group)) == ("exact", ["a", "b", "c"])  # the smallest, the gone last
    assert (group.saved_bytes, group.confidence) == (100, 1.0)
    assert group.members[1].segments == (Segment(Span(0, 100), Span(0, 100)),)


def test_copies_of_copies_are_one_group_and_the_longest_is_kept():
    tracks = held(track("a", 1, 97.0), track("b", 2, 100.0), track("c", 3, 95.0), track("x", 4))
    (group,) = settled(grouped(tracks, [tie(1, 2, covered=0.9), tie(1, 3, confidence=0.95)]))
    assert ids(group) == ["b", "a", "c"]
    a, c = group.members[1:]
    assert a.segments == (Segment(Span(0, 10), Span(5, 15)),)
    assert (c.confidence, c.segments) == (0.95, ())  # no place of its own in b is known
    assert [member.track.id for member in group.removable] == ["a", "c"]


def test_the_one_with_most_bytes_a_second_is_kept_of_those_as_long():
    pairs = [(track("low", 1, 100.0), 100), (track("high", 2, 99.0), 900)]
    assert [one.id for one in best_first("recording", pairs)] == ["high", "low"]
    pairs.append((track("gone", 3, 101.0), None))
    assert [one.id for one in best_first("recording", pairs)] == ["high", "low", "gone"]
    pairs.append((track("long", 4, 150.0), 1))
    assert best_first("recording", pairs)[0].id == "long"


def test_a_medley_stands_above_its_songs_and_none_of_them_is_needless():
    tracks = held(track("song", 1, 200.0), track("other", 2, 210.0), track("medley", 3, 60.0))
    ties = [tie(1, 3, "excerpt", covered=0.1), tie(2, 3, "excerpt", covered=0.1)]
    (group,) = settled(grouped(tracks, ties))
    assert ids(group)[0] == "medley"
    assert group.removable == ()
    assert group.saved_bytes == 0


def test_a_part_belongs_to_the_best_copy_only_and_is_needless():
    tracks = held(track("whole", 1, 200.0), track("copy", 2, 190.0), track("part", 3, 30.0))
    ties = [tie(1, 2), tie(3, 1, "excerpt"), tie(3, 2, "excerpt")]
    groups = {group.kind: group for group in settled(grouped(tracks, ties))}
    assert ids(groups["recording"]) == ["whole", "copy"]
    assert ids(groups["excerpt"]) == ["whole", "part"]
    assert [member.track.id for member in groups["excerpt"].removable] == ["part"]


def test_what_is_kept_is_never_given_up_for_what_is_not(tmp_path):
    """The smallest of the exact copies, and the richest recording, must not remove each other."""
    for name, size in (("a.flac", 500), ("a.wav", 900), ("b.mp3", 90)):
        (tmp_path / name).write_bytes(b"1" * size)
    flac, wav, mp3 = (
        track(name, number, 10.0, source=str(tmp_path / name))
        for name, number in (("a.flac", 1), ("a.wav", 1), ("b.mp3", 2))
    )
    tracks = held(wav, flac, mp3)
    exact, same = settled([*exact_groups(tracks), *grouped(tracks, [tie(1, 2)])])
    assert (ids(exact)[0], ids(same)[0]) == ("a.flac", "a.flac")
    removed = {member.track.id for group in (exact, same) for member in group.removable}
    assert removed == {"a.wav", "b.mp3"}


def test_groups_that_contradict_each_other_leave_one_standing():
    one, two, three = (Member(track(name, n), 10) for n, name in enumerate("abc", 1))
    groups = settled(
        [
            Group("recording", (one, two)),
            Group("sound", (two, three)),
            Group("sound", (three, one)),
        ]
    )
    removed = {member.track.id for group in groups for member in group.removable}
    assert removed == {"b", "c"}


def test_covers_are_not_needless_and_savings_count_each_track_once():
    one, two = track("one", 1), track("two", 2)
    cover = Group("tune", (Member(one, 10), Member(two, 20)))
    assert (settled([cover])[0].removable, cover.saved_bytes) == ((), 0)
    (copies,) = settled([Group("recording", (Member(one, 10), Member(two, 20)))])
    third = Member(track("three", 3), None)
    (unknown,) = settled([Group("recording", (Member(one, 10), third))])
    assert unknown.saved_bytes is None
    report = DedupeReport((copies, cover, copies, unknown), 3, 3, 0.1, {"sound": "off"})
    assert (report.saved_bytes, report.unknown_sizes) == (20, 1)
    assert report.counts() == {"recording": 3, "tune": 1}
    assert report.as_dict()["groups"][0]["remove"] == ["two"]
