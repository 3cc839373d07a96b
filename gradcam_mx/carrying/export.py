"""Networks that carry their explanation: a net's own symbol with one more output, a heat map."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Mapping, NamedTuple, Sequence

from .._mxnet import mx
from .._names import CARRIED
from ..errors import MethodError
from ..graph import save
from ..graph.graph import Graph
from ..graph.node import Entry
from ..graph.trace import Net, trace
from ..support.boundary import told
from . import proof, weighted_maps
from .classes import head_gradient
from .probes import recipro_cam
from .sketch import Sketch
from .subject import Subject
from .upsampling import upsampled

_MAPS: Mapping[str, Callable[[Sketch, Subject, Entry], Any]] = dict(
    zip(CARRIED, (weighted_maps.cam, weighted_maps.hires_cam, weighted_maps.grad_cam, recipro_cam))
)


class Exported(NamedTuple):
    """A net that carries its explanation."""

    symbol_file: Path
    params_file: Path
    input_names: list[str]
    output_names: list[str]
    """Those of the net, then that of the map."""
    graph: Graph
    """The same, to be passed to every function in the net's place."""


@told
def export_explained(
    net: Net,
    prefix: str | Path,
    *,
    method: str = "cam",
    layer: Any = None,
    input_shape: Sequence[int] | None = None,
    upsample: bool = True,
    target_input: bool = False,
    name: str = "heatmap",
) -> Exported:
    """Write a net with one more output: the heat map of its top class, in operators of MXNet alone.

        outputs of the net, L        L: the map of `method`, as `gm.cam(net, x)` and its kin make it

    CAM: Zhou et al. 2016, arXiv:1512.04150; Grad-CAM: Selvaraju et al. 2017, arXiv:1610.02391;
    HiRes-CAM: Draelos & Carin 2020, arXiv:2011.08891; Recipro-CAM: Byun & Lee 2022,
    arXiv:2209.14074.

    The files are a symbol and parameters as any: they run in Module, in `SymbolBlock.imports`, in
    MXNet's interfaces for C and C++, and in ONNX Runtime once `mx.onnx.export_model` has translated
    them. The net's own outputs stay what they are, to the bit, and batches of any size go. With
    `upsample`, and with the methods that know the positions (recipro_cam; grad_cam and hires_cam
    behind pooling in windows), pictures must have the size of `input_shape`; else they may have
    any that the net takes. Before anything is written the map is held against the package's own,
    on noise.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params), in float32, of one input and one
            output of class scores.
        prefix: the files are PREFIX-symbol.json and PREFIX-0000.params.
        method: "cam", for nets that end in a global average pool and one Dense layer; "hires_cam"
            or "grad_cam", where what follows the layer is Dense, ReLU, Flatten, sums, pooling
            without padding and convolutions of stride 1; or "recipro_cam", for any net.
        layer: the layer that is explained; by default the default one, and of CAM the one that is
            pooled.
        input_shape: (N, C, H, W) of the net's input; by default what the net says of it, if it
            does.
        upsample: whether the map has the size of the input, (N, H, W), upsampled linearly as
            `Explanation.heatmap` does it, but not stretched to [0, 1]; else it is (N, h, w).
        target_input: whether the net has one more input, NAME_class (N,): the class that the map is
            of, one for each sample, where -1 is its top class. Other numbers than those of classes
            give zeros.
        name: of the new output, which MXNet calls NAME_output; all that is added begins with it.

    Returns:
        What was written: the files, the names of inputs and outputs, and the net as a Graph.

    Raises:
        MethodError: there is no such method.
        NetworkError: the net has several inputs or outputs, computes in another type than float32,
            ends in something else than the method needs, or has the name already.
        LayerError, TargetError, InputError: what they say.
        OutputError: the files cannot be written.

    Example:
        >>> import tempfile, gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1(classes=10, prefix="net_")
        >>> net.initialize()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     made = gm.export_explained(net, f"{folder}/cat", input_shape=(1, 3, 64, 64))
        >>> made.output_names
        ['net_dense0_fwd_output', 'heatmap_output']
    """
    if method not in _MAPS:
        raise MethodError(
            f"no net can carry the maps of {method!r}; expected one of {', '.join(CARRIED)}"
        )
    save.places(prefix)  # before anything is computed
    differentiably = method in ("grad_cam", "hires_cam")
    subject = Subject(net, input_shape, layer, differentiably, method == "cam")
    sketch = subject.sketch(name)
    head = head_gradient(sketch, subject, target_input)
    made = _MAPS[method](sketch, subject, head)
    heat, scores = made if method == "recipro_cam" else (made, None)
    if upsample:
        heat = upsampled(sketch, subject, heat)
    sketch.finish(heat)
    symbol, arrays = sketch.symbol(), _arrays(subject.graph, sketch)
    proof.check(subject, sketch, arrays, proof.Carried(heat, scores, layer, method))
    files = save.save(prefix, symbol, arrays)
    graph = trace((symbol, arrays, {}))
    return Exported(*files, graph.input_names, symbol.list_outputs(), graph)


def _arrays(graph: Graph, sketch: Sketch) -> dict[str, Any]:
    """Copies of the net's parameters, and what was added to them, beside each other."""
    arrays = save.arrays_of(graph, set(sketch.symbol().list_inputs()))
    context = next(iter(arrays.values())).context if arrays else mx.cpu()
    for name, numbers in sketch.constants.items():
        arrays[name] = mx.nd.array(numbers, ctx=context, dtype="float32")
    return arrays
