"""Attacks on the app: other sites, other names of this machine, paths, what is no request."""

from __future__ import annotations

import gzip
import json

import pytest
import web_app
from web_app import MINE, Page, encoded, photo
from werkzeug.test import EnvironBuilder, run_wsgi_app

from gradcam_mx.apps.web.guard import HEADER, Guard, is_loopback
from gradcam_mx.apps.web.routes.around import STATIC


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return web_app.held(web_app.export(tmp_path_factory.mktemp("net")))


@pytest.fixture(scope="module")
def page(net):
    with Page([net]) as made:
        made.upload(encoded(photo(0)))
        yield made


POSTS = ["/api/jobs", "/api/photos", "/api/samples", "/api/session"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.7", "", "[", "a:b:c"]
)
def test_a_foreign_host_is_refused(page, host):
    for path in ("/", "/api/state", "/api/jobs"):
        # the client of Flask's tests itself cannot ask by names that are none
        asked = EnvironBuilder(path=path, headers={"Host": host}).get_environ()
        _, status, _ = run_wsgi_app(page.client.application, asked)
        assert status.split()[0] in ("400", "403"), host


@pytest.mark.parametrize("host", ["127.0.0.1:8421", "localhost", "LOCALHOST:99", "[::1]:8421"])
def test_the_names_of_this_machine_are_served(page, host):
    assert page.client.get("/api/state", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_a_foreign_origin_is_refused_whatever_it_wants(page, headers):
    for path in POSTS:
        answer = page.client.post(path, json={}, headers={**MINE, **headers})
        assert answer.status_code == 403, path
    photo_id = page.workspace.album.all()[0].id
    for path in ("/api/state", f"/api/photos/{photo_id}/picture.png"):
        assert page.client.get(path, headers=headers).status_code == 403
    answer = page.client.delete(f"/api/photos/{photo_id}", headers={**MINE, **headers})
    assert answer.status_code == 403
    assert page.workspace.album.all()


def test_ones_own_origin_and_links_from_elsewhere_to_the_page_are_served(page):
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert page.client.get("/api/state", headers=own).status_code == 200
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert page.client.get("/", headers=link).status_code in (200, 404)
    assert page.client.get("/api/state", headers=link).status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_form_of_another_site_cannot_post(page, kind):
    for path in POSTS:
        answer = page.client.post(path, data=b'{"action":"predict"}', content_type=kind)
        assert answer.status_code == 403
        assert HEADER in answer.get_json()["error"]
    photo_id = page.workspace.album.all()[0].id
    assert page.client.delete(f"/api/photos/{photo_id}").status_code == 403


@pytest.mark.parametrize("path", ["/", "/api/state", "/api/nothing", "/nothing.js", "/../x"])
def test_each_answer_has_the_security_headers(page, path):
    headers = page.client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in headers


def test_preflights_allow_nothing(page):
    answer = page.client.options(
        "/api/jobs",
        headers={
            "Origin": "http://evil.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": HEADER,
        },
    )
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/../server.py",
        "/..%2fserver.py",
        "/%2e%2e/server.py",
        "/%2e%2e%2f%2e%2e%2fcommands.py",
        "/....//server.py",
        "/..\\server.py",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/api/photos/..%2f..%2fetc%2fpasswd/picture.png",
        "/api/photos/../../etc/passwd/picture.png",
        "/api/maps/..%2f..%2fserver.png",
        "/api/results/..%2fx.png",
        "/api/export/figure.%2e%2e%2fpng?maps=a",
        "/static/../server.py",
        "/server.py",
        "/__init__.py",
        "/\x00",
    ],
)
def test_no_path_leads_out_of_what_is_served(page, path):
    answer = page.client.get(path)
    assert answer.status_code in (400, 403, 404)
    assert b"import" not in answer.data
    assert b"root:" not in answer.data


def test_links_in_the_static_folder_are_all_that_is_there():
    assert not [one for one in STATIC.rglob("*") if one.is_symlink()]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"action":' * 5_000,
        json.dumps({"action": "explain", "nets": ["x" * 70_000]}).encode(),
        b'{"action": "explain", "nets": [NaN], "photos": [1e999], "targets": [{}], "methods": [0]}',
    ],
    ids=lambda one: repr(one[:20]),
)
def test_what_is_no_request_is_refused(page, body):
    answer = page.client.post("/api/jobs", data=body, headers=MINE, content_type="application/json")
    assert 400 <= answer.status_code < 500
    assert answer.get_json()["error"]


def test_numbers_in_addresses_that_are_none_do_no_harm(page):
    for path in (
        "/api/jobs/j1?wait=nan",
        "/api/jobs/j1?wait=-5",
        f"/api/nets/{next(iter(page.workspace.nets))}/classes?limit=1e9&q=%00",
    ):
        assert page.client.get(path).status_code in (200, 404)


def test_script_in_names_of_classes_and_files_comes_as_text(page):
    evil = '<img src=x onerror="alert(1)">.png'
    told = page.upload(encoded(photo(9)), evil)
    assert told["name"] == evil.rpartition("/")[2]
    for path in ("/api/state", f"/api/nets/{next(iter(page.workspace.nets))}/classes"):
        answer = page.client.get(path)
        assert answer.mimetype == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    page.delete(f"api/photos/{told['id']}")
    assert page.client.get("/<script>alert(1)</script>").mimetype == "application/json"


# -- elsewhere than on this machine ----------------------------------------------------------------


def test_loopback_is_told_from_other_addresses():
    assert all(map(is_loopback, ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "192.0.2.1", "example.com", ""]))
    assert Guard("127.0.0.1").token is None
    assert len(Guard("0.0.0.0").token) >= 32
    assert Guard("0.0.0.0").token != Guard("0.0.0.0").token


def test_elsewhere_nothing_is_told_without_the_token(net):
    with Page([net], guard=Guard("192.0.2.1")) as page:
        there = {"base_url": "http://192.0.2.1:8421"}
        token = page.app.extensions["gradcam_mx"].guard.token
        for method, path in [
            ("get", "/api/state"),
            ("post", "/api/samples"),
            ("post", "/api/jobs"),
        ]:
            answer = getattr(page.client, method)(path, headers=MINE, **there)
            assert answer.status_code == 401
            assert answer.get_json()["needs_token"] is True
        for wrong in ("", "x", token[:-1], None, 5, [token]):
            answer = page.client.post("/api/session", json={"token": wrong}, headers=MINE, **there)
            assert answer.status_code == 403
        page.client.set_cookie("gradcam_mx_8421", "x" * 32, domain="192.0.2.1")
        assert page.client.get("/api/state", **there).status_code == 401
        answer = page.client.post("/api/session", json={"token": token}, headers=MINE, **there)
        assert answer.status_code == 204
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert page.client.get("/api/state", **there).status_code == 200
        # a name that somebody else gives to the machine
        other = {"base_url": "http://evil.example:8421"}
        assert page.client.get("/api/state", **other).status_code == 403


def test_behind_a_proxy_its_address_is_ones_own(net):
    with Page([net], guard=Guard(behind="https://example.com/app/")) as page:
        token = page.app.extensions["gradcam_mx"].guard.token
        assert token
        for host in ("127.0.0.1:8421", "example.com"):
            here = {**MINE, "Host": host, "Origin": "https://example.com"}
            answer = page.client.post("/api/session", json={"token": token}, headers=here)
            assert answer.status_code == 204
            for origin in ("https://evil.example", "https://example.com.evil.example"):
                answer = page.client.post(
                    "/api/session", json={"token": token}, headers={**here, "Origin": origin}
                )
                assert answer.status_code == 403
        assert page.client.get("/api/state", headers={"Host": "evil.example"}).status_code == 403


def test_long_answers_are_packed_for_who_can_unpack_them(page):
    plain = page.client.get("/api/state")
    packed = page.client.get("/api/state", headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.data)) == plain.get_json()
    assert len(packed.data) < 70_000


def test_on_this_machine_a_session_needs_no_token(page):
    answer = page.client.post("/api/session", json={"token": "any"}, headers=MINE)
    assert answer.status_code == 204
    assert "Set-Cookie" not in answer.headers
