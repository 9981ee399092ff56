"""Chromium without a window, driven over WebDriver: plain HTTP to its chromedriver."""

import base64
import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

DRIVER = ("chromedriver", "/usr/lib/chromium-browser/chromedriver")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's own key
PORT = re.compile(rb"started successfully on port (\d+)")
KEYS = {
    "enter": "\ue007", "escape": "\ue00c", "tab": "\ue004", "space": " ", "down": "\ue015",
}  # fmt: skip
WAIT_S = 30.0


class BrowserProblem(Exception):
    """The browser said no, or what was waited for did not come."""


@dataclass(frozen=True)
class Browser:
    """One window. Scripts are bodies of functions; what they return comes back as JSON."""

    session: str

    def open(self, path: Path, fragment: str = "") -> None:
        """Open a file from disk, as a person does with a double click."""
        self._send("url", {"url": "about:blank"})
        self._send("url", {"url": path.resolve().as_uri() + fragment})

    def ask(self, script: str, *values: object) -> Any:
        """What a script returns; a promise is waited for."""
        return self._send("execute/sync", {"script": script, "args": list(values)})

    def wait(self, script: str, *values: object) -> Any:
        """Ask until the answer is true."""
        deadline = time.monotonic() + WAIT_S
        while not (answer := self.ask(script, *values)):
            if time.monotonic() > deadline:
                raise BrowserProblem(f"never true: {script}")
        return answer

    def click(self, selector: str) -> None:
        """Click with the mouse what a person would have to see for that."""
        self._send(f"element/{self._find(selector)}/click", {})

    def write(self, selector: str, text: str) -> None:
        """Type into a field, in the place of what it holds."""
        element = self._find(selector)
        self._send(f"element/{element}/clear", {})
        self._send(f"element/{element}/value", {"text": text})

    def press(self, *names: str) -> None:
        """Press keys one after the other, whatever has the focus."""
        keys = [KEYS[name] for name in names]
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._send("actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def command(self, name: str, **values: object) -> Any:
        """A command of the DevTools protocol."""
        return self._send("goog/cdp/execute", {"cmd": name, "params": values})

    def console(self) -> list[str]:
        """What the browser complained about since this was asked last, worst or not."""
        return [str(each["message"]) for each in self._send("se/log", {"type": "browser"})]

    def requests(self) -> list[str]:
        """The addresses that were asked for since this was asked last, `data:` ones too."""
        log = self._send("se/log", {"type": "performance"})
        events = [json.loads(each["message"])["message"] for each in log]
        return [
            str(event["params"]["request"]["url"])
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def look(self, width: int, height: int, *, dark: bool) -> None:
        """Make the window so large, light or dark."""
        phone = width < 600
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=phone,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}  # no click misses its aim
        self.command("Emulation.setEmulatedMedia", features=[scheme, still])

    def picture(self, path: Path, top: int = 0, height: int | None = None) -> None:
        """Save a PNG of the window, or of so many pixels of the page from `top` on."""
        clip = {}
        if height is not None:
            width = self.ask("return document.documentElement.clientWidth")
            part = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
            clip = {"clip": part, "captureBeyondViewport": True}
        found = self.command("Page.captureScreenshot", **clip)
        path.write_bytes(base64.b64decode(found["data"]))

    def _find(self, selector: str) -> str:
        found = self._send("element", {"using": "css selector", "value": selector})
        return str(found[ELEMENT])

    def _send(self, command: str, values: object) -> Any:
        return sent(f"{self.session}/{command}", "POST", values)


def sent(address: str, method: str, values: object = None) -> Any:
    """The value a WebDriver command answers with; `BrowserProblem` with its own words."""
    data = None if values is None else json.dumps(values).encode()
    asked = urllib.request.Request(address, data, method=method)
    asked.add_header("Content-Type", "application/json")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(asked, timeout=60) as answer:
            return json.load(answer)["value"]
    except HTTPError as error:
        with error:
            raise BrowserProblem(json.load(error)["value"]["message"]) from None


def driver() -> str:
    """Where chromedriver is.

    Raises:
        BrowserProblem: it is not installed.
    """
    found = next((path for name in DRIVER if (path := shutil.which(name))), None)
    if found is None:
        raise BrowserProblem(
            "Chromium's driver is missing; on Debian: sudo apt-get install chromium chromium-driver"
        )
    return found


def capabilities(profile: str) -> dict[str, object]:
    """A window that nobody sees, that asks nobody for anything by itself, and that tells all."""
    arguments: Sequence[str] = (
        "--headless=new",
        "--no-sandbox",  # it opens our own files only, and root can't have the sandbox
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--no-proxy-server",
        "--window-size=1440,900",
        f"--user-data-dir={profile}",
    )
    options = {"args": list(arguments), "perfLoggingPrefs": {"enableNetwork": True}}
    logging = {"browser": "ALL", "performance": "ALL"}
    wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": logging}
    return {"capabilities": {"alwaysMatch": wanted}}


@contextlib.contextmanager
def opened() -> Iterator[Browser]:
    """A browser, gone at the end with everything it wrote."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        subprocess.Popen(
            [driver(), "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process,
    ):
        assert process.stdout is not None
        try:
            port = next(int(m[1]) for line in process.stdout if (m := PORT.search(line)))
            base = f"http://127.0.0.1:{port}/session"
            session = sent(base, "POST", capabilities(profile))["sessionId"]
            try:
                yield Browser(f"{base}/{session}")
            finally:
                sent(f"{base}/{session}", "DELETE")
        finally:
            process.terminate()
