"""Nets, photos, classes and methods side by side: a table of explanations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Mapping, NamedTuple, Optional, Sequence, Union

import numpy as np

from .. import picture
from ..errors import InputError
from ..explanation import drawing
from ..explanation.agreeing import RANK, Agreement, agreement
from ..explanation.explanation import Explanation
from ..graph.picture_input import Preprocess, channel_order
from ..graph.trace import Net
from ..methods import METHODS, Plan
from ..methods.view import View
from ..picture.figures import Size
from ..support.arrays import is_whole
from ..support.boundary import told
from ..support.equality import equal_by_fields
from .samples import one_sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_Colormap = Callable[[str], Optional[str]]
"""From the name of a method to the colours of its maps."""

Names = Union[Sequence[str], Callable[[int], str]]
"""The names of the classes, or a function from a class id to its name."""


@equal_by_fields
class Cell(NamedTuple):
    """One explanation of a table."""

    explanation: Explanation
    photo: np.ndarray
    """What the net saw, (H, W, 3) uint8."""
    prediction: str
    """What the net says: the top class and its probability, or its output."""
    order: str
    """The order of the channels in its input, "RGB" or "BGR"."""

    def __repr__(self) -> str:
        return f"<Cell {self.explanation!r}, prediction {self.prediction}>"


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
class Comparison(picture.Shows):
    """A table of explanations. In a notebook it shows itself."""

    cells: list[list[Cell]]
    """For each row those of its columns."""
    rows: list[str]
    """What each row is called; empty if there is but one."""
    columns: list[str]
    """What each column is called; empty if there is but one."""
    images_vary: tuple[bool, bool]
    """Whether the rows, and whether the columns, are images."""

    def __repr__(self) -> str:
        size = f"{len(self.cells)} × {len(self.cells[0])}"
        methods = dict.fromkeys(one.method for row in self.explanations for one in row)
        said = [f"{size} explanations by {', '.join(methods)}"]
        for what, labels in (("rows", self.rows), ("columns", self.columns)):
            if labels:
                said.append(f"{what} {', '.join(' '.join(one.split()) for one in labels)}")
        return f"<Comparison of {'; '.join(said)}>"

    @property
    def explanations(self) -> list[list[Explanation]]:
        """For each row the explanations of its columns."""
        return picture.ShownList(
            picture.ShownList(cell.explanation for cell in row) for row in self.cells
        )

    def agreement(self, measure: str = RANK, *, count: int = 1000) -> Agreement:
        """How alike the explanations of each photo are, as `gm.metrics.agreement` measures it.

        Columns are compared where the rows are photos, rows where the columns are, and all cells
        where there is one photo; over several photos it is the mean.

        Args:
            measure: "rank", "ssim" or "top_k".
            count: of "top_k", how many positions.

        Raises:
            InputError: rows and columns are both of photos, or maps of nets with inputs of other
                sizes.
            MetricError: no such measure, or less than two explanations of a photo.

        Example:
            >>> methods = ["grad_cam", "saliency", "edge_map"]
            >>> gm.inspect.compare(net, photos, method=methods).agreement("ssim")
            ... # doctest: +SKIP
        """
        down, across = self.images_vary
        if down and across:
            raise InputError(
                "each cell of this table is of a photo of its own, so there is nothing to agree "
                "on; compare nets, methods or targets on the same photo"
            )
        photos: Sequence[Sequence[Explanation]]
        if across:
            photos, names = list(zip(*self.explanations)), self.rows or [""]
        elif down:
            photos, names = self.explanations, self.columns or [""]
        else:
            whole = [one for row in self.explanations for one in row]
            photos, names = [whole], self._cell_names()
        found = [agreement(dict(zip(names, of_photo)), measure, count=count) for of_photo in photos]
        return replace(found[0], values=np.concatenate([one.values for one in found], axis=-1))

    def _cell_names(self) -> list[str]:
        """What each cell is called, row by row."""
        return [
            ", ".join(filter(None, (row, column)))
            for row in self.rows or [""]
            for column in self.columns or [""]
        ]

    def plot(
        self,
        heading: str | None = None,
        side: float = 2.2,
        *,
        colormap: str | Mapping[str, str] | None = None,
        legend: bool = True,
        size: Size | None = None,
        dpi: float | None = None,
    ) -> Figure:
        """A figure: the explanations under what the net predicts, with the photos beside them.

        Photos that differ from row to row, or are all the same, are in a column of their own, those
        that differ from column to column in a row of their own. Where they differ in both, they
        are under their explanations only. Under the last picture of each kind a bar says what its
        colours mean. A notebook shows the figure at once, and once.

        Args:
            heading: above the whole figure.
            side: of each picture, in inches.
            colormap: as `Explanation.plot` takes it, of all maps or by the name of the method.
            legend: whether there are such bars.
            size: of the figure in inches, its width or (width, height); by default as it fits.
            dpi: dots per inch, by default 100.
        """
        drawn = self._drawn(heading, side, colormap, legend, size=size, dpi=dpi)
        return picture.show(drawn)

    def _figure(self) -> Any:
        return self._drawn()

    def _drawn(
        self,
        heading: str | None = None,
        side: float = 2.2,
        colormap: str | Mapping[str, str] | None = None,
        legend: bool = True,
        **how: Any,
    ) -> Any:
        """The figure of `plot`."""
        chosen = colormap.get if isinstance(colormap, Mapping) else lambda _: colormap
        bars = _bars(self.explanations, chosen) if legend else {}
        # of each place its picture, its title and its bar
        table: list[list[tuple[Any, ...]]] = [
            [
                (_picture(cell, chosen), cell.prediction, bars.get((down, across)))
                for across, cell in enumerate(row)
            ]
            for down, row in enumerate(self.cells)
        ]
        photos: list[list[tuple[Any, ...]]] = [
            [(cell.photo, "", None) for cell in row] for row in self.cells
        ]
        method = METHODS[self.cells[0][0].explanation.method].title
        rows, columns = self.rows, self.columns
        down, across = self.images_vary
        if across and not down:
            table, rows = [photos[0], *table], ["photo", *(rows or [method])]
        elif not across:
            table = [[seen[0], *row] for seen, row in zip(photos, table)]
            columns = ["photo", *(columns or [method])]
        panels, titles, below = ([[one[part] for one in row] for row in table] for part in range(3))
        labels: Any = {"rows": rows, "columns": columns, "heading": heading, "side": side}
        return picture.grid(panels, titles, legends=below, **labels, **how)

    def save(self, path: str | Path, heading: str | None = None, **look: Any) -> Path:
        """Write the figure.

        Args:
            path: of the file; its suffix says the format.
            heading: above the whole figure.
            look: what else `plot` takes.

        Raises:
            OutputError: the file cannot be written.
        """
        return picture.save_figure(self._drawn(heading, **look), Path(path))


def _picture(cell: Cell, colormap: _Colormap) -> np.ndarray:
    colors = colormap(cell.explanation.method)
    return cell.explanation.pictures(cell.photo, cell.order, colormap=colors)[0]


def _bars(
    explanations: Sequence[Sequence[Explanation]], colormap: _Colormap
) -> dict[tuple[int, int], picture.Legend]:
    """Place → bar of pictures in a table: the last one of each kind has one."""
    last: dict[bytes, tuple[tuple[int, int], picture.Legend]] = {}
    for down, row in enumerate(explanations):
        for across, one in enumerate(row):
            legend = drawing.legend(one, colormap(one.method))
            last[legend.colors.tobytes()] = (down, across), legend
    return dict(last.values())


@told
def compare(
    nets: Net | Mapping[str, Net],
    images: Any,
    targets: Any = None,
    method: str | Sequence[str] = "grad_cam",
    *,
    layer: Any = None,
    preprocess: Preprocess | None = None,
    names: Names | None = None,
    output: Any = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Comparison:
    """Explanations side by side: of several nets, photos, conditions, classes or methods.

    One or two of them may be several: the rows and columns of the table, in the order of the
    arguments. Conditions are images in two dimensions, such as one object in several lights:
    `{"red": {"bright": photo, "dim": photo}, "blue": {…}}`.

    Args:
        nets: a net, or label → net.
        images: a photo (H, W, 3) uint8, a path, or an input (C, H, W) of floats; or label → one of
            these, or a list of them; or label → (label → one of these): rows and columns at once.
        targets: what is explained; or label → that, or a list. None is the top class.
        method: the name of a method, or several.
        layer: for methods that explain a layer; by default each net's own default.
        preprocess: from a photo to the input, for all nets; by default each net's own.
        names: the classes' names for titles, or a function that gives them, such as
            `gm.zoo.class_name`.
        output: which of several outputs is explained, by number or name; or "probability".
        options: name of a method → its own options.

    Raises:
        InputError: more than two of them are several, or a photo cannot be prepared.
        MethodError, LayerError, TargetError, NetworkError: what they say.

    Example:
        >>> table = gm.inspect.compare({"SqueezeNet": a, "EfficientNet": b},    # doctest: +SKIP
        ...                            {"cat": cat, "cup": cup})
        >>> table.save("nets.png", "Two nets, two photos")                      # doctest: +SKIP
    """
    methods = [method] if isinstance(method, str) else method
    plan = Plan(methods, layer, output=output, options=options or {})
    dimensions = {
        "nets": _labelled(nets),
        "images": _labelled_images(images),
        "conditions": {"": None},
        "targets": _labelled_targets(targets, names),
        "methods": {one.title: one.name for one in plan.methods},
    }
    first = next(iter(dimensions["images"].values()))
    if isinstance(first, Mapping):
        dimensions["conditions"] = {label: label for label in first}
    down, across = _axes(dimensions)
    explainer = _Explainer(plan.apart(), preprocess, names)
    chosen = {name: next(iter(ones.values())) for name, ones in dimensions.items()}
    cells = [
        [
            explainer.cell(**{**chosen, down: row, across: column})
            for column in dimensions[across].values()
        ]
        for row in dimensions[down].values()
    ]
    return Comparison(
        cells,
        [label for label in dimensions[down] if label],
        [label for label in dimensions[across] if label],
        (down in _OF_IMAGES, across in _OF_IMAGES),
    )


_OF_IMAGES = ("images", "conditions")


def _labelled(given: Any) -> Mapping[str, Any]:
    if isinstance(given, Mapping) and not given:
        raise InputError("there is nothing to compare: an empty dictionary was given")
    return given if isinstance(given, Mapping) else {"": given}


def _labelled_images(images: Any) -> Mapping[str, Any]:
    if isinstance(images, (list, tuple)):
        images = {f"image {number}": one for number, one in enumerate(images)}
    return _labelled(images)


def _labelled_targets(targets: Any, names: Names | None) -> Mapping[str, Any]:
    if not isinstance(targets, (list, tuple)):
        return _labelled(targets)
    labels = [
        "top class" if one is None else _class_name(one, names) if is_whole(one) else str(one)
        for one in targets
    ]
    if len(set(labels)) < len(labels):  # some classes share a name
        labels = [f"{label} ({one})" for label, one in zip(labels, targets)]
    return _labelled(dict(zip(labels, targets)))


def _axes(dimensions: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """What the rows and the columns are.

    Raises:
        InputError: more than two are several.
    """
    several = [name for name, ones in dimensions.items() if len(ones) > 1]
    if len(several) > 2:
        raise InputError(
            f"a table has rows and columns, and {', '.join(several)} are several: "
            "choose one of all but two of them"
        )
    single = [name for name in dimensions if name not in several]
    down, across = (*single[: 2 - len(several)], *several)
    return down, across


def _class_name(class_id: int, names: Names | None) -> str:
    if names is None:
        return f"class {class_id}"
    return names(class_id) if callable(names) else names[class_id]


class _Explainer(NamedTuple):
    """What all cells of a table have in common."""

    plans: Mapping[str, Plan]
    """Of methods by name."""
    preprocess: Preprocess | None
    names: Names | None

    def cell(
        self, nets: Net, images: Any, conditions: str | None, targets: Any, methods: str
    ) -> Cell:
        image = images if conditions is None else images[conditions]
        seen = one_sample(nets, image, self.preprocess)
        done = self.plans[methods].run(nets, seen.row[None], targets)
        order = channel_order(nets, self.preprocess)
        photo = seen.shown if seen.is_photo else picture.of_input(done.run.x, order)[0]
        return Cell(done.first(methods), photo, self._said(done.run), order)

    def _said(self, run: View) -> str:
        if run.probabilities is None:
            return ", ".join(f"{one:.3g}" for one in run.output[0].ravel()[:3])
        chances = run.probabilities[0]
        top = int(chances.argmax())
        return f"{_class_name(top, self.names)} {chances[top]:.2f}"
