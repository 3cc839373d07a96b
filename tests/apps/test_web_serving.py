"""The app as a program: its port, its address, many clients at once, and how it ends."""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import web_app
from waitress import create_server
from web_app import MINE, Page, encoded, photo

import gradcam_mx as gm
from gradcam_mx.apps import command_line as cli
from gradcam_mx.apps.options import parser
from gradcam_mx.apps.web import opening, serving
from gradcam_mx.errors import MethodError, NetworkError, OutputError
from gradcam_mx.methods import methods_kept

ROOT = Path(gm.__file__).resolve().parent.parent
PLUGIN = '''
import gradcam_mx as gm
from gradcam_mx.methods.needs import Needs

@gm.methods.method(family="perturbation", paper="mine", cost="none", needs=Needs())
def {name}(run, *, power: float = 1.0):
    """My own map: what I think.

    Args:
        power: how much, 0 to 3.
    """
    return abs(run.x).mean(axis=1) ** power
'''


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    return web_app.export(tmp_path_factory.mktemp("net"))


class Started:
    """`gradcam-mx app` in a process of its own."""

    def __init__(self, *arguments):
        env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        for name in ("DISPLAY", "WAYLAND_DISPLAY"):
            env.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gradcam_mx", "app", *map(str, arguments)],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        first = self.process.stdout.readline()
        found = re.fullmatch(r"The app is at http://127\.0\.0\.1:(\d+)/\n", first)
        assert found, first + self.process.stderr.read()
        self.port = int(found[1])

    def ask(self, method, path, body=None, **headers):
        return ask(self.port, method, path, body, **headers)

    def end(self, how=signal.SIGINT, seconds=30):
        self.process.send_signal(how)
        out, error = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, error


def ask(port, method, path, body=None, **headers):
    """The status and the JSON or bytes of an answer."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    kind = {} if body is None or isinstance(body, bytes) else {"Content-Type": "application/json"}
    data = json.dumps(body) if isinstance(body, dict) else body
    asked.request(method, path, data, {**MINE, **kind, **headers})
    answer = asked.getresponse()
    read = answer.read()
    asked.close()
    is_json = answer.headers.get_content_type() == "application/json"
    return answer.status, json.loads(read) if is_json else read


@pytest.fixture
def server(prefix):
    """The port of a real server in this process."""
    with Page([web_app.held(prefix)]) as page:
        made = create_server(page.app, host="127.0.0.1", port=0, threads=serving.THREADS)
        thread = threading.Thread(target=made.run, daemon=True)
        thread.start()
        made.page = page
        yield made
        made.close()
        made.task_dispatcher.shutdown(timeout=10)


# -- as a program ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_serves_says_where_and_ends_at_once_even_with_a_job_running(prefix, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(encoded(photo(0)))
    (tmp_path / "secret.png").write_bytes(encoded(photo(1)))
    (tmp_path / "photos" / "link.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "photos" / "text.png").write_text("no photo")
    (tmp_path / "mine.py").write_text(PLUGIN.format(name="of_a_plugin"))
    started = Started(
        *("--symbol", prefix, "--size", 32, "--port", 0),
        *("--photos", tmp_path / "photos", "--plugin", tmp_path / "mine.py"),
    )
    status, state = started.ask("GET", "/api/state")
    assert status == 200
    assert [one["name"] for one in state["photos"]] == ["a.png"]
    (mine,) = (one for one in state["methods"] if one["name"] == "of_a_plugin")
    assert (mine["title"], mine["settings"][0]["kind"]) == ("My own map", "slider")
    asked = {
        "action": "explain",
        "nets": [state["nets"][0]["id"]],
        "photos": [state["photos"][0]["id"]],
        "targets": [None],
        "methods": [{"name": "of_a_plugin"}],
    }
    status, job = started.ask("POST", "/api/jobs?wait=5", asked)
    assert job["state"] == "done", job
    code = started.ask("GET", f"/api/export/code?maps={job['result']['maps'][0]['id']}")[1]
    assert "runpy.run_path" in code["python"]
    long = {"name": "rise", "options": {"num_samples": 400_000, "batch_size": 2}}
    status, job = started.ask("POST", "/api/jobs?wait=0.5", {**asked, "methods": [long]})
    assert (status, job["state"]) == (202, "running")
    # what is there can be looked at meanwhile
    began = time.monotonic()
    assert started.ask("GET", state["photos"][0]["thumbnail"].join(["/", ""]))[0] == 200
    assert time.monotonic() - began < 2
    began = time.monotonic()
    code, _, error = started.end()
    assert time.monotonic() - began < 5
    assert code == 0
    assert "Traceback" not in error
    assert "text.png is not a picture" in error


def test_a_port_that_is_taken_is_said(prefix, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        network = ["--symbol", str(prefix), "--size", "32"]
        assert cli.main(["app", *network, "--no-browser", "--port", str(port)]) == 2
        said = capsys.readouterr().err
        assert f"port {port} of 127.0.0.1 cannot be used" in said
        assert "--port" in said


def test_without_a_port_the_next_free_one_is_taken(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(serving, "DEFAULT_PORT", taken.getsockname()[1])
        with serving.bound("127.0.0.1", None) as found:
            assert found.getsockname()[1] != taken.getsockname()[1]
        monkeypatch.setattr(serving, "TRIED", 1)
        with pytest.raises(OutputError, match="give another by --port"):
            serving.bound("127.0.0.1", None)
    with pytest.raises(OutputError, match="there is no address"):
        serving.bound("no.such.host.invalid", 0)


def test_no_browser_is_opened_where_there_is_no_display(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not serving.has_display()
    monkeypatch.setenv("DISPLAY", ":0")
    assert serving.has_display()


def test_the_address_has_the_token_where_it_is_asked_for():
    assert serving._address("127.0.0.1", 80, None) == "http://127.0.0.1:80/"
    assert serving._address("::1", 80, None) == "http://[::1]:80/"
    name = socket.gethostname()
    assert serving._address("0.0.0.0", 80, "abc") == f"http://{name}:80/#token=abc"
    behind = serving._address("127.0.0.1", 80, "abc", "https://example.com/app")
    assert behind == "https://example.com/app/#token=abc"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--photos", "nowhere"], "there is no folder nowhere"),
        (["--plugin", "nowhere.py"], "there is no file nowhere.py"),
        (["--host", "no.such.host.invalid"], "there is no address"),
    ],
)
def test_what_cannot_be_had_is_said(prefix, capsys, arguments, said):
    network = ["--symbol", str(prefix), "--size", "32", "--port", "0", "--no-browser"]
    assert cli.main(["app", *network, *arguments]) == 2
    assert said in capsys.readouterr().err


def test_options_that_are_none_are_refused(capsys):
    for arguments in (
        ["--port", "-1"],
        ["--behind", "x"],
        ["cat.png"],
        ["--model", "x", "--symbol", "y"],
    ):
        with pytest.raises(SystemExit):
            cli.main(["app", *arguments])
    assert "unrecognized arguments: cat.png" in capsys.readouterr().err


# -- what is opened --------------------------------------------------------------------------------


def opened(*arguments):
    return opening.networks(parser().parse_args(["app", *map(str, arguments)]), [])


def test_several_networks_are_told_apart_by_what_they_are(prefix):
    (one,) = opened("--symbol", prefix, "--size", 32)
    (same,) = opened("--symbol", f"{prefix}-symbol.json", "--size", 32)
    (other,) = opened("--symbol", prefix, "--size", 32, "--channels", "bgr")
    assert one.id == same.id != other.id
    assert (one.name, one.classes, one.problem) == ("net", 3, None)


def test_a_network_that_cannot_be_explained_is_shown_with_the_reason(prefix, monkeypatch):
    (one,) = opened("--symbol", prefix, "--size", 32)
    monkeypatch.setattr("gradcam_mx.apps.web.nets.MOST_VALUES", 100)
    assert "more than the 100 that the app computes with" in one.problem
    with Page([one]) as page:
        page.upload(encoded(photo(0)))
        (told,) = page.get("api/state")["nets"]
        assert told["problem"] == one.problem
        for asked in (page.asked("saliency"), {**page.asked(), "action": "predict"}):
            assert one.problem in page.post("api/jobs", asked, 400)["error"]


def symbol(nodes, heads):
    return json.dumps(
        {
            "nodes": nodes,
            "arg_nodes": [0],
            "node_row_ptr": list(range(len(nodes) + 1)),
            "heads": [[heads, 0, 0]],
            "attrs": {"mxnet_version": ["int", 10901]},
        }
    )


DATA = {"op": "null", "name": "data", "inputs": []}


def test_a_symbol_file_that_is_a_bomb_is_refused(tmp_path, monkeypatch):
    began = time.monotonic()
    doubled = [DATA] + [
        {"op": "elemwise_add", "name": f"add{one}", "inputs": [[one, 0, 0], [one, 0, 0]]}
        for one in range(60)
    ]
    # as many ways through it as 2^60, and a value of 10^12 numbers
    wide = {
        "op": "broadcast_to",
        "name": "wide",
        "attrs": {"shape": "(1, 1000000, 1000, 1000)"},
        "inputs": [[0, 0, 0]],
    }
    deep = "[" * 500_000
    for name, text in {
        "doubled": symbol(doubled, 60),
        "wide": symbol([DATA, wide], 1),
        "deep": deep,
        "cycle": symbol([DATA, {"op": "relu", "name": "a", "inputs": [[1, 0, 0]]}], 1),
    }.items():
        (tmp_path / f"{name}-symbol.json").write_text(text)
        (tmp_path / f"{name}-0000.params").write_bytes(b"")
        try:
            (one,) = opened("--symbol", tmp_path / name, "--size", 32, "--channels", "grey")
            assert one.problem is not None or name == "doubled"
        except gm.GradCamError:
            pass
    assert time.monotonic() - began < 30
    large = tmp_path / "large-symbol.json"
    with large.open("wb") as file:
        file.truncate(opening.MOST_SYMBOL + 1)
    with pytest.raises(NetworkError, match="expected at most 64 MB"):
        opened("--symbol", large)
    with pytest.raises(NetworkError, match="expected at most 64 MB"):
        opened("--symbol", tmp_path / "large")
    packed = tmp_path / "bomb.tar.gz"
    monkeypatch.setattr(opening, "MOST_SYMBOL", 2**20)
    with tarfile.open(packed, "w:gz") as archive:
        entry = tarfile.TarInfo("a-symbol.json")
        entry.size = 2**22
        archive.addfile(entry, io.BytesIO(b" " * 2**22))
    assert packed.stat().st_size < 10_000
    with pytest.raises(NetworkError, match="expected at most 1 MB"):
        opened("--symbol", packed)


def test_a_plugin_registers_and_its_failure_is_told(tmp_path):
    path = tmp_path / "mine.py"
    with methods_kept():
        path.write_text(PLUGIN.format(name="mine_here"))
        lines = opening.run_plugins([path])
        assert "mine_here" in gm.METHODS
        assert lines == ["import runpy", f"runpy.run_path({str(path)!r})"]
        with pytest.raises(MethodError, match=r"mine_here.*already"):
            opening.run_plugins([path])
    path.write_text("1 / 0")
    with pytest.raises(MethodError, match="failed with ZeroDivisionError"):
        opening.run_plugins([path])


def test_links_out_of_the_folder_are_left_out(tmp_path):
    inside = tmp_path / "inside"
    (inside / "deep").mkdir(parents=True)
    for path in (inside / "a.png", inside / "deep" / "b.png", tmp_path / "secret.png"):
        path.write_bytes(encoded(photo(0)))
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    assert sorted(one.name for one in serving._photos(inside)) == ["a.png", "b.png"]


def test_missing_packages_are_told_with_the_command_that_installs_them(monkeypatch, capsys):
    server = ("gradcam_mx.apps.web.server", "gradcam_mx.apps.web.routes")
    for module in ("flask", "waitress"):
        for name in [one for one in sys.modules if one.startswith(server)]:
            monkeypatch.delitem(sys.modules, name)
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            assert cli.main(["app", "--no-browser"]) == 2
        assert 'pip install "gradcam-mx[app]"' in capsys.readouterr().err


# -- many at once ----------------------------------------------------------------------------------


def test_fifty_clients_at_once_are_all_served(server):
    port, page = server.effective_port, server.page
    told = ask(port, "POST", "/api/photos?name=a.png", encoded(photo(0)))[1]
    net = next(iter(page.workspace.nets))
    asked = {
        "action": "explain",
        "nets": [net],
        "photos": [told["id"]],
        "layer": None,
        "methods": [{"name": "grad_cam"}],
    }
    failures, maps = [], set()

    def client(number):
        try:
            targets = [{"class": number % 3}]
            status, job = ask(port, "POST", "/api/jobs?wait=2", {**asked, "targets": targets})
            while job["state"] in ("waiting", "running"):
                status, job = ask(port, "GET", f"/api/jobs/{job['id']}?wait=1")
            (one,) = job["result"]["maps"]
            maps.add((number % 3, one["id"]))
            status, data = ask(port, "GET", f"/{one['picture']}")
            assert status == 200
            assert data.startswith(b"\x89PNG")
            assert ask(port, "GET", "/api/state")[0] == 200
        except Exception as error:  # noqa: BLE001 - told by the thread that asks
            failures.append((number, repr(error)))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(50)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    assert not failures
    assert len(maps) == 3


def test_a_browser_that_goes_away_in_the_middle_harms_nobody(server):
    port = server.effective_port
    for sent in (
        b"POST /api/photos HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Gradcam-Mx: 1\r\n"
        b"Content-Length: 999999\r\n\r\nabc",
        b"GET /api/state HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"A: b\r\n" * 50_000,
    ):
        for _ in range(3):
            gone = socket.create_connection(("127.0.0.1", port), timeout=10)
            with gone, suppress(OSError):  # it is refused while it is still being sent
                gone.sendall(sent)
    assert ask(port, "GET", "/api/state")[0] == 200


def test_two_pages_and_a_server_that_is_started_again_lose_nothing(prefix):
    with Page([web_app.held(prefix)]) as first:
        first.upload(encoded(photo(0)))
        result = first.explain("grad_cam")
        server = first.get("api/state")["server"]
    with Page([web_app.held(prefix)]) as second:
        assert second.get("api/state")["server"] != server
        request = result["maps"][0]["request"]
        assert second.post("api/jobs", request, 404)["gone"] is True
        second.upload(encoded(photo(0)))
        assert second.done(request) == result


def test_long_waits_leave_threads_for_others(server):
    port, page = server.effective_port, server.page
    told = ask(port, "POST", "/api/photos?name=a.png", encoded(photo(0)))[1]
    asked = {
        "action": "explain",
        "nets": [next(iter(page.workspace.nets))],
        "photos": [told["id"]],
        "targets": [None],
        "methods": [{"name": "rise", "options": {"num_samples": 400_000, "batch_size": 2}}],
    }
    job = ask(port, "POST", "/api/jobs", asked)[1]
    threads = [
        threading.Thread(target=ask, args=(port, "GET", f"/api/jobs/{job['id']}?wait=5"))
        for _ in range(30)
    ]
    for one in threads:
        one.start()
    time.sleep(0.2)
    began = time.monotonic()
    assert ask(port, "GET", f"/{told['thumbnail']}")[0] == 200
    assert time.monotonic() - began < 2
    job = ask(port, "DELETE", f"/api/jobs/{job['id']}")[1]
    for one in threads:
        one.join(30)
    until = time.monotonic() + 20
    while job["state"] not in ("cancelled",) and time.monotonic() < until:
        job = ask(port, "GET", f"/api/jobs/{job['id']}?wait=1")[1]
    assert job["state"] == "cancelled"


def test_the_parser_knows_the_command():
    options = parser().parse_args(["app", "--model", "squeezenet1_1", "efficientnet_lite0"])
    assert isinstance(options, argparse.Namespace)
    assert options.model == ["squeezenet1_1", "efficientnet_lite0"]
    assert (options.host, options.port, options.folder) == ("127.0.0.1", None, None)
