"""From a target to the head gradient, the derivative of what is explained by the net's output.

It is where every backward pass starts.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Iterator, NamedTuple, Sequence, Union

import numpy as np

from .._mxnet import mx
from ..errors import NetworkError, TargetError
from ..graph.outputs import Link, is_single, link_or_default
from ..support.arrays import like, numbers_of
from . import ready as targets
from .ready import (
    Binary,
    ClassScore,
    Detection,
    Probability,
    Regression,
    Several,
    Top,
    each,
    is_id,
)

Target = Union[None, int, Sequence[Any], np.ndarray, "mx.nd.NDArray", Callable[..., Any]]
"""None (each sample's top class), a class id, an array shaped like the output (its dot product with
the output is explained), a ready-made target or another function from output to one scalar a
sample; or a sequence with one of these for each sample.

Of a net that ends in a softmax or sigmoid they see the scores before it; with output="probability"
what comes after it."""


Targets = Union[Target, Several, Top]
"""What a call explains: a target, or several of them."""


class Head(NamedTuple):
    """A target made concrete for the outputs of one run."""

    gradients: list[Any]
    """For each of the outputs an NDArray of its shape; empty if they were not asked for."""
    score: np.ndarray
    """(N,) float32: the explained scalar."""
    target: str | list[int] | list[str]
    """The class ids, or the name of what else is explained, for all samples or for each."""
    fixed: Target = None
    """The target as it means the same for outputs of changed inputs: with the classes in the place
    of None, with the boxes that were found in the place of a detection's number."""

    @property
    def is_of_classes(self) -> bool:
        """Whether classes are explained, which have probabilities."""
        return all(map(is_id, self.target))


def heads(
    target: Targets,
    outputs: Sequence[Any],
    links: Sequence[Link | None] = (),
    probability: bool = False,
    differentiate: bool = True,
) -> list[Head]:
    """The heads of a target, or of each of several; see `head`."""
    targets = target.of(outputs[0]) if isinstance(target, (Several, Top)) else [target]
    return [head(one, outputs, links, probability, differentiate) for one in targets]


def head(
    target: Target,
    outputs: Sequence[Any],
    links: Sequence[Link | None] = (),
    probability: bool = False,
    differentiate: bool = True,
) -> Head:
    """The head gradients and the score of `target` for the net's outputs.

    Args:
        target: what is explained.
        outputs: those of the net that it is explained of: one, except for functions of several.
        links: for each output how its values become probabilities, if that is known.
        probability: whether the target is one of the probabilities rather than of the values.
        differentiate: whether the gradients are needed; a function needs no derivative if not.

    Raises:
        TargetError: a class id out of range, a class where the output has none, a shape that does
            not fit, a function whose result is not one finite scalar a sample or does not depend on
            the output.
        NetworkError: the output holds NaN.
    """
    for one in outputs:
        _check_finite(one)
    links = list(links) or [None] * len(outputs)
    if _is_one_for_each(target):
        return _one_for_each(target, outputs, links, probability, differentiate)  # type: ignore
    meaning = _meaning(target, outputs, links, probability)
    score = _evaluated(meaning)
    if not differentiate:
        gradients = []
    elif meaning.class_ids is not None:
        gradients = [like(_one_hot(meaning.class_ids, outputs[0].shape), outputs[0])]
    else:
        gradients = _differentiated(meaning)
    fixed = target
    if target is None and not isinstance(meaning.name, str):
        fixed = meaning.name
    elif isinstance(target, Detection) and target.lost is None:
        fixed = target.of_variants(*outputs)
    return Head(gradients, score, meaning.name, fixed)


def scores(
    target: Target,
    outputs: Sequence[Any],
    links: Sequence[Link | None],
    probability: bool,
    samples: np.ndarray,
    originals: Sequence[Any],
) -> np.ndarray:
    """(R,): the explained scalar of each of R rows of outputs.

    Args:
        target: fixed, as `Head.fixed` has it.
        samples: (R,) which sample each row is a variant of.
        originals: the outputs for the samples themselves.
    """
    first = outputs[0]
    if isinstance(target, list) and all(map(is_id, target)) and not is_single(first.shape):
        if probability:
            first = link_or_default(links[0], first.shape)(first)
        _check_finite(first)
        numbers = first.asnumpy().reshape(len(samples), -1)
        return numbers[np.arange(len(samples)), np.array(target)[samples]].astype(np.float32)
    # a function is called with one row for each sample, as it may mean another thing for each
    found = np.empty(len(samples), np.float32)
    both = [mx.nd.concat(*pair, dim=0) for pair in zip(originals, outputs)]
    for rows in _once_a_sample(samples):
        places = np.arange(len(originals[0]))
        places[samples[rows]] = len(places) + rows
        chosen = mx.nd.array(places, ctx=first.context, dtype="int32")
        group = [mx.nd.take(one, chosen) for one in both]
        found[rows] = head(target, group, links, probability, False).score[samples[rows]]
    return found


def _once_a_sample(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Rows in groups, in none of which a sample comes twice."""
    left = np.arange(len(samples))
    while len(left):
        _, first = np.unique(samples[left], return_index=True)
        yield left[first]
        left = np.delete(left, first)


def groups(outputs: Sequence[Any], repeats: int) -> list[list[Any]]:
    """Outputs that hold all samples `repeats` times, once each."""
    samples = len(outputs[0]) // repeats
    return [
        [output[start : start + samples] for output in outputs]
        for start in range(0, repeats * samples, samples)
    ]


class _Meaning(NamedTuple):
    """A target as a function."""

    function: Callable[..., Any]
    outputs: Sequence[Any]
    """What it is called with, once the links are applied."""
    links: Sequence[Link | None]
    name: str | list[int]
    class_ids: list[int] | None = None
    """Of class scores: the classes."""


def _meaning(
    target: Target, outputs: Sequence[Any], links: Sequence[Link | None], probability: bool
) -> _Meaning:
    output, link = outputs[0], links[0]
    if isinstance(target, ClassScore):
        target = target.class_id
    if isinstance(target, Probability) and target.link is None:
        target = dataclasses.replace(target, link=link)
    is_direction = _is_array(target) and np.dtype(target.dtype).kind == "f"  # type: ignore
    if (
        target is None
        or is_id(target)
        or isinstance(target, (list, tuple))
        or (_is_array(target) and not is_direction)
    ):
        return _classes(target, output, link, probability)
    seen = [
        link_or_default(known, one.shape) if probability else None
        for one, known in zip(outputs, links)
    ]
    if is_direction:
        return _Meaning(Regression(_direction(target, output.shape)), [output], seen[:1], "array")
    if callable(target):
        return _Meaning(target, outputs, seen, _name(target))
    raise TargetError(
        f"a target is None, a class id, a sequence of ids, an array or a function; got {target!r}"
    )


def _classes(target: Any, output: Any, link: Link | None, probability: bool) -> _Meaning:
    single, samples = is_single(output.shape), len(output)
    if single and target is None and link is None and not probability:
        return _Meaning(Regression(), [output], [None], "output")
    if single and link is None and not probability:
        raise TargetError(
            f"the net has one output value a sample, so the class {target!r} may mean two things; "
            "gm.targets.Binary(1) or Binary(0) explains a logit, target=None the value itself"
        )
    if not single:
        targets.check_has_classes(output.shape)
    if target is None:
        numbers = output.asnumpy().reshape(samples, -1)
        ids = [int(one) for one in (numbers[:, 0] > 0 if single else numbers.argmax(axis=1))]
    else:
        ids = each(target, samples)
    if probability:
        return _Meaning(Probability(ids, link), [output], [None], ids)
    if single:
        return _Meaning(Binary(ids), [output], [None], ids)
    return _Meaning(ClassScore(ids), [output], [None], ids, ids)


def _one_hot(ids: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    """The derivative of class scores: quicker than by autograd."""
    weights = np.zeros(shape[:2])
    weights[np.arange(len(ids)), ids] = 1
    return weights.reshape(shape)


def _is_one_for_each(target: Target) -> bool:
    """Whether it is a sequence with one target of any kind for each sample."""
    return (
        isinstance(target, (list, tuple))
        and not all(map(is_id, target))
        and all(one is None or is_id(one) or _is_array(one) or callable(one) for one in target)
    )


def _one_for_each(
    given: Sequence[Target],
    outputs: Sequence[Any],
    links: Sequence[Link | None],
    probability: bool,
    differentiate: bool,
) -> Head:
    if len(given) != len(outputs[0]):
        raise TargetError(
            f"expected {len(outputs[0])} targets, one a sample; got {len(given)}: {given!r}"
        )
    found = [
        head(one, [output[n : n + 1] for output in outputs], links, probability, differentiate)
        for n, one in enumerate(given)
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


def _evaluated(meaning: _Meaning) -> np.ndarray:
    """(N,): the scalars, checked."""
    outputs = meaning.outputs
    if meaning.class_ids is not None:
        ids = targets.checked(meaning.class_ids, outputs[0].shape[1])
        numbers = outputs[0].asnumpy().reshape(len(ids), -1)
        return numbers[np.arange(len(ids)), ids].astype(np.float32)
    with mx.autograd.pause(train_mode=True):
        return _checked_scalars(meaning, _called(meaning, outputs), len(outputs[0]))


def _differentiated(meaning: _Meaning) -> list[Any]:
    """The derivative of the scalars by each of the outputs."""
    said = _said(meaning)
    watched = [output.detach() for output in meaning.outputs]
    for one in watched:
        one.attach_grad()
    with mx.autograd.record(train_mode=True):
        score = _called(meaning, watched)
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


def _called(meaning: _Meaning, outputs: Sequence[Any]) -> Any:
    seen = [link(one) if link else one for one, link in zip(outputs, meaning.links)]
    if mx.util.is_np_array() and not _is_ready_made(meaning.function):
        seen = [one.as_np_ndarray() for one in seen]
    return meaning.function(*seen)


def _checked_scalars(meaning: _Meaning, score: Any, samples: int) -> np.ndarray:
    said = _said(meaning)
    if not isinstance(score, mx.nd.NDArray) or score.shape != (samples,):
        got = f"shape {score.shape}" if isinstance(score, mx.nd.NDArray) else type(score).__name__
        raise TargetError(
            f"the target function {said!r} has to return an NDArray of one scalar a "
            f"sample, shape ({samples},); it returned {got}"
        )
    numbers = score.asnumpy()
    if not np.isfinite(numbers).all():
        raise TargetError(f"the target function {said!r} returned NaN or infinity")
    return numbers.astype(np.float32)


def _said(meaning: _Meaning) -> str:
    return meaning.name if isinstance(meaning.name, str) else _name(meaning.function)


def _name(target: Any) -> str:
    """What a function is called: its name, or what a ready-made target shows of itself."""
    if _is_ready_made(target):
        values = {
            field.name: repr(getattr(target, field.name))
            for field in dataclasses.fields(target)
            if field.name != "link" and repr(getattr(target, field.name)) != repr(field.default)
        }
        # an embedding or a mask would fill pages
        shown = [
            f"{name}={value}" if len(value) <= 60 else f"{name}=…" for name, value in values.items()
        ]
        return f"{type(target).__name__}({', '.join(shown)})"
    return getattr(target, "__name__", type(target).__name__)


def _direction(target: Any, shape: Sequence[int]) -> np.ndarray:
    """A float array as weights of the output; class ids in disguise are refused."""
    weights = numbers_of(target)
    if (
        weights.shape == tuple(shape[:1])
        and len(shape) == 2
        and (weights == np.round(weights)).all()
    ):
        raise TargetError(
            f"the target array has shape {weights.shape} and whole numbers, so it may be class ids "
            f'or a direction; pass ids as integers, target.astype("int32"), or a direction of '
            f"shape {tuple(shape)}"
        )
    if weights.shape not in (tuple(shape), tuple(shape[1:])):
        raise TargetError(
            f"the target array has shape {weights.shape}; expected the output's, "
            f"{tuple(shape)}, or one sample's, {tuple(shape[1:])}. Class ids are "
            "integers: target.astype('int32')"
        )
    if not np.isfinite(weights).all():
        raise TargetError("the target array holds NaN or infinity")
    return weights


def _check_finite(output: Any) -> None:
    numbers = output.asnumpy()
    broken = np.isnan(numbers).reshape(len(numbers), -1).any(axis=1)
    if broken.any():
        raise NetworkError(
            f"the net's output is NaN for sample {int(np.argmax(broken))}: its "
            "parameters hold NaN, or the input is far out of its usual range"
        )


def _is_array(target: Any) -> bool:
    return isinstance(target, (np.ndarray, mx.nd.NDArray))


def _is_ready_made(target: Any) -> bool:
    return type(target).__module__ == targets.__name__
