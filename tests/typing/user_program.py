"""What a user writes. Each comment is what mypy sees there, and what the value is when it runs."""

import mxnet as mx  # type: ignore[import-untyped]
import numpy as np

import gradcam_mx as gm
from gradcam_mx import nn

net = nn.HybridSequential()
net.add(nn.Conv2D(4, 3, activation="relu"), nn.Conv2D(3, 3), nn.GlobalAvgPool2D(), nn.Dense(5))
net.initialize()
x = np.random.RandomState(0).rand(2, 3, 12, 12).astype(np.float32)
net(mx.nd.array(x))
several, top = gm.targets.Several([1, [2, 3]]), gm.targets.Top(2)

# one layer
reveal_type(gm.grad_cam(net, x))  # -> Explanation
reveal_type(gm.grad_cam(net, x, 1, "0", relu=False))  # -> Explanation
reveal_type(gm.grad_cam(net, x, target=[1, 2], layer="0", eigen_smooth=True))  # -> Explanation
reveal_type(gm.score_cam(net, x, layer="0", batch_size=4, progress=False))  # -> Explanation
reveal_type(gm.guided_grad_cam(net, x, 1, output="probability"))  # -> Explanation
# several layers
reveal_type(gm.grad_cam(net, x, 1, ["0", "1"]))  # -> list[Explanation]
reveal_type(gm.layer_cam(net, x, layer=("0", "1")))  # -> list[Explanation]
reveal_type(gm.grad_cam(net, x, layer=["0", "1"], fuse="mean"))  # -> Explanation
# several targets
reveal_type(gm.hires_cam(net, x, several))  # -> list[Explanation]
reveal_type(gm.hires_cam(net, x, target=top, layer="0"))  # -> list[Explanation]
# several of both
reveal_type(gm.xgrad_cam(net, x, several, ["0", "1"]))  # -> list[list[Explanation]]
reveal_type(gm.xgrad_cam(net, x, top, layer=["0", "1"], fuse="max"))  # -> list[Explanation]

# methods that explain the input
reveal_type(gm.saliency(net, x))  # -> Explanation
reveal_type(gm.saliency(net, x, lambda y: y[:, 0], output=0))  # -> Explanation
reveal_type(gm.saliency(net, x, several))  # -> list[Explanation]
reveal_type(gm.guided_backprop(net, x, 1))  # -> Explanation
reveal_type(gm.guided_backprop(net, x, top))  # -> list[Explanation]
reveal_type(gm.integrated_gradients(net, x, steps=2, progress=False))  # -> Explanation
reveal_type(gm.integrated_gradients(net, x, layer=["0"], steps=2))  # -> list[Explanation]
reveal_type(gm.integrated_gradients(net, x, top, layer="0", steps=2))  # -> list[Explanation]
reveal_type(gm.integrated_gradients(net, x, top, ["0"], steps=2))  # -> list[list[Explanation]]
reveal_type(gm.expected_gradients(net, x, background=x, batch_size=4))  # -> Explanation
reveal_type(gm.rise(net, x, num_samples=4, baseline="mean"))  # -> Explanation
reveal_type(gm.rise(net, x, several, num_samples=4))  # -> list[Explanation]

# several methods
names = ["grad_cam", "saliency"]
reveal_type(gm.explain(net, x, names))  # -> dict[str, Explanation]
own = {"grad_cam": {"relu": False}}
reveal_type(gm.explain(net, x, names, layer="0", options=own)["saliency"])  # -> Explanation
reveal_type(gm.explain(net, x, names, top)["saliency"])  # -> list[Explanation]
reveal_type(gm.explain(net, x, names, layer=["0", "1"], fuse="mean")["grad_cam"])  # -> Explanation

# what they give, and what else there is
cam = gm.grad_cam(net, x)
reveal_type(cam.layer)  # -> str | None
reveal_type(cam.heatmap("max"))  # -> ndarray
reveal_type(gm.METHODS["lime"])  # -> Method
reveal_type(gm.trace(net))  # -> Graph
reveal_type(gm.nn.Conv2D(8, kernel_size=3))  # -> Conv2D
reveal_type(gm.nn.HybridSequential())  # -> Any
reveal_type(gm.zoo.vgg16(pretrained=False))  # -> VGG
reveal_type(gm.zoo.class_name(281))  # -> str
box = gm.inspect.receptive_field(net, "0", (1, 3, 12, 12), (0, 0))
reveal_type(box is None)  # -> bool
with gm.guided_backprop() as report, mx.autograd.record():
    net(mx.nd.array(x))
reveal_type(report)  # -> RuleReport
