"""A network from files alone: its symbol and its parameters, as MXNet's ways to save write them."""

from __future__ import annotations

import json
import re
import tarfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Collection, Dict, Iterable, Iterator, NamedTuple

from .._mxnet import mx
from ..boxes.black_box import is_file
from ..boxes.onnx_file import OnnxFile
from ..errors import GradCamError, NetworkError, WeightsError, reason
from ..support.boundary import told
from ..support.devices import checked_context
from ..support.marks import unmarked
from .dequantize import float_twin
from .graph import Graph
from .picture_input import PictureInput, picture_input
from .trace import trace

Arrays = Dict[str, Any]

_SYMBOL = "-symbol.json"
_ARCHIVES = (".tar.gz", ".tgz", ".tar")
_SHOWN = 5

# MXNet marks an array that was saved under its numpy semantics, and loads it only under them.
_NUMPY_ARRAY, _MARK = (0xF993FACA).to_bytes(4, "little"), slice(24, 28)

# A shape that differs between these two depends on the size of the picture.
_TRIAL_SIZES = (256, 1024)


@told
def load(
    symbol_file: str | Path,
    params_file: str | Path | None = None,
    epoch: int | None = None,
    ctx: Any = None,
    dequantize: bool = False,
) -> Graph:
    """A network from its files, to be passed to every function in the net's place.

    It reads what `net.export`, `mx.mod.Module.save_checkpoint`, `mx.model.save_checkpoint` and
    SageMaker's image classification write. No code of the network is needed. A file in ONNX's
    format is a black box, which onnxruntime runs: it has no layers and no gradients.

    Args:
        symbol_file: the "…-symbol.json", the prefix that it was saved under ("models/cat"), or a
            folder or archive (.tar.gz, .tgz, .tar) with one network in it. An archive is read
            where it is, nothing is unpacked. Or a file in ONNX's format, "….onnx".
        params_file: the parameters, named with or without "arg:" and "aux:"; those that the
            symbol does not need are ignored. By default "…-0007.params" beside the symbol.
        epoch: which of the parameter files beside the symbol; by default the last.
        ctx: where the parameters go, such as `mx.gpu(0)`; by default `mx.cpu()`.
        dequantize: of a network in int8 arithmetic, the float twin: the same operators in floating
            point, the weights as their int8 numbers mean them, no rounding in between. Gradients
            get through it, and its scores differ from the int8 network's by the quantisation
            error. One in floating point stays as it is.

    Raises:
        NetworkError: there is no such symbol, more than one, the file holds something else, or an
            operator in int8 that has no twin.
        WeightsError: there are no such parameters, the file is damaged or of another kind, lacks
            some that the symbol needs, or their shapes do not fit.
        DeviceError: there is no such GPU, or MXNet has no code for it.
        DependencyError: a file in ONNX's format needs onnx and onnxruntime.

    Example:
        >>> import tempfile, gradcam_mx as gm
        >>> net = gm.nn.Conv2D(2, 3, in_channels=1, prefix="conv_")
        >>> net.initialize()
        >>> net.hybridize()
        >>> x = mx.nd.ones((1, 1, 4, 4))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net(x).wait_to_read()
        ...     net.export(f"{folder}/edges", epoch=3)
        ...     graph = gm.load(f"{folder}/edges")
        >>> graph.output_names
        ['conv_fwd_output']
    """
    context = checked_context(ctx)
    if is_file(symbol_file):
        _check_alone(symbol_file, params_file=params_file, epoch=epoch, ctx=ctx)
        return trace(OnnxFile(symbol_file))
    place, symbol_name = _find_symbol(Path(symbol_file).expanduser())
    symbol = _read_symbol(place, symbol_name)
    if params_file is None:
        params_name = _find_params(place, symbol_name, epoch)
        source, found = place.path / params_name, _read_arrays(place, params_name)
    elif epoch is None:
        source = Path(params_file).expanduser()
        found = _read_arrays(_params_place(source), source.name)
    else:
        raise WeightsError(
            f"the epoch {epoch} chooses one of the files beside the symbol, and "
            f"{str(params_file)!r} is one that was named: pass one of the two"
        )
    variables = symbol.list_inputs()
    # as it stands if the symbol calls it so: a variable may well be called "arg:scale"
    bare = {name if name in variables else unmarked(name): found[name] for name in found}
    named = _full_names(bare, variables)
    if dequantize:
        symbol, named = _in_floats(symbol, named)
    variables = symbol.list_inputs()
    graph = trace(
        (
            symbol,
            {name: named[name].as_in_context(context) for name in variables if name in named},
            {},
        )
    )
    _check_complete(graph, found, source)
    _check_shapes(symbol, picture_input(graph), named, source)
    return graph


def _check_alone(path: str | Path, **given: Any) -> None:
    """Refuse what goes with a symbol for a file in ONNX's format, which holds its parameters, and
    which onnxruntime runs on the CPU.

    Raises:
        WeightsError: it is given.
    """
    for name, value in given.items():
        if value is not None and value != mx.cpu():
            raise WeightsError(
                f"{path} holds its parameters and runs on the CPU: leave out {name}={value!r}"
            )


def _in_floats(symbol: Any, arrays: Arrays) -> tuple[Any, Arrays]:
    twin, named = float_twin(json.loads(symbol.tojson(remove_amp_cast=False)), arrays)
    return mx.sym.load_json(json.dumps(twin)), named


# -- where the files are -------------------------------------------------------------------------


class _Place(NamedTuple):
    """A folder or an archive, and the names of the files in it."""

    path: Path
    names: list[str]

    @property
    def is_folder(self) -> bool:
        return self.path.is_dir()

    def ending(self, suffix: str) -> list[str]:
        return [name for name in self.names if name.endswith(suffix)]

    def read(self, name: str) -> bytes:
        if self.is_folder:
            return (self.path / name).read_bytes()
        with tarfile.open(self.path) as archive:
            return archive.extractfile(name).read()  # type: ignore[union-attr]


@contextmanager
def _failures_told(path: Path, kind: type[GradCamError]) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise kind(
            f"the archive {path} is damaged or cut short ({error}): copy or download it again"
        ) from error
    except OSError as error:
        raise kind(f"{path} cannot be read: {error.strerror or error}") from error


def _folder(path: Path) -> _Place:
    return _Place(path, sorted(one.name for one in path.iterdir() if one.is_file()))


def _archive(path: Path) -> _Place:
    with tarfile.open(path) as archive:
        return _Place(
            path,
            sorted(
                member.name
                for member in archive.getmembers()
                # macOS's tar puts a "._name" beside each file
                if member.isfile() and not Path(member.name).name.startswith("._")
            ),
        )


def _find_symbol(given: Path) -> tuple[_Place, str]:
    """Where the network's files are, and what its symbol's is called there."""
    with _failures_told(given, NetworkError):
        if given.is_file() and not given.name.endswith(_ARCHIVES):
            return _folder(given.parent), given.name
        beside = Path(f"{given}{_SYMBOL}")
        if beside.is_file():
            return _folder(beside.parent), beside.name
        if not given.exists():
            folder = given.parent
            found = _listed(_folder(folder).ending(_SYMBOL)) if folder.is_dir() else "no folder"
            raise NetworkError(
                f"there is no file, folder or prefix {given}: looked for it and for {beside.name} "
                f"in {folder.absolute()} (symbols there: {found})"
            )
        place = _folder(given) if given.is_dir() else _archive(given)
    symbols = place.ending(_SYMBOL)
    if len(symbols) == 1:
        return place, symbols[0]
    if symbols:
        raise NetworkError(
            f"{given} holds several networks ({_listed(symbols)}): pass the symbol "
            "file of one" + ("" if place.is_folder else ", unpacked")
        )
    raise NetworkError(
        f"{given} holds no network: expected a file *{_SYMBOL} in it, found {_listed(place.names)}"
    )


def _find_params(place: _Place, symbol_name: str, epoch: int | None) -> str:
    prefix = re.sub(r"(-symbol)?\.json$", "", symbol_name)
    pattern = re.compile(re.escape(prefix) + r"-(\d+)\.params")
    epochs = {int(match[1]): match[0] for match in map(pattern.fullmatch, place.names) if match}
    if not epochs:
        raise WeightsError(
            f"there are no parameters for {symbol_name} in {place.path}: looked for files like "
            f"{prefix}-0000.params (parameter files there: {_listed(place.ending('.params'))})"
        )
    if epoch is None:
        epoch = max(epochs)
    if epoch not in epochs:
        raise WeightsError(
            f"there are no parameters of epoch {epoch} for {symbol_name} in "
            f"{place.path}; there are {', '.join(map(str, sorted(epochs)))}"
        )
    return epochs[epoch]


def _params_place(path: Path) -> _Place:
    if path.is_file():
        return _Place(path.parent, [path.name])
    folder = path.parent
    found = _listed(_folder(folder).ending(".params")) if folder.is_dir() else "no folder"
    raise WeightsError(f"there is no file {path} (parameter files in {folder.absolute()}: {found})")


def _listed(names: Collection[str]) -> str:
    """The first few of some names."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(list(names)[:_SHOWN]) or "none") + more


# -- what is in them -----------------------------------------------------------------------------


def _read_symbol(place: _Place, name: str) -> Any:
    path = place.path / name
    with _failures_told(path, NetworkError):
        content = place.read(name)
    try:
        description = json.loads(content)
    except ValueError as error:
        raise NetworkError(
            f"{path} is no network's symbol, or cut short: expected the JSON that "
            f"net.export writes as *{_SYMBOL} ({error})"
        ) from error
    if not isinstance(description, dict) or not description.get("nodes"):
        raise NetworkError(
            f"{path} is a JSON file, but not a network's symbol: expected what "
            f"net.export writes as *{_SYMBOL}"
        )
    try:
        return mx.sym.load_json(json.dumps(description))
    except mx.MXNetError as error:
        raise NetworkError(f"MXNet cannot read the symbol in {path}: {reason(error)}") from error


def _read_arrays(place: _Place, name: str) -> Arrays:
    path = place.path / name
    with _failures_told(path, WeightsError):
        if place.is_folder:
            with path.open("rb") as file:
                mark = file.read(_MARK.stop)[_MARK]
            found = _parsed(path, mark, mx.nd.load, str(path))
        else:
            content = place.read(name)
            found = _parsed(path, content[_MARK], mx.nd.load_frombuffer, content)
    if not isinstance(found, dict):
        raise WeightsError(
            f"{path} holds arrays without names: expected the .params file that "
            "net.export or save_checkpoint writes"
        )
    return found


def _parsed(path: Path, mark: bytes, read: Any, source: str | bytes) -> Any:
    try:
        with mx.util.np_shape(mark == _NUMPY_ARRAY):
            return read(source)
    except mx.MXNetError as error:
        raise WeightsError(
            f"{path} is cut short, damaged, or no .params file of MXNet ({reason(error)}): copy "
            "it again, or pass the one that net.export or save_checkpoint wrote"
        ) from error


def _full_names(arrays: Arrays, variables: Collection[str]) -> Arrays:
    """The arrays as the symbol calls them: a SymbolBlock saves without the prefix all share."""
    first = next(iter(arrays), "")
    prefixes = (
        []
        if first in variables
        else [name[: -len(first)] for name in variables if first and name.endswith(first)]
    )
    for prefix in prefixes:
        if all(prefix + name in variables for name in arrays):
            return {prefix + name: array for name, array in arrays.items()}
    return arrays


# -- whether they fit ----------------------------------------------------------------------------


def _check_complete(graph: Graph, found: Iterable[str], source: Path) -> None:
    missing = [
        graph.nodes[index].name for index, _ in graph.inputs if _feeds_a_parameter(graph, index)
    ]
    if not missing:
        return
    said = f"{source} lacks {len(missing)} parameters that the symbol needs: {_listed(missing)}. "
    if any("." in name for name in found):
        raise WeightsError(
            f"{said}Its names, such as {next(iter(found))!r}, are of net.save_parameters, and lead "
            "back only to the net's code: pass the .params file that net.export wrote, or build "
            "the net, net.load_parameters(file), and explain that"
        )
    raise WeightsError(
        f"{said}It holds {_listed(sorted(found))}: check that both files are of one network"
    )


def _feeds_a_parameter(graph: Graph, index: int) -> bool:
    """Whether the value of a node goes, perhaps cast or reshaped, where a parameter belongs."""
    for reader in {*graph.readers[index]}:
        node = graph.nodes[reader]
        # a variable elsewhere is an input
        slots = node.operator.parameters
        if any(node.inputs[slot][0] == index for slot in slots if slot < len(node.inputs)):
            return True
        is_step = len(node.inputs) == 1 or (node.is_internal and node.inputs[0][0] == index)
        if is_step and _feeds_a_parameter(graph, reader):
            return True
    return False


def _check_shapes(symbol: Any, picture: PictureInput | None, arrays: Arrays, source: Path) -> None:
    expected = _expected_shapes(symbol, picture) if picture else {}
    problems = [
        f"{name} is {tuple(arrays[name].shape)}, expected "
        f"({', '.join(str(side) if side else 'any' for side in shape)})"
        for name, shape in expected.items()
        if name in arrays and not _fits(arrays[name], shape)
    ]
    if problems:
        raise WeightsError(
            f"the parameters in {source} do not fit the symbol: "
            f"{_listed(problems)}. Check that both files are of one network"
        )


def _fits(array: Any, shape: tuple[int, ...]) -> bool:
    return len(array.shape) == len(shape) and all(
        wanted in (0, side) for side, wanted in zip(array.shape, shape)
    )


def _expected_shapes(symbol: Any, picture: PictureInput) -> dict[str, tuple[int, ...]]:
    """The shapes of the parameters by name; 0 is what depends on the size of the picture."""
    trials = []
    for size in _TRIAL_SIZES:
        given = {picture.name: (1, picture.channels, size, size)}
        try:
            # the public infer_shape prints to standard output when it fails
            arguments, _, states = symbol._infer_shape_impl(True, **given)
        except mx.MXNetError:
            # a net for pictures of one size only: what does not fit will be told when it runs
            return {}
        trials.append([*arguments, *states])
    names = [*symbol.list_arguments(), *symbol.list_auxiliary_states()]
    return {
        name: tuple(a if a == b else 0 for a, b in zip(one, other))
        for name, one, other in zip(names, *trials)
        if one and other
    }
