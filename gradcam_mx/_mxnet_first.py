"""What lets people import mxnet before gradcam_mx: an import hook that waits for mxnet.

MXNet 1.9.1 cannot be imported beside today's numpy until `_surroundings.prepare` has run. An
installed gradcam_mx runs this file at the start of Python, as the one line of a `.pth` file
(`setup.py` makes it); `import gradcam_mx` runs it too. So it costs next to nothing: it imports
nothing, and it acts when mxnet is imported, never before.
"""

import sys

TYPE_CHECKING = False  # typing is not imported at the start of every Python
if TYPE_CHECKING:
    from typing import Any


class MxnetFinder:
    """Finds mxnet as the other finders do, and has it loaded by a `MxnetLoader`."""

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        """The spec of mxnet; None for all other modules, which are no business of this one."""
        if name != "mxnet":
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find and find(name, path, target)
            if spec:
                if spec.loader:
                    spec.loader = MxnetLoader(self, spec.loader)
                return spec
        return None


class MxnetLoader:
    """Prepares for mxnet, steps aside, and lets mxnet's own loader go on."""

    def __init__(self, finder: MxnetFinder, loader: "Any") -> None:
        self.finder, self.loader = finder, loader

    def __getattr__(self, name: str) -> "Any":
        return getattr(self.loader, name)

    def create_module(self, spec: "Any") -> "Any":
        """Leave it to mxnet's own loader."""
        return self.loader.create_module(spec)

    def exec_module(self, module: "Any") -> None:
        """Run mxnet, once what it lacks is there."""
        # a new list, as other threads may be walking through the old one
        sys.meta_path = [one for one in sys.meta_path if one is not self.finder]
        module.__spec__.loader = module.__loader__ = self.loader
        try:
            from gradcam_mx._surroundings import prepare

            prepare()
        except (ImportError, OSError):
            # gradcam_mx was uninstalled, or a library is damaged: MXNet itself says what it misses
            pass
        self.loader.exec_module(module)


if "mxnet" not in sys.modules and all(
    type(one).__name__ != MxnetFinder.__name__ for one in sys.meta_path
):
    sys.meta_path.insert(0, MxnetFinder())
