"""The methods as type checkers and editors see them. Written by tools/make_stubs.py."""

from contextlib import AbstractContextManager
from typing import Any, Iterable, Mapping, overload
from gradcam_mx.engine.chunks import BatchSize
from gradcam_mx.engine.inputs import Array, Input
from gradcam_mx.engine.rules import RuleReport
from gradcam_mx.engine.wanted import InputChoice
from gradcam_mx.explanation.explanation import Explanation
from gradcam_mx.graph.outputs import OutputChoice
from gradcam_mx.graph.trace import Net
from gradcam_mx.methods.activation_maps import activation_map
from gradcam_mx.methods.baselines import Baseline
from gradcam_mx.methods.functions import method
from gradcam_mx.methods.hiding import Lengths
from gradcam_mx.methods.needs import Needs
from gradcam_mx.methods.perturbing import perturbation
from gradcam_mx.methods.plan import Explained, Plan
from gradcam_mx.methods.register import METHODS, Method, Result, methods_kept
from gradcam_mx.methods.segments import Segments
from gradcam_mx.support.labels import Names
from gradcam_mx.targets import Several, Top
from gradcam_mx.targets.heads import Target

__all__ = [
    "Explained",
    "METHODS",
    "Method",
    "Needs",
    "Plan",
    "Result",
    "ablation_cam",
    "activation_map",
    "cam",
    "centre_map",
    "deconvnet",
    "deep_lift",
    "deep_shap",
    "edge_map",
    "eigen_cam",
    "eigen_grad_cam",
    "excitation_backprop",
    "expected_gradients",
    "explain",
    "feature_ablation",
    "finer_cam",
    "full_grad",
    "grad_cam",
    "grad_cam_pp",
    "guided_backprop",
    "guided_grad_cam",
    "hires_cam",
    "input_x_gradient",
    "integrated_gradients",
    "kernel_shap",
    "layer_cam",
    "lift_cam",
    "lime",
    "lrp",
    "method",
    "methods_kept",
    "occlusion",
    "partition_shap",
    "perturbation",
    "random_map",
    "recipro_cam",
    "relevance_cam",
    "rise",
    "saliency",
    "score_cam",
    "smooth_grad",
    "xgrad_cam",
]

@overload
def ablation_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    batch_size: int = 16,
    progress: bool = True,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[list[Explanation]]: ...

@overload
def ablation_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    batch_size: int = 16,
    progress: bool = True,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def ablation_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    batch_size: int = 16,
    progress: bool = True,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation: ...

@overload
def ablation_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    batch_size: int = 16,
    progress: bool = True,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def ablation_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    batch_size: int = 16,
    progress: bool = True,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation:
    """Ablation-CAM: a channel counts by how much the score drops without it.

        w_c = (S - S_c) / |S|        S_c: the score with A_c set to zero
        L = ReLU(Σ_c w_c · A_c)

    Desai & Ramaswamy 2020, doi:10.1109/WACV45572.2020.9093360, equations 2 and 3; they divide by S,
    which they take for positive. No gradients; only the net behind the layer runs again.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer whose map is made, or a list of them, which gives a list; by default the
            last one before the global pool. Of one that runs several times, "name#2" is the second
            run.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: "mean", "max" or "product" joins the maps of a list of layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        batch_size: how many ablated activations run at once.
        progress: whether to show a bar if it takes longer than two seconds.
        relu: False keeps the negative evidence too.
        augment_smooth: the mean over x and its mirror image, each times 0.9, 1 and 1.1.
        eigen_smooth: the principal component of the weighted channels in place of their sum.

    Returns:
        An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.ablation_cam(net, mx.nd.ones((1, 3, 64, 64)), 281).values.shape
        (1, 2, 2)
    """

@overload
def cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[list[Explanation]]: ...

@overload
def cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation: ...

@overload
def cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation:
    """CAM: where the features are that the class's weights ask for.

    For a net that ends in a global average pool and one Dense layer, with its weights w,

        L = Σ_c w_c · A_c

    Zhou et al. 2016, arXiv:1512.04150, equation 2. Of a target that is no class, w is the target's
    derivative by the scores times the weights. The layer is the one that is pooled; a net that ends
    in anything else is a NetworkError.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer whose map is made, or a list of them, which gives a list; by default the
            last one before the global pool. Of one that runs several times, "name#2" is the second
            run.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: "mean", "max" or "product" joins the maps of a list of layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        relu: False keeps the negative evidence too.
        augment_smooth: the mean over x and its mirror image, each times 0.9, 1 and 1.1.
        eigen_smooth: the principal component of the weighted channels in place of their sum.

    Returns:
        An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.cam(net, mx.nd.ones((1, 3, 224, 224)), 281).layer
        'features.7'
    """

@overload
def centre_map(
    net: Net,
    x: Input,
    target: Several | Top,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    sigma: float = 0.25,
) -> list[Explanation]: ...

@overload
def centre_map(
    net: Net,
    x: Input,
    target: Target = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    sigma: float = 0.25,
) -> Explanation:
    """Centre map: a bell in the middle of the input, whatever is there.

        L_p = exp(-½ Σ_a ((p_a - c_a) / (σ n_a))²)        c_a = (n_a - 1) / 2

    for the axes a of positions, of n_a positions each. A control: photographers put things in the
    middle, so it does well by measures of where a thing is. Judd et al. 2012,
    MIT-CSAIL-TR-2012-001, a Gaussian stretched to the picture's proportions.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs it is of, by number or name; the first by default.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        sigma: σ, as a share of each side.

    Returns:
        An Explanation whose values are (N, H, W), at the input's size, in [0, 1].

    Raises:
        MethodError: a sigma that is not above 0, an input without positions.
        TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.centre_map(net, mx.nd.ones((1, 3, 65, 65))).values[0, 32, 32]
        1.0
    """

@overload
def deconvnet(
    net: Net,
    x: Input,
    target: Several | Top,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
) -> list[Explanation]: ...

@overload
def deconvnet(
    net: Net,
    x: Input,
    target: Target = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
) -> Explanation:
    """Deconvnet: the pattern that the features of the target would paint on the input.

    The gradient ∂S/∂x, except that a rectifier is run backward as a rectifier: with dy the gradient
    at its output, the gradient at its input is

        max(dy, 0)

    Zeiler & Fergus 2014, arXiv:1311.2901, section 2.1. Max pooling goes back to where the maxima
    were. As guided backpropagation, it hardly depends on the class.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.

    Returns:
        An Explanation whose values are the patterns, (N, C, H, W); its `rule_report` counts the
        activations that the rule changed.

    Raises:
        RuleError: the net has no rectifier.
        TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> gm.deconvnet(net, mx.nd.ones((1, 3, 224, 224))).rule_report.changed
        {'relu': 26}
    """

@overload
def deep_lift(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    baseline: Baseline = "zero",
    rule: str = "rescale",
    fallback: str | None = None,
) -> list[list[Explanation]]: ...

@overload
def deep_lift(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    baseline: Baseline = "zero",
    rule: str = "rescale",
    fallback: str | None = None,
) -> list[Explanation]: ...

@overload
def deep_lift(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    baseline: Baseline = "zero",
    rule: str = "rescale",
    fallback: str | None = None,
) -> Explanation: ...

@overload
def deep_lift(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    baseline: Baseline = "zero",
    rule: str = "rescale",
    fallback: str | None = None,
) -> list[Explanation]: ...

@overload
def deep_lift(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    baseline: Baseline = "zero",
    rule: str = "rescale",
    fallback: str | None = None,
) -> Explanation:
    """DeepLIFT: what each value adds to the score, against what it is for a baseline.

        R = m ⊙ (x - x₀),        Σ R = S(x) - S(x₀)

    Shrikumar et al. 2017, arXiv:1704.02685. The multiplier m goes back from the score: through
    linear operators as a gradient, through a function of one number as Δy/Δx, through maxima to
    where the maximum came from in either run, through products as the gradient halfway. Operators
    that mix numbers (softmax, layer normalisation, recurrent layers) have their mean gradient on
    the line between the two runs. How far the sum is from the difference of the scores is
    `details["completeness_gap"]`, with `details["score_difference"]`, both (N,).

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: attribute to the values of this layer, or of each of a list, in place of the input.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        baseline: "zero", "mean" (each channel's mean), "blur" (x without detail), a number or one
            for each channel, or an array like x or like one sample. Of several inputs a tuple with
            one for each, or a mapping by their names.
        rule: "rescale", or "reveal_cancel", which takes what raises and what lowers a value apart
            and so sees what cancels out.
        fallback: "gradient" takes the mean gradient on the line at operators that no rule is known
            for; by default they are an error.

    Returns:
        An Explanation whose values are (N, C, H, W), at a layer (N, C, h, w).

    Raises:
        MethodError: no such rule or baseline.
        RuleError: an operator without a rule, a net that cannot be traced.
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> found = gm.deep_lift(net, mx.nd.ones((1, 3, 224, 224)), 281)
        >>> found.values.shape, found.details["completeness_gap"].shape
        ((1, 3, 224, 224), (1,))
    """

@overload
def deep_shap(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    background: Any,
    rule: str = "rescale",
    fallback: str | None = None,
    progress: bool = True,
) -> list[list[Explanation]]: ...

@overload
def deep_shap(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    background: Any,
    rule: str = "rescale",
    fallback: str | None = None,
    progress: bool = True,
) -> list[Explanation]: ...

@overload
def deep_shap(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    background: Any,
    rule: str = "rescale",
    fallback: str | None = None,
    progress: bool = True,
) -> Explanation: ...

@overload
def deep_shap(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    background: Any,
    rule: str = "rescale",
    fallback: str | None = None,
    progress: bool = True,
) -> list[Explanation]: ...

@overload
def deep_shap(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    background: Any,
    rule: str = "rescale",
    fallback: str | None = None,
    progress: bool = True,
) -> Explanation:
    """DeepSHAP: DeepLIFT, averaged over the baselines of a background set.

        R = mean over x₀ of m(x, x₀) ⊙ (x - x₀),        Σ R = S(x) - mean of S(x₀)

    Lundberg & Lee 2017, arXiv:1705.07874, section 4.2: an approximation of Shapley values, exact
    where the net is a sum of functions of single values. `details["standard_error"]`, like the
    values, is that of the mean, as of a set drawn at random.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: attribute to the values of this layer, or of each of a list, in place of the input.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        background: (B, C, H, W), preprocessed: what x is compared with. Of several inputs a tuple
            with one for each, whose rows belong together.
        rule: "rescale" or "reveal_cancel"; see `deep_lift`.
        fallback: "gradient" for operators that no rule is known for.
        progress: whether to show a bar if it takes longer than two seconds.

    Returns:
        An Explanation whose values are (N, C, H, W), at a layer (N, C, h, w).

    Raises:
        MethodError: no such rule.
        InputError: a background of another shape.
        RuleError: an operator without a rule, a net that cannot be traced.
        LayerError, TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> x = mx.nd.random.normal(shape=(3, 3, 224, 224))
        >>> found = gm.deep_shap(net, x[:1], 281, background=x[1:])
        >>> found.values.shape, found.details["standard_error"].shape
        ((1, 3, 224, 224), (1, 3, 224, 224))
    """

@overload
def edge_map(
    net: Net,
    x: Input,
    target: Several | Top,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
) -> list[Explanation]: ...

@overload
def edge_map(
    net: Net,
    x: Input,
    target: Target = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
) -> Explanation:
    """Edge map: where the input changes from one position to the next, whatever the network.

        L = mean over the channels of √(Σ_a (K_a * x_c)²)

    with Sobel's kernel K_a for each axis a of positions: [-1, 0, 1] along it, [1, 2, 1] along every
    other axis; beyond the border its values go on. A control: people take maps that follow edges
    for good ones, and some methods hardly do more. Sobel & Feldman 1968, "A 3×3 isotropic gradient
    operator for image processing"; Adebayo et al. 2018, arXiv:1810.03292, hold methods against
    edges.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs it is of, by number or name; the first by default.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.

    Returns:
        An Explanation whose values are (N, H, W), at the input's size, 0 or more.

    Raises:
        MethodError: an input without positions.
        TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.edge_map(net, mx.nd.ones((1, 3, 64, 64))).values.any()
        False
    """

@overload
def eigen_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[list[Explanation]]: ...

@overload
def eigen_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def eigen_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation: ...

@overload
def eigen_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def eigen_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation:
    """Eigen-CAM: where the strongest pattern of a layer is, whatever the target.

        L = M v        M: A as positions × channels, v: its first right singular vector

    Muhammad & Yeasin 2020, arXiv:2008.00299, equation 3. The sign, which a singular vector leaves
    open, is the one that makes the map go along with the sum of the activations. Meant for a layer
    behind its rectifier: of activations of both signs the map may be negative everywhere.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer whose map is made, or a list of them, which gives a list; by default the
            last one before the global pool. Of one that runs several times, "name#2" is the second
            run.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: "mean", "max" or "product" joins the maps of a list of layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        relu: False keeps the negative evidence too.
        augment_smooth: the mean over x and its mirror image, each times 0.9, 1 and 1.1.
        eigen_smooth: the principal component of the weighted channels in place of their sum.

    Returns:
        An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.eigen_cam(net, mx.nd.ones((1, 3, 224, 224))).values.shape
        (1, 7, 7)
    """

@overload
def eigen_grad_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[list[Explanation]]: ...

@overload
def eigen_grad_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def eigen_grad_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation: ...

@overload
def eigen_grad_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def eigen_grad_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation:
    """EigenGrad-CAM: Eigen-CAM of what each activation contributes to the target.

        L = M v        M: A ⊙ G as positions × channels, v: its first right singular vector

    Eigen-CAM (Muhammad & Yeasin 2020, arXiv:2008.00299) made to depend on the class, as known from
    the package pytorch-grad-cam. The sign is the one that makes the map go along with the sum of
    A ⊙ G.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer whose map is made, or a list of them, which gives a list; by default the
            last one before the global pool. Of one that runs several times, "name#2" is the second
            run.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: "mean", "max" or "product" joins the maps of a list of layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        relu: False keeps the negative evidence too.
        augment_smooth: the mean over x and its mirror image, each times 0.9, 1 and 1.1.
        eigen_smooth: the principal component of the weighted channels in place of their sum.

    Returns:
        An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.eigen_grad_cam(net, mx.nd.ones((1, 3, 224, 224)), 281).values.shape
        (1, 7, 7)
    """

@overload
def excitation_backprop(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    contrastive: bool = False,
    fallback: str | None = None,
) -> list[list[Explanation]]: ...

@overload
def excitation_backprop(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    contrastive: bool = False,
    fallback: str | None = None,
) -> list[Explanation]: ...

@overload
def excitation_backprop(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    contrastive: bool = False,
    fallback: str | None = None,
) -> Explanation: ...

@overload
def excitation_backprop(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    contrastive: bool = False,
    fallback: str | None = None,
) -> list[Explanation]: ...

@overload
def excitation_backprop(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    contrastive: bool = False,
    fallback: str | None = None,
) -> Explanation:
    """Excitation backprop: with which probability each value is a winner, from the top down.

        P(i) = Σ_j P(i | j) P(j),        P(i | j) ∝ x_i w_ij⁺

    Zhang et al. 2016, arXiv:1608.00507: a walk that begins with 1 at the target; what inhibits
    takes no part, and neither do biases. It sums to 1, less what arrives where nothing excites. The
    paper shows it at a layer in the middle of the net, summed over the channels.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: attribute to the values of this layer, or of each of a list, in place of the input.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        contrastive: whether the same of the opposite, a last layer with weights -w, is subtracted
            (section 3.3).
        fallback: "gradient" lets it pass operators that no rule is known for.

    Returns:
        An Explanation whose values are (N, C, H, W), at a layer (N, C, h, w).

    Raises:
        RuleError: an operator without a rule, a net that cannot be traced.
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> x = mx.nd.random.uniform(shape=(1, 3, 224, 224))
        >>> gm.excitation_backprop(net, x, 281, "features.7").values.shape
        (1, 256, 27, 27)
    """

@overload
def expected_gradients(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    background: Array,
    num_samples: int = 200,
    local_smoothing: float = 0.0,
    seed: int = 0,
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> list[list[Explanation]]: ...

@overload
def expected_gradients(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    background: Array,
    num_samples: int = 200,
    local_smoothing: float = 0.0,
    seed: int = 0,
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> list[Explanation]: ...

@overload
def expected_gradients(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    background: Array,
    num_samples: int = 200,
    local_smoothing: float = 0.0,
    seed: int = 0,
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> Explanation: ...

@overload
def expected_gradients(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    background: Array,
    num_samples: int = 200,
    local_smoothing: float = 0.0,
    seed: int = 0,
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> list[Explanation]: ...

@overload
def expected_gradients(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    background: Array,
    num_samples: int = 200,
    local_smoothing: float = 0.0,
    seed: int = 0,
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> Explanation:
    """Expected gradients: integrated gradients, averaged over baselines out of a background set.

        R = E[(x - b) ⊙ ∂S/∂x at (b + t (x - b) + ε)],    b ~ background, t ~ U(0, 1)

    with ε ~ Normal(0, σ²), σ = `local_smoothing` · (max - min of the values explained). Erion et
    al. 2019, arXiv:1906.10670, equation 3. The expectation is a mean over draws: its standard error
    is `details["standard_error"]`, like the values; `details["completeness_gap"]`, (N,), tells how
    far their sum is from `details["score_difference"]`, the score less its mean over the
    background.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default, that of x itself. Several of
            them (`gm.targets.Several`, `Top`) give a list.
        layer: attribute to the values of this layer, or of each of a list, in place of the input.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        background: (B, C, H, W), preprocessed: what x is compared with. Of several inputs a tuple
            with one for each, whose rows belong together.
        num_samples: how many draws of a baseline and a point of the path.
        local_smoothing: the noise at each point, as a share of the range of the values, 0 to 1.
        seed: of the draws.
        batch_size: how many points run at once, or "auto", which finds a size that is quick on this
            machine; the result does not depend on it, but for rounding.
        progress: whether to show a bar if it takes longer than two seconds.

    Returns:
        An Explanation whose values are (N, C, H, W), at a layer (N, C, h, w).

    Raises:
        MethodError: no draws, a negative smoothing.
        InputError: a background of another shape.
        LayerError, TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> x = mx.nd.ones((1, 3, 224, 224))
        >>> found = gm.expected_gradients(net, x, background=x * 0, num_samples=4)
        >>> found.values.shape, found.details["standard_error"].shape
        ((1, 3, 224, 224), (1, 3, 224, 224))
    """

@overload
def explain(  # type: ignore[overload-overlap]
    net: Net,
    x: Input,
    methods: str,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    options: Mapping[str, Mapping[str, Any]] = ...,
) -> list[list[Explanation]]: ...

@overload
def explain(  # type: ignore[overload-overlap]
    net: Net,
    x: Input,
    methods: str,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    options: Mapping[str, Mapping[str, Any]] = ...,
) -> list[Explanation]: ...

@overload
def explain(  # type: ignore[overload-overlap]
    net: Net,
    x: Input,
    methods: str,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    options: Mapping[str, Mapping[str, Any]] = ...,
) -> Explanation: ...

@overload
def explain(  # type: ignore[overload-overlap]
    net: Net,
    x: Input,
    methods: str,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    options: Mapping[str, Mapping[str, Any]] = ...,
) -> list[Explanation]: ...

@overload
def explain(  # type: ignore[overload-overlap]
    net: Net,
    x: Input,
    methods: str,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    options: Mapping[str, Mapping[str, Any]] = ...,
) -> Explanation:
    """Several methods on one run of the net: name → Explanation; of one name, the Explanation.

    They share the forward pass, and each backward pass that two of them need.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        x: (N, C, H, W), preprocessed; not modified. A tuple for a net of several inputs.
        methods: names out of `METHODS`, in a list, which gives a dictionary; or one name.
        target: what is explained; each sample's top class by default. With several targets
            (`gm.targets.Several`, `Top`) each method gives a list of explanations.
        layer: for the methods that explain a layer; by default the last before the global pool.
            With a list of layers these methods give a list of explanations. Methods that can
            explain a layer as well as the input explain the input.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, by number or name; for methods
            that attribute to inputs by gradients, a list of them or "all" gives lists.
        fuse: "mean", "max" or "product" joins the maps of several layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a text file; `target` may
            ask by them. By default those that the net has as its `class_names`.
        options: name of a method → its own options.

    Raises:
        MethodError: there is no such method, or a method has no such option; `fuse` without a list
            of layers.
        LayerError, TargetError, InputError, NetworkError, RuleError: what they say.

    Example:
        >>> found = gm.explain(net, x, ["grad_cam", "saliency"])     # doctest: +SKIP
        >>> found["grad_cam"].layer                                  # doctest: +SKIP
        'features.7'
        >>> gm.explain(net, x, "saliency", "tabby").target           # doctest: +SKIP
        [281]
    """

@overload
def explain(
    net: Net,
    x: Input,
    methods: Iterable[str],
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    options: Mapping[str, Mapping[str, Any]] = ...,
) -> dict[str, list[Any]]: ...

@overload
def explain(
    net: Net,
    x: Input,
    methods: Iterable[str],
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    options: Mapping[str, Mapping[str, Any]] = ...,
) -> dict[str, list[Explanation]]: ...

@overload
def explain(
    net: Net,
    x: Input,
    methods: Iterable[str],
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    options: Mapping[str, Mapping[str, Any]] = ...,
) -> dict[str, Explanation]: ...

@overload
def explain(
    net: Net,
    x: Input,
    methods: Iterable[str],
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    options: Mapping[str, Mapping[str, Any]] = ...,
) -> dict[str, Any]: ...

@overload
def explain(
    net: Net,
    x: Input,
    methods: Iterable[str],
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    options: Mapping[str, Mapping[str, Any]] = ...,
) -> dict[str, Explanation]:
    """Several methods on one run of the net: name → Explanation; of one name, the Explanation.

    They share the forward pass, and each backward pass that two of them need.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        x: (N, C, H, W), preprocessed; not modified. A tuple for a net of several inputs.
        methods: names out of `METHODS`, in a list, which gives a dictionary; or one name.
        target: what is explained; each sample's top class by default. With several targets
            (`gm.targets.Several`, `Top`) each method gives a list of explanations.
        layer: for the methods that explain a layer; by default the last before the global pool.
            With a list of layers these methods give a list of explanations. Methods that can
            explain a layer as well as the input explain the input.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, by number or name; for methods
            that attribute to inputs by gradients, a list of them or "all" gives lists.
        fuse: "mean", "max" or "product" joins the maps of several layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a text file; `target` may
            ask by them. By default those that the net has as its `class_names`.
        options: name of a method → its own options.

    Raises:
        MethodError: there is no such method, or a method has no such option; `fuse` without a list
            of layers.
        LayerError, TargetError, InputError, NetworkError, RuleError: what they say.

    Example:
        >>> found = gm.explain(net, x, ["grad_cam", "saliency"])     # doctest: +SKIP
        >>> found["grad_cam"].layer                                  # doctest: +SKIP
        'features.7'
        >>> gm.explain(net, x, "saliency", "tabby").target           # doctest: +SKIP
        [281]
    """

@overload
def feature_ablation(
    net: Net,
    x: Input,
    target: Several | Top,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    segments: Segments = None,
    num_segments: int = 50,
    baseline: Baseline = "zero",
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> list[Explanation]: ...

@overload
def feature_ablation(
    net: Net,
    x: Input,
    target: Target = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    segments: Segments = None,
    num_segments: int = 50,
    baseline: Baseline = "zero",
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> Explanation:
    """Feature ablation: how much the score drops when a segment of the input is hidden.

        R_p = S(x) - S(x with the segment of p hidden)

    As occlusion (Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2), with parts that follow the
    picture in place of windows.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        segments: "slic", "quickshift", "grid", or whole numbers (H, W) or (N, H, W); by default
            "slic" for pictures, "grid" for signals and volumes, each value of a vector on its own.
        num_segments: about how many, for "slic" and "grid".
        baseline: what hidden parts become: "zero", "mean" (each channel's mean), "blur" (x without
            detail), "inpaint" (filled from around), a number or one for each channel, or an array
            like x or like one sample.
        batch_size: how many inputs run at once; the result does not depend on it. "auto", where it
            is the default, finds a quick size.
        progress: whether to show a bar if it takes longer than two seconds.

    Returns:
        An Explanation whose values are the drops (N, H, W); `details["segments"]` are those of each
        sample, `details["segment_values"]` their drops (N, S), NaN where a sample has fewer.

    Raises:
        MethodError: no such segments or baseline.
        InputError: segments or a baseline of another shape, a picture without superpixels.
        TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.feature_ablation(net, mx.nd.ones((1, 3, 64, 64)), segments="grid",
        ...                     num_segments=4).details["segment_values"].shape
        (1, 4)
    """

@overload
def finer_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    gamma: float = 0.6,
    similar: int = 3,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[list[Explanation]]: ...

@overload
def finer_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    gamma: float = 0.6,
    similar: int = 3,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def finer_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    gamma: float = 0.6,
    similar: int = 3,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation: ...

@overload
def finer_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    gamma: float = 0.6,
    similar: int = 3,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def finer_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    gamma: float = 0.6,
    similar: int = 3,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation:
    """Finer-CAM: Grad-CAM of what tells a class from those most like it.

        w_c = mean over positions of ∂(S - γ · mean of S' over the similar classes)/∂A_c
        L = ReLU(Σ_c w_c · A_c)

    Zhang et al. 2025, arXiv:2501.11309. Similar are the classes whose scores are nearest.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer whose map is made, or a list of them, which gives a list; by default the
            last one before the global pool. Of one that runs several times, "name#2" is the second
            run.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: "mean", "max" or "product" joins the maps of a list of layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        gamma: how much of the similar classes is taken off; 0 is Grad-CAM.
        similar: how many of them; all others where there are no more.
        relu: False keeps the negative evidence too.
        augment_smooth: the mean over x and its mirror image, each times 0.9, 1 and 1.1.
        eigen_smooth: the principal component of the weighted channels in place of their sum.

    Returns:
        An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.finer_cam(net, mx.nd.ones((1, 3, 64, 64)), 281).values.shape
        (1, 2, 2)
    """

@overload
def full_grad(
    net: Net,
    x: Input,
    target: Several | Top,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
) -> list[Explanation]: ...

@overload
def full_grad(
    net: Net,
    x: Input,
    target: Target = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
) -> Explanation:
    """FullGrad: where the input and where the biases of all layers add to the score.

        L = ψ(x ⊙ ∂S/∂x) + Σ over layers ψ(b ⊙ ∂S/∂y)        S = Σ x ⊙ ∂S/∂x + Σ Σ b ⊙ ∂S/∂y

    Srinivas & Fleuret 2019, arXiv:1905.00780, equations 2 and 5: ψ takes the absolute values,
    stretches them to [0, 1] over the layer, enlarges them to the input's size and adds up the
    channels. The bias of a batch normalisation is β - μγ/√(σ² + ε); that of a function such as a
    sigmoid what its tangent cuts off. `details["completeness_gap"]`, (N,), is by how much the
    terms, before ψ, fail to add up to the score; in a net of several inputs it holds what the
    others add.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.

    Returns:
        An Explanation whose values are (N, 1, H, W), ≥ 0.

    Raises:
        RuleError: a net that cannot be traced.
        TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> gm.full_grad(net, mx.nd.ones((1, 3, 224, 224)), 281).values.shape
        (1, 1, 224, 224)
    """

@overload
def grad_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[list[Explanation]]: ...

@overload
def grad_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def grad_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation: ...

@overload
def grad_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def grad_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation:
    """Grad-CAM: where a layer's features speak for the target.

        α_c = mean over positions of ∂S/∂A_c        L = ReLU(Σ_c α_c · A_c)

    Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer whose map is made, or a list of them, which gives a list; by default the
            last one before the global pool. Of one that runs several times, "name#2" is the second
            run.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: "mean", "max" or "product" joins the maps of a list of layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        relu: False keeps the negative evidence too.
        augment_smooth: the mean over x and its mirror image, each times 0.9, 1 and 1.1.
        eigen_smooth: the principal component of the weighted channels in place of their sum.

    Returns:
        An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.grad_cam(net, mx.nd.ones((1, 3, 224, 224)), target=281).values.shape
        (1, 7, 7)
    """

@overload
def grad_cam_pp(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[list[Explanation]]: ...

@overload
def grad_cam_pp(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def grad_cam_pp(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation: ...

@overload
def grad_cam_pp(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def grad_cam_pp(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation:
    """Grad-CAM++: as Grad-CAM, with weights that let small and repeated objects count.

        α_c = G_c² / (2 G_c² + G_c³ · Σ A_c)    w_c = Σ α_c · ReLU(G_c)    L = ReLU(Σ_c w_c · A_c)

    with sums over the positions, and α = 0 where its denominator is. Chattopadhay et al. 2018,
    arXiv:1710.11063, equations 9 to 19. (Of exp S, which they explain, the derivatives are those
    of S times a factor that all weights share.)

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer whose map is made, or a list of them, which gives a list; by default the
            last one before the global pool. Of one that runs several times, "name#2" is the second
            run.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: "mean", "max" or "product" joins the maps of a list of layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        relu: False keeps the negative evidence too.
        augment_smooth: the mean over x and its mirror image, each times 0.9, 1 and 1.1.
        eigen_smooth: the principal component of the weighted channels in place of their sum.

    Returns:
        An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.grad_cam_pp(net, mx.nd.ones((1, 3, 224, 224)), target=281).values.shape
        (1, 7, 7)
    """

@overload
def guided_backprop() -> AbstractContextManager[RuleReport]: ...

@overload
def guided_backprop(
    net: Net,
    x: Input,
    target: Several | Top,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
) -> list[Explanation]: ...

@overload
def guided_backprop(
    net: Net,
    x: Input,
    target: Target = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
) -> Explanation:
    """Guided backpropagation: the patterns in the input that excite the features of the target.

    The gradient ∂S/∂x, except that every rectifier f also stops negative gradients: with z its
    input and dy the gradient at its output, the gradient at its input is

        f'(z) · max(dy, 0)

    Springenberg et al. 2014, arXiv:1412.6806, section 3.4. It shows sharp edges but hardly depends
    on the class; multiply it with a Grad-CAM (`guided_grad_cam`) where that matters.

    Without arguments, a context manager: inside it the drop-in layers of `gradcam_mx.nn` follow the
    rule in the caller's own autograd code (see `nn.guided_mode`).

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.

    Returns:
        An Explanation whose values are the guided gradients, (N, C, H, W); its `rule_report` counts
        the activations that the rule changed.

    Raises:
        RuleError: the net has no rectifier.
        TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> guided = gm.guided_backprop(net, mx.nd.ones((1, 3, 224, 224)))
        >>> guided.values.shape, guided.rule_report.changed
        ((1, 3, 224, 224), {'relu': 26})
    """

@overload
def guided_grad_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
) -> list[list[Explanation]]: ...

@overload
def guided_grad_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
) -> list[Explanation]: ...

@overload
def guided_grad_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
) -> Explanation: ...

@overload
def guided_grad_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
) -> list[Explanation]: ...

@overload
def guided_grad_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
) -> Explanation:
    """Guided Grad-CAM: the detail of guided backpropagation where Grad-CAM finds the target.

        R = upsample(L) ⊙ G        L: the Grad-CAM (N, h, w), G: the guided gradient (N, C, H, W)

    Selvaraju et al. 2017, arXiv:1610.02391, section 3.2; upsampling is bilinear.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer of the Grad-CAM, or a list of them, which gives a list; by default the last
            one before the global pool.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: for maps alone: a list of these attributions cannot be joined, which is a LayerError.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.

    Returns:
        An Explanation whose values are the products, (N, C, H, W).

    Raises:
        RuleError: the net has no rectifier.
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> gm.guided_grad_cam(net, mx.nd.ones((1, 3, 224, 224)), 281).layer
        'features.12'
    """

@overload
def hires_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[list[Explanation]]: ...

@overload
def hires_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def hires_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation: ...

@overload
def hires_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def hires_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation:
    """HiRes-CAM: what each position contributes, without an average over positions.

        L = ReLU(Σ_c G_c ⊙ A_c)

    Draelos & Carin 2020, arXiv:2011.08891, equation 4. Behind a bias-free linear tail the map adds
    up to the score.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer whose map is made, or a list of them, which gives a list; by default the
            last one before the global pool. Of one that runs several times, "name#2" is the second
            run.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: "mean", "max" or "product" joins the maps of a list of layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        relu: False keeps the negative evidence too.
        augment_smooth: the mean over x and its mirror image, each times 0.9, 1 and 1.1.
        eigen_smooth: the principal component of the weighted channels in place of their sum.

    Returns:
        An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.hires_cam(net, mx.nd.ones((1, 3, 224, 224)), target=281).values.shape
        (1, 7, 7)
    """

@overload
def input_x_gradient(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
) -> list[list[Explanation]]: ...

@overload
def input_x_gradient(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
) -> list[Explanation]: ...

@overload
def input_x_gradient(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
) -> Explanation: ...

@overload
def input_x_gradient(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
) -> list[Explanation]: ...

@overload
def input_x_gradient(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
) -> Explanation:
    """Input × gradient: the share of each value in the score, were the net linear.

        R = x ⊙ ∂S/∂x

    Shrikumar et al. 2016, arXiv:1605.01713, section 2.2. At a layer, A ⊙ ∂S/∂A.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: attribute to the values of this layer, or of each of a list, in place of the input.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.

    Returns:
        An Explanation whose values are the products, (N, C, H, W).

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> gm.input_x_gradient(net, mx.nd.ones((1, 3, 224, 224)), 281, "features.5").values.shape
        (1, 128, 27, 27)
    """

@overload
def integrated_gradients(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    baseline: Baseline = "zero",
    steps: int = 50,
    quadrature: str = "gauss-legendre",
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> list[list[Explanation]]: ...

@overload
def integrated_gradients(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    baseline: Baseline = "zero",
    steps: int = 50,
    quadrature: str = "gauss-legendre",
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> list[Explanation]: ...

@overload
def integrated_gradients(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    baseline: Baseline = "zero",
    steps: int = 50,
    quadrature: str = "gauss-legendre",
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> Explanation: ...

@overload
def integrated_gradients(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    baseline: Baseline = "zero",
    steps: int = 50,
    quadrature: str = "gauss-legendre",
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> list[Explanation]: ...

@overload
def integrated_gradients(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    baseline: Baseline = "zero",
    steps: int = 50,
    quadrature: str = "gauss-legendre",
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> Explanation:
    """Integrated gradients: what each value adds to the score on the way from a baseline.

        R = (x - b) ⊙ ∫₀¹ ∂S/∂x at (b + t (x - b)) dt        Σ R = S(x) - S(b)

    Sundararajan et al. 2017, arXiv:1703.01365, equation 1. At a layer, the path goes from its
    values for the baseline to those for x, and the rest of the net stays as it is for x. How far
    the sum is from the difference of the scores, because the integral is a sum over few steps, is
    reported: `details["completeness_gap"]` and `details["score_difference"]`, both (N,); a gap of
    more than 5 % is told by a warning.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default, that of x itself. Several of
            them (`gm.targets.Several`, `Top`) give a list.
        layer: attribute to the values of this layer, or of each of a list, in place of the input.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        baseline: "zero", "mean" (each channel's mean), "blur" (x without detail), a number or one
            for each channel, or an array like x or like one sample. Of several inputs a tuple with
            one for each, or a mapping by their names.
        steps: how many points of the path.
        quadrature: "gauss-legendre", "trapezoid", "left", "midpoint" or "right".
        batch_size: how many points run at once, or "auto", which finds a size that is quick on this
            machine; the result does not depend on it, but for rounding.
        progress: whether to show a bar if it takes longer than two seconds.

    Returns:
        An Explanation whose values are (N, C, H, W), at a layer (N, C, h, w).

    Raises:
        MethodError: no such baseline or quadrature, too few steps.
        InputError: a baseline of another shape.
        LayerError, TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> found = gm.integrated_gradients(net, mx.nd.ones((1, 3, 224, 224)), steps=4)
        >>> found.values.shape, found.details["completeness_gap"].shape
        ((1, 3, 224, 224), (1,))
    """

@overload
def kernel_shap(
    net: Net,
    x: Input,
    target: Several | Top,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    segments: Segments = None,
    num_segments: int = 50,
    num_samples: int = 1000,
    baseline: Baseline = "zero",
    seed: int = 0,
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> list[Explanation]: ...

@overload
def kernel_shap(
    net: Net,
    x: Input,
    target: Target = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    segments: Segments = None,
    num_segments: int = 50,
    num_samples: int = 1000,
    baseline: Baseline = "zero",
    seed: int = 0,
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> Explanation:
    """Kernel SHAP: each segment's Shapley value, its fair share in the score.

        φ = argmin Σ_z π(z) (S(x with the segments z) - S(baseline) - φ·z)²,
        Σ φ = S(x) - S(baseline),        π(z) = (S - 1) / (C(S, |z|) |z| (S - |z|))

    Lundberg & Lee 2017, arXiv:1705.07874, theorem 2. Where there are no more than `num_samples`
    combinations z of segments, all are tried and φ are the exact Shapley values. Otherwise as many
    sizes |z| as possible, from the smallest and the largest on, are tried in full, and random
    combinations of the others, each with its complement. The sum holds in any case.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        segments: "slic", "quickshift", "grid", or whole numbers (H, W) or (N, H, W); by default
            "slic" for pictures, "grid" for signals and volumes, each value of a vector on its own.
        num_segments: about how many, for "slic" and "grid".
        num_samples: how many combinations of segments are tried, twice their number at least.
        baseline: what hidden parts become: "zero", "mean" (each channel's mean), "blur" (x without
            detail), "inpaint" (filled from around), a number or one for each channel, or an array
            like x or like one sample.
        seed: of the combinations.
        batch_size: how many inputs run at once; the result does not depend on it. "auto", where it
            is the default, finds a quick size.
        progress: whether to show a bar if it takes longer than two seconds.

    Returns:
        An Explanation whose values are (N, H, W), φ of each position's segment. In its details:
        "segments", "segment_values" (N, S), NaN where a sample has fewer segments, "base_value"
        (N,), S(baseline); and "standard_error", that of the values over the combinations that are
        drawn: how far they would be others with another seed, 0 where none are. It is the sandwich
        of White (1980, doi:10.2307/1912934) over pairs of a combination and its complement, with
        the residuals corrected for the fit (HC2: MacKinnon & White 1985,
        doi:10.1016/0304-4076(85)90158-7). NaN where fewer pairs were drawn than there are values.

    Raises:
        MethodError: no such segments or baseline, too few samples.
        InputError: segments or a baseline of another shape, a picture without superpixels.
        TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> found = gm.kernel_shap(net, mx.nd.ones((1, 3, 64, 64)), segments="grid", num_segments=4)
        >>> found.values.shape, found.details["segment_values"].shape
        ((1, 64, 64), (1, 4))
    """

@overload
def layer_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[list[Explanation]]: ...

@overload
def layer_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def layer_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation: ...

@overload
def layer_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def layer_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation:
    """Layer-CAM: sharp maps also of early layers, from the positive gradient at each position.

        L = ReLU(Σ_c ReLU(G_c) ⊙ A_c)

    Jiang et al. 2021, doi:10.1109/TIP.2021.3089943, equations 4 to 6.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer whose map is made, or a list of them, which gives a list; by default the
            last one before the global pool. Of one that runs several times, "name#2" is the second
            run.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: "mean", "max" or "product" joins the maps of a list of layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        relu: False keeps the negative evidence too.
        augment_smooth: the mean over x and its mirror image, each times 0.9, 1 and 1.1.
        eigen_smooth: the principal component of the weighted channels in place of their sum.

    Returns:
        An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.layer_cam(net, mx.nd.ones((1, 3, 224, 224)), 281, "features.5").values.shape
        (1, 28, 28)
    """

@overload
def lift_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[list[Explanation]]: ...

@overload
def lift_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def lift_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation: ...

@overload
def lift_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def lift_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation:
    """LIFT-CAM: a channel counts by what it adds to the score, against its absence.

        w_c = Σ_ij m_c(i, j) A_c(i, j)        L = ReLU(Σ_c w_c · A_c)

    with m DeepLIFT's multipliers between the layer's values and zeros: Σ_c w_c = S - S(A = 0), an
    approximation of the channels' Shapley values. Jung & Oh 2021, arXiv:2102.05228.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer whose map is made, or a list of them, which gives a list; by default the
            last one before the global pool. Of one that runs several times, "name#2" is the second
            run.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: "mean", "max" or "product" joins the maps of a list of layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        relu: False keeps the negative evidence too.
        augment_smooth: the mean over x and its mirror image, each times 0.9, 1 and 1.1.
        eigen_smooth: the principal component of the weighted channels in place of their sum.

    Returns:
        An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.lift_cam(net, mx.nd.ones((1, 3, 64, 64)), 281).values.shape
        (1, 2, 2)
    """

@overload
def lime(
    net: Net,
    x: Input,
    target: Several | Top,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    segments: Segments = None,
    num_segments: int = 50,
    num_samples: int = 1000,
    num_features: int | None = None,
    baseline: Baseline = "mean",
    kernel_width: float = 0.25,
    ridge: float = 1.0,
    seed: int = 0,
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> list[Explanation]: ...

@overload
def lime(
    net: Net,
    x: Input,
    target: Target = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    segments: Segments = None,
    num_segments: int = 50,
    num_samples: int = 1000,
    num_features: int | None = None,
    baseline: Baseline = "mean",
    kernel_width: float = 0.25,
    ridge: float = 1.0,
    seed: int = 0,
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> Explanation:
    """LIME: the segments that speak for the target, in a linear model of the net around x.

        β = argmin Σ_i π_i (S(x with the segments z_i) - b - β·z_i)² + λ |β|²
        π_i = √exp(-d_i² / σ²),    d_i = 1 - cos(z_i, (1, …, 1))

    for random z_i ∈ {0, 1}^S, each segment there with probability ½. Ribeiro et al. 2016,
    arXiv:1602.04938, equation 2 and algorithm 1, with the kernel of their own package.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        output: which of several outputs is explained, by number or name; or "probability", as the
            paper has it.
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        segments: "slic", "quickshift", "grid", or whole numbers (H, W) or (N, H, W); by default
            "slic" for pictures, "grid" for signals and volumes, each value of a vector on its own.
        num_segments: about how many, for "slic" and "grid".
        num_samples: how many combinations of segments are tried; the first is x itself.
        num_features: the linear model has only so many segments, those of the largest weights.
        baseline: what hidden segments become: "mean" (of the segment itself), "zero", "blur",
            "inpaint", a number or one for each channel, or an array like x or like one sample.
        kernel_width: σ.
        ridge: λ.
        seed: of the combinations.
        batch_size: how many inputs run at once; the result does not depend on it. "auto", where it
            is the default, finds a quick size.
        progress: whether to show a bar if it takes longer than two seconds.

    Returns:
        An Explanation whose values are the weights (N, H, W). In its details: "segments",
        "segment_values" (N, S) the weights, NaN where a sample has fewer segments, "intercept",
        "local_prediction" (of x by the model) and "local_fit" (its weighted R²), all (N,); and
        "standard_error", that of the values over the combinations that are drawn: how far the
        weights would be others with another seed. It is the sandwich of White (1980,
        doi:10.2307/1912934), which holds whether or not the net is linear, with the residuals
        corrected for the fit (HC2: MacKinnon & White 1985, doi:10.1016/0304-4076(85)90158-7). With
        `num_features` it takes the choice of segments as given, and is NaN for the others; NaN too
        for fewer combinations than the model has numbers.

    Raises:
        MethodError: no such segments or baseline, options out of range.
        InputError: segments or a baseline of another shape, a picture without superpixels.
        DependencyError: scikit-learn is not installed.
        TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> found = gm.lime(net, mx.nd.ones((1, 3, 64, 64)), segments="grid", num_segments=4,
        ...                 num_samples=8)
        >>> found.values.shape, found.details["local_fit"].shape
        ((1, 64, 64), (1,))
    """

@overload
def lrp(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    composite: Any = "epsilon_plus_flat",
    epsilon: float = 1e-06,
    gamma: float = 0.25,
    low: Any = None,
    high: Any = None,
    conditions: Mapping[str, Any] | None = None,
    contrastive: bool = False,
    fallback: str | None = None,
) -> list[list[Explanation]]: ...

@overload
def lrp(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    composite: Any = "epsilon_plus_flat",
    epsilon: float = 1e-06,
    gamma: float = 0.25,
    low: Any = None,
    high: Any = None,
    conditions: Mapping[str, Any] | None = None,
    contrastive: bool = False,
    fallback: str | None = None,
) -> list[Explanation]: ...

@overload
def lrp(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    composite: Any = "epsilon_plus_flat",
    epsilon: float = 1e-06,
    gamma: float = 0.25,
    low: Any = None,
    high: Any = None,
    conditions: Mapping[str, Any] | None = None,
    contrastive: bool = False,
    fallback: str | None = None,
) -> Explanation: ...

@overload
def lrp(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    composite: Any = "epsilon_plus_flat",
    epsilon: float = 1e-06,
    gamma: float = 0.25,
    low: Any = None,
    high: Any = None,
    conditions: Mapping[str, Any] | None = None,
    contrastive: bool = False,
    fallback: str | None = None,
) -> list[Explanation]: ...

@overload
def lrp(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    composite: Any = "epsilon_plus_flat",
    epsilon: float = 1e-06,
    gamma: float = 0.25,
    low: Any = None,
    high: Any = None,
    conditions: Mapping[str, Any] | None = None,
    contrastive: bool = False,
    fallback: str | None = None,
) -> Explanation:
    """LRP: layer-wise relevance propagation, the score shared out layer by layer.

        R_x = x ⊙ VJP(f', x)(R / stab(f'(x))),        stab(z) = z + ε·sign(z)

    with f' an operator whose weights a rule changes. Bach et al. 2015,
    doi:10.1371/journal.pone.0130140; composites of rules: Montavon et al. 2019,
    doi:10.1007/978-3-030-28954-6_10. The walk begins with the score. What biases and ε take on the
    way is lost: `explanation.ledger()` lists it for each operator; in nets with batch normalisation
    that may be most of it. A batch normalisation beside a layer is merged into it, the signal of a
    gate takes all. With `conditions` it is concept relevance (CRP: Achtibat et al. 2023,
    arXiv:2206.03208).

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: attribute to the values of this layer, or of each of a list, in place of the input.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        composite: "epsilon", "epsilon_plus" (z⁺ at convolutions, ε at Dense layers),
            "epsilon_plus_flat" (and the flat rule at the first layer), "epsilon_alpha2_beta1",
            "epsilon_alpha2_beta1_flat", "epsilon_gamma_box" (γ at convolutions, z-box at the first
            layer); a mapping layer → rule out of `gm.rules`, which has ε elsewhere; or a function
            of a node that gives a rule, or None for ε.
        epsilon: what keeps denominators away from zero; 0 is LRP-0.
        gamma: how much more positive terms weigh, of "epsilon_gamma_box".
        low: the lowest that the input can be, prepared as the input is, of "epsilon_gamma_box": a
            number, or one for each channel; by default black, where the net knows how photos are
            prepared.
        high: the highest; by default white.
        conditions: layer → a channel or several; relevance passes there alone.
        contrastive: whether to begin with the score S at the class and -S/(K - 1) at each of the
            others (Gu et al. 2018, arXiv:1812.02100). What begins at another class is no part of
            its score, which may be near zero: so the last layers share it out by z⁺, as that
            paper's do, unless a mapping or a function gives them a rule, and sums and averages
            behind them among what is above zero.
        fallback: "gradient" lets relevance pass operators that no rule is known for, in proportion
            to x ⊙ ∂y/∂x, and names them in `details["fallback"]`; by default they are an error.

    Returns:
        An Explanation whose values are the relevances, (N, C, H, W), at a layer (N, C, h, w); its
        `ledger()` keeps the accounts.

    Raises:
        RuleError: no such composite, an operator without a rule, a net that cannot be traced.
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> found = gm.lrp(net, mx.nd.ones((1, 3, 224, 224)), 281)
        >>> found.values.shape, len(found.ledger()) > 60
        ((1, 3, 224, 224), True)
    """

@overload
def occlusion(
    net: Net,
    x: Input,
    target: Several | Top,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    window: Lengths = None,
    stride: Lengths = None,
    baseline: Baseline = "zero",
    values: str = "drop",
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> list[Explanation]: ...

@overload
def occlusion(
    net: Net,
    x: Input,
    target: Target = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    window: Lengths = None,
    stride: Lengths = None,
    baseline: Baseline = "zero",
    values: str = "drop",
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> Explanation:
    """Occlusion: how much the score drops when a window over the input is hidden.

        R_p = mean over the windows w that cover p of S(x) - S(x with w hidden)

    Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2. The windows start at every `stride`; those
    that reach over the border are clipped.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        window: the side of the windows, or (height, width); an eighth of the input by default.
        stride: from one window to the next; half a window by default.
        baseline: what hidden parts become: "zero", "mean" (each channel's mean), "blur" (x without
            detail), "inpaint" (filled from around), a number or one for each channel, or an array
            like x or like one sample.
        values: "drop", or "score" for the probability of the class that is left, as many published
            maps show it: low where it matters.
        batch_size: how many inputs run at once; the result does not depend on it. "auto", where it
            is the default, finds a quick size.
        progress: whether to show a bar if it takes longer than two seconds.

    Returns:
        An Explanation whose values are (N, H, W): drops, positive where the target needs the input.

    Raises:
        MethodError: a window or stride that does not fit, no such baseline.
        InputError: a baseline of another shape.
        TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.occlusion(net, mx.nd.ones((1, 3, 64, 64)), window=32, stride=32).values.shape
        (1, 64, 64)
    """

@overload
def partition_shap(
    net: Net,
    x: Input,
    target: Several | Top,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    masker: Baseline = "blur(128,128)",
    max_evals: int = 1000,
    seed: int = 0,
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> list[Explanation]: ...

@overload
def partition_shap(
    net: Net,
    x: Input,
    target: Target = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    masker: Baseline = "blur(128,128)",
    max_evals: int = 1000,
    seed: int = 0,
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> Explanation:
    """Partition SHAP: each rectangle's fair share in the score, the important ones cut finer.

        φ_L = ½ (S(L) - S(∅) + S(L ∪ R) - S(R))        for the halves L, R of a rectangle,

    and so on within each half, with the other one there and hidden: Owen values (Owen 1977,
    doi:10.1007/978-3-642-45494-3_7). Where `max_evals` is used up, what is left is spread evenly
    over a rectangle. Σ φ = S(x) - S(all hidden). By the partition explainer and the image masker of
    the shap package (Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9).

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: pictures (N, C, H, W), preprocessed; not modified.
        target: what is explained; each sample's top class by default. Several of them
            (`gm.targets.Several`, `Top`) share all passes and the rectangles, and give a list.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        masker: what hidden rectangles become: "inpaint_telea", "inpaint_ns", "blur(kx,ky)" (the
            mean over a box), "zero", "mean" (each channel's mean), "blur" (x without detail), a
            number or one for each channel, or an array like x or like one sample.
        max_evals: how many masked inputs are tried for each sample, at the most.
        seed: of the order in which rectangles that matter equally are cut.
        batch_size: how many inputs run at once; the result does not depend on it. "auto", where it
            is the default, finds a quick size.
        progress: whether to show a bar if it takes longer than two seconds.

    Returns:
        An Explanation whose values are (N, H, W); `details["base_value"]`, (N,), is S(all hidden).

    Raises:
        MethodError: no such masker, too few evaluations, an input that is no picture.
        InputError: a baseline of another shape.
        DependencyError: shap is not installed.
        TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.partition_shap(net, mx.nd.ones((1, 3, 32, 32)), max_evals=8).values.shape
        (1, 32, 32)
    """

@overload
def random_map(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    seed: int = 0,
    start: int = 0,
) -> list[list[Explanation]]: ...

@overload
def random_map(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    seed: int = 0,
    start: int = 0,
) -> list[Explanation]: ...

@overload
def random_map(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    seed: int = 0,
    start: int = 0,
) -> Explanation: ...

@overload
def random_map(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    seed: int = 0,
    start: int = 0,
) -> list[Explanation]: ...

@overload
def random_map(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    seed: int = 0,
    start: int = 0,
) -> Explanation:
    """Random map: numbers at random where a layer's map would be.

        L_p ~ uniform in [0, 1), each position on its own

    A control: what does no better by some measure says nothing about the network. Hooker et al.
    2019, arXiv:1806.10758, hold methods against pixels in a random order; here the positions are
    those of a layer, so that the map is as smooth as a CAM of that layer once both are drawn, or
    measured, at the input's size. Of a black box, which has no layer that is known, they are 7
    along each axis, made as large as the input linearly.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer whose map is made, or a list of them, which gives a list; by default the
            last one before the global pool. Of one that runs several times, "name#2" is the second
            run.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: "mean", "max" or "product" joins the maps of a list of layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        seed: a sample's numbers follow from it and from the sample's number (the row's number, of a
            layer with several rows for each sample), and from nothing else: not from the net, the
            samples beside it, the target or the device.
        start: the number of the first sample, for batches of a data set one after another.

    Returns:
        An Explanation whose values are (N, h, w), float32 in [0, 1).

    Raises:
        MethodError: no such seed.
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.random_map(net, mx.nd.ones((1, 3, 224, 224)), seed=3).values.shape
        (1, 7, 7)
    """

@overload
def recipro_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    batch_size: int = 16,
    progress: bool = True,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[list[Explanation]]: ...

@overload
def recipro_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    batch_size: int = 16,
    progress: bool = True,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def recipro_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    batch_size: int = 16,
    progress: bool = True,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation: ...

@overload
def recipro_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    batch_size: int = 16,
    progress: bool = True,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def recipro_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    batch_size: int = 16,
    progress: bool = True,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation:
    """Recipro-CAM: a position counts by the score of what the layer shows there alone.

        L_ij = (S_ij - min S) / (max S - min S)        S_ij: the score of A ⊙ M_ij

    with M_ij a Gaussian of three by three positions around (i, j), 1 in the middle, ½ beside, ¼
    across. Byun & Lee 2022, arXiv:2209.14074, section 3. No gradients; only the net behind the
    layer runs again.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer whose map is made, or a list of them, which gives a list; by default the
            last one before the global pool. Of one that runs several times, "name#2" is the second
            run.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: "mean", "max" or "product" joins the maps of a list of layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        batch_size: how many masked activations run at once.
        progress: whether to show a bar if it takes longer than two seconds.
        relu: False keeps the negative evidence too.
        augment_smooth: the mean over x and its mirror image, each times 0.9, 1 and 1.1.
        eigen_smooth: the principal component of the weighted channels in place of their sum.

    Returns:
        An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.recipro_cam(net, mx.nd.ones((1, 3, 64, 64)), 281).values.shape
        (1, 2, 2)
    """

@overload
def relevance_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[list[Explanation]]: ...

@overload
def relevance_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def relevance_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation: ...

@overload
def relevance_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def relevance_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation:
    """Relevance-CAM: a channel counts by the relevance that comes to it from the output.

        w_c = Σ_ij R_c(i, j)        L = ReLU(Σ_c w_c · A_c)

    R by z⁺ at all layers, from the score S at the class and -S/(K - 1) at each of the others: under
    another rule a score near zero would be divided by. Lee et al. 2021,
    doi:10.1109/CVPR46437.2021.01470. Unlike Grad-CAM it is of use at early layers too.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer whose map is made, or a list of them, which gives a list; by default the
            last one before the global pool. Of one that runs several times, "name#2" is the second
            run.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: "mean", "max" or "product" joins the maps of a list of layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        relu: False keeps the negative evidence too.
        augment_smooth: the mean over x and its mirror image, each times 0.9, 1 and 1.1.
        eigen_smooth: the principal component of the weighted channels in place of their sum.

    Returns:
        An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.relevance_cam(net, mx.nd.ones((1, 3, 64, 64)), 281, "features.6").values.shape
        (1, 4, 4)
    """

@overload
def rise(
    net: Net,
    x: Input,
    target: Several | Top,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    num_samples: int = 4000,
    cells: int = 7,
    keep: float = 0.5,
    baseline: Baseline = "zero",
    seed: int = 0,
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> list[Explanation]: ...

@overload
def rise(
    net: Net,
    x: Input,
    target: Target = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    num_samples: int = 4000,
    cells: int = 7,
    keep: float = 0.5,
    baseline: Baseline = "zero",
    seed: int = 0,
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> Explanation:
    """RISE: a position counts by the mean score of the masked inputs in which it is seen.

        R = 1 / (p M) Σ_i S(x ⊙ m_i) m_i

    for M random masks: a grid of cells, each kept with probability p, made larger linearly, and
    shifted at random by up to a cell. Petsiuk et al. 2018, arXiv:1806.07421, equation 6 and section
    3.2.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        output: which of several outputs is explained, by number or name; or "probability", as the
            paper has it.
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        num_samples: how many masks.
        cells: along each axis of positions. Of a vector each value is a cell.
        keep: p.
        baseline: what is seen where a mask is 0: "zero", "mean" (each channel's mean), "blur" (x
            without detail), a number or one for each channel, or an array like x or like one
            sample.
        seed: of the masks, which all samples share.
        batch_size: how many inputs run at once; the result does not depend on it. "auto", where it
            is the default, finds a quick size.
        progress: whether to show a bar if it takes longer than two seconds.

    Returns:
        An Explanation whose values are (N, H, W). All of them hold the mean score, so only their
        differences tell. `details["standard_error"]` is that of the values.

    Raises:
        MethodError: options out of range, no such baseline.
        InputError: a baseline of another shape.
        TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.rise(net, mx.nd.ones((1, 3, 64, 64)), num_samples=8).values.shape
        (1, 64, 64)
    """

@overload
def saliency(
    net: Net,
    x: Input,
    target: Several | Top,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
) -> list[Explanation]: ...

@overload
def saliency(
    net: Net,
    x: Input,
    target: Target = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
) -> Explanation:
    """Saliency: how the score changes with each value of the input.

        R = ∂S/∂x

    Simonyan et al. 2013, arXiv:1312.6034. The values are raw and signed; the heat map shows their
    absolute values, summed over the channels, or the largest of them (`heatmap("max")`, as in the
    paper).

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.

    Returns:
        An Explanation whose values are the gradients, (N, C, H, W).

    Raises:
        TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> gm.saliency(net, mx.nd.ones((2, 3, 224, 224))).values.shape
        (2, 3, 224, 224)
    """

@overload
def score_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    batch_size: int = 16,
    progress: bool = True,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[list[Explanation]]: ...

@overload
def score_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    batch_size: int = 16,
    progress: bool = True,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def score_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    batch_size: int = 16,
    progress: bool = True,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation: ...

@overload
def score_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    batch_size: int = 16,
    progress: bool = True,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def score_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    batch_size: int = 16,
    progress: bool = True,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation:
    """Score-CAM: a channel counts by the score of the input that it lets through.

        H_c = A_c at the input's size, stretched to [0, 1]        S_c: the score of x ⊙ H_c
        w = softmax over the channels of S                        L = ReLU(Σ_c w_c · A_c)

    Wang et al. 2020, arXiv:1910.01279, equations 6 to 8 and algorithm 1 (the score of a baseline,
    which they subtract, leaves the softmax as it is). A flat channel lets nothing through. No
    gradients; the whole net runs once for each channel.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer whose map is made, or a list of them, which gives a list; by default the
            last one before the global pool. Of one that runs several times, "name#2" is the second
            run.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: "mean", "max" or "product" joins the maps of a list of layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        batch_size: how many masked inputs run at once.
        progress: whether to show a bar if it takes longer than two seconds.
        relu: False keeps the negative evidence too.
        augment_smooth: the mean over x and its mirror image, each times 0.9, 1 and 1.1.
        eigen_smooth: the principal component of the weighted channels in place of their sum.

    Returns:
        An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.score_cam(net, mx.nd.ones((1, 3, 64, 64)), 281).values.shape
        (1, 2, 2)
    """

@overload
def smooth_grad(
    net: Net,
    x: Input,
    target: Several | Top,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    num_samples: int = 25,
    noise: float = 0.15,
    mode: str = "mean",
    seed: int = 0,
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> list[Explanation]: ...

@overload
def smooth_grad(
    net: Net,
    x: Input,
    target: Target = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    names: Names | None = None,
    num_samples: int = 25,
    noise: float = 0.15,
    mode: str = "mean",
    seed: int = 0,
    batch_size: BatchSize = "auto",
    progress: bool = True,
) -> Explanation:
    """SmoothGrad: saliency with its noise averaged away, over noisy copies of the input.

        R = mean of ∂S/∂x at x + ε,        ε ~ Normal(0, σ²),        σ = noise · (max x - min x)

    Smilkov et al. 2017, arXiv:1706.03825. "square" takes the mean of the squared gradients (Hooker
    et al. 2019, arXiv:1806.10758), "variance" their variance (VarGrad; Adebayo et al. 2018,
    arXiv:1810.03307).

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default, that of x itself. Several of
            them (`gm.targets.Several`, `Top`) give a list.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        num_samples: how many noisy copies of each sample.
        noise: the standard deviation of the noise, as a share of each sample's range.
        mode: "mean", "square" or "variance".
        seed: of the noise.
        batch_size: how many copies run at once, or "auto", which finds a size that is quick on this
            machine; the result does not depend on it, but for rounding.
        progress: whether to show a bar if it takes longer than two seconds.

    Returns:
        An Explanation whose values are (N, C, H, W). `details["standard_error"]`, shaped like them,
        is theirs, over the noise: of the mean, of the mean square, or of the variance.

    Raises:
        MethodError: no such mode, no samples, a negative noise.
        TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> gm.smooth_grad(net, mx.nd.ones((1, 3, 224, 224)), num_samples=2).values.shape
        (1, 3, 224, 224)
    """

@overload
def xgrad_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: list[Any] | tuple[Any, ...],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[list[Explanation]]: ...

@overload
def xgrad_cam(
    net: Net,
    x: Input,
    target: Several | Top,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def xgrad_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: str | None = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation: ...

@overload
def xgrad_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: list[Any] | tuple[Any, ...] = ...,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> list[Explanation]: ...

@overload
def xgrad_cam(
    net: Net,
    x: Input,
    target: Target = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    relu: bool = True,
    augment_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explanation:
    """XGrad-CAM: as Grad-CAM, with weights that make the map add up to what the layer contributes.

        w_c = Σ (A_c · G_c) / Σ A_c        L = ReLU(Σ_c w_c · A_c)

    with sums over the positions, and w = 0 where its denominator is. Fu et al. 2020,
    arXiv:2008.02312, equation 8.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the
            net has what the method explains. A tuple for a net of several inputs.
        target: what is explained; each sample's top class by default. A class goes by its number or
            its name. Several of them (`gm.targets.Several`, `Top`) share all that can be shared,
            and give a list.
        layer: the layer whose map is made, or a list of them, which gives a list; by default the
            last one before the global pool. Of one that runs several times, "name#2" is the second
            run.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, or the layer depends on, by number
            or name; the first by default. A list of them, or "all", gives a list with an
            explanation for each, where a method attributes to inputs by gradients.
        fuse: "mean", "max" or "product" joins the maps of a list of layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a file; `target` may ask
            by them. By default those that the net has as its `class_names`.
        relu: False keeps the negative evidence too.
        augment_smooth: the mean over x and its mirror image, each times 0.9, 1 and 1.1.
        eigen_smooth: the principal component of the weighted channels in place of their sum.

    Returns:
        An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.xgrad_cam(net, mx.nd.ones((1, 3, 224, 224)), target=281).values.shape
        (1, 7, 7)
    """
