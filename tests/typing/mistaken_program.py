"""What mypy has to refuse: each comment is the kind of its error in that line. It never runs."""

import numpy as np

import gradcam_mx as gm

net = gm.load("net-symbol.json")
x = np.zeros((1, 3, 8, 8), np.float32)

# no such argument
gm.grad_cam(net, x, relus=False)  # error: call-overload
gm.saliency(net, x, layer="features")  # error: call-overload
gm.saliency(net, x, fuse="mean")  # error: call-overload
gm.rise(net, x, window=3)  # error: call-overload
gm.load("net-symbol.json", weights="net.params")  # error: call-arg
gm.zoo.read_photo("cat.jpg", size=224)  # error: call-arg
# of another type
gm.grad_cam(net, x, relu="no")  # error: call-overload
gm.rise(net, x, num_samples="many")  # error: call-overload
gm.lime(net, x, ridge="1")  # error: call-overload
gm.smooth_grad(net, x, mode=2)  # error: call-overload
gm.explain(net, x, [gm.grad_cam])  # error: list-item
gm.trace(net, batch_size=3)  # error: call-arg
gm.zoo.class_name("cat")  # error: arg-type
# options are keyword-only, and some arguments are needed
gm.grad_cam(net, x, 1, "features", None, None, True)  # error: call-overload
gm.grad_cam(net)  # error: call-overload
gm.expected_gradients(net, x)  # error: call-overload
# what comes of it is something else
gm.grad_cam(net, x, layer=["a", "b"]).heatmap()  # error: attr-defined
gm.grad_cam(net, x, gm.targets.Top(2)).heatmap()  # error: attr-defined
gm.grad_cam(net, x, layer=["a", "b"], fuse="mean")["a"]  # error: index
gm.saliency(net, x).heat_map()  # error: attr-defined
found = gm.explain(net, x, ["saliency"], gm.targets.Top(2))
shown = found["saliency"].heatmap()  # error: attr-defined
gm.grad_came(net, x)  # error: attr-defined
