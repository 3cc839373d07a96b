"""Whether two nets are the same network: `gm.audit`."""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

import numpy as np

from ..errors import GradCamError, InputError
from ..support.arrays import is_whole
from ..support.boundary import told
from . import layers, looks, preprocessing
from .audited import Audit
from .explaining import of_few_bits
from .given import Given, Prepare, given
from .layers import Finding, Row
from .noise import Noise
from .outputs import Output, PhotoRow, by_photo, compare
from .preprocessing import WANTS, Preparing
from .probes import with_probes
from .sides import Side, noise_of_outputs, side_of
from .verdict import reason

_IN_LAYERS = 2
"""So many inputs are followed through the layers."""
_LOOKED_AT = 4
"""So many photos have maps, those that differ most."""


@told
def audit(
    old: Any,
    new: Any,
    photos: Any,
    *,
    preprocess: Prepare | None = None,
    new_preprocess: Prepare | None = None,
    masks: int = 100,
    tolerance: float | None = None,
) -> Audit:
    """Whether a port, or another variant of a net, is the same network, and where it parts.

    Outputs are the same if they differ by no more than ten times what single precision makes of
    them on the old net itself: against double precision, with inputs that are off by single
    roundings, and in batches of another size,

        rms(y_new - y_old) ≤ 10 rms(y_old again - y_old),

    and the largest difference likewise; for the photos, and for three inputs beside them that have
    more contrast, are negative, or noise. Layers are the same by their values, not by their names.
    At the first that differs causes are tried: the operator is computed again with the supposed
    mistake, and a cause is named only where the difference is gone with it, but for a thousandth
    (of values of few bits: if they are those values, rounded). What the nets look at is compared by
    the same masks through both: RISE (Petsiuk et al. 2018, arXiv:1806.07421) and occlusion (Zeiler
    & Fergus 2014, arXiv:1311.2901).

    Args:
        old: the net that is held to be right: what every function takes for a net, or what
            `gm.load` reads.
        new: the net that is compared with it, likewise.
        photos: a list of paths, or of arrays (H, W, 3) of uint8; or the input as it is, an array
            (N, C, H, W), or a tuple with one for each input of the net.
        preprocess: from a photo to the old net's input (1, C, H, W), such as `gm.zoo.IMAGENET`; by
            default the net's own, where it has one.
        new_preprocess: the same for the new net, where photos are made ready otherwise for it.
        masks: how many RISE has; 0 for no maps at all.
        tolerance: a difference of outputs, as a share of what they vary by, that is taken for the
            same although it is more than noise, such as 0.05 for a net in int8.

    Returns:
        `Audit`: true if they are the same network; tables, findings, maps.

    Raises:
        InputError: there are no photos, or nets that do not take the same input.
        NetworkError: a net cannot be read, or run.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = gm.nn.Conv2D(2, 3, in_channels=1, prefix="conv_")
        >>> net.initialize()
        >>> x = mx.nd.random.normal(shape=(4, 1, 8, 8))
        >>> gm.audit(net, net, x, masks=0).verdict
        'the same network: no output differs by more than rounding'
    """
    if not is_whole(masks) or masks < 0 or masks == 1:
        raise InputError(f"masks={masks!r}; expected a whole number of 2 or more, or 0 for no maps")
    if tolerance is not None and not 0 <= tolerance < np.inf:
        raise InputError(f"tolerance={tolerance!r}; expected a share, such as 0.05")
    sides = side_of(old, "old"), side_of(new, "new")
    made = given(photos, preprocess or sides[0].preprocess, new_preprocess)
    return _Run(*sides, made, masks, tolerance).audit()


class _Seen(NamedTuple):
    """What came of both nets on the same input."""

    x: list[np.ndarray]
    ours: list[np.ndarray]
    theirs: list[np.ndarray]
    noise: list[Noise]
    """Of each output of the old net."""
    outputs: list[Output]
    is_same: bool | None

    @property
    def most_different(self) -> list[np.ndarray]:
        """The inputs whose first outputs differ most."""
        gaps = np.zeros(len(self.x[0]))
        ours, theirs = self.ours[0], self.theirs[0]
        if theirs.size == ours.size and len(ours) == len(gaps):
            gap = np.abs(theirs.reshape(ours.shape).astype(np.float64) - ours)
            gaps = np.nan_to_num(gap).reshape(len(gaps), -1).max(axis=1)
        chosen = np.argsort(-gaps, kind="stable")[:_IN_LAYERS]
        return [one[chosen] for one in self.x]


class _Run:
    """An audit on its way.

    Args:
        old: the old net.
        new: the new one.
        given: what they are given.
        masks: how many RISE has.
        tolerance: a share of what outputs vary by, or None.
    """

    def __init__(
        self, old: Side, new: Side, given: Given, masks: int, tolerance: float | None
    ) -> None:
        self.old, self.new, self.given = old, new, given
        self.masks, self.tolerance = masks, tolerance
        self.notes: list[str] = []
        self.rows: list[Row] = []
        self.findings: list[Finding] = []
        self.new_values = 0
        self.preparing: Preparing | None = None

    def audit(self) -> Audit:
        """All of it."""
        shared = self._on_the_same() if self.given.can_be_shared else None
        if shared is None:
            self.notes.append(
                "the nets do not take the same arrays, so that they are compared on photos alone"
            )
        else:
            self._look_inside(shared)
        seen = shared if shared is not None and self.given.is_one else self._on_photos(shared)
        photos = by_photo(self.given.names, seen.ours[0], seen.theirs[0], seen.noise[0])
        found, chosen = self._maps(photos)
        said = reason(seen.is_same, seen.outputs, self.findings, self.preparing)
        return Audit(
            self.old.name,
            self.new.name,
            seen.is_same,
            said,
            seen.outputs,
            photos,
            self.rows,
            self.new_values,
            self.findings,
            self.preparing,
            found,
            self.notes,
            [photos[place].name for place in chosen],
            self.given.pictures(chosen) if chosen else np.zeros((0, 1, 1, 3), np.uint8),
        )

    # -- outputs -----------------------------------------------------------------------------------

    def _on_the_same(self) -> _Seen | None:
        """Both nets on what is made for the old one; None if the new one does not take that."""
        are_whole = self.old.takes_integers or self.new.takes_integers
        x = list(self.given.x) if are_whole else with_probes(self.given.x)
        try:
            theirs = self.new.outputs(x)
        except InputError:
            if self.given.is_one:
                raise
            return None
        return self._compared(x, theirs)

    def _compared(self, x: list[np.ndarray], theirs: list[np.ndarray]) -> _Seen:
        ours = self.old.outputs(x)
        noise = noise_of_outputs(self.old, x, ours)
        if len(theirs) != len(ours):
            self.notes.append(
                f"the old net has {len(ours)} outputs and the new one {len(theirs)}: the first "
                f"{min(len(theirs), len(ours))} are compared"
            )
        count = len(self.given.x[0])
        outputs = [
            compare(f"output {place}", *each, count, self.tolerance)
            for place, each in enumerate(zip(ours, theirs, noise))
        ]
        said = [one.is_same for one in outputs]
        # beside others, an output may well be the same for all inputs, such as anchors
        is_same: bool | None = True if True in said else None
        if False in said or len(theirs) < len(ours):
            is_same = False
        return _Seen(x, ours, theirs, noise, outputs, is_same)

    def _on_photos(self, shared: _Seen | None) -> _Seen:
        """Each net on what is made for it, and what is wrong with that."""
        seen = self._compared(self.given.x, self.new.outputs(self.given.new_x))
        if seen.is_same:
            if shared is not None and shared.is_same is False:
                # what the new net wants, it is given: on the old one's input they are no layers
                self.findings, self.rows = [], []
            return seen
        if seen.is_same is False and (shared is None or shared.is_same):
            self.preparing = self._mistaken(shared, seen)
        return seen

    def _mistaken(self, shared: _Seen | None, seen: _Seen) -> Preparing | None:
        x, new_x = self.given.x[0], self.given.new_x[0]
        photos, prepare = self.given.photos, self.given.prepare
        if shared is None:
            outputs = seen.ours[0], seen.theirs[0]
            return preprocessing.of_function(photos, prepare, self.old, x, outputs, seen.noise[0])
        return preprocessing.of_photos(photos, prepare, x, new_x, seen.outputs[0])

    # -- layers and causes -------------------------------------------------------------------------

    def _look_inside(self, seen: _Seen) -> None:
        """Find where the nets part, and what that comes of."""
        x, is_apart = seen.most_different, seen.is_same is False
        if not (self.old.has_layers and self.new.has_layers):
            side = self.new if self.old.has_layers else self.old
            self.notes.append(f"{side.name} shows its outputs alone: layers are not compared")
            if is_apart:
                self.preparing = self._wanted(seen)
                if self.preparing is None and self.old.editable is not None:
                    theirs = self.new.outputs(x)
                    self.findings = layers.findings_of_outputs(
                        self.old.editable, x, theirs, seen.noise
                    )
            return
        scene = layers.see(self.old, self.new, x)
        self.rows, self.new_values = layers.rows(scene), len(scene.new)
        if not is_apart or scene.aligned.is_whole:
            return
        if scene.is_at_input and of_few_bits(scene) is None:
            self.preparing = self._wanted(seen)
        if self.preparing is None:
            self.findings = layers.findings(self.old, self.new, x, scene)
            if self.old.editable is None:
                self.notes.append("causes are tried on MXNet nets alone, which the old one is not")

    def _wanted(self, seen: _Seen) -> Preparing | None:
        return preprocessing.of_nets(self.old, self.new, seen.x, self.given.prepare, seen.noise[0])

    # -- maps --------------------------------------------------------------------------------------

    def _maps(self, photos: Sequence[PhotoRow]) -> tuple[list[looks.Look], list[int]]:
        """What the nets look at in the photos that differ most, and which those are."""
        x, new_x = self.given.x, self.given.new_x
        if not self.masks:
            return [], []
        if len(x) > 1 or x[0].ndim != 4 or not photos or photos[0].old_class < 0:
            self.notes.append("no maps: they are of one input (N, C, H, W) and of classes")
            return [], []
        order = np.argsort([-one.difference for one in photos], kind="stable")
        chosen = sorted(int(place) for place in order[:_LOOKED_AT])
        classes = [photos[place].old_class for place in chosen]
        if self.preparing is not None and self.preparing.kind == WANTS and self.given.is_one:
            self.notes.append("the maps are of the nets as they are, on the same input")
        try:
            found = looks.look(
                self.old, self.new, x[0][chosen], new_x[0][chosen], classes, self.masks
            )
        except GradCamError as error:
            self.notes.append(f"no maps: {error}")
            return [], []
        return found, chosen
