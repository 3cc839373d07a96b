"""A VGG-11 small enough to write to disk in every test, and weight files made without PyTorch."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import sys
import types
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from gradcam_mx._mxnet import mx
from gradcam_mx.zoo import store, vgg

CONVOLUTIONS = [0, 3, 6, 8, 11, 13, 16, 18]  # their places in torchvision's vgg11 features


@pytest.fixture
def small_vgg(monkeypatch):
    """Make the builders build narrow nets: 2 channels, 8 hidden units."""
    monkeypatch.setattr(vgg, "FILTERS", (2,) * 5)
    monkeypatch.setattr(vgg, "HIDDEN", 8)


@pytest.fixture
def trained(small_vgg, tmp_path, monkeypatch):
    """A stand-in for the store's vgg11: arrays by torchvision's names, and its .params file."""
    rng = np.random.RandomState(0)
    arrays = OrderedDict()
    for position, place in enumerate(CONVOLUTIONS):
        shape = (2, 3 if position == 0 else 2, 3, 3)
        arrays[f"features.{place}.weight"] = rng.randn(*shape).astype("f4")
        arrays[f"features.{place}.bias"] = rng.randn(2).astype("f4")
    for place, shape in ((0, (8, 98)), (3, (8, 8)), (6, (1000, 8))):
        arrays[f"classifier.{place}.weight"] = rng.randn(*shape).astype("f4")
        arrays[f"classifier.{place}.bias"] = rng.randn(shape[0]).astype("f4")
    names = {"classifier.0": "features.21", "classifier.3": "features.23", "classifier.6": "output"}
    gluon = {}
    for name, value in arrays.items():
        layer, _, leaf = name.rpartition(".")
        gluon[f"{names.get(layer, layer)}.{leaf}"] = value
    source = tmp_path / "source.params"
    mx.nd.save(str(source), {name: mx.nd.array(value) for name, value in gluon.items()})
    sha1 = hashlib.sha1(source.read_bytes()).hexdigest()
    monkeypatch.setitem(store.SHA1, "vgg11", sha1)
    stem = f"vgg11-{sha1[:8]}"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(source, f"{stem}.params")
    return types.SimpleNamespace(
        torch=arrays,
        gluon=gluon,
        params=source,
        zip=packed.getvalue(),
        sha1=sha1,
        stem=stem,
        root=tmp_path / "models",
    )


@pytest.fixture
def assert_loaded(trained):
    """A check that a net holds exactly the trained arrays, on the contexts given."""

    def check(net, *contexts):
        parameters = net._collect_params_with_prefix()
        assert set(parameters) == set(trained.gluon)
        for name, parameter in parameters.items():
            assert set(parameter.list_ctx()) == set(contexts or [mx.cpu()])
            for data in parameter.list_data():
                np.testing.assert_array_equal(data.asnumpy(), trained.gluon[name])

    return check


class _Storage:
    def __init__(self, key, array, kind):
        self.key, self.array, self.kind = key, array, kind


class _Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.args = (storage, offset, shape, strides, False, OrderedDict())


@pytest.fixture
def torch_writer(monkeypatch):
    """PyTorch's two file formats, written with a stand-in for the torch module."""
    kinds = {"f2": "HalfStorage", "f4": "FloatStorage", "f8": "DoubleStorage", "i8": "LongStorage"}
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for kind in kinds.values():
        setattr(torch, kind, type(kind, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*_):
        raise AssertionError("only its name is written")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch._utils = utils

    class Pickler(pickle.Pickler):
        legacy = False

        def persistent_id(self, value):
            if isinstance(value, _Storage):
                pid = ("storage", getattr(torch, value.kind), value.key, "cpu", value.array.size)
                return (*pid, None) if self.legacy else pid
            return None

        def reducer_override(self, value):
            if isinstance(value, _Tensor):
                return _rebuild_tensor_v2, value.args
            return NotImplemented

    def tensors(arrays, storages):
        state = OrderedDict()
        for name, value in arrays.items():
            if isinstance(value, np.ndarray):
                storage = _Storage(str(len(storages)), value.ravel(), kinds[value.dtype.str[1:]])
                storages.append(storage)
                strides = tuple(step // value.itemsize for step in value.strides)
                value = _Tensor(storage, 0, value.shape, strides)
            elif isinstance(value, tuple):  # (index of a storage, offset, shape, strides)
                value = _Tensor(storages[value[0]], *value[1:])
            state[name] = value
        return state

    def write_zip(path, arrays):
        storages, stream = [], io.BytesIO()
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "torch", torch)
            patch.setitem(sys.modules, "torch._utils", utils)
            Pickler(stream, 2).dump(tensors(arrays, storages))
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", stream.getvalue())
            archive.writestr("archive/version", "3\n")
            for storage in storages:
                archive.writestr(f"archive/data/{storage.key}", storage.array.tobytes())
        return path

    def write_legacy(path, arrays):
        storages, stream = [], io.BytesIO()
        pickle.dump(0x1950A86A20F9469CFC6C, stream, 2)
        pickle.dump(1001, stream, 2)
        pickle.dump({"protocol_version": 1001, "little_endian": True, "type_sizes": {}}, stream, 2)
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "torch", torch)
            patch.setitem(sys.modules, "torch._utils", utils)
            pickler = Pickler(stream, 2)
            pickler.legacy = True
            pickler.dump(tensors(arrays, storages))
        pickle.dump([storage.key for storage in storages], stream, 2)
        for storage in storages:
            stream.write(storage.array.size.to_bytes(8, "little") + storage.array.tobytes())
        path.write_bytes(stream.getvalue())
        return path

    return types.SimpleNamespace(zip=write_zip, legacy=write_legacy)


@pytest.fixture
def write_safetensors():
    """The safetensors format, written from its description."""
    kinds = {"f2": "F16", "f4": "F32", "f8": "F64", "i8": "I64"}

    def write(path, arrays):
        header, body = {"__metadata__": {"format": "pt"}}, b""
        for name, value in arrays.items():
            header[name] = {
                "dtype": kinds[value.dtype.str[1:]],
                "shape": value.shape,
                "data_offsets": [len(body), len(body) + value.nbytes],
            }
            body += value.tobytes()
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + body)
        return path

    return write
