"""Error bars on a map: how an explanation varied, and where it is certain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from .. import picture
from ..errors import InputError, OutputError
from ..explanation import drawing
from ..explanation.explanation import Explanation
from ..picture.figures import Size
from ..support.boundary import told
from ..support.equality import equal_by_fields
from ..support.labels import Names

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
class Stability(picture.Shows):
    """An explanation, and how it varied over some draws.

    In a notebook it shows itself: the mean, and in grey where it is uncertain.

    Args:
        explanation: that of the input itself, with the options as they were given.
        samples: how many draws.
        over: what was varied, "noise", "seed", "baseline" or "augment", or several.
    """

    explanation: Explanation
    mean: Explanation
    """The mean of the draws: what they say of each position of the input, (N, H, W)."""
    standard_deviation: np.ndarray
    """float32, shaped like the mean: that of the draws. The mean's own standard error is this,
    divided by √samples."""
    certain: np.ndarray
    """bool, shaped like the mean: where at least 95 % of the draws agree (19 of 20, and all where
    there are fewer). Where zero stands for no evidence, on the sign: for, against, or zero. Of
    other maps on the side of the median of each draw's own map: above it, or not above it."""
    agreement: np.ndarray
    """(N,) the mean rank correlation (Spearman's) of the map of each draw with the single one."""
    samples: int
    over: tuple[str, ...]

    def __len__(self) -> int:
        """How many samples were explained."""
        return len(self.agreement)

    def __repr__(self) -> str:
        agreement = drawing.shortly(map(drawing.number, self.agreement))
        return (
            f"<{type(self).__name__} of {self.explanation.method} over {' and '.join(self.over)}: "
            f"{self.certain.mean():.0%} certain, agreement {agreement}, {self.samples} draws>"
        )

    @told
    def heatmap(self) -> np.ndarray:
        """The mean for display, (N, H, W) float32 in [0, 1], zero where it is uncertain.

        Of attributions the strongest 1 % are drawn alike. `mean.heatmap()` is that of the mean
        everywhere.

        Raises:
            InputError: the input has no positions.
        """
        return self._shown(self.mean.heatmap())

    @told
    def plot(
        self,
        photo: np.ndarray | None = None,
        order: str = "RGB",
        *,
        names: Names | None = None,
        colormap: str | None = None,
        alpha: float | None = None,
        title: str | Sequence[str] | None = None,
        legend: bool = True,
        size: Size | None = None,
        dpi: float | None = None,
    ) -> Figure:
        """A figure of every sample: the mean in colours, and in grey where it is uncertain.

        The arguments are those of `Explanation.plot`.

        Args:
            photo: what the net saw, or the whole photo where it is known how it was prepared.
            order: "RGB" or "BGR", the order of the channels in the net's input.
            names: of the classes; by default those that the explanation knows.
            colormap: as in `Explanation.overlay`.
            alpha: as in `Explanation.overlay`.
            title: above each picture; a sequence has one for each.
            legend: whether a bar below a picture says what its colours mean.
            size: of the figure in inches, its width or (width, height).
            dpi: dots per inch, by default 100.

        Raises:
            InputError: the input has no positions; photos that do not fit.
        """
        look = drawing.Look(colormap, alpha, order)
        said: Any = {"names": names, "title": title, "legend": legend, "size": size, "dpi": dpi}
        return picture.show(self._drawn(photo, look, **said))

    @told
    def pictures(
        self,
        photo: np.ndarray | None = None,
        *,
        colormap: str | None = None,
        alpha: float | None = None,
    ) -> list[np.ndarray]:
        """Each sample as a picture, (H, W, 3) uint8: the mean, in grey where it is uncertain.

        Args:
            photo: what the net saw, as `Explanation.pictures` takes it.
            colormap: as in `Explanation.overlay`.
            alpha: as in `Explanation.overlay`.

        Raises:
            InputError: the input has no positions; photos that do not fit.
        """
        return picture.ShownList(self._panels(photo, drawing.Look(colormap, alpha)))

    @told
    def save(self, path: str | Path) -> Path:
        """Write it to an `.npz`, which `Stability.load` reads; `Explanation.load_all` reads the
        explanations "single" and "mean" in it.

        Args:
            path: of the file.

        Raises:
            OutputError: the file cannot be written, or has another suffix.
        """
        path = Path(path)
        if path.suffix != ".npz":
            raise OutputError(
                f"cannot write {path}: a Stability is kept in a file named *.npz; of its picture, "
                "plot(photo) gives the figure, which gm.picture.save_figure writes"
            )
        numbers = {name: np.asarray(getattr(self, name)) for name in _NUMBERS}
        mean = replace(self.mean, details={**self.mean.details, **numbers})
        return Explanation.save_all(path, {_SINGLE: self.explanation, _MEAN: mean})

    @classmethod
    @told
    def load(cls, path: str | Path) -> Stability:
        """Read what `save` wrote.

        Args:
            path: of the file.

        Raises:
            InputError: there is no such file, or it holds something else.
        """
        found = Explanation.load_all(path)
        details = found[_MEAN].details if _MEAN in found else {}
        if _SINGLE not in found or not set(_NUMBERS) <= set(details):
            raise InputError(f"{path} holds {', '.join(found)}, which is no saved Stability")
        others = {name: one for name, one in details.items() if name not in _NUMBERS}
        return cls(
            found[_SINGLE],
            replace(found[_MEAN], details=others),
            details["standard_deviation"],
            details["certain"],
            details["agreement"],
            int(details["samples"]),
            tuple(map(str, details["over"])),
        )

    def _shown(self, maps: np.ndarray) -> np.ndarray:
        if not self.explanation.is_map:  # a few values are far above all others
            axes = tuple(range(1, maps.ndim))
            strong = np.percentile(np.abs(maps), 99, axis=axes, keepdims=True)
            maps = np.clip(maps / np.where(strong > 0, strong, 1), -1, 1)
        return (maps * self.certain).astype(np.float32)

    def _panels(self, photo: Any, look: drawing.Look) -> list[np.ndarray]:
        drawing.check_positions(self.mean)
        given, axes = drawing.photos(self.mean, photo), len(self.mean.input_size)
        signed = self.mean.signed
        maps = self._shown(self.mean.signed_heatmap() if signed else self.mean.heatmap())
        if axes == 1:
            return [
                picture.veiled(
                    picture.signal_panel(heat, one.photo, look.colormap, signed=signed),
                    np.broadcast_to(~sure, (1, len(sure))),
                )
                for heat, one, sure in zip(maps, given, self.certain)
            ]
        veiled = [
            picture.veiled(drawn, one.laid((~sure).astype(np.float32), sharp=True) > 0)
            for drawn, one, sure in zip(
                drawing.laid(self.mean, maps, given, look), given, self.certain
            )
        ]
        return [picture.strip(one) for one in veiled] if axes == 3 else list(veiled)

    def _drawn(self, photo: Any, look: drawing.Look, rows: slice = slice(None), **said: Any) -> Any:
        title = f"{self.mean.title or self.mean.method}, mean of {self.samples}, grey if uncertain"
        shown = replace(self.mean, title=title)
        panels = self._panels(photo, look)[rows]
        return drawing.figure(shown, photo, look, rows=rows, drawn=panels, **said)

    def _figure(self) -> Any:
        if len(self.mean.input_size) not in picture.SEEN or not len(self):
            return None
        return self._drawn(None, drawing.Look(), slice(drawing.SHOWN))


_SINGLE, _MEAN = "single", "mean"
_NUMBERS = ("standard_deviation", "certain", "agreement", "samples", "over")
