"""Put named arrays into a net, after checking that every one of them fits."""

from __future__ import annotations

import warnings
from typing import Any, Sequence

import numpy as np

from gradcam_mx._mxnet import mx
from gradcam_mx.errors import Advice, WeightsError
from gradcam_mx.support.devices import checked_context
from gradcam_mx.support.marks import unmarked

from .readers import Arrays

__all__ = ["fit", "from_torch"]

IMAGENET_CLASSES = 1000
_SHOWN = 5

_NORM_NAMES = {"weight": "gamma", "bias": "beta"}


def from_torch(arrays: Arrays, modules: dict[str, str]) -> Arrays:
    """A PyTorch state dict's arrays under the structural names of a Gluon net.

    A module with a running_mean is a batch norm: its weight and bias become gamma and beta.
    num_batches_tracked is dropped. An array of a module that is not listed keeps its name.

    Args:
        arrays: the state dict's, by name.
        modules: name of a PyTorch module → name of a Gluon block.

    Example:
        >>> from_torch({"fc.weight": 1, "fc.num_batches_tracked": 2}, {"fc": "output"})
        {'output.weight': 1}
    """
    renamed = {}
    for name, value in arrays.items():
        module, _, leaf = name.rpartition(".")
        if leaf == "num_batches_tracked":
            continue
        if f"{module}.running_mean" in arrays:
            leaf = _NORM_NAMES.get(leaf, leaf)
        renamed[f"{modules[module]}.{leaf}" if module in modules else name] = value
    return renamed


def fit(
    net: Any,
    arrays: Arrays,
    *,
    source: str,
    classes: int = IMAGENET_CLASSES,
    ctx: Any = None,
    size: int = 224,
) -> None:
    """Initialise a fresh net with arrays named as in its .params file.

    Nothing is set before everything was checked. Arrays for 1000 classes given to a net for another
    number of classes: the features are loaded, the output is initialised, and a warning says so.

    Args:
        net: a HybridBlock with blocks `features` and `output`.
        arrays: by structural name, or as in the file of an exported net ("arg:vgg0_conv0_weight").
        source: what errors call the arrays.
        classes: those of the net.
        ctx: a context or a list of them; `mx.cpu()` by default.
        size: height and width of the pictures that the net is made for.

    Raises:
        WeightsError: parameters are missing, unknown or of another shape; it names the first ones.
        DeviceError: there is no such GPU.

    Example:
        >>> net = vgg11(pretrained=False)                               # doctest: +SKIP
        >>> fit(net, read_arrays("mine.params"), source="mine.params")  # doctest: +SKIP
    """
    contexts = _contexts(ctx)
    parameters = net._collect_params_with_prefix()
    shapes = _shapes(net, parameters, size)
    arrays = _structural(net, arrays, parameters)

    outputs = [name for name in shapes if name.startswith("output.")]
    features_only = classes != IMAGENET_CLASSES and all(
        name in arrays and arrays[name].shape[:1] == (IMAGENET_CLASSES,) for name in outputs
    )
    if features_only:
        arrays = {name: value for name, value in arrays.items() if name not in outputs}
    _check(
        arrays, {k: v for k, v in shapes.items() if not (features_only and k in outputs)}, source
    )

    for name, parameter in parameters.items():
        parameter.shape = shapes[name]
        if name in arrays:
            # Zero: the values are about to be replaced, and the random state is the caller's
            parameter.initialize(init=mx.init.Zero(), ctx=contexts, force_reinit=True)
            parameter.set_data(_float32(arrays[name]))
    if features_only:
        net.output.initialize(ctx=contexts)
        warnings.warn(
            f"{source} was trained for {IMAGENET_CLASSES} classes, the net has {classes}: "
            "only the features were loaded, the output layer is untrained",
            stacklevel=3,
        )


def _contexts(ctx: Any) -> Sequence[Any]:
    contexts = ctx if isinstance(ctx, (list, tuple)) else [ctx]
    return [checked_context(one) for one in contexts]


def _shapes(net: Any, parameters: dict, size: int) -> dict[str, tuple[int, ...]]:
    symbol = net(mx.sym.var("data"))
    arguments, _, states = symbol.infer_shape(data=(1, 3, size, size))
    names = symbol.list_arguments() + symbol.list_auxiliary_states()
    known = dict(zip(names, arguments + states))
    return {name: known[parameter.name] for name, parameter in parameters.items()}


def _structural(net: Any, arrays: Arrays, parameters: dict) -> Arrays:
    """Rename arrays that carry full parameter names, as an exported net's file does."""
    if any("." in name for name in arrays):
        return arrays
    plain = {unmarked(name): value for name, value in arrays.items()}
    prefixes = {name.partition("_")[0] for name in plain}
    if len(prefixes) == 1:
        cut = len(prefixes.pop()) + 1
        plain = {name[cut:]: value for name, value in plain.items()}
    keys = {p.name[len(net.prefix) :]: key for key, p in parameters.items()}
    return {keys.get(name, name): value for name, value in plain.items()}


def _check(arrays: Arrays, shapes: dict[str, tuple[int, ...]], source: str) -> None:
    problems = []
    for name, shape in shapes.items():
        if name not in arrays:
            problems.append(f"{name}: missing, expected shape {shape}")
        elif tuple(arrays[name].shape) != shape:
            problems.append(f"{name}: shape {tuple(arrays[name].shape)}, expected {shape}")
        elif np.dtype(arrays[name].dtype).kind != "f":
            problems.append(f"{name}: type {np.dtype(arrays[name].dtype)}, expected floating point")
    for name in arrays:
        if name not in shapes:
            problems.append(
                f"{name}: shape {tuple(arrays[name].shape)}, the net has no such parameter"
            )
    if problems:
        shown = "\n".join(f"  - {problem}" for problem in problems[:_SHOWN])
        more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise WeightsError(
            f"{source} does not fit the net; nothing was loaded.\n{shown}{more}",
            advice=Advice.NAME_THE_CLASSES,
        )


def _float32(value: Any) -> Any:
    if isinstance(value, mx.nd.NDArray):
        return value.astype("float32", copy=False)
    return np.ascontiguousarray(value, np.float32)
