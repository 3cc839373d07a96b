"""Run by test_gradients.py in a process without oneDNN: gradients by MXNet's own autograd.

It does not know gradcam_mx's engine: the net is run by hand, its features up to the layer outside
of the recording, the rest inside. One process serves many nets, one a line of its input.
"""

import json
import sys

import numpy as np
from nets import give_memory_back, small_model

from gradcam_mx._mxnet import mx


def gradients(net, x, layer, class_id):
    """The gradients of a class score at the input and at the output of `features[layer]`."""
    x.attach_grad()
    with mx.autograd.record(train_mode=False):
        score = net(x)[:, class_id].sum()
    score.backward(train_mode=False)
    value = x
    for block in list(net.features._children.values())[: layer + 1]:
        value = block(value)
    value = value.detach()
    value.attach_grad()
    after = value
    with mx.autograd.record(train_mode=False):
        for block in list(net.features._children.values())[layer + 1 :]:
            after = block(after)
        score = net.output(after)[:, class_id].sum()
    score.backward(train_mode=False)
    return x.grad.asnumpy(), value.grad.asnumpy()


def main(name, parameters, given, result):
    net, _ = small_model(name)
    net.load_parameters(parameters)
    given = np.load(given)
    at_input, at_layer = gradients(
        net, mx.nd.array(given["x"]), int(given["layer"]), int(given["class_id"])
    )
    np.savez(result, at_input=at_input, at_layer=at_layer)


if __name__ == "__main__":
    for line in sys.stdin:
        main(*json.loads(line))
        give_memory_back()
        print("done", flush=True)
