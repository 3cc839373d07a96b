"""Any function made a net: `gm.black_box`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Sequence, Tuple, Union

from ..errors import InputError, NetworkError
from ..support.boundary import told
from .box import LAYOUTS, BlackBox, Taken
from .function import ARRAYS, PHOTOS, FunctionBox
from .onnx_file import SUFFIX, OnnxFile, taken
from .onnx_session import OnnxSession
from .torch_module import TorchModule, is_module

Shape = Tuple[Union[int, None], ...]
_OUTPUT = "output"


@told
def black_box(
    function: Any,
    input_shape: Shape | Sequence[Shape] | None = None,
    outputs: str | Sequence[str] | None = None,
    *,
    name: str | None = None,
    class_names: Any = None,
    layout: str = "NCHW",
    takes: str = ARRAYS,
    preprocess: Callable[[Any], Any] | None = None,
    version: str | None = None,
) -> BlackBox:
    """A net of any function from arrays, or from photos, to scores.

        S(x) = function(x)[c]

    Methods that change the input explain it (Zeiler & Fergus 2014, arXiv:1311.2901, and after): no
    gradient is asked for, and no layer. So do measures and targets that need neither.

    Args:
        function: called with a numpy array (N, C, H, W), a copy, or with one for each input, and
            gives a row of numbers for each sample: an array of any framework, or a list of rows;
            of several outputs a tuple, or a mapping. It may ask a server. Or a session of
            onnxruntime, a PyTorch module in evaluation mode, the path of an ONNX file.
        input_shape: (C, H, W) of a sample, None for any size of a side; for several inputs a list.
            By default any shape, of one input.
        outputs: the names of its outputs, in their order; by default it has one.
        name: what it is called; by default as the function is.
        class_names: the names of its classes, a sequence of texts.
        layout: "NHWC" for a function that wants the channels last; the input stays (N, C, H, W).
        takes: "photos" for a function that gets a list of photos (H, W, 3) of uint8, RGB; the input
            is their pixels then, (N, 3, H, W) from 0 to 255.
        preprocess: from a photo (H, W, 3) of uint8, RGB, to the input (1, C, H, W), for what is
            given photos, such as `gm.zoo.IMAGENET`.
        version: what tells the function from another of its name, such as "2024-05". Without one,
            results are never taken for those of an earlier run.

    Returns:
        A net, to be passed to every function in the net's place.

    Raises:
        NetworkError: it is nothing that can be called, or a module in training mode.
        InputError: options that do not fit.

    Example:
        >>> import gradcam_mx as gm, numpy as np
        >>> net = gm.black_box(lambda x: x.mean(axis=(2, 3)), (3, 4, 4), name="brightness")
        >>> x = np.ones((1, 3, 4, 4), "float32")
        >>> gm.occlusion(net, x, target=0, window=2, stride=2).values[0, 0]
        array([0.25, 0.25, 0.25, 0.25], dtype=float32)
    """
    if layout not in LAYOUTS:
        raise InputError(f"layout={layout!r}; expected {' or '.join(map(repr, LAYOUTS))}")
    if takes not in (ARRAYS, PHOTOS):
        raise InputError(f"takes={takes!r}; expected {ARRAYS!r} or {PHOTOS!r}")
    given = {"input_shape": input_shape, "outputs": outputs}
    given["takes"] = None if takes == ARRAYS else takes
    inputs = _inputs(input_shape, takes)
    names = [_OUTPUT] if outputs is None else [outputs] if isinstance(outputs, str) else [*outputs]
    if is_file(function):
        _refuse(given, "an ONNX file")
        made: BlackBox = OnnxFile(function)
    elif hasattr(function, "run") and hasattr(function, "get_inputs"):
        _refuse(given, "a session of onnxruntime")
        session = OnnxSession(function, f"the session {name or ''!r}")
        inputs = [taken(one, layout) for one in session.inputs]
        made = FunctionBox(
            session.outputs, inputs, session.output_names, name="session", version=version
        )
    elif is_module(function):
        made = TorchModule(function, inputs, names, name=type(function).__name__)
    elif isinstance(function, BlackBox):
        return function
    elif callable(function):
        made = FunctionBox(
            function,
            inputs,
            names,
            name=getattr(function, "__name__", type(function).__name__),
            version=version,
            is_of_photos=takes == PHOTOS,
        )
    else:
        raise NetworkError(
            "a black box is a function, a session of onnxruntime, a PyTorch module or the path of "
            f"an ONNX file; got a {type(function).__name__}"
        )
    if not isinstance(made, OnnxFile):
        made.layout = layout if takes == ARRAYS else LAYOUTS[0]
    made.name = name or made.name
    made.class_names, made.preprocess = class_names, preprocess
    return made


def is_file(given: Any) -> bool:
    """Whether it is the path of an ONNX file."""
    return isinstance(given, (str, Path)) and str(given).endswith(SUFFIX)


def _inputs(shape: Any, takes: str) -> list[Taken]:
    """The inputs, as their shapes are given.

    Raises:
        InputError: they are no shapes.
    """
    several = shape if isinstance(shape, list) else [shape]
    dtype = "uint8" if takes == PHOTOS else None
    found = []
    for number, one in enumerate(several):
        if one is not None and not (
            isinstance(one, tuple)
            and one
            and all(side is None or (isinstance(side, int) and side > 0) for side in one)
        ):
            raise InputError(
                f"input_shape={shape!r}; expected (C, H, W) of a sample, such as (3, 224, 224), "
                "with None for any size; for several inputs a list of such"
            )
        found.append(Taken(f"data{number}" if len(several) > 1 else "data", one, dtype))
    return found


def _refuse(given: dict[str, Any], what: str) -> None:
    """Refuse options that something tells by itself.

    Raises:
        InputError: one is given.
    """
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{what} tells what it takes and gives: leave out {name}={value!r}")
