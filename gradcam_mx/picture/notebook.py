"""Figures in notebooks: shown once where they are drawn, with any backend of matplotlib or none."""

from __future__ import annotations

import io
import sys
from typing import Any

from matplotlib.figure import Figure


class NotebookFigure(Figure):
    """A figure that shows itself in a notebook. It is none of pyplot's: no window opens, and there
    is nothing to close."""

    _shown_in: int | None = None
    """The number of the run of a cell in which `show` drew it."""

    def _ipython_display_(self) -> None:
        kernel = notebook()
        if kernel is None or self._shown_in != kernel.execution_count:
            # IPython's word for: go on with the formats that there are
            raise NotImplementedError

    def _repr_png_(self) -> bytes | None:
        return None if _is_drawn_by(notebook()) else figure_png(self)


def notebook() -> Any:
    """The shell of the notebook that this runs in; None elsewhere, as at a terminal's prompt."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell if getattr(shell, "kernel", None) is not None else None


def _is_drawn_by(shell: Any) -> bool:
    """Whether the notebook has a format for figures, such as those of `%matplotlib inline`."""
    formatters = shell.display_formatter.formatters.values() if shell else ()
    return any(Figure in one.type_printers for one in formatters)


def show(figure: NotebookFigure) -> NotebookFigure:
    """The figure, which a notebook shows at once: in the middle of a cell, in a loop, and not again
    as the value of the same cell."""
    kernel = notebook()
    if kernel is not None:
        from IPython.display import display

        display(figure)
        figure._shown_in = kernel.execution_count
    return figure


def figure_png(figure: Figure) -> bytes:
    """A figure as a picture's file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight", pad_inches=0.05)
    return file.getvalue()
