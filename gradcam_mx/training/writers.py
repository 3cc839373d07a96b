"""Where pictures go while a net is trained: a folder with a page, TensorBoard, Weights & Biases.

A writer is anything that can be called with a `Snapshot`; what needs an end has a `close()` too:

    def keep(snapshot):
        picture.save(snapshot.picture(), Path(f"{snapshot.unit}-{snapshot.step}.png"))
"""

from __future__ import annotations

import html
import json
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from .. import picture
from ..errors import OutputError
from ..methods import METHODS
from ..support import files
from ..support.closing import Closing
from ..support.optional import optional
from ..support.randomness import randomness_kept

__all__ = ["HtmlWriter", "Snapshot", "TensorBoardWriter", "WandbWriter", "Writer"]

PANELS = 6
"""How many pictures of a grid stand side by side."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a net looked at, at one moment of its training: the same samples at every moment."""

    step: int
    """The number of the epoch or batch after which it was taken."""
    unit: str
    """"epoch" or "batch"."""
    photos: Sequence[np.ndarray]
    """What the net saw, (H, W, 3) uint8 for each sample. Empty for signals, which are in the
    overlays."""
    overlays: Mapping[str, Sequence[np.ndarray]]
    """Name of a method → its picture of each sample, (H, W, 3) or (H, W) uint8."""
    predictions: list[int] | None
    """The predicted class of each sample; None of a net that predicts no classes."""
    probabilities: np.ndarray | None
    """(N,) float32: of the predicted classes."""
    classes: list[int] | None
    """The true class of each sample, if they are known."""
    scores: np.ndarray
    """(N,) float32: the explained scalar of each sample."""
    explained: Sequence[str]
    """What is explained of each sample, such as a class's name."""
    captions: Sequence[str]
    """What is predicted for each sample, such as "ankle boot 0.93 (true: sneaker)"."""
    explanations: Mapping[str, Any] = field(default_factory=dict)
    """Name of a method → the `Explanation` of all samples, with its raw values."""

    @property
    def heading(self) -> str:
        """When it was taken: "epoch 3"."""
        return f"{self.unit} {self.step}"

    def picture(self) -> np.ndarray:
        """All samples in a grid, under their captions: (H, W, 3) uint8 RGB; drawn once."""
        return self._picture

    @cached_property
    def _picture(self) -> np.ndarray:
        cells = [self._cells(number) for number in range(len(self.captions))]
        widest = max(panel.shape[1] / panel.shape[0] for panel, _ in cells[0])
        side, across = (6.0, 1) if widest > 2 else (2.2, max(1, PANELS // len(cells[0])))
        rows = [
            [cell for sample in cells[start : start + across] for cell in sample]
            for start in range(0, len(cells), across)
        ]
        columns = ["input"] * bool(self.photos) + [METHODS[name].title for name in self.overlays]
        return picture.as_array(
            picture.grid(
                [[panel for panel, _ in row] for row in rows],
                [[title for _, title in row] for row in rows],
                columns=columns * min(across, len(cells)),
                heading=self.heading,
                side=side,
            )
        )

    def _cells(self, number: int) -> list[tuple[np.ndarray, str]]:
        """The pictures of a sample, each with its title."""
        title = f"{self.explained[number]}: {self.scores[number]:.3g}"
        drawn = [(panels[number], title) for panels in self.overlays.values()]
        if self.photos:
            return [(self.photos[number], self.captions[number]), *drawn]
        first, *others = drawn
        return [(first[0], f"{self.captions[number]}\n{title}"), *others]


Writer = Callable[[Snapshot], Any]
"""What takes snapshots, one a call. If it has a method `close()`, that ends it."""


def _folder(path: str | Path) -> Path:
    """A folder that is there.

    Raises:
        OutputError: it cannot be made.
    """
    folder = Path(path).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror or error}; choose another folder"
        ) from error
    return folder


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font-family: sans-serif; margin: 2em; color: #222; background: #fff; }}
section {{ border-top: 1px solid #ccc; padding: 0.5em 0 1.5em; }}
img {{ max-width: 100%; height: auto; }}
li {{ display: inline-block; margin-right: 2em; }}
</style>
</head>
<body>
<h1>{title}</h1>
{sections}
</body>
</html>
"""
_SECTION = """<section id="{name}">
<h2>{heading}</h2>
<p><img src="{name}.png" width="{width}" height="{height}" alt="{alt}"></p>
<ul>{captions}</ul>
</section>"""


class HtmlWriter(Closing):
    """A folder of pictures, one PNG a snapshot, with a page `index.html` that shows them.

    The page needs nothing but the folder; the snapshot that was written last is at the top. A
    folder that holds snapshots already is continued, and one of the same number replaced. No file
    is ever half there.

    Args:
        folder: where to write; it is made. Each handler needs one of its own.
        title: of the page.

    Raises:
        OutputError: the folder cannot be made, or its `snapshots.json` is something else.

    Example:
        >>> import tempfile, numpy as np
        >>> from gradcam_mx.writers import HtmlWriter, Snapshot
        >>> photo = np.zeros((28, 28, 3), np.uint8)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     HtmlWriter(folder)(Snapshot(0, "epoch", [photo], {"grad_cam": [photo]}, [9], None,
        ...                                 [7], np.ones(1), ["boot"], ["boot (true: sneaker)"]))
        ...     sorted(file.name for file in Path(folder).iterdir())
        ['epoch-000000.png', 'index.html', 'snapshots.json']
    """

    def __init__(self, folder: str | Path, *, title: str = "What the network looked at") -> None:
        self.folder = _folder(folder)
        self._title = title
        self._known = self._read()

    def _read(self) -> list[dict[str, Any]]:
        """What is in the folder already, in the order in which it was written."""
        path = self.folder / "snapshots.json"
        try:
            known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
            for one in known:
                _section(one)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise OutputError(
                f"{path} is no list of snapshots ({error}); choose another folder, "
                "or delete the file to begin anew"
            ) from error
        return known

    def __call__(self, snapshot: Snapshot) -> None:
        name = f"{snapshot.unit}-{snapshot.step:06d}"
        drawn = snapshot.picture()
        known = [one for one in self._known if one["name"] != name]
        known.append(
            {
                "name": name,
                "heading": snapshot.heading,
                "width": drawn.shape[1],
                "height": drawn.shape[0],
                "captions": list(snapshot.captions),
            }
        )
        page = _PAGE.format(
            title=html.escape(self._title), sections="\n".join(map(_section, reversed(known)))
        )
        with files.whole(self.folder / f"{name}.png") as part:
            picture.save(drawn, part)
        for file, text in (("index.html", page), ("snapshots.json", json.dumps(known, indent=1))):
            with files.whole(self.folder / file) as part:
                part.write_text(text, encoding="utf-8")
        self._known = known


def _section(known: Mapping[str, Any]) -> str:
    """A snapshot's part of the page."""
    captions = [html.escape(caption) for caption in known["captions"]]
    return _SECTION.format(
        name=html.escape(known["name"]),
        heading=html.escape(known["heading"]),
        width=int(known["width"]),
        height=int(known["height"]),
        alt="; ".join(captions),
        captions="".join(f"<li>{caption}</li>" for caption in captions),
    )


class TensorBoardWriter(Closing):
    """An image for TensorBoard a snapshot, at the snapshot's step.

    Args:
        log: a folder, which tensorboardX writes to; or an open `SummaryWriter`, which stays open.
        tag: what the image is called.

    Raises:
        OutputError: the folder cannot be made.
        DependencyError: tensorboardX is not installed, and a folder was given.

    Example:
        >>> from gradcam_mx.writers import TensorBoardWriter
        >>> writer = TensorBoardWriter("runs/first")                     # doctest: +SKIP
    """

    def __init__(self, log: Any, *, tag: str = "explanations") -> None:
        self._tag = tag
        self._given = log if hasattr(log, "add_image") else None
        self._opened: Any = None
        if self._given is None:
            with randomness_kept():
                self._package = optional(
                    "tensorboardX", "The files for TensorBoard are written", extra="train"
                )
            self._log = str(_folder(log))

    def __call__(self, snapshot: Snapshot) -> None:
        log = self._given or self._opened
        if log is None:
            # By default pictures wait in memory for two minutes; and a file is named by the second,
            # so that the next one could take its place.
            log = self._opened = self._package.SummaryWriter(
                self._log, flush_secs=5, filename_suffix=f".{time.time_ns()}"
            )
        log.add_image(self._tag, snapshot.picture(), snapshot.step, dataformats="HWC")

    def close(self) -> None:
        """Finish the file, if the writer opened it."""
        if self._opened is not None:
            opened, self._opened = self._opened, None
            opened.close()


class WandbWriter(Closing):
    """An image for Weights & Biases a snapshot: one step of the run, with the snapshot's number.

    Args:
        run: an open run, which stays open. By default the one that is active, if there is one and
            no options are given; else a new one.
        key: what the image is called; its number is called `{key}_epoch` or `{key}_batch`.
        commit: False adds the image to the step that the next `run.log` of your own ends.
        options: for `wandb.init`, such as `project`, `name`, `mode="offline"` or `dir`.

    Raises:
        DependencyError: wandb is not installed, and no run was given.
        OutputError: wandb cannot begin a run.

    Example:
        >>> from gradcam_mx.writers import WandbWriter
        >>> writer = WandbWriter(project="garments", mode="offline")     # doctest: +SKIP
    """

    def __init__(
        self, run: Any = None, *, key: str = "explanations", commit: bool = True, **options: Any
    ) -> None:
        self._key, self._commit, self._options = key, commit, options
        with randomness_kept():
            self._wandb = optional("wandb", "Runs of Weights & Biases are logged", extra="train")
            if run is None and not options:
                run = self._wandb.run
            self._given = run
            # at once: without a key to the server it asks for one, which must not halt a training
            self._opened: Any = self._begin() if run is None else None

    def _begin(self) -> Any:
        """A run of the writer's own, or one that it closed before."""
        active = self._wandb.run
        try:
            run = self._wandb.init(**self._options)
        except self._wandb.Error as error:
            raise OutputError(
                f'wandb cannot begin a run: {error}; mode="offline" needs no account and no network'
            ) from error
        if run is active:
            self._given = run
            return None
        self._options = {**self._options, "id": run.id, "resume": "allow"}
        return run

    def __call__(self, snapshot: Snapshot) -> None:
        if self._given is None and self._opened is None:
            self._opened = self._begin()
        image = self._wandb.Image(snapshot.picture(), caption="\n".join(snapshot.captions))
        (self._given or self._opened).log(
            {self._key: image, f"{self._key}_{snapshot.unit}": snapshot.step}, commit=self._commit
        )

    def close(self) -> None:
        """End the run, if the writer began it."""
        if self._opened is not None:
            opened, self._opened = self._opened, None
            opened.finish()
