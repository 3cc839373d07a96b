"""Find the weights of MXNet's model store: in a folder, in a local zip, on a mirror, in the store.

The names, hashes and addresses are those of `mxnet.gluon.model_zoo.model_store`, so files are
shared with it. Unlike there, the environment is read at each call, a dead network costs seconds
instead of minutes, a file with the wrong hash is never overwritten, and every failure ends in one
error that says what to do.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import shutil
import socket
import urllib.error
import urllib.request
import uuid
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from gradcam_mx._mxnet import mx
from gradcam_mx.errors import Advice, WeightsError

__all__ = ["SHA1", "file_hash", "find_weights", "store_root"]

SHA1 = {
    "alexnet": "44335d1f0046b328243b32a26a4fbd62d9057b45",
    "densenet121": "f27dbf2dbd5ce9a80b102d89c7483342cd33cb31",
    "densenet161": "b6c8a95717e3e761bd88d145f4d0a214aaa515dc",
    "densenet169": "2603f878403c6aa5a71a124c4a3307143d6820e9",
    "densenet201": "1cdbc116bc3a1b65832b18cf53e1cb8e7da017eb",
    "inceptionv3": "ed47ec45a937b656fcc94dabde85495bbef5ba1f",
    "mobilenet0.25": "9f83e440996887baf91a6aff1cccc1c903a64274",
    "mobilenet0.5": "8e9d539cc66aa5efa71c4b6af983b936ab8701c3",
    "mobilenet0.75": "529b2c7f4934e6cb851155b22c96c9ab0a7c4dc2",
    "mobilenet1.0": "6b8c5106c730e8750bcd82ceb75220a3351157cd",
    "mobilenetv2_1.0": "36da4ff1867abccd32b29592d79fc753bca5a215",
    "mobilenetv2_0.75": "e2be7b72a79fe4a750d1dd415afedf01c3ea818d",
    "mobilenetv2_0.5": "aabd26cd335379fcb72ae6c8fac45a70eab11785",
    "mobilenetv2_0.25": "ae8f9392789b04822cbb1d98c27283fc5f8aa0a7",
    "resnet18_v1": "a0666292f0a30ff61f857b0b66efc0228eb6a54b",
    "resnet34_v1": "48216ba99a8b1005d75c0f3a0c422301a0473233",
    "resnet50_v1": "0aee57f96768c0a2d5b23a6ec91eb08dfb0a45ce",
    "resnet101_v1": "d988c13d6159779e907140a638c56f229634cb02",
    "resnet152_v1": "671c637a14387ab9e2654eafd0d493d86b1c8579",
    "resnet18_v2": "a81db45fd7b7a2d12ab97cd88ef0a5ac48b8f657",
    "resnet34_v2": "9d6b80bbc35169de6b6edecffdd6047c56fdd322",
    "resnet50_v2": "ecdde35339c1aadbec4f547857078e734a76fb49",
    "resnet101_v2": "18e93e4f48947e002547f50eabbcc9c83e516aa6",
    "resnet152_v2": "f2695542de38cf7e71ed58f02893d82bb409415e",
    "squeezenet1.0": "264ba4970a0cc87a4f15c96e25246a1307caf523",
    "vgg11": "dd221b160977f36a53f464cb54648d227c707a05",
    "vgg11_bn": "ee79a8098a91fbe05b7a973fed2017a6117723a8",
    "vgg13": "6bc5de58a05a5e2e7f493e2d75a580d83efde38c",
    "vgg13_bn": "7d97a06c3c7a1aecc88b6e7385c2b373a249e95e",
    "vgg16": "e660d4569ccb679ec68f1fd3cce07a387252a90a",
    "vgg16_bn": "7f01cf050d357127a73826045c245041b0df7363",
    "vgg19": "ad2f660d101905472b83590b59708b71ea22b2e5",
    "vgg19_bn": "f360b758e856f1074a85abd5fd873ed1d98297c3",
}

# Seconds for connecting and for each read. The store has been failing since 2024: offline is the
# normal case.
TIMEOUT = 5.0
ATTEMPTS = 2
_CHUNK = 1 << 20

_log = logging.getLogger("gradcam_mx")


class _MismatchError(Exception):
    """A file whose hash is not the expected one."""


def store_root(root: str | Path | None = None) -> Path:
    """The folder of the model store's files.

    Args:
        root: that folder; by default $MXNET_HOME/models, else ~/.mxnet/models.

    Example:
        >>> store_root("/data/models").as_posix()
        '/data/models'
    """
    return Path(root).expanduser() if root else Path(mx.base.data_dir()).expanduser() / "models"


def file_hash(path: str | Path, algorithm: str) -> str:
    """A file's hash, as hexadecimal digits.

    Args:
        path: of the file.
        algorithm: "sha1" or "sha256".

    Raises:
        OSError: the file cannot be read.

    Example:
        >>> file_hash(os.devnull, "sha1")[:8]
        'da39a3ee'
    """
    with Path(path).open("rb") as file:
        return _drain(file, hashlib.new(algorithm))


def find_weights(name: str, root: str | Path | None = None) -> Path:
    """The path of a network's verified .params file, fetched only if need be.

    Looked for in this order: {root}/{name}-{sha1[:8]}.params, the model store's zip in the same
    folder, and the network: the mirror in MXNET_GLUON_REPO, or else the default store. A fetch is
    logged, shows a progress bar, is verified by its full SHA-1, and only then moved into place.

    Args:
        name: of the network, a key of `SHA1`.
        root: the folder of the model store's files; by default $MXNET_HOME/models, else
            ~/.mxnet/models.

    Raises:
        WeightsError: none of these gives the expected file; the message lists each with its reason.

    Example:
        >>> find_weights("vgg16", root="/data/models")                  # doctest: +SKIP
        PosixPath('/data/models/vgg16-e660d456.params')
    """
    folder = store_root(root)
    stem = f"{name}-{SHA1[name][:8]}"
    target = folder / f"{stem}.params"
    tried: list[str] = []

    if target.exists():
        try:
            found = file_hash(target, "sha1")
        except OSError as error:
            tried.append(f"{target}: {error}")
            raise _not_found(name, target, tried) from error
        if found == SHA1[name]:
            return target
        tried.append(
            f"{target}: its SHA-1 is {found}, expected {SHA1[name]}; "
            "it was left as it is: move it away to have it replaced"
        )
        raise _not_found(name, target, tried)
    tried.append(f"{target}: no such file")

    archive = folder / f"{stem}.zip"
    if archive.exists():
        try:
            return _install(archive, target, SHA1[name])
        except (OSError, _MismatchError, zipfile.BadZipFile) as error:
            tried.append(f"{archive}: {error}")
    else:
        tried.append(f"{archive}: no such file")

    try:
        return _from_network(target, SHA1[name])
    except (OSError, ValueError, http.client.HTTPException) as error:
        tried.append(f"{_address(stem)}: {error}")
    except (_MismatchError, zipfile.BadZipFile) as error:
        tried.append(f"{_address(stem)}: {error}, so it was thrown away")
    raise _not_found(name, target, tried)


def _address(stem: str) -> str:
    store = mx.gluon.model_zoo.model_store.apache_repo_url
    mirror = os.environ.get("MXNET_GLUON_REPO") or store
    return f"{mirror.rstrip('/')}/gluon/models/{stem}.zip"


def _from_network(target: Path, sha1: str) -> Path:
    archive = target.with_name(f".{target.stem}.{uuid.uuid4().hex}.zip")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(_address(target.stem), archive)
        return _install(archive, target, sha1)
    finally:
        if archive.exists():
            archive.unlink()


def _not_found(name: str, target: Path, tried: list[str]) -> WeightsError:
    steps = "\n".join(f"  - {step}" for step in tried)
    return WeightsError(
        f"no trained weights for {name}\n"
        f"expected: {target.name} with SHA-1 {SHA1[name]}\n"
        f"looked for it here, in this order:\n{steps}\n"
        "ways out:\n"
        f"  1. put {target.name} or {target.stem}.zip into {target.parent}\n"
        f"  2. set MXNET_GLUON_REPO to a mirror that has gluon/models/{target.stem}.zip",
        advice=Advice.FIND_WEIGHTS,
    )


def _drain(source: IO[bytes], digest: Any, copy: IO[bytes] | None = None) -> str:
    for chunk in iter(lambda: source.read(_CHUNK), b""):
        digest.update(chunk)
        if copy is not None:
            copy.write(chunk)
    return digest.hexdigest()


def _install(archive: Path, target: Path, sha1: str) -> Path:
    """Move the .params file in a zip to `target`, if its hash is right."""
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        with zipfile.ZipFile(archive) as opened:
            if target.name not in opened.namelist():
                raise _MismatchError(f"the zip does not hold {target.name}")
            with opened.open(target.name) as source, part.open("xb") as copy:
                found = _drain(source, hashlib.sha1(), copy)
        if found != sha1:
            raise _MismatchError(f"the SHA-1 of {target.name} in it is {found}, expected {sha1}")
        part.replace(target)  # atomic: no other process sees half a file
    except (EOFError, RuntimeError, zlib.error) as error:
        raise zipfile.BadZipFile(f"damaged: {error}") from error
    finally:
        if part.exists():
            part.unlink()
    return target


def _fetch(url: str, path: Path) -> None:
    _log.info("Fetching weights from %s", url)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _fetch_once(url, path)
            return
        except (OSError, http.client.HTTPException) as error:
            if attempt == ATTEMPTS or _is_final(error):
                raise
            _log.info("Fetching failed (%s); trying once more", error)


def _is_final(error: Exception) -> bool:
    """Whether asking again is pointless: the server, the name or the disk said no."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500
    reason = getattr(error, "reason", error)
    network = (ConnectionError, TimeoutError, socket.timeout, http.client.HTTPException)
    return not isinstance(reason, network)


def _fetch_once(url: str, path: Path) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "gradcam-mx"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as reply, path.open("wb") as file:
        size = int(reply.headers.get("Content-Length") or 0)
        with tqdm.wrapattr(
            file, "write", total=size or None, unit="B", unit_scale=True, desc=f"Fetching {url}"
        ) as out:
            shutil.copyfileobj(reply, out)
        if size and file.tell() != size:
            raise ConnectionError(f"the connection broke after {file.tell()} of {size} bytes")
