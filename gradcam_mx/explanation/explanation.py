"""The result of every method: raw values, what they explain, and ways to look at them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

import numpy as np

from .. import picture
from ..engine.rules import RuleReport
from ..errors import InputError, OutputError
from ..support import files
from ..support.boundary import told
from ..support.equality import equal_by_fields
from ..support.geometry import Geometry
from . import archive, at_input, drawing, seen, selection
from .ledger import Ledger
from .plotted import Plotted
from .region import Region


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
class Explanation(Plotted):
    """What a method found.

    In a notebook it shows itself, as the value of a cell or by `display`.

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
    """(N,) the explained scalar of each sample: float32, or float64 of a net in that."""
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

    of_values: bool = False
    """Whether each value of the input or layer has a share of its own: these are no maps, whatever
    their shape."""

    def __repr__(self) -> str:
        score = "score" if len(self.score) == 1 else "scores"
        parts = [
            f"{self.method} of {drawing.shortly(dict.fromkeys(drawing.captions(self)))}",
            f"{score} {drawing.shortly(map(drawing.number, self.score))}",
            *([f"layer {self.layer}"] if self.layer else []),
            " × ".join(map(str, self.values.shape)),
        ]
        return f"<{type(self).__name__} {', '.join(parts)}>"

    def __len__(self) -> int:
        """How many samples were explained."""
        return len(self.score)

    def __getitem__(self, samples: int | slice) -> Explanation:
        """What was found for one sample, or for several: an Explanation like that of a call.

        Raises:
            IndexError: there is no such sample.
        """
        return replace(self, **selection.of_samples(vars(self), samples, self.views))

    def __iter__(self) -> Iterator[Explanation]:
        return (self[number] for number in range(len(self)))

    def __array__(self, dtype: Any = None) -> np.ndarray:
        # numpy would take what has a length for a sequence of sequences without an end
        return np.asarray(self.values, dtype)

    @property
    def is_map(self) -> bool:
        """Whether the values are maps of positions, rather than attributions of the input."""
        return not self.of_values and self.values.ndim == len(self.input_size) + 1

    @property
    def views(self) -> int:
        """How many rows the values have for each sample: 1, or V where the net folds views."""
        return len(self.values) // max(1, len(self.score))

    @told
    def ledger(self) -> Ledger:
        """The accounts of a walk of relevance: what arrived at each operator, what left, what
        biases and stabilisers took.

        Raises:
            InputError: the method keeps none.
        """
        if "ledger" not in self.details:
            raise InputError(
                f"{self.method} keeps no accounts; gm.lrp does, of what relevance loses on its way"
            )
        return Ledger(self.details["ledger"])

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
        drawing.check_positions(self)
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
        drawing.check_positions(self)
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
        return picture.ShownList(
            Region.of(heat, level, one) for heat, one in zip(self.heatmap(), known)
        )

    @told
    def overlay(
        self,
        photo: np.ndarray,
        alpha: float | None = None,
        colormap: str | None = None,
        *,
        align: bool | None = None,
    ) -> np.ndarray:
        """The maps laid over photos or clips, as `plot` draws them: uint8 RGB, shaped like `photo`.

        Of a signed map what speaks for the target is orange, what speaks against it blue, over the
        photo in grey; of everything else the heat map is drawn.

        Over a whole photo of which the net saw a part, the heat lies on that part, and the rest is
        marked, where it is known how the photo was prepared: of inputs that `net.preprocess` made,
        and of what was `prepared`.

        Args:
            photo: what the net saw: (H, W, 3) uint8 RGB for one sample, (N, H, W, 3) for N. A clip
                is (D, H, W, 3), a grey volume (D, H, W). Or the whole photo.
            alpha: the map's share of each pixel, by default 0.5; of a signed map where it is
                strongest, by default 0.85.
            colormap: a name that matplotlib knows, "plasma" by default; of a signed map "red-green"
                or "blue-orange", the default.
            align: as `heatmap` takes it.

        Raises:
            InputError: as many photos as samples are needed; a photo is of another shape than what
                the net saw, and how it was prepared is not known. There is no photo of a signal.
        """
        if self._axes == 1:
            raise InputError(
                "there is no photo of a signal to lay a heat map over; plot(signal) "
                "and pictures(signal) draw the signal's channels over it"
            )
        is_signed = self.signed and self.is_map
        maps = self.signed_heatmap(align=align) if is_signed else self.heatmap(align=align)
        photos = drawing.photos(self, photo)
        laid = drawing.laid(self, maps, photos, drawing.Look(colormap, alpha))
        if len({one.shape for one in laid}) > 1:
            raise InputError("the photos are of several sizes: pictures(photos) has one of each")
        found = np.stack(laid) if seen.is_batch(photo, self._axes) else laid[0]
        return picture.as_picture(found)

    @told
    def pictures(
        self,
        photo: np.ndarray | None = None,
        order: str = "RGB",
        *,
        colormap: str | None = None,
        alpha: float | None = None,
    ) -> list[np.ndarray]:
        """Each sample as a picture: (H, W, 3) RGB, uint8.

        A map is laid over the photo, or drawn on its own if there is none. What speaks for the
        target in a signed map is orange, what speaks against it blue, with the boundaries of its
        segments if it has some. Attributions made under a rule show patterns of the input, and are
        drawn in its colours; of others the heat map is drawn. Of a clip, up to eight frames stand
        side by side. The map of a signal, of attributions too, is the background of a panel with a
        line for each channel.

        Args:
            photo: what the net saw, as in `overlay`; a signal as (C, W) or (N, C, W), any numbers.
            order: "RGB" or "BGR", the order of the channels in the net's input.
            colormap: as in `overlay`.
            alpha: as in `overlay`.

        Raises:
            InputError: as many photos as samples are needed; or as `heatmap` says.
        """
        drawing.check_positions(self)
        look = drawing.Look(colormap, alpha, order)
        return picture.ShownList(drawing.panels(self, photo, look, slice(None)))

    @told
    def save(
        self,
        path: str | Path,
        photo: np.ndarray | None = None,
        order: str = "RGB",
        *,
        full_size: bool = False,
        **look: Any,
    ) -> Path:
        """Write the raw values (`.npz`, read by `Explanation.load`) or the figure of `plot`.

        Args:
            path: of the file; its suffix says the format: .npz, .png, .jpg, .svg, .pdf, or another
                that matplotlib knows.
            photo: for a figure: what the net saw, as `pictures` takes it.
            order: for a figure: "RGB" or "BGR", the order of the channels in the net's input.
            full_size: the picture of the only sample alone, pixel by pixel as large as the photo,
                without words.
            look: for a figure: what else `plot` takes; at full size what `pictures` takes.

        Raises:
            InputError: several samples at full size.
            OutputError: the file cannot be written, or its suffix is of no format.
        """
        path = Path(path)
        if path.suffix != ".npz":
            if full_size:
                return picture.save_alone(self.pictures(photo, order, **look), path)
            return picture.save_figure(drawing.unshown(self, photo, order, **look), path)
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
        given: Mapping[str, Any] = explanations
        for name, one in given.items():
            if not isinstance(one, Explanation):
                kind = "list" if isinstance(one, list) else type(one).__name__
                raise InputError(
                    f"{name!r} is a {kind}; expected an Explanation: give each of "
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

    @property
    def _axes(self) -> int:
        """How many axes of positions the input has: 1 signal, 2 picture, 3 volume or clip."""
        return len(self.input_size)
