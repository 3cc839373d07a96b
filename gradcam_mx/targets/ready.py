"""Ready-made targets: what is explained, as a scalar of the net's output for each sample.

Each is a function that is called with the output, an NDArray (N, ...), and gives the scalars (N,)
by operators that autograd can differentiate. Any other such function is a target too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Sequence, Union

import numpy as np

from .._mxnet import mx
from ..errors import TargetError
from ..graph.outputs import Link, holds_classes, is_single, link_or_default
from ..support.arrays import flat, like, numbers_of

ClassIds = Union[int, Sequence[int]]
"""A class id, or one for each sample."""


@dataclass(frozen=True)
class ClassScore:
    """The score of a class, as a class id alone does: y[n, c].

    Args:
        class_id: the class, or one for each sample.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> gm.targets.ClassScore(1)(mx.nd.array([[3, 4, 5]])).asnumpy()
        array([4.], dtype=float32)
    """

    class_id: ClassIds

    def __call__(self, output: Any) -> Any:
        return _picked(output, self.class_id)


@dataclass(frozen=True)
class Probability:
    """The probability of a class: that of the softmax or sigmoid that the net ends in.

    For a net that ends in neither, the softmax over axis 1; of a single output value, the sigmoid
    (class 1) or one minus it (class 0). Its gradient also speaks against the other classes.

    Args:
        class_id: the class, or one for each sample.
        link: how scores become probabilities; by default, as the net does it.
    """

    class_id: ClassIds
    link: Link | None = None

    def __call__(self, output: Any) -> Any:
        link = link_or_default(self.link, output.shape)
        if link.kind == "sigmoid" and is_single(output.shape):
            # 1 - sigmoid(y) is sigmoid(-y), without the loss of digits
            return link(Binary(self.class_id)(output))
        return _picked(link(output), self.class_id)


@dataclass(frozen=True)
class ScoreDifference:
    """What speaks for one class rather than another: y[n, c] - y[n, o].

    Args:
        class_id: c, or one for each sample.
        other_id: o, or one for each sample.
    """

    class_id: ClassIds
    other_id: ClassIds

    def __call__(self, output: Any) -> Any:
        return _picked(output, self.class_id) - _picked(output, self.other_id)


@dataclass(frozen=True)
class MultiLabel:
    """The scores of a set of classes together: Σ_c y[n, c].

    Args:
        class_ids: the classes, or for each sample a sequence of its own.
    """

    class_ids: Sequence[Any]

    def __call__(self, output: Any) -> Any:
        sets = (
            self.class_ids
            if self.class_ids and np.ndim(self.class_ids[0]) == 1
            else [self.class_ids] * len(output)
        )
        check_has_classes(output.shape)
        if len(sets) != len(output) or not all(len(one) for one in sets):
            raise TargetError(
                f"expected the labels of {len(output)} samples, at least one label "
                f"for each; got {self.class_ids!r}"
            )
        weights = np.zeros(output.shape[:2])
        for row, labels in zip(weights, sets):
            row[checked(labels, len(row))] = 1
        return flat(output * like(weights.reshape(output.shape), output)).sum(axis=1)


@dataclass(frozen=True)
class Binary:
    """The class of a net with one output value, its logit y: y for class 1, -y for class 0.

    Args:
        class_id: 0 or 1, or one for each sample.
    """

    class_id: ClassIds

    def __call__(self, output: Any) -> Any:
        if not is_single(output.shape):
            raise TargetError(
                f"Binary explains a net with one output value a sample, its logit; "
                f"the output has shape {output.shape}"
            )
        ids = np.array(checked(each(self.class_id, len(output)), 2))
        return flat(output)[:, 0] * like(2.0 * ids - 1, output)


@dataclass(frozen=True)
class Regression:
    """A weighted sum of all output values: Σ_i w_i y[n, i].

    Args:
        weights: shaped like one sample's output, or like the output; all ones by default.
    """

    weights: Any = None

    def __call__(self, output: Any) -> Any:
        if self.weights is None:
            return flat(output).sum(axis=1)
        weights = _fitting(self.weights, output.shape, "the weights")
        return flat(output * like(weights, output)).sum(axis=1)


@dataclass(frozen=True)
class CosineSimilarity:
    """How similar an embedding y is to a reference r: y·r / (|y| |r|).

    Args:
        reference: (K,), or (N, K) with one for each sample.
    """

    reference: Any

    def __call__(self, output: Any) -> Any:
        if len(output.shape) != 2:
            raise TargetError(
                f"CosineSimilarity explains an embedding (N, K); the output has "
                f"shape {output.shape}"
            )
        reference = _fitting(self.reference, output.shape, "the reference")
        length = np.linalg.norm(reference, axis=1, keepdims=True)
        if not length.all():
            raise TargetError("the reference embedding is zero, so nothing is similar to it")
        # it does not depend on the length of y, whose square might overflow or vanish
        output = output / mx.nd.maximum(output.detach().abs().max(axis=1, keepdims=True), 1e-30)
        across = (output * like(reference / length, output)).sum(axis=1)
        return across / mx.nd.sqrt((output * output).sum(axis=1))


@dataclass(frozen=True)
class Segmentation:
    """The mean score of a class over a region: the mean of y[n, c, h, w] where the mask is true.

    Args:
        class_id: the class, or one for each sample.
        mask: (H, W), or (N, H, W) with one for each sample; everywhere by default.
    """

    class_id: ClassIds
    mask: Any = None

    def __call__(self, output: Any) -> Any:
        shape = output.shape
        if len(shape) != 4:
            raise TargetError(
                f"Segmentation explains a map of scores (N, K, H, W); the output has shape {shape}"
            )
        mask = np.ones(shape[2:]) if self.mask is None else numbers_of(self.mask)
        if mask.shape not in (shape[2:], (shape[0], *shape[2:])):
            raise TargetError(
                f"the mask has shape {mask.shape}; expected the output's positions, "
                f"{shape[2:]}, or {(shape[0], *shape[2:])}"
            )
        if not np.isin(mask, (0, 1)).all():
            raise TargetError(
                "the mask holds numbers other than 0 and 1; expected true or false "
                "for each position, such as scores > 0.5"
            )
        mask = np.broadcast_to(mask != 0, (shape[0], *shape[2:]))
        if not mask.any(axis=(1, 2)).all():
            raise TargetError("the mask is empty: it has to be true somewhere in every sample")
        weights = np.zeros(shape)
        ids = checked(each(self.class_id, len(output)), shape[1])
        for n, one in enumerate(ids):
            weights[n, one] = mask[n] / mask[n].sum()
        return flat(output * like(weights, output)).sum(axis=1)


@dataclass(frozen=True)
class Detection:
    """The score of one detected box, of a net with outputs for classes, scores and boxes.

    GluonCV's detection nets give ids (N, B, 1), scores (N, B, 1) and boxes (N, B, 4) as corners
    (x0, y0, x1, y1); a detection that was suppressed has the id -1. Which box is meant is found out
    from ids and boxes; the gradient goes to its score alone. Methods that change the input look for
    the box that was found in x itself, and where it is gone, its score is 0.

    Args:
        index: which detection.
        box: (x0, y0, x1, y1) instead: the detection that overlaps most with it.
        class_id: with `box`: among the detections of this class, or one for each sample.
        min_iou: with `box`: the intersection over union that it has to reach.
        outputs: the numbers or names of the net's outputs for ids, scores and boxes.
        lost: the score where there is no such detection; an error by default.
    """

    index: int | None = None
    box: Sequence[float] | None = None
    class_id: ClassIds | None = None
    min_iou: float = 0.5
    outputs: Sequence[int | str] = (0, 1, 2)
    lost: float | None = None

    def __post_init__(self) -> None:
        if (self.index is None) == (self.box is None):
            raise TargetError("Detection takes either an index or a box")
        if self.index is not None and not is_id(self.index):
            raise TargetError(f"the index of a detection is a whole number; got {self.index!r}")
        if self.box is not None:
            box = np.asarray(self.box, np.float64)
            if box.shape != (4,) or not (box[:2] < box[2:]).all():
                raise TargetError(
                    f"the box {self.box!r} has no area; expected its corners, (x0, y0, x1, y1)"
                )
        if not 0 <= self.min_iou <= 1:
            raise TargetError(f"min_iou is {self.min_iou}; expected 0 to 1")

    def __call__(self, ids: Any, scores: Any, boxes: Any) -> Any:
        rows = scores.shape[:2]
        if (ids.shape, scores.shape, boxes.shape) != ((*rows, 1), (*rows, 1), (*rows, 4)):
            raise TargetError(
                f"the outputs {tuple(self.outputs)} have shapes {ids.shape}, {scores.shape}, "
                f"{boxes.shape}; expected ids (N, B, 1), scores (N, B, 1) and boxes (N, B, 4)"
            )
        wanted = [None] * len(ids) if self.class_id is None else each(self.class_id, len(ids))
        weights, rest = np.zeros(rows), np.zeros(rows[0])
        for sample, one in enumerate(zip(ids.asnumpy()[..., 0], boxes.asnumpy(), wanted)):
            try:
                weights[sample, self._choose(*one)] = 1
            except TargetError:
                if self.lost is None:
                    raise
                rest[sample] = self.lost
        chosen = flat(scores * like(weights[..., None], scores)).sum(axis=1)
        return chosen + like(rest, scores)

    def of_variants(self, ids: Any, scores: Any, boxes: Any) -> list[Detection]:
        """The same detection of each sample, in outputs for variants of it.

        Args:
            ids: (N, B, 1): the net's outputs for N variants, the class of each box, -1 for none.
            scores: (N, B, 1).
            boxes: (N, B, 4): the corners.
        """
        wanted = [None] * len(ids) if self.class_id is None else each(self.class_id, len(ids))
        found = []
        for kinds, places, class_id in zip(ids.asnumpy()[..., 0], boxes.asnumpy(), wanted):
            one = replace(self, class_id=class_id, lost=0.0)
            if self.index is not None:
                # their order changes with their scores
                place = places[self.index].astype(np.float64)
                if (place[:2] < place[2:]).all():
                    one = replace(
                        one, index=None, box=tuple(place.tolist()), class_id=int(kinds[self.index])
                    )
            found.append(one)
        return found

    def _choose(self, ids: np.ndarray, boxes: np.ndarray, class_id: int | None) -> int:
        if self.index is not None:
            if not 0 <= self.index < len(ids) or ids[self.index] < 0:
                raise TargetError(
                    f"there is no detection {self.index}: index out of range or "
                    f"suppressed; there are {np.flatnonzero(ids >= 0).tolist()}"
                )
            return self.index
        allowed = ids >= 0 if class_id is None else ids == class_id
        overlaps = np.where(allowed, _iou(np.asarray(self.box, np.float64), boxes), -1.0)
        best = int(overlaps.argmax())
        if overlaps[best] < self.min_iou:
            kind = "" if class_id is None else f" of class {class_id}"
            raise TargetError(
                f"no detection{kind} overlaps the box {self.box!r} by {self.min_iou} or more "
                f"(intersection over union); the best does by {max(overlaps[best], 0):.2f}"
            )
        return best


@dataclass(frozen=True)
class Unit:
    """The activation of a unit inside the net: A[n, c, i, j] of a layer's output A.

    Every method explains it: `guided_backprop` and `deconvnet` show the pattern that excites it.

    Args:
        layer: a Block, a dotted path, a block's name, or the name of an output; None for the
            default layer.
        channel: c.
        position: (i, j); by default where the channel is strongest in each sample.
        channel_axis: where the net keeps the channels; found by itself.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> unit = gm.targets.Unit("features.5", 7, position=(10, 12))
        >>> gm.saliency(net, mx.nd.ones((1, 3, 224, 224)), unit).output
        'features.5'
    """

    layer: Any
    channel: int
    position: Sequence[int] | None = None
    channel_axis: int = 1

    def __call__(self, output: Any) -> Any:
        weights, channels = _weights_like(output, self)
        if self.position is not None and (
            len(self.position) != channels.ndim - 2
            or not all(0 <= one < size for one, size in zip(self.position, channels.shape[2:]))
        ):
            raise TargetError(
                f"there is no position {self.position!r}: the layer {self.layer!r} "
                f"gives {channels.shape}"
            )
        positions: list[Any] = [self.position] * len(weights)
        if self.position is None:
            numbers = np.moveaxis(output.asnumpy(), self.channel_axis, 1)[:, self.channel]
            best = numbers.reshape(len(numbers), -1).argmax(axis=1)
            positions = [np.unravel_index(int(one), numbers.shape[1:]) for one in best]
        for sample, position in zip(channels, positions):
            place = (self.channel, *position)
            sample[place] = 1
        return flat(output * like(weights, output)).sum(axis=1)


@dataclass(frozen=True)
class Channel:
    """The mean activation of a channel inside the net: the mean over positions of A[n, c, i, j].

    Args:
        layer: a Block, a dotted path, a block's name, or the name of an output; None for the
            default layer.
        channel: c.
        channel_axis: where the net keeps the channels; found by itself.
    """

    layer: Any
    channel: int
    channel_axis: int = 1

    def __call__(self, output: Any) -> Any:
        weights, channels = _weights_like(output, self)
        channels[:, self.channel] = 1 / max(1, int(np.prod(channels.shape[2:])))
        return flat(output * like(weights, output)).sum(axis=1)


def _weights_like(output: Any, unit: Unit | Channel) -> tuple[np.ndarray, np.ndarray]:
    """Zeros like a layer's output, and the same with the channels at axis 1.

    What is picked by weights is not sliced: the slice of a convolution's output ends the process
    (measured).
    """
    weights = np.zeros(output.shape, np.float32)
    channels = np.moveaxis(weights, unit.channel_axis, 1) if weights.ndim > 1 else weights
    if channels.ndim < 2 or not is_id(unit.channel) or not 0 <= unit.channel < channels.shape[1]:
        raise TargetError(
            f"there is no unit {unit.channel!r}: the layer {unit.layer!r} gives "
            f"{channels.shape}, channels at axis 1"
        )
    return weights, channels


OF_LAYERS = (Unit, Channel)
"""Targets that are functions of a layer's output."""


@dataclass(frozen=True)
class Several:
    """Several targets of one call, each of which gives an explanation of its own.

    They share whatever can be shared: the forward pass, and all trials of perturbation methods.

    Args:
        targets: of any kind that a call takes alone.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> both = gm.targets.Several([281, 285])
        >>> [one.target for one in gm.grad_cam(net, mx.nd.ones((1, 3, 64, 64)), both)]
        [[281], [285]]
    """

    targets: Sequence[Any]

    def __post_init__(self) -> None:
        if not isinstance(self.targets, (list, tuple)) or not self.targets:
            raise TargetError(f"Several takes a list of one target or more; got {self.targets!r}")
        if any(isinstance(one, (Several, Top)) for one in self.targets):
            raise TargetError("Several cannot hold Several or Top: name each target")

    def of(self, output: Any) -> list[Any]:
        """The targets, for any output.

        Args:
            output: of the net; it does not matter.
        """
        return list(self.targets)


@dataclass(frozen=True)
class Top:
    """The classes of the highest scores: an explanation for each rank, the top class first.

    Args:
        count: how many; each sample has its own classes.
    """

    count: int

    def __post_init__(self) -> None:
        if not is_id(self.count) or self.count < 1:
            raise TargetError(f"Top takes how many classes to explain; got {self.count!r}")

    def of(self, output: Any) -> list[Any]:
        """For each rank the class ids, one a sample.

        Args:
            output: class scores (N, K) or (N, K, 1, 1).
        """
        check_has_classes(output.shape)
        classes = output.shape[1]
        if self.count > classes or classes < 2:
            raise TargetError(
                f"Top({self.count}) of a net with {classes} class{'es' if classes > 1 else ''}"
            )
        scores = flat(output).asnumpy()
        return np.argsort(-scores, axis=1, kind="stable").T[: self.count].tolist()


def _iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box with each of several (B, 4)."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1)
    return shared / ((box[2:] - box[:2]).prod() + areas - shared)


# Shared by targets and heads


def check_has_classes(shape: Sequence[int]) -> None:
    """Refuse class ids for an output that has no classes.

    Args:
        shape: of the output.
    """
    if not holds_classes(shape):
        raise TargetError(
            f"the net's output has shape {tuple(shape)}, so a class id does not name one score of "
            "each sample; pass an array of that shape, or a function from output to one scalar a "
            "sample, such as gm.targets.Segmentation"
        )


def is_id(target: Any) -> bool:
    """Whether a target is one class id.

    Args:
        target: anything.
    """
    return isinstance(target, (int, np.integer)) and not isinstance(target, bool)


def each(ids: Any, samples: int) -> list[int]:
    """Class ids, one a sample.

    Args:
        ids: one for all samples, or one for each.
        samples: how many there are.
    """
    if is_id(ids):
        return [int(ids)] * samples
    given = numbers_of(ids)
    if given.dtype.kind not in "iu" or given.shape != (samples,):
        raise TargetError(f"expected {samples} class ids, one a sample; got {ids!r}")
    return [int(one) for one in given]


def checked(ids: Sequence[int], classes: int) -> list[int]:
    """Class ids as a list of int, all of which the net has.

    Args:
        ids: whole numbers.
        classes: how many the net has.
    """
    for one in ids:
        if not is_id(one):
            raise TargetError(f"a class id is a whole number; got {one!r}")
        if not 0 <= one < classes:
            raise TargetError(
                f"class id {one} is out of range: the net has {classes} classes, 0 to {classes - 1}"
            )
    return [int(one) for one in ids]


def _picked(output: Any, ids: ClassIds) -> Any:
    """y[n, c_n] of an output (N, K) or (N, K, 1, 1)."""
    check_has_classes(output.shape)
    chosen = np.array(checked(each(ids, len(output)), output.shape[1]))
    return mx.nd.pick(flat(output), like(chosen, output), axis=1)


def _fitting(array: Any, shape: Sequence[int], what: str) -> np.ndarray:
    """The numbers of an array that is shaped like the output, or like one sample's."""
    numbers = numbers_of(array).astype(np.float64)
    if numbers.shape not in (tuple(shape), tuple(shape[1:])):
        raise TargetError(
            f"{what} has shape {numbers.shape}; expected the output's, "
            f"{tuple(shape)}, or one sample's, {tuple(shape[1:])}"
        )
    if not np.isfinite(numbers).all():
        raise TargetError(f"{what} holds NaN or infinity")
    return np.broadcast_to(numbers, shape)
