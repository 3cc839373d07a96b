"""`gm.run`: a data set is explained, however large, and what is found is kept in a store."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from ..._mxnet import mx
from ...data.opening import open_samples
from ...data.samples import Samples
from ...errors import InputError, PhotoError
from ...graph.digest import digest_of
from ...graph.layers import find_map
from ...graph.outputs import choose
from ...graph.picture_input import preprocess_of
from ...graph.sealed import Sealed
from ...graph.trace import Net, trace
from ...methods import METHODS, black_boxes
from ...methods.options import Options
from ...methods.register import find_method
from ...metrics import METRICS
from ...metrics.register import find_metric
from ...store import Store
from ...support.arrays import is_whole
from ...support.boundary import told
from ...support.callers import caller_level
from ...support.labels import Names, names_of
from ...support.paths import absolute
from ...targets.names import ClassNames, class_count
from ..stopping import Stop
from .asked import LABEL, Asked
from .crew import PATIENCE, Crew
from .filling import Run, told_of
from .here import Here
from .processes import OF_THE_SCRIPT, Processes
from .refusing import check_asked

_OF_PHOTOS = ("folder", "image_folder", "list", "paths", "records")
"""The kinds of data sets whose samples are photos to be prepared."""


@told
def run(
    net: Net,
    data: Any,
    path: str | Path,
    *,
    methods: str | Sequence[str] = ("grad_cam",),
    labels: Any = None,
    target: Any = None,
    layer: Any = None,
    output: int | str | None = None,
    options: Options = MappingProxyType({}),
    metrics: str | Sequence[str] = (),
    metric_options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    preprocess: Any = None,
    names: Names | None = None,
    full: str | Sequence[str] = (),
    top: int = 5,
    workers: int = 1,
    ray: str | None = None,
    gpus_per_worker: float = 0,
    shard_size: int | None = None,
    batch_size: int = 8,
    timeout: float = PATIENCE,
    bits: int | None = None,
    progress: bool = True,
) -> Store:
    """Explain a data set of any size, and keep what is found in a store.

    The data set is cut into shards; each is a file that is written whole or not at all. Whatever
    ends the run, the same call goes on where it was: what is there is not computed again, and what
    was changed since (a photo, the net, an option) is. A sample that cannot be read is a row with
    its error; one that ends its worker, or hangs, is left out after two more tries, and named.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        data: a folder of photos, a list of paths, a list in a file (.csv, .tsv, .lst), a RecordIO
            file (.rec), a Gluon Dataset, an array of photos or inputs, or (array, labels).
        path: of the store: a new folder, or one of a run before.
        methods: names out of `gm.METHODS`; none for what the net says alone.
        labels: the true classes: "folders" for the names of the folders that photos are in, the
            path of a file with lines of a photo and a class, or a list.
        target: what is explained: by default each sample's top class; "label" for its true class,
            a class, by number or name, or a target.
        layer: which one activation maps are of; by default the last before the global pool.
        output: which of several outputs is explained, by number or name; or "probability".
        options: name of a method → its own options.
        metrics: measures of each map, names out of `gm.metrics.METRICS`.
        metric_options: name of a measure → its own options.
        preprocess: how photos are prepared; by default `net.preprocess`.
        names: those of the classes; by default those that the net has as its `class_names`.
        full: methods of which all values are kept; of the others the map at the layer's size, and
            of attributions of the input their strength in up to 32 × 32 cells, both in float16.
        top: how many classes are kept of what the net says.
        workers: how many processes work on this machine; 0 for this process alone, which any net
            can be explained in, and which a sample that crashes ends.
        ray: the address of a Ray cluster whose workers do it, such as "auto"; "local" for one that
            is started here and ended.
        gpus_per_worker: of those that the cluster's workers get, each.
        shard_size: how many samples are in a file.
        batch_size: how many samples run in one call of the net, of methods that allow it.
        timeout: for so many seconds a worker may give no sign of life.
        bits: how many bits the numbers have in photos of 16 bits; None for all.
        progress: whether to show a bar.

    Returns:
        The store.

    Raises:
        DependencyError: pyarrow, or ray, is not installed.
        InputError: there are no samples, or the work cannot go to other processes.
        MethodError, MetricError: there is none of that name, or it has no such option.
        OutputError: the folder holds something else, is another run's, or the disk is full.
        GradCamError: no sample can be asked for that.

    Example:
        >>> store = gm.run(net, "photos/", "found", labels="folders")    # doctest: +SKIP
        >>> len(store), len(store.filter(right=False))                   # doctest: +SKIP
        (20000, 812)
    """
    for name, given in (("shard_size", shard_size), ("batch_size", batch_size), ("top", top)):
        if given is not None and not (is_whole(given) and given > 0):
            raise InputError(f"{name}={given!r}; expected a whole number, 1 or more")
    classes = ClassNames.of(net, names)
    samples = opened(data, labels, classes.given or classes.own, bits)
    asked = _asked(
        net,
        samples,
        methods=_listed(methods),
        options=dict(options),
        metrics=_listed(metrics),
        metric_options=dict(metric_options),
        preprocess=preprocess,
        names=names,
        target=target,
        layer=layer,
        output=output,
        full=frozenset(find_method(one).name for one in _listed(full)),
        top=top,
        batch_size=batch_size,
        bits=bits,
    )
    crew = crew_of(asked, workers, ray, gpus_per_worker, timeout)
    folder = absolute(Path(path).expanduser())
    called = names_of(classes.labels(None))
    work = Run(folder, samples, asked, crew, shard_size, called, progress)
    with Stop() as stop:
        outcome = work.fill(stop)
    if outcome.stopped is not None:
        raise outcome.stopped
    store = Store(folder)
    for said in told_of(outcome, len(store.filter(failed=True))):
        warnings.warn(said, stacklevel=caller_level())
    return store


def opened(data: Any, labels: Any, names: Names | None, bits: int | None) -> Samples:
    """A data set whose labels are classes of a net.

    Args:
        data: as `run` takes it; one that is open has its labels.
        labels: the true classes.
        names: those of the net's classes, where they are known and there are labels.
        bits: how many bits the numbers have in photos of 16 bits.
    """
    if isinstance(data, Samples):
        return data
    has_labels = labels is not None or isinstance(data, tuple)
    return open_samples(data, labels=labels, label_names=names if has_labels else None, bits=bits)


def crew_of(
    asked: Asked, workers: int, ray: str | None, gpus: float, timeout: float
) -> Callable[[], Crew]:
    """What gives those who work.

    Args:
        asked: what is asked of each sample.
        workers: how many.
        ray: the address of a cluster, if one works.
        gpus: of the cluster, for each worker.
        timeout: for so many seconds one may give no sign of life.

    Raises:
        InputError: there are no so many.
    """
    if not is_whole(workers) or workers < 0:
        raise InputError(f"workers={workers!r}; expected a whole number, 0 or more")
    if not timeout > 0:
        raise InputError(f"timeout={timeout!r}; expected seconds, more than 0")
    if "__main__" in asked.modules and (workers or ray):
        raise InputError(f"a method or measure {OF_THE_SCRIPT}")
    if ray is not None:
        from .rays import Rays  # it is not imported by who does not ask for it

        return lambda: Rays(asked, ray, workers, gpus, timeout)
    if workers == 0:
        return lambda: Here(asked)
    return lambda: Processes(asked, workers, timeout)


def _asked(
    net: Net,
    samples: Samples,
    *,
    preprocess: Any,
    names: Any,
    target: Any,
    layer: Any,
    **rest: Any,
) -> Asked:
    graph = trace(net)
    heads = [one.point for one in choose(graph.outputs, rest["output"])]
    graph = graph.taking(1, heads)
    prepare = preprocess_of(net, preprocess)
    shape = _input_shape(samples, prepare)
    shapes = graph.shapes((1, *shape))
    graph.finish_parameters(shapes)
    methods = tuple(dict.fromkeys(find_method(one).name for one in rest.pop("methods")))
    metrics = tuple(dict.fromkeys(find_metric(one).name for one in rest.pop("metrics")))
    if isinstance(target, str) and target != LABEL:
        count = class_count(shapes[heads[0]])
        target = ClassNames.of(net, names).finder(count)(target)
    made = Asked(
        graph,
        digest_of(graph),
        shape,
        methods,
        metrics=metrics,
        preprocess=prepare,
        target=target,
        # a Block is the user's own object, its name is the same in each process
        layer=layer.name if isinstance(layer, mx.gluon.Block) else layer,
        modules=modules_of(methods, metrics),
        **rest,
    )
    black_boxes.check(graph, [METHODS[name].needs for name in methods])
    if not isinstance(graph, Sealed) and any(METHODS[name].needs.layer for name in methods):
        find_map(graph, layer, shapes, heads)
    check_asked(made)
    return made


def _input_shape(samples: Samples, prepare: Any) -> tuple[int, ...]:
    """(C, H, W) of what the net gets."""
    first = None if samples.record.get("kind") in _OF_PHOTOS else _first(samples)
    if first is not None and first.dtype != np.uint8:
        return first.shape
    if hasattr(prepare, "shape"):
        return tuple(prepare.shape)
    raise InputError(
        "how photos are prepared for this net is not known: pass preprocess=, one such as "
        "gm.zoo.IMAGENET, or gm.zoo.Preprocess(order, mean, std)"
    )


def _first(samples: Samples) -> np.ndarray | None:
    """The first sample that can be read; None if there is none."""
    for number in range(len(samples)):
        with suppress(PhotoError):
            return samples.read(number).values
    return None


def modules_of(methods: Sequence[str], metrics: Sequence[str]) -> tuple[str, ...]:
    """Modules of other people whose import registers some of these.

    Args:
        methods: names out of `METHODS`.
        metrics: names out of `METRICS`.
    """
    found = [METHODS[one].formula.__module__ for one in methods]
    found += [METRICS[one].formula.__module__ for one in metrics]
    package = __name__.partition(".")[0]
    return tuple(dict.fromkeys(one for one in found if one.partition(".")[0] != package))


def _listed(given: str | Sequence[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)
