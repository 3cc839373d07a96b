"""What the commands do that look at networks: layers, check, export-explained, audit, app."""

from __future__ import annotations

import argparse
import sys
from typing import Callable

from ..auditing.audit import audit
from ..carrying.export import export_explained
from ..data.photo_files import find_photos
from ..graph.sealed import Sealed
from ..inspect.check import check
from ..zoo.preprocess import READY
from . import audit_page, requested
from .exit_codes import DONE, SOMETHING_WRONG, USAGE
from .own_page import check_page


def _layers(options: argparse.Namespace) -> int:
    requested.check_usage(options)
    graph = requested.network(options, trained=False)
    if isinstance(graph, Sealed):
        graph.refuse("layers")
    print(graph.layers((1, *requested.preprocess(options, graph).shape)))
    return DONE


def _check(options: argparse.Namespace) -> int:
    requested.check_usage(options)
    graph = requested.network(options)
    x = requested.preprocess(options, graph)(requested.photo_or_noise(options))
    report = check(
        graph, x, layer=options.layer, output=options.output, relevance=options.relevance
    )
    print(report)
    return DONE if report else SOMETHING_WRONG


def _export_explained(options: argparse.Namespace) -> int:
    requested.check_usage(options)
    graph = requested.network(options)
    made = export_explained(
        graph,
        options.out,
        method=options.method,
        layer=options.layer,
        input_shape=(1, *requested.preprocess(options, graph).shape),
        upsample=not options.cells,
        target_input=options.class_input,
        name=options.name,
    )
    print(f"{made.symbol_file}\n{made.params_file}")
    print(f"inputs: {', '.join(made.input_names)}; outputs: {', '.join(made.output_names)}")
    return DONE


def _audit(options: argparse.Namespace) -> int:
    requested.check_usage(options)
    check_page(options.out, audit_page.ABOUT)
    photos, failures = find_photos(options.photos)
    for said in failures:
        print(f"gradcam-mx: {said}", file=sys.stderr)
    graph = requested.network(options)
    prepare = requested.preprocess(options, graph)
    other = options.new_preprocess
    found = audit(
        graph,
        options.against,
        [str(one) for one in photos],
        preprocess=prepare,
        new_preprocess=None if other is None else READY[other].adapted(size=prepare.size),
        masks=options.masks,
        tolerance=options.tolerance,
    )
    print(found)
    audit_page.audit_page(found, options.out)
    print(f"The page is {options.out.resolve()}")
    return USAGE if found.is_same is None else DONE if found else SOMETHING_WRONG


def _app(options: argparse.Namespace) -> int:
    requested.check_usage(options)
    from .web.serving import serve  # it needs packages that the other commands do not

    return serve(options, lambda said: print(said, flush=True))


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "layers": _layers,
    "check": _check,
    "export-explained": _export_explained,
    "audit": _audit,
    "app": _app,
}
"""What each one does with its options; the exit code."""
