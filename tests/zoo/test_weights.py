"""Weight files of every kind: read, refused, and checked before anything is set."""

from __future__ import annotations

import pickle
import pickletools
import warnings
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from gradcam_mx import zoo
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import DeviceError, WeightsError
from gradcam_mx.zoo.fit import fit
from gradcam_mx.zoo.readers import read_arrays


@pytest.fixture(params=["params", "zip", "legacy", "safetensors", "store"])
def weight_file(request, trained, torch_writer, write_safetensors, tmp_path):
    """The same weights as a file of each kind, under a name that does not tell the kind."""
    path = tmp_path / "weights.bin"
    if request.param == "params":
        path.write_bytes(trained.params.read_bytes())
    elif request.param == "store":
        path.write_bytes(trained.zip)
    elif request.param == "safetensors":
        write_safetensors(path, trained.torch)
    else:
        getattr(torch_writer, request.param)(path, trained.torch)
    return path


def test_every_kind_of_file_gives_the_same_net(weight_file, assert_loaded, ctx):
    assert_loaded(zoo.vgg11(weights=weight_file, ctx=ctx), ctx)


def test_several_contexts_get_a_copy_each(weight_file, assert_loaded):
    contexts = [mx.cpu(0), mx.cpu(1)]
    net = zoo.vgg11(weights=str(weight_file), ctx=contexts)
    assert_loaded(net, *contexts)
    photo = mx.nd.random.normal(shape=(1, 3, 224, 224))
    outputs = [net(photo.as_in_context(one)) for one in contexts]
    assert [output.context for output in outputs] == contexts
    np.testing.assert_array_equal(outputs[0].asnumpy(), outputs[1].asnumpy())


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_truncated_files_are_called_damaged(weight_file, kept):
    raw = weight_file.read_bytes()
    weight_file.write_bytes(raw[: int(len(raw) * kept)])
    with pytest.raises(WeightsError, match="damaged or truncated") as caught:
        zoo.vgg11(weights=weight_file)
    assert str(weight_file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_batch_norm_of_torchvision(small_vgg, write_safetensors, torch_writer, tmp_path, ctx):
    source = zoo.vgg11_bn(pretrained=False)
    source.initialize(mx.init.Normal(1))
    source(mx.nd.zeros((1, 3, 224, 224)))
    rng = np.random.RandomState(0)
    theirs, expected = OrderedDict(), {}
    leaves = {"gamma": "weight", "beta": "bias"}
    blocks = {
        "features.29": "classifier.0",
        "features.31": "classifier.3",
        "output": "classifier.6",
    }
    for key, parameter in source._collect_params_with_prefix().items():
        block, _, leaf = key.rpartition(".")
        expected[key] = rng.rand(*parameter.shape).astype("f4")
        theirs[f"{blocks.get(block, block)}.{leaves.get(leaf, leaf)}"] = expected[key]
        if leaf == "running_var":
            theirs[f"{block}.num_batches_tracked"] = np.array(7)
    assert "features.1.running_mean" in theirs
    for path in (
        torch_writer.zip(tmp_path / "a.pth", theirs),
        torch_writer.legacy(tmp_path / "b.pth", theirs),
        write_safetensors(tmp_path / "c.safetensors", theirs),
    ):
        net = zoo.vgg11_bn(weights=path, ctx=ctx)
        for key, parameter in net._collect_params_with_prefix().items():
            np.testing.assert_array_equal(parameter.data(ctx).asnumpy(), expected[key])


def test_exported_nets_and_wrapped_state_dicts(trained, torch_writer, assert_loaded, tmp_path):
    net = zoo.vgg11(weights=trained.params)
    net.hybridize()
    net(mx.nd.zeros((1, 3, 224, 224)))
    net.export(str(tmp_path / "exported"))
    assert_loaded(zoo.vgg11(weights=tmp_path / "exported-0000.params"))

    parallel = OrderedDict((f"module.{name}", value) for name, value in trained.torch.items())
    path = torch_writer.zip(tmp_path / "parallel.pth", parallel)
    assert_loaded(zoo.vgg11(weights=path))


@pytest.mark.parametrize("dtype", ["f2", "f8"])
def test_other_float_types_are_converted(trained, write_safetensors, tmp_path, dtype):
    arrays = {name: value.astype(dtype) for name, value in trained.torch.items()}
    net = zoo.vgg11(weights=write_safetensors(tmp_path / "x.safetensors", arrays))
    data = net.features[0].weight.data()
    assert data.dtype == np.float32
    np.testing.assert_array_equal(data.asnumpy(), arrays["features.0.weight"].astype("f4"))


def test_safetensors_package_agrees(trained, assert_loaded, tmp_path):
    numpy_format = pytest.importorskip("safetensors.numpy")
    numpy_format.save_file(trained.torch, str(tmp_path / "x.safetensors"))
    assert_loaded(zoo.vgg11(weights=tmp_path / "x.safetensors"))


def test_views_share_and_reorder_their_storage(torch_writer, tmp_path):
    base = np.arange(24, dtype="f4").reshape(2, 3, 4)
    state = {"all": base, "turned": (0, 0, (4, 3, 2), (1, 4, 12)), "part": (0, 13, (2, 2), (4, 1))}
    for write in (torch_writer.zip, torch_writer.legacy):
        found = read_arrays(write(tmp_path / "views.pth", state))
        np.testing.assert_array_equal(found["turned"], base.T)
        np.testing.assert_array_equal(found["part"], base[1, :2, 1:3])


def test_bfloat16(tmp_path):
    header = b'{"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}'
    numbers = (0x3FC0).to_bytes(2, "little") + (0xC000).to_bytes(2, "little")
    path = tmp_path / "half.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + numbers)
    np.testing.assert_array_equal(read_arrays(path)["w"], np.float32([1.5, -2]))


@pytest.mark.parametrize(
    "view",
    [(0, 24, (1,), (1,)), (0, 0, (2, 13), (12, 1)), (0, -1, (2,), (1,)), (0, 3, (2,), (-1,))],
)
def test_views_outside_their_storage_are_refused(torch_writer, tmp_path, view):
    state = {"all": np.arange(24, dtype="f4"), "bad": view}
    for write in (torch_writer.zip, torch_writer.legacy):
        with pytest.raises(WeightsError, match="damaged"):
            read_arrays(write(tmp_path / "views.pth", state))


class Hostile:
    """Pickles to a call that creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("kind", ["plain", "zip", "legacy"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_hostile_pickles_are_refused_and_not_run(tmp_path, kind, protocol):
    marker, path = tmp_path / "marker", tmp_path / "weights.pth"
    payload = pickle.dumps({"w": Hostile(marker)}, protocol)
    if kind == "plain":
        path.write_bytes(payload)
    elif kind == "legacy":
        start = b"".join(pickle.dumps(item, 2) for item in (0x1950A86A20F9469CFC6C, 1001, {}))
        path.write_bytes(start + payload)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", payload)
    with pytest.raises(WeightsError, match=r"(io|builtins|_io)\.open") as caught:
        zoo.vgg11(weights=path)
    assert "nothing was run" in str(caught.value)
    assert not marker.exists()
    pickle.loads(payload)["w"].close()
    assert marker.exists(), "the payload would have run"


def test_a_pickle_cannot_change_how_the_next_one_is_read(tmp_path):
    tampering = b"\x80\x02ccollections\nOrderedDict\nN}X\x05\x00\x00\x00_makeK\x07s\x86b0}."
    assert "BUILD" in [op.name for op, _, _ in pickletools.genops(tampering)]
    (tmp_path / "bad.pkl").write_bytes(tampering)
    with pytest.raises(WeightsError):
        read_arrays(tmp_path / "bad.pkl")
    good = pickle.dumps(OrderedDict(w=np.arange(3.0)), 2)
    (tmp_path / "good.pkl").write_bytes(good)
    # protocol 2 writes bytes through _codecs.encode, which is not on the list
    with pytest.raises(WeightsError, match=r"_codecs\.encode"):
        read_arrays(tmp_path / "good.pkl")
    (tmp_path / "good.pkl").write_bytes(pickle.dumps(OrderedDict(w=np.arange(3.0)), 3))
    np.testing.assert_array_equal(read_arrays(tmp_path / "good.pkl")["w"], [0, 1, 2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"<html>not found</html>", "not a weight file of a known kind"),
        (pickle.dumps([1, 2]), "holds no named arrays"),
        (pickle.dumps({"epoch": 3}), "holds no named arrays"),
        (b"\xff" * 7 + b"\x7f" + b"{}", "damaged"),
        (b"\x05\0\0\0\0\0\0\0{nope", "damaged"),
        (
            b'\x40\0\0\0\0\0\0\0{"w": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}  ',
            "damaged",
        ),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    path = tmp_path / "weights"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message) as caught:
        zoo.vgg11(weights=path)
    assert str(path) in str(caught.value)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(WeightsError, match="no weight file"):
        zoo.vgg11(weights=tmp_path / "none.params")
    with pytest.raises(WeightsError, match="cannot be read"):
        zoo.vgg11(weights=tmp_path)


def test_nothing_is_set_if_one_shape_is_wrong(trained):
    net = zoo.vgg11(pretrained=False)
    net.initialize()
    net(mx.nd.zeros((1, 3, 224, 224)))
    before = {name: p.data().asnumpy() for name, p in net.collect_params().items()}
    arrays = {name: mx.nd.array(value) for name, value in trained.gluon.items()}
    arrays["features.23.weight"] = mx.nd.zeros((8, 9))
    del arrays["output.bias"]
    arrays["extra.weight"] = mx.nd.zeros((2, 2))
    with pytest.raises(WeightsError) as caught:
        fit(net, arrays, source="mine.params")
    message = str(caught.value)
    assert "mine.params does not fit the net; nothing was loaded" in message
    assert "features.23.weight: shape (8, 9), expected (8, 8)" in message
    assert "output.bias: missing, expected shape (1000,)" in message
    assert "extra.weight: shape (2, 2), the net has no such parameter" in message
    for name, parameter in net.collect_params().items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), before[name])


def test_only_the_first_problems_are_listed(trained, tmp_path):
    mx.nd.save(str(tmp_path / "x.params"), {"other.weight": mx.nd.zeros((1,))})
    with pytest.raises(WeightsError, match="and 18 more") as caught:
        zoo.vgg11(weights=tmp_path / "x.params")
    assert str(caught.value).count("missing") == 5


def test_whole_numbers_are_no_weights(trained):
    arrays = {**trained.gluon, "features.0.bias": np.zeros(2, "i8")}
    with pytest.raises(WeightsError, match=r"features\.0\.bias: type int64"):
        fit(zoo.vgg11(pretrained=False), arrays, source="x")


def test_other_classes_load_the_features_and_say_so(trained, ctx):
    with pytest.warns(UserWarning, match="only the features were loaded") as caught:
        net = zoo.vgg11(weights=trained.params, classes=10, ctx=ctx)
    assert len(caught) == 1
    for key, parameter in net._collect_params_with_prefix().items():
        found = parameter.data(ctx).asnumpy()
        if key.startswith("features"):
            np.testing.assert_array_equal(found, trained.gluon[key])
        else:
            assert found.shape[0] == 10
    assert np.abs(net.output.weight.data(ctx).asnumpy()).max() > 0
    assert net(mx.nd.zeros((2, 3, 224, 224), ctx=ctx)).shape == (2, 10)


def test_weights_for_these_classes_are_loaded_whole(trained, tmp_path):
    with pytest.warns(UserWarning, match="only the features"):
        net = zoo.vgg11(weights=trained.params, classes=10)
    net.save_parameters(str(tmp_path / "ten.params"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = zoo.vgg11(weights=tmp_path / "ten.params", classes=10)
    np.testing.assert_array_equal(
        again.output.weight.data().asnumpy(), net.output.weight.data().asnumpy()
    )
    with pytest.raises(WeightsError, match=r"output.weight: shape \(10, 8\), expected \(1000, 8\)"):
        zoo.vgg11(weights=tmp_path / "ten.params")


def test_loading_leaves_the_random_state_alone(trained):
    mx.random.seed(3)
    expected = mx.nd.random.uniform(shape=4).asnumpy()
    mx.random.seed(3)
    zoo.vgg11(weights=trained.params)
    np.testing.assert_array_equal(mx.nd.random.uniform(shape=4).asnumpy(), expected)


@pytest.mark.skipif(mx.context.num_gpus() > 0, reason="there is a GPU")
def test_a_gpu_that_does_not_exist(trained):
    with pytest.raises(DeviceError, match=r"gpu\(0\)"):
        zoo.vgg11(weights=trained.params, ctx=mx.gpu(0))
