"""How does it look? Arrays into pictures; nothing here computes an explanation."""

from .arrays import balanced, boundaries, normalise, resize, strength, to_uint8
from .colors import AGAINST, COLORMAP, FOR, colorize, grey, signed_image
from .figures import LABEL, LETTERS, as_array, figure, grid, save, save_figure
from .overlays import added, masked, overlay, signed_overlay
from .panels import CHANNEL, FRAMES, SIGNAL_HEIGHT, SIGNAL_WIDTH, signal_panel, strip
from .patches import patch_grid
from .photos import SEEN, check_photo, check_photos, check_signal, of_input
from .placing import aligned, mark_unseen, on_photo
from .scattering import scatter
from .tiling import TILE, channel_grid, channel_order, filter_grid, framed, tiles

__all__ = [
    "AGAINST",
    "CHANNEL",
    "COLORMAP",
    "FOR",
    "FRAMES",
    "LABEL",
    "LETTERS",
    "SEEN",
    "SIGNAL_HEIGHT",
    "SIGNAL_WIDTH",
    "TILE",
    "added",
    "aligned",
    "as_array",
    "balanced",
    "boundaries",
    "channel_grid",
    "channel_order",
    "check_photo",
    "check_photos",
    "check_signal",
    "colorize",
    "figure",
    "filter_grid",
    "framed",
    "grey",
    "grid",
    "mark_unseen",
    "masked",
    "normalise",
    "of_input",
    "on_photo",
    "overlay",
    "patch_grid",
    "resize",
    "save",
    "save_figure",
    "scatter",
    "signal_panel",
    "signed_image",
    "signed_overlay",
    "strength",
    "strip",
    "tiles",
    "to_uint8",
]
