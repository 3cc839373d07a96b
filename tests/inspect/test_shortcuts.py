"""Shortcuts that were planted are found, and none where there is none."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import stores
from planted import MARKED, marked, net_of, photos_of, store_of

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError
from gradcam_mx.inspect import class_maps, same_photos
from gradcam_mx.store import Store


def study_of(folder, ctx):
    photos, labels = photos_of(24)
    net = net_of(ctx, True)
    folder, samples = store_of(folder, net, marked(photos, labels == MARKED), labels)
    return net, Store(folder), samples


@pytest.fixture
def study(tmp_path, ctx):
    """A net that goes by the mark, its store and its samples."""
    return study_of(tmp_path / "s", ctx)


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """The same, for what the device has no part in."""
    return study_of(tmp_path_factory.mktemp("read") / "s", mx.cpu(0))


def test_a_planted_mark_is_the_first_cluster_and_is_proved(study):
    net, store, samples = study
    found = gm.inspect.shortcuts(store, net, samples, progress=False)
    assert found
    assert {one.class_id for one in found.findings} == {MARKED}
    first = found.clusters[0]
    assert first.is_finding
    assert first.class_id == MARKED
    assert first.corrected_p < 0.05
    assert first.region[1:4, 1:4].all()
    assert first.region.mean() <= 0.1
    assert first.proof.hidden.difference > 5 * first.proof.hidden.error
    assert first.proof.pasted_probability.difference > 0.5
    assert "shortcut" in repr(found)
    assert "are shortcuts" in found.said()
    assert found.to_records()[0]["is_finding"]


def test_hiding_and_pasting_are_what_they_say(study):
    """The numbers of the proof again, photo by photo, by the net alone."""
    net, store, samples = study
    cluster = gm.inspect.shortcuts(store, net, samples, photos=6, progress=False).clusters[0]
    from gradcam_mx.inspect.hidden_and_pasted import pairs

    draws = class_maps.draw(store, 500, 0)
    others = [n for n, one in draws.items() if MARKED not in (one.predicted, one.label)]
    for place, (own, into, clean) in enumerate(pairs(cluster.members, others, 6, 0)):
        x, y, z = (
            net.preprocess(samples.read(one).values).astype(np.float64)
            for one in (own, into, clean)
        )

        def says(values):
            context = next(iter(net.collect_params().values())).list_ctx()[0]
            score = net(mx.nd.array(values, ctx=context)).asnumpy()[0].astype(np.float64)
            odds = np.exp(score - score.max())
            return np.array([score[MARKED], odds[MARKED] / odds.sum()])

        hidden = x.copy()
        hidden[..., cluster.region] = x.mean()
        pasted, plain = y.copy(), y.copy()
        pasted[..., cluster.region] = x[..., cluster.region]
        plain[..., cluster.region] = z[..., cluster.region]
        proof = cluster.proof
        drop = proof.hidden.changes[place], proof.hidden_probability.changes[place]
        np.testing.assert_allclose(drop, says(x) - says(hidden), rtol=1e-3, atol=1e-4)
        rise = proof.pasted.changes[place], proof.pasted_probability.changes[place]
        np.testing.assert_allclose(rise, says(pasted) - says(y), rtol=1e-3, atol=1e-4)
        control = proof.pasted.controls[place], proof.pasted_probability.controls[place]
        np.testing.assert_allclose(control, says(plain) - says(y), rtol=1e-3, atol=1e-4)


def test_a_clean_net_has_none(tmp_path, ctx):
    photos, labels = photos_of(24)
    net = net_of(ctx, False)
    folder, samples = store_of(tmp_path / "s", net, photos, labels)
    found = gm.inspect.shortcuts(Store(folder), net, samples, progress=False)
    assert not found
    assert not found.findings
    assert any(one.proof is not None for one in found.clusters)
    assert min(one.corrected_p for one in found.clusters if one.proof is not None) > 0.5


def test_without_a_net_clusters_are_ranked_and_that_is_said(read):
    _, store, _ = read
    found = gm.inspect.shortcuts(store, progress=False)
    assert not found
    assert all(one.proof is None for one in found.clusters)
    assert "proves nothing" in found.said()
    distances = [one.distance for one in found.clusters]
    assert distances == sorted(distances, reverse=True)
    assert sum(len(one.members) for one in found.clusters) == 72


def test_the_same_seed_gives_the_same_and_nothing_global_is_drawn_from(study):
    net, store, samples = study
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    weights = {name: one.data().asnumpy() for name, one in net.collect_params().items()}
    one, other = (gm.inspect.shortcuts(store, net, samples, progress=False) for _ in range(2))
    assert one == other
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    for name, parameter in net.collect_params().items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), weights[name])


def test_another_net_is_refused(study, ctx):
    _net, store, samples = study
    other = net_of(ctx, True)
    other[2].weight.set_data(other[2].weight.data() * -1)
    with pytest.raises(InputError, match="says another class than the store"):
        gm.inspect.shortcuts(store, other, samples, progress=False)


def test_photos_that_changed_or_are_damaged_are_left_out(read):
    net, store, samples = read

    class Changed:
        record, label_names = samples.record, samples.label_names
        __len__ = lambda self: len(samples)  # noqa: E731
        __getitem__ = lambda self, part: samples[part]  # noqa: E731
        place, stamp, path = samples.place, samples.stamp, samples.path

        def read(self, number):
            if number == 2:
                raise gm.errors.PhotoError("0000002 is damaged")
            found = samples.read(number)
            return found._replace(sha256=hashlib.sha256(b"").hexdigest()) if number == 5 else found

    found = gm.inspect.shortcuts(store, net, Changed(), progress=False)
    said = " ".join(found.notes)
    assert "0000002 is damaged" in said
    assert "0000005.png has changed" in said.replace("class2/00005", "0000005")
    assert found


def test_a_smaller_data_set_is_refused(read):
    net, store, samples = read
    with pytest.raises(InputError, match="data set only 10"):
        gm.inspect.shortcuts(store, net, samples[:10], progress=False)


# -- stores that are odd -----------------------------------------------------------------------


def test_two_planted_groups_of_maps_are_two_clusters(tmp_path):
    random = np.random.RandomState(0)
    rows = []
    for number in range(60):
        values = 0.1 * random.rand(8, 8)
        values[(0, 0) if number % 3 == 0 else (5, 5)] = 3
        rows.append(stores.row(number, values, predicted=4))
    found = gm.inspect.shortcuts(Store(stores.written(tmp_path / "s", rows)), progress=False)
    members = {frozenset(one.members) for one in found.clusters}
    planted = frozenset(range(0, 60, 3))
    assert members == {planted, frozenset(range(60)) - planted}
    assert set(found.clusters[0].members) == planted  # the smaller lies farther from the mean
    assert found.clusters[0].share == pytest.approx(1 / 3)


def test_odd_maps(tmp_path):
    """All equal, all zero, of several sizes, one alone; failed rows and rows without a class."""
    same = [stores.row(n, np.eye(4), predicted=0) for n in range(12)]
    zero = [stores.row(n, np.zeros((4, 4)), predicted=1) for n in range(12, 20)]
    sizes = [
        stores.row(n, np.random.RandomState(n).rand(3 + n % 3, 6), predicted=2)
        for n in range(20, 32)
    ]
    alone = [stores.row(32, np.eye(4), predicted=3)]
    failed = [stores.failed(n) for n in range(33, 36)]
    rows = [*same, *zero, *sizes, *alone, *failed]
    store = Store(stores.written(tmp_path / "s", rows))
    found = gm.inspect.shortcuts(store, progress=False)
    of_class = {one: [each for each in found.clusters if each.class_id == one] for one in range(4)}
    assert [len(of_class[one]) for one in (0, 1, 3)] == [1, 0, 1]
    assert len(of_class[0][0].members) == 12
    assert of_class[0][0].distance == 0
    assert sum(len(one.members) for one in of_class[2]) == 12
    assert any("8 maps are zero everywhere" in one for one in found.notes)
    assert "8 maps" in repr(found)
    with pytest.raises(InputError, match="at least three"):
        found.plot_embedding(3)


def test_a_store_without_anything_is_refused(tmp_path):
    store = Store(stores.written(tmp_path / "s", [stores.failed(n) for n in range(3)]))
    with pytest.raises(InputError, match="has a class"):
        gm.inspect.shortcuts(store, progress=False)


def test_wrong_options_are_refused(read):
    _, store, _ = read
    for wrong in (
        {"clusters": 0},
        {"neighbors": 1.5},
        {"area": 1.5},
        {"classes": [7]},
        {"classes": "cat"},
    ):
        with pytest.raises(InputError):
            gm.inspect.shortcuts(store, progress=False, **wrong)
    with pytest.raises(InputError, match="no method"):
        gm.inspect.shortcuts(store, method="lrp", progress=False)
    only = gm.inspect.shortcuts(store, classes=[1], progress=False)
    assert {one.class_id for one in only.clusters} == {1}


def test_draws_are_bounded_and_do_not_depend_on_shards(tmp_path):
    rows = [stores.row(n, np.eye(3), predicted=n % 2) for n in range(200)]
    one, other = (
        class_maps.draw(Store(stores.written(tmp_path / str(size), rows, shard_size=size)), 20, 7)
        for size in (8, 150)
    )
    assert one == other
    counts = np.bincount([each.explained for each in one.values()])
    assert counts.tolist() == [20, 20]
    assert class_maps.draw(Store(tmp_path / "8"), 20, 8) != one


# -- photos that are there several times ---------------------------------------------------------


def test_same_and_nearly_same_photos_are_told(tmp_path, ctx):
    random = np.random.RandomState(0)
    photos, labels = photos_of(8)
    for number in range(len(photos)):
        photos[number] += (
            random.randint(0, 60, (4, 4)).repeat(4, 0).repeat(4, 1)[..., None].astype(np.uint8)
        )
    photos[9] = photos[3]
    photos[20] = np.clip(photos[14].astype(int) + 5, 0, 255)
    net = net_of(ctx, False)
    folder, samples = store_of(tmp_path / "s", net, photos, labels)
    found = gm.inspect.shortcuts(Store(folder), net, samples, progress=False)
    exact = [one.numbers for one in found.same_photos if one.is_exact]
    nearly = [one.numbers for one in found.same_photos if not one.is_exact]
    assert (exact, nearly) == ([(3, 9)], [(14, 20)])
    # without the samples, what is the same is told by the store
    assert [
        one.numbers for one in gm.inspect.shortcuts(Store(folder), progress=False).same_photos
    ] == exact


def test_plain_photos_are_not_told_to_be_the_same():
    from gradcam_mx.inspect.stored_samples import Seen

    plain = [Seen(n, None, np.full((20, 20, 3), 40 * n, np.uint8)) for n in range(4)]
    assert same_photos.nearly_same(np.stack([same_photos.thumbnail(one) for one in plain])) == []


# -- pictures ----------------------------------------------------------------------------------


def test_figures_show_clusters(read, tmp_path):
    net, store, samples = read
    found = gm.inspect.shortcuts(store, net, samples, progress=False)
    assert found.save(tmp_path / "found.png", rows=1).stat().st_size > 1000
    assert found._repr_png_().startswith(b"\x89PNG")
    assert "<table" in found._repr_html_()
    assert found.embedding(MARKED, "pca").shape == (24, 2)
    assert found.plot_embedding(method="pca") is not None
    with pytest.raises(InputError, match="no maps of class 9"):
        found.embedding(9)


# -- the lesson of tutorial 4 ----------------------------------------------------------------------


def lesson(seed, photos, labels):
    """The small net of tutorial 4, trained on some photos."""
    mx.random.seed(seed)
    nn = gm.nn
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(16, 5, padding=2, activation="relu"), nn.MaxPool2D(),
        nn.Conv2D(32, 3, padding=1, activation="relu"),
        nn.Conv2D(32, 3, padding=1, activation="relu"), nn.GlobalMaxPool2D(), nn.Dense(10),
    )  # fmt: skip
    net.preprocess = gm.zoo.preprocess.GREY.adapted(size=28)
    net.initialize(mx.init.Xavier())
    net.hybridize()
    x = mx.nd.array(np.concatenate([net.preprocess(one) for one in photos]))
    y, loss = mx.nd.array(labels), mx.gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = mx.gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.003})
    random = np.random.RandomState(seed)
    for _ in range(3):
        order = random.permutation(len(x))
        for start in range(0, len(x), 16):
            rows = mx.nd.array(order[start : start + 16])
            with mx.autograd.record():
                lost = loss(net(x.take(rows)), y.take(rows))
            lost.backward()
            trainer.step(len(rows))
    return net


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_shortcut_of_the_lesson_is_found_and_none_without_it(tmp_path, seed):
    train, test = gm.zoo.digits("train"), gm.zoo.digits("test")

    def collected(data, has_marks):
        photos = gm.picture.check_photos(data.images).copy()
        if has_marks:
            photos[data.labels == 8, 1:5, 1:5] = 255
        return photos

    for has_marks in (True, False):
        if not has_marks and seed > 1:
            return
        net = lesson(seed, collected(train, has_marks), train.labels)
        folder, samples = store_of(
            tmp_path / str(has_marks), net, collected(test, has_marks), test.labels
        )
        found = gm.inspect.shortcuts(Store(folder), net, samples, progress=False)
        assert {one.class_id for one in found.findings} == ({8} if has_marks else set())
        if has_marks:
            first = found.clusters[0]
            assert first.class_id == 8
            assert first.region[1:5, 1:5].mean() > 0.5
            assert first.proof.hidden_probability.difference > 0.5
            assert first.proof.pasted_probability.difference > 0.5
