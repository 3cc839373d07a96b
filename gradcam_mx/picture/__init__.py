"""How does it look? Arrays into pictures; nothing here computes an explanation."""

from __future__ import annotations

from .arrays import balanced, boundaries, normalise, resize, strength, to_uint8
from .charts import bars, curves, matrix
from .colors import (
    AGAINST,
    COLORMAP,
    FOR,
    SIGNED,
    SIGNED_COLORS,
    colorize,
    grey,
    signed_image,
)
from .figures import (
    LABEL,
    LETTERS,
    as_array,
    figure,
    grid,
    panel_on,
    save,
    save_alone,
    save_figure,
    show,
)
from .legends import Legend
from .overlays import added, masked, overlay, signed_overlay, veiled
from .panels import CHANNEL, FRAMES, SIGNAL_HEIGHT, SIGNAL_WIDTH, signal_panel, strip
from .patches import patch_grid
from .photos import SEEN, check_photo, check_photos, check_signal, of_input
from .pictures import Picture, ShownDict, ShownList, as_picture, png
from .placing import aligned, mark_unseen, on_photo
from .scattering import scatter
from .sheet import Sheet
from .shows import Shows
from .tiling import TILE, channel_grid, channel_order, filter_grid, framed, tiles
from .two_samples import two_samples

__all__ = [
    "AGAINST",
    "CHANNEL",
    "COLORMAP",
    "FOR",
    "FRAMES",
    "LABEL",
    "LETTERS",
    "Legend",
    "Picture",
    "ShownDict",
    "ShownList",
    "Shows",
    "SEEN",
    "SIGNAL_HEIGHT",
    "SIGNAL_WIDTH",
    "SIGNED",
    "SIGNED_COLORS",
    "Sheet",
    "TILE",
    "added",
    "aligned",
    "as_array",
    "as_picture",
    "balanced",
    "bars",
    "boundaries",
    "channel_grid",
    "channel_order",
    "check_photo",
    "check_photos",
    "check_signal",
    "colorize",
    "curves",
    "figure",
    "filter_grid",
    "framed",
    "grey",
    "grid",
    "mark_unseen",
    "masked",
    "matrix",
    "normalise",
    "of_input",
    "on_photo",
    "overlay",
    "panel_on",
    "patch_grid",
    "png",
    "resize",
    "save",
    "save_alone",
    "save_figure",
    "scatter",
    "show",
    "signal_panel",
    "signed_image",
    "signed_overlay",
    "strength",
    "strip",
    "tiles",
    "to_uint8",
    "two_samples",
    "veiled",
]


def __dir__() -> list[str]:
    return sorted(__all__)
