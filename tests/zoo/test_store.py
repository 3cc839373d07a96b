"""Finding the model store's files: folder, zip, mirror, and one error when all fail."""

from __future__ import annotations

import hashlib
import http.server
import io
import logging
import socket
import threading
import time
import types
import zipfile
from pathlib import Path

import pytest
from mxnet.gluon.model_zoo import model_store

from gradcam_mx import zoo
from gradcam_mx.errors import WeightsError
from gradcam_mx.zoo import store


@pytest.fixture(autouse=True)
def local(monkeypatch):
    """Proxies do not stand between the tests and this machine."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def no_network(monkeypatch):
    """Fail a test that asks for the network."""

    def refuse(*args, **kwargs):
        raise AssertionError(f"a fetch: {args}")

    monkeypatch.setattr(store, "_fetch", refuse)


@pytest.fixture
def closed_port():
    """The address of a port nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def mirror(monkeypatch):
    """A mirror on this machine; `answers` are (status, body, length claimed), the last repeats."""
    state = types.SimpleNamespace(paths=[], answers=[])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answer = state.answers[min(len(state.paths), len(state.answers) - 1)]
            state.paths.append(self.path)
            status, body, length = answer
            self.send_response(status)
            self.send_header("Content-Length", str(length or len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("MXNET_GLUON_REPO", f"http://127.0.0.1:{server.server_port}/models")
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def zipped(name, content):
    """Return a zip of one file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def test_the_hashes_are_mxnets():
    ours = {**store.SHA1, "squeezenet1.1": model_store._model_sha1["squeezenet1.1"]}
    assert ours == model_store._model_sha1


def test_the_folder_is_read_from_the_environment_at_each_call(monkeypatch, tmp_path):
    monkeypatch.setenv("MXNET_HOME", str(tmp_path / "a"))
    assert store.store_root() == tmp_path / "a" / "models"
    monkeypatch.setenv("MXNET_HOME", str(tmp_path / "b"))
    assert store.store_root() == tmp_path / "b" / "models"
    monkeypatch.delenv("MXNET_HOME")
    assert store.store_root() == Path("~/.mxnet/models").expanduser()
    assert store.store_root("~/x") == Path("~/x").expanduser()


def test_a_verified_file_needs_no_network(trained, assert_loaded, no_network, monkeypatch):
    trained.root.mkdir()
    (trained.root / f"{trained.stem}.params").write_bytes(trained.params.read_bytes())
    assert_loaded(zoo.vgg11(root=trained.root))
    monkeypatch.setenv("MXNET_HOME", str(trained.root.parent))
    assert_loaded(zoo.vgg11())


def test_an_explicit_path_comes_first(trained, assert_loaded, no_network):
    trained.root.mkdir()
    (trained.root / f"{trained.stem}.params").write_bytes(b"something else")
    assert_loaded(zoo.vgg11(root=trained.root, weights=trained.params))


def test_a_wrong_hash_is_shown_and_the_file_left_alone(trained, no_network):
    trained.root.mkdir()
    file = trained.root / f"{trained.stem}.params"
    file.write_bytes(b"changed")
    before = file.stat()
    with pytest.raises(WeightsError) as caught:
        zoo.vgg11(root=trained.root)
    message = str(caught.value)
    assert trained.sha1 in message
    assert hashlib.sha1(b"changed").hexdigest() in message
    assert "left as it is" in message
    assert file.read_bytes() == b"changed"
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert list(trained.root.iterdir()) == [file]


def test_a_zip_in_the_folder_is_enough(trained, assert_loaded, no_network):
    trained.root.mkdir()
    (trained.root / f"{trained.stem}.zip").write_bytes(trained.zip)
    assert_loaded(zoo.vgg11(root=trained.root))
    names = sorted(path.name for path in trained.root.iterdir())
    assert names == [f"{trained.stem}.params", f"{trained.stem}.zip"]


@pytest.mark.parametrize("kind", ["damaged", "other", "nothing"])
def test_a_bad_zip_is_reported_and_the_mirror_tried(trained, assert_loaded, mirror, kind):
    trained.root.mkdir()
    content = {
        "damaged": trained.zip[: len(trained.zip) // 2],
        "other": zipped(f"{trained.stem}.params", b"other"),
        "nothing": zipped("readme", b""),
    }[kind]
    archive = trained.root / f"{trained.stem}.zip"
    archive.write_bytes(content)
    mirror.answers = [(404, b"", None), (200, trained.zip, None)]
    with pytest.raises(WeightsError, match=str(archive)):
        zoo.vgg11(root=trained.root)
    assert_loaded(zoo.vgg11(root=trained.root))
    assert archive.read_bytes() == content


def test_a_mirror_fills_the_folder(trained, assert_loaded, mirror, caplog, capsys):
    mirror.answers = [(200, trained.zip, None)]
    with caplog.at_level(logging.INFO, "gradcam_mx"):
        assert_loaded(zoo.vgg11(root=trained.root))
    assert mirror.paths == [f"/models/gluon/models/{trained.stem}.zip"]
    assert [path.name for path in trained.root.iterdir()] == [f"{trained.stem}.params"]
    assert mirror.paths[0] in caplog.text
    assert "100%" in capsys.readouterr().err
    assert_loaded(zoo.vgg11(root=trained.root))
    assert len(mirror.paths) == 1


def test_a_mirrors_wrong_file_never_lands_in_the_folder(trained, mirror):
    mirror.answers = [(200, zipped(f"{trained.stem}.params", b"other"), None)]
    with pytest.raises(WeightsError, match=trained.sha1) as caught:
        zoo.vgg11(root=trained.root)
    assert hashlib.sha1(b"other").hexdigest() in str(caught.value)
    assert list(trained.root.iterdir()) == []


def test_a_page_instead_of_a_zip(trained, mirror):
    mirror.answers = [(200, b"<html>please log in</html>", None)]
    with pytest.raises(WeightsError, match="not a zip file"):
        zoo.vgg11(root=trained.root)
    assert list(trained.root.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "requests"), [(403, 1), (404, 1), (500, 2), (503, 2)], ids=lambda value: str(value)
)
def test_only_a_servers_own_failure_is_retried(trained, mirror, status, requests):
    mirror.answers = [(status, b"", None)]
    with pytest.raises(WeightsError, match=f"HTTP Error {status}"):
        zoo.vgg11(root=trained.root)
    assert len(mirror.paths) == requests


def test_a_broken_transfer_is_retried_once(trained, assert_loaded, mirror):
    broken = (200, trained.zip[:-50], len(trained.zip))
    mirror.answers = [broken]
    with pytest.raises(WeightsError, match="connection broke after"):
        zoo.vgg11(root=trained.root)
    assert len(mirror.paths) == 2
    assert list(trained.root.iterdir()) == []
    mirror.paths.clear()
    mirror.answers = [broken, (200, trained.zip, None)]
    assert_loaded(zoo.vgg11(root=trained.root))


def test_an_unreachable_mirror_gives_one_helpful_error(trained, monkeypatch, closed_port):
    monkeypatch.setenv("MXNET_GLUON_REPO", closed_port)
    start = time.perf_counter()
    with pytest.raises(WeightsError) as caught:
        zoo.vgg11(root=trained.root)
    assert time.perf_counter() - start < 3
    message = str(caught.value)
    for part in (
        "no trained weights for vgg11",
        f"{trained.stem}.params with SHA-1 {trained.sha1}",
        f"{trained.root / trained.stem}.params: no such file",
        f"{trained.root / trained.stem}.zip: no such file",
        f"{closed_port}/gluon/models/{trained.stem}.zip: ",
        "refused",
        "weights=PATH",
        f"into {trained.root}",
        "MXNET_GLUON_REPO",
        "pretrained=False",
    ):
        assert part in message


def test_a_silent_mirror_costs_seconds(trained, monkeypatch):
    monkeypatch.setattr(store, "TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("MXNET_GLUON_REPO", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        start = time.perf_counter()
        with pytest.raises(WeightsError, match="timed out"):
            zoo.vgg11(root=trained.root)
    assert 0.3 < time.perf_counter() - start < 3
    assert store.ATTEMPTS == 2


@pytest.mark.parametrize("address", ["nonsense", "gopher://x", "http://127.0.0.1:notaport"])
def test_a_mirror_that_is_no_address(trained, monkeypatch, address):
    monkeypatch.setenv("MXNET_GLUON_REPO", address)
    with pytest.raises(WeightsError, match=f"{address}/gluon/models"):
        zoo.vgg11(root=trained.root)


def test_a_folder_that_cannot_be_made(trained, mirror):
    trained.root.write_text("a file")
    mirror.answers = [(200, trained.zip, None)]
    with pytest.raises(WeightsError, match="no trained weights"):
        zoo.vgg11(root=trained.root)


def test_the_default_store_is_mxnets(monkeypatch):
    monkeypatch.delenv("MXNET_GLUON_REPO", raising=False)
    expected = model_store._url_format.format(
        repo_url=model_store.apache_repo_url, file_name="vgg16-e660d456"
    )
    assert store._address("vgg16-e660d456") == expected
    monkeypatch.setenv("MXNET_GLUON_REPO", "")
    assert store._address("vgg16-e660d456") == expected
