"""Weight files to named arrays: MXNet .params, PyTorch .pth, .safetensors, pickled arrays.

The format is told by the content, not by the file's name. Neither PyTorch nor safetensors is
needed.
"""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import IO, Any, Dict

import numpy as np

from gradcam_mx._mxnet import mx
from gradcam_mx.errors import WeightsError

from .decode import DTYPES, decode
from .unpickle import Storage, Unpickler, plain

__all__ = ["Arrays", "read_arrays"]

# numpy arrays or NDArrays: what follows only looks at shape and dtype, and copies
Arrays = Dict[str, Any]

_PARAMS_MAGIC = (0x112).to_bytes(8, "little")
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_FORMATS = "an MXNet .params file, a PyTorch .pth state dict, a .safetensors file"


def read_arrays(path: str | Path) -> Arrays:
    """The arrays of a weight file, by name.

    Reads MXNet's .params (also inside the model store's zip), PyTorch state dicts in the zip format
    and the older one, .safetensors, and pickled dicts of numpy arrays. Lists are flattened:
    "conv1.0", "conv1.1". Nothing in the file is executed.

    Args:
        path: of the file.

    Returns:
        Name → numpy array or NDArray.

    Raises:
        WeightsError: the file is missing, damaged, of another kind, or asks for foreign code.

    Example:
        >>> sorted(read_arrays("vgg16-e660d456.params"))[0]            # doctest: +SKIP
        'features.0.bias'
    """
    path = Path(path).expanduser()
    try:
        with path.open("rb") as file:
            head = file.read(16)
            file.seek(0)
            found = _read(path, file, head)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    except FileNotFoundError as error:
        raise WeightsError(f"there is no weight file {path}: check the path") from error
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read ({error}): expected a file that may be read"
        ) from error
    except Exception as error:
        # whatever a parser stumbles over, the reader of the message needs to know the same thing
        raise WeightsError(
            f"{path} is damaged or truncated ({type(error).__name__}: {_first_line(error)}): "
            "copy or download it again"
        ) from error
    arrays = _flatten(found)
    if not arrays:
        raise WeightsError(f"{path} holds no named arrays; expected {_FORMATS}")
    return arrays


def _first_line(error: Exception) -> str:
    # MXNet's messages carry a C++ stack trace
    lines = [line for line in str(error).splitlines() if line.strip()] or ["no details"]
    return lines[-1 if lines[0].startswith("Traceback") else 0].strip()


def _read(path: Path, file: IO[bytes], head: bytes) -> Any:
    if not head:
        raise WeightsError("the file is empty: copy or download it again.")
    if head.startswith(_PARAMS_MAGIC):
        return mx.nd.load(str(path))
    if head.startswith(b"PK\x03\x04"):
        return _read_zip(file)
    if head.startswith(b"\x80"):
        return _read_pickle(file)
    if head[8:9] == b"{":
        return _read_safetensors(file, path.stat().st_size)
    raise WeightsError(f"not a weight file of a known kind; expected {_FORMATS}")


def _read_zip(file: IO[bytes]) -> Any:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        params = [name for name in names if name.endswith(".params")]
        if len(params) == 1:
            return mx.nd.load_frombuffer(archive.read(params[0]))
        pickles = [name for name in names if name.rpartition("/")[2] == "data.pkl"]
        if len(pickles) != 1 or any("/code/" in name for name in names):
            raise WeightsError(f"the zip holds no state dict; expected {_FORMATS}")
        folder = pickles[0][: -len("data.pkl")]
        big = f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") == b"big"
        storages: dict[str, Storage] = {}

        def storage(kind: str, key: str, count: int) -> Storage:
            if key not in storages:
                storages[key] = Storage(kind, count)
                storages[key].fill(archive.read(f"{folder}data/{key}"), ">" if big else "<")
            return storages[key]

        with archive.open(pickles[0]) as stream:
            return plain(Unpickler(stream, storage).load())


def _read_pickle(file: IO[bytes]) -> Any:
    first = Unpickler(file).load()
    if first != _TORCH_MAGIC:
        return plain(first)
    Unpickler(file).load()  # the protocol's version, always 1001
    order = "<" if Unpickler(file).load().get("little_endian", True) else ">"
    storages: dict[str, Storage] = {}

    def storage(kind: str, key: str, count: int) -> Storage:
        return storages.setdefault(key, Storage(kind, count))

    tensors = Unpickler(file, storage).load()
    for key in Unpickler(file).load():
        wanted = storages[key]
        count = int.from_bytes(file.read(8), "little" if order == "<" else "big")
        if count != wanted.count:
            raise ValueError(f"a storage holds {count} numbers instead of {wanted.count}")
        wanted.fill(file.read(count * np.dtype(DTYPES[wanted.kind]).itemsize), order)
    return plain(tensors)


def _read_safetensors(file: IO[bytes], size: int) -> Any:
    length = int.from_bytes(file.read(8), "little")
    if length > size - 8:
        raise ValueError(f"the header claims {length} bytes of a file of {size}")
    header = json.loads(file.read(length).decode("utf-8"))
    body = memoryview(file.read())
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, stop = entry["data_offsets"]
        if not 0 <= start <= stop <= len(body):
            raise ValueError(f"{name} lies at bytes {start} to {stop} of {len(body)}")
        values = decode(body[start:stop], entry["dtype"])
        if min(entry["shape"], default=0) < 0 or values.size != math.prod(entry["shape"]):
            raise ValueError(f"{name} has {values.size} numbers for the shape {entry['shape']}")
        arrays[name] = values.reshape(entry["shape"])
    return arrays


def _flatten(found: Any) -> Arrays:
    if not isinstance(found, dict):
        return {}
    for wrapper in _WRAPPERS:
        # training scripts save the state dict next to the epoch and the optimizer
        if isinstance(found.get(wrapper), dict):
            found = found[wrapper]
            break
    arrays: Arrays = {}
    for name, value in found.items():
        parts = enumerate(value) if isinstance(value, list) else [(None, value)]
        for index, part in parts:
            if isinstance(part, (np.ndarray, mx.nd.NDArray)):
                arrays[str(name) if index is None else f"{name}.{index}"] = part
    if arrays and all(name.startswith("module.") for name in arrays):
        # torch.nn.DataParallel's prefix
        return {name[len("module.") :]: value for name, value in arrays.items()}
    return arrays
