"""Which channels of a layer one decision rests on, and what they stand for."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any, Iterator, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from .. import picture
from ..engine.inputs import Input
from ..engine.rules import Rule
from ..errors import InputError, LayerError, TargetError
from ..explanation.explanation import Explanation
from ..graph.graph import Graph
from ..graph.picture_input import Preprocess, channel_order
from ..graph.trace import Net, trace
from ..methods import Plan
from ..methods.run import View
from ..support.arrays import is_whole
from ..support.boundary import told
from ..support.progress import bar
from ..targets.given import Target, gives_list
from ..targets.several import Several
from .concept import Concept, Concepts
from .patches import Patch, Strongest, patch_of
from .receptive_field import ReceptiveField, check_positions
from .samples import Images, Sample, samples

METHOD = "lrp"


@told
def concepts(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    k: int = 6,
    *,
    images: Images | None = None,
    patches: int = 9,
    composite: Any = "epsilon_plus_flat",
    fallback: str | None = None,
    preprocess: Preprocess | None = None,
    batch_size: int = 8,
    progress: bool = True,
) -> Concepts | list[Concepts]:
    """The channels of a layer that matter most for one decision: concept relevance (CRP).

        share_c = R_c / Σ_j |R_j|,        R_c = Σ over positions of the relevance at channel c

    Achtibat et al. 2023, arXiv:2206.03208. Relevance goes from the score down to the layer as
    `gm.lrp` takes it there, and what came to each of the channels goes on to the input by itself:
    the concept's map. It is the map of `gm.lrp(…, conditions={layer: c})` where all relevance
    passes the layer; what goes around it by a skip connection is of no channel, and in no map. All
    k maps share one run of the net and what the rules make of its values.

    What a channel stands for is seen in the patches of a data set where it was most relevant for
    the class that is explained, whatever the images show, not where it was most active (see
    `max_activating_patches`). Of each image its most relevant position counts; an image has no
    patch where nothing at the channel speaks for the class.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); it has to be traceable.
        x: (N, C, H, W), preprocessed; not modified.
        target: what is explained; each sample's top class by default.
        layer: a Block, a dotted path, a block's name, or the name of an output; by default the last
            before the global pool.
        k: how many channels, those that speak most for the target.
        images: a data set, as `max_activating_patches` takes it.
        patches: how many patches for each channel, at most one of each image.
        composite: which rule stands at which layer, as `gm.lrp` takes it.
        fallback: "gradient" lets relevance pass operators that no rule is known for.
        preprocess: from a photo to the net's input; by default the net's own, if it has one.
        batch_size: how many images run at once.
        progress: whether to show a bar if it takes longer than two seconds.

    Returns:
        `Concepts`, a sequence of `Concept`: channel, relevance, share, map, patches. Of several
        samples a list with those of each.

    Raises:
        InputError: more channels than the layer has, or what is no number of them; no images.
        LayerError: no such layer, or several; with `images` one without positions.
        TargetError: several targets.
        RuleError: no such composite, an operator without a rule, a net that cannot be traced.
        NetworkError: what it says.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> images = mx.nd.random.normal(shape=(3, 3, 64, 64))
        >>> found = gm.inspect.concepts(net, images[:1], 281, "features.6", 2, images=images)
        >>> [(one.map.values.shape, len(one.patches)) for one in found]
        [((1, 3, 64, 64), 3), ((1, 3, 64, 64), 3)]
    """
    _check(target, layer, k, patches, batch_size)
    options = {"composite": composite, "fallback": fallback}
    plan = Plan([METHOD], layer, options={METHOD: options}, inside=True)
    done = plan.run(net, x, target)
    (rule,), run = plan.methods[0].needs.rules, done.run
    name, relevance = run.layer_map.name, run.relevance(rule)
    rows = np.arange(len(run.score)) if run.rows is None else run.rows
    sums = np.zeros((len(run.score), relevance.shape[1]))
    np.add.at(sums, rows, relevance.reshape(*relevance.shape[:2], -1).sum(axis=2, dtype=np.float64))
    if k > sums.shape[1]:
        raise InputError(f"k is {k}, and the layer {name!r} has {sums.shape[1]} channels")
    chosen = np.argsort(-sums, axis=1, kind="stable")[:, :k]
    found: Sequence[Sequence[list[Patch]]] = [[[] for _ in range(k)] for _ in sums]
    if images is not None:
        if run.rows is not None:
            raise LayerError(
                f"the layer {name!r} has several views of each sample, whose patches are not known"
            )
        check_positions(name, relevance.shape)
        wanted = [_Wanted(*one) for one in zip(_targets(run, target), chosen.tolist())]
        search = _Search(trace(net), name, options, wanted, patches)
        search.through(samples(net, images, preprocess), batch_size, progress)
        found = search.found
    maps = _maps(run, rule, relevance, chosen, rows, progress)
    order, base = channel_order(net, preprocess), done.first(METHOD)
    made = picture.ShownList(
        Concepts(
            tuple(
                Concept(
                    int(channel),
                    float(sums[n, channel]),
                    float(sums[n, channel] / (np.abs(sums[n]).sum() or 1)),
                    _through(base[n], run, int(channel), maps[place][n : n + 1]),
                    found[n][place],
                )
                for place, channel in enumerate(chosen[n])
            ),
            base[n],
            _seen(run, n, order),
        )
        for n in range(len(sums))
    )
    return made if len(made) > 1 else made[0]


def _check(target: Any, layer: Any, k: Any, patches: Any, batch_size: Any) -> None:
    for name, value in (("k", k), ("patches", patches), ("batch_size", batch_size)):
        if not is_whole(value) or value < 1:
            raise InputError(f"{name} is {value!r}; expected 1 or more")
    if gives_list(target):
        raise TargetError(
            f"concepts are those of one decision, and {target!r} are several: call it for each"
        )
    if isinstance(layer, (list, tuple)):
        raise LayerError(f"concepts are channels of one layer; got {layer!r}: call it for each")


def _maps(
    run: View,
    rule: Rule,
    relevance: np.ndarray,
    chosen: np.ndarray,
    rows: np.ndarray,
    progress: bool,
) -> list[np.ndarray]:
    """For each place in the order of channels: (N, C, H, W), what comes to the input through the
    channel that each sample has there."""
    numbers = np.arange(len(rows))

    def arriving() -> Iterator[np.ndarray]:
        for channels in chosen.T:
            alone = np.zeros_like(relevance)
            own = numbers, channels[rows]
            alone[own] = relevance[own]
            yield alone

    walks = run.onward(rule, arriving())
    return list(bar(walks, what="concepts", total=chosen.shape[1], show=progress))


def _through(at_layer: Explanation, run: View, channel: int, values: np.ndarray) -> Explanation:
    """The relevance that came to the input through a channel."""
    return replace(
        at_layer,
        values=np.ascontiguousarray(values, np.float32),
        input_size=run.at(None).input_size,
        layer=None,
        options={**at_layer.options, "conditions": {at_layer.layer: [channel]}},
        details={},
        centres=None,
    )


def _seen(run: View, sample: int, order: str) -> np.ndarray | None:
    """A sample of the input as a photo; None of what is none."""
    if run.x.ndim != 4 or run.rows is not None:
        return None
    return picture.of_input(run.x[sample : sample + 1], order)[0]


def _targets(run: View, given: Target) -> list[Target]:
    """What is explained of each sample, as other images are asked for it: the class, also where
    that is the top one."""
    if run.is_of_classes:
        return list(run.target)
    if not isinstance(given, (list, tuple)):
        return [given] * len(run.score)
    fixed: Any = run.fixed_target
    return [fixed[n] if one is None or isinstance(one, str) else one for n, one in enumerate(given)]


class _Wanted(NamedTuple):
    """What is sought of a data set."""

    target: Target
    channels: list[int]


Found = Tuple[float, Sample, Tuple[int, ...]]
"""The activation, the image, the position."""


class _Search:
    """The patches of a data set that are most relevant.

    Args:
        graph: of the net.
        layer: its name.
        options: of the method.
        wanted: targets, and the channels that are sought for each.
        patches: how many for each channel.
    """

    def __init__(
        self,
        graph: Graph,
        layer: str,
        options: Mapping[str, Any],
        wanted: Sequence[_Wanted],
        patches: int,
    ) -> None:
        self._graph, self._layer, self._wanted = graph, layer, wanted
        self._plan = Plan([METHOD], layer, options={METHOD: options}, inside=True)
        self._targets: list[Target] = []
        for target, _ in wanted:
            if not any(_is_same(target, one) for one in self._targets):
                self._targets.append(target)
        self._strongest: list[list[Strongest[Found]]] = [
            [Strongest(patches) for _ in channels] for _, channels in wanted
        ]
        self._shape: tuple[int, ...] = ()

    def through(self, images: Iterator[Sample], batch_size: int, progress: bool) -> None:
        """Look at all images.

        Args:
            images: of the data set.
            batch_size: how many run at once.
            progress: whether to show a bar.
        """
        with bar(what="most relevant patches", show=progress, unit="image") as done:
            while True:
                batch = list(islice(images, batch_size))
                if not batch:
                    return
                self._at(batch)
                done.update(len(batch))

    def _at(self, batch: Sequence[Sample]) -> None:
        self._shape = batch[0].row.shape
        several = self._targets[0] if len(self._targets) == 1 else Several(self._targets)
        recorded = self._plan.record(self._graph, np.stack([one.row for one in batch]), several)
        views = self._plan.view(recorded, several).for_each_target(recorded.targets(several))
        (rule,) = self._plan.methods[0].needs.rules
        for (target, channels), kept in zip(self._wanted, self._strongest):
            view = next(view for one, view in zip(self._targets, views) if _is_same(one, target))
            view = view.at(view.maps[0])
            relevance, activations = view.relevance(rule), view.activations
            for channel, strongest in zip(channels, kept):
                for own, active, sample in zip(
                    relevance[:, channel], activations[:, channel], batch
                ):
                    position = np.unravel_index(own.argmax(), own.shape)
                    where = tuple(int(one) for one in position)
                    if own[where] > 0:
                        strongest.add(float(own[where]), (float(active[where]), sample, where))

    @property
    def found(self) -> list[list[list[Patch]]]:
        """For each target, and each of its channels, the patches, the most relevant first."""
        field = ReceptiveField.of(self._graph, self._layer, (1, *self._shape))
        return [
            [
                picture.ShownList(
                    replace(patch_of(field, channel, *where), relevance=relevance)
                    for relevance, where in strongest.found
                )
                for channel, strongest in zip(channels, kept)
            ]
            for (_, channels), kept in zip(self._wanted, self._strongest)
        ]


def _is_same(one: Any, other: Any) -> bool:
    """Whether two targets are: classes by their numbers."""
    return one is other or (is_whole(one) and is_whole(other) and one == other)
