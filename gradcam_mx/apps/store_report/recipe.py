"""How to make a store and its report again, in Python."""

from __future__ import annotations

from typing import Any, Mapping

from ... import zoo
from ...store import Store
from ..provenance import decoded, is_lost
from ..report.recipe import of_options, ready


def in_python(store: Store, net: str = "…") -> str:
    """The calls of `gm.run` and `gm.report_store`.

    Args:
        store: it.
        net: how to get the network.
    """
    said = _said(store)
    lines = [f"    {name}={value}," for name, value in said.items()]
    return "\n".join(
        [
            "import gradcam_mx as gm",
            "",
            f"net = {net}",
            'gm.run(net, data, "store",',
            *lines,
            ")",
            'gm.report_store("store", "report.html", net=net)',
        ]
    )


def _said(store: Store) -> dict[str, str]:
    about = store.manifest
    said = {"methods": repr(store.methods)}
    kept: dict[str, Mapping[str, Any]] = {
        name: {option: decoded(one) for option, one in of.options.items() if not is_lost(one)}
        for name, of in about.methods.items()
    }
    if any(kept.values()):
        said["options"] = of_options({name: of for name, of in kept.items() if of})
    layers = {one.layer for one in store.traits.values() if one.layer is not None}
    if len(layers) == 1:
        said["layer"] = repr(layers.pop())
    for name in ("target", "output"):
        if getattr(about, name) is not None:
            said[name] = repr(getattr(about, name))
    metrics = list(dict.fromkeys(one for of in about.columns.values() for one in of))
    if metrics:
        said["metrics"] = repr(metrics)
    full = [name for name, of in about.methods.items() if of.is_full]
    if full:
        said["full"] = repr(full)
    if about.preprocess is not None:
        said["preprocess"] = f"gm.zoo.{ready(zoo.Preprocess.of(about.preprocess))}"
    if about.class_names is not None:
        said["names"] = "names"
    said["shard_size"] = repr(about.shard_size)
    return said
