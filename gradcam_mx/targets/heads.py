"""From a target to the head gradient, the derivative of what is explained by the net's output.

It is where every backward pass starts.
"""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple, Sequence

import numpy as np

from .._mxnet import mx
from ..errors import TargetError
from ..support.arrays import is_whole, like
from .checks import check_finite, check_has_samples, checked
from .given import Asked, Target, Targets, target_of
from .protocol import BaseTarget, Known, Scalars
from .several import OneForEach

__all__ = ["Head", "Target", "Targets", "can_repeat", "head", "heads", "repeated", "scores"]


class Head(NamedTuple):
    """A target made concrete for the outputs of one run."""

    gradients: list[Any]
    """For each value that it reads an NDArray of its shape; empty if they were not asked for."""
    score: np.ndarray
    """(N,): the explained scalar, of the type that the net computes in."""
    target: str | list[int] | list[str]
    """The class ids, or the name of what else is explained, for all samples or for each."""
    fixed: Target = None
    """The target as it means the same for outputs of changed inputs: with the classes in the place
    of None, with the boxes that were found in the place of a detection's number."""
    places: tuple[int, ...] = ()
    """Which of the run's values it reads."""

    @property
    def is_of_classes(self) -> bool:
        """Whether classes are explained, which have probabilities."""
        return all(map(is_whole, self.target))


def heads(
    asked: Asked, values: Sequence[Any], known: Known, differentiate: bool = True
) -> list[Head]:
    """The heads of the targets of a call, each of the values that it reads; see `head`."""
    if asked.needs_samples:
        _check_samples(str(asked.given), values[:1], known)
    return [
        head(one, [values[place] for place in places], known.at(places), differentiate)._replace(
            places=places
        )
        for one, places in asked.of(values)
    ]


def head(
    target: Target, values: Sequence[Any], known: Known | None = None, differentiate: bool = True
) -> Head:
    """The head gradients and the score of `target` for what it reads.

    Args:
        target: what is explained.
        values: those that it reads: of one output of the net, except for functions of several.
        known: what is known of the values.
        differentiate: whether the gradients are needed; a function needs no derivative if not.

    Raises:
        TargetError: a class id out of range, a class where the output has none, a shape that does
            not fit, a function whose result is not one finite scalar a sample or does not depend on
            the output.
        NetworkError: a value holds NaN.
    """
    known = known or Known.nothing(values)
    for one, axis in zip(values, known.sample_axes):
        check_finite(one, axis)
    meant = target_of(target)
    if meant.needs_samples:
        _check_samples(meant.name, values, known)
    if isinstance(meant, OneForEach):
        if len(meant.targets) != known.samples:
            raise TargetError(
                f"expected {known.samples} targets, one a sample; got {len(meant.targets)}: "
                f"{target!r}"
            )
        return _one_for_each(meant, values, known, differentiate)
    if meant.takes not in (None, len(values)):
        raise TargetError(
            f"the target {meant.name} is explained of {meant.takes} "
            f"output{'s' if meant.takes != 1 else ''} of the net, not of {len(values)}; "
            "output= chooses them, by number or name"
        )
    scalars = meant.scalars(values, known)
    score = _evaluated(scalars, values, known)
    gradients = _gradients(meant, scalars, values) if differentiate else []
    return Head(gradients, score, scalars.name, scalars.of_variants())


def scores(
    target: Target,
    values: Sequence[Any],
    known: Known,
    samples: np.ndarray,
    originals: Sequence[Any],
) -> np.ndarray:
    """(R,): the explained scalar of each of R rows of values.

    Args:
        target: fixed, as `Head.fixed` has it.
        values, known: as in `head`.
        samples: (R,) which sample each row is a variant of.
        originals: the values for the samples themselves.
    """
    meant = target_of(target)
    at_once = meant.of_rows(values, known, samples)
    if at_once is not None:
        return at_once
    if meant.takes_rows:
        known = known._replace(rows=samples)
    if meant.takes_rows or np.array_equal(samples, known.rows):
        return head(target, values, known, differentiate=False).score
    # a function is called with one row for each sample, as it may mean another thing for each
    found = np.empty(len(samples), values[0].dtype)
    axes = [int(axis or 0) for axis in known.sample_axes]
    both = [mx.nd.concat(*pair, dim=axis) for *pair, axis in zip(originals, values, axes)]
    for rows in _once_a_sample(samples):
        places = np.arange(known.samples)
        places[samples[rows]] = len(places) + rows
        chosen = mx.nd.array(places, ctx=values[0].context, dtype="int32")
        group = [mx.nd.take(one, chosen, axis=axis) for one, axis in zip(both, axes)]
        found[rows] = head(target, group, known, differentiate=False).score[samples[rows]]
    return found


def _once_a_sample(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Rows in groups, in none of which a sample comes twice."""
    left = np.arange(len(samples))
    while len(left):
        _, first = np.unique(samples[left], return_index=True)
        yield left[first]
        left = np.delete(left, first)


def repeated(
    target: Target, values: Sequence[Any], known: Known, repeats: int
) -> tuple[list[Any], np.ndarray]:
    """The head gradients for values that hold all samples several times, and (repeats, N) scores.

    Args:
        target: fixed, as `Head.fixed` has it.
        values: what it reads.
        known: what is known of the values for all samples once.
        repeats: how often they hold all samples; where it is more than once, `can_repeat` is true.
    """
    if repeats == 1 or target_of(target).takes_rows:
        known = known._replace(rows=np.tile(known.rows, repeats))
        found = head(target, values, known)
        return found.gradients, found.score.reshape(repeats, -1)
    axes = [int(axis or 0) for axis in known.sample_axes]
    groups = [
        [_part(value, number, repeats, axis) for value, axis in zip(values, axes)]
        for number in range(repeats)
    ]
    each = [head(target, group, known) for group in groups]
    gradients = zip(*(one.gradients for one in each))
    joined = [mx.nd.concat(*several, dim=axis) for several, axis in zip(gradients, axes)]
    return joined, np.stack([one.score for one in each])


def _part(value: Any, number: int, of: int, axis: int) -> Any:
    """One of several equal parts of a value."""
    size = value.shape[axis] // of
    begin, end = number * size, (number + 1) * size
    return value[begin:end] if axis == 0 else value.slice_axis(axis=axis, begin=begin, end=end)


def can_repeat(target: Target, known: Known) -> bool:
    """Whether values for variants of several rows at a time say what the target is of each."""
    return target_of(target).takes_rows or None not in known.sample_axes


def _check_samples(said: str, values: Sequence[Any], known: Known) -> None:
    for value, axis in zip(values, known.sample_axes):
        check_has_samples(said, value.shape, axis, known.samples, known.input_shape)


def _one_for_each(
    given: OneForEach, values: Sequence[Any], known: Known, differentiate: bool
) -> Head:
    found = [
        head(
            one,
            [value[n : n + 1] for value in values],
            known._replace(rows=known.rows[n : n + 1]),
            differentiate,
        )
        for n, one in enumerate(given.targets)
    ]
    names: list[str] = [
        one.target if isinstance(one.target, str) else f"class {one.target[0]}" for one in found
    ]
    return Head(
        [mx.nd.concat(*parts, dim=0) for parts in zip(*(one.gradients for one in found))],
        np.concatenate([one.score for one in found]),
        names,
        [one.fixed[0] if isinstance(one.fixed, list) else one.fixed for one in found],
    )


def _evaluated(scalars: Scalars, values: Sequence[Any], known: Known) -> np.ndarray:
    """(N,): the scalars, checked."""
    if scalars.class_ids is not None:
        ids = checked(scalars.class_ids, values[0].shape[1])
        numbers = values[0].asnumpy().reshape(len(ids), -1)
        return numbers[np.arange(len(ids)), ids]
    with mx.autograd.pause(train_mode=True):
        return _checked_scalars(scalars, scalars.of(values), values, known)


def _gradients(target: BaseTarget, scalars: Scalars, values: Sequence[Any]) -> list[Any]:
    """The derivative of the scalars by each of the values."""
    if not target.differentiable:
        raise TargetError(
            f"the target {target.name} has no derivative, and this method needs one; methods that "
            "try other inputs, such as occlusion and rise, do not"
        )
    if scalars.class_ids is None:
        return _differentiated(scalars, values)
    # quicker than by autograd
    weights = np.zeros(values[0].shape[:2])
    weights[np.arange(len(weights)), scalars.class_ids] = 1
    return [like(weights.reshape(values[0].shape), values[0])]


def _differentiated(scalars: Scalars, values: Sequence[Any]) -> list[Any]:
    said = _said(scalars)
    watched = [value.detach() for value in values]
    for one in watched:
        one.attach_grad()
    with mx.autograd.record(train_mode=True):
        score = scalars.of(watched)
    apart = TargetError(
        f"the result of the target function {said!r} does not depend on the "
        "output through operators that MXNet can differentiate"
    )
    try:
        score.backward()
    except mx.MXNetError as error:
        raise apart from error
    if not any(one._fresh_grad for one in watched):
        raise apart
    gradients = [one.grad for one in watched]
    if not all(np.isfinite(gradient.asnumpy()).all() for gradient in gradients):
        raise TargetError(
            f"the derivative of the target function {said!r} is NaN or infinite "
            "(a root or a logarithm at zero?)"
        )
    return gradients


def _checked_scalars(
    scalars: Scalars, score: Any, values: Sequence[Any], known: Known
) -> np.ndarray:
    said, samples = _said(scalars), known.samples
    is_array = isinstance(score, mx.nd.NDArray)
    # of an output that has another axis 0, one scalar a sample may come in any shape
    is_other = any(axis != 0 for axis in known.sample_axes)
    if not is_array or (score.shape != (samples,) and not (is_other and score.size == samples)):
        got = f"shape {score.shape}" if is_array else type(score).__name__
        shapes = ", ".join(str(value.shape) for value in values)
        of = f" of the output {shapes}, for the input {known.input_shape}" if is_other else ""
        raise TargetError(
            f"the target function {said!r} has to return an NDArray of one scalar a "
            f"sample, shape ({samples},); it returned {got}{of}"
        )
    numbers = score.asnumpy().reshape(samples)
    if not np.isfinite(numbers).all():
        raise TargetError(f"the target function {said!r} returned NaN or infinity")
    return numbers


def _said(scalars: Scalars) -> str:
    return scalars.name if isinstance(scalars.name, str) else scalars.function.name  # type: ignore
