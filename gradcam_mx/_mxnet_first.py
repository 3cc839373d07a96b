"""What lets people import mxnet before gradcam_mx: an import hook that prepares for mxnet.

MXNet 1.9.1 cannot be imported beside today's numpy until `_surroundings.prepare` has run. The hook
runs it when mxnet is imported, never before, and is gone then. `import gradcam_mx` registers it,
and so does the .pth file of an installed gradcam_mx (`_waits_for_mxnet`) once mxnet is looked for.
"""

from __future__ import annotations

import sys
from typing import Any


def register() -> MxnetFinder:
    """Have the next import of mxnet prepared."""
    for one in sys.meta_path:
        if isinstance(one, MxnetFinder):
            return one
    finder: Any = MxnetFinder()
    waiting = "WaitsForMxnet"  # it has no other home than the .pth file
    sys.meta_path = [finder, *(one for one in sys.meta_path if type(one).__name__ != waiting)]
    return finder


class MxnetFinder:
    """Finds mxnet as the other finders do, and has it loaded by a `MxnetLoader`."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec of mxnet; None for all other modules, which are no business of this one."""
        if name != "mxnet":
            return None
        for finder in sys.meta_path:
            find = None if isinstance(finder, MxnetFinder) else getattr(finder, "find_spec", None)
            spec = find and find(name, path, target)
            if spec:
                if spec.loader:
                    spec.loader = MxnetLoader(spec.loader)
                return spec
        return None


class MxnetLoader:
    """Prepares for mxnet, steps aside, and lets mxnet's own loader go on."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: Any) -> Any:
        """Leave it to mxnet's own loader."""
        return self.loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        """Run mxnet, once what it lacks is there."""
        # a new list, as other threads may be walking through the old one
        sys.meta_path = [one for one in sys.meta_path if not isinstance(one, MxnetFinder)]
        module.__spec__.loader = module.__loader__ = self.loader
        try:
            from ._surroundings import prepare

            prepare()
        except (ImportError, OSError):
            pass  # without numpy, or with a damaged library, MXNet itself says what it misses
        self.loader.exec_module(module)
