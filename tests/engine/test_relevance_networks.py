"""Relevance in networks of every kind (`networks.py`): the ledger accounts for what LRP loses,
DeepLIFT adds up to the difference of the scores, and FullGrad to the score.

In float32 sums of some thousand terms are off by 1e-6 of their size and more where they cancel:
1e-4 is asked of the accounts, 1e-3 of the difference of two scores. Measured: below 2e-6, and
1e-4. Left out are those whose walk cannot be accounted for, each with its reason.
"""

from __future__ import annotations

import numpy as np
import pytest
from networks import DEADLY, GLUONCV, SMALL

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import RuleError

UNTRACEABLE = {name for name in SMALL if name.startswith("untraceable")}
"""They have no graph, and say so."""
CELLS = {"LSTM over the columns of a map"}
"""By the gradient of a recurrent cell: the ledger names it."""
OF_SEVERAL_INPUTS = {name for name in SMALL if name.startswith("several inputs")}
"""What the other inputs add is in FullGrad's gap."""
SOME_GLUONCV = ("se_resnet18_v1", "mobilenetv3_small", "resnest14")

pytestmark = [
    pytest.mark.filterwarnings("ignore:Parameter .* is already initialized:UserWarning"),
    pytest.mark.filterwarnings("ignore:Cannot decide type for the following:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*half precision:UserWarning"),
]


@pytest.fixture(autouse=True)
def _mxnet_as_before():
    """One of the networks is of MXNet's numpy interface."""
    yield
    mx.npx.reset_np()


def explained(method, case, ctx, **options):
    x = tuple(mx.nd.array(one, ctx=ctx, dtype=one.dtype) for one in case.x)
    x = x if len(x) > 1 else x[0]
    options = {**case.options_of_inputs, **options}
    return getattr(gm, method)(case.net, x, case.target, **options)


def check(name, ctx, folder):
    case = {**SMALL, **GLUONCV}[name](ctx, folder)
    for composite in ("epsilon", "epsilon_plus"):
        ledger = explained("lrp", case, ctx, composite=composite).ledger()
        largest = max(abs(row.arrived) for row in ledger)
        leaking = [row for row in ledger if abs(row.leak) > 1e-4 * largest]
        assert {row.operator for row in leaking} <= ({"RNN"} if name in CELLS else set())
        assert bool(leaking) == (name in CELLS)
    for rule in ("rescale", "reveal_cancel"):
        details = explained("deep_lift", case, ctx, rule=rule).details
        difference, gap = details["score_difference"], details["completeness_gap"]
        assert (abs(gap) <= 1e-3 * np.maximum(abs(difference), 1e-3)).all(), rule
    found = explained("full_grad", case, ctx)
    if name not in OF_SEVERAL_INPUTS:
        gap = found.details["completeness_gap"]
        assert (abs(gap) <= 1e-4 * np.maximum(abs(found.score), 1e-2)).all()


@pytest.mark.parametrize("name", [name for name in SMALL if name not in {*UNTRACEABLE, *DEADLY}])
def test_relevance_is_accounted_for(name, ctx, tmp_path):
    check(name, ctx, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOME_GLUONCV)
def test_relevance_is_accounted_for_in_deep_nets(name, ctx, tmp_path):
    check(name, ctx, tmp_path)


@pytest.mark.parametrize("name", sorted(UNTRACEABLE))
def test_nets_without_a_graph_say_so(name, ctx, tmp_path):
    case = SMALL[name](ctx, tmp_path)
    with pytest.raises(RuleError, match=r"the net\n?.* one that gm.trace\(net\) can trace"):
        explained("lrp", case, ctx)
