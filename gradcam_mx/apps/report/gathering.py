"""All photos of a report, one after the other, and what is said before and after them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path, PurePath
from typing import Any, Iterator, Sequence

from tqdm import tqdm

from ..._version import __version__
from ...errors import GradCamError
from ...inspect.check import SIGNS, check
from ...support.randomness import randomness_kept
from ..explaining import Outcome, read_ahead
from ..provenance import Record
from ..stopping import Stop
from ..surroundings import surroundings
from ..writing import Read
from .brief import Brief
from .looking import Looked, look, measure
from .nets import net_record
from .sealing import FORMAT, PROGRAM
from .totals import Totals, clean


class Gathering:
    """The photos of a report, as they come.

    Args:
        brief: what is asked for.
        stop: is asked whether to go on.
        progress: whether to show a bar.
    """

    def __init__(self, brief: Brief, stop: Stop, progress: bool = True) -> None:
        self._brief, self._stop, self._progress = brief, stop, progress
        self.outcome = Outcome()
        self.totals = Totals(brief)
        self.checked: Record | None = None
        """What `gm.check` says of the network, on the first photo."""
        self.failed: list[Record] = []
        self.error: GradCamError | None = None
        """What was wrong with the first photo that could not be explained."""

    def __iter__(self) -> Iterator[Looked]:
        """Each photo that can be explained; what ended the work before is in `outcome`."""
        brief, outcome = self._brief, self.outcome
        truths: Sequence[int | None] = brief.truths or [None] * len(brief.photos)
        count = len(brief.photos)
        bar = tqdm(total=count, desc="reporting", unit="photo", disable=not self._progress)
        with bar, ThreadPoolExecutor(1) as reader:
            try:
                coming = read_ahead(brief.job, reader, brief.photos)
                for place, (truth, (source, reading)) in enumerate(zip(truths, coming)):
                    self._stop.check()
                    try:
                        read = reading.result()
                        looked = self._looked(place, source, read, truth)
                    except GradCamError as error:
                        self._fail(source.path, error)
                        if outcome.is_refused and not outcome.done:
                            return  # it would be the same with every photo
                    else:
                        outcome.done += 1
                        yield looked
                    bar.update()
            except (KeyboardInterrupt, OSError) as error:
                outcome.stopped = error

    def _fail(self, path: str, error: GradCamError) -> None:
        """A photo that cannot be explained; a report names no folders."""
        self.error = self.error or error
        said, name = self.outcome.add_failure(path, error), PurePath(path).name
        for folder in (f"{PurePath(path).parent}/", f"{Path.cwd()}/", str(Path.cwd())):
            said = said.replace(folder, "" if folder.endswith("/") else "the working folder")
        self.failed.append({"name": name, "said": said})

    def _looked(self, place: int, source: Any, read: Read, truth: int | None) -> Looked:
        with randomness_kept():
            if self.checked is None:
                self.checked = _checked(self._brief, read)
            looked = look(self._brief, self.outcome.done, source, read, truth)
            if self._brief.measured is None or place in self._brief.measured:
                masks = self._brief.masks
                mask = None if masks is None else masks[place]
                measure(self._brief, looked, self.totals.measured, read, mask)
        looked.record = clean(looked.record)
        self.totals.add(looked, truth)
        return looked

    def record(self) -> Record:
        """What is said of the network, the data, what was done, and over all photos so far."""
        brief = self._brief
        contexts = brief.job.graph.parameters.contexts()
        return clean(
            {
                "program": PROGRAM,
                "format": FORMAT,
                "title": brief.title,
                "made": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
                "version": __version__,
                "net": net_record(brief.net, brief.job.graph, brief.job.preprocess.shape),
                **surroundings(contexts[0] if contexts else "cpu(0)"),
                "done": brief.record(),
                "how": dict(brief.how),
                "check": self.checked,
                "asked": len(brief.photos),
                "failed": self.failed,
                "stopped": self.outcome.stopped is not None,
                **self.totals.record(),
            }
        )


def _checked(brief: Brief, read: Read) -> Record:
    job = brief.job
    found = check(job.graph, read.x, job.target, job.layer, output=job.output)
    return {
        "holds": bool(found),
        "findings": [
            {"what": one.what, "holds": one.holds, "sign": SIGNS[one.holds], "said": one.said}
            for one in found.findings
        ],
        "below": found.below(),
    }
