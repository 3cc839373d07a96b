"""What is explained of a net, and the same for the reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcam_mx._mxnet import mx

from .recipe import Recipe


class Target:
    """A target as the package takes it (`given`), and `scalars`: output → (N,), in numpy.

    Args:
        recipe: of the net.
        scores: the output that is explained.
        rng: chooses.
    """

    def __init__(self, recipe: Recipe, scores: np.ndarray, rng: np.random.RandomState) -> None:
        self.samples = next(iter(recipe.inputs.values())).shape[0]
        self._axis = recipe.samples_at
        classes = scores.ndim == 2 and self._axis == 0
        kinds = ["function"]
        if self._axis == 0:
            kinds.append("array")
        if classes and scores.shape[1] > 1:
            gap = np.sort(scores, axis=1)
            kinds += ["int", "list"]
            if (gap[:, -1] - gap[:, -2] > 1e-2 * np.abs(scores).max()).all():
                kinds += ["None", "None"]
        elif classes:
            kinds.append("None")
        self.kind = kinds[rng.randint(len(kinds))]
        self._weights = rng.normal(size=scores.shape).astype("float32").astype(np.float64)
        shape = list(scores.shape)
        if self._axis < 0:
            shape[:1] = [scores.shape[0] // self.samples, 1]
        else:
            shape[self._axis] = 1
        self._each = rng.normal(size=shape)
        self._classes = rng.randint(0, scores.shape[1] if scores.ndim > 1 else 1, self.samples)
        if self.kind == "int":
            self._classes[:] = self._classes[0]
        if self.kind == "None":
            self._classes = scores.argmax(axis=1)
        self._sign = np.ones(self.samples)
        if self.kind == "None" and scores.shape[1] == 1 and self._ends_in_sigmoid(recipe):
            self._sign = np.sign(scores[:, 0])  # the top one of two classes
        self.given = self._given()

    @staticmethod
    def _ends_in_sigmoid(recipe: Recipe) -> bool:
        end = recipe.heads[recipe.chosen][0]
        ops = {step.name: step.op for step in recipe.steps}
        explained = recipe.explained[recipe.chosen][0]
        return end != explained and ops[end] in ("sigmoid", "LogisticRegressionOutput")

    def _given(self) -> Any:
        if self.kind == "None":
            return None
        if self.kind == "int":
            return int(self._classes[0])
        if self.kind == "list":
            return [int(number) for number in self._classes]
        if self.kind == "array":
            return self._weights
        return self._function

    def _function(self, output: Any) -> Any:
        """The same for each sample, however many there are."""
        weights = mx.nd.array(self._each, ctx=output.context, dtype=output.dtype)
        if self._axis < 0:  # (folds x N, classes)
            folds = self._each.shape[0]
            wide = output.reshape((folds, output.shape[0] // folds, *output.shape[1:]))
            return mx.nd.broadcast_mul(wide, weights).sum(axis=1, exclude=True)
        return mx.nd.broadcast_mul(output, weights).sum(axis=self._axis, exclude=True)

    def scalars(self, output: np.ndarray) -> np.ndarray:
        """(N,) of an output in float64."""
        if self.kind == "function":
            axis = max(self._axis, 0)
            if self._axis < 0:
                output = output.reshape(-1, self.samples, *output.shape[1:])
                axis = 1
            product = output * self._each
        elif self.kind == "array":
            axis, product = 0, output * self._weights
        else:
            return output[np.arange(self.samples), self._classes] * self._sign
        return product.sum(axis=tuple(a for a in range(product.ndim) if a != axis))
