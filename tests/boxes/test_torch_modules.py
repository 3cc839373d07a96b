"""PyTorch modules as nets, where torch is."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is installed by those who have modules")

import gradcam_mx as gm  # noqa: E402
from gradcam_mx.errors import NetworkError  # noqa: E402

SHAPE = (3, 8, 8)
X = np.random.RandomState(1).normal(size=(3, *SHAPE)).astype("float32")


def module(*more):
    torch.manual_seed(0)
    made = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(144, 5),
        *more,
    )
    return made.eval()


def own(net, x):
    with torch.no_grad():
        return net(torch.from_numpy(x)).numpy()


def test_it_is_explained_by_what_it_gives():
    net = module()
    found = gm.occlusion(gm.black_box(net, SHAPE), X, [0, 1, 2], window=4, stride=4).values
    for sample, (row, column) in [(s, p) for s in range(3) for p in np.ndindex(2, 2)]:
        changed = X[sample : sample + 1].copy()
        changed[..., 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 0
        drop = own(net, X[sample : sample + 1])[0, sample] - own(net, changed)[0, sample]
        np.testing.assert_allclose(found[sample, 4 * row, 4 * column], drop, atol=1e-5)


def test_it_is_left_as_it_is():
    net = module()
    before = {name: one.clone() for name, one in net.state_dict().items()}
    gm.rise(gm.black_box(net), X, num_samples=8, progress=False)
    assert all(torch.equal(one, before[name]) for name, one in net.state_dict().items())
    assert all(one.grad is None and one.requires_grad for one in net.parameters())
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("part", [None, 1])
def test_training_mode_is_refused_also_when_it_comes_later(part):
    net = module()
    box = gm.black_box(net)
    (net if part is None else net[part]).train()
    for ask in (lambda: gm.black_box(net), lambda: gm.occlusion(box, X)):
        with pytest.raises(NetworkError, match=r"call module\.eval\(\)"):
            ask()


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_it_runs_in_its_own_type(dtype):
    net = module().to(getattr(torch, dtype))
    found = gm.black_box(net, SHAPE)(X)["output"]
    with torch.no_grad():
        expected = net(torch.from_numpy(X).to(getattr(torch, dtype))).double().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_several_outputs_and_what_raises():
    class Two(torch.nn.Module):
        def forward(self, x):
            return x.mean(dim=(2, 3)), x.amax(dim=(2, 3))

    box = gm.black_box(Two().eval(), SHAPE, ["mean", "max"])
    np.testing.assert_allclose(box(X)["max"], X.max(axis=(2, 3)), rtol=1e-6)
    with pytest.raises(NetworkError, match="raises RuntimeError"):
        gm.black_box(module())(X[:, :2])


def test_the_digest_is_that_of_its_numbers_and_code():
    first, again, other = (gm.black_box(one).digest for one in (module(), module(), module()))
    assert first == again == other
    net = module()
    with torch.no_grad():
        net[4].bias[0] += 1
    changed = gm.black_box(net).digest
    assert (changed[0] == first[0], changed[1] == first[1]) == (True, False)
    assert gm.black_box(module(torch.nn.Tanh())).digest[0] != first[0]


def test_it_goes_to_another_process():
    box = gm.black_box(module(), SHAPE)
    again = pickle.loads(pickle.dumps(box))
    np.testing.assert_array_equal(again(X)["output"], box(X)["output"])
