"""What can be asked of a run, and what is refused before anything is computed."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import fleets
import mxnet as mx
import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx.apps.fleet import here
from gradcam_mx.apps.fleet.identity import identity, source_of
from gradcam_mx.data import open_samples
from gradcam_mx.errors import (
    GradCamError,
    InputError,
    LayerError,
    MethodError,
    MetricError,
    NetworkError,
    TargetError,
)
from gradcam_mx.methods import Plan

COUNT = 12


def run(out, data=None, net=None, **more):
    data = fleets.inputs(COUNT) if data is None else data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fleets.run(out / "store", data, net, **{"workers": 0, **more})


# -- what is explained -----------------------------------------------------------------------------


def test_the_true_class(tmp_path, ctx):
    labels = [0, 1, 2, 3, 4, None, 4, 3, 2, 9, 1, 0]
    x, net = fleets.inputs(COUNT), fleets.net(ctx)
    store = run(tmp_path, (x, labels), net, target="label")
    for row, label in zip(store, labels):
        if label is None:
            assert "this sample has none" in row.error
        elif label == 9:
            assert "9" in row.error
        else:
            assert (row.label, row.target) == (label, label)
            expected = gm.grad_cam(net, x[row.number : row.number + 1], label)
            np.testing.assert_allclose(row.score, expected.score[0], rtol=1e-5)
            found = row.explanation("grad_cam").values[0]
            np.testing.assert_allclose(found, expected.values[0], atol=1e-3)
    others = run(
        tmp_path / "others",
        (x, [*labels[:5], 1, *labels[6:9], 1, *labels[10:]]),
        net,
        target="label",
    )
    expected = fleets.rows(others)
    for place, row in fleets.rows(store).items():
        assert row["error"] or row == expected[place]  # to the bit, as without the wrong ones


def test_all_calls_of_the_net_are_of_one_size(tmp_path, monkeypatch):
    """Also those of the others beside a sample that cannot be explained: another size would be
    other bits."""
    sizes, record = [], Plan.record
    monkeypatch.setattr(
        Plan,
        "record",
        lambda plan, net, x, *more: (sizes.append(len(x)), record(plan, net, x, *more))[1],
    )
    run(tmp_path, (fleets.inputs(13), [0, 1, 2, 3, 99, 0, 1, 2, 3, 4, 0, 1, 2]), target="label")
    assert set(sizes) == {8}


def test_a_class_by_name(tmp_path):
    names = ["cat", "dog", "cow", "hen", "pig"]
    store = run(tmp_path, target="cow", names=names)
    assert [row.target for row in store] == [2] * COUNT
    assert store[0].explanation("grad_cam").class_names == ["cow"]
    assert store.manifest.class_names == names


def test_all_values_and_measures(tmp_path):
    x, net = fleets.inputs(4), fleets.net()
    asked = {"metrics": ["sparseness", "deletion"], "metric_options": {"deletion": {"steps": 5}}}
    store = run(tmp_path, x, net, full="saliency", **asked)
    for number, row in enumerate(store):
        one = x[number : number + 1]
        full = gm.saliency(net, one)
        np.testing.assert_array_equal(row.explanation("saliency").values, full.values)
        expected = gm.metrics.deletion(net, one, full, steps=5).values[0]
        np.testing.assert_allclose(row.measures("saliency")["deletion"], expected, rtol=1e-5)
        cam = gm.grad_cam(net, one)
        expected = gm.metrics.sparseness(net, one, cam).values[0]
        np.testing.assert_allclose(row.measures("grad_cam")["sparseness"], expected, rtol=1e-5)


def test_methods_that_perturb(tmp_path):
    net = fleets.net()
    store = run(tmp_path, fleets.inputs(3), net, methods=["occlusion", "rise"])
    expected = gm.rise(net, fleets.inputs(3)[1:2], progress=False)
    kept = store[1].map("rise")
    assert store.manifest.shard_size == 8
    np.testing.assert_allclose(kept, expected.values[0], atol=2e-3 * np.abs(expected.values).max())


def test_no_methods(tmp_path):
    net = fleets.net()
    store = run(tmp_path, fleets.inputs(5), net, methods=[])
    expected = net(mx.nd.array(fleets.inputs(5))).asnumpy()
    assert [row.predicted for row in store] == expected.argmax(axis=1).tolist()
    again = run(tmp_path, fleets.inputs(5), net, methods=[])
    assert fleets.rows(again) == fleets.rows(store)


# -- data sets -------------------------------------------------------------------------------------


def test_data_sets_of_all_kinds_find_the_same(tmp_path):
    photos = np.stack([fleets.photo(number) for number in range(6)])
    labels = [0, 1, 2, 3, 4, 0]
    for number in range(6):
        fleets.write_photo(tmp_path / "photos" / f"{number}.png", number)
    (tmp_path / "list.csv").write_text(
        "".join(f"photos/{number}.png,{labels[number]}\n" for number in range(6))
    )
    writer = mx.recordio.MXIndexedRecordIO(str(tmp_path / "x.idx"), str(tmp_path / "x.rec"), "w")
    for number in range(6):
        head = mx.recordio.IRHeader(0, float(labels[number]), number, 0)
        content = (tmp_path / "photos" / f"{number}.png").read_bytes()
        writer.write_idx(number, mx.recordio.pack(head, content))
    writer.close()
    kinds = {
        "array": (photos, labels),
        "csv": tmp_path / "list.csv",
        "records": tmp_path / "x.rec",
        "paths": ([tmp_path / "photos" / f"{number}.png" for number in range(6)], labels),
        "gluon": mx.gluon.data.ArrayDataset(mx.nd.array(photos, dtype="uint8"), labels),
    }
    found = {
        kind: list(fleets.rows(run(tmp_path / kind, data)).values()) for kind, data in kinds.items()
    }
    for kind, rows in found.items():
        assert [row["label"] for row in rows] == labels, kind
        for row, other in zip(rows, found["array"]):
            assert row["grad_cam.map"] == other["grad_cam.map"], kind
            assert row["score"] == other["score"], kind


def test_ready_samples_of_several_shapes(tmp_path):
    shapes = [(3, 16, 16), (3, 12, 16), (3, 16, 16)]
    data = mx.gluon.data.SimpleDataset([np.ones(one, np.float32) for one in shapes])
    store = run(tmp_path, data)
    assert [row.error is None for row in store] == [True, False, True]
    assert "(3, 12, 16); expected (3, 16, 16)" in store[1].error


def test_the_first_sample_may_be_damaged(tmp_path):
    store = run(tmp_path, fleets.Dataset(5, {0: "raise"}))
    assert [row.error is None for row in store] == [False, True, True, True, True]


def test_a_part_of_a_data_set(tmp_path):
    store = run(tmp_path, open_samples(fleets.inputs(20))[5:9])
    assert [row.place for row in store] == ["0000005", "0000006", "0000007", "0000008"]


# -- nets ------------------------------------------------------------------------------------------


class Touching(mx.gluon.HybridBlock):
    """Each sample is compared with the mean of all."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.body = fleets.net()

    def hybrid_forward(self, F, x):
        return self.body(F.broadcast_sub(x, F.mean(x, axis=0, keepdims=True) * 0.5))


def test_samples_that_touch_each_other_run_alone(tmp_path):
    x, net = fleets.inputs(6), Touching()
    store = run(tmp_path, x, net)
    for row in store:
        expected = gm.grad_cam(net, x[row.number : row.number + 1])
        np.testing.assert_allclose(row.score, expected.score[0], rtol=1e-5)


def test_a_net_that_waits_for_its_first_input(tmp_path):
    found = run(tmp_path, net=fleets.net(deferred=True))
    assert len(found.filter(failed=False)) == COUNT


class Eager(mx.gluon.Block):
    """A net that nobody can trace."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.body = fleets.net()

    def forward(self, x):
        return self.body(mx.nd.array(x.asnumpy() * 1.0))


def test_a_net_that_cannot_be_traced(tmp_path):
    with pytest.raises(NetworkError, match="trace"):
        run(tmp_path, net=Eager())
    assert not (tmp_path / "store").exists()


def test_a_layer_given_as_a_block(tmp_path):
    net = fleets.net()
    by_block, by_path = (
        run(tmp_path / "a", net=net, layer=net[0]),
        run(tmp_path / "b", net=net, layer="0"),
    )
    assert [row.map("grad_cam").tolist() for row in by_block] == [
        row.map("grad_cam").tolist() for row in by_path
    ]


# -- what is refused -------------------------------------------------------------------------------

WRONG = {
    "method": ({"methods": ["grad_camm"]}, MethodError),
    "option": ({"options": {"saliency": {"nonsense": 1}}}, MethodError),
    "option of a method that is not run": ({"options": {"rise": {"seed": 1}}}, MethodError),
    "layer": ({"layer": "nonsense"}, LayerError),
    "several layers": ({"layer": ["0", "1"]}, LayerError),
    "measure": ({"metrics": ["nonsense"]}, MetricError),
    "measure with masks": ({"metrics": ["pointing_game"]}, MetricError),
    "option of a measure": (
        {"metrics": ["deletion"], "metric_options": {"deletion": {"nonsense": 1}}},
        MetricError,
    ),
    "option of a measure that is not taken": (
        {"metric_options": {"deletion": {"steps": 5}}},
        MetricError,
    ),
    "value of an option of a measure": (
        {"metrics": ["deletion"], "metric_options": {"deletion": {"steps": 0}}},
        GradCamError,
    ),
    "all values of a method that is not run": ({"full": ["rise"]}, MethodError),
    "measures of nothing": ({"methods": [], "metrics": ["sparseness"]}, MetricError),
    "class": ({"target": "cow", "names": ["cat", "dog", "hen", "pig", "cod"]}, TargetError),
    "names": ({"names": ["cat"], "target": "cat"}, TargetError),
    "workers": ({"workers": -1}, InputError),
    "timeout": ({"timeout": 0}, InputError),
    "shard size": ({"shard_size": 0}, InputError),
    "batch size": ({"batch_size": 2.5}, InputError),
    "output": ({"output": "nonsense"}, GradCamError),
    "photos without a way to prepare them": (
        {"data": fleets.Dataset(4), "preprocess": None},
        InputError,
    ),
    "channels": ({"data": np.zeros((4, 1, 16, 16), np.float32)}, GradCamError),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(tmp_path, monkeypatch, case):
    monkeypatch.setattr(here.Worker, "work", None)
    given, error = WRONG[case]
    with pytest.raises(error):
        run(tmp_path, **given)
    assert not (tmp_path / "store").exists()


def test_what_the_script_defines_cannot_go_to_others(tmp_path):
    code = """
import sys, fleets
from gradcam_mx.engine.rules import PLAIN
from gradcam_mx.methods import Needs, method

@method(family="gradients", paper="None", cost="1", needs=Needs(rules=frozenset([PLAIN])))
def of_the_script(run):
    "Of the script: the gradient."
    return run.input_gradient(PLAIN)

for workers in (0, 1):
    store = f"{sys.argv[1]}/{workers}"
    try:
        found = fleets.run(store, fleets.inputs(5), methods=["of_the_script"], workers=workers)
        print(len(found.filter(failed=False)))
    except Exception as error:
        print(type(error).__name__, error)
"""
    out, err = fleets.python(code, tmp_path).communicate(timeout=120)
    assert out.startswith("5\nInputError a method or measure is made of what the script"), err


# -- what tells options apart ----------------------------------------------------------------------


@dataclass
class Option:
    value: object


VALUES = [
    None, 1, 1.5, "1", [1], (1,), {"a": 1}, {"a": 2}, Option(1), Option(2), Option([1]),
    np.zeros(3), np.zeros(3, np.float32), np.zeros((3, 1)), np.ones(3),
    lambda y: y[:, 0], lambda y: y[:, 1], lambda y, k=1: y[:, k], lambda y, k=2: y[:, k],
    gm.targets.Regression(np.arange(5000.0)), gm.targets.Regression(np.arange(5000.0) % 4999),
]  # fmt: skip


def test_other_values_are_told_apart():
    found = [repr(identity(one)) for one in VALUES]
    assert len(set(found)) == len(VALUES)
    assert found == [repr(identity(one)) for one in VALUES]


def test_functions_of_other_functions_are_told_apart():
    def scaled(factor):
        return lambda y: y * factor

    assert identity(scaled(2)) == identity(scaled(2))
    assert identity(scaled(2)) != identity(scaled(3))


def test_what_cannot_be_told_apart_is_new_each_time():
    class Odd:
        def __reduce__(self):
            raise TypeError("no")

    assert identity(Odd()) != identity(Odd())


def test_the_code_of_own_methods_counts(harmful, monkeypatch, tmp_path):
    before = source_of("harmful_methods")
    other = tmp_path / "harmful_methods.py"
    other.write_text("x = 1")
    monkeypatch.setattr(harmful, "__file__", str(other))
    assert source_of("harmful_methods") != before
