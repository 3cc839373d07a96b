"""The first half of the hook that lets people import mxnet before gradcam_mx; see `_mxnet_first`.

`setup.py` makes the one line of a .pth file of it, which every start of Python runs.
"""

import sys


class WaitsForMxnet:
    """Does nothing until somebody looks for mxnet; then gradcam_mx takes over, if it is there."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """None, but for mxnet: there what gradcam_mx finds."""
        if name != "mxnet":
            return None
        # a new list, as somebody is walking through the old one
        sys.meta_path = [one for one in sys.meta_path if one is not self]  # type: ignore[comparison-overlap]
        try:
            from gradcam_mx._mxnet_first import register
        except ImportError:  # it was uninstalled
            return None
        return register().find_spec(name, path, target)


sys.meta_path.insert(0, WaitsForMxnet())  # type: ignore[arg-type]
