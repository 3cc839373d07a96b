"""The examples in docstrings run, in a process of their own (Gluon counts the nets it names)."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {
    path.name: path
    for path in sorted((ROOT / "gradcam_mx").iterdir())
    if path.is_dir() and (path / "__init__.py").exists() and not path.is_symlink()
}
FOLDERS = {
    **{f"gradcam_mx.{name}": path for name, path in ROOMS.items()},
    "gradcam_mx.zoo": ROOT / "zoo",
}
RUN = """
import doctest, importlib, sys
failed = tried = 0
for name in sys.argv[1:]:
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    failed, tried = failed + found.failed, tried + found.attempted
print(tried, "tried")
sys.exit(failed > 0)
"""


def python(code, *arguments, folder=None):
    """What came of code that ran in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


def page(name, *, before, after, folder=None):
    """What came of the code of a page, run between some before it and some after."""
    blocks = f"""
import re, sys
from pathlib import Path
{before}
for block in re.findall("```python\\n(.*?)```", Path(sys.argv[1]).read_text(), re.S):
    exec(block)
{after}
"""
    return python(blocks, ROOT / "docs" / name, folder=folder)


@pytest.mark.parametrize("package", FOLDERS)
def test_examples(package):
    modules = [
        package if path.stem == "__init__" else f"{package}.{path.stem}"
        for path in sorted(FOLDERS[package].glob("*.py"))
    ]
    ran = python(RUN, *modules)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    # whether doctest found what is there: a decorator may hide it
    lines = [
        line
        for path in FOLDERS[package].glob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    written = any(re.match(" *>>> ", line) and "doctest: +SKIP" not in line for line in lines)
    tried = int(re.search(r"(\d+) tried", ran.stdout).group(1))
    assert (tried > 0) == written


BEFORE_INSIDE = """
from skimage import data
import gradcam_mx as gm
from gradcam_mx import picture
from gradcam_mx._mxnet import mx

picture.save(data.chelsea(), Path("cat.jpg"))
photos = [data.chelsea(), data.coffee(), data.rocket(), data.astronaut()]
cat, cup = p, q = r, s = photos[:2]
a, b = gm.zoo.squeezenet1_1(), gm.zoo.efficientnet_lite0()
other, labels, small = a, ["cat", "cup", "rocket", "woman"], [one[::16, ::16] for one in photos]
"""
AFTER_INSIDE = r"""
print([len(row) for row in found], best.unit, points.shape, region.mask.shape)
print(gm.zoo.read_photo("nets.png").std() > 10)
"""


def test_the_page_on_looking_inside_runs(tmp_path):
    ran = page("inside-the-network.md", before=BEFORE_INSIDE, after=AFTER_INSIDE, folder=tmp_path)
    assert ran.stdout.splitlines() == ["[4, 4] 3 (4, 2) (224, 224)", "True"], ran.stderr


BEFORE_RELEVANCE = """
from skimage import data
from gradcam_mx import picture

picture.save(data.chelsea(), Path("cat.jpg"))
"""
AFTER_RELEVANCE = r"""
print(two[1].target, inside.values.shape, by_nodes.values.min() >= 0, len(concepts))
gap = lifted.values.sum() - lifted.details["score_difference"][0]
print(abs(gap) < 1e-3, abs(whole.values.sum() / whole.score[0] - 1) < 1e-4)
gap = soft.values.sum() / soft.score[0] - 1
print(abs(gap) < 0.05, abs(soft.values - gm.lrp(net, x, "tiger cat").values).max() > 0)
own, all_of_them = (concept.values.sum(), amounts.sum())
print(0 < own < all_of_them, abs(own / amounts[best].sum() - 1) < 0.02)
net = gm.zoo.efficientnet_lite0()
print(gm.lrp(net, net.preprocess(data.chelsea()), composite="epsilon_plus").ledger())
"""


def test_the_page_on_relevance_runs(tmp_path):
    ran = page("relevance.md", before=BEFORE_RELEVANCE, after=AFTER_RELEVANCE, folder=tmp_path)
    text = (ROOT / "docs/relevance.md").read_text(encoding="utf-8")
    ledger = re.search(r"```\n(operator +at .*?)\n```", text, re.S)[1].splitlines()
    lines = ran.stdout.splitlines()
    found, printed = lines[: -len(ledger)][-4:], lines[-len(ledger) :]
    assert found == ["[282] (1, 80, 14, 14) True 3", "True True", "True True", "True True"], (
        ran.stderr
    )
    # of stabilisers and leaks there is rounding alone
    assert [one.split()[:5] for one in printed[:-1]] == [one.split()[:5] for one in ledger[:-1]]
    assert printed[-1].partition(", stabilisers")[0] == ledger[-1].partition(", stabilisers")[0]


BEFORE_DATA_SETS = """
from skimage import data
from gradcam_mx import picture

for name, photo in {"Egyptian cat": data.chelsea(), "espresso": data.coffee()}.items():
    Path("photos", name).mkdir(parents=True)
    for number in range(3):
        picture.save(photo[10 * number :, 5 * number :], Path("photos", name, f"{number}.png"))
import gradcam_mx as gm
"""
AFTER_DATA_SETS = r"""
print(len(store), mean.shape, list(table.columns), len(found.clusters))
"""


def test_the_page_on_data_sets_runs(tmp_path):
    ran = page("data-sets.md", before=BEFORE_DATA_SETS, after=AFTER_DATA_SETS, folder=tmp_path)
    said = "6 (13, 13) ['place', 'label', 'predicted', 'score'] 1"
    assert ran.stdout.splitlines()[-1:] == [said], ran.stderr


BEFORE_MOVING = """
from skimage import data
import gradcam_mx as gm
from gradcam_mx import picture
from gradcam_mx._mxnet import mx

picture.save(data.chelsea(), Path("cat.jpg"))
picture.save(data.coffee(), Path("cup.jpg"))
net = gm.zoo.squeezenet1_1()
x = net.preprocess("cat.jpg")
"""
AFTER_MOVING = """
print(audit.is_same, Path("audit.npz").exists(), made.output_names[1:])
print(abs(same.values - gm.occlusion(net, x, 282, window=48, stride=24).values).max() < 1e-3)
print(gm.load("mended").output_names == gm.trace(net).output_names, found.values.shape)
print(len(gm.load("carried").output_names))
"""


def test_the_page_on_moving_on_runs(tmp_path):
    pytest.importorskip("onnxruntime")
    ran = page("moving-on.md", before=BEFORE_MOVING, after=AFTER_MOVING, folder=tmp_path)
    assert ran.stdout.splitlines()[-4:] == [
        "True True ['heatmap_output']",
        "True",
        "True (1, 224, 224)",
        "2",
    ], ran.stderr


BEFORE_ADDING = """
import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.methods.run import Run

net = mx.gluon.model_zoo.vision.squeezenet1_1()
net.initialize(mx.init.Xavier(magnitude=3))
x = mx.nd.random.normal(shape=(1, 3, 224, 224))
"""
AFTER_ADDING = r"""
print(cam.values.shape, sorted(set(gm.METHODS) & {"positive_cam", "squared_gradient"}))
sizes = np.abs(gm.metrics.Case([cam]).relevance[0, 0])
expected = sizes.max() / sizes.sum()
title = gm.metrics.METRICS["peak_share"].title
print(abs(peak_share(None, None, cam).values[0] - expected) < 1e-6, title)
found = gm.explain(net, x, ["positive_cam", "squared_gradient"])
documentation = gm.METHODS["positive_cam"].function.__doc__
print(found["squared_gradient"].values.shape, "relu:" in documentation)
upper = x.copy()
upper[:, :, :112] = 0
top = int(net(x).argmax(axis=1).asscalar())
score = net(x)[0, top].asscalar()
drop = score - net(upper)[0, top].asscalar()
values = gm.METHODS["halves"].function(net, x, top).values
print(abs(values[0, 0, 0] - drop) < 1e-4 * abs(score), values[0, -1, 0] != values[0, 0, 0])

# the rules: two convolutions of 1 x 1 around a ReLU, backward in float64 by hand
small = mx.gluon.nn.HybridSequential(prefix="")
small.add(
    mx.gluon.nn.Conv2D(5, 1, in_channels=3, prefix="first_"),
    mx.gluon.nn.Activation("relu"),
    mx.gluon.nn.Conv2D(2, 1, in_channels=5, prefix="last_"),
    mx.gluon.nn.GlobalAvgPool2D(),
    mx.gluon.nn.Flatten(),
)
small.initialize(mx.init.Normal(1))
small[0].bias.set_data(mx.nd.array([0.1, -0.2, 0.3, -0.4, 0.5]))
photo = mx.nd.random.normal(shape=(2, 3, 4, 6))
first, last = (small[i].weight.data().asnumpy()[:, :, 0, 0].astype("float64") for i in (0, 2))
z = np.einsum("kc,nchw->nkhw", first, photo.asnumpy())
z += small[0].bias.data().asnumpy()[:, None, None]
arriving = np.zeros_like(z) + abs(last)[1][:, None, None] / 24
expected = np.einsum("kc,nkhw->nchw", abs(first), arriving * (z > 0))
reached = gm.METHODS["reach"].function(small, photo, 1)
print(np.abs(reached.values - expected).max() < 1e-5 * np.abs(expected).max(), reached.rule_report)
arriving = np.zeros_like(z) + np.maximum(last, 0)[1][:, None, None] / 24
expected = np.einsum("kc,nkhw->nchw", first, arriving * (z > 0))
run = Run(small, photo, 1, needs=[Needs(rules=frozenset([PositiveOnly()]))])
found = run.input_gradient(PositiveOnly())
print(np.abs(found - expected).max() < 1e-5 * np.abs(expected).max(), run.report(PositiveOnly()))
"""


def test_the_page_on_adding_a_method_runs():
    ran = page("add-a-method.md", before=BEFORE_ADDING, after=AFTER_ADDING)
    lines = ran.stdout.splitlines()
    assert [re.sub(r": [^,]+,", ": …,", lines[0]), *lines[1:]] == [
        "<peak_share of positive_cam: …, 1 sample>",
        "(1, 13, 13) ['positive_cam', 'squared_gradient']",
        "True Peak share",
        "(1, 3, 224, 224) True",
        "True True",
        "True RuleReport(rule='absolute_weights', changed={'Convolution': 2}, "
        "left_alone={'relu': 1})",
        "True RuleReport(rule='positive_only', changed={'relu': 1}, left_alone={})",
    ], ran.stderr
