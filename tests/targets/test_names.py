"""Classes are asked for by name: those of the net, or those that a call is given."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import TargetError

nn = mx.gluon.nn
NAMES = ["sports car", "cat, tabby", "crane", "crane", "dog"]
X = np.random.RandomState(0).normal(size=(2, 3, 8, 8)).astype(np.float32)


def made(ctx, *head, classes=5):
    mx.random.seed(3)
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, in_channels=3, activation="relu"), nn.GlobalAvgPool2D(), nn.Flatten())
    net.add(nn.Dense(classes, in_units=4), *head)
    net.initialize(mx.init.Normal(1), ctx=ctx)
    return net


@pytest.fixture
def net(ctx):
    return made(ctx)


T = gm.targets
KINDS = {  # by name, by number
    "name": ("tabby", 1),
    "with an underscore": ("Sports_Car", 0),
    "the whole text": ("cat, tabby", 1),
    "number as text": ("4", 4),
    "one for each": (["dog", "cat"], [4, 1]),
    "names and numbers": (["dog", 2], [4, 2]),
    "tuple": (("dog", "dog"), [4, 4]),
    "array of texts": (np.array(["dog", "cat"]), [4, 1]),
    "a name and the top class": (["dog", None], [4, None]),
    "score": (T.ClassScore("dog"), T.ClassScore(4)),
    "scores": (T.ClassScore(["dog", "cat"]), T.ClassScore([4, 1])),
    "probability": (T.Probability("dog"), T.Probability(4)),
    "difference": (T.ScoreDifference("dog", "cat"), T.ScoreDifference(4, 1)),
    "labels": (T.MultiLabel(["dog", "cat"]), T.MultiLabel([4, 1])),
    "labels of each": (T.MultiLabel([["dog"], ["cat", 0]]), T.MultiLabel([[4], [1, 0]])),
    "targets of each": ([T.Probability("dog"), "cat"], [T.Probability(4), 1]),
}


def same(found, expected):
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.score, expected.score)
    assert found.target == expected.target


@pytest.mark.parametrize("kind", KINDS)
def test_names_stand_for_numbers(net, kind):
    named, numbered = KINDS[kind]
    expected = gm.grad_cam(net, X, numbered)
    same(gm.grad_cam(net, X, named, names=NAMES), expected)
    net.class_names = NAMES
    same(gm.grad_cam(net, X, named), expected)
    same(gm.grad_cam(gm.trace(net), X, named), expected)


WAYS = {
    "list": NAMES,
    "tuple": tuple(NAMES),
    "array": np.array(NAMES),
    "function": NAMES.__getitem__,
    "ids": {1: "cat, tabby", 4: "dog"},
    "labels": gm.zoo.labels.Labels("", [[one] for one in NAMES], [[], ["tabby"], [], [], []]),
}


@pytest.mark.parametrize("way", [*WAYS, "file"])
def test_names_are_given_in_many_ways(net, way, tmp_path):
    names = WAYS.get(way, tmp_path / "names.txt")
    if way == "file":
        names.write_text("\n".join(NAMES), encoding="utf-8")
    expected = gm.saliency(net, X, [4, 4])
    found = gm.saliency(net, X, "dog", names=names)
    same(found, expected)
    assert found.class_names == ["dog", "dog"]
    assert "dog (4)" in repr(found)


@pytest.mark.parametrize("attribute", ["class_names", "classes", "names", "synset"])
def test_names_that_a_net_has(net, attribute):
    """GluonCV's are `classes`; a number of classes is no name."""
    setattr(net, attribute, NAMES)
    found = gm.grad_cam(net, X, "dog")
    assert (found.target, found.class_names) == ([4, 4], ["dog", "dog"])
    setattr(net, attribute, 5)
    assert gm.grad_cam(net, X, 4).class_names is None


def test_names_of_a_call_come_before_the_nets(net):
    net.class_names = NAMES
    assert gm.grad_cam(net, X, "e", names=list("abcde")).target == [4, 4]
    with pytest.raises(TargetError, match="no class is called 'dog'"):
        gm.grad_cam(net, X, "dog", names=list("abcde"))


def test_top_classes_are_named(net):
    found = gm.grad_cam(net, X, names=list("abcde"))
    assert found.class_names == ["abcde"[one] for one in found.target]
    several = gm.grad_cam(net, X, T.Top(2), names=list("abcde"))
    assert [one.class_names for one in several] == [
        ["abcde"[one] for one in each.target] for each in several
    ]


def test_several_targets_by_name(net):
    net.class_names = NAMES
    expected = gm.explain(net, X, ["grad_cam", "occlusion"], T.Several([4, [1, 0]]))
    named = T.Several(["dog", ["tabby", "sports_car"]])
    found = gm.explain(net, X, ["grad_cam", "occlusion"], named)
    for name, each in expected.items():
        for one, other in zip(found[name], each):
            # how many run at once is found by the clock, and sums differ by it
            np.testing.assert_allclose(one.values, other.values, atol=1e-5)
            assert one.target == other.target


def test_an_ambiguous_name_lists_the_numbers(net):
    with pytest.raises(TargetError, match=r"'crane' is the name of several.*2 \(crane\); 3"):
        gm.grad_cam(net, X, "crane", names=NAMES)


def test_mistakes_say_what_to_do(net):
    with pytest.raises(TargetError, match="closest: 'tabby' \\(1\\)"):
        gm.grad_cam(net, X, "tabbi", names=NAMES)
    with pytest.raises(TargetError, match=r"are not known: pass names=.*net.class_names"):
        gm.grad_cam(net, X, "dog")
    assert gm.grad_cam(net, X, "4").target == [4, 4]
    with pytest.raises(TargetError, match="2 names for a net with 5 classes"):
        gm.grad_cam(net, X, names=["a", "b"])
    with pytest.raises(TargetError, match="expected a list with the name of each class"):
        gm.grad_cam(net, X, "dog", names=7)
    with pytest.raises(TargetError, match="expected a text for each class"):
        gm.grad_cam(net, X, "dog", names=[1, 2, 3, 4, 5])
    with pytest.raises(TargetError, match=r"9 is none of the net's 5 classes"):
        gm.grad_cam(net, X, "dog", names={9: "dog"})


def test_names_of_another_output_are_not_used(net):
    """A net's own names may be those of a head that was cut off."""
    net.class_names = list("abc")
    assert gm.grad_cam(net, X, 4).class_names is None
    with pytest.raises(TargetError, match="are not known"):
        gm.grad_cam(net, X, "a")


def test_the_two_classes_of_one_value(ctx):
    for head in ((nn.Activation("sigmoid"),), ()):
        net = made(ctx, *head, classes=1)
        found = [gm.saliency(net, X, name, names=["no", "yes"]) for name in ("no", "yes")]
        expected = [gm.saliency(net, X, T.Binary(number)) for number in (0, 1)]
        for one, other in zip(found, expected):
            np.testing.assert_array_equal(one.values, other.values)
            np.testing.assert_array_equal(one.score, other.score)


def test_classes_of_a_segmentation(ctx):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, padding=1, in_channels=3, activation="relu"), nn.Conv2D(5, 1))
    net.initialize(mx.init.Normal(1), ctx=ctx)
    for named, numbered in (
        (T.Segmentation("dog"), T.Segmentation(4)),
        (T.WhereFound("dog"), T.WhereFound(4)),
    ):
        same(gm.saliency(net, X, named, names=NAMES), gm.saliency(net, X, numbered))


def test_classes_of_detections():
    find = {"dog": 4}.__getitem__
    assert T.BestDetection("dog").with_ids(find) == T.BestDetection(4)
    box = (0, 0, 1, 1)
    named = T.Detection(box=box, class_id="dog").with_ids(find)
    assert named == T.Detection(box=box, class_id=4)


def test_comparisons_and_the_check_take_names(net):
    net.class_names = NAMES
    table = gm.inspect.compare(net, X[0], ["dog", "tabby"])
    assert [one.target for one in table.explanations[0]] == [[4], [1]]
    assert str(gm.check(net, X, "dog")).count("FAILED") == 0


def test_one_name_gives_one_explanation(net):
    expected = gm.grad_cam(net, X, 4, layer="0", relu=False)
    options = {"grad_cam": {"relu": False}}
    found = gm.explain(net, X, "grad_cam", 4, "0", options=options)
    same(found, expected)
    assert set(gm.explain(net, X, ["grad_cam"], 4)) == {"grad_cam"}
    assert len(gm.explain(net, X, "grad_cam", T.Top(2))) == 2
    assert len(gm.explain(net, X, "grad_cam", layer=["0"])) == 1
    assert set(gm.explain(net, X, (one for one in ["grad_cam"]), 4)) == {"grad_cam"}
