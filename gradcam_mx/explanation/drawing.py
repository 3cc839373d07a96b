"""How an explanation looks: its panels, what is written above them, what their colours mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterable, NamedTuple, Sequence, Union

import numpy as np

from .. import picture
from ..errors import InputError
from ..picture import legends
from ..picture.figures import Size, panel_on
from ..picture.overlays import ALPHA, SIGNED_ALPHA
from ..support.arrays import is_whole
from ..support.boundary import described
from . import at_input, seen

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..picture.notebook import NotebookFigure

Names = Union[Sequence[str], Callable[[int], str], Any]
"""The names of the classes, class 0 first, or a function from a class id to its name."""

SHOWN = 12
"""How many samples a notebook shows of an explanation that is the value of a cell."""


class Look(NamedTuple):
    """How an explanation is to be drawn; what is None is as usual for its kind of map."""

    colormap: str | None = None
    alpha: float | None = None
    order: str = "RGB"


def panels(explanation: Any, photo: Any, look: Look, rows: slice) -> list[picture.Picture]:
    """Each sample as a picture.

    Args:
        explanation: an `Explanation`.
        photo: what the net saw, or None.
        look: how it is drawn.
        rows: which of the explanation's rows.

    Raises:
        InputError: as many photos as samples are needed; or there is nothing to draw.
    """
    axes = len(explanation.input_size)
    is_signed = explanation.signed and explanation.is_map
    # attributions are too fine to be laid over a photo
    is_beside = not (is_signed or explanation.is_map) and axes > 1
    given = photos(explanation, photo, beside=is_beside)[rows]
    if not is_signed and has_patterns(explanation):
        step = -1 if look.order == "BGR" else 1
        patterns = [picture.signed_image(one[::step]) for one in explanation.values[rows]]
        return _placed(given, patterns, axes)
    maps = (explanation.signed_heatmap() if is_signed else explanation.heatmap())[rows]
    if axes == 1:
        return [
            picture.signal_panel(one, signal.photo, look.colormap, signed=is_signed)
            for one, signal in zip(maps, given)
        ]
    if is_beside:
        alone = laid(explanation, maps, [seen.Seen(None, None)] * len(maps), look, rows)
        return _placed(given, alone, axes)
    drawn = laid(explanation, maps, given, look, rows)
    return [picture.strip(one) for one in drawn] if axes == 3 else drawn


def _placed(
    given: Sequence[seen.Seen], drawn: Sequence[np.ndarray], axes: int
) -> list[picture.Picture]:
    """Pictures of the input's size, where they belong on photos of which the net saw a part."""
    found = [picture.as_picture(one.placed(each)) for one, each in zip(given, drawn)]
    return [picture.strip(one) for one in found] if axes == 3 else found


def check_positions(explanation: Any) -> None:
    """Refuse what cannot be drawn.

    Raises:
        InputError: the input has no positions, or the values have others.
    """
    if not explanation.input_size:
        raise InputError(
            "the input has no positions (it is plain vectors), so values of shape "
            f"{explanation.values.shape} make no picture; use .values"
        )
    at_input.check_drawable(
        explanation.values,
        explanation.input_size,
        explanation.method,
        explanation.layer if explanation.is_map else None,
    )
    # attributions may be a layer's, of other positions
    if len(explanation.input_size) not in picture.SEEN or not (
        explanation.is_map or explanation.values.ndim == len(explanation.input_size) + 2
    ):
        raise InputError(
            f"values of shape {explanation.values.shape} are no picture of an input with positions "
            f"{explanation.input_size}; use .values"
        )


def laid(
    explanation: Any,
    maps: np.ndarray,
    given: Sequence[seen.Seen],
    look: Look,
    rows: slice = slice(None),
) -> list[picture.Picture]:
    """Maps of positions over photos, or alone, in the colours of their kind.

    Args:
        explanation: an `Explanation`.
        maps: its heat maps, or signed ones.
        given: for each a photo, if there is one.
        look: how it is drawn.
        rows: which of the explanation's rows these are.
    """
    if explanation.signed and explanation.is_map:
        segments = explanation.details.get("segments", [None] * len(explanation.values))[rows]
        alpha = SIGNED_ALPHA if look.alpha is None else look.alpha
        colors = look.colormap or picture.SIGNED
        return [
            _signed(one, each, segment, alpha, colors)
            for one, each, segment in zip(given, maps, segments)
        ]
    alpha, colors = ALPHA if look.alpha is None else look.alpha, look.colormap or picture.COLORMAP
    return [
        picture.colorize(each, colors)
        if one.photo is None
        else picture.as_picture(
            one.marked(picture.overlay(one.photo, one.laid(each), alpha, colors))
        )
        for one, each in zip(given, maps)
    ]


def _signed(
    one: seen.Seen, heat: np.ndarray, segments: np.ndarray | None, alpha: float, colors: str
) -> picture.Picture:
    """A signed map over a photo, with the boundaries of its segments if it has some."""
    is_cut = segments is not None
    heat = one.laid(heat, sharp=is_cut)
    parts = one.laid(segments, sharp=True) if segments is not None else None
    return picture.as_picture(
        one.marked(picture.signed_overlay(one.photo, heat, parts, alpha, colors))
    )


def has_patterns(explanation: Any) -> bool:
    """Whether it shows patterns of the input, in its colours: attributions made under a rule."""
    return (
        explanation.rule_report is not None
        and not explanation.is_map
        and explanation.values.shape[1] == 3
        and len(explanation.input_size) > 1
    )


def legend(explanation: Any, colormap: str | None = None) -> picture.Legend:
    """What the colours of its pictures mean.

    Args:
        explanation: an `Explanation`.
        colormap: the colours it is drawn in, if they are not those of its kind.
    """
    if explanation.signed and explanation.is_map:
        return legends.of_signs(colormap or picture.SIGNED)
    if has_patterns(explanation):
        return legends.of_patterns()
    return legends.of_heat(colormap or picture.COLORMAP)


def figure(
    explanation: Any,
    photo: Any,
    look: Look,
    *,
    names: Names = None,
    title: str | Sequence[str] | None = None,
    legend: bool = True,
    size: Size | None = None,
    dpi: float | None = None,
    rows: slice = slice(None),
    drawn: Sequence[np.ndarray] | None = None,
) -> NotebookFigure:
    """The figure of `Explanation.plot`, of some of its rows.

    Args:
        drawn: pictures of these rows, in the place of the explanation's own.
    """
    drawn = panels(explanation, photo, look, rows) if drawn is None else drawn
    titles = _titles(explanation, names, title)[rows]
    is_beside = photo is not None and len(explanation.input_size) > 1
    given = photos(explanation, photo if is_beside else None, beside=True)[rows]
    bar = _bar(explanation, look) if legend else None
    shown: list[np.ndarray] = []
    above: list[str] = []
    below: list[picture.Legend | None] = []
    for (one, _), panel, caption in zip(given, drawn, titles):
        if one is not None:
            shown.append(picture.strip(one) if len(explanation.input_size) == 3 else one)
            above.append(picture.SEEN[len(explanation.input_size)][0])
            below.append(None)
        shown.append(panel)
        above.append(caption)
        below.append(bar)
    return picture.figure(shown, above, legends=below, size=size, dpi=dpi)


def unshown(
    explanation: Any,
    photo: Any,
    order: str,
    *,
    colormap: str | None = None,
    alpha: float | None = None,
    **said: Any,
) -> NotebookFigure:
    """The figure of `Explanation.plot`, which no notebook shows: it is for a file."""
    return figure(explanation, photo, Look(colormap, alpha, order), **said)


def _bar(explanation: Any, look: Look) -> picture.Legend:
    return legend(explanation, look.colormap)


def on_axes(
    axes: Axes,
    explanation: Any,
    photo: Any,
    look: Look,
    *,
    names: Names = None,
    title: str | Sequence[str] | None = None,
    legend: bool = True,
) -> Axes:
    """Draw the only sample of an explanation into axes of the caller's.

    Raises:
        InputError: there are several.
    """
    drawn = panels(explanation, photo, look, slice(None))
    if len(drawn) > 1:
        raise InputError(
            f"ax= takes one picture, and there are {len(drawn)}: draw each of pictures(photo) by "
            "ax.imshow, or leave ax out for a figure of all"
        )
    bar = _bar(explanation, look) if legend else None
    return panel_on(axes, drawn[0], _titles(explanation, names, title)[0], bar)


def photos(explanation: Any, photo: Any, beside: bool = False) -> list[seen.Seen]:
    """What the net saw, for each row of the values; see `seen.for_each_sample`."""
    return seen.for_each_sample(
        photo,
        len(explanation.values),
        explanation.input_size,
        explanation.geometry,
        beside=beside,
    )


def _titles(explanation: Any, names: Names, title: str | Sequence[str] | None) -> list[str]:
    """What is above each picture.

    Raises:
        InputError: there is not one for each.
    """
    count = len(explanation.values)
    if isinstance(title, str):
        return [title] * count
    if title is not None:
        if len(title) != count:
            raise InputError(f"{len(title)} titles for {count} pictures; expected one for each")
        return [str(one) for one in title]
    name = explanation.title or explanation.method
    scores = np.repeat(explanation.score, explanation.views)
    layer = f", layer {explanation.layer}" if explanation.layer else ""
    return [
        f"{name}: {caption}\nscore {number(score)}{layer}"
        for caption, score in zip(captions(explanation, names), scores)
    ]


def captions(explanation: Any, names: Names = None) -> list[str]:
    """What is explained, for each row of the values.

    Args:
        explanation: an `Explanation`.
        names: of the classes, if not those that it knows.
    """
    rows = explanation.details["rows"] if explanation.views > 1 else range(len(explanation.values))
    target = explanation.target
    if isinstance(target, str):
        return [target for _ in rows]
    known = explanation.class_names
    if names is not None:
        known = [name_of(one, names) if is_whole(one) else str(one) for one in target]
    if known is not None:
        said = [
            f"{name} ({one})" if is_whole(one) else str(one) for name, one in zip(known, target)
        ]
    else:
        said = [one if isinstance(one, str) else f"class {one}" for one in target]
    return [said[row] for row in rows]


def name_of(class_id: int, names: Names) -> str:
    """The name of a class.

    Args:
        class_id: its number.
        names: a sequence, a function, a mapping from ids, or labels with a method `name`.

    Raises:
        InputError: there is none for it.
    """
    if callable(names):
        return str(names(class_id))
    if hasattr(names, "name"):
        return str(names.name(class_id))
    try:
        return str(names[class_id])
    except (IndexError, KeyError, TypeError) as error:
        raise InputError(
            f"there is no name for class {class_id} among the {len(names)} names; expected one "
            "for each class of the net, class 0 first, or a function from a class id to its name"
        ) from error


def number(value: float) -> str:
    """A number for people: three digits, all of those before the point."""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def shortly(texts: Iterable[str]) -> str:
    """The first three of them."""
    listed = list(texts)
    return ", ".join([*listed[:3], *["..."] * (len(listed) > 3)])


def lines(explanation: Any) -> list[str]:
    """What is said of it in a notebook: itself in one line, its options, its details in numbers."""
    said = [repr(explanation)]
    more = len(explanation.values) - SHOWN
    if more > 0:
        said.append(f"the first {SHOWN} of {len(explanation.values)} are shown")
    if explanation.options:
        given = (f"{name}={described(value)}" for name, value in explanation.options.items())
        said.append("options: " + ", ".join(given))
    for name, value in explanation.details.items():
        array = np.asarray(value)
        if array.ndim <= 1 and array.dtype.kind == "f":
            said.append(f"{name}: {shortly(map(number, np.atleast_1d(array)))}")
    return said
