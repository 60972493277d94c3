"""A folder of a run, served to the browser of this machine only: its files, and nothing of what lies around it."""

from __future__ import annotations

import sys
import threading
import webbrowser
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import OutputError, SettingsError

HOST = "127.0.0.1"
PAGE = "report.html"

TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".csv": "text/csv",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".pdf": "application/pdf",
    ".parquet": "application/vnd.apache.parquet",
    ".npz": "application/zip",
    ".gz": "application/gzip",
}
"""Content types by suffix, so that they do not depend on what a machine has registered."""

IN_UTF_8 = {".html", ".css", ".js", ".json", ".csv", ".svg"}


class Handler(SimpleHTTPRequestHandler):
    """Answers with the files of one folder.

    A path that leads out of it, also through a symbolic link, a folder, and a name that starts with a dot are not found. Requests
    must name this machine as their host, so that a web page elsewhere cannot read the folder through a name of its own.
    """

    def send_head(self) -> BinaryIO | Any | None:
        """The headers of an answer, and the open file that follows; None where nothing follows."""
        port = self.connection.getsockname()[1]
        if self.headers.get("Host", "").lower() not in (f"{HOST}:{port}", f"localhost:{port}"):
            self.send_error(HTTPStatus.FORBIDDEN)
            return None
        if self.path.partition("?")[0] == "/":
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", f"/{PAGE}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        if not self._inside(self.translate_path(self.path)):
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def _inside(self, path: str) -> bool:
        try:
            root = Path(self.directory).resolve()
            file = Path(path).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):  # it is not there, no name at all, or a link to itself
            return False
        if not file.is_file() or not file.is_relative_to(root):
            return False
        asked = Path(path).relative_to(self.directory).parts
        return not any(part.startswith(".") for part in (*asked, *file.relative_to(root).parts))

    def guess_type(self, path: Any) -> str:
        """The content type of a file by its suffix."""
        suffix = Path(path).suffix.lower()
        kind = TYPES.get(suffix, "application/octet-stream")
        return f"{kind}; charset=utf-8" if suffix in IN_UTF_8 else kind

    def end_headers(self) -> None:
        """Add what holds for every answer: a report written again must never come from a cache."""
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the terminal shows the address, and no request."""


class _Server(ThreadingHTTPServer):
    """A browser that turns away in the middle of an answer is no error."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of a folder with a report on 127.0.0.1, listening but not yet answering.

    Args:
        port: 0 for one that is free.

    Raises:
        OutputError: the folder has no report.
        SettingsError: the port is taken.
    """
    if not (folder / PAGE).is_file():
        raise OutputError(
            f"expected a folder with {PAGE}, got {folder}; write it with: facedissect report {folder} --html {folder / PAGE}"
        )
    try:
        return _Server((HOST, port), partial(Handler, directory=str(folder.absolute())))
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"expected a free port, got {port} ({error}); choose another, or leave --port out"
        ) from error


def view(folder: Path, *, port: int = 0, browser: bool = True, tell: Callable[[str], None]) -> None:
    """Serve a folder until Ctrl-C.

    Args:
        folder: what a run left behind.
        port: 0 for one that is free.
        browser: open the report in the browser.
        tell: told the address.

    Raises:
        OutputError, SettingsError: as of `server`.
    """
    with server(folder, port) as serving:
        address = f"http://{HOST}:{serving.server_port}/{PAGE}"
        try:
            tell(address)
            if browser:
                # Beside the server, which must answer a browser that does not return at once.
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
            serving.serve_forever()
        except KeyboardInterrupt:
            return
