"""A recipe as it is handed to the package."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

from .recipe import Made, Recipe, symbol
from .spelling import respelled


def net_of(recipe: Recipe) -> tuple[Any, Any]:
    """What the package gets, and the Symbol that says what the net is."""
    if recipe.form in ("block", "hybridized"):
        block = Made(recipe)
        if recipe.form == "hybridized":
            block.hybridize()
        return block, symbol(recipe, recipe.heads)
    net = symbol(recipe, recipe.heads)
    if recipe.form != "symbol":
        net = respelled(net, np.random.RandomState(recipe.seed))
    arguments, auxiliary = {}, {}
    for name in recipe.parameters:
        array = mx.nd.array(recipe.parameters[name], dtype=recipe.type_of(name))
        (auxiliary if name in recipe.auxiliary else arguments)[name] = array
    if recipe.form != "files":
        return (net, arguments, auxiliary), net
    with tempfile.TemporaryDirectory() as folder:
        mx.model.save_checkpoint(str(Path(folder) / "net"), 3, net, arguments, auxiliary)
        return gm.load(Path(folder) / "net"), net


def input_of(recipe: Recipe, net: Any) -> tuple[Any, list[str]]:
    """The input as the package gets it, and the names in its order."""
    names = list(recipe.inputs)
    if recipe.form not in ("block", "hybridized"):
        names = [name for name in net.list_inputs() if name in recipe.inputs]
    arrays = []
    for name in names:
        whole = recipe.inputs[name].dtype.kind == "i"
        value = recipe.inputs[name].astype("float32" if whole else recipe.dtype)
        as_numpy = recipe.seed % 2
        arrays.append(value if as_numpy else mx.nd.array(value, dtype=value.dtype))
    return arrays[0] if len(arrays) == 1 else tuple(arrays), names
