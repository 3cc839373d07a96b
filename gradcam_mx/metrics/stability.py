"""How an explanation varies with what should not matter.

The same target is explained again and again, each time with something drawn anew; what all draws
say is taken together as they come, so that memory does not grow with their number.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

import numpy as np

from ..engine.inputs import Input, as_tuple
from ..engine.wanted import Check, InputChoice
from ..errors import MethodError, MetricError, TargetError
from ..explanation.explanation import Explanation
from ..explanation.relevant import relevance
from ..graph.outputs import OutputChoice
from ..graph.trace import Net, trace
from ..methods.inputs import are_several
from ..methods.moments import Moments
from ..methods.plan import Plan
from ..methods.register import Method, find_method
from ..methods.view import View
from ..support.arrays import is_whole, ranges
from ..support.boundary import told
from ..support.callers import caller_level
from ..support.labels import Names
from ..support.progress import bar
from ..support.statistics import pearson, ranks
from ..targets.given import Asked, Target, gives_list
from .error_bars import Stability
from .robustness import shifted

NOISE, SEED, BASELINE, AUGMENT = OVER = ("noise", "seed", "baseline", "augment")
"""What can be varied."""

BASELINES = ("zero", "mean", "blur")
"""Those that are taken in turn."""

PIXELS = 4
"""By how many pixels an input is shifted at the most."""

FEWEST_THAT_TELL = 6
"""Of fewer draws all agree by mere chance at one position in sixteen, or at more."""


@told
def stability(
    net: Net,
    x: Input,
    method: str,
    target: Target = None,
    layer: Any = None,
    *,
    over: str | Sequence[str] = (NOISE,),
    samples: int = 20,
    noise: float = 0.05,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    options: Mapping[str, Any] = MappingProxyType({}),
    seed: int = 0,
    progress: bool = True,
) -> Stability:
    """How a map varies with what should not matter, and where it is certain.

    The target, that of x itself, is explained for each of some draws, in which one thing or several
    together are drawn anew:

    - "noise": normal noise on x, whose deviation is `noise` of the range of each sample's values;
    - "seed": the `seed` of the method;
    - "baseline": the `baseline` of the method, "zero", "mean" and "blur" in turn;
    - "augment": x is mirrored along its last axis in half of the draws, and shifted by up to 4
      pixels along each axis (by up to a quarter of a short one), its border repeated; the map is
      moved back.

    What a draw says of each position of the input is taken as measures take it
    (`gm.metrics.Case.relevance`): attributions are added up over the channels, maps lie on the
    input. Of plain vectors each value is a position. Where at least 95 % of the draws agree, a
    position is `certain` (see `Stability`): of 20 draws in 19, which is chance at one position in
    24,000; of fewer than 20 in all, which is chance at one in two for 2 draws, and at one in 16 for
    5. It says what this method finds again, not that it is right.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        x: (N, C, H, W), preprocessed; not modified. A tuple for a net of several inputs, of which
            the one that is explained is varied.
        method: a name out of `gm.METHODS`.
        target: what is explained; each sample's top class by default.
        layer: for methods that explain a layer; by default the last before the global pool.
        over: what is varied: "noise", "seed", "baseline", "augment", or several of them.
        samples: how many draws.
        noise: the deviation of the noise, as a share of the range of each sample's values.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, by number or name.
        names: of the classes, as targets ask for them.
        options: the method's own, such as `{"steps": 20}`.
        seed: of the draws.
        progress: whether to show a bar if it takes longer than two seconds.

    Raises:
        MetricError: nothing of that name can be varied, fewer than two draws, no noise, vectors
            that cannot be mirrored. MethodError: there is no such method, or it has no seed, no
            baseline or no such option. All before anything is computed.
        LayerError, TargetError, InputError, NetworkError: what they say.

    Example:
        >>> found = gm.stability(net, x, "grad_cam", over=("noise", "augment"))  # doctest: +SKIP
        >>> found.agreement, found.certain.mean()                            # doctest: +SKIP
        (array([0.93]), 0.71)
        >>> found.plot(photo)                                                # doctest: +SKIP
    """
    chosen, ways = find_method(method), _ways(over)
    _check_numbers(samples, noise, ways)
    _check_of_method(chosen, ways, layer)
    if gives_list(target) or isinstance(layer, (list, tuple)) or are_several(input):
        raise TargetError(
            "one map is told of at a time: give one target, one layer and one input, and call it "
            "for each"
        )

    def plan(given: Mapping[str, Any], of_output: OutputChoice, *checks: Check) -> Plan:
        return Plan(
            [chosen],
            layer,
            output=of_output,
            input=input,
            options={method: given},
            inside=layer is not None,
            names=names,
            checks=checks,
        )

    quiet = {"progress": False} if "progress" in chosen.options else {}
    own = {**({} if progress else quiet), **options}
    first = plan(own, output, lambda shape: _check_shape(shape, ways)).run(net, x, target)
    run, single = first.run, first.first(method)
    if "progress" not in options:
        given_options = {name: one for name, one in single.options.items() if name != "progress"}
        single = replace(single, options=given_options)
    tally = _Tally(relevance(single), single.signed)
    read = Asked(target, output).choices[0]
    # nobody chose one: the first, which needs no telling for each draw
    read = 0 if read is None else read
    draws = _draws(run.x, ways, samples, noise, seed)
    for one in bar(draws, what="drawing", total=samples, show=progress):
        given = x if one.x is run.x else _in_place(net, x, run, one.x)
        of_draw = plan({**own, **quiet, **one.options}, read)
        with warnings.catch_warnings():
            # they were given for the explanation itself
            warnings.simplefilter("ignore", UserWarning)
            found = of_draw.run(net, given, run.fixed_target).first(method)
        tally.add(one.back(relevance(found)))
    if samples < FEWEST_THAT_TELL:
        warnings.warn(
            f"of {samples} draws all agree by mere chance at one position in {2 ** (samples - 1)}: "
            "what is certain takes more of them, such as the 20 that are the default",
            stacklevel=caller_level(),
        )
    return Stability(
        single,
        _mean(single, tally.moments.mean),
        (tally.moments.standard_error * np.sqrt(samples)).astype(np.float32),
        tally.certain,
        tally.agreement,
        int(samples),
        ways,
    )


# -- what is refused ----------------------------------------------------------------------------


def _ways(over: Any) -> tuple[str, ...]:
    given = (over,) if isinstance(over, str) else tuple(over)
    unknown = [one for one in given if one not in OVER]
    if unknown or not given:
        raise MetricError(
            f"over={over!r}: there is {'no ' + repr(unknown[0]) if unknown else 'nothing'} to "
            f"vary; expected one or several of {', '.join(OVER)}"
        )
    return tuple(dict.fromkeys(given))


def _check_numbers(samples: Any, noise: Any, ways: Sequence[str]) -> None:
    if not is_whole(samples) or samples < 2:
        raise MetricError(f"samples is {samples!r}; expected 2 draws or more")
    if NOISE in ways and not 0 < noise < np.inf:
        raise MetricError(f"noise is {noise!r}; expected a share of the range above 0")


def _check_of_method(method: Method, ways: Sequence[str], layer: Any) -> None:
    for way in (SEED, BASELINE):
        if way in ways and way not in method.options:
            having = "nothing in it is random" if way == SEED else "nothing is hidden behind one"
            others = [one for one in OVER if one in (NOISE, AUGMENT) or one in method.options]
            raise MethodError(
                f"over={way!r}: {method.name} takes no {way}, as {having}; it can be varied over "
                f"{', '.join(others)}"
            )
    if layer is not None and not (method.needs.layer or method.needs.inside):
        raise MethodError(f"{method.name} explains the input alone; leave layer={layer!r} out")


def _check_shape(shape: Sequence[int], ways: Sequence[str]) -> None:
    if len(shape) > 2:
        return
    if AUGMENT in ways:
        raise MetricError(
            f"over={AUGMENT!r} mirrors and shifts positions; plain vectors of shape {tuple(shape)} "
            "have none"
        )
    if BASELINE in ways:
        raise MetricError(
            f"over={BASELINE!r}: the mean and the blur of plain vectors of shape {tuple(shape)} "
            "are the vectors themselves, behind which nothing is hidden"
        )


# -- the draws ----------------------------------------------------------------------------------


class _Draw(NamedTuple):
    x: np.ndarray
    options: dict[str, Any]
    """Those of the method that differ."""
    is_mirrored: bool
    shift: tuple[int, ...]

    def back(self, said: np.ndarray) -> np.ndarray:
        """What is said of each position of x, moved to where it was before. What left the picture
        has the value of the nearest position that stayed."""
        if not self.shift:
            return said
        found = shifted(said, [-one for one in self.shift])
        return np.flip(found, -1) if self.is_mirrored else found


def _draws(
    x: np.ndarray, ways: Sequence[str], samples: int, noise: float, seed: int
) -> Iterator[_Draw]:
    """The draws, each the same for all samples, so that each gets what it would get alone."""
    draw = np.random.RandomState(seed)
    reach = [min(PIXELS, size // 4) for size in x.shape[2:]]
    deviation = noise * ranges(x)
    shift: tuple[int, ...]
    for number in range(samples):
        value, is_mirrored, shift = x, False, ()
        options: dict[str, Any] = {}
        if AUGMENT in ways:
            is_mirrored = bool(draw.randint(2))
            shift = tuple(int(draw.randint(-one, one + 1)) for one in reach)
            value = shifted(np.flip(x, -1) if is_mirrored else x, shift)
        if NOISE in ways:
            drawn = draw.standard_normal((1, *x.shape[1:])).astype(x.dtype)
            value = value + deviation * drawn
        if SEED in ways:
            options[SEED] = int(draw.randint(2**31 - 1))
        if BASELINE in ways:
            options[BASELINE] = BASELINES[number % len(BASELINES)]
        yield _Draw(value, options, is_mirrored, shift)


def _in_place(net: Net, x: Input, run: View, value: np.ndarray) -> Input:
    """The input of the net, with other values of the one that is explained."""
    arrays = list(as_tuple(x))
    name = run.input_map.name
    number = trace(net, len(arrays)).input_names.index(name) if len(arrays) > 1 else 0
    arrays[number] = run.placed(value)
    return tuple(arrays) if isinstance(x, tuple) else arrays[0]


# -- what they say together ---------------------------------------------------------------------


class _Tally:
    """The draws taken together, one after another.

    Args:
        single: what the explanation itself says of each position.
        signed: whether zero stands for no evidence.
    """

    def __init__(self, single: np.ndarray, signed: bool) -> None:
        self.moments = Moments(single.shape)
        self._ranks, self._signed = ranks(_flat(single)), signed
        self._above, self._below = (np.zeros(single.shape, np.int32) for _ in range(2))
        self._correlations = np.zeros(len(single))

    def add(self, said: np.ndarray) -> None:
        """Take one more draw."""
        self.moments.add(said)
        self._correlations += pearson(ranks(_flat(said)), self._ranks)
        if self._signed:
            self._above += said > 0
            self._below += said < 0
        else:
            # what equals the median, as all zeros of a sparse map do, is not above it
            is_above = _flat(said) > np.median(_flat(said), axis=1, keepdims=True)
            self._above += is_above.reshape(said.shape)
            self._below += ~is_above.reshape(said.shape)

    @property
    def certain(self) -> np.ndarray:
        """Where at least 95 % of the draws agree."""
        count = self.moments.count
        most = np.maximum(self._above, self._below)
        most = np.maximum(most, count - self._above - self._below)
        return 20 * most >= 19 * count

    @property
    def agreement(self) -> np.ndarray:
        """(N,) the mean rank correlation of the draws with the single map."""
        return self._correlations / self.moments.count


def _flat(said: np.ndarray) -> np.ndarray:
    return said.reshape(len(said), -1)


def _mean(single: Explanation, values: np.ndarray) -> Explanation:
    """The mean of the draws, as an explanation of the positions of the input."""
    if not single.input_size:
        return replace(single, values=values.astype(np.float32), details={})
    return replace(
        single,
        values=values.astype(np.float32),
        details={},
        of_values=False,
        rule_report=None,
        centres=None,
    )
