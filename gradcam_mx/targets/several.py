"""Several targets of one call, and one for each sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Sequence

import numpy as np

from ..errors import TargetError
from ..graph.outputs import LayerOutputs, OutputChoice
from ..support.arrays import flat, is_whole
from .checks import check_has_classes
from .protocol import BaseTarget, each_read


class SeveralTargets:
    """What stands for several targets of one call, each with an explanation of its own."""

    named: Sequence[Any] = (None,)
    """Those that can be told before the net has run, which show what outputs they read."""
    needs_samples = False
    """Whether they are found in an output that has the samples at axis 0."""

    def of(self, output: Any) -> list[Any]:
        """The targets, for the output that the first of them reads."""
        raise NotImplementedError


@dataclass(frozen=True)
class Several(SeveralTargets):
    """Several targets of one call, each of which gives an explanation of its own.

    They share whatever can be shared: the forward pass, and all trials of perturbation methods.
    Each is explained of what it reads alone: a class id of the first output, a `Detection` of its
    three, a `Unit` of its layer. Gradients of targets that read different outputs take a forward
    pass for each of those.

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
        if any(isinstance(one, SeveralTargets) for one in self.targets):
            raise TargetError("Several cannot hold Several or Top: name each target")

    @property
    def named(self) -> Sequence[Any]:  # type: ignore[override]
        """The targets."""
        return self.targets

    def of(self, output: Any) -> list[Any]:
        """The targets, for any output.

        Args:
            output: of the net; it does not matter.
        """
        return list(self.targets)


@dataclass(frozen=True)
class Top(SeveralTargets):
    """The classes of the highest scores: an explanation for each rank, the top class first.

    Args:
        count: how many; each sample has its own classes.
    """

    count: int

    needs_samples = True

    def __post_init__(self) -> None:
        if not is_whole(self.count) or self.count < 1:
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


@dataclass(frozen=True)
class OneForEach(BaseTarget):
    """What a list stands for that has one target of any kind for each sample."""

    targets: Sequence[BaseTarget]

    takes = None

    def with_ids(self, find: Callable[[Any], Any]) -> BaseTarget:
        """The targets with the numbers of classes in the place of their names.

        Args:
            find: gives the number of a name; numbers stay what they are.
        """
        named = [one.with_ids(find) for one in self.targets]
        is_same = all(one is other for one, other in zip(named, self.targets))
        return self if is_same else OneForEach(named)

    @property
    def reads(self) -> OutputChoice:
        """What each of them reads.

        Raises:
            TargetError: they read different outputs.
        """
        reads = [one.reads for one in self.targets]
        for number, one in enumerate(reads):
            if each_read(one) != each_read(reads[0]):
                raise TargetError(
                    "the targets of a list, one for each sample, are explained of the same "
                    f"outputs; number 0 is of {_listed(reads[0])}, number {number} of "
                    f"{_listed(one)}: explain these samples in calls of their own"
                )
        return reads[0]


def _listed(choice: OutputChoice) -> str:
    names = [
        f"the layer {one.layers[0]!r}" if isinstance(one, LayerOutputs) else f"output {one!r}"
        for one in each_read(choice)
    ]
    return ", ".join(names)
