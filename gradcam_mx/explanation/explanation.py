"""The result of every method: raw values, what they explain, and ways to look at them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable, Mapping, Sequence

import numpy as np

from .. import picture
from ..engine.rules import RuleReport
from ..errors import InputError, OutputError
from ..support import files
from ..support.boundary import told
from ..support.equality import equal_by_fields
from ..support.geometry import Geometry
from . import archive, at_input, seen
from .region import Region

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """What a method found.

    Two are equal if all their fields are, arrays number by number, whatever they are called in
    pictures (`title`, `class_names`). They cannot be hashed.

    Args:
        method: the name of the method that made it.
        layer: the name of the layer that is explained; None for the input.
        options: the method's options that were given.

    Example:
        >>> cam = gm.grad_cam(net, x, target=281)                        # doctest: +SKIP
        >>> cam.values.shape, cam.heatmap().shape, cam.layer             # doctest: +SKIP
        ((1, 7, 7), (1, 224, 224), 'features.7')
        >>> cam.save("cat.png", photo)                                   # doctest: +SKIP
    """

    values: np.ndarray
    """float32, raw: (N, h, w) for a layer's maps, (N, C, H, W) for input attributions.

    Channels are at axis 1, also where the net keeps them last. Signals have maps (N, w), volumes
    and clips (N, d, h, w). Where a net folds V views or frames of each sample into the axis of the
    samples, its layers have (N·V, h, w): a map of each view, in the order in which the net has
    them, and `details["rows"]` tells which sample each is of.
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
    details: dict[str, np.ndarray] = field(default_factory=dict)
    """What a method reports beside its values, such as its "completeness_gap"."""
    signed: bool = False
    """Whether zero stands for no evidence, and negative values for evidence against the target."""
    title: str | None = field(default=None, compare=False)
    """What people call the method, "Grad-CAM"."""
    class_names: list[str] | None = field(default=None, compare=False)
    """The names of the explained classes, one a sample, where they are known."""
    centres: tuple[tuple[float, ...], ...] | None = field(default=None, compare=False)
    """Of a layer's maps: for each axis where the middle of what each cell sees lies on the input,
    in pixels; None where it is not known."""
    geometry: list[Geometry] | None = field(default=None, compare=False)
    """How the photo of each sample was prepared, where the input knows it (`net.preprocess`)."""

    def __repr__(self) -> str:
        score = "score" if len(self.score) == 1 else "scores"
        parts = [
            f"{self.method} of {_shortly(dict.fromkeys(self._captions()))}",
            f"{score} {_shortly(f'{one:.4g}' for one in self.score)}",
            *([f"layer {self.layer}"] if self.layer else []),
            " x ".join(map(str, self.values.shape)),
        ]
        return f"<{type(self).__name__} {', '.join(parts)}>"

    @property
    def is_map(self) -> bool:
        """Whether the values are maps of positions, rather than attributions of the input."""
        return self.values.ndim == len(self.input_size) + 1

    @property
    def views(self) -> int:
        """How many rows the values have for each sample: 1, or V where the net folds views."""
        return len(self.values) // max(1, len(self.score))

    @told
    def prepared(self, *geometry: Geometry) -> Explanation:
        """The same, told how the photos were prepared: `overlay(photo)` takes the whole photos.

        Args:
            geometry: of each sample's photo, or of all of them.

        Example:
            >>> how = gm.Geometry.of(photo, resize=256, crop=224)            # doctest: +SKIP
            >>> cam.prepared(how).overlay(photo).shape == photo.shape        # doctest: +SKIP
            True

        Raises:
            InputError: not one for each sample, or of another input.
        """
        known = list(geometry) * (len(self.score) if len(geometry) == 1 else 1)
        if len(known) != len(self.score) or any(one.seen != self.input_size for one in known):
            raise InputError(
                f"{len(geometry)} geometries, which make inputs of "
                f"{', '.join(str(one.seen) for one in geometry)}; expected one for all or each of "
                f"{len(self.score)} samples, which makes an input of {self.input_size}"
            )
        return replace(self, geometry=known)

    @told
    def heatmap(self, channels: str = "sum", *, align: bool | None = None) -> np.ndarray:
        """The values for display: (N, H, W) float32 in [0, 1], at the size of the net's input.

        Maps are upsampled linearly and stretched to [0, 1]; of signed ones only what speaks for the
        target, from zero on (`signed_heatmap` has both). Of attributions the absolute values are
        taken together over the channels, and the strongest 1 % drawn alike. A flat map gives zeros
        and a warning.

        Args:
            channels: of attributions, the "sum" of the absolute values, or their "max".
            align: whether each cell of a layer's map is put in the middle of what it sees, rather
                than the map stretched over the input; by default where that would be more than
                half a cell off, as with convolutions without padding.

        Raises:
            InputError: the input has no positions, or the layer has others; the values hold NaN or
                infinity; or `align=True`, and where the cells lie is not known.
        """
        self._check_positions()
        if self.is_map:
            shown = np.maximum(self.values, 0) if self.signed else self.values
            return picture.normalise(self._at_input(shown, align))
        strength = picture.strength(self.values, channels)
        if strength.shape[1:] != self.input_size:  # of a layer's values
            strength = self._at_input(strength, align)
        return picture.normalise(strength, outliers=1)

    @told
    def signed_heatmap(self, *, align: bool | None = None) -> np.ndarray:
        """A signed map for display: (N, H, W) float32 in [-1, 1], at the size of the net's input.

        Zero is zero, and the largest absolute value 1. A map of zeros gives a warning.

        Args:
            align: as `heatmap` takes it.

        Raises:
            InputError: the values have no sign that tells.
        """
        if not (self.signed and self.is_map):
            raise InputError(
                f"the values of {self.method} are no evidence for and against the "
                "target; use heatmap()"
            )
        self._check_positions()
        return picture.balanced(self._at_input(self.values, align))

    def _at_input(self, maps: np.ndarray, align: bool | None) -> np.ndarray:
        # of unsigned maps the lowest value is drawn as nothing
        lowest = not (self.signed and self.is_map)
        return at_input.at_input(maps, self.input_size, self.centres, align, fall_to_lowest=lowest)

    @told
    def threshold(self, level: float = 0.3) -> list[Region]:
        """The region of each sample where the heat map is at least `level`: mask, box and crop.

        Args:
            level: 0 to 1, a share of the highest value.

        Example:
            >>> region, = gm.grad_cam(net, x).threshold()                # doctest: +SKIP
            >>> region.mask.shape, region.crop(photo).shape              # doctest: +SKIP
            ((224, 224), (160, 131, 3))

        Raises:
            InputError: a level outside of 0 to 1.
        """
        if not 0 <= level <= 1:
            raise InputError(f"the level is {level}; expected 0 to 1, a share of the highest value")
        known: Sequence[Any] = self.geometry or [None] * len(self.values)
        return [Region.of(heat, level, one) for heat, one in zip(self.heatmap(), known)]

    def overlay(
        self,
        photo: np.ndarray,
        alpha: float = 0.5,
        colormap: str = picture.COLORMAP,
        *,
        align: bool | None = None,
    ) -> np.ndarray:
        """The heat maps laid over photos or clips: uint8 RGB, shaped like `photo`.

        Over a whole photo of which the net saw a part, the heat lies on that part, and the rest is
        marked, where it is known how the photo was prepared: of inputs that `net.preprocess` made,
        and of what was `prepared`.

        Args:
            photo: what the net saw: (H, W, 3) uint8 RGB for one sample, (N, H, W, 3) for N. A clip
                is (D, H, W, 3), a grey volume (D, H, W). Or the whole photo.
            alpha: the heat map's share of each pixel.
            colormap: a name that matplotlib knows.
            align: as `heatmap` takes it.

        Raises:
            InputError: as many photos as samples are needed; a photo is of another shape than what
                the net saw, and how it was prepared is not known. There is no photo of a signal.
        """
        heatmap = self.heatmap(align=align)
        if self._axes == 1:
            raise InputError(
                "there is no photo of a signal to lay a heat map over; plot(signal) "
                "and pictures(signal) draw the signal's channels over it"
            )
        laid = [
            one.marked(picture.overlay(one.photo, one.laid(heat), alpha, colormap))
            for one, heat in zip(self._photos(photo), heatmap)
        ]
        if len({one.shape for one in laid}) > 1:
            raise InputError("the photos are of several sizes: pictures(photos) has one of each")
        return np.stack(laid) if seen.is_batch(photo, self._axes) else laid[0]

    @told
    def pictures(self, photo: np.ndarray | None = None, order: str = "RGB") -> list[np.ndarray]:
        """Each sample as a picture: (H, W, 3) RGB or (H, W) grey, uint8.

        A map is laid over the photo, or drawn on its own if there is none. What speaks for the
        target in a signed map is green, what speaks against it red, with the boundaries of its
        segments if it has some. Attributions made under
        a rule show patterns of the input, and are drawn in its colours; others in grey, by their
        strength. Of a clip, up to eight frames stand side by side. The heat map of a signal, of
        attributions too, is the background of a panel with a line for each channel.

        Args:
            photo: what the net saw, as in `overlay`; a signal as (C, W) or (N, C, W), any numbers.
            order: "RGB" or "BGR", the order of the channels in the net's input.

        Raises:
            InputError: as many photos as samples are needed; or as `heatmap` says.
        """
        self._check_positions()
        if self._axes == 1:
            pairs = zip(self._photos(photo), self.heatmap())
            return [picture.signal_panel(heat, one.photo) for one, heat in pairs]
        if self.signed and self.is_map:
            drawn = self._signed_pictures(photo)
        elif self.is_map and photo is None:
            drawn = [picture.colorize(heat) for heat in self.heatmap()]
        elif self.is_map:
            drawn = [
                one.marked(picture.overlay(one.photo, one.laid(heat)))
                for one, heat in zip(self._photos(photo), self.heatmap())
            ]
        elif self.rule_report is not None and self.values.shape[1] == 3:
            step = -1 if order == "BGR" else 1
            drawn = [picture.signed_image(one[::step]) for one in self.values]
        else:
            drawn = [picture.grey(heat) for heat in self.heatmap()]
        if not self.is_map:
            drawn = [one.placed(each) for one, each in zip(self._photos(photo, beside=True), drawn)]
        return [picture.strip(one) for one in drawn] if self._axes == 3 else drawn

    def _signed_pictures(self, photo: np.ndarray | None) -> list[np.ndarray]:
        segments = self.details.get("segments", [None] * len(self.values))
        return [
            one.signed(*each)
            for one, *each in zip(self._photos(photo), self.signed_heatmap(), segments)
        ]

    @told
    def plot(self, photo: np.ndarray | None = None, order: str = "RGB") -> Figure:
        """A figure of every sample's picture (see `pictures`), each beside its photo if given.

        A clip's frames are above the picture, a signal is in it.

        Args:
            photo: what the net saw, as `pictures` takes it.
            order: "RGB" or "BGR", the order of the channels in the net's input.
        """
        shown, titles = [], []
        drawn = self.pictures(photo, order)
        photos = self._photos(photo if self._axes > 1 else None, beside=True)
        for (one, _), panel, caption in zip(photos, drawn, self._captions()):
            if one is not None:
                shown.append(picture.strip(one) if self._axes == 3 else one)
                titles.append(picture.SEEN[self._axes][0])
            shown.append(panel)
            titles.append(f"{self.title or self.method}: {caption}")
        return picture.figure(shown, titles)

    @told
    def save(self, path: str | Path, photo: np.ndarray | None = None, order: str = "RGB") -> Path:
        """Write the raw values (`.npz`, read by `Explanation.load`) or the figure of `plot`.

        Args:
            path: of the file; its suffix says the format: .npz, or one that matplotlib knows.
            photo: for a figure: what the net saw, as `pictures` takes it.
            order: for a figure: "RGB" or "BGR", the order of the channels in the net's input.

        Raises:
            OutputError: the file cannot be written.
        """
        path = Path(path)
        if path.suffix != ".npz":
            return picture.save_figure(self.plot(photo, order), path)
        with files.whole(path) as part:
            archive.write(part, {self.method: vars(self)}, alone=True)
        return path

    @staticmethod
    @told
    def save_all(path: str | Path, explanations: Mapping[str, Explanation]) -> Path:
        """Write several explanations to one `.npz`, each under its name; `load_all` reads it.

        Args:
            path: of the file, which ends in .npz.
            explanations: by the names that they are read back by.

        Example:
            >>> found = gm.explain(net, x, ["grad_cam", "saliency"])     # doctest: +SKIP
            >>> gm.Explanation.save_all("cat.npz", found)                # doctest: +SKIP
            >>> gm.Explanation.load("cat.npz", "saliency")               # doctest: +SKIP

        Raises:
            InputError: there is none, one is a list of explanations, or a name that does not do.
            OutputError: the file cannot be written.
        """
        path = Path(path)
        if path.suffix != ".npz":
            raise OutputError(f"cannot write {path}: explanations are kept in a file named *.npz")
        for name, one in explanations.items():
            if not isinstance(one, Explanation):
                raise InputError(
                    f"{name!r} is a {type(one).__name__}; expected an Explanation: give each of "
                    "several targets or layers a name of its own"
                )
        with files.whole(path) as part:
            archive.write(part, {name: vars(one) for name, one in explanations.items()})
        return path

    @classmethod
    @told
    def load(
        cls, path: str | Path, name: str | None = None, *, input_size: Sequence[int] | None = None
    ) -> Explanation:
        """Read an explanation back from an `.npz` of `save`, `save_all` or the command line.

        Args:
            path: of the file.
            name: which of several it is; on the command line they are called like their methods.
            input_size: (height, width) of the net's input, where a file of version 0.1.0 does not
                say it.

        Raises:
            InputError: there is no such file, it holds something else, or several explanations of
                which none, or one that is not there, was named.
        """
        found = archive.read(Path(path), input_size)
        if name is None and len(found) == 1:
            (name,) = found
        if name not in found:
            raise InputError(
                f"{path} holds {len(found)} explanations, {', '.join(found)}"
                + ("" if name is None else f", and none named {name!r}")
                + f': choose one by Explanation.load(path, "{next(iter(found))}"), or read all by '
                "Explanation.load_all(path)"
            )
        return cls(**found[name])

    @classmethod
    @told
    def load_all(
        cls, path: str | Path, *, input_size: Sequence[int] | None = None
    ) -> dict[str, Explanation]:
        """Read back all explanations of an `.npz`, by their names; of `save`, its method's.

        Args:
            path: of the file.
            input_size: as `load` takes it.

        Raises:
            InputError: there is no such file, or it holds something else.
        """
        found = archive.read(Path(path), input_size)
        return {name: cls(**fields) for name, fields in found.items()}

    def _captions(self) -> list[str]:
        rows = self.details["rows"] if self.views > 1 else range(len(self.values))
        if isinstance(self.target, str):
            return [self.target for _ in rows]
        if self.class_names is not None:
            captions = [f"{name} ({one})" for name, one in zip(self.class_names, self.target)]
        else:
            captions = [one if isinstance(one, str) else f"class {one}" for one in self.target]
        return [captions[row] for row in rows]

    @property
    def _axes(self) -> int:
        """How many axes of positions the input has: 1 signal, 2 picture, 3 volume or clip."""
        return len(self.input_size)

    def _check_positions(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            InputError: the input has no positions, or the values have others.
        """
        if not self.input_size:
            raise InputError(
                "the input has no positions (it is plain vectors), so values of shape "
                f"{self.values.shape} make no picture; use .values"
            )
        at_input.check_drawable(
            self.values, self.input_size, self.method, self.layer if self.is_map else None
        )
        # attributions may be a layer's, of other positions
        if self._axes not in picture.SEEN or not (
            self.is_map or self.values.ndim == self._axes + 2
        ):
            raise InputError(
                f"values of shape {self.values.shape} are no picture of an input with positions "
                f"{self.input_size}; use .values"
            )

    def _photos(self, photo: Any, beside: bool = False) -> list[seen.Seen]:
        return seen.for_each_sample(
            photo, len(self.values), self.input_size, self.geometry, beside=beside
        )


def _shortly(texts: Iterable[str]) -> str:
    """The first three of them."""
    listed = list(texts)
    return ", ".join([*listed[:3], *["..."] * (len(listed) > 3)])
