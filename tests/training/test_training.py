"""Looking into a net while it is trained: the training does not change, and what is shown is so"""

from __future__ import annotations

import itertools
import logging
import os
import random
import subprocess
import sys
import warnings
from functools import lru_cache

import numpy as np
import pytest
from written import Page, board_images, keep_wandb_offline, wandb_picture, wandb_steps

import gradcam_mx as gm
from gradcam_mx import errors, picture
from gradcam_mx._mxnet import mx
from gradcam_mx.training.handler import ExplanationHandler, cam_head
from gradcam_mx.training.writers import HtmlWriter, TensorBoardWriter, WandbWriter

nn, estimator = mx.gluon.nn, mx.gluon.contrib.estimator
BATCH, BATCHES = 8, 3


@lru_cache(maxsize=None)
def real_data(part, count):
    """Real pictures (N, 1, 28, 28) from 0 to 1, their classes, the classes' names."""
    try:
        found = gm.zoo.fashion_mnist(part)
    except errors.DataError:
        found = gm.zoo.digits(part)
    return found.images[:count, None].astype(np.float32) / 255, found.labels[:count], found.names


SHOWN, CLASSES, NAMES = real_data("test", 4)


def make_net(ctx=None, *, hybridize=False, frozen=False, classes=10):
    """A net that trains by chance: dropout, batch normalisation; of deferred parameters."""
    mx.random.seed(1)
    net = nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(
            nn.Conv2D(4, 3, activation="relu"),
            nn.BatchNorm(),
            nn.MaxPool2D(),
            nn.Dropout(0.3),
            nn.Conv2D(6, 3),
            nn.BatchNorm(scale=False),
            nn.Activation("relu"),
            nn.GlobalAvgPool2D(),
            nn.Dropout(0.3),
            nn.Dense(classes),
        )
    net.initialize(mx.init.Xavier(), ctx=ctx or mx.cpu())
    if frozen:
        net[0].collect_params().setattr("grad_req", "null")
    if hybridize:
        net.hybridize()
    return net


def augmented(image):
    """The image changed by chance, by each of three generators."""
    image = image[:, :, ::-1] if random.random() < 0.5 else image
    image = image + np.random.normal(0, 0.05, (1, 1, 28)).astype(np.float32)
    return mx.nd.array(image) + mx.nd.random.normal(0, 0.02, (1, 28, 28))


def batches(**options):
    images, labels, _ = real_data("train", BATCH * BATCHES)
    data = mx.gluon.data.ArrayDataset(images, labels.astype(np.float32))
    return mx.gluon.data.DataLoader(data.transform_first(augmented), BATCH, shuffle=True, **options)


def make_estimator(net, ctx=None, loss=None):
    trainer = mx.gluon.Trainer(net.collect_params(), "adam")
    found = estimator.Estimator(
        net,
        loss or mx.gluon.loss.SoftmaxCrossEntropyLoss(),
        trainer=trainer,
        context=ctx or mx.cpu(),
    )
    found.logger.setLevel(logging.ERROR)
    return found


def train_by_estimator(net, ctx, handlers, epochs=2):
    found = make_estimator(net, ctx)
    found.fit(batches(), val_data=batches(), epochs=epochs, event_handlers=handlers)
    return found.trainer


def train_by_loop(net, ctx, handlers, epochs=2, unit="epoch"):
    trainer = mx.gluon.Trainer(net.collect_params(), "adam")
    loss, count = mx.gluon.loss.SoftmaxCrossEntropyLoss(), itertools.count()
    for epoch in range(epochs):
        for data, label in batches():
            with mx.autograd.record():
                losses = [
                    loss(net(x), y)
                    for x, y in zip(
                        mx.gluon.utils.split_and_load(data, ctx),
                        mx.gluon.utils.split_and_load(label, ctx),
                    )
                ]
            mx.autograd.backward(losses)
            trainer.step(BATCH)
            for handler in handlers if unit == "batch" else []:
                handler(next(count), net)
        for handler in handlers if unit == "epoch" else []:
            handler(epoch, net)
    return trainer


def seed():
    random.seed(7)
    np.random.seed(7)
    mx.random.seed(7)


def state_of(net, trainer, folder):
    """All that a training leaves behind, and the random numbers that come next."""
    trainer.save_states(str(folder / "states"))
    state = {
        "trainer": (folder / "states").read_bytes(),
        "python": random.getstate(),
        "numpy": repr(np.random.get_state()),
    }
    for name, parameter in net.collect_params().items():
        for data in parameter.list_data():
            state[name, data.context] = data.asnumpy().tobytes()
            state["mxnet", data.context] = (
                mx.nd.random.uniform(shape=4, ctx=data.context).asnumpy().tobytes()
            )
        if parameter.grad_req != "null":
            state[name, "gradients"] = [one.asnumpy().tobytes() for one in parameter.list_grad()]
    return state


def draws_at_random(snapshot):
    """A writer that takes no care of anybody."""
    random.seed(0)
    np.random.seed(0)
    np.random.rand(3)
    snapshot.picture()


class Counted:
    """A writer that counts."""

    def __init__(self):
        self.snapshots, self.closed = [], 0

    def __call__(self, snapshot):
        self.snapshots.append(snapshot)
        return True  # is nobody's business

    def close(self):
        self.closed += 1

    @property
    def steps(self):
        return [snapshot.step for snapshot in self.snapshots]


SETTINGS = {
    "eager": ([mx.cpu(1)], {}),
    "hybridized": ([mx.cpu(0)], {"hybridize": True}),
    "two contexts": ([mx.cpu(0), mx.cpu(1)], {}),
    "two contexts, hybridized, frozen": (
        [mx.cpu(1), mx.cpu(0)],
        {"hybridize": True, "frozen": True},
    ),
}


# -- training is as it would be -------------------------------------------------------------------


@pytest.mark.parametrize("setting", list(SETTINGS))
@pytest.mark.parametrize("train", [train_by_estimator, train_by_loop])
def test_training_is_the_same_to_the_bit(train, setting, tmp_path):
    ctx, options = SETTINGS[setting]
    states, counted = [], Counted()
    for explained in (False, True):
        seed()
        net = make_net(ctx, **options)
        handlers = []
        if explained:
            handlers = [
                ExplanationHandler(
                    SHOWN,
                    CLASSES,
                    writers=[counted, draws_at_random],
                    method=["grad_cam", "guided_backprop", "smooth_grad"],
                    options={"smooth_grad": {"num_samples": 2}},
                )
            ]
            before = random.getstate()
            handlers[0].check(net)
            assert random.getstate() == before
        seed()
        trainer = train(net, ctx, handlers)
        states.append(state_of(net, trainer, tmp_path))
    without, with_handler = states
    assert with_handler.keys() == without.keys()
    assert {key for key in without if with_handler[key] != without[key]} == set()
    assert counted.steps == [0, 1]


def test_all_writers_at_once(tmp_path, monkeypatch):
    """Each gets one picture an epoch, the same one, and training is as it would be."""
    keep_wandb_offline(monkeypatch, tmp_path)
    ctx, states, counted = [mx.cpu(1)], [], Counted()
    for explained in (False, True):
        seed()
        handlers = []
        if explained:
            handlers = [
                ExplanationHandler(
                    SHOWN,
                    CLASSES,
                    names=NAMES,
                    writers=[
                        counted,
                        HtmlWriter(tmp_path / "page"),
                        TensorBoardWriter(tmp_path / "board"),
                        WandbWriter(project="clothes", mode="offline", dir=str(tmp_path)),
                    ],
                )
            ]
        net = make_net(ctx)
        trainer = train_by_estimator(net, ctx, handlers)
        states.append(state_of(net, trainer, tmp_path))
    assert {key for key in states[0] if states[0][key] != states[1][key]} == set()
    expected = [snapshot.picture() for snapshot in counted.snapshots]
    captions = [snapshot.captions for snapshot in counted.snapshots]
    assert len(expected) == 2
    page = Page(tmp_path / "page")
    assert page.of("h2") == ["epoch 1", "epoch 0"]
    assert page.of("li") == [*captions[1], *captions[0]]
    board = board_images(tmp_path / "board")
    assert [one[:2] for one in board] == [("explanations", 0), ("explanations", 1)]
    steps = wandb_steps(tmp_path)
    assert [(one["_step"], one["explanations_epoch"]) for one in steps] == [(0, 0), (1, 1)]
    for number, one in enumerate(expected):
        np.testing.assert_array_equal(page.arrays()[::-1][number], one)
        np.testing.assert_array_equal(board[number][2], one)
        np.testing.assert_array_equal(wandb_picture(tmp_path, steps[number]), one)


SLOW_BACKWARD = """
import numpy as np
from gradcam_mx._mxnet import mx
from gradcam_mx.training import ExplanationHandler

hidden = mx.sym.BatchNorm(mx.sym.var("data"), name="norm")
for number in range(4):  # its backward pass comes after theirs
    hidden = mx.sym.Convolution(hidden, kernel=(3, 3), pad=(1, 1), num_filter=32, name=f"c{number}")
scores = mx.sym.FullyConnected(mx.sym.Flatten(hidden), num_hidden=4, name="dense")
images = np.random.RandomState(0).rand(16, 3, 48, 48).astype("float32")
module = mx.mod.Module(mx.sym.SoftmaxOutput(scores, name="softmax"))
seen = []


def statistics(batch):
    handler(batch)
    module = batch.locals["self"]
    given = [array.asnumpy() for array in module.get_params()[1].values()]
    mx.nd.waitall()
    there = [arrays[0].asnumpy() for arrays in module._exec_group.aux_arrays]
    seen.append(all((one == other).all() for one, other in zip(given, there)))


handler = ExplanationHandler(images[:1], [0], writers=lambda snapshot: None, unit="batch")
module.fit(mx.io.NDArrayIter(images, np.zeros(16), 4), num_epoch=1, batch_end_callback=statistics)
print(seen)
"""


def test_a_snapshot_of_a_module_has_the_statistics_of_its_batch():
    """With several threads MXNet by itself gives those of the batch before."""
    done = subprocess.run(
        [sys.executable, "-c", SLOW_BACKWARD],
        env={**os.environ, "MXNET_CPU_WORKER_NTHREADS": "4"},
        stdout=subprocess.PIPE,
        check=True,
    )
    assert done.stdout.decode().strip() == "[True, True, True, True]"


@pytest.mark.parametrize("unit", ["epoch", "batch"])
def test_a_module_trains_the_same_to_the_bit(unit):
    data = mx.sym.var("data")
    hidden = mx.sym.Convolution(data, kernel=(3, 3), num_filter=4, name="conv")
    hidden = mx.sym.BatchNorm(mx.sym.Activation(hidden, act_type="relu"), name="norm")
    hidden = mx.sym.Dropout(mx.sym.Pooling(hidden, global_pool=True, pool_type="avg"), p=0.3)
    symbol = mx.sym.SoftmaxOutput(
        mx.sym.FullyConnected(mx.sym.Flatten(hidden), num_hidden=10, name="dense"), name="softmax"
    )
    images, labels, _ = real_data("train", BATCH * BATCHES)
    states, counted = [], Counted()
    for explained in (False, True):
        seed()
        module = mx.mod.Module(symbol)
        # without it `fit` itself may read running statistics too early, see the test below
        callbacks = {"batch_end_callback": [lambda batch: mx.nd.waitall()]}
        if explained:
            callbacks.setdefault(f"{unit}_end_callback", []).insert(
                0,
                ExplanationHandler(
                    SHOWN, CLASSES, writers=[counted, draws_at_random], every=2, unit=unit
                ),
            )
        module.fit(
            mx.io.NDArrayIter(images, labels, BATCH, shuffle=True),
            num_epoch=2,
            optimizer="adam",
            initializer=mx.init.Xavier(),
            **callbacks,
        )
        twice = np.concatenate([SHOWN, SHOWN])  # a batch
        scores = module.predict(mx.io.NDArrayIter(twice, np.zeros(BATCH), BATCH)).asnumpy()[:4]
        arguments, auxiliary = module.get_params()
        states.append(
            {
                **{
                    name: array.asnumpy().tobytes()
                    for name, array in {**arguments, **auxiliary}.items()
                },
                "optimizer": module._updater.get_states(),
                "python": random.getstate(),
                "numpy": repr(np.random.get_state()),
                "mxnet": mx.nd.random.uniform(shape=4).asnumpy().tobytes(),
            }
        )
    assert {key for key in states[0] if states[0][key] != states[1][key]} == set()
    assert counted.steps == ([1] if unit == "epoch" else [1, 3, 5])
    last = counted.snapshots[-1]
    assert last.unit == unit
    assert last.classes == CLASSES.tolist()
    assert last.predictions == scores.argmax(axis=1).tolist()
    np.testing.assert_allclose(last.probabilities, scores.max(axis=1), rtol=1e-5)


def test_the_modules_end_has_to_be_that_of_the_unit():
    symbol = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2)
    handler = ExplanationHandler(SHOWN, writers=print, unit="batch")
    with pytest.raises(errors.InputError, match="unit='batch'; pass unit='epoch'"):
        handler(0, symbol, {}, {})
    handler = ExplanationHandler(SHOWN, writers=print)
    with pytest.raises(errors.InputError, match="unit='epoch'; pass unit='batch'"):
        handler(mx.model.BatchEndParam(0, 0, None, {}))


# -- when -----------------------------------------------------------------------------------------


def test_a_writer_is_called_once_an_epoch_and_training_goes_on(ctx):
    counted, other = Counted(), Counted()
    handler = ExplanationHandler(SHOWN, writers=[counted, other])
    net = make_net(ctx)
    found = make_estimator(net, ctx)
    ran = []
    batch_end, epoch_end = handler.batch_end, handler.epoch_end
    handler.batch_end = lambda *args, **kwargs: ran.append(batch_end(*args, **kwargs))
    handler.epoch_end = lambda *args, **kwargs: ran.append(epoch_end(*args, **kwargs))
    found.fit(batches(), epochs=3, event_handlers=[handler])
    assert ran == [None] * 3 * (BATCHES + 1)
    assert counted.steps == other.steps == [0, 1, 2]
    assert counted.snapshots[0] is other.snapshots[0]
    assert (counted.closed, other.closed) == (1, 1)
    # another fit goes on counting
    found.fit(batches(), epochs=1, event_handlers=[handler])
    assert counted.steps == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"every": 2}, [1, 3]),
        ({"every": 5}, []),
        ({"every": 2, "start": 10}, [11, 13]),
        ({"unit": "batch", "every": 5}, [4, 9]),
        ({"unit": "batch", "every": np.int64(4), "start": 100}, [103, 107, 111]),
    ],
)
def test_an_estimator_is_looked_into_now_and_then(options, steps):
    counted = Counted()
    handler = ExplanationHandler(SHOWN, writers=counted, **options)
    make_estimator(make_net()).fit(batches(), epochs=4, event_handlers=[handler])
    assert counted.steps == steps
    assert {snapshot.unit for snapshot in counted.snapshots} <= {options.get("unit", "epoch")}


@pytest.mark.parametrize(
    ("numbers", "steps"),
    [(range(5), [1, 3]), (range(1, 6), [2, 4]), (range(20, 23), [21]), (np.arange(4), [1, 3])],
)
def test_a_loop_may_number_its_epochs_from_anywhere(numbers, steps):
    net, counted = make_net(), Counted()
    with ExplanationHandler(SHOWN, writers=counted, every=2) as handler:
        for epoch in numbers:
            assert handler(epoch, net) is None
        assert counted.closed == 0
    assert counted.steps == steps
    assert all(type(step) is int for step in counted.steps)
    assert counted.closed == 1


def test_a_loop_may_count_batches(tmp_path):
    counted = Counted()
    handler = ExplanationHandler(SHOWN, writers=counted, unit="batch", every=4)
    train_by_loop(make_net(), [mx.cpu()], [handler], unit="batch")
    assert [snapshot.heading for snapshot in counted.snapshots] == ["batch 3"]


def test_the_net_is_seen_as_it_is_then(ctx):
    """Each snapshot is of the parameters at that moment."""
    net, counted, expected = make_net(ctx), Counted(), []
    handler = ExplanationHandler(SHOWN, writers=counted)

    class Now(estimator.EpochEnd):
        def epoch_end(self, estimator, *args, **kwargs):
            expected.append(net(mx.nd.array(SHOWN, ctx=ctx)).asnumpy())

    make_estimator(net, ctx).fit(batches(), epochs=2, event_handlers=[handler, Now()])
    for snapshot, scores in zip(counted.snapshots, expected):
        np.testing.assert_array_equal(snapshot.predictions, scores.argmax(axis=1))
        np.testing.assert_allclose(snapshot.scores, scores.max(axis=1), rtol=1e-4, atol=1e-5)
    assert not np.array_equal(expected[0], expected[1])


def test_the_nets_for_training_and_validation_may_be_two(ctx):
    net, counted = make_net(ctx), Counted()
    deployed = nn.HybridSequential()
    deployed.add(net, nn.HybridLambda("softmax"))
    found = estimator.Estimator(
        net,
        mx.gluon.loss.SoftmaxCrossEntropyLoss(),
        context=ctx,
        val_net=deployed,
        trainer=mx.gluon.Trainer(net.collect_params(), "sgd"),
    )
    found.logger.setLevel(logging.ERROR)
    handler = ExplanationHandler(SHOWN, writers=counted, output="probability")
    found.fit(batches(), epochs=1, event_handlers=[handler])
    np.testing.assert_allclose(
        counted.snapshots[0].scores, counted.snapshots[0].probabilities, rtol=1e-5
    )


# -- what -----------------------------------------------------------------------------------------


@pytest.fixture
def net(ctx):
    """A net whose parameters have their values, and whose predictions differ."""
    net = make_net(ctx)
    net(mx.nd.array(SHOWN, ctx=ctx))
    mx.random.seed(2)
    net[-1].weight.set_data(mx.nd.random.normal(0, 3, net[-1].weight.shape))
    return net


def scores_of(net, x=SHOWN):
    ctx = net.collect_params()[net[0].weight.name].list_ctx()[0]
    return net(mx.nd.array(x, ctx=ctx)).asnumpy()


def test_a_snapshot_holds_what_the_net_says(net):
    found = ExplanationHandler(SHOWN, CLASSES, names=NAMES, writers=print).snapshot(net, 3)
    scores = scores_of(net)
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    top = scores.argmax(axis=1)
    assert found.heading == "epoch 3"
    assert found.predictions == top.tolist()
    assert found.classes == CLASSES.tolist()
    np.testing.assert_allclose(found.probabilities, chances.max(axis=1), rtol=1e-4)
    np.testing.assert_allclose(found.scores, scores.max(axis=1), rtol=1e-4)
    assert found.explained == [NAMES[one] for one in top]
    assert found.captions == [
        f"{NAMES[one]} {chance:.2f} (true: {NAMES[true]})"
        for one, chance, true in zip(top, chances.max(axis=1), CLASSES)
    ]


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("grad_cam", "predicted"),
        ("grad_cam", "true"),
        ("saliency", 3),
        ("saliency", [4, 1, 0, 2]),
        ("grad_cam", gm.targets.ScoreDifference(2, 1)),
        ("occlusion", "true"),
    ],
    ids=str,
)
def test_overlays_are_those_of_the_method(net, method, target):
    handler = ExplanationHandler(SHOWN, CLASSES, method=method, target=target, writers=print)
    found = handler.snapshot(net)
    meant = {"predicted": None, "true": CLASSES.tolist()}.get(
        target if isinstance(target, str) else None, target
    )
    expected = gm.METHODS[method].function(net, SHOWN, meant)
    for drawn, one in zip(found.overlays[method], expected.pictures(np.stack(found.photos))):
        np.testing.assert_array_equal(drawn, one)
    np.testing.assert_array_equal(found.scores, expected.score)
    # the size of chunks, which the clock decides, moves the last digits of occlusion
    np.testing.assert_allclose(found.explanations[method].values, expected.values, atol=1e-5)
    named = expected.target if isinstance(expected.target, str) else None
    assert found.explained == [
        named or f"class {one}" for one in (expected.target if named is None else CLASSES)
    ]


def test_options_and_layers_are_those_of_the_call(net):
    handler = ExplanationHandler(
        SHOWN,
        writers=print,
        method=["integrated_gradients", "layer_cam"],
        layer=["0", "4"],
        fuse="max",
        options={"integrated_gradients": {"steps": 3}},
    )
    found = handler.snapshot(net)
    assert list(found.overlays) == ["integrated_gradients", "layer_cam"]
    expected = [
        gm.integrated_gradients(net, SHOWN, steps=3),
        gm.layer_cam(net, SHOWN, layer=["0", "4"], fuse="max"),
    ]
    for drawn, one in zip(found.overlays.values(), expected):
        np.testing.assert_array_equal(drawn, one.pictures(np.stack(found.photos)))
    # alone, a method that can explain a layer does
    inside = ExplanationHandler(
        SHOWN,
        writers=print,
        method="integrated_gradients",
        layer="4",
        options={"integrated_gradients": {"steps": 3}},
    ).snapshot(net)
    expected = gm.integrated_gradients(net, SHOWN, layer="4", steps=3)
    np.testing.assert_array_equal(
        inside.overlays["integrated_gradients"], expected.pictures(np.stack(found.photos))
    )


def test_names_are_optional(net):
    found = ExplanationHandler(SHOWN, writers=print).snapshot(net)
    assert found.classes is None
    assert found.captions == [
        f"class {one} {chance:.2f}" for one, chance in zip(found.predictions, found.probabilities)
    ]
    labels = gm.zoo.labels.Labels("clothes", [[name, "synonym"] for name in NAMES])
    found = ExplanationHandler(SHOWN, writers=print, names=labels).snapshot(net)
    assert found.explained == [NAMES[one] for one in found.predictions]


@pytest.mark.parametrize(
    "labels",
    [CLASSES.tolist(), CLASSES.astype(np.float32), CLASSES[:, None], mx.nd.array(CLASSES)],
    ids=["list", "float", "column", "NDArray"],
)
def test_labels_as_losses_take_them(net, labels):
    found = ExplanationHandler(SHOWN, labels, writers=print).snapshot(net)
    assert found.classes == CLASSES.tolist()


def test_inputs_are_stretched_where_there_are_no_photos(net):
    found = ExplanationHandler(SHOWN / 7 - 2, writers=print).snapshot(net)
    for photo, image in zip(found.photos, SHOWN[:, 0]):
        expected = np.round((image - image.min()) / (image.max() - image.min()) * 255)
        assert photo.dtype == np.uint8
        np.testing.assert_allclose(photo, np.repeat(expected[..., None], 3, axis=-1), atol=1)


def test_channels_are_colours_in_their_order(ctx):
    mx.random.seed(0)
    net = nn.HybridSequential()
    net.add(nn.Conv2D(2, 3, in_channels=3), nn.GlobalAvgPool2D(), nn.Dense(2, in_units=2))
    net.initialize(ctx=ctx)
    x = np.zeros((2, 3, 8, 8), np.float32)
    x[:, 0, 4:] = 1
    x[:, 1] = 0.5
    for order, high in (("RGB", (255, 128, 0)), ("BGR", (0, 128, 255))):
        found = ExplanationHandler(x, writers=print, order=order).snapshot(net)
        np.testing.assert_array_equal(found.photos[1][5, 5], high)
        np.testing.assert_array_equal(found.photos[0][0, 0], (0, 128, 0))


@pytest.mark.parametrize("shape", [(4, 28, 28), (4, 28, 28, 1), (4, 28, 28, 3), (4, 56, 56, 3)])
def test_photos_are_shown_where_they_are_given(net, shape):
    photos = np.random.RandomState(0).randint(0, 256, shape, np.uint8)
    found = ExplanationHandler(SHOWN, writers=print, photos=photos).snapshot(net)
    colors = photos[..., None] if photos.ndim == 3 else photos
    np.testing.assert_array_equal(found.photos, np.broadcast_to(colors, (*colors.shape[:3], 3)))
    np.testing.assert_array_equal(
        found.overlays["grad_cam"], gm.grad_cam(net, SHOWN).overlay(np.stack(found.photos))
    )


def test_photos_of_other_proportions_are_refused(net):
    photos = np.zeros((4, 56, 42, 3), np.uint8)
    with pytest.raises(errors.InputError, match="56 × 42, and the net saw 28 × 28"):
        ExplanationHandler(SHOWN, writers=print, photos=photos).snapshot(net)


@pytest.mark.parametrize(("rank", "layer"), [(1, nn.Conv1D), (3, nn.Conv3D)])
def test_signals_and_clips(ctx, rank, layer):
    net = nn.HybridSequential()
    net.add(layer(4, 3, in_channels=3), nn.Flatten(), nn.Dense(2))
    net.initialize(ctx=ctx)
    x = np.random.RandomState(0).randn(2, 3, *[10] * rank).astype(np.float32)
    found = ExplanationHandler(x, [0, 1], writers=print).snapshot(net)
    assert len(found.photos) == (0 if rank == 1 else 2)
    assert len(found.overlays["grad_cam"]) == 2
    assert found.picture().shape[-1] == 3


def test_channels_may_be_last(ctx):
    net = nn.HybridSequential()
    net.add(
        nn.HybridLambda(lambda F, x: F.transpose(x, (0, 3, 1, 2))),
        nn.Conv2D(4, 3, in_channels=3),
        nn.GlobalAvgPool2D(),
        nn.Dense(2, in_units=4),
    )
    net.initialize(ctx=ctx)
    x = np.random.RandomState(0).rand(2, 9, 7, 3).astype(np.float32)
    found = ExplanationHandler(x, writers=print).snapshot(net)
    expected = (x[0] - x[0].min()) / (x[0].max() - x[0].min()) * 255
    np.testing.assert_allclose(found.photos[0], expected, atol=0.51)


def test_samples_and_labels_are_copied(net):
    x, labels = SHOWN.copy(), CLASSES.copy()
    handler = ExplanationHandler(mx.nd.array(x), labels, writers=print)
    before = handler.snapshot(net)
    given = ExplanationHandler(x, labels, writers=print)
    x[:], labels[:] = 0, 0
    for one in (handler, given):
        found = one.snapshot(net)
        np.testing.assert_array_equal(found.scores, before.scores)
        assert found.captions == before.captions


class Branches(nn.HybridSequential):
    """Python decides: it cannot be traced."""

    def forward(self, x):
        return super().forward(x * 2 if x.sum().asscalar() > 0 else x)


def test_nets_that_cannot_be_traced(ctx):
    net = Branches()
    net.add(gm.nn.Conv2D(4, 3), gm.nn.Activation("relu"), gm.nn.GlobalAvgPool2D(), gm.nn.Dense(10))
    net.initialize(ctx=ctx)
    counted = Counted()
    handler = ExplanationHandler(SHOWN, CLASSES, writers=counted)
    make_estimator(net, ctx).fit(batches(), epochs=1, event_handlers=[handler])
    assert counted.snapshots[0].classes == CLASSES.tolist()
    np.testing.assert_array_equal(
        counted.snapshots[0].overlays["grad_cam"],
        gm.grad_cam(net, SHOWN).overlay(np.stack(counted.snapshots[0].photos)),
    )


# -- one output value -----------------------------------------------------------------------------


def test_either_class_of_a_logit_by_hand(ctx):
    """y = mean of channel 0 - mean of channel 1; channel 0 is bright on the left, 1 on the right"""
    net = nn.HybridSequential()
    net.add(nn.Conv2D(2, 1, in_channels=2), nn.GlobalAvgPool2D(), nn.Dense(1, in_units=2))
    net.initialize(ctx=ctx)
    net[0].weight.set_data(mx.nd.array(np.eye(2).reshape(2, 2, 1, 1)))
    net[2].weight.set_data(mx.nd.array([[1, -1]]))
    x = np.zeros((2, 2, 6, 8), np.float32)
    x[:, 0, :, :4] = [[[3]], [[1]]]
    x[:, 1, :, 4:] = [[[1]], [[3]]]
    left, right = np.eye(2)[:, [0] * 4 + [1] * 4]
    for target, maps, scores in (
        ("predicted", [left, right], [1, 1]),
        ("true", [right] * 2, [-1, 1]),
        (1, [left] * 2, [1, -1]),
        ([1, 0], [left, right], [1, 1]),
    ):
        found = ExplanationHandler(
            x, [0, 0], names=["right", "left"], target=target, writers=print
        ).snapshot(net)
        assert found.predictions == [1, 0]
        assert found.captions == ["left 0.73 (true: right)", "right 0.73 (true: right)"]
        np.testing.assert_allclose(found.scores, scores)
        for drawn, photo, one in zip(found.overlays["grad_cam"], found.photos, maps):
            heat = np.broadcast_to(one.astype(np.float32), (6, 8))
            np.testing.assert_array_equal(drawn, picture.overlay(photo, heat))


@pytest.mark.parametrize("known", ["labels", "names", "loss", "sigmoid"])
def test_either_class_of_a_binary_net_is_explained_by_what_speaks_for_it(ctx, known):
    mx.random.seed(4)
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(6, 3, in_channels=1),
        nn.Activation("relu"),
        nn.GlobalAvgPool2D(),
        nn.Dense(1, in_units=6),
    )
    if known == "sigmoid":
        net.add(nn.Activation("sigmoid"))
    net.initialize(mx.init.Normal(1), ctx=ctx)
    x = mx.nd.array(SHOWN, ctx=ctx)
    logits = net[:4](x).asnumpy()[:, 0]
    net[3].bias.set_data(mx.nd.array([-np.median(logits)]))  # some of each class
    logits = net[:4](x).asnumpy()[:, 0]
    ids = (logits > 0).astype(int).tolist()
    assert set(ids) == {0, 1}
    options = {"labels": {"labels": [0, 1, 0, 1]}, "names": {"names": ["cat", "dog"]}}
    counted = Counted()
    handler = ExplanationHandler(SHOWN, writers=counted, layer="1", **options.get(known, {}))
    if known == "loss":
        handler.train_begin(make_estimator(net, ctx, mx.gluon.loss.SigmoidBCELoss()))
    handler(0, net)
    (found,) = counted.snapshots
    assert found.predictions == ids
    np.testing.assert_allclose(found.probabilities, 1 / (1 + np.exp(-abs(logits))), rtol=1e-4)
    np.testing.assert_allclose(found.scores, abs(logits), rtol=1e-3, atol=1e-5)
    expected = gm.grad_cam(net, SHOWN, gm.targets.Binary(ids), "1")
    np.testing.assert_array_equal(
        found.overlays["grad_cam"], expected.overlay(np.stack(found.photos))
    )
    wrong = gm.grad_cam(net, SHOWN, gm.targets.Binary(1), "1")
    for drawn, other, one in zip(
        found.overlays["grad_cam"], wrong.overlay(np.stack(found.photos)), ids
    ):
        assert np.array_equal(drawn, other) == (one == 1)
    if known == "names":
        assert found.explained == [["cat", "dog"][one] for one in ids]


def test_binary_probabilities_have_the_right_sign_too(ctx):
    net = cam_head(small_extractor(ctx), 1)
    scores = scores_of(net)[:, 0]
    net[-1].bias.set_data(mx.nd.array([-np.median(scores)]))
    chances = 1 / (1 + np.exp(-scores_of(net)[:, 0]))
    found = ExplanationHandler(
        SHOWN, [0, 1, 0, 1], target="true", output="probability", writers=print
    ).snapshot(net)
    np.testing.assert_allclose(
        found.scores, np.where([1, 0, 1, 0], 1 - chances, chances), rtol=1e-4
    )


def test_multi_label_nets_have_a_probability_for_each_class(net):
    counted = Counted()
    handler = ExplanationHandler(SHOWN, writers=counted)
    handler.train_begin(make_estimator(net, loss=mx.gluon.loss.SigmoidBCELoss()))
    handler(0, net)
    np.testing.assert_allclose(
        counted.snapshots[0].probabilities, 1 / (1 + np.exp(-scores_of(net).max(axis=1))), rtol=1e-4
    )


def test_one_value_that_is_no_class_is_explained_itself(ctx):
    net = cam_head(small_extractor(ctx), 1)
    found = ExplanationHandler(SHOWN, writers=print).snapshot(net)
    scores = scores_of(net)[:, 0]
    assert found.predictions is None
    assert found.probabilities is None
    np.testing.assert_allclose(found.scores, scores, rtol=1e-4)
    assert found.captions == [f"output {score:.3g}" for score in found.scores]
    np.testing.assert_array_equal(
        found.overlays["grad_cam"], gm.grad_cam(net, SHOWN).overlay(np.stack(found.photos))
    )


def test_outputs_that_are_maps_are_explained_by_a_target(ctx):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, in_channels=1), nn.Conv2D(3, 3, in_channels=4))
    net.initialize(ctx=ctx)
    found = ExplanationHandler(
        SHOWN, writers=print, layer="0", target=gm.targets.Segmentation(1)
    ).snapshot(net)
    assert found.predictions is None
    assert found.captions[0] == f"Segmentation(class_id=1) {found.scores[0]:.3g}"
    with pytest.raises(errors.TargetError, match="Segmentation"):
        ExplanationHandler(SHOWN, writers=print).check(net)


# -- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "grad_kam"}, errors.MethodError, "no method 'grad_kam'.*grad_cam"),
        ({"method": []}, errors.MethodError, "no method was given"),
        ({"options": {"grad_cam": {"reli": True}}}, errors.MethodError, "reli.*takes relu"),
        ({"options": {"rise": {}}}, errors.MethodError, "'rise'.*methods are grad_cam"),
        ({"method": "saliency", "layer": "0"}, errors.MethodError, "saliency explains the input"),
        ({"layer": ["0", "4"]}, errors.LayerError, "fuse=None.*mean, max, product"),
        ({"layer": ["0"], "fuse": "sum"}, errors.LayerError, "fuse='sum'"),
        ({"target": "best"}, errors.TargetError, "'best'.*'predicted', 'true'"),
        ({"target": "true", "labels": None}, errors.TargetError, "pass labels"),
        ({"target": gm.targets.Top(2)}, errors.TargetError, "one target"),
        ({"target": [1, 2]}, errors.TargetError, "expected 4 class ids"),
        ({"labels": [1, 2]}, errors.InputError, r"shape \(2,\) for 4 samples"),
        ({"labels": [0.5, 1, 2, 3]}, errors.InputError, "whole numbers"),
        ({"labels": [-1, 1, 2, 3]}, errors.InputError, "whole numbers"),
        ({"labels": ["a", "b", "c", "d"]}, errors.InputError, "whole numbers"),
        ({"names": "boot"}, errors.InputError, "the name of each class"),
        ({"names": 10}, errors.InputError, "the name of each class"),
        ({"photos": np.zeros((3, 28, 28), np.uint8)}, errors.InputError, "3 photos for 4 samples"),
        ({"photos": SHOWN - 5}, errors.InputError, "shape"),
        ({"photos": SHOWN[:, 0] - 5}, errors.InputError, "0 to 255"),
        ({"photos": SHOWN[:, 0]}, errors.InputError, r"photos \* 255"),
        ({"order": "RBG"}, errors.InputError, "RGB or BGR"),
        ({"every": 0}, errors.InputError, "every=0.*epochs"),
        ({"every": 1.5}, errors.InputError, "every=1.5"),
        ({"unit": "batches"}, errors.InputError, "epoch, batch"),
        ({"writers": []}, errors.InputError, "no writer"),
        ({"writers": [None]}, errors.InputError, "None is no writer"),
        ({"x": (SHOWN * 255).astype(np.uint8)}, errors.InputError, "uint8.*floating-point"),
        ({"x": SHOWN * np.nan}, errors.InputError, "NaN"),
        ({"x": SHOWN[:0]}, errors.InputError, "empty"),
        ({"x": SHOWN.tolist()}, errors.InputError, "a list"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_mistakes_are_told_when_the_handler_is_made(options, error, message):
    given = {"x": SHOWN, "labels": CLASSES, "writers": print, **options}
    with pytest.raises(error, match=message):
        ExplanationHandler(**given)


AT_THE_BEGINNING = [
    ({"layer": "conv7"}, errors.LayerError, "no layer 'conv7'.*net_conv0"),
    ({"layer": "9"}, errors.LayerError, "no positions"),
    ({"x": np.zeros((4, 28, 28), np.float32)}, errors.InputError, "does not take"),
    ({"labels": [0, 1, 2, 10]}, errors.InputError, "label 10.*10 classes"),
    ({"names": NAMES[:9]}, errors.InputError, "9 names.*10 classes"),
    ({"output": 3}, errors.TargetError, "no output 3"),
    ({"input": "image"}, errors.InputError, "no input 'image'"),
    (
        {"method": "occlusion", "options": {"occlusion": {"window": 0}}},
        errors.MethodError,
        "window",
    ),
]


@pytest.mark.parametrize(("options", "error", "message"), AT_THE_BEGINNING)
@pytest.mark.parametrize("deferred", [True, False])
def test_mistakes_are_told_before_training(options, error, message, deferred):
    net = make_net()
    if not deferred:
        net(mx.nd.array(SHOWN))
    handler = ExplanationHandler(**{"x": SHOWN, "labels": CLASSES, "writers": print, **options})
    found = make_estimator(net)
    found.batch_processor = None  # training would fail
    with pytest.raises(error, match=message):
        found.fit(batches(), epochs=1, event_handlers=[handler])
    with pytest.raises(error, match=message):
        handler.check(net)
    assert (net[0].weight._data is None) == deferred


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "cam"}, errors.NetworkError, "CAM needs"),
        ({"target": 10}, errors.TargetError, "class id 10"),
        ({"target": lambda output: output}, errors.TargetError, "one scalar"),
        ({"target": gm.targets.Binary(1)}, errors.TargetError, "Binary"),
    ],
)
def test_other_mistakes_are_told_after_the_first_batch(options, error, message):
    for deferred, expected in ((True, 1), (False, 0)):
        net = make_net()
        net.add(nn.Dense(10))
        net[-1].initialize()
        if not deferred:
            net(mx.nd.array(SHOWN))
        handler = ExplanationHandler(SHOWN, writers=print, **options)
        done = []

        class Count(estimator.BatchBegin):
            def batch_begin(self, *args, done=done, **kwargs):
                done.append(1)

        with pytest.raises(error, match=message):
            make_estimator(net).fit(batches(), epochs=1, event_handlers=[handler, Count()])
        assert len(done) == expected


def test_mistakes_are_told_in_the_first_call_of_a_loop():
    counted = Counted()
    handler = ExplanationHandler(SHOWN, layer="conv7", writers=counted)
    with pytest.raises(errors.LayerError, match="conv7"):
        handler(0, make_net())
    assert counted.steps == []


# -- what goes wrong in between --------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_net_that_gives_nan_is_passed_over(net, bad):
    counted = Counted()
    handler = ExplanationHandler(SHOWN, writers=counted)
    for epoch in range(4):
        bias = mx.nd.zeros(10)
        bias[3] = bad if epoch in (0, 2) else 0
        net[-1].bias.set_data(bias)
        if epoch in (0, 2):
            with pytest.warns(UserWarning, match=f"epoch {epoch} is not explained.*output is NaN"):
                handler(epoch, net)
        else:
            handler(epoch, net)
    assert counted.steps == [1, 3]


def test_an_estimator_trains_on_whatever_the_net_gives(ctx):
    net, counted = make_net(ctx), Counted()
    net(mx.nd.array(SHOWN, ctx=ctx))
    net[-1].bias.set_data(mx.nd.full(10, np.nan))
    handler = ExplanationHandler(SHOWN, writers=counted)
    found, done = make_estimator(net, ctx), []

    class Count(estimator.EpochEnd):
        def epoch_end(self, *args, **kwargs):
            done.append(1)

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found.fit(batches(), epochs=2, event_handlers=[handler, Count()])
    assert len(done) == 2
    assert counted.steps == []
    told = [str(one.message) for one in said if "NaN" in str(one.message)]
    assert ["epoch 0" in one for one in told].count(True) == 1
    assert ["epoch 1" in one for one in told].count(True) == 1


def test_what_worked_once_does_not_stop_the_training(net):
    counted = Counted()

    def target(output):
        if len(counted.steps) == 1:
            raise ZeroDivisionError("injected")
        return output[:, 0]

    handler = ExplanationHandler(SHOWN, writers=counted, target=target)
    handler(0, net)
    with pytest.warns(UserWarning, match="epoch 1 is not explained.* ZeroDivisionError: injected"):
        handler(1, net)
    counted.snapshots.append(counted.snapshots[0])
    handler(2, net)
    assert counted.steps == [0, 0, 2]


def test_ctrl_c_gets_through(net):
    def interrupted(snapshot):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ExplanationHandler(SHOWN, writers=interrupted)(0, net)


class Fails:
    """A writer that fails in every way."""

    def __call__(self, snapshot):
        random.seed(0)
        raise OSError("disk full")

    def close(self):
        raise ZeroDivisionError("again")


def test_a_writer_that_fails_warns_once_and_the_others_go_on(ctx, tmp_path):
    net, counted = make_net(ctx), Counted()
    handler = ExplanationHandler(SHOWN, writers=[Fails(), counted, Fails(), str(tmp_path / "page")])
    seed()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        make_estimator(net, ctx).fit(batches(), epochs=3, event_handlers=[handler])
    told = [str(one.message) for one in said if "writer failed" in str(one.message)]
    assert (
        told
        == [
            "a writer failed, training goes on; Fails is called again, and nothing more "
            "said of it: OSError: disk full"
        ]
        * 2
    )
    assert counted.steps == [0, 1, 2]
    assert counted.closed == 1
    assert len(list((tmp_path / "page").glob("epoch-*.png"))) == 3


def test_paths_stand_for_pages(net, tmp_path):
    handler = ExplanationHandler(SHOWN, writers=[tmp_path / "a", HtmlWriter(tmp_path / "b")])
    handler(0, net)
    for name in "ab":
        assert (tmp_path / name / "index.html").exists()


# -- the head that CAM needs ----------------------------------------------------------------------


def small_extractor(ctx, initialise=True):
    """Convolutions in blocks in blocks, and a classifier behind them."""
    mx.random.seed(6)
    inner = nn.HybridSequential()
    inner.add(nn.Conv2D(6, 3, in_channels=4), nn.Activation("relu"))
    features = nn.HybridSequential(prefix="small_")
    with features.name_scope():
        features.add(
            nn.Conv2D(4, 3, in_channels=1),
            nn.BatchNorm(in_channels=4),
            nn.Activation("relu"),
            inner,
            nn.Dropout(0.5),
            nn.MaxPool2D(),
            nn.Flatten(),
            nn.Dense(8, activation="relu"),
            nn.Dropout(0.5),
        )
    if initialise:
        features.initialize(mx.init.Xavier(), ctx=ctx)
    return features


def test_the_head_sits_on_the_layers_that_make_maps(ctx):
    features = small_extractor(ctx)
    net = cam_head(features, 3)
    kinds = [type(layer).__name__ for layer in net]
    assert kinds == [
        "Conv2D",
        "BatchNorm",
        "Activation",
        "Conv2D",
        "Activation",
        "GlobalAvgPool2D",
        "Flatten",
        "Dense",
    ]
    assert net[0] is features[0]
    assert net[3] is features[3][0]
    assert net[0].weight.data(ctx) is features[0].weight.data(ctx)
    maps = features[:4](mx.nd.array(SHOWN, ctx=ctx)).asnumpy()
    weight = scores_of(net)  # the Dense layer learns its shape
    weight, bias = (one.data(ctx).asnumpy() for one in (net[-1].weight, net[-1].bias))
    np.testing.assert_allclose(
        scores_of(net), maps.mean(axis=(2, 3)) @ weight.T + bias, rtol=1e-4, atol=1e-5
    )
    for layer in "01234":
        assert gm.layer_cam(net, SHOWN, layer=layer).layer == layer
    assert weight.std() > 0


def test_the_extractor_stays_as_it_is(ctx):
    features = small_extractor(ctx)
    x = mx.nd.array(SHOWN, ctx=ctx)
    before, names = features(x).asnumpy(), list(features.collect_params())
    requests = [one.grad_req for one in features.collect_params().values()]
    net = cam_head(features, 3)
    net(x)
    assert len(features) == 9
    assert list(features.collect_params()) == names
    assert [one.grad_req for one in features.collect_params().values()] == requests
    np.testing.assert_array_equal(features(x).asnumpy(), before)
    # and the head's names are its own
    own = set(net.collect_params()) - set(names)
    assert {name.rsplit("_", 1)[-1] for name in own} == {"weight", "bias"}
    assert len(own) == 2


def test_frozen_features_are_not_trained_and_the_head_is(ctx):
    features = small_extractor(ctx)
    net = cam_head(features, 10, freeze=True)
    shared = [one for layer in net[:5] for one in layer.collect_params().values()]
    assert {one.grad_req for one in shared} == {"null"}
    assert features[7].weight.grad_req == "write"
    values = {one.name: one.data(ctx).asnumpy() for one in shared}
    counted = Counted()
    handler = ExplanationHandler(SHOWN, CLASSES, writers=counted, method=["cam", "guided_grad_cam"])
    found = make_estimator(net, ctx)
    heads = []

    class Keep(estimator.EpochEnd):
        def epoch_end(self, *args, **kwargs):
            heads.append(net[-1].weight.data(ctx).asnumpy())

    found.fit(batches(), epochs=2, event_handlers=[handler, Keep()])
    assert counted.steps == [0, 1]
    assert not np.array_equal(*heads)
    for one in shared:
        if "running" not in one.name:
            np.testing.assert_array_equal(one.data(ctx).asnumpy(), values[one.name])


def test_parameter_files_go_by_places(ctx, tmp_path):
    net = cam_head(small_extractor(ctx), 3)
    expected = scores_of(net)
    net.save_parameters(str(tmp_path / "head.params"))
    other = cam_head(small_extractor(ctx, initialise=False), 3)
    with pytest.raises(RuntimeError, match="not been initialized"):
        other[-1].weight.data()
    other.load_parameters(str(tmp_path / "head.params"), ctx=ctx)
    np.testing.assert_array_equal(scores_of(other), expected)


def test_several_contexts_stay_together():
    both = [mx.cpu(0), mx.cpu(1)]
    net = cam_head(small_extractor(both), 3)
    assert net[-1].weight.list_ctx() == both
    for one in both:
        assert net(mx.nd.array(SHOWN, ctx=one)).context == one


def test_the_initialiser_may_be_chosen(ctx):
    net = cam_head(small_extractor(ctx), 3, init=mx.init.Constant(0.5), prefix="mine_")
    scores_of(net)
    assert (net[-1].weight.data(ctx).asnumpy() == 0.5).all()
    assert net[-1].weight.name == "mine_dense0_weight"


@pytest.mark.parametrize("target", [0, 1, [2, 0, 1, 2]])
def test_cam_and_grad_cam_are_the_same_up_to_a_constant(ctx, target):
    net = cam_head(small_extractor(ctx), 3)
    cam = gm.cam(net, SHOWN, target, relu=False)
    grad_cam = gm.grad_cam(net, SHOWN, target, layer=cam.layer, relu=False)
    assert cam.layer == "4"
    size = np.prod(cam.values.shape[1:])
    np.testing.assert_allclose(cam.values, grad_cam.values * size, rtol=1e-3, atol=1e-5)
    assert abs(cam.values).max() > 0.01


def test_one_logit_speaks_for_both_classes(ctx):
    net = cam_head(small_extractor(ctx), 1)
    maps = net[:5](mx.nd.array(SHOWN, ctx=ctx)).asnumpy()
    scores_of(net)
    weighted = (net[-1].weight.data(ctx).asnumpy()[0][:, None, None] * maps).sum(axis=1)
    for class_id, sign in ((0, -1), (1, 1)):
        for relu in (False, True):
            expected = np.maximum(sign * weighted, 0) if relu else sign * weighted
            for target in (gm.targets.Binary(class_id), gm.targets.Binary([class_id] * 4)):
                found = gm.cam(net, SHOWN, target, relu=relu)
                np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-6)
    assert (weighted > 0.01).any()
    assert (weighted < -0.01).any()
    ids = (scores_of(net)[:, 0] > 0).astype(int).tolist()
    found = ExplanationHandler(
        SHOWN,
        names=["cat", "dog"],
        method="cam",
        writers=print,
    ).snapshot(net)
    np.testing.assert_array_equal(
        found.overlays["cam"],
        gm.cam(net, SHOWN, gm.targets.Binary(ids)).overlay(np.stack(found.photos)),
    )


@pytest.mark.parametrize(
    ("name", "last", "size", "classes"),
    [
        ("mobilenet0.25", "Activation", 64, 1),
        ("mobilenetv2_0.25", "RELU6", 64, 3),
        ("resnet18_v1", "BasicBlockV1", 64, 3),
        ("resnet18_v2", "Activation", 64, 1),
        ("squeezenet1.1", "HybridConcurrent", 64, 1),
        ("vgg11", "Activation", 32, 3),
        ("alexnet", "Conv2D", 64, 1),
        ("densenet121", "Activation", 64, 3),
    ],
)
def test_nets_of_the_model_zoo_get_the_head(name, last, size, classes):
    mx.random.seed(1)
    zoo = mx.gluon.model_zoo.vision.get_model(name)
    zoo.features.initialize(mx.init.Xavier(magnitude=3), ctx=mx.cpu(1))
    net = cam_head(zoo, classes, freeze=True)
    assert type(net[-4]).__name__ == last
    x = np.random.RandomState(0).randn(1, 3, size, size).astype(np.float32)
    target = gm.targets.Binary(0) if classes == 1 else 2
    cam = gm.cam(net, x, target, relu=False)
    assert cam.values.shape[1] > 1
    grad_cam = gm.grad_cam(net, x, target, layer=cam.layer, relu=False)
    assert cam.layer == str(len(net) - 4)
    assert np.corrcoef(cam.values.ravel(), grad_cam.values.ravel())[0, 1] > 0.999
    np.testing.assert_allclose(
        cam.values.std(), grad_cam.values.std() * cam.values[0].size, rtol=1e-3
    )


@pytest.mark.parametrize(
    ("features", "classes", "error", "message"),
    [
        ("net", 2, errors.NetworkError, "str; expected a HybridSequential"),
        (nn.HybridSequential(), 2, errors.NetworkError, "nothing of the feature extractor"),
        (nn.Dense(2), 2, errors.NetworkError, "nothing of the feature extractor"),
        (mx.gluon.nn.Lambda("relu"), 2, errors.NetworkError, "no HybridBlock"),
        (nn.Conv2D(2, 3), 0, errors.InputError, "classes=0"),
        (nn.Conv2D(2, 3), 1.5, errors.InputError, "classes=1.5"),
    ],
)
def test_what_is_no_extractor_is_refused(features, classes, error, message):
    with pytest.raises(error, match=message):
        cam_head(features, classes)


def test_subclasses_that_do_more_are_left_whole(ctx):
    class Doubled(nn.HybridSequential):
        def hybrid_forward(self, F, x):
            return super().hybrid_forward(F, x) * 2

    plain = nn.Sequential()
    doubled = Doubled()
    doubled.add(nn.Conv2D(3, 3, in_channels=1))
    plain.add(doubled, nn.Activation("relu"))
    plain.initialize(ctx=ctx)
    net = cam_head(plain, 2)
    assert net[0] is doubled
    assert [type(layer).__name__ for layer in net][1:3] == ["Activation", "GlobalAvgPool2D"]
