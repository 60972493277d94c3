"""`view`: the files of one folder on this machine, and nothing else, whatever is asked for."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from facedissect.errors import OutputError, SettingsError
from facedissect.report import server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "run"
    (inside / "report" / "deep").mkdir(parents=True)
    (inside / ".unfinished").mkdir()
    for name, text in {
        "report.html": "<!doctype html>page",
        "report/units.js": "1",
        "report/deep/a b.webp": "picture",
        "data.bin": "bytes",
        ".unfinished/secret": "hidden",
        "../secret.txt": "secret",
        "../run-of-others.txt": "secret",
    }.items():
        (inside / name).write_text(text)
    (inside / "out.txt").symlink_to(tmp_path / "secret.txt")
    (inside / "up").symlink_to(tmp_path)
    (inside / "loop").symlink_to("loop")
    (inside / "same.html").symlink_to("report.html")
    (inside / "unhidden").symlink_to(".unfinished")
    return inside


@pytest.fixture
def serving(folder: Path) -> Iterator[ThreadingHTTPServer]:
    with server.server(folder) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(
    serving: ThreadingHTTPServer, path: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", serving.server_port, timeout=10)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    try:
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_files_with_their_types(serving: ThreadingHTTPServer) -> None:
    for path, kind, content in (
        ("/report.html", "text/html; charset=utf-8", b"<!doctype html>page"),
        ("/report.html?unit=3#x", "text/html; charset=utf-8", b"<!doctype html>page"),
        ("/report/units.js", "text/javascript; charset=utf-8", b"1"),
        ("/report/deep/a%20b.webp", "image/webp", b"picture"),
        ("/data.bin", "application/octet-stream", b"bytes"),
        ("/same.html", "text/html; charset=utf-8", b"<!doctype html>page"),
    ):
        status, headers, body = ask(serving, path)
        assert (status, headers["content-type"], body) == (200, kind, content)
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


def test_the_root_leads_to_the_report(serving: ThreadingHTTPServer) -> None:
    status, headers, _ = ask(serving, "/")
    assert (status, headers["location"]) == (302, "/report.html")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/report/../../secret.txt",
        "/..%2fsecret.txt",
        "/../run-of-others.txt",
        "//etc/passwd",
        "/out.txt",
        "/up/secret.txt",
        "/up/run/report.html/",
        "/loop",
        "/report",
        "/report/",
        "/report/deep/",
        "/report.html/",
        "/.unfinished/secret",
        "/.unfinished/",
        "/unhidden/secret",
        "/nothing.html",
        "/a%00b",
    ],
)
def test_nothing_else_is_found(serving: ThreadingHTTPServer, path: str) -> None:
    for method in ("GET", "HEAD"):
        status, _, body = ask(serving, path, method)
        assert status == 404
        assert b"secret" not in body
        assert b"hidden" not in body


def test_a_report_written_again_is_not_stale(serving: ThreadingHTTPServer, folder: Path) -> None:
    _, headers, _ = ask(serving, "/report.html")
    (folder / "report.html").write_text("new")
    os.utime(folder / "report.html", (0, 0))
    assert ask(serving, "/report.html")[2] == b"new"
    assert "no-store" in headers["cache-control"]


def test_only_this_machine_by_its_own_name(serving: ThreadingHTTPServer) -> None:
    assert serving.server_address[0] == "127.0.0.1"
    port = serving.server_port
    for host, status in (
        (f"localhost:{port}", 200),
        (f"127.0.0.1:{port}", 200),
        (f"evil.example:{port}", 403),
        ("127.0.0.1.evil.example", 403),
        ("[", 403),
    ):
        assert ask(serving, "/report.html", headers={"Host": host})[0] == status
    assert ask(serving, "/report.html", "POST")[0] == 501


def test_a_folder_without_a_report(tmp_path: Path) -> None:
    for missing in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(OutputError, match=r"expected a folder with report\.html, got .*; write it with"):
            server.server(missing)


def test_a_port_that_is_taken(folder: Path, serving: ThreadingHTTPServer) -> None:
    with pytest.raises(SettingsError, match=rf"expected a free port, got {serving.server_port}"):
        server.server(folder, serving.server_port)


def test_the_browser_is_opened_where_the_address_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, told = threading.Event(), []
    monkeypatch.setattr(server.webbrowser, "open", lambda address: (told.append(address), opened.set()))

    def serve(_: ThreadingHTTPServer) -> None:
        assert opened.wait(10)
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", serve)
    server.view(folder, tell=told.append)
    assert len(told) == 2
    assert told[0] == told[1]
    assert told[0].startswith("http://127.0.0.1:")
    assert told[0].endswith("/report.html")


def test_no_browser_and_a_quiet_end(folder: Path) -> None:
    script = (
        "import sys, pathlib; from facedissect.report.server import view; "
        "view(pathlib.Path(sys.argv[1]), browser=False, tell=lambda line: print(line, flush=True)); print('ended')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    connection = http.client.HTTPConnection(address.split("/")[2], timeout=10)
    connection.request("GET", "/report.html")
    assert connection.getresponse().read() == b"<!doctype html>page"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "ended\n", "")
