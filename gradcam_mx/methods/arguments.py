"""The arguments that methods share, each documented once, and how documentation is completed."""

from __future__ import annotations

import inspect
import re
import textwrap
from types import MappingProxyType
from typing import Iterable, Mapping

ARGUMENTS = {
    "net": "a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.",
    "x": "(N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too, where the "
    "net has what the method explains. A tuple for a net of several inputs.",
    "target": "what is explained; each sample's top class by default. A class goes by its number "
    "or its name. Several of them "
    "(`gm.targets.Several`, `Top`) share all that can be shared, and give a list.",
    "layer": "the layer whose map is made, or a list of them, which gives a list; by default the "
    'last one before the global pool. Of one that runs several times, "name#2" is the second run.',
    "output": 'which of several outputs is explained, by number or name; or "probability".',
    "input": "which of several inputs attributions are made for, or the layer depends on, by "
    'number or name; the first by default. A list of them, or "all", gives a list with an '
    "explanation for each, where a method attributes to inputs by gradients.",
    "names": "of the classes: a list, a function from ids, or the path of a file; `target` may "
    "ask by them. By default those that the net has as its `class_names`.",
    "fuse": '"mean", "max" or "product" joins the maps of a list of layers at the input\'s size.',
    "relu": "False keeps the negative evidence too.",
    "augment_smooth": "the mean over x and its mirror image, each times 0.9, 1 and 1.1.",
    "eigen_smooth": "the principal component of the weighted channels in place of their sum.",
    "segments": '"slic", "quickshift", "grid", or whole numbers (H, W) or (N, H, W); by default '
    '"slic" for pictures, "grid" for signals and volumes, each value of a vector on its own.',
    "num_segments": 'about how many, for "slic" and "grid".',
    "baseline": 'what hidden parts become: "zero", "mean" (each channel\'s mean), "blur" (x '
    'without detail), "inpaint" (filled from around), a number or one for each channel, or an '
    "array like x or like one sample.",
    "seed": "of all that is random.",
    "batch_size": 'how many inputs run at once; the result does not depend on it. "auto", where it '
    "is the default, finds a quick size.",
    "progress": "whether to show a bar if it takes longer than two seconds.",
}
"""Name of an argument → its documentation, where a method does not give its own."""

_SECTION = re.compile(r"^(Args|Returns|Raises|Example):\n", re.M)
_ENTRY = re.compile(r"^ {4}(\w+(?:, \w+)*): (.*?)(?=\n {4}\w|\Z)", re.S | re.M)


def documented(
    doc: str | None, names: Iterable[str], sections: Mapping[str, str] = MappingProxyType({})
) -> str:
    """A docstring in which all arguments are documented, in their order.

    Args:
        doc: the docstring, which may have sections Args, Returns, Raises and Example.
        names: those of the arguments; one that `doc` leaves out has its entry of `ARGUMENTS`.
        sections: title → text of the sections that `doc` gets where it has none of its own.
    """
    text, *found = _SECTION.split(inspect.cleandoc(doc or ""))
    own = dict(zip(found[::2], found[1::2]))
    given = {
        name: entry
        for several, entry in _ENTRY.findall(own.pop("Args", "").rstrip())
        for name in several.split(", ")
    }
    entries = {name: given.pop(name, ARGUMENTS.get(name)) for name in names}
    arguments = [
        _entry(name, entry) for name, entry in {**entries, **given}.items() if entry is not None
    ]
    parts = {"Args": "\n".join(arguments), **sections, **own}
    told = [
        f"{title}:\n{textwrap.indent(textwrap.dedent(parts[title]).strip(), ' ' * 4)}"
        for title in ("Args", "Returns", "Raises", "Example")
        if parts.get(title)
    ]
    return "\n\n".join([text.rstrip(), *told]) + "\n"


def _entry(name: str, text: str) -> str:
    return textwrap.fill(
        " ".join(f"{name}: {text}".split()), 92, subsequent_indent=" " * 4, break_on_hyphens=False
    )
