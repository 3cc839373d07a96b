"""What an ONNX file says: its operators, its numbers, the layout of its pictures."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Collection, Iterable, Iterator, NamedTuple, Sequence

import numpy as np

from ..errors import NetworkError
from ..support.optional import optional

_TO_NCHW, _CONVOLUTIONS = (0, 3, 1, 2), ("Conv", "ConvTranspose", "ConvInteger", "QLinearConv")
_CHANNELS = (1, 3, 4)
"""So many channels have pictures."""


class OnnxNode(NamedTuple):
    """An operator of an ONNX file."""

    op: str
    name: str
    """Of the node, or of its first output where it has none."""
    attributes: dict[str, Any]
    """Numbers, texts, lists of them, and numpy arrays."""
    inputs: tuple[str, ...]
    """Names of values; "" for one that is left out."""
    outputs: tuple[str, ...]


class OnnxModel:
    """An ONNX file, read and not run.

    Args:
        path: the file.

    Raises:
        NetworkError: it is no ONNX file, or cut short.
        DependencyError: onnx is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._onnx = optional("onnx", "ONNX files are read", "migrate")
        self.path = path
        try:
            self.content = path.read_bytes()
        except OSError as error:
            raise NetworkError(f"{path} cannot be read: {error.strerror or error}") from error
        self._proto = self._onnx.ModelProto()
        try:
            self._proto.ParseFromString(self.content)
        except Exception as error:  # of protobuf, whose errors have no common name
            raise NetworkError(
                f"{path} is no ONNX file, or cut short ({error}): copy or export it again"
            ) from error
        if not self._proto.graph.node:
            raise NetworkError(f"{path} is no ONNX file, or one without a single operator")

    def nodes(self) -> list[OnnxNode]:
        """The operators in the order in which they run; the bodies of loops are left out."""
        return [self._read(node) for node in self._proto.graph.node]

    def parameters(self) -> dict[str, np.ndarray]:
        """The numbers that are kept in the file, or in files beside it, by name."""
        read = self._onnx.numpy_helper.to_array
        return {one.name: read(one, str(self.path.parent)) for one in self._proto.graph.initializer}

    def digest(self) -> str:
        """SHA-256 of the file's bytes, and of those of the files beside it that it reads."""
        found = hashlib.sha256(self.content)
        for place in sorted(self._files_beside()):
            found.update(place.encode())
            found.update((self.path.parent / place).read_bytes())
        return found.hexdigest()

    def _files_beside(self) -> set[str]:
        return {
            entry.value
            for one in self._proto.graph.initializer
            for entry in one.external_data
            if entry.key == "location"
        }

    @property
    def outputs(self) -> list[str]:
        """The names of its outputs."""
        return [one.name for one in self._proto.graph.output]

    @property
    def version(self) -> int:
        """Of ONNX's own operators, as they are meant."""
        found = [one.version for one in self._proto.opset_import if one.domain in ("", "ai.onnx")]
        return max(found, default=1)

    def made(self) -> list[str]:
        """The names of all values that operators make, in their order."""
        return [name for node in self._proto.graph.node for name in node.output if name]

    def depending(self, inputs: Collection[str]) -> set[str]:
        """The names of the values that depend on inputs."""
        found = set(inputs)
        for node in self._proto.graph.node:
            read = {*node.input, *_read_inside(node)}
            if read & found:
                found.update(node.output)
        return found

    def with_outputs(self, names: Iterable[str]) -> bytes:
        """The file with other values as outputs, behind its own, and without inputs that no
        operator reads, such as the labels of MXNet's loss heads."""
        proto = self._onnx.ModelProto()
        proto.CopyFrom(self._proto)
        read = self._read_names()
        for unread in [one for one in proto.graph.input if one.name not in read]:
            proto.graph.input.remove(unread)
        there = {one.name for one in proto.graph.output}
        for name in names:
            if name not in there:
                proto.graph.output.append(self._onnx.ValueInfoProto(name=name))
        for one in proto.graph.initializer:
            if one.external_data:  # the bytes alone do not tell where the files are
                self._onnx.external_data_helper.load_external_data_for_tensor(
                    one, str(self.path.parent)
                )
                one.data_location = self._onnx.TensorProto.DEFAULT
                del one.external_data[:]
        return bytes(proto.SerializeToString())

    def _read_names(self) -> set[str]:
        nodes = self._proto.graph.node
        read = {name for node in nodes for name in (*node.input, *_read_inside(node))}
        return read.union(self.outputs, (one.name for one in self._proto.graph.initializer))

    def layout(self, name: str, shape: Sequence[Any]) -> str:
        """Where the channels of an input are: "NCHW" or "NHWC".

        ONNX knows convolutions with the channels at axis 1 alone, so a file of pictures with the
        channels last moves them there first. Where nothing tells, it is the number of channels.

        Args:
            name: of the input.
            shape: of the input; what is no number is any size.
        """
        seen = {name}
        for node in self._proto.graph.node:
            if not seen & set(node.input[:1]):
                continue
            if node.op_type in _CONVOLUTIONS:
                return "NCHW"
            if node.op_type == "Transpose":
                order = self._read(node).attributes.get("perm")
                return "NHWC" if tuple(order or ()) == _TO_NCHW else "NCHW"
            seen.update(node.output)
        is_last = len(shape) == 4 and shape[3] in _CHANNELS and shape[1] not in _CHANNELS
        return "NHWC" if is_last else "NCHW"

    def makers(self) -> dict[str, OnnxNode]:
        """Name of a value → the operator that makes it."""
        return {name: node for node in self.nodes() for name in node.outputs}

    def _read(self, node: Any) -> OnnxNode:
        attributes = {one.name: self._number(one) for one in node.attribute}
        name = node.name or (node.output[0] if node.output else "")
        return OnnxNode(node.op_type, name, attributes, tuple(node.input), tuple(node.output))

    def _number(self, attribute: Any) -> Any:
        value = self._onnx.helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            return value.decode(errors="replace")
        if isinstance(value, self._onnx.TensorProto):
            return self._onnx.numpy_helper.to_array(value, str(self.path.parent))
        if hasattr(value, "__len__") and not isinstance(value, str):
            return [one.decode() if isinstance(one, bytes) else one for one in value]
        return value


def _read_inside(node: Any) -> Iterator[str]:
    """What the bodies of a loop or a condition read."""
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from inner.input
            yield from _read_inside(inner)
