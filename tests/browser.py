"""Headless Chromium, driven through a pair of pipes by the Chrome DevTools protocol."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LIMIT = 90.0  # seconds until an answer is given up
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions",
    "--hide-scrollbars", "--force-color-profile=srgb", "--remote-debugging-pipe",
)  # fmt: skip
# the browser reads commands from file 3 and writes answers to file 4
_LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)


def find_browser() -> str | None:
    """The Chromium of this machine; `MAPWRIGHT_CHROMIUM` names another one."""
    named = os.environ.get("MAPWRIGHT_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """The two pipes, and the messages that came through them."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._buffer, self._last = b"", 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; what happens meanwhile is kept."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        message |= {"sessionId": session} if session else {}
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        limit = time.monotonic() + LIMIT
        while time.monotonic() < limit:
            if (got := self.receive(limit - time.monotonic())) is None:
                break
            if got.get("id") == self._last:
                assert "error" not in got, f"{method}: {got['error']}"
                return dict(got["result"])
        raise TimeoutError(f"no answer to {method} within {LIMIT:.0f} s")

    def receive(self, seconds: float) -> dict[str, Any] | None:
        """The next message, or None when there is none in time; events are kept."""
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], max(seconds, 0))[0]:
                return None
            chunk = os.read(self._read, 1 << 16)
            if not chunk:
                raise EOFError("the browser is gone")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        got: dict[str, Any] = json.loads(line)
        if "method" in got:
            self.events.append(got)
        return got

    def open(
        self,
        page: Path,
        width: int = 1400,
        height: int = 900,
        dark: bool = False,
        ready: str = "document.documentElement?.dataset.ready",
    ) -> Page:
        """Open a file in a tab of its own and wait until it has drawn itself."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        tab = Page(self, attached["sessionId"], target)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.call(f"{domain}.enable")
        tab.call("Performance.enable", timeDomain="threadTicks")
        tab.resize(width, height)
        tab.prefer("dark" if dark else "light")
        tab.call("Page.navigate", url=page.resolve().as_uri())
        tab.wait(ready)
        return tab


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser, self._session, self._target = browser, session, target

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **params)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page; promises are awaited."""
        got = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in got, got["exceptionDetails"]
        return got["result"].get("value")

    def wait(self, expression: str, seconds: float = LIMIT) -> Any:
        """Wait until an expression is true, and return it."""
        limit = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > limit:
                raise TimeoutError(f"never true: {expression}\n" + "\n".join(self.complaints()))
            time.sleep(0.05)
        return value

    def resize(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)

    def prefer(self, scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def click(self, x: float, y: float) -> None:
        """Move the mouse to a place of the window and click there."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            at = {"x": x, "y": y, "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, **at)

    def click_on(self, selector: str, place: int = 0) -> None:
        """Scroll an element into view and click its middle."""
        found = f"document.querySelectorAll({json.dumps(selector)})[{place}]"
        x, y = self.evaluate(
            f"(() => {{ const n = {found}; n.scrollIntoView({{block: 'center'}});"
            "const b = n.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        self.click(x, y)

    def press(self, key: str) -> None:
        codes = {"Enter": 13, "Escape": 27, "Tab": 9}
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            code = {"windowsVirtualKeyCode": codes[key]} if key in codes else {}
            pressed = text if kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, **code, **pressed)

    def screenshot(self, path: Path, full: bool = False) -> None:
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=full)
        path.write_bytes(base64.b64decode(shot["data"]))

    def busy(self) -> float:
        """Processor time that the page's thread has spent so far, seconds."""
        metrics = self.call("Performance.getMetrics")["metrics"]
        return next(float(m["value"]) for m in metrics if m["name"] == "TaskDuration")

    def requests(self) -> list[str]:
        """Every address that the page asked for."""
        sent = self._events("Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in sent]

    def complaints(self) -> list[str]:
        """Exceptions, errors and warnings of the page, what its policy refused among them."""
        entries = self._events("Runtime.exceptionThrown", "Log.entryAdded")
        said = [e for e in self._events("Runtime.consoleAPICalled") if e["params"]["type"] != "log"]
        return [json.dumps(event["params"]) for event in entries + said]

    def close(self) -> None:
        self._browser.call("Target.closeTarget", targetId=self._target)

    def _events(self, *methods: str) -> list[dict[str, Any]]:
        return [
            event
            for event in self._browser.events
            if event["method"] in methods and event.get("sessionId") == self._session
        ]


@contextmanager
def running_browser(binary: str, profile: Path) -> Iterator[Browser]:
    """Start a browser with a profile of its own; it is ended with the block."""
    commands, answers = os.pipe(), os.pipe()
    # out of the way of files 3 and 4
    theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20) for fd in (commands[0], answers[1])]
    os.close(commands[0])
    os.close(answers[1])
    start = [sys.executable, "-c", _LAUNCH, *map(str, theirs)]
    process = subprocess.Popen(
        [*start, binary, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        pass_fds=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for fd in theirs:
        os.close(fd)
    browser = Browser(commands[1], answers[0])
    try:
        yield browser
        browser.call("Browser.close")
        process.wait(20)
    finally:
        os.close(commands[1])
        os.close(answers[0])
        if process.poll() is None:
            process.kill()
        process.wait(20)
