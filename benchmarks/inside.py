"""How fast data sets are streamed through a net, and what receptive fields cost.

    python benchmarks/inside.py [--nets squeezenet1_1 …] [--images N] [--batch N] [--rounds N]

Images per second of `feature_vectors` and `max_activating_patches`, as a share of those of a plain
loop over the same batches of a hybridized net that ends where the layer ends. Medians in one
process, the candidates taking turns. Then milliseconds for the receptive field of one unit.
"""

from __future__ import annotations

import argparse
import itertools

from _timing import medians

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.inspect.receptive_field import ReceptiveField

# the layer that is read, and the number of the zoo's own features that make it
NETS = {"squeezenet1_1": "features.11", "resnet18_v1": "features.8", "vgg11": "features.20"}


def streamed(name, images, batch, rounds):
    net = gm.zoo.get_model(name, pretrained=False)
    net.initialize(mx.init.Xavier())
    layer = NETS[name]
    part = mx.gluon.nn.HybridSequential()
    part.add(*list(net.features)[: int(layer.split(".")[1]) + 1], mx.gluon.nn.GlobalAvgPool2D())
    part.hybridize(static_alloc=True, static_shape=True)
    x = mx.nd.random.normal(shape=(images, 3, 224, 224)).asnumpy()
    options = {"batch_size": batch, "progress": False}

    def plain():
        return [
            part(mx.nd.array(x[start : start + batch])).asnumpy()
            for start in range(0, images, batch)
        ]

    taken = medians(
        {
            "plain": plain,
            "feature_vectors": lambda: gm.inspect.feature_vectors(net, x, layer, **options),
            "max_activating_patches": lambda: gm.inspect.max_activating_patches(
                net, x, layer, range(8), **options
            ),
        },
        rounds,
    )
    print(
        f"{name}, {images} images in batches of {batch}: a plain loop "
        f"{images / taken['plain']:.0f} images/s"
    )
    for one in list(taken)[1:]:
        print(f"    {one}: {taken['plain'] / taken[one]:.2f} × as many")


def fields(name, rounds):
    net = gm.zoo.get_model(name, pretrained=False)
    field = ReceptiveField.of(gm.trace(net), None, (1, 3, 224, 224))
    places = itertools.cycle(itertools.product(range(7), range(7)))
    field.mask(next(places))
    taken = medians({"field": lambda: field.mask(next(places))}, rounds)
    print(f"{name}: the receptive field of a unit in {1000 * taken['field']:.1f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", nargs="+", default=list(NETS), choices=NETS)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    for one in given.nets:
        streamed(one, given.images, given.batch, given.rounds)
    for one in [*given.nets, "resnet152_v1", "densenet121"]:
        fields(one, given.rounds)
