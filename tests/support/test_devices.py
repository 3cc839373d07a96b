"""GPUs that MXNet has no code for are refused, by what the driver says of them."""

import os
import shutil
import subprocess
import sys

import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

DRIVER = r"""
#include <stdio.h>
#include <string.h>

static const struct { const char *name; int major, minor; } cards[] = {
    {"NVIDIA H100 80GB HBM3", 9, 0}, {"NVIDIA A10", 8, 6}, {"NVIDIA B200", 10, 0},
    {"Tesla K80", 3, 7}, {"NVIDIA L4", 8, 9}, {"Quadro M2000", 5, 2},
};

int cuInit(unsigned flags) { fprintf(stderr, "asked\n"); return FAILS_WITH; }

int cuDeviceGet(int *device, int number) {
    *device = number + 40;    /* a handle, which is not the number */
    return number < 0 || number >= 6 ? 101 : 0;
}

int cuDeviceGetName(char *name, int size, int device) {
    strncpy(name, cards[device - 40].name, size);
    return 0;
}

#ifndef OLD
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    if (attribute != 75 && attribute != 76) return 1;
    *value = attribute == 75 ? cards[device - 40].major : cards[device - 40].minor;
    return 0;
}
#endif
"""
"""A stand-in for NVIDIA's driver, with six cards."""

HEADER = """
import gradcam_mx as gm
from gradcam_mx._mxnet import mx

def told(function, *arguments, **options):
    try:
        function(*arguments, **options)
    except gm.errors.DeviceError as error:
        print(error)
    else:
        print("computed")
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """Makes a folder with a driver in it, compiled with the given definitions."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler here, to make a stand-in for the driver with")

    def compiled(*definitions):
        folder = tmp_path_factory.mktemp("driver")
        (folder / "driver.c").write_text(DRIVER)
        command = [compiler, "-shared", "-fPIC", *definitions]
        library = folder / "libcuda.so.1"
        subprocess.run([*command, "-o", str(library), str(folder / "driver.c")], check=True)
        return folder

    return compiled


def run(program, folder):
    """The lines that a program prints, and how often it asked the driver in a folder."""
    found_first = os.pathsep.join([str(folder), os.environ.get("LD_LIBRARY_PATH", "")])
    environment = {**os.environ, "LD_LIBRARY_PATH": found_first}
    done = subprocess.run(
        [sys.executable, "-c", HEADER + program],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr.count("asked")


def test_each_way_to_a_card_without_code_says_so(driver, tmp_path):
    weights = tmp_path / "squeezenet.params"
    program = f"""
net = gm.zoo.get_model("squeezenet1_1", pretrained=False)
net.initialize()
net.hybridize()
net(mx.nd.zeros((1, 3, 224, 224)))
net.save_parameters({str(weights)!r})
net.export({str(tmp_path / "net")!r})
told(gm.load, {str(tmp_path / "net")!r}, ctx=mx.gpu(0))
told(gm.zoo.get_model, "squeezenet1_1", weights={str(weights)!r}, ctx=[mx.cpu(), mx.gpu(2)])
# a net whose parameters are on a card, as far as a machine without one can have it
mx.gluon.Parameter.list_ctx = lambda self: [mx.gpu(0)]
told(gm.saliency, net, mx.nd.zeros((1, 3, 224, 224)))
told(gm.inspect.layer_outputs, net, mx.nd.zeros((1, 3, 224, 224)), ["features.0"])
told(gm.occlusion, net, mx.nd.zeros((1, 3, 224, 224)))
"""
    lines, asked = run(program, driver("-DFAILS_WITH=0"))
    assert len(lines) == 5
    for number, line in enumerate(lines):
        card, capability = ("B200", "10.0") if number == 1 else ("H100 80GB HBM3", "9.0")
        assert f"gpu({2 if number == 1 else 0}) is a NVIDIA {card}" in line
        assert f"capability {capability}" in line
        assert "5.0 to 8.x" in line
        assert "mx.cpu()" in line
    assert asked == 2, "once a card"


def test_the_card_decides(driver):
    """A10, K80, L4, M2000, and one that the driver does not know."""
    program = "for number in 1, 3, 4, 5, 6: told(gm.load, 'none', ctx=mx.gpu(number))"
    lines, _ = run(program, driver("-DFAILS_WITH=0"))
    assert ["MXNet sees 0 GPUs" in line for line in lines] == [True, False, True, True, True]
    assert "is a Tesla K80 of compute capability 3.7" in lines[1]


@pytest.mark.parametrize("definitions", [["-DFAILS_WITH=999"], ["-DFAILS_WITH=0", "-DOLD"]])
def test_a_driver_that_does_not_answer_changes_nothing(driver, definitions):
    lines, _ = run("told(gm.load, 'none', ctx=mx.gpu(0))", driver(*definitions))
    assert lines == [
        "gpu(0) was asked for, and MXNet sees 0 GPUs here; compute on mx.cpu(), or install the "
        "GPU build and its driver"
    ]


def test_the_cpu_asks_no_driver(driver):
    program = """
net = gm.nn.Conv2D(2, 3, in_channels=1)
net.initialize()
told(gm.saliency, net, mx.nd.ones((1, 1, 4, 4)), target=lambda y: y.sum(axis=(1, 2, 3)))
"""
    assert run(program, driver("-DFAILS_WITH=0")) == (["computed"], 0)


@pytest.mark.parametrize("given", ["gpu", 0, [mx.cpu()]])
def test_what_is_no_context(given):
    with pytest.raises(gm.errors.DeviceError, match="expected a context"):
        gm.load("none", ctx=given)
