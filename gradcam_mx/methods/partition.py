"""Partition SHAP: Shapley values over a hierarchy of rectangles, by the shap package."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import Any, Iterator, Sequence

import numpy as np

from ..engine.chunks import AUTO, BatchSize, check_batch_size
from ..errors import MethodError
from ..support.optional import optional
from ..support.progress import bar
from ..support.randomness import randomness_kept
from . import baselines
from .baselines import Baseline, baseline_of, inpainted
from .perturbing import perturbation
from .register import Result
from .view import View

INPAINTING = {"inpaint_telea": "telea", "inpaint_ns": "ns"}
_BLUR = re.compile(r"blur\((\d+), ?(\d+)\)")

AT_ONCE = 50
"""How many nodes the explainer opens before it looks again at which matter: it changes the result,
so it is no matter of how many inputs run at once."""


def _check(
    shape: Sequence[int],
    *,
    masker: Baseline,
    max_evals: int,
    seed: int,
    batch_size: BatchSize,
    progress: bool,
) -> None:
    if len(shape) != 4:
        raise MethodError(
            f"partition_shap cuts pictures into rectangles; for an input of shape "
            f"{tuple(shape)} use kernel_shap"
        )
    if isinstance(masker, str) and masker not in baselines.BASELINES:
        blur = _BLUR.fullmatch(masker)
        if masker not in INPAINTING and not (blur and all(map(int, blur.groups()))):
            raise MethodError(
                f"there is no masker {masker!r}; there are {', '.join(INPAINTING)}, blur(kx,ky) "
                f"with the sides of a box in pixels, and {', '.join(baselines.BASELINES)}"
            )
    else:
        baselines.check(masker, shape)
    if not isinstance(max_evals, (int, np.integer)) or max_evals < 4:
        raise MethodError(
            f"max_evals is {max_evals!r}; expected 4 or more: all hidden, nothing "
            "hidden, and each half"
        )
    check_batch_size(batch_size)


@perturbation(
    paper="Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9",
    cost="1 forward, and `max_evals`",
    check=_check,
)
def partition_shap(
    run: View,
    *,
    masker: Baseline = "blur(128,128)",
    max_evals: int = 1000,
    seed: int = 0,
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> list[Result]:
    """Partition SHAP: each rectangle's fair share in the score, the important ones cut finer.

        φ_L = ½ (S(L) - S(∅) + S(L ∪ R) - S(R))        for the halves L, R of a rectangle,

    and so on within each half, with the other one there and hidden: Owen values (Owen 1977,
    doi:10.1007/978-3-642-45494-3_7). Where `max_evals` is used up, what is left is spread evenly
    over a rectangle. Σ φ = S(x) - S(all hidden). By the partition explainer and the image masker of
    the shap package (Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9).

    Args:
        x: pictures (N, C, H, W), preprocessed; not modified.
        target: what is explained; each sample's top class by default. Several of them
            (`gm.targets.Several`, `Top`) share all passes and the rectangles, and give a list.
        masker: what hidden rectangles become: "inpaint_telea", "inpaint_ns", "blur(kx,ky)" (the
            mean over a box), "zero", "mean" (each channel's mean), "blur" (x without detail), a
            number or one for each channel, or an array like x or like one sample.
        max_evals: how many masked inputs are tried for each sample, at the most.
        seed: of the order in which rectangles that matter equally are cut.

    Returns:
        An Explanation whose values are (N, H, W); `details["base_value"]`, (N,), is S(all hidden).

    Raises:
        MethodError: no such masker, too few evaluations, an input that is no picture.
        InputError: a baseline of another shape.
        DependencyError: shap is not installed.
        TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.partition_shap(net, mx.nd.ones((1, 3, 32, 32)), max_evals=8).values.shape
        (1, 32, 32)
    """
    explainers = _shap()
    x, engine = run.x, run.engine(batch_size)
    is_made_by_shap = isinstance(masker, str) and masker not in baselines.BASELINES
    behind = None if is_made_by_shap else baseline_of(x, masker)
    found, bases = [], []
    with bar(total=len(x) * max_evals, what="partition SHAP", show=progress) as done:
        for sample in range(len(x)):

            def scores(pictures: np.ndarray, sample: int = sample) -> np.ndarray:
                rows = ([None] * sample + [np.moveaxis(one, -1, 0)] for one in pictures)
                tried = np.stack([scores[sample] for scores in engine(rows)])
                done.update(len(tried))
                return tried.astype(np.float64)

            picture = np.ascontiguousarray(np.moveaxis(x[sample], 0, -1))
            value = (
                masker
                if behind is None
                else np.ascontiguousarray(np.moveaxis(behind[sample], 0, -1))
            )
            with _seeded(seed):
                explained = explainers.PartitionExplainer(scores, _masker(value, picture.shape))(
                    picture[None], max_evals=max_evals, batch_size=AT_ONCE, silent=True
                )
            found.append(explained.values[0])  # (H, W, C, T)
            bases.append(np.reshape(explained.base_values, -1))
    values = np.stack(found).sum(axis=3)
    return [
        Result(values[..., number], {"base_value": np.stack(bases)[:, number]}, signed=True)
        for number in range(values.shape[-1])
    ]


def _masker(value: Any, shape: tuple[int, ...]) -> Any:
    """shap's image masker, whose inpainting takes pictures of any range and leaves the rest as it
    was: its own makes bytes of the whole picture."""

    class Masker(_shap().maskers.Image):  # type: ignore[misc]
        def inpaint(self, x: np.ndarray, mask: np.ndarray, method: str) -> np.ndarray:
            picture = np.moveaxis(x.reshape(self.input_shape), -1, 0)
            hidden = mask.reshape(self.input_shape).any(axis=-1)
            filled = inpainted(picture, hidden, INPAINTING[method.lower()])
            return np.moveaxis(filled, 0, -1).ravel()

    return Masker(value, shape)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """shap decides between equals by numpy's global random state, which is put back."""
    with randomness_kept():
        np.random.seed(seed)
        yield


def _shap() -> Any:
    return optional("shap", "partition SHAP is computed")
