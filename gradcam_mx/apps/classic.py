"""The functions of the MXNet tutorial on Grad-CAM, under their names and with their signatures.

`import gradcam_mx as gradcam` runs the tutorial's code. What its functions got wrong is right here:
the activation map starts from zeros (it started from ones), width and height keep their places when
maps are resized, a flat map is drawn as zeros with a warning (it was 0/0), the number of classes is
the net's own, pictures come out in RGB (the channels were reversed), every rectifier of the net is
guided and not only those after a convolution, no parameter gradient is overwritten, no state is
kept on a class, batches are taken, and the computation is where the weights are.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

import numpy as np

from .. import picture
from ..engine.rules import GUIDED
from ..errors import InputError
from ..explanation.at_input import at_input
from ..explanation.seen import Seen, for_each_sample
from ..graph.centres import Centres
from ..graph.picture_input import channel_order
from ..graph.trace import Net
from ..methods import Plan
from ..methods.view import View
from ..nn import set_capture_layer_name, set_guided_backprop
from ..support.arrays import stretched
from ..support.boundary import told

__all__ = [
    "Visualization",
    "get_cam",
    "get_conv_out_grad",
    "get_guided_grad_cam",
    "get_image_grad",
    "get_img_heatmap",
    "grad_to_image",
    "set_capture_layer_name",
    "set_guided_backprop",
    "to_grayscale",
    "visualize",
]

_CAM, _GUIDED = "grad_cam", "guided_backprop"


class Visualization(NamedTuple):
    """What `visualize` draws: uint8 pictures, with a leading axis of N for a batch."""

    grad_cam: np.ndarray
    """(H, W, 3) RGB: the photo with the Grad-CAM laid over it."""
    guided_grad_cam: np.ndarray
    """(H, W, 3) RGB."""
    saliency: np.ndarray
    """(H, W): how strongly each pixel counts in the guided Grad-CAM."""


@told
def visualize(
    net: Net,
    preprocessed_img: Any,
    orig_img: Any,
    conv_layer_name: Any = None,
    *,
    class_id: int | Sequence[int] | None = None,
    batch: bool | None = None,
    order: str | None = None,
) -> Visualization:
    """Grad-CAM, guided Grad-CAM and saliency of a photo, ready to be shown.

    Selvaraju et al. 2017, arXiv:1610.02391. One forward pass serves all three.

    Args:
        net: any net; its layers need not be the drop-in ones.
        preprocessed_img: (N, C, H, W), as the net takes it; not modified.
        orig_img: what the net saw: (H, W, 3) RGB, 0 to 255; for N samples (N, H, W, 3). Or the
            whole photo, where `net.preprocess` made `preprocessed_img` of it.
        conv_layer_name: the layer of the Grad-CAM, by name, path or Block; None for the default.
        class_id: the class to explain, or one for each sample; the top class by default.
        batch: whether the pictures have a leading axis; by default if there are several samples.
        order: "RGB" or "BGR", the order of the channels in `preprocessed_img`; by default as the
            net's own `preprocess` has it, which the networks of `gm.zoo` have, else "RGB".

    Returns:
        Three uint8 arrays: Grad-CAM overlay (H, W, 3), guided Grad-CAM (H, W, 3), saliency (H, W).

    Raises:
        LayerError, TargetError, InputError, NetworkError, RuleError: what they say.

    Example:
        >>> heat, guided, saliency = gm.visualize(net, x, photo, "vgg0_conv12")  # doctest: +SKIP
    """
    run = Plan([_CAM, _GUIDED], conv_layer_name).start(net, preprocessed_img, class_id)
    samples = len(run.score)
    photos = _photos(orig_img, samples, run)
    if batch is None:
        batch = samples > 1
    if not batch and samples != 1:
        raise InputError(f"batch=False draws one sample, the input holds {samples}")
    step = -1 if (order or channel_order(net)) == "BGR" else 1
    drawn = [
        _draw(*arrays, run.centres)
        for arrays in zip(
            photos, run.activations, run.layer_gradient, run.input_gradient(GUIDED)[:, ::step]
        )
    ]
    if not batch:
        return drawn[0]
    return Visualization(*(picture.as_picture(np.stack(one)) for one in zip(*drawn)))


def _draw(
    seen: Seen,
    conv_out: np.ndarray,
    conv_out_grad: np.ndarray,
    image_grad: np.ndarray,
    centres: Centres | None,
) -> Visualization:
    cam = get_cam(conv_out_grad, conv_out)
    guided = get_guided_grad_cam(cam, image_grad)
    cam = at_input(cam[None], image_grad.shape[1:], centres)[0]
    return Visualization(
        seen.marked(get_img_heatmap(seen.photo, seen.laid(cam))),
        seen.placed(grad_to_image(guided)),
        seen.placed(grad_to_image(to_grayscale(guided))[..., 0]),
    )


def _photos(orig_img: Any, samples: int, run: View) -> list[Seen]:
    photos = list(orig_img) if np.ndim(orig_img) == 4 else [orig_img]
    if len(photos) != samples:
        raise InputError(
            f"{len(photos)} original images for {samples} preprocessed ones; pass an "
            "array (N, H, W, 3)"
        )
    return for_each_sample(photos, samples, run.input_size, run.geometry)


def get_conv_out_grad(
    net: Net, image: Any, class_id: int | None = None, conv_layer_name: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """The output of a layer and the gradient of the score there, each (C, h, w), for one image.

    Args:
        net: any net.
        image: (1, C, H, W), preprocessed.
        class_id: the class to explain; the top class by default.
        conv_layer_name: the layer, by name, path or Block; None for the default.
    """
    run = Plan([_CAM], conv_layer_name).start(net, image, class_id)
    return run.activations[0], run.layer_gradient[0]


def get_image_grad(net: Net, image: Any, class_id: int | None = None) -> np.ndarray:
    """The guided gradient (C, H, W) of the score at one image (1, C, H, W); arXiv:1412.6806.

    Args:
        net: any net.
        image: (1, C, H, W), preprocessed.
        class_id: the class to explain; the top class by default.
    """
    return Plan([_GUIDED]).start(net, image, class_id).input_gradient(GUIDED)[0]


def grad_to_image(gradient: np.ndarray) -> np.ndarray:
    """A gradient (C, H, W) as a picture (H, W, C) uint8, its range stretched to 0 … 255.

    A flat gradient becomes zeros.

    Args:
        gradient: (C, H, W), of any range.
    """
    return picture.to_uint8(stretched(gradient) * 255).transpose(1, 2, 0)


def get_cam(imggrad: np.ndarray, conv_out: np.ndarray) -> np.ndarray:
    """The Grad-CAM (h, w), uint8 from 0 to 255, of a layer's gradient and output (C, h, w).

    Args:
        imggrad: (C, h, w): the gradient at the layer.
        conv_out: (C, h, w): the layer's output.
    """
    weights = imggrad.mean(axis=(1, 2))
    cam = np.maximum(np.tensordot(weights, conv_out, axes=1), 0)
    return picture.to_uint8(picture.normalise(cam[None])[0] * 255)


def get_guided_grad_cam(cam: np.ndarray, imggrad: np.ndarray) -> np.ndarray:
    """A Grad-CAM (h, w), resized to the image, times the image's guided gradient (C, H, W).

    Args:
        cam: (h, w), as `get_cam` gives it.
        imggrad: (C, H, W), as `get_image_grad` gives it.
    """
    return _resized(cam, imggrad.shape[1:]) * imggrad


def get_img_heatmap(orig_img: np.ndarray, activation_map: np.ndarray) -> np.ndarray:
    """An activation map (h, w), uint8, laid over the photo (H, W, 3): (H, W, 3) uint8 RGB.

    Args:
        orig_img: (H, W, 3) RGB, 0 to 255.
        activation_map: (h, w) uint8, as `get_cam` gives it.
    """
    photo = picture.check_photo(orig_img)
    return picture.added(photo, picture.to_uint8(_resized(activation_map, photo.shape[:2])))


def to_grayscale(cv2im: np.ndarray) -> np.ndarray:
    """How strongly each position of a gradient (C, H, W) counts: (1, H, W) in [0, 1].

    The absolute values are summed over the channels; the strongest 1 % are drawn alike.

    Args:
        cv2im: (C, H, W): a gradient, of any range.
    """
    return picture.normalise(picture.strength(cv2im[None]), outliers=1)


def _resized(maps: np.ndarray, size: Sequence[int]) -> np.ndarray:
    return picture.resize(maps[None], size)[0]
