"""What cannot carry a map is refused, in words, and nothing is written."""

from __future__ import annotations

import numpy as np
import pytest
from carried import SHAPE, averaged, made, pooled, run, windows
from networks import initialised, nn, normal, sequential

import gradcam_mx as gm
from gradcam_mx import errors
from gradcam_mx._mxnet import mx


def refused(error, said, net, folder, method="cam", **options):
    options = {"input_shape": (1, *SHAPE[1:]), **options}
    with pytest.raises(error, match=said):
        gm.export_explained(net, options.pop("prefix", folder / "net"), method=method, **options)
    assert not list(folder.glob("net*"))


def test_methods_that_nets_cannot_carry(tmp_path):
    net, _ = made(pooled)
    refused(errors.MethodError, "'lime'; expected one of cam, ", net, tmp_path, "lime")


def test_heads_that_a_method_does_not_go_with(tmp_path):
    net, _ = made(windows)
    refused(errors.NetworkError, "global average pool", net, tmp_path)
    net, _ = made(pooled)
    refused(errors.LayerError, "is not the one that is pooled", net, tmp_path, layer=net[0])
    for layer in (nn.BatchNorm(in_channels=8), nn.Activation("tanh"), nn.MaxPool2D(2, 2, 1)):
        first, *others = pooled()
        between = sequential(lambda: [first, layer, *others])  # noqa: B023
        net = initialised(between, mx.cpu(), normal(*SHAPE))
        for method in ("grad_cam", "hires_cam"):
            refused(
                errors.NetworkError,
                "its derivative cannot be written",
                net,
                tmp_path,
                method,
                layer=net[0],
            )
        gm.export_explained(
            net, tmp_path / "any", method="recipro_cam", layer=net[0], input_shape=SHAPE
        )


def test_other_convolutions_than_of_stride_1(tmp_path):
    layers = [nn.Conv2D(4, 3, in_channels=3), nn.Conv2D(5, 3, 2, in_channels=4)]
    net, _ = made(lambda: [*layers, nn.GlobalAvgPool2D(), nn.Dense(3, in_units=5)])
    refused(errors.NetworkError, "stride 1", net, tmp_path, "grad_cam", layer=net[0])


class Two(nn.HybridBlock):
    """Two inputs, or two outputs."""

    def __init__(self, is_of_inputs):
        super().__init__()
        self.is_of_inputs = is_of_inputs
        with self.name_scope():
            self.body = sequential(pooled)
            self.other = nn.Dense(2, in_units=5)

    def hybrid_forward(self, F, x, y=None):
        scores = self.body(x)
        return scores + F.mean(y) if self.is_of_inputs else (scores, self.other(scores))


def test_several_inputs_and_several_outputs(tmp_path):
    net = Two(False)
    net.initialize()
    refused(errors.NetworkError, r"has 2 outputs \(.*\); expected one", net, tmp_path)
    net = Two(True)
    net.initialize()
    refused(errors.NetworkError, "has 2 inputs", gm.trace(net, 2), tmp_path)


@pytest.mark.filterwarnings("ignore:.*half precision")
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_types_than_single_precision(tmp_path, dtype):
    net, _ = made(pooled)
    net.cast(dtype)
    refused(errors.NetworkError, f"computes in {dtype}; expected float32", net, tmp_path)


def test_int8(tmp_path):
    net, x = made(pooled)
    symbol = net(mx.sym.var("data"))
    numbers = {name: one.data() for name, one in net.collect_params().items()}
    made_of = symbol.get_backend_symbol("MKLDNN_QUANTIZE")
    int8, arguments, states = mx.contrib.quantization.quantize_model(
        made_of, numbers, {}, ctx=mx.cpu(), calib_mode="naive", num_calib_examples=3,
        calib_data=mx.io.NDArrayIter(x.asnumpy(), batch_size=3), quantized_dtype="auto",
    )  # fmt: skip
    mx.model.save_checkpoint(str(tmp_path / "int8"), 0, int8, arguments, states)
    graph = gm.load(tmp_path / "int8")
    refused(errors.NetworkError, "computes in int8", graph, tmp_path, "recipro_cam")
    twin = gm.load(tmp_path / "int8", dequantize=True)
    found = gm.export_explained(twin, tmp_path / "twin", input_shape=SHAPE, upsample=False)
    expected = gm.cam(twin, x).values
    assert np.abs(run(found, x)[1] - expected).max() <= 1e-5 * expected.max()


def test_names_that_are_taken(tmp_path):
    net, _ = made(pooled)
    taken = gm.export_explained(net, tmp_path / "first", input_shape=SHAPE)
    name = net[3].name
    refused(errors.NetworkError, f"cannot be called '{name}'", net, tmp_path, name=name)
    # of what was exported before, the map is an output
    refused(errors.NetworkError, "has 2 outputs", taken.graph, tmp_path)
    other = gm.export_explained(net, tmp_path / "other", input_shape=SHAPE, name="seen")
    assert other.output_names[1] == "seen_output"


def test_places_that_cannot_be_written(tmp_path):
    net, _ = made(pooled)
    (tmp_path / "folder").mkdir()
    for prefix in (tmp_path / "folder", tmp_path / "none" / "x", f"{tmp_path}/folder/", ""):
        refused(errors.OutputError, "prefix", net, tmp_path, prefix=prefix)
    (tmp_path / "there-symbol.json").mkdir()
    refused(errors.OutputError, "as it is a folder", net, tmp_path, prefix=tmp_path / "there")
    assert not list(tmp_path.glob("there-0000*"))


def test_outputs_that_are_no_class_scores(tmp_path):
    net, _ = made(lambda: [nn.Conv2D(4, 3, in_channels=3), nn.Conv2D(5, 3, in_channels=4)])
    refused(errors.TargetError, r"expected a score of each class", net, tmp_path, "recipro_cam")
    net, _ = made(lambda: [*pooled()[:3], nn.Dense(1, in_units=6)])
    refused(errors.TargetError, "no classes", net, tmp_path, target_input=True)


def test_shapes_that_are_none(tmp_path):
    net, _ = made(pooled)
    refused(errors.InputError, "pass input_shape", net, tmp_path, input_shape=None)
    refused(errors.InputError, "expected .N, C, H, W.", net, tmp_path, input_shape=(1, 3))
    refused(errors.InputError, "does not take", net, tmp_path, input_shape=(1, 4, 14, 18))
    refused(errors.LayerError, "no layer 'conv9'", net, tmp_path, layer="conv9")


def test_nets_that_draw_random_numbers(tmp_path):
    class Always(nn.HybridBlock):
        def hybrid_forward(self, F, x):
            return F.Dropout(x, p=0.5, mode="always")

    net, _ = made(lambda: [*pooled()[:2], Always(), *pooled()[2:]])
    with pytest.raises(errors.GradCamError):
        gm.export_explained(net, tmp_path / "net", method="recipro_cam", input_shape=SHAPE)
    assert not list(tmp_path.glob("net*"))


class Counted(nn.HybridBlock):
    """Behind the layer it counts on a number of samples, or lets them meet."""

    def __init__(self, end):
        super().__init__()
        self.end = end
        with self.name_scope():
            self.body = sequential(lambda: pooled()[:3])
            self.output = nn.Dense(5, in_units=6)

    def hybrid_forward(self, F, x):
        return self.output(self.end(F, self.body(x)))


@pytest.mark.parametrize(
    "end",
    [
        lambda F, x: F.reshape(x, (1, 6)),
        lambda F, x: F.broadcast_sub(x, F.mean(x, axis=0, keepdims=True)),
        lambda F, x: F.softmax(x, axis=0),
    ],
)
def test_tails_that_do_not_run_for_several_rows(tmp_path, end):
    net = Counted(end)
    net.initialize()
    with pytest.raises(errors.GradCamError):
        gm.export_explained(
            net, tmp_path / "net", method="recipro_cam", input_shape=(1, *SHAPE[1:])
        )
    assert not list(tmp_path.glob("net*"))


def test_averages_over_less_than_all_positions_are_no_global_pool(tmp_path):
    net, _ = made(averaged)
    refused(errors.NetworkError, "expected a Dense layer", net, tmp_path)
