"""`gm.report_store`: a report of a whole data set, of what a run found."""

from __future__ import annotations

import warnings
from pathlib import Path

from ...data.samples import Samples
from ...errors import InputError
from ...graph.digest import digest_of
from ...graph.trace import Net, trace
from ...store import Store
from ...support.arrays import is_whole
from ...support.boundary import told
from ...support.callers import caller_level
from ...support.labels import Names, labels_of
from ..report.nets import called
from ..report.parts import Files
from ..report.rendering import Renderer
from .brief import EXAMPLES, TITLE, StoreBrief, check_net
from .recipe import in_python
from .writing import TEMPLATE, write


@told
def report_store(
    store: Store | str | Path,
    path: str | Path,
    *,
    net: Net | None = None,
    samples: Samples | None = None,
    names: Names | None = None,
    examples: int = EXAMPLES,
    title: str | None = None,
    template: str | Path | None = None,
    progress: bool = True,
) -> Path:
    """Write a report of what a run found of a whole data set: one page, without computing it again.

    It holds what net and data that was (hashes), what was done and with which versions, accuracy
    and confusions where labels are known, of which samples nothing was found and why, where the
    mass of the maps lies over the set and in each class, the measures with standard errors, the
    most and least certain samples, right and wrong, with photos and maps, and how to make it again.
    As a report of photos it needs no script and no other file, and can be printed.

    The store is read once, some rows at a time: memory does not grow with it.

    Args:
        store: it, or its folder; one that was filtered makes a report of these samples.
        path: of the report, which ends in .html. What is no report of this package is never
            written over.
        net: the one that the store is of, whose layers are listed then.
        samples: the data set, for photos; by default it is opened again. Where it cannot be, the
            report shows maps alone.
        names: of the classes; by default those that the store has.
        examples: how many samples are shown at most.
        title: of the report.
        template: the path of a Jinja2 template, in the place of the package's own.
        progress: whether to show a bar.

    Returns:
        The path.

    Raises:
        DependencyError: Jinja2 or pyarrow is not installed.
        InputError: there is no store, or it is of another net.
        TargetError: the names are of fewer classes than the store has.
        OutputError: something else is at the path, or it cannot be written.

    Example:
        >>> gm.report_store("found", "report.html")                      # doctest: +SKIP
        >>> wrong = gm.Store("found").filter(right=False)                # doctest: +SKIP
        >>> gm.report_store(wrong, "wrong.html", title="Mistakes")       # doctest: +SKIP
    """
    if not is_whole(examples) or examples < 0:
        raise InputError(f"examples={examples!r}; expected a whole number, 0 or more")
    held = store if isinstance(store, Store) else Store(store)
    graph = None if net is None else trace(net)
    if graph is not None:
        check_net(held, digest_of(graph))
    own = None if template is None else Path(template).expanduser()
    brief = StoreBrief(
        held,
        graph,
        samples,
        None if names is None else labels_of(names, None),
        examples,
        title or TITLE,
        own,
        {"python": in_python(held)},
        StoreBrief.net if net is None else called(net),
    )
    files, renderer = Files(Path(path).expanduser()), Renderer(own, TEMPLATE)
    for said in write(brief, files, renderer, progress):
        warnings.warn(said, stacklevel=caller_level())
    return files.path
