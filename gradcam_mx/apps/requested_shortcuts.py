"""From the options of `gradcam-mx shortcuts` to what is found."""

from __future__ import annotations

import argparse
from typing import Any

from .. import zoo
from ..inspect.shortcut import Shortcuts
from ..inspect.shortcuts import shortcuts
from ..store import Store
from . import requested
from .own_page import check_page
from .shortcuts_page import ABOUT, shortcuts_page


def look(options: argparse.Namespace) -> Shortcuts:
    """Do what the command line asks for, and write the page.

    Args:
        options: its options.

    Raises:
        GradCamError: as `gm.inspect.shortcuts` says; or the page cannot be written.
    """
    check_page(options.out, ABOUT)
    store = Store(options.store)
    how = store.manifest.preprocess
    is_given = options.symbol is not None or options.model is not None
    found = shortcuts(
        store,
        requested.network(options) if is_given else None,
        options.data,
        preprocess=None if how is None else zoo.Preprocess.of(how),
        method=options.method,
        classes=None if options.classes is None else [_class(one) for one in options.classes],
        samples_per_class=options.samples_per_class,
        photos=options.hidden,
        seed=options.seed,
    )
    shortcuts_page(found, options.out)
    return found


def _class(text: str) -> Any:
    return int(text) if text.isdecimal() else text
