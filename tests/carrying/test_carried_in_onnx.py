"""Nets that carry their maps become ONNX by mx.onnx, and give the same maps in ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from carried import SHAPE, averaged, made, normalised, pooled, run, valid, windows

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def translated(exported, folder):
    """The net in ONNX Runtime, for batches of any size."""
    from mxnet.onnx import export_model  # it needs onnx

    count = len(exported.input_names)
    file = str(folder / "net.onnx")
    export_model(
        str(exported.symbol_file),
        str(exported.params_file),
        [(1, *SHAPE[1:]), (1,)][:count],
        [np.float32] * count,
        file,
        dynamic=True,
        dynamic_input_shapes=[(None, *SHAPE[1:]), (None,)][:count],
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    ("layers", "method"),
    [
        (pooled, "cam"),
        (valid, "cam"),
        (pooled, "hires_cam"),
        (windows, "grad_cam"),
        (averaged, "grad_cam"),
        (averaged, "hires_cam"),
        (pooled, "recipro_cam"),
        (normalised, "cam"),
        (normalised, "recipro_cam"),
        (windows, "recipro_cam"),
    ],
)
def test_maps_are_the_same(tmp_path, layers, method):
    net, x = made(layers)
    for target_input in (False, True):
        found = gm.export_explained(
            net,
            tmp_path / "net",
            method=method,
            input_shape=(1, *SHAPE[1:]),
            target_input=target_input,
        )
        session = translated(found, tmp_path)
        classes = [mx.nd.array([-1, 0, 3])] if target_input else []
        for count in (3, 1):
            given = [one[:count] for one in (x, *classes)]
            names = [one.name for one in session.get_inputs()]
            scores, heat = session.run(None, dict(zip(names, (one.asnumpy() for one in given))))
            before, expected = run(found, *given)
            np.testing.assert_allclose(scores, before, rtol=1e-4, atol=1e-5)
            assert np.abs(heat - expected).max() <= 1e-4 * np.abs(expected).max()
            assert expected.max() > 0
