"""Networks read from files alone."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import DeviceError, NetworkError, WeightsError

SIZE = 16
X = np.random.RandomState(0).rand(2, 3, SIZE, SIZE).astype(np.float32)
METHODS = {
    "grad_cam": gm.grad_cam,
    "guided_backprop": gm.guided_backprop,
    "guided_grad_cam": gm.guided_grad_cam,
    "saliency": gm.saliency,
}


def vgg(nn):
    net = nn.HybridSequential(prefix="vgg_")
    with net.name_scope():
        net.add(
            nn.Conv2D(6, 3, padding=1),
            nn.Activation("relu"),
            nn.MaxPool2D(),
            nn.Conv2D(8, 3, padding=1),
            nn.Activation("relu"),
            nn.MaxPool2D(),
            nn.Flatten(),
            nn.Dense(12, activation="relu"),
            nn.Dropout(0.5),
            nn.Dense(5),
        )
    return net


class Residual(mx.gluon.HybridBlock):
    """Batch normalisation, with and without scale, a PReLU, a branch, a functional ReLU."""

    def __init__(self):
        super().__init__(prefix="residual_")
        nn = mx.gluon.nn
        with self.name_scope():
            self.stem = nn.Conv2D(6, 3, padding=1, use_bias=False)
            self.fixed = nn.BatchNorm(scale=False)
            self.slope = nn.PReLU()
            self.body = nn.Conv2D(6, 3, padding=1)
            self.norm = nn.BatchNorm()
            self.classify = nn.Dense(5)

    def hybrid_forward(self, F, x):
        x = self.slope(self.fixed(self.stem(x)))
        x = F.relu(self.norm(self.body(x)) + x)
        return self.classify(F.Pooling(x, global_pool=True, pool_type="avg", kernel=(1, 1)))


NETS = {"vgg": lambda: vgg(mx.gluon.nn), "drop-in vgg": lambda: vgg(gm.nn), "residual": Residual}


def make_net(kind, ctx=None, seed=0):
    mx.random.seed(seed)
    net = NETS[kind]()
    net.initialize(mx.init.Xavier(magnitude=3), ctx=ctx or mx.cpu())
    net.hybridize()
    net(mx.nd.array(X, ctx=ctx))
    rng = np.random.RandomState(seed)
    for parameter in net.collect_params().values():
        if parameter.name.endswith(("running_mean", "beta", "running_var", "gamma")):
            parameter.set_data(mx.nd.array(rng.uniform(0.5, 1.5, parameter.shape)))
    return net


@pytest.fixture
def exported(tmp_path):
    """A net, and the prefix it was exported under at epoch 7."""
    net = make_net("vgg")
    net.export(str(tmp_path / "net"), epoch=7)
    return net, tmp_path / "net"


def symbol_of(prefix):
    return Path(f"{prefix}-symbol.json")


def params_of(prefix, epoch=7):
    return Path(f"{prefix}-{epoch:04d}.params")


def resave(source, target, change):
    """Write the arrays of a .params file as `change` makes them."""
    mx.nd.save(str(target), change(mx.nd.load(str(source))))


def check_same(graph, net, ctx=None):
    x = mx.nd.array(X, ctx=ctx)
    for method in METHODS.values():
        np.testing.assert_array_equal(method(graph, X).values, method(net, x).values)


# ------------------------------------------------------------------------------- what can be loaded


@pytest.mark.parametrize("kind", NETS)
def test_an_exported_net_is_explained_as_the_net_itself(kind, ctx, tmp_path):
    net = make_net(kind, ctx)
    net.export(str(tmp_path / "net"))
    graph = gm.load(tmp_path / "net", ctx=ctx)
    check_same(graph, net, ctx)
    assert {array.context for array in graph.parameters.on(ctx).values()} == {ctx}
    assert graph.parameters.contexts() == [ctx]
    np.testing.assert_array_equal(
        gm.grad_cam(graph, X).heatmap(), gm.grad_cam(net, mx.nd.array(X, ctx=ctx)).heatmap()
    )


@pytest.mark.parametrize("kind", NETS)
def test_an_export_holds_native_operators_only(kind, tmp_path):
    """What the drop-in layers do in autograd code must not get into files."""
    make_net(kind).export(str(tmp_path / "net"))
    nodes = json.loads(symbol_of(tmp_path / "net").read_text())["nodes"]
    operators = {node["op"] for node in nodes}
    assert operators <= {
        "null",
        "Activation",
        "BatchNorm",
        "Convolution",
        "Dropout",
        "Flatten",
        "FullyConnected",
        "LeakyReLU",
        "Pooling",
        "elemwise_add",
        "relu",
    }


def test_ways_to_name_the_symbol(exported, monkeypatch):
    net, prefix = exported
    expected = gm.saliency(net, X).values
    for given in (symbol_of(prefix), prefix, prefix.parent, str(prefix), str(symbol_of(prefix))):
        np.testing.assert_array_equal(gm.saliency(gm.load(given), X).values, expected)
    monkeypatch.chdir(prefix.parent)
    monkeypatch.setenv("HOME", str(prefix.parent))
    for given in ("net", "net-symbol.json", ".", "~/net", Path("~/net-symbol.json"), "~"):
        np.testing.assert_array_equal(gm.saliency(gm.load(given), X).values, expected)
    np.testing.assert_array_equal(
        gm.saliency(gm.load("net", "~/net-0007.params"), X).values, expected
    )


def test_epochs(tmp_path):
    nets = {}
    for epoch in (2, 10, 9):
        nets[epoch] = make_net("vgg", seed=epoch)
        nets[epoch].export(str(tmp_path / "net"), epoch=epoch)
    make_net("vgg", seed=99).export(str(tmp_path / "net-2"), epoch=11)
    symbol_of(tmp_path / "net-2").unlink()
    for given, epoch in ((None, 10), (2, 2), (9, 9)):
        check_same(gm.load(tmp_path, epoch=given), nets[epoch])
    check_same(gm.load(tmp_path / "net", params_of(tmp_path / "net", 9)), nets[9])
    with pytest.raises(WeightsError, match=r"no parameters of epoch 3 for .*; there are 2, 9, 10$"):
        gm.load(tmp_path, epoch=3)


def test_names_with_and_without_their_kind_and_more_than_needed(exported):
    net, prefix = exported
    path = params_of(prefix)
    resave(
        path,
        path,
        lambda arrays: {
            **{name.split(":")[1]: array for name, array in arrays.items()},
            "vgg_dense9_weight": mx.nd.ones((2, 2)),
        },
    )
    check_same(gm.load(prefix), net)


def test_a_symbol_block_gives_the_same_files(exported, tmp_path):
    net, prefix = exported
    block = mx.gluon.SymbolBlock.imports(str(symbol_of(prefix)), ["data"], str(params_of(prefix)))
    block.save_parameters(str(tmp_path / "block.params"))
    check_same(gm.load(prefix, tmp_path / "block.params"), net)


def test_numpy_arrays_of_mxnet(exported, tmp_path):
    """A net trained under npx.set_np is saved in a format of its own."""
    net, prefix = exported
    arrays = mx.nd.load(str(params_of(prefix)))
    with mx.util.np_shape(True), mx.util.np_array(True):
        mx.npx.save(
            str(tmp_path / "numpy.params"),
            {name: array.as_np_ndarray() for name, array in arrays.items()},
        )
    with pytest.raises(mx.MXNetError, match="np_shape"):
        mx.nd.load(str(tmp_path / "numpy.params"))
    check_same(gm.load(prefix, tmp_path / "numpy.params"), net)
    assert not mx.util.is_np_shape()
    pack(
        tmp_path / "model.tar",
        {
            "net-symbol.json": symbol_of(prefix).read_bytes(),
            "net-0000.params": (tmp_path / "numpy.params").read_bytes(),
        },
    )
    check_same(gm.load(tmp_path / "model.tar"), net)


def module_net(prefix, epoch=3):
    """What mx.mod.Module and SageMaker's image classification save; the same without the loss."""
    data = mx.sym.BatchNorm(mx.sym.var("data"), fix_gamma=True, name="bn_data")
    y = mx.sym.Convolution(data, kernel=(3, 3), num_filter=6, name="conv0")
    y = mx.sym.Activation(mx.sym.BatchNorm(y, fix_gamma=False, name="bn0"), act_type="relu")
    y = mx.sym.Pooling(y, global_pool=True, kernel=(1, 1), pool_type="avg")
    score = mx.sym.FullyConnected(mx.sym.Flatten(y), num_hidden=4, name="fc")
    symbol = mx.sym.SoftmaxOutput(score, name="softmax")
    mx.random.seed(1)
    module = mx.mod.Module(symbol)
    module.bind([("data", X.shape)], [("softmax_label", (len(X),))])
    module.init_params(mx.init.Xavier(magnitude=3))
    module.save_checkpoint(str(prefix), epoch)
    return score, *module.get_params()


def test_a_module_checkpoint(tmp_path, ctx):
    score, arguments, auxiliary = module_net(tmp_path / "model_algo_1")
    expected = gm.saliency((score, arguments, auxiliary), X, target=2)
    graph = gm.load(tmp_path, ctx=ctx)
    found = gm.saliency(graph, X, target=2)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.score, expected.score)


def test_a_symbol_of_an_old_version(exported):
    """MXNet below 1.0 wrote "attr" or "param" for "attrs", and no auxiliary states as inputs."""
    net, prefix = exported
    path = symbol_of(prefix)
    symbol = json.loads(path.read_text())
    for node in symbol["nodes"]:
        if "attrs" in node:
            node["attr" if node["op"] == "null" else "param"] = node.pop("attrs")
        node["inputs"] = [entry[:2] for entry in node["inputs"]]
    del symbol["attrs"], symbol["node_row_ptr"]
    symbol["heads"] = [head[:2] for head in symbol["heads"]]
    path.write_text(json.dumps(symbol))
    check_same(gm.load(prefix), net)


def test_every_parameter_is_read_once(exported, monkeypatch):
    _, prefix = exported
    calls = []
    read = mx.nd.load
    monkeypatch.setattr(mx.nd, "load", lambda path: calls.append(path) or read(path))
    graph = gm.load(prefix)
    gm.saliency(graph, X)
    gm.grad_cam(graph, X)
    assert calls == [str(params_of(prefix))]


# ----------------------------------------------------------------------------------------- archives


def pack(path, files, more=()):
    """An archive of files (name → content), and of other members."""
    with tarfile.open(path, f"w:{'' if path.suffix == '.tar' else 'gz'}") as archive:
        for member in more:
            archive.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def contents(prefix):
    return {
        f"image-classification{path.name[len('net') :]}": path.read_bytes()
        for path in (symbol_of(prefix), params_of(prefix))
    }


@pytest.mark.parametrize("name", ["model.tar.gz", "model.tgz", "model.tar"])
@pytest.mark.parametrize("folder", ["", "./", "export/deep/"])
def test_an_archive_is_read_where_it_is(exported, tmp_path, monkeypatch, ctx, name, folder):
    net, prefix = exported
    link = tarfile.TarInfo("latest-symbol.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    files = {f"{folder}{member}": content for member, content in contents(prefix).items()}
    files.update(
        {
            "model-shapes.json": b"[]",
            "._x-symbol.json": b"Mac OS X",
            "notes.txt": b"x",
            "../../outside.params": b"x",
            "code/train.py": b"raise SystemExit",
        }
    )
    path = pack(tmp_path / name, files, [link])
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(tarfile.TarFile, "extract", None)
    monkeypatch.setattr(tarfile.TarFile, "extractall", None)
    check_same(gm.load(path, ctx=ctx), net)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_epochs_of_an_archive(exported, tmp_path):
    net, prefix = exported
    files = contents(prefix)
    later = make_net("vgg", seed=5)
    later.export(str(tmp_path / "later"), epoch=12)
    files["image-classification-0012.params"] = params_of(tmp_path / "later", 12).read_bytes()
    path = pack(tmp_path / "model.tar.gz", files)
    check_same(gm.load(path), later)
    check_same(gm.load(path, epoch=7), net)
    check_same(gm.load(path, params_of(prefix)), net)
    with pytest.raises(WeightsError, match=r"epoch 1 .*model\.tar\.gz; there are 7, 12"):
        gm.load(path, epoch=1)


def test_archives_that_hold_no_single_network(exported, tmp_path):
    _, prefix = exported
    files = contents(prefix)
    two = {**files, **{f"b/{name}": content for name, content in files.items()}}
    path = pack(tmp_path / "two.tar.gz", two)
    with pytest.raises(
        NetworkError,
        match=r"several networks \(b/image-classification-symbol\."
        r"json, image-classification-symbol\.json\).*unpacked",
    ):
        gm.load(path)
    path = pack(tmp_path / "none.tar.gz", {"a.txt": b"x"})
    with pytest.raises(NetworkError, match=r"no network.*-symbol\.json in it, found a\.txt"):
        gm.load(path)
    path = pack(tmp_path / "half.tar.gz", dict(list(files.items())[:1]))
    with pytest.raises(WeightsError, match=r"no parameters for image-.*files there: none"):
        gm.load(path)


@pytest.mark.parametrize("keep", [0, 10, 600, -200])
def test_damaged_archives(exported, tmp_path, keep):
    _, prefix = exported
    path = pack(tmp_path / "model.tar.gz", contents(prefix))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises((NetworkError, WeightsError), match=r"model\.tar\.gz.* (damaged|cannot)"):
        gm.load(path)


# ------------------------------------------------------------------------------------------- errors


@pytest.mark.usefixtures("exported")
def test_no_such_symbol(tmp_path):
    for given in ("nett", "nett-symbol.json", "net.json"):
        with pytest.raises(
            NetworkError,
            match=f"prefix .*/{given}: looked for it and for "
            rf"{given}-symbol\.json in {tmp_path} "
            r"\(symbols there: net-symbol\.json\)",
        ):
            gm.load(tmp_path / given)
    with pytest.raises(NetworkError, match="symbols there: no folder"):
        gm.load(tmp_path / "nowhere" / "net")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NetworkError, match=r"empty holds no network.*found none"):
        gm.load(tmp_path / "empty")
    make_net("vgg").export(str(tmp_path / "other"))
    with pytest.raises(
        NetworkError,
        match=r"several networks \(net-symbol\.json, other-symbol\."
        r"json\): pass the symbol file of one$",
    ):
        gm.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no network's symbol, or cut short"),
        (b"\x00\xff\xfe", "no network's symbol"),
        (b'{"nodes": [', "cut short"),
        (b"[1, 2]", "not a network's symbol"),
        (b'{"nodes": []}', "not a network's symbol"),
        (b'{"epochs": 3}', "not a network's symbol"),
        (b'{"nodes": [{"op": "null"}], "heads": []}', "Missing field"),
        (
            b'{"nodes": [{"op": "Magic", "name": "a", "inputs": []}], "arg_nodes": [], '
            b'"heads": [[0, 0, 0]]}',
            "Magic",
        ),
    ],
    ids=str,
)
def test_files_that_are_no_symbol(exported, content, said):
    _, prefix = exported
    symbol_of(prefix).write_bytes(content)
    with pytest.raises(NetworkError, match=rf"net-symbol\.json.*{said}"):
        gm.load(prefix)


def test_parameters_given_as_the_symbol(exported):
    _, prefix = exported
    with pytest.raises(NetworkError, match=r"expected the JSON that net\.export writes"):
        gm.load(params_of(prefix))


def test_no_such_parameters(exported, tmp_path):
    _, prefix = exported
    with pytest.raises(
        WeightsError,
        match=r"no file .*/x\.params \(parameter files in "
        rf"{tmp_path}: net-0007\.params\)",
    ):
        gm.load(prefix, tmp_path / "x.params")
    with pytest.raises(WeightsError, match="pass one of the two"):
        gm.load(prefix, params_of(prefix), epoch=7)
    params_of(prefix).rename(tmp_path / "best.params")
    with pytest.raises(
        WeightsError,
        match=r"looked for files like net-0000\.params \(parameter "
        r"files there: best\.params\)",
    ):
        gm.load(prefix)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: content[:-100],
        lambda content: content[:20],
        lambda content: b"PK\x03\x04" + content,
        lambda content: b"no parameters " * 100,
    ],
    ids=["empty", "cut", "only a head", "zip", "text"],
)
def test_damaged_parameters(exported, spoil):
    _, prefix = exported
    path = params_of(prefix)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(WeightsError, match=r"net-0007\.params is cut short, damaged, or no"):
        gm.load(prefix)


def test_arrays_without_names(exported):
    _, prefix = exported
    mx.nd.save(str(params_of(prefix)), [mx.nd.ones((2, 2))])
    with pytest.raises(WeightsError, match="arrays without names"):
        gm.load(prefix)


def test_what_save_parameters_wrote(exported, tmp_path):
    net, prefix = exported
    net.save_parameters(str(tmp_path / "net.params"))
    with pytest.raises(
        WeightsError,
        match=r"lacks 8 parameters.* vgg_conv0_weight, .* and 3 more\."
        r" Its names, such as '\d\.\w+', are of net\."
        r"save_parameters.*that net\.export wrote",
    ):
        gm.load(prefix, tmp_path / "net.params")


@pytest.mark.parametrize("kind", NETS)
def test_each_parameter_is_missed(kind, tmp_path):
    net = make_net(kind)
    net.export(str(tmp_path / "net"))
    path = params_of(tmp_path / "net", 0)
    for name in net.collect_params():
        resave(
            path,
            tmp_path / "less.params",
            lambda arrays, name=name: {
                key: array for key, array in arrays.items() if not key.endswith(f":{name}")
            },
        )
        with pytest.raises(WeightsError, match=f"lacks 1 parameters .*: {name}. It holds"):
            gm.load(tmp_path / "net", tmp_path / "less.params")


OFFSET = mx.sym.var("offset")
NEEDED = {
    "Deconvolution": lambda x: mx.sym.Deconvolution(x, kernel=(3, 3), num_filter=2, name="y"),
    "InstanceNorm": lambda x: mx.sym.InstanceNorm(x, name="y"),
    "LayerNorm": lambda x: mx.sym.LayerNorm(x, name="y"),
    "GroupNorm": lambda x: mx.sym.GroupNorm(x, name="y"),
    "Embedding": lambda x: mx.sym.Embedding(x, input_dim=3, output_dim=2, name="y"),
    "RNN": lambda x: mx.sym.RNN(
        x, mx.sym.var("y_parameters"), OFFSET, state_size=3, num_layers=1, mode="gru"
    ),
    "DeformableConvolution": lambda x: mx.sym.contrib.DeformableConvolution(
        x, OFFSET, kernel=(3, 3), num_filter=2, name="y"
    ),
    "ModulatedDeformableConvolution": lambda x: mx.sym.contrib.ModulatedDeformableConvolution(
        x, OFFSET, OFFSET, kernel=(3, 3), num_filter=2, name="y"
    ),
    "SyncBatchNorm": lambda x: mx.sym.contrib.SyncBatchNorm(x, key="k", name="y"),
    "BatchNormWithReLU": lambda x: mx.sym.contrib.BatchNormWithReLU(x, name="y"),
}


@pytest.mark.parametrize("make", NEEDED.values(), ids=NEEDED)
def test_which_variables_are_parameters(make, tmp_path):
    symbol = make(mx.sym.var("data"))
    mx.model.save_checkpoint(str(tmp_path / "net"), 0, symbol, {"other": mx.nd.ones(1)}, {})
    needed = [name for name in symbol.list_inputs() if name not in ("data", "offset")]
    listed = ", ".join(needed)
    with pytest.raises(WeightsError, match=rf"lacks {len(needed)} .* needs: {listed}\. "):
        gm.load(tmp_path)


def test_inputs_and_labels_are_no_parameters(tmp_path):
    """A second input that is added, and the label of the loss, are not missed."""
    extra = mx.sym.var("extra")
    y = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=4, name="fc")
    y = mx.sym.SoftmaxOutput(mx.sym.broadcast_mul(y, extra), mx.sym.var("label"))
    mx.model.save_checkpoint(
        str(tmp_path / "net"),
        0,
        y,
        {"fc_weight": mx.nd.ones((4, 6)), "fc_bias": mx.nd.zeros(4)},
        {},
    )
    graph = gm.load(tmp_path)
    assert {graph.nodes[index].name for index, _ in graph.inputs} == {"data", "extra"}
    assert gm.saliency(graph, (X[:, :1, :2, :3], np.ones((2, 4), np.float32)), target=1) is not None


@pytest.mark.parametrize("mark", ["arg:", ""], ids=["exported", "plain"])
@pytest.mark.parametrize(
    "names",
    [
        ("conv1/weights:0", "conv1/biases:0"),
        ("scope:a/kernel", "scope:b/kernel"),
        ("model:weight", "other:weight"),
        ("arg:weight", "aux:weight"),
        ("a.weight:0", "0"),
    ],
    ids=["tensorflow", "scopes", "same ends", "marks", "dots"],
)
def test_names_with_colons_and_slashes(tmp_path, names, mark):
    kernel, bias = names
    y = mx.sym.Convolution(
        mx.sym.var("data"),
        mx.sym.var(kernel),
        mx.sym.var(bias),
        num_filter=4,
        kernel=(3, 3),
        name="stage/conv:0",
    )
    y = mx.sym.mean(y, axis=(2, 3), name="scores:0")
    rng = np.random.RandomState(0)
    values = {kernel: mx.nd.array(rng.randn(4, 3, 3, 3)), bias: mx.nd.array(rng.randn(4))}
    y.save(str(tmp_path / "net-symbol.json"))
    path = tmp_path / "net-0000.params"
    mx.nd.save(str(path), {mark + name: value for name, value in values.items()})
    gradient = mx.nd.zeros(X.shape)
    bound = y.bind(mx.cpu(), {"data": mx.nd.array(X), **values}, {"data": gradient})
    expected = bound.forward(is_train=True)[0].asnumpy()
    bound.backward(mx.nd.one_hot(mx.nd.array([2, 2]), 4))

    found = gm.saliency(gm.load(tmp_path), X, target=2)
    np.testing.assert_allclose(found.score, expected[:, 2], rtol=1e-5)
    np.testing.assert_allclose(found.values, gradient.asnumpy(), rtol=1e-5, atol=1e-7)
    cam = gm.grad_cam(gm.load(tmp_path), X, target=2, layer="stage/conv:0")
    assert cam.layer == "stage/conv:0"
    cam.save(tmp_path / "cam.npz")
    assert gm.Explanation.load(tmp_path / "cam.npz") == cam


def test_a_missing_parameter_behind_a_cast(tmp_path):
    weight = mx.sym.Cast(mx.sym.var("half"), dtype="float32")
    y = mx.sym.FullyConnected(mx.sym.var("data"), weight, num_hidden=4, no_bias=True)
    mx.model.save_checkpoint(str(tmp_path / "net"), 0, y, {"other": mx.nd.ones(1)}, {})
    with pytest.raises(WeightsError, match=r"lacks 1 parameters .*: half\. It holds arg:other"):
        gm.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("vgg_conv0_weight", (6, 3, 5, 5), r"(6, 3, 5, 5), expected (6, 3, 3, 3)"),
        ("vgg_conv1_weight", (8, 4, 3, 3), r"(8, 4, 3, 3), expected (8, 6, 3, 3)"),
        ("vgg_conv1_bias", (6,), r"(6,), expected (8)"),
        ("vgg_dense0_weight", (10, 128), r"(10, 128), expected (12, any)"),
        ("vgg_dense1_weight", (5, 13), r"(5, 13), expected (5, 12)"),
    ],
)
def test_shapes_that_do_not_fit(exported, name, shape, said):
    _, prefix = exported
    path = params_of(prefix)
    resave(path, path, lambda arrays: {**arrays, f"arg:{name}": mx.nd.ones(shape)})
    with pytest.raises(WeightsError, match=re.escape(f"{name} is {said}")) as caught:
        gm.load(prefix)
    assert str(caught.value).count("expected") == 1


@pytest.mark.skipif(mx.context.num_gpus() > 0, reason="there is a GPU")
def test_a_gpu_that_is_not_there(exported):
    with pytest.raises(DeviceError, match=r"gpu\(0\) was asked for, and MXNet sees 0 GPUs"):
        gm.load(exported[1], ctx=mx.gpu(0))


def test_nothing_is_printed(exported, capfd):
    _, prefix = exported
    gm.load(prefix)
    for given in ("nett", symbol_of(prefix), prefix):
        with pytest.raises((NetworkError, WeightsError)):
            gm.load(given, "nowhere.params")
    assert capfd.readouterr() == ("", "")
