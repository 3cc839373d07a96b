"""The result of every method: raw values, what they explain, and ways to look at them."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import picture
from ._version import __version__
from .errors import InputError, OutputError
from .rules import RuleReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Explanation:
    """What a method found.

    Example:
        >>> cam = gm.grad_cam(net, x, target=281)                        # doctest: +SKIP
        >>> cam.values.shape, cam.heatmap().shape, cam.layer             # doctest: +SKIP
        ((1, 7, 7), (1, 224, 224), 'features.7')
        >>> cam.save("cat.png", photo)                                   # doctest: +SKIP
    """

    values: np.ndarray
    """float32, raw: (N, h, w) for a layer's maps, (N, C, H, W) for input attributions.

    Channels are at axis 1, also where the net keeps them last. Signals have maps (N, w), volumes
    and clips (N, d, h, w).
    """
    method: str
    target: str | list[int] | list[str]
    """The explained class of each sample, or the name of what else was explained, of all or each.
    """
    score: np.ndarray
    """(N,) float32: the explained scalar of each sample."""
    input_size: tuple[int, ...]
    """(H, W) of the net's input; (W,) of a signal, (D, H, W) of a volume or clip."""
    layer: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    rule_report: RuleReport | None = None
    """How many activations of which kind a rule changed, for methods that use one."""
    output: str | None = None
    """The name of the net's output that was explained."""
    input: str | None = None
    """The name of the net's input that attributions were made for."""

    @property
    def is_map(self) -> bool:
        """Whether the values are maps of positions, rather than attributions of the input."""
        return self.values.ndim == len(self.input_size) + 1

    def heatmap(self) -> np.ndarray:
        """The values for display: (N, H, W) float32 in [0, 1], at the size of the net's input.

        Maps are upsampled linearly and stretched to [0, 1]. For input attributions, the absolute
        values are summed over the channels, and the strongest 1 % drawn alike. A flat map gives
        zeros and a warning.

        Raises:
            InputError: the layer has other positions than the input.
        """
        if self.is_map:
            return picture.normalise(picture.resize(self.values, self.input_size))
        if self.values.ndim != len(self.input_size) + 2 or not self.input_size:
            raise InputError(
                f"values of shape {self.values.shape} are no picture of an input with positions "
                f"{self.input_size}; use .values")
        return picture.normalise(picture.strength(self.values), outliers=1)

    def overlay(self, photo: np.ndarray, alpha: float = 0.5,
                colormap: str = picture.COLORMAP) -> np.ndarray:
        """The heat maps laid over photos: uint8 RGB, shaped like `photo`.

        Args:
            photo: what the net saw: (H, W, 3) uint8 RGB for one sample, (N, H, W, 3) for N.
            alpha: the heat map's share of each pixel.
            colormap: a name that matplotlib knows.

        Raises:
            InputError: as many photos as samples are needed.
        """
        photos = self._photos(photo)
        laid = [picture.overlay(one, heat, alpha, colormap)
                for one, heat in zip(photos, self.heatmap())]
        return np.stack(laid) if np.ndim(photo) == 4 else laid[0]

    def pictures(self, photo: np.ndarray | None = None, order: str = "RGB") -> list[np.ndarray]:
        """Each sample as a picture: (H, W, 3) RGB or (H, W) grey, uint8.

        A map is laid over the photo, or drawn on its own if there is none. Attributions made under
        a rule show patterns of the input, and are drawn in its colours; others in grey, by their
        strength.

        Args:
            photo: what the net saw, as in `overlay`.
            order: "RGB" or "BGR", the order of the channels in the net's input.
        """
        if self.is_map:
            if photo is None:
                return [picture.colorize(heat) for heat in self.heatmap()]
            return [picture.overlay(one, heat)
                    for one, heat in zip(self._photos(photo), self.heatmap())]
        if self.rule_report is not None and self.values.shape[1] == 3:
            step = -1 if order == "BGR" else 1
            return [picture.signed_image(one[::step]) for one in self.values]
        return [picture.grey(heat) for heat in self.heatmap()]

    def plot(self, photo: np.ndarray | None = None, order: str = "RGB") -> Figure:
        """A figure of every sample's picture (see `pictures`), each beside its photo if given."""
        panels, titles = [], []
        photos = [None] * len(self.values) if photo is None else self._photos(photo)
        drawn = self.pictures(photo, order)
        for one, panel, caption in zip(photos, drawn, self._captions()):
            if one is not None:
                panels.append(picture.check_photo(one))
                titles.append("photo")
            panels.append(panel)
            titles.append(f"{self.method}: {caption}")
        return picture.figure(panels, titles)

    def save(self, path: str | Path, photo: np.ndarray | None = None, order: str = "RGB") -> Path:
        """Write the raw values (`.npz`, read by `Explanation.load`) or the figure of `plot`.

        Raises:
            OutputError: the file cannot be written.
        """
        path = Path(path)
        figure = None if path.suffix == ".npz" else self.plot(photo, order)
        # Written beside its place and moved there, so that nothing half-written ever stands in it.
        part = path.with_name(f".{path.name}.part{path.suffix}")
        try:
            try:
                if figure is None:
                    np.savez_compressed(part, values=self.values, score=self.score,
                                        about=json.dumps(self._about(), default=_plain))
                else:
                    figure.savefig(part)
                part.replace(path)
            finally:
                if part.exists():
                    part.unlink()
        except (OSError, ValueError) as error:
            raise OutputError(f"cannot write {path}: {error}") from error
        return path

    @classmethod
    def load(cls, path: str | Path) -> Explanation:
        """Read back what `save` wrote to an `.npz`.

        Raises:
            InputError: there is no such file, or it holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                about = json.loads(str(stored["about"]))
                report = about.pop("rule_report")
                about.pop("version")
                return cls(stored["values"], score=stored["score"],
                           input_size=tuple(about.pop("input_size")),
                           rule_report=RuleReport(**report) if report else None, **about)
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError,
                zipfile.BadZipFile, zlib.error) as error:
            raise InputError(f"{path} is no saved explanation: {error}") from error

    def _about(self) -> dict[str, Any]:
        return {
            "method": self.method, "target": self.target, "layer": self.layer,
            "input_size": self.input_size, "options": self.options, "version": __version__,
            "output": self.output, "input": self.input,
            "rule_report": asdict(self.rule_report) if self.rule_report else None,
        }

    def _captions(self) -> list[str]:
        if isinstance(self.target, str):
            return [self.target] * len(self.values)
        return [one if isinstance(one, str) else f"class {one}" for one in self.target]

    def _photos(self, photo: np.ndarray) -> list[np.ndarray]:
        photos = list(photo) if np.ndim(photo) == 4 else [photo]
        if len(photos) != len(self.values):
            raise InputError(f"{len(photos)} photos for {len(self.values)} samples: pass an array "
                             "(N, H, W, 3) with one a sample")
        return photos


def _plain(option: Any) -> Any:
    """An option as JSON can hold it: arrays and numpy's numbers as Python's, others by name."""
    return option.tolist() if hasattr(option, "tolist") else str(option)
