"""The Python code, and the command line, that make again what the page shows."""

from __future__ import annotations

import argparse
import shlex
from typing import Any, Callable, Sequence

from ... import _names
from ...targets.protocol import BaseTarget
from .. import advice
from ..options import parser
from ..outputs import CLASSES
from . import asked, asked_methods
from .action import Answer
from .exports import named
from .store import key_of
from .workspace import Map, Workspace

COMMAND = "explain"


class _NoCommand(Exception):
    """The command line cannot say it; the message is why."""


def code_of(workspace: Workspace, maps: Sequence[Map]) -> Answer:
    """How to make maps again.

    Args:
        workspace: that has them.
        maps: them.
    """
    command = problem = None
    try:
        command = _command(workspace, maps)
    except _NoCommand as error:
        problem = str(error)
    return {
        "python": "\n".join(_python(workspace, maps)) + "\n",
        "command": command,
        "command_problem": problem,
    }


# -- Python ----------------------------------------------------------------------------------------


def _python(workspace: Workspace, maps: Sequence[Map]) -> list[str]:
    lines = ["import gradcam_mx as gm", ""]
    lines += [line for net in workspace.nets.values() for line in net.before]
    lines = list(dict.fromkeys(lines))
    lines += ["found, photos = {}, {}"]
    net_id = photo_id = None
    for name, one in named(maps).items():
        told = one.told
        net, photo = workspace.net(told["net"]), workspace.photo(told["photo"])
        if told["net"] != net_id:
            net_id, photo_id = told["net"], None
            lines += ["", *net.python]
        if told["photo"] != photo_id:
            photo_id = told["photo"]
            lines += [f"photo = gm.zoo.read_photo({_path(photo)!r})", "x = preprocess(photo)"]
        lines += [f"found[{name!r}] = {_call(workspace, one)}"]
        lines += [f"photos[{name!r}] = preprocess.crop(photo)"]
    order = workspace.net(maps[0].told["net"]).preprocess.order
    shown = "" if order == "RGB" else f", order={order!r}"
    return [
        *lines,
        "",
        'gm.Explanation.save_all("explanations.npz", found)',
        "for name, one in found.items():",
        f'    one.save(f"{{name}}.png", photos[name]{shown})',
    ]


def _call(workspace: Workspace, one: Map) -> str:
    """The call of a method."""
    told = one.told
    net, request = workspace.net(told["net"]), told["request"]
    function = told["method"]
    is_public = function in _names.METHODS
    arguments = ["net", "x", *_target(workspace, one)]
    layer = request["layer"]
    spec = request["methods"][0]
    takes_layer = told["layer"] is not None and layer is not None
    if takes_layer or spec.get("inside"):
        arguments.append(f"layer={layer!r}")
    if request["output"] is not None:
        arguments.append(f"output={request['output']!r}")
    if net.given_names is not None:
        arguments.append("names=names")
    for name, value in told["options"].items():
        arguments.append(f"{name}={_value(workspace, one, name, value)}")
    called = f"gm.{function}" if is_public else f"gm.METHODS[{function!r}].function"
    return f"{called}({', '.join(arguments)})"


def _target(workspace: Workspace, one: Map) -> list[str]:
    """What is explained, as an argument; nothing for the top class."""
    spec, net = one.told["target"], workspace.net(one.told["net"])
    target = asked.target(spec, net)
    if target is None:
        return []
    return [f"gm.targets.{target!r}" if isinstance(target, BaseTarget) else repr(target)]


def _value(workspace: Workspace, one: Map, name: str, value: Any) -> str:
    if asked_methods.is_of_photos(name, one.explanation.method):
        paths = [_path(workspace.photo(each)) for each in value]
        return f"preprocess([gm.zoo.read_photo(one) for one in {paths!r}])"
    return repr(tuple(value) if isinstance(value, list) else value)


def _path(photo: Any) -> str:
    """Where a photo of the folder lies; of others what they are called."""
    return str(photo.path) if photo.source == "folder" else photo.name


# -- the command line ------------------------------------------------------------------------------


def _command(workspace: Workspace, maps: Sequence[Map]) -> str:
    nets, photos = (
        list(dict.fromkeys(one.told[name] for one in maps)) for name in ("net", "photo")
    )
    if len(nets) > 1:
        raise _NoCommand("a command explains one network: run one for each")
    net = workspace.net(nets[0])
    if len({key_of(one.told["target"]) for one in maps}) > 1:
        raise _NoCommand("a command explains one class: run one for each")
    methods = list(dict.fromkeys(one.told["method"] for one in maps))
    if len(maps) != len(photos) * len(methods):
        raise _NoCommand("a command runs each method with one set of options: run one for each")
    options = _options_of(COMMAND)
    words = [_path(workspace.photo(one)) for one in photos]
    words += [*net.command, *_words(options, "--method", methods)]
    words += _class(options, workspace, maps[0])
    requests = [one.told["request"] for one in maps]
    layers = {one["layer"] for one in requests if one["layer"] is not None}
    if any(one["methods"][0].get("inside") for one in requests) or len(layers) > 1:
        raise _NoCommand("a command explains one layer, and the input by gradients")
    for layer in layers:
        words += ["--layer", layer]
    if requests[0]["output"] is not None:
        words += ["--output", requests[0]["output"]]
    words += _options(options, workspace, maps)
    return shlex.join(["gradcam-mx", COMMAND, *words])


def _options_of(command: str) -> dict[str, argparse.Action]:
    """The options of a command, by how they are written."""
    (commands,) = (one for one in parser()._actions if isinstance(one, argparse._SubParsersAction))
    return dict(commands.choices[command]._option_string_actions)


def _words(options: dict[str, argparse.Action], flag: str, values: Sequence[Any]) -> list[str]:
    """An option with its values, if the command line reads them as what they are."""
    action = options[flag]
    read: Callable[[str], Any] = action.type or str  # type: ignore[assignment]
    for value in values:
        try:
            is_same = read(str(value)) == value
        except (argparse.ArgumentTypeError, ValueError):
            is_same = False
        if not is_same or (action.choices and value not in action.choices):
            raise _NoCommand(f"{flag} of the command line does not take {value!r}")
    return [flag, *map(str, values)]


def _class(options: dict[str, argparse.Action], workspace: Workspace, one: Map) -> list[str]:
    spec = one.told["target"]
    if spec is None:
        return []
    net = workspace.net(one.told["net"])
    if "class" not in spec or net.given.what != CLASSES:
        raise _NoCommand("the command line explains classes; this explains something else")
    return _words(options, "--class", [str(asked.target(spec, net))])


def _options(
    options: dict[str, argparse.Action], workspace: Workspace, maps: Sequence[Map]
) -> list[str]:
    given: dict[str, Any] = {}
    for one in maps:
        given.update(one.told["options"])
    words: list[str] = []
    for name, value in given.items():
        flag = advice.ARGUMENTS.get(name)
        if flag is None or flag not in options:
            raise _NoCommand(f"the command line has no option for {name!r}; the Python code has")
        for one in maps:
            takes = asked_methods.defaults_of(one.explanation.method)
            if name in takes and one.told["options"].get(name, takes[name]) != value:
                raise _NoCommand(f"the methods have different values of {name!r}: run one for each")
        if any(asked_methods.is_of_photos(name, one.explanation.method) for one in maps):
            words += [flag, *(_path(workspace.photo(each)) for each in value)]
        else:
            words += _words(options, flag, [value])
    return words
