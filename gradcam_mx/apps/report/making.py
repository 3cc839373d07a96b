"""`gm.report`: a report of what a network looked at in photos."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import MappingProxyType
from typing import Any, Mapping, Sequence

from ... import picture, zoo
from ...data.label_lines import lines_of
from ...errors import InputError, TargetError
from ...graph.outputs import choose
from ...graph.picture_input import preprocess_of
from ...graph.trace import Net, trace
from ...methods.options import Options
from ...metrics.evaluating import CONTROLS, Evaluator, Way
from ...metrics.register import Metric, find_metric
from ...support.arrays import is_whole, numbers_of
from ...support.boundary import told
from ...support.callers import caller_level
from ...support.labels import Labels, Names
from ...targets.names import ClassNames
from ..outputs import CLASSES, given_by
from ..photos import Job, Source, from_array, from_file
from ..requested import check_job
from ..stopping import Stop
from . import objects
from .brief import MEASURED, PER_PAGE, Brief, Measures, spread
from .nets import called
from .parts import Files
from .recipe import in_python
from .writing import write

METHODS, METRICS = ("grad_cam", "guided_grad_cam", "saliency"), ("srg", "sparseness")
"""What is shown and measured if nothing else is asked for."""


@told
def report(
    net: Net,
    photos: Any,
    path: str | Path,
    *,
    methods: str | Sequence[str] = METHODS,
    labels: Any = None,
    masks: Any = None,
    metrics: str | Sequence[str] = METRICS,
    controls: Sequence[str] = CONTROLS,
    preprocess: zoo.Preprocess | None = None,
    names: Names | None = None,
    target: Any = None,
    layer: str | None = None,
    output: int | str | None = None,
    options: Options = MappingProxyType({}),
    metric_options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    top: int = 5,
    seed: int = 0,
    measured: int = MEASURED,
    title: str | None = None,
    template: str | Path | None = None,
    per_page: int = PER_PAGE,
    progress: bool = True,
) -> Path:
    """Write a report of what a net looked at in photos: one page, for people who have none of this.

    It holds what net that was (hashes, layers), what data, what was done and with which versions,
    what `gm.check` proves, predictions and, with labels, accuracy and confusions; for each photo
    what the net saw and the maps; measures of the maps beside controls; where the mass of the maps
    lies over all photos; and how to make it again. It needs no script and no other file, and can be
    printed. `gm.verify` computes all of it anew and says whether it is so.

    Of more than `per_page` photos the page is an index of further pages, in a folder beside it;
    memory does not grow with their number. What cannot be explained is told in the report. Where
    Ctrl-C ends the work, the report is of what was done by then.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        photos: their paths, or arrays (H, W, 3) uint8 RGB; a list.
        path: of the report, which ends in .html. What is no report of this package is never
            written over.
        methods: names out of `gm.METHODS`.
        labels: the true class of each photo, by number or name, in a list; or the path of a file
            with lines of a photo, a comma or tab, and its class.
        masks: where the object is, for measures of localisation: for each photo the path of a
            picture, or an array (H, W), of its size, not zero there, or a box (left, top, right,
            bottom) in its pixels, or several; or the folder of such pictures, `.png` of the names
            of the photos. What has none, or None, is not measured.
        metrics: names out of `gm.metrics.METRICS`; none, or measured=0, for a report without
            measures.
        controls: what methods have to beat.
        preprocess: how photos are prepared, such as `gm.zoo.IMAGENET`; by default
            `net.preprocess`, which the networks of `gm.zoo` have.
        names: of the classes: a list, a function from ids, or the path of a text file. By default
            those that the net has as its `class_names`.
        target: the class that is explained, by number or name; by default each photo's top class.
        layer: for the methods that explain a layer; by default the last before the global pool.
        output: which of several outputs is explained, by number or name; or "probability".
        options: name of a method → its own options.
        metric_options: name of a measure → its own options.
        top: how many classes are listed for each photo.
        seed: of the controls and of measures that are random.
        measured: how many photos are measured at most; of more so many, evenly spread.
        title: of the report.
        template: the path of a Jinja2 template, in the place of the package's own.
        per_page: how many photos are on a page.
        progress: whether to show a bar.

    Returns:
        The path.

    Raises:
        DependencyError: Jinja2 is not installed.
        InputError: there are no photos, not one mask for each, or how they are prepared is not
            known.
        PhotoError: none of the photos can be read.
        MethodError, MetricError: there is none of that name, it has no such option, or wants masks.
        TargetError: there is no such class, or not one label for each photo.
        NetworkError: the net cannot be explained.
        OutputError: something else is at the path, or it cannot be written.

    Example:
        >>> gm.report(net, ["cat.jpg", "cup.jpg"], "report.html", labels=["tabby", "espresso"])
        ... # doctest: +SKIP
        >>> print(gm.verify("report.html", net))                         # doctest: +SKIP
        report.html: all of it agrees
    """
    path = Path(path).expanduser()
    for name, value, least in (
        ("top", top, 1),
        ("per_page", per_page, 1),
        ("measured", measured, 0),
    ):
        if not is_whole(value) or value < least:
            raise InputError(f"{name}={value!r}; expected a whole number, {least} or more")
    graph = trace(net)
    graph = graph.taking(1, [one.point for one in choose(graph.outputs, output)])
    prepare = preprocess_of(net, preprocess)
    if not isinstance(prepare, zoo.Preprocess):
        raise InputError(
            "how photos are prepared for this net is not known: pass preprocess=, one such as "
            "gm.zoo.IMAGENET, or gm.zoo.Preprocess(order, mean, std), which says what can be done "
            "again"
        )
    chosen = [methods] if isinstance(methods, str) else list(methods)
    given = given_by(graph, output, prepare)
    shape = (1, *prepare.shape)
    count = graph.shapes(shape)[choose(graph.outputs, output)[0].point]
    classes = ClassNames.of(net, names)
    known = classes.labels(None if names is None else _count(count))
    known = known if known is not None and len(known) == _count(count) else None
    class_id = None if target is None else _class_id(target, known, _count(count))
    job = Job(
        graph,
        prepare,
        list(dict.fromkeys(chosen)),
        given,
        dict(options),
        given.target(_NOTHING, class_id),
        layer,
        output,
        known,
        top,
        chosen={"class": class_id},
    )
    _ = job.plan  # refuses methods and options that there are not
    check_job(job)
    sources = _sources(photos)
    truths = None if labels is None else _truths(labels, photos, known, _count(count), given.what)
    measures = None
    wanted = [find_metric(one) for one in ([metrics] if isinstance(metrics, str) else metrics)]
    of_objects = None
    if wanted and measured:
        objects.check(wanted, masks is not None)
        of_objects = None if masks is None else objects.given(masks, photos)
        measures = _measures(job, wanted, controls, metric_options, seed, measured)
    brief = Brief(
        job,
        called(net),
        sources,
        truths,
        measures,
        spread(len(sources), measured or 1),
        of_objects,
        title or Brief.title,
        None if template is None else Path(template).expanduser(),
        per_page,
        {
            "python": in_python(
                job,
                measures,
                "…",
                has_labels=labels is not None,
                has_names=names is not None,
                has_masks=of_objects is not None,
            )
        },
    )
    files = Files(path)
    with Stop() as stop:
        written = write(brief, files, stop, progress and len(sources) > 1)
    if written.outcome.stopped is not None:
        raise written.outcome.stopped
    if written.record is None:
        assert written.error is not None
        raise written.error
    if written.outcome.failures:
        photo, said = written.outcome.failures[0]
        warnings.warn(
            f"{len(written.outcome.failures)} of {len(sources)} photos are not in the report; "
            f"{photo}: {said}",
            stacklevel=caller_level(),
        )
    return path


class _Nothing:
    """No place in an output is asked for."""

    box = detection = mask = None


_NOTHING: Any = _Nothing()


def _count(shape: Sequence[int]) -> int:
    return 2 if len(shape) < 2 or shape[1] == 1 else shape[1]


def _class_id(given: Any, labels: Labels | None, count: int) -> int:
    if isinstance(given, str):
        return ClassNames(labels).finder(count)(given)
    if not is_whole(given) or not 0 <= given < count:
        raise TargetError(
            f"there is no class {given!r}: they go from 0 to {count - 1}, or are asked for by name"
        )
    return int(given)


def _sources(photos: Any) -> list[Source]:
    if isinstance(photos, (str, Path)) or not hasattr(photos, "__iter__"):
        photos = [photos]
    found = []
    for number, one in enumerate(photos):
        if isinstance(one, (str, Path)):
            found.append(from_file(Path(one), None))
        else:
            photo, name = picture.check_photo(numbers_of(one)), f"photo {number + 1}"
            found.append(from_array(photo, name, name, name))
    if not found:
        raise InputError("there are no photos; expected at least one")
    return found


def _truths(labels: Any, photos: Any, known: Labels | None, count: int, gives: str) -> list[int]:
    """The true class of each photo."""
    if gives != CLASSES:
        raise TargetError(f"labels= is for nets that give classes, and this one gives {gives}")
    if isinstance(labels, (str, Path)):
        paths = [photos] if isinstance(photos, (str, Path)) else list(photos)
        if not all(isinstance(one, (str, Path)) for one in paths):
            raise TargetError("labels= is a file, and the photos are no files: pass a list")
        lines = lines_of(Path(labels).expanduser(), [Path(one) for one in paths])
        return [_class_id(one.name, known, count) for one in lines]
    given = [one.item() if hasattr(one, "item") else one for one in labels]
    of = 1 if isinstance(photos, (str, Path)) else len(photos)
    if len(given) != of:
        raise TargetError(f"{len(given)} labels for {of} photos; expected one for each")
    return [_class_id(one, known, count) for one in given]


def _measures(
    job: Job,
    chosen: Sequence[Metric],
    controls: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    seed: int,
    most: int,
) -> Measures:
    others = [one for one in dict.fromkeys(controls) if one not in job.methods]
    evaluator = Evaluator(
        job.graph,
        [Way(one, one, job.layer) for one in job.methods],
        [Way(one, one, job.layer) for one in others],
        chosen,
        output=job.output,
        options=job.options,
        metric_options=options,
        seed=seed,
    )
    evaluator.check((1, *job.preprocess.shape))
    return Measures(evaluator, chosen, others, options, seed, most)
