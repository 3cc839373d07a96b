"""Charts of numbers: curves with the error of their mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from .figures import DPI

if TYPE_CHECKING:
    from .notebook import NotebookFigure

_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000")
"""Told apart by people who see fewer colours (Okabe & Ito 2008)."""
_STYLES = ("-", "--", ":", "-.")


def curves(
    of: Mapping[str, np.ndarray],
    at: np.ndarray,
    along: str,
    heading: str | None = None,
) -> NotebookFigure:
    """The mean of each of several sets of curves, with a band of its standard error.

    Args:
        of: what a set is called → its curves (N, K).
        at: (K,) where on the horizontal axis.
        along: what that axis is called.
        heading: above the figure.
    """
    from .notebook import NotebookFigure

    figure = NotebookFigure(figsize=(5.6, 3.6), dpi=DPI, layout="constrained")
    axes: Any = figure.add_subplot()
    for number, (name, one) in enumerate(of.items()):
        color = _COLORS[number % len(_COLORS)]
        style = _STYLES[number // len(_COLORS) % len(_STYLES)]
        mean = one.mean(axis=0)
        axes.plot(at, mean, style, label=name, color=color)
        if len(one) > 1:
            error = one.std(axis=0, ddof=1) / np.sqrt(len(one))
            axes.fill_between(at, mean - error, mean + error, color=color, alpha=0.2, linewidth=0)
    axes.set_xlabel(along)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    if heading:
        axes.set_title(heading)
    return figure
