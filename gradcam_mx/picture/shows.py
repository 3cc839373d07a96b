"""What shows itself in notebooks, by the hooks of IPython."""

from __future__ import annotations

from typing import Any

from ..errors import GradCamError
from ..support import html


class Shows:
    """Shows itself in a notebook as a figure with a few lines below it."""

    def _figure(self) -> Any:
        """The figure; None for what is no picture."""
        raise NotImplementedError

    def _lines(self) -> list[str]:
        """What is said below it."""
        return [repr(self)]

    def _repr_png_(self) -> bytes | None:
        figure = self._figure()
        if figure is None:
            return None
        from .notebook import figure_png

        return figure_png(figure)

    def _repr_html_(self) -> str:
        return str(self._repr_mimebundle_()["text/html"])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Both forms, of one drawing; what cannot be drawn says why."""
        lines = self._lines()
        try:
            png = self._repr_png_()
        except GradCamError as error:
            png, lines = None, [*lines, str(error)]
        said = html.image(png, lines[0]) + "".join(map(html.line, lines[1:]))
        return {"text/html": said, **({} if png is None else {"image/png": png})}
