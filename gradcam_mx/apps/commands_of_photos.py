"""What the commands do that look at photos: explain, evaluate, report, verify, run, demo."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Sequence

from tqdm import tqdm

from .. import zoo
from ..data.label_lines import lines_of
from ..data.photo_files import find_photos
from ..errors import DependencyError, OutputError
from ..graph.trace import trace
from ..support.paths import source_of
from ..zoo.labels import imagenet_labels
from . import requested, requested_measures
from .advice import in_words
from .exit_codes import DONE, SOMETHING_WRONG, USAGE
from .explaining import Outcome, explain_all
from .measuring import Subject, check_free, measure_all, recommend_one
from .object_masks import masks_of
from .option_groups import DEFAULT_METHODS
from .outputs import given_by
from .photos import Job, base_of_all, from_file, in_memory, sources
from .report.asked import brief_of
from .report.parts import Files
from .report.rendering import Renderer
from .report.verifying import verify
from .report.writing import write as write_report
from .run_folder import RunFolder, check_out
from .settings import settings
from .stopping import Stop
from .store_report import asked as store_report


def _explain(options: argparse.Namespace) -> int:
    requested.check_usage(options)
    photos, failures = find_photos(options.photos)
    check_out(options.out)
    job = requested.job(options)
    out = RunFolder(options.out, settings(options, job.graph))
    with Stop() as stop:
        outcome = explain_all(job, sources(options.photos, photos, job, out), out, _report, stop)
    outcome.failures[:0] = [("", one) for one in failures]
    return _told(outcome, len(photos), out.path, stop)


def _evaluate(options: argparse.Namespace) -> int:
    requested.check_usage(options)
    requested_measures.check(options)
    photos, failures = find_photos(options.photos)
    check_out(options.out)
    lines = None if options.labels is None else lines_of(options.labels, photos)
    masks = None
    if options.masks is not None:
        masks = masks_of(options.masks, photos, base_of_all(options.photos, photos))
    job = requested.job(options)
    targets = None if lines is None else requested_measures.targets(options, job, lines)
    evaluator = None if options.recommend else requested_measures.evaluator(options, job)
    asked = {**settings(options, job.graph), "photos": [source_of(one) for one in photos]}
    out = RunFolder(options.out, asked)
    check_free(out, options.metric)
    subjects = [
        Subject(
            from_file(photo, job.bits),
            job.target if targets is None else targets[number],
            None if masks is None else masks[number],
        )
        for number, photo in enumerate(photos)
    ]
    found: Any
    with Stop() as stop:
        if evaluator is None:
            found = recommend_one(
                job,
                subjects,
                out,
                stop,
                layers=None if job.layer is None else [job.layer],
                methods=job.methods if options.method else None,
                seed=options.seed or 0,
            )
        else:
            found = measure_all(job, evaluator, subjects, out, stop)
    outcome, said = found
    outcome.failures[:0] = [("", one) for one in failures]
    if said is not None:
        print(said)
    return _told(
        outcome, len(photos), out.path, stop, "measured", "the table, its numbers and figures are"
    )


def _make_report(options: argparse.Namespace) -> int:
    requested.check_usage(options)
    if options.store is not None:
        return _report_store(options)
    requested_measures.choose(options)
    if options.measured:
        requested_measures.check_masks(options)
    photos, failures = find_photos(options.photos)
    files, _ = Files(options.out), Renderer(options.template)
    lines = None if options.labels is None else lines_of(options.labels, photos)
    brief = brief_of(options, requested.job(options), photos, lines)
    with Stop() as stop:
        written = write_report(brief, files, stop, progress=len(photos) > 1)
    outcome = written.outcome
    outcome.failures[:0] = [("", one) for one in failures]
    return _told(outcome, len(photos), options.out, stop, "reported", "the report is")


def _report_store(options: argparse.Namespace) -> int:
    store_report.check_usage(options)
    from .store_report.writing import TEMPLATE  # stores need a package that photos do not
    from .store_report.writing import write as write_store_report

    files, renderer = Files(options.out), Renderer(options.template, TEMPLATE)
    brief = store_report.brief_of(options)
    for said in write_store_report(brief, files, renderer, progress=True):
        print(f"gradcam-mx: note: {in_words(said)}", file=sys.stderr)
    print(f"{len(brief.store)} samples reported; the report is in {options.out.resolve()}")
    return DONE


def _verify(options: argparse.Namespace) -> int:
    requested.check_usage(options)
    is_archive = options.file.suffix.lower() == ".npz"
    graph = requested.network(options)
    originals = find_photos(options.originals)[0] if options.originals else None
    prepare = requested.preprocess(options, graph) if is_archive else None
    found = verify(options.file, graph, originals, preprocess=prepare)
    print(found)
    return DONE if found else SOMETHING_WRONG


def _run(options: argparse.Namespace) -> int:
    requested.check_usage(options)
    from .fleet.requested_run import fill  # it needs packages that the other commands do not

    with Stop() as stop:
        done = fill(options, stop)
    for said in done.failures:
        print(f"gradcam-mx: {said}", file=sys.stderr)
    print(done.said)
    if isinstance(done.stopped, KeyboardInterrupt):
        print(f"gradcam-mx: {stop.said}", file=sys.stderr)
        return stop.code
    return SOMETHING_WRONG if done.failures else DONE


def _demo(options: argparse.Namespace) -> int:
    try:
        from skimage import data
    except ImportError as error:
        raise DependencyError(
            "the demo explains two photos that come with scikit-image; install "
            'it with: pip install "gradcam-mx[demo]"'
        ) from error
    check_out(options.out)
    photos = {name: getattr(data, name)() for name in ("chelsea", "coffee")}
    for model in ("efficientnet_lite0", "squeezenet1_1"):
        net = zoo.get_model(model, ctx=requested.context(options.gpu))
        graph = trace(net)
        job = Job(
            graph,
            net.preprocess,
            DEFAULT_METHODS,
            given_by(graph, None, net.preprocess),
            labels=imagenet_labels(),
        )
        out = RunFolder(options.out / model, {"model": model})
        print(f"{model}:")
        with Stop() as stop:
            outcome = explain_all(job, in_memory(photos), out, _report, stop)
        if outcome.failures or outcome.stopped is not None:
            return _told(outcome, len(photos), out.path, stop)
    print(f"The pictures are in {options.out.resolve()}")
    return DONE


def _told(
    outcome: Outcome,
    photos: int,
    out: Path,
    stop: Stop,
    done: str = "explained",
    written: str = "the pictures are",
) -> int:
    """Say what became of the photos; the exit code.

    Args:
        outcome: it.
        photos: how many there were.
        out: where results are.
        stop: what may have ended it.
        done: what was done with them.
        written: what lies there, and that it does.
    """
    counts = Counter(said for _, said in outcome.failures)
    first = {said: path for path, said in reversed(outcome.failures)}
    for said, count in counts.items():
        of = "" if first[said] in said else f"{first[said]}: "
        others = f" (and the same {count - 1} more times)" if count > 1 else ""
        print(f"gradcam-mx: {of}{said}{others}", file=sys.stderr)
    is_refused = outcome.is_refused and not outcome.done
    code = USAGE if is_refused else SOMETHING_WRONG if counts else DONE
    stopped = outcome.stopped
    if isinstance(stopped, KeyboardInterrupt):
        print(f"gradcam-mx: {stop.said}", file=sys.stderr)
        code = stop.code
    elif stopped is not None:
        print(f"gradcam-mx: {_failed(stopped)}", file=sys.stderr)
        code = SOMETHING_WRONG
    where = f"; {written} in {out.resolve()}" if outcome.done else ""
    is_printed = stopped is None or isinstance(stopped, (KeyboardInterrupt, OutputError))
    print(
        f"{outcome.done} of {photos} photos {done}{where}",
        file=sys.stdout if is_printed else sys.stderr,
    )
    return code


def _failed(error: BaseException) -> str:
    """What ended the work, if it was not the user."""
    if isinstance(error, OutputError):
        return f"stopped: {error}"
    if isinstance(error, BrokenPipeError):
        return "stopped, as nothing reads what is printed any more"
    return f"stopped, as nothing can be printed: {getattr(error, 'strerror', None) or error}"


def _report(name: str, predictions: Sequence[str]) -> None:
    tqdm.write(f"{name}: {', '.join(predictions)}" if predictions else name)
    sys.stdout.flush()  # who reads it line by line may be gone


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "explain": _explain,
    "evaluate": _evaluate,
    "report": _make_report,
    "verify": _verify,
    "run": _run,
    "demo": _demo,
}
"""What each one does with its options; the exit code."""
