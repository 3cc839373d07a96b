"""`gm.audit` on small nets: mistakes are found at their place and named, honest ports pass."""

from __future__ import annotations

import numpy as np
import pytest
from ported import inputs, parts, port, small_net

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.auditing.looks import look
from gradcam_mx.auditing.sides import side_of

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def audited(net, new, x=None, **options):
    return gm.audit(net, new, inputs() if x is None else x, masks=0, **options)


def turned(weights):
    return weights.transpose(0, 1, 3, 2)


def two_rows(array, one=1, other=4):
    found = array.copy()
    found[[one, other]] = found[[other, one]]
    return found


def planted(net):
    """Cause → what is changed in the port, where that is in the old net, what is said."""
    own = parts(net)
    return {
        "epsilon": ({"epsilon": 1e-3}, "batchnorm0_fwd", "0.001 in place of 1e-05"),
        "padding": ({"pads": [0, 0, 1, 1]}, "conv0_fwd", "one less of padding at the beginning"),
        "pooling convention": ({"ceil_mode": 1}, "pool0_fwd", "ceil_mode"),
        "activation": ({"activation": "Relu"}, "clip0", "ReLU in place of ReLU6"),
        "transposed weights": (
            {"numbers": {"w1": turned(own["w1"])}},
            "conv1_fwd",
            "height and width exchanged",
        ),
        "zeroed weights": ({"numbers": {"w1": 0 * own["w1"]}}, "conv1_fwd", "zeros"),
        "missing bias": ({"numbers": {"b1": 0 * own["b1"]}}, "conv1_fwd", "no bias"),
        "dropout scale": ({"extra": ["dropout"]}, "dropout0_fwd", "by 0.5 at inference"),
        "half precision": ({"extra": ["half"]}, "conv0_fwd", "half precision"),
        "order of classes": (
            {"numbers": {name: two_rows(own[name]) for name in ("w2", "b2")}},
            "dense0_fwd",
            "classes 1 and 4 exchanged",
        ),
        "rounded weights": (
            {"numbers": {"w1": own["w1"].astype(np.float16).astype(np.float32)}},
            "conv1_fwd",
            "weights in half precision",
        ),
        "other weights": ({"numbers": {"w1": own["w1"] + 0.1}}, "conv1_fwd", "conv1_weight"),
        "added activation": ({"extra": ["softmax"]}, "dense0_fwd", "softmax behind it"),
    }


CAUSES = list(planted(small_net()))


@pytest.mark.parametrize("cause", CAUSES)
def test_a_planted_mistake_is_found_at_its_place_and_named(cause, tmp_path):
    net = small_net()
    changed, place, said = planted(net)[cause]
    found = audited(net, port(net, tmp_path / "port.onnx", **changed))
    assert found.is_same is False
    first = found.findings[0]
    assert first.old.name.endswith(place), first
    assert first.cause == cause, first
    assert said in first.said
    assert said in found.verdict


@pytest.mark.parametrize("cause", ["epsilon", "activation", "padding"])
def test_a_cause_is_named_in_a_port_whose_batch_normalisation_is_folded(cause, tmp_path):
    net = small_net()
    changed, _, said = planted(net)[cause]
    found = audited(net, port(net, tmp_path / "port.onnx", is_folded=True, **changed))
    assert found.is_same is False
    assert found.findings[0].cause == cause
    assert said in found.findings[0].said
    assert found.findings[0].is_whole


def test_two_mistakes_are_found_one_after_the_other(tmp_path):
    net = small_net()
    numbers = {"w1": turned(parts(net)["w1"])}
    found = audited(net, port(net, tmp_path / "port.onnx", epsilon=1e-3, numbers=numbers))
    assert [one.cause for one in found.findings] == ["epsilon", "transposed weights"]
    assert [one.is_whole for one in found.findings] == [False, True]


@pytest.mark.parametrize("options", [{}, {"is_folded": True}])
@pytest.mark.parametrize("seed", range(3))
def test_an_honest_port_passes(options, seed, tmp_path, ctx):
    net = small_net(ctx, seed)
    found = audited(net, port(net, tmp_path / "port.onnx", **options), inputs(seed=seed))
    assert found.is_same is True
    assert found.findings == []
    assert found.outputs[0].times_noise < 5
    names = [row.name for row in found.layers if not row.new]
    # the convolution that was folded has no value of its own
    assert len(names) == len(options)


def test_a_difference_is_that_of_the_outputs(tmp_path, ctx):
    net = small_net(ctx)
    new = port(net, tmp_path / "port.onnx", epsilon=1e-3)
    x = inputs()
    found = audited(net, new, x)
    import onnxruntime

    session = onnxruntime.InferenceSession(str(new), providers=["CPUExecutionProvider"])
    theirs = session.run(None, {"x": x})[0]
    ours = net(mx.nd.array(x, ctx=ctx)).asnumpy()
    for row, one, other in zip(found.photos, ours, theirs):
        assert (row.old_class, row.new_class) == (one.argmax(), other.argmax())
    gaps = np.abs(ours - theirs).max(axis=1)
    np.testing.assert_allclose(
        [row.difference / found.photos[0].difference for row in found.photos],
        gaps / gaps[0],
        rtol=1e-3,
    )


def test_a_retrained_net_is_another_one_and_a_tolerance_may_take_it(ctx):
    net, other = small_net(ctx), small_net(ctx)
    for name, parameter in other.collect_params().items():
        if name.endswith("dense0_weight"):
            parameter.set_data(parameter.data(ctx) * 1.01)
    found = audited(net, other)
    assert found.is_same is False
    assert found.findings[0].cause == "other weights"
    share = found.outputs[0].largest / found.outputs[0].spread
    tolerated = audited(net, other, tolerance=1.01 * share)
    assert tolerated.is_same is True
    assert "tolerated" in tolerated.verdict
    assert audited(net, other, tolerance=0.99 * share).is_same is False


def test_of_a_loss_head_and_a_softmax_that_is_missing(tmp_path):
    net = small_net()
    net.hybridize()
    net(mx.nd.array(inputs())).wait_to_read()
    net.export(str(tmp_path / "net"))
    symbol, arguments, others = mx.model.load_checkpoint(str(tmp_path / "net"), 0)
    module = mx.sym.SoftmaxOutput(symbol, name="softmax"), arguments, others
    same = audited(module, port(net, tmp_path / "port.onnx", extra=["softmax"]))
    assert same.is_same is True
    found = audited(module, port(net, tmp_path / "port.onnx"))
    assert found.is_same is False
    assert found.findings[0].cause == "missing softmax"
    assert found.findings[0].old.name == "softmax"


def test_variants_that_mxnet_makes_of_a_net(tmp_path):
    net = small_net()
    net.hybridize()
    net(mx.nd.array(inputs())).wait_to_read()
    net.export(str(tmp_path / "net"))
    symbol, arguments, others = mx.model.load_checkpoint(str(tmp_path / "net"), 0)
    fused = symbol.get_backend_symbol("MKLDNN")
    assert audited(net, (fused, arguments, others)).is_same is True
    quantised = mx.contrib.quantization.quantize_model(
        fused,
        arguments,
        others,
        ctx=mx.cpu(),
        calib_mode="naive",
        calib_data=mx.io.NDArrayIter(inputs(), batch_size=1),
        num_calib_examples=3,
        logger=None,
    )
    found = gm.audit(net, quantised, inputs(), masks=4)
    assert found.is_same is False
    assert found.findings[0].cause == "quantisation"
    assert [one.method for one in found.looks] == ["rise", "occlusion"]


@pytest.mark.parametrize("bias", [0.0, 1.0])
def test_a_net_that_ignores_its_input_tells_nothing(bias, tmp_path):
    net = small_net()
    own = parts(net)
    for name, parameter in net.collect_params().items():
        if name.endswith("dense0_weight"):
            parameter.set_data(0 * parameter.data())
        if name.endswith("dense0_bias"):
            parameter.set_data(0 * parameter.data() + bias)
    numbers = {"w2": 0 * own["w2"], "b2": 0 * own["b2"] + bias}
    assert audited(net, port(net, tmp_path / "port.onnx", numbers=numbers)).is_same is None
    numbers["b2"] = numbers["b2"] + 0.5
    assert audited(net, port(net, tmp_path / "port.onnx", numbers=numbers)).is_same is False


def test_a_port_of_another_number_of_classes_is_another_net(tmp_path):
    net = small_net()
    own = parts(net)
    new = port(net, tmp_path / "port.onnx", numbers={"w2": own["w2"][:5], "b2": own["b2"][:5]})
    assert audited(net, new).is_same is False


def test_of_a_function_the_outputs_tell(ctx):
    net = small_net(ctx)
    numbers = {name: one.data(ctx).asnumpy() for name, one in net.collect_params().items()}
    other = small_net(ctx)
    for name, one in other.collect_params().items():
        one.set_data(mx.nd.array(numbers[name]))
    other[1]._kwargs["eps"] = 1e-3
    box = gm.black_box(lambda x: other(mx.nd.array(x, ctx=ctx)).asnumpy(), name="server")
    found = audited(net, box)
    assert found.is_same is False
    assert found.findings[0].cause == "epsilon"
    assert any("layers are not compared" in one for one in found.notes)
    other[1]._kwargs["eps"] = 1e-5
    assert audited(net, box).is_same is True


def test_it_is_kept_in_a_file_and_read_again(tmp_path):
    net = small_net()
    new = port(net, tmp_path / "port.onnx", epsilon=1e-3)
    found = gm.audit(net, new, inputs(), masks=8)
    assert [one.method for one in found.looks] == ["rise", "occlusion"]
    read = type(found).load(found.save(tmp_path / "found.npz"))
    assert read == found
    assert repr(read) == repr(found)
    assert len(found.figure().axes) >= 9
    with pytest.raises(gm.errors.InputError, match=r"holds no audit|cannot read"):
        type(found).load(new)


def test_the_same_masks_go_through_both(tmp_path):
    net = small_net()
    same = gm.audit(net, port(net, tmp_path / "port.onnx"), inputs(), masks=16)
    assert min(same.looks[0].agreements) > 0.999
    assert max(same.looks[0].floor) < 0.999
    own = gm.rise(net, inputs()[:1], target=same.photos[0].old_class, num_samples=16, seed=0)
    flat = gm.black_box(lambda x: np.full((len(x), 1), 3.0), version="1")
    constant = gm.rise(flat, inputs()[:1], num_samples=16, seed=0).values[0].reshape(-1, 1)
    values = own.values[0].reshape(-1, 1)
    left = values - constant @ np.linalg.lstsq(constant, values, rcond=None)[0]
    left = (left - left.min()) / np.ptp(left)
    np.testing.assert_allclose(same.looks[0].old[0].reshape(-1, 1), left, atol=1e-4)
    mirrored = small_net()
    for name, parameter in mirrored.collect_params().items():
        if name.endswith("conv0_weight"):
            parameter.set_data(parameter.data()[:, :, :, ::-1])
    other = gm.audit(net, mirrored, inputs(), masks=16)
    assert [one.method for one in other.looks] == ["rise", "occlusion", "grad_cam"]
    assert np.mean(other.looks[0].agreements) < 0.99


def test_nothing_of_the_net_or_of_the_random_state_changes(ctx):
    net, other = small_net(ctx), small_net(ctx)
    other[1]._kwargs["eps"] = 1e-3
    before = {name: one.data(ctx).asnumpy() for name, one in net.collect_params().items()}
    x = inputs()
    kept = x.copy()
    np.random.seed(3)
    mx.random.seed(3)
    audited(net, other, x)
    drawn = np.random.rand(), mx.nd.random.uniform(shape=1).asscalar()
    np.random.seed(3)
    mx.random.seed(3)
    assert drawn == (np.random.rand(), mx.nd.random.uniform(shape=1).asscalar())
    np.testing.assert_array_equal(x, kept)
    for name, one in net.collect_params().items():
        np.testing.assert_array_equal(one.data(ctx).asnumpy(), before[name])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"masks": -1}, "masks=-1"),
        ({"tolerance": -0.5}, "tolerance=-0.5"),
        ({"photos": []}, "there are no photos"),
        ({"photos": [np.zeros((9, 9, 3), np.uint8)]}, "how photos are made ready"),
        ({"photos": np.full((1, 3, 16, 16), np.nan)}, "NaN"),
        ({"new_preprocess": gm.zoo.PIXELS}, "goes with photos"),
    ],
)
def test_what_cannot_be_audited_is_refused(options, said):
    given = {"photos": inputs(), "masks": 0, **options}
    net = small_net()
    with pytest.raises(gm.errors.InputError, match=said):
        gm.audit(net, net, given.pop("photos"), **given)


def test_what_masks_make_of_any_net_is_no_agreement():
    """Both nets hold most of their score whatever is hidden: one sees the left, one the right."""
    x = np.ones((2, 1, 16, 16), np.float32)

    def sees(part):
        def scores(given):
            amount = given[:, 0, :, part].mean(axis=(1, 2))
            return np.stack([10 + amount, np.zeros(len(given))], axis=1).astype(np.float32)

        return side_of(gm.black_box(scores, (1, 16, 16), version="1"), "net")

    left, right = sees(slice(0, 8)), sees(slice(8, 16))
    (rise, _), (same, _) = (look(left, one, x, x, [0, 0], 60) for one in (right, left))
    assert max(rise.agreements) < -0.5
    assert same.agreements == [1, 1]
    assert min(same.floor) > 0.5
