"""A library of as many tracks as you like, most of them synthetic: build it, ask it, draw it.

See README.md beside this file. Everything is decided by the seed: the same command twice makes the
same tracks and asks the same clips.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from asking import ask
from build import build, likeness
from made import Shape
from parts import music, opened
from plotting import plot
from weigh import weigh


def main() -> None:
    """Run one of the five."""
    shape = Shape()
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--library", required=True, help="folder, or URL (redis://...)")
    shared.add_argument("--music", type=Path, help="real music; the demo's where nothing is said")
    shared.add_argument("--real", type=int, default=10, help="real tracks among the others")
    shared.add_argument("--minutes", type=float, default=shape.minutes, help="of a track")
    shared.add_argument("--sung-s", type=float, default=shape.sung_s, help="of a track")
    shared.add_argument("--sound-windows", type=int, default=shape.sound_windows)
    shared.add_argument("--seed", type=int, default=0)
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    building = verbs.add_parser("build", parents=[shared], help="grow a library")
    building.add_argument("--tracks", type=int, default=100_000)
    asking = verbs.add_parser("ask", parents=[shared], help="what a question costs")
    asking.add_argument("--clips", type=int, default=40, help="of each kind")
    verbs.add_parser("compare", parents=[shared], help="synthetic tracks beside real ones")
    verbs.add_parser("weigh", parents=[shared], help="what lies where in a Redis")
    drawing = verbs.add_parser("plot", help="a picture of several `ask`s")
    drawing.add_argument("picture", type=Path)
    drawing.add_argument("answers", type=Path, nargs="+", help="what `ask` printed")
    options = parser.parse_args()
    if options.verb == "plot":
        plot(options.answers, options.picture)
        return
    shape = Shape(options.minutes, options.sung_s, options.sound_windows)
    common = (options.music, options.real, shape, options.seed)
    if options.verb == "build":
        told = build(options.library, options.tracks, *common)
    elif options.verb == "ask":
        told = ask(options.library, options.clips, *common)
    elif options.verb == "weigh":
        told = weigh(options.library)
    else:
        with opened(options.library, create=True) as library:
            parts = music(options.music, options.real, options.seed)
            told = likeness(library, parts.asked, parts.imitated, shape, options.seed)
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
