"""A data set with damaged photos in it, and two that end the process that prepares them.

    python benchmarks/fleet_damage.py [SAMPLES] [DAMAGED]

Of a folder of small pictures (20,000), some (1,000) are damaged in eleven ways, and two are such
that preparing them ends the process. Each of these has to be a row with its reason, and all others
have to be what they are without the damaged ones. The exit code is 1 if not.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from _harmful import ABORTS, SEGFAULTS, Prepare, damage
from fleet import network, pictures

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

SIDE = 28


def main() -> int:
    """One run of the sound ones, one of all."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    damaged = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    net, preprocess = network(SIDE)
    prepare = Prepare(**vars(preprocess))
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base) / "pictures"
        folder.mkdir()
        pictures(count, SIDE, folder)
        paths = sorted(folder.rglob("*.png"))
        net(mx.nd.array(prepare(paths[0])))
        options = {"preprocess": prepare, "progress": False}
        sound = gm.run(net, folder, Path(base) / "sound", workers=2, **options)
        expected = {one.place: dict(one.cells) for one in sound}
        chosen = random.Random(0).sample(paths, damaged + 2)
        for number, path in enumerate(chosen[:damaged]):
            damage(path, number)
        for path, side in zip(chosen[damaged:], (ABORTS, SEGFAULTS)):
            cv2.imwrite(str(path), np.zeros((side, side, 3), np.uint8))
        start = time.perf_counter()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UserWarning)
            store = gm.run(net, folder, Path(base) / "store", workers=2, **options)
        took = time.perf_counter() - start
        found = {one.place: dict(one.cells) for one in store}
        wanted = {str(path.relative_to(folder)) for path in chosen}
        failed = {place for place, cells in found.items() if cells["error"]}
        same = sum(found[place] == expected[place] for place in found.keys() - failed)
        print(f"{len(found)} rows of {count} in {took:.0f} s; {len(failed)} with a reason")
        print(f"of the others {same} are as without damage")
        reasons = Counter(found[one]["error"].replace(one, "PHOTO") for one in failed)
        for reason, number in reasons.most_common(20):
            print(f"{number:6d}  {reason}")
        for path in chosen[damaged:]:
            print(found[str(path.relative_to(folder))]["error"])
        print(*(one.message for one in said), sep="\n")
        is_right = len(found) == count and failed == wanted and same == count - len(wanted)
        return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
