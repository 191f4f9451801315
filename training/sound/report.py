"""Measures a student: ``python -m training.sound.report student.onnx --clips ESC10 --held OUT``.

``--clips`` is a folder of classes, each a folder of clips named FOLD-SOURCE-TAKE: clips of one
source are no answers to each other. ``--held`` asks how far student and teacher agree on held-out
examples. Speed is of one core's time, for noise of 10 s.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch

from earmark.sound.mel import efficientat_mel
from earmark.sound.timbre import timbre
from training.sound.label import clips
from training.sound.losses import Head
from training.sound.measure import retrieval, shared_neighbours, unit
from training.sound.pool import RATE_HZ
from training.sound.shards import LENGTHS_S, Examples
from training.sound.teacher import Teacher, head

Floats = npt.NDArray[np.float32]

HOP = 640
TIMBRE_WEIGHT = 0.5


class Asked:
    """An exported student."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options)

    def mel(self, mel: Floats) -> tuple[Floats, Floats]:
        """Return features (384,) and label odds (527,) of a mel (128, frames)."""
        given = {"mel": np.ascontiguousarray(mel, np.float32)[None, None]}
        features, odds = self._session.run(["features", "labels"], given)
        return features[0], odds[0]

    def hear(self, audio: Floats) -> Floats:
        """Return the features of samples at 32 kHz."""
        return self.mel(efficientat_mel(audio, HOP))[0]


def found(folder: Path, vectors: Floats) -> dict[str, dict[str, float]]:
    """Return the retrieval of vectors of a folder's clips: raw, centred, with their timbre."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".wav", ".ogg", ".flac"})
    classes = [path.parent.name for path in paths]
    recordings = [path.stem.split("-")[1] for path in paths]
    timbres = np.array([timbre(clip, RATE_HZ) for clip in clips(folder)])
    scaled = unit((timbres - timbres.mean(0)) / timbres.std(0))
    centred = unit(vectors - vectors.mean(0))
    forms = {
        "raw": vectors,
        "centred": centred,
        "with timbre": np.hstack((centred, TIMBRE_WEIGHT * scaled)),
        "timbre alone": scaled,
    }
    return {name: retrieval(rows, classes, recordings) for name, rows in forms.items()}


def agreement(student: Asked, held: Examples, teacher: Head) -> dict[str, dict[str, float]]:
    """Return by length: centred cosine, neighbours in common, the likeliest label in common.

    ``label where sure`` counts examples to which the teacher gives a label at over 0.5.
    """
    out = {}
    for length in LENGTHS_S:
        if not held.count(length):
            continue
        wanted = np.concatenate(held.features[length]).astype(np.float32)
        answers = [student.mel(mel) for rows in held.mels[length] for mel in rows]
        ours, odds = (np.array(part) for part in zip(*answers, strict=True))
        theirs = torch.sigmoid(teacher(torch.from_numpy(wanted))).numpy()
        same = odds.argmax(1) == theirs.argmax(1)
        centre = wanted.mean(0)
        ours, wanted = unit(ours - centre), unit(wanted - centre)
        out[f"{length:g} s"] = {
            "examples": len(wanted),
            "cosine": float((ours * wanted).sum(1).mean()),
            "shared": shared_neighbours(ours, wanted),
            "label": float(same.mean()),
            "label where sure": float(same[theirs.max(1) > 0.5].mean()),
        }
    return out


def speed(student: Asked, length_s: float = 10.0, rounds: int = 20) -> tuple[float, float]:
    """Return how many seconds of audio a second of one core takes: network, network and mel."""
    audio = np.random.default_rng(0).normal(0, 0.1, round(length_s * RATE_HZ)).astype(np.float32)
    mels, nets = [], []
    for _ in range(rounds):
        begun = time.process_time()
        mel = efficientat_mel(audio, HOP)
        heard = time.process_time()
        student.mel(mel)
        mels.append(heard - begun)
        nets.append(time.process_time() - heard)
    net_s = float(np.median(nets))
    return length_s / net_s, length_s / (net_s + float(np.median(mels)))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("student", type=Path)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--held", type=Path)
    parser.add_argument("--teacher", type=Path, help="mn04's checkpoint")
    asked = parser.parse_args()
    student = Asked(asked.student)
    print("times real time, network and with mel: {:.0f} {:.0f}".format(*speed(student)))
    hearing = {"student": student.hear}
    if asked.teacher:
        teacher = Teacher(asked.teacher)
        hearing["teacher"] = lambda audio: teacher.hear(audio)[1]
    for name, hear in hearing.items() if asked.clips else ():
        vectors = np.array([hear(clip) for clip in clips(asked.clips)])
        for form, figures in found(asked.clips, vectors).items():
            print(name, form, {key: round(value, 4) for key, value in figures.items()})
    if asked.held and asked.teacher:
        held = Examples(asked.held, ("held",))
        for length, figures in agreement(student, held, Head(*head(asked.teacher))).items():
            print(length, {key: round(value, 3) for key, value in figures.items()})


if __name__ == "__main__":
    main()
