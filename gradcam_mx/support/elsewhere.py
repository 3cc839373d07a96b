"""What other packages call things, so that an error can say what they are called here.

It knows pytorch-grad-cam, Captum, torch-cam, LIME, SHAP and tf-keras-vis, and imports nothing, so
that the package may ask it whatever else fails.
"""

from __future__ import annotations

import difflib
from typing import Any, Callable, Collection, Iterable

_METHODS = {
    "ablation": "feature_ablation",
    "backprop": "saliency",
    "deconv": "deconvnet",
    "deconvolution": "deconvnet",
    "explainer": "partition_shap",
    "fasterscorecam": "score_cam",
    "gradcamplusplus": "grad_cam_pp",
    "gradient": "saliency",
    "gradientexplainer": "expected_gradients",
    "gradients": "saliency",
    "gradientshap": "expected_gradients",
    "gradientxinput": "input_x_gradient",
    "guidedbackpropagation": "guided_backprop",
    "guidedbackproprelumodel": "guided_backprop",
    "ig": "integrated_gradients",
    "integratedgradient": "integrated_gradients",
    "inputxgradients": "input_x_gradient",
    "kernelexplainer": "kernel_shap",
    "layergradcam": "grad_cam",
    "layerintegratedgradients": "integrated_gradients",
    "limebase": "lime",
    "limeimageexplainer": "lime",
    "noisetunnel": "smooth_grad",
    "occlusionsensitivity": "occlusion",
    "partitionexplainer": "partition_shap",
    "shap": "kernel_shap",
    "shapleyvaluesampling": "kernel_shap",
    "vanillabackprop": "saliency",
    "vanillagradient": "saliency",
}
"""What a method is called elsewhere, as `plain` writes it → its name."""

_OPTIONS: dict[str, tuple[str, ...]] = {
    "aug_smooth": ("augment_smooth",),
    "background_data": ("background",),
    "baselines": ("baseline", "background", "masker"),
    "category": ("target",),
    "class_id": ("target",),
    "class_idx": ("target",),
    "class_index": ("target",),
    "class_names": ("names",),
    "conv_layer": ("layer",),
    "conv_layer_name": ("layer",),
    "feature_mask": ("segments",),
    "forward_func": ("net",),
    "hide_color": ("baseline",),
    "image": ("x", "photo", "images", "photos"),
    "images": ("x", "photos"),
    "img": ("x", "photo", "images", "photos"),
    "input_tensor": ("x",),
    "inputs": ("x",),
    "internal_batch_size": ("batch_size",),
    "label": ("target",),
    "labels": ("target", "names"),
    "layer_name": ("layer", "conv_layer_name"),
    "layers": ("layer",),
    "mask_prob": ("keep",),
    "method": ("methods", "quadrature"),
    "model": ("net", "nets"),
    "n_masks": ("num_samples",),
    "n_samples": ("num_samples", "max_evals"),
    "n_segments": ("num_segments",),
    "n_steps": ("steps",),
    "noise_level": ("noise",),
    "nsamples": ("num_samples", "max_evals"),
    "nt_samples": ("num_samples",),
    "nt_type": ("mode",),
    "num_masks": ("num_samples",),
    "num_steps": ("steps",),
    "patch_size": ("window",),
    "penultimate_layer": ("layer",),
    "perturbations_per_eval": ("batch_size",),
    "random_seed": ("seed",),
    "random_state": ("seed",),
    "relu_attributions": ("relu",),
    "seed_input": ("x",),
    "segmentation_fn": ("segments",),
    "show_progress": ("progress",),
    "sliding_window_shapes": ("window",),
    "smooth_noise": ("noise",),
    "smooth_samples": ("num_samples",),
    "stdevs": ("noise",),
    "strides": ("stride",),
    "target_category": ("target",),
    "target_class": ("target",),
    "target_layer": ("layer",),
    "target_layers": ("layer",),
    "targets": ("target",),
}
"""What an argument is called elsewhere → what it may be called here, in the order of preference."""

_SAID = {
    "additional_forward_args": "the other inputs of a net go into x=(a, b)",
    "ranked_outputs": "the n top classes are target=gm.targets.Top(n)",
    "top_labels": "the n top classes are target=gm.targets.Top(n)",
    "topk": "the n top classes are target=gm.targets.Top(n)",
}
"""What is no argument here, and what to write in its place."""

_NAMES = {
    "activationmaximization": "gm.inspect.activation_maximization",
    "binaryclassifieroutputtarget": "gm.targets.Binary",
    "binaryscore": "gm.targets.Binary",
    "categoricalscore": "the class itself, target=281 or target='tabby'",
    "classifieroutputsoftmaxtarget": "gm.targets.Probability",
    "classifieroutputtarget": "the class itself, target=281 or target='tabby'",
    "classid": "gm.zoo.class_id",
    "classname": "gm.zoo.class_name",
    "compare": "gm.inspect.compare",
    "fasterrcnnboxscoretarget": "gm.targets.Detection",
    "imageplot": "plot(photo) of an explanation",
    "layeractivation": "gm.inspect.layer_outputs",
    "overlaymask": "overlay(photo) of an explanation",
    "preprocessimage": "gm.zoo.IMAGENET",
    "readphoto": "gm.zoo.read_photo",
    "semanticsegmentationtarget": "gm.targets.Segmentation",
    "showcamonimage": "overlay(photo) of an explanation",
    "visualizecam": "plot(photo) of an explanation",
    "visualizeimageattr": "plot(photo) of an explanation",
    "visualizesaliency": "plot(photo) of an explanation",
}
"""What else there is elsewhere, as `plain` writes it → what serves here."""


def plain(name: str) -> str:
    """A name without what differs between spellings: "Grad-CAM++" is "gradcampp".

    Args:
        name: in any spelling.
    """
    return "".join(one for one in name.lower().replace("+", "p") if one.isalnum())


def method_here(name: str, known: Collection[str]) -> str | None:
    """What a method is called here; None if nothing is like it.

    Args:
        name: as it was asked for.
        known: the names that there are.
    """
    ours = {plain(one): one for one in known}
    found = ours.get(plain(name)) or _METHODS.get(plain(name))
    if found in known:
        return found
    close = difflib.get_close_matches(plain(name), ours, n=1, cutoff=0.75)
    return ours[close[0]] if close else None


def closest(name: Any, known: Collection[str]) -> str:
    """What a method is called here, as an error says it; empty if nothing is like it.

    Args:
        name: as it was asked for.
        known: the names that there are.
    """
    found = method_here(name, known) if isinstance(name, str) else None
    return "" if found is None else f"; the closest is {found!r}"


def instead(name: str, module: str, known: Collection[str]) -> str:
    """What a function or class is called here, as an error says it; empty if nothing is like it.

    Args:
        name: as it was asked for.
        module: that was asked, as users write it: "gm".
        known: the names that the module has.
    """
    if name.startswith("_"):  # what tools look for
        return ""
    if plain(name) in _NAMES:
        return f"; here it is {_NAMES[plain(name)]}"
    found = method_here(name, known)
    return "" if found is None else f"; here it is {module}.{found}"


def refusal(name: str, module: str, known: Collection[str]) -> Callable[[str], Any]:
    """A module's `__getattr__`, which says what a name that it lacks is called here.

    Args:
        name: of the module.
        module: as users write it: "gm".
        known: the names that it has.
    """

    def refuse(asked: str) -> Any:
        here = instead(asked, module, known)
        raise AttributeError(f"module {name!r} has no attribute {asked!r}{here}")

    return refuse


def arguments_here(names: Iterable[str], takes: Collection[str]) -> str:
    """What to write in the place of arguments that a function does not take; empty if not known.

    Args:
        names: of the arguments.
        takes: the names of those that it takes.
    """
    found = (_argument_here(name, takes) for name in names)
    return "; ".join(one for one in found if one)


def _argument_here(name: str, takes: Collection[str]) -> str | None:
    if name in _SAID and "target" in takes:
        return f"{name}: {_SAID[name]}"
    ours = next((one for one in _OPTIONS.get(name, ()) if one in takes), None)
    if ours is None:
        close = difflib.get_close_matches(name, takes, n=1, cutoff=0.75)
        return f"did you mean {close[0]}=?" if close else None
    return f"{name}= is called {ours}= here"
