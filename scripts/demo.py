"""``make demo``: a library of music and tunes; a noisy clip, a hum, likeness, a station's minutes.

Everything is done by the `earmark` command, echoed as you would type it; only what is asked is
made here. Everything lies under ``demo/``; running it again is quick and gives the same answers.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from immich_memories_music import tracks_dir

from demo_station import Play, write_station
from earmark.audio.decode import decode
from earmark.evaluation.degrade import degrade, source_length_s
from earmark.evaluation.hum import Manner, hum
from earmark.evaluation.noise import RATE_HZ, NoiseBank
from earmark.melody.score import read_score
from earmark.units import clock

HERE = Path("demo")
LEFT_OUT = "tender"  # the mood whose tracks the library does not get
KNOWN = "music/nostalgic/nostalgic_acoustic_1.opus"
UNKNOWN = "other/tender/tender_acoustic_1.opus"
PLAYED = [KNOWN, "music/calm/calm_acoustic_1.opus", "music/energetic/energetic_acoustic_1.opus"]
CLIP_S, KNOWN_AT_S, UNKNOWN_AT_S = 6.0, 13.2, 10.0
SEED = 2024
FADES_S = 3.0
TUNES = Path(__file__).with_name("demo_tunes.abc")
HUMMED, HUMMED_TITLE, HUMMED_AT_S = "4", "Greensleeves", 0.0
HUM_S, HUM_SNR_DB = 9.0, 10.0
MANNER = Manner("hum", tempo=1.2, shift_semitones=-13.4, off_key_semitones=0.5, slips=0.0)


def main() -> int:
    """Run the demo; 0 when all answers are right."""
    start = time.monotonic()
    lay_out_music()
    say("28 tracks of music (PyPI immich-memories-music); the library gets all but the tender ones")
    earmark("add", "demo/music")
    earmark("stats")

    say(f"A phone held up in a room: {CLIP_S:g} s of {KNOWN} from {clock(KNOWN_AT_S)},")
    say("with reverb, noise only 5 dB below the music, and a telephone's bandwidth", first=False)
    spoil(KNOWN, KNOWN_AT_S, "phone.wav")
    found = earmark("identify", "demo/phone.wav", "--plot", "demo/match.png")

    say(f"The same done to {UNKNOWN}, which the library does not hold")
    spoil(UNKNOWN, UNKNOWN_AT_S, "unknown.wav")
    refused = earmark("identify", "demo/unknown.wav")

    say(f"24 tunes as scores; somebody hums {HUM_S:g} s of {HUMMED_TITLE}: 13 semitones below,")
    say("a fifth too fast, every note half a semitone off or so, with noise", first=False)
    shutil.copy(TUNES, HERE / "tunes.abc")
    earmark("add", "demo/tunes.abc")
    hum_something("hum.wav")
    earmark("identify", "demo/hum.wav", "--mode", "melody", "--plot", "demo/hum.png")
    say("The mode need not be said: auto asks about recordings first, then about tunes")
    earmark("identify", "demo/hum.wav")

    say("What sounds like second 10 of that nostalgic track? With the network in the package,")
    say("or with a better one where it has been fetched (`earmark models fetch mn04`)", first=False)
    earmark("models", "list")
    earmark("similar", track_id(KNOWN), "--at", "10", "--limit", "3")
    say("And like a track that the library does not hold?")
    earmark("identify", f"demo/{UNKNOWN}", "--mode", "sound", "--limit", "3")

    say("Three minutes of a station: songs cut and cross-faded, one 3 % fast, one that the library")
    say(
        "lacks, and a jingle that nobody registered. What was played, from when to when?",
        first=False,
    )
    plays = write_station(HERE, HERE / "station.flac", PLAYED, UNKNOWN)
    reports = ["--html", "demo/station.html", "--timeline", "demo/station.json"]
    earmark("scan", "demo/station.flac", "--again", *reports)

    problems = [*check(found, refused), *check_hum(), *check_similar(), *check_station(plays)]
    for problem in problems:
        sys.stdout.write(f"WRONG: {problem}\n")
    if not problems:
        say(f"All answers are right, after {time.monotonic() - start:.0f} s.")
        say("Look at demo/match.png: the matched landmarks and how they agree,", first=False)
        say(
            "at demo/hum.png: what was hummed, over the tune; and open demo/station.html:",
            first=False,
        )
        say("the station's minutes to look at, and to listen to.", first=False)
    return 1 if problems else 0


def lay_out_music() -> None:
    """Copy the tracks to ``demo/music``, and those left out to ``demo/other``."""
    for mood in sorted(path for path in tracks_dir().iterdir() if path.is_dir()):
        folder = HERE / ("other" if mood.name == LEFT_OUT else "music") / mood.name
        if not folder.is_dir():
            shutil.copytree(mood, folder)


def spoil(source: str, at_s: float, name: str) -> None:
    """Write what a phone would hear of a stretch of ``source`` to ``demo/name``."""
    heard = decode(HERE / source, RATE_HZ, start_s=at_s, duration_s=source_length_s(CLIP_S) + 0.1)
    random = np.random.default_rng(SEED)
    clip = degrade(heard.clip.samples, "phone", CLIP_S, NoiseBank.load(), random)
    soundfile.write(HERE / name, clip, RATE_HZ)


def hum_something(name: str) -> None:
    """Write what a phone hears of somebody who hums one of the tunes to ``demo/name``."""
    tune = read_score(TUNES, part=HUMMED).tune
    random = np.random.default_rng(SEED)
    clip = hum(
        tune, MANNER, random, start_s=HUMMED_AT_S, length_s=HUM_S, snr_db=HUM_SNR_DB, room=True
    )
    soundfile.write(HERE / name, clip, RATE_HZ)


def earmark(*arguments: str) -> int:
    """Echo a command and run it; return its exit code."""
    command = ["earmark", "--library", "demo/library", *arguments]
    sys.stdout.write(f"\n$ {shlex.join(command)}\n")
    sys.stdout.flush()
    return subprocess.run(program() + command[1:], check=False).returncode


def check(found: int, refused: int) -> list[str]:
    """Return what is not as it should be about the recordings."""
    answer = asked("demo/phone.wav")
    problems = []
    if found != 0 or not answer["matches"]:
        problems.append(f"demo/phone.wav was not found (exit code {found})")
    else:
        match = answer["matches"][0]
        if not match["track"]["source"].endswith(KNOWN):
            problems.append(f"demo/phone.wav was taken for {match['track']['source']}")
        segment = match["segments"][0]
        at_s = segment["reference"]["start_s"] - segment["query"]["start_s"]
        if abs(at_s - KNOWN_AT_S) > 0.1:
            problems.append(f"demo/phone.wav was placed at {at_s:.2f} s")
    if refused != 1:
        problems.append(f"demo/unknown.wav should have had no match (exit code {refused})")
    return problems


def check_hum() -> list[str]:
    """Return what is not as it should be about the hum."""
    matches = asked("demo/hum.wav")["matches"]
    if not matches:
        return ["demo/hum.wav was not found"]
    best, problems = matches[0], []
    if best["track"]["title"] != HUMMED_TITLE or best["kind"] != "melody":
        problems.append(f"demo/hum.wav was taken for {best['track']['title']} ({best['kind']})")
    elif abs(best["pitch_shift_semitones"] - MANNER.shift_semitones) > 0.5:
        problems.append(f"demo/hum.wav was heard {best['pitch_shift_semitones']:+.1f} st off")
    elif abs(best["time_ratio"] / MANNER.tempo - 1.0) > 0.1:
        problems.append(f"demo/hum.wav was heard x {best['time_ratio']:.2f} as fast")
    return problems


def check_similar() -> list[str]:
    """Return what is not as it should be about what sounds alike."""
    own = track_id(KNOWN)
    answer = told("similar", own, "--at", "10", "--json")
    if not answer["matches"]:
        return ["nothing was found that sounds like second 10"]
    problems = [
        f"{match['track']['source']} should not have been told (kind {match['kind']})"
        for match in answer["matches"]
        if match["kind"] != "sound" or match["track"]["id"] == own
    ]
    # A clip of a track of the library sounds most like that track, at that moment.
    clean = told("identify", f"demo/{KNOWN}", "--mode", "sound", "--json")["matches"]
    if not clean or clean[0]["track"]["id"] != own:
        problems.append(f"{KNOWN} does not sound like itself")
    return problems


def check_station(plays: list[Play]) -> list[str]:
    """Return what is not as it should be about the station's minutes."""
    (scanned,) = json.loads((HERE / "station.json").read_text("utf-8"))
    found, repeats = scanned["detections"], scanned["repeats"]
    if len(found) != len(plays):
        return [f"of {len(plays)} songs of demo/station.flac {len(found)} were told"]
    problems = []
    for play, one in zip(plays, sorted(found, key=lambda one: one["start_s"]), strict=True):
        if not one["track"]["source"].endswith(play.source):
            problems.append(f"{play.source} was taken for {one['track']['source']}")
        elif max(abs(one["start_s"] - play.start_s), abs(one["end_s"] - play.end_s)) > FADES_S:
            problems.append(f"{play.source} was placed at {one['start_s']:.1f} s")
    if [len(repeat["plays"]) for repeat in repeats] != [3]:
        problems.append("the jingle of demo/station.flac was not found three times")
    return problems


def track_id(source: str) -> str:
    """Return the library's id of a file below ``demo/``."""
    return str(told("list", source, "--json")["id"])


def asked(name: str) -> Any:  # noqa: ANN401 - whatever the JSON holds
    """Return the answer about a file, asked once more as a program would."""
    return told("identify", "--json", name)


def told(*arguments: str) -> Any:  # noqa: ANN401 - whatever the JSON holds
    """Return what a command prints as JSON."""
    command = [*program(), "--library", "demo/library", *arguments]
    return json.loads(subprocess.run(command, check=False, capture_output=True, text=True).stdout)


def program() -> list[str]:
    """Return how to start `earmark` of this very environment."""
    return [sys.executable, "-m", "earmark"]


def say(text: str, *, first: bool = True) -> None:
    """Print a line of the story."""
    sys.stdout.write(f"{chr(10) if first else ''}# {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
