"""One net against its references: right, a refusal, or a fault; for each question that is asked."""

from __future__ import annotations

import re
import traceback
import warnings
from dataclasses import asdict, dataclass
from typing import Any, Callable

import numpy as np

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

from .handed import input_of, net_of
from .nets import usable
from .recipe import Recipe
from .targets import Target
from .truth import ROUNDING, Truth, own_forward

GRADIENT_OFF = 2e-3
"""A gradient that is off by more, relative to its size, is wrong. Differences in float64 are known
to 1e-4; float32 costs a few 1e-6 unless the net is ill-conditioned, which is looked at then."""

NOTHING = 1e-4
"""A derivative by less than this share of the score, for a step of size 1, is none but rounding."""

SCORE_OFF = 1e-4
"""Of the largest score, in float32; a hundredth of it in float64, where results are float32 too."""


@dataclass
class Outcome:
    """What came of one question.

    Attributes:
        seed: of the net.
        check: the question.
        result: "right", "refused", "fault", "unsure" (no reference), or "unusable" (no net).
        reason: in words, without numbers, to count by.
        detail: the same with the numbers.
        kinds: the switches that the net uses.
    """

    seed: int
    check: str
    result: str
    reason: str = ""
    detail: str = ""
    kinds: tuple = ()

    def as_dict(self) -> dict:
        """For a line of JSON."""
        return asdict(self)


class Wrong(Exception):
    """Something else than the reference says.

    Args:
        message: what, in words.
        off: by how much, of its size; None where that is not known.
    """

    def __init__(self, message: str, off: float | None = None) -> None:
        super().__init__(message)
        self.off = off


class Unsure(Exception):
    """There is no reference to compare with."""


class Judged:
    """A recipe, what the package gets of it, and what is true of it.

    Raises:
        Unsure: the net's own forward pass in its own type is not that in float64.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.rng = np.random.RandomState(recipe.seed + 1)
        self.net, self.symbol = net_of(recipe)
        self.x, self.names = input_of(recipe, self.symbol)
        self.truth = Truth(recipe)
        self._at_layers: dict[str, Truth] = {}
        self.target = Target(recipe, self.truth.scores, self.rng)
        self.exact = recipe.dtype == "float64" and "cast" not in recipe.kinds
        self.input_axis = self.layer_axis = -1 if recipe.channels_last else 1
        """The axis of the channels of the input, and of the layer."""
        self.common: dict = {}
        if len(recipe.heads) > 1:
            self.common["output"] = recipe.chosen
        self.name = "data"
        floats = [name for name in self.names if recipe.inputs[name].dtype.kind == "f"]
        if len(self.names) > 1:
            self.name = floats[self.rng.randint(len(floats))]
            at = self.names.index(self.name)
            named = recipe.form not in ("block", "hybridized")  # a block's inputs have no names
            self.common["input"] = self.pick([self.name, at]) if named else at
        self.layer = self.pick(recipe.layers) if recipe.layers else ""

    def pick(self, choices: list) -> Any:
        """One of several."""
        return choices[self.rng.randint(len(choices))]

    def at_layer(self) -> Truth:
        """The reference that knows the layer."""
        if self.layer not in self._at_layers:
            self._at_layers[self.layer] = Truth(self.recipe, self.layer)
        return self._at_layers[self.layer]

    def options(self, layer: bool = False) -> dict:
        """Those that all methods take; layer maps take no input."""
        return {k: v for k, v in self.common.items() if not (layer and k == "input")}

    def shaped_as_input(self, values: np.ndarray) -> np.ndarray:
        """An attribution with the axes of the input."""
        x = self.recipe.inputs[self.name]
        if values.ndim > 2:
            values = np.moveaxis(values, 1, self.input_axis)
        if values.shape != x.shape:
            raise Wrong(f"the shape is {values.shape}, that of the input {x.shape}")
        return values

    def layouts(self) -> list[tuple[int, int]]:
        """What `input_axis` and `layer_axis` may be. A net that exchanges channels and positions
        may be read with them at axis 1, at the last, or behind the frames of a clip."""
        if "turned" in self.recipe.kinds:
            return [(one, other) for one in (1, -1, 2) for other in (1, -1, 2)]
        return [(self.input_axis, self.layer_axis)]

    def same_slope(self, got: float, size: float, truth: Truth, *slope: Any) -> None:
        """The directional derivative that came is the true one.

        Args:
            got: what came.
            size: how large such a number usually is.
            truth: the reference.
            slope: as `Truth.slope` takes it.
        """
        try:
            true = truth.slope(*slope)
        except ArithmeticError as error:
            raise Unsure("kink or too flat for a difference") from error
        nothing = NOTHING * np.abs(self.truth.scores).max() * np.sqrt(np.mean(np.square(slope[1])))
        size = max(size, abs(true), float(nothing), 1e-12)
        off = abs(got - true) / size
        if off < GRADIENT_OFF:
            return
        if not self.exact and self._moves(true, size, *slope) > off / 10:
            raise Unsure("ill-conditioned in float32")
        message = f"derivative {got:.6g}, true {true:.6g}, off by {off:.1e} of {size:.3g}"
        raise Wrong(message, (got - true) / size)

    def _moves(self, true: float, size: float, *slope: Any) -> float:
        """How far the true slope moves when every value is off by about float32's rounding."""
        rng = np.random.RandomState(0)
        moved = []
        for _ in range(3):
            other = Truth(self.recipe, self.layer if slope[0] == "probe" else "", rng)
            try:
                moved.append(abs(other.slope(*slope) - true) / size)
            except ArithmeticError:
                return np.inf
        return max(moved)

    def same_score(self, found: Any) -> None:
        """`found.score` is that of the net."""
        true = self.target.scalars(self.truth.scores)
        self.same_numbers(np.asarray(found.score), true, "score")

    def same_numbers(self, got: np.ndarray, true: np.ndarray, what: str) -> None:
        """Numbers that follow from scores are those of the reference."""
        scale = max(float(np.abs(self.truth.scores).max()), float(np.abs(true).max()))
        allowed = scale * (SCORE_OFF / 100 if self.exact else SCORE_OFF) + 30 * self.own_error
        if np.shape(got) != true.shape:
            raise Wrong(f"{what} has the shape {np.shape(got)}, not {true.shape}")
        off = float(np.abs(got - true).max())
        if not off <= allowed:
            raise Wrong(f"{what} off by {off:.2e} of {scale:.3g}: {brief(got)} {brief(true)}")

    own_error = 0.0
    """By how much the net's own forward pass in its own type differs from that in float64."""


def brief(array: np.ndarray) -> str:
    """The first few numbers."""
    return np.array2string(np.ravel(array)[:4], precision=5, separator=" ")


def plain_message(text: str) -> str:
    """A message without names, numbers and shapes, to count by."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "…", text)
    text = re.sub(r"\b[a-z_]*\d+[a-z_0-9]*\b", "…", text)
    return re.sub(r"\(?-?\d[\d., ×L-]*\)?", "#", text)[:110]


def sensible(message: str) -> bool:
    """Whether a refusal says something to a user."""
    lone = re.match(r"^\s*(\[[\d:]+\] )?(Error in operator .*)?.*Check failed", message)
    unforeseen = "failed on what it was given" in message
    return len(message) > 25 and "Traceback" not in message and not (lone or unforeseen)


def asked_in_each_layout(judged: Judged, ask: Callable[[Judged], None]) -> None:
    """Ask; where it is open which axis holds the channels, until one of the readings is right."""
    layer, (first, *others) = judged.layer, judged.layouts()
    judged.input_axis, judged.layer_axis = first
    try:
        ask(judged)
    except (Wrong, Unsure, gm.GradCamError):
        for judged.input_axis, judged.layer_axis in others:
            judged.layer = layer
            try:
                ask(judged)
            except (Wrong, Unsure, gm.GradCamError):
                continue
            return
        raise


def is_rounding(judged: Judged, ask: Callable[[Judged], None], off: float, state: Any) -> bool:
    """Whether a difference is rounding of the backward pass, which may cancel nearly all of it.

    Rounding is another one for an input that is moved by its last digits; a fault stays.

    Args:
        judged: what was asked.
        ask: the question.
        off: the difference that it found.
        state: of the generator before it.
    """
    draws, found = np.random.RandomState(0), [off]
    for _ in range(3):
        recipe = judged.recipe.copy()
        recipe.dtype = "float32"  # as which the package explains half precision too
        recipe.parameters = {name: judged.recipe.number(name) for name in recipe.parameters}
        for name, x in recipe.inputs.items():
            if x.dtype.kind == "f":
                noise = ROUNDING * draws.normal(size=x.shape)
                recipe.inputs[name] = judged.recipe.number(name) * (1 + noise)
        other = Judged(recipe)
        other.layer = judged.layer
        other.rng.set_state(state)
        try:
            asked_in_each_layout(other, ask)
        except Wrong as error:
            found.append(off if error.off is None else error.off)
        except (Unsure, gm.GradCamError):
            continue
        else:
            found.append(0.0)
    return max(found) - min(found) > abs(off) / 3


def answered(judged: Judged, name: str, ask: Callable[[Judged], None]) -> Outcome:
    """The outcome of one question."""
    recipe = judged.recipe
    kinds = tuple(sorted(recipe.kinds))

    def outcome(result: str, reason: str, detail: str = "") -> Outcome:
        return Outcome(recipe.seed, name, result, reason, detail or reason, kinds)

    state = judged.rng.get_state()
    try:
        asked_in_each_layout(judged, ask)
    except Wrong as error:
        if error.off and not judged.exact and is_rounding(judged, ask, error.off, state):
            return outcome("unsure", "rounding of float32")
        reason = re.split(r" off by|,? true|[:,#…(]", plain_message(str(error)))[0]
        return outcome("fault", f"wrong: {reason}", str(error))
    except Unsure as error:
        return outcome("unsure", str(error))
    except gm.GradCamError as error:
        text = f"{type(error).__name__}: {error}"
        rounds = "rounding" in recipe.kinds  # which a last digit may carry over a step
        false_alarm = "explanation of another net" in text and not rounds
        result = "refused" if sensible(str(error)) and not false_alarm else "fault"
        return outcome(result, plain_message(text), text[:1500])
    except Exception as error:  # noqa: BLE001  (any is a fault of the package)
        where = traceback.extract_tb(error.__traceback__)[-1]
        reference = not any(
            "gradcam_mx/" in frame.filename for frame in traceback.extract_tb(error.__traceback__)
        )
        text = f"{type(error).__name__}: {str(error)[:600]} ({where.filename}:{where.lineno})"
        if reference:
            return outcome("unsure", f"reference: {plain_message(text)}", text)
        return outcome("fault", f"raw {plain_message(text)}", text)
    return outcome("right", "")


def judged(recipe: Recipe, asked: list[str] | None = None) -> list[Outcome]:
    """All outcomes for a net.

    Args:
        recipe: of the net.
        asked: names out of `QUESTIONS`; by default some, as the seed says.
    """
    from .questions import QUESTIONS, chosen

    kinds = tuple(sorted(recipe.kinds))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = Judged(recipe)
            if not usable(found.truth.scores):
                return [Outcome(recipe.seed, "net", "unusable", "numbers", "", kinds)]
            compare_own_forward(found)
        except Unsure as error:
            return [Outcome(recipe.seed, "net", "unsure", str(error), str(error), kinds)]
        except (mx.MXNetError, NotImplementedError) as error:
            text = f"the reference does not run: {str(error)[:400]}"
            return [Outcome(recipe.seed, "net", "unsure", text[:26], text, kinds)]
        except gm.GradCamError as error:
            text = f"{type(error).__name__}: {error}"
            return [Outcome(recipe.seed, "net", "refused", plain_message(text), text, kinds)]
        names = asked or chosen(found)
        return [answered(found, name, QUESTIONS[name]) for name in names]


def compare_own_forward(found: Judged) -> None:
    """The net's own forward pass in its own type is that of the reference, but for rounding."""
    recipe = found.recipe
    if recipe.channels_last:
        return  # MXNet cannot run it on a CPU, but the package can
    try:
        own = own_forward(recipe, found.symbol)
    except mx.MXNetError as error:
        raise Unsure("MXNet itself does not run it") from error
    if not np.isfinite(own).all():  # such as a pooling window that holds nothing but padding
        raise Unsure("MXNet's own numbers are none")
    if recipe.heads[recipe.chosen] != recipe.explained[recipe.chosen]:
        return  # what follows the scores is not what is compared
    scale = float(np.abs(found.truth.scores).max())
    off = float(np.abs(own - found.truth.scores).max())
    if off > {"float16": 0.05, "float32": 2e-3, "float64": 1e-5}[recipe.dtype] * scale:
        raise Unsure(
            "own forward differs from float64" + (" (spelled)" * (recipe.form == "spelled"))
        )
    found.own_error = off if recipe.dtype != "float16" else 0.0
