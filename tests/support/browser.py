"""Debian's Chromium, without a window, with a file for its microphone."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
HERE = bool(CHROMIUM and DRIVER)
WAIT_S = 20.0


@contextmanager
def browser(
    clip: Path | None = None,
    *,
    width: int = 1280,
    height: int = 900,
    language: str = "en-US",
    private: Path | None = None,
) -> Iterator[webdriver.Chrome]:
    """Run a browser; ``clip`` is a WAV file that its microphone hears once, from the first press.

    ``private`` is a folder for what the browser keeps; without it one of the driver's own is used.
    """
    options = Options()
    options.binary_location = str(CHROMIUM)
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--mute-audio",
        "--autoplay-policy=no-user-gesture-required",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--window-size={width},{height}",
        f"--lang={language}",
        f"--accept-lang={language}",
    ):
        options.add_argument(flag)
    if clip is not None:
        options.add_argument(f"--use-file-for-fake-audio-capture={clip}%noloop")
    if private is not None:
        options.add_argument(f"--user-data-dir={private}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    driver.set_script_timeout(WAIT_S)
    driver.set_page_load_timeout(WAIT_S)
    try:
        yield driver
    finally:
        driver.quit()


def phone(driver: webdriver.Chrome, width: int = 390, height: int = 844) -> None:
    """Make the page as wide as a telephone, to touch."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": True},
    )


def desk(driver: webdriver.Chrome) -> None:
    """Make the page as wide as the window again."""
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def addresses(driver: webdriver.Chrome) -> set[str]:
    """Return every address that was asked since the last call, from the browser's own log."""
    asked = set()
    for line in driver.get_log("performance"):
        message: dict[str, Any] = json.loads(line["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.add(message["params"]["request"]["url"])
        elif message["method"] == "Network.webSocketCreated":
            asked.add(message["params"]["url"])
    return asked


def complaints(driver: webdriver.Chrome) -> list[str]:
    """Return what the browser complained of since the last call: errors, refusals by the policy."""
    return [
        line["message"]
        for line in driver.get_log("browser")
        if line["level"] in ("SEVERE", "WARNING")
    ]


class Page:
    """One tab at the service, and the few gestures that people make there."""

    def __init__(self, driver: webdriver.Chrome, address: str) -> None:
        self.driver = driver
        self.address = address

    def go(self, route: str = "#/", *, fresh: bool = False) -> None:
        """Open a view; ``fresh`` loads the whole page again."""
        self.driver.get(f"{self.address}/{route}")
        if fresh:
            self.driver.refresh()
        self.until("return document.body?.dataset.ready === 'true'")

    def until(self, script: str, *arguments: object, seconds: float = WAIT_S) -> Any:
        """Wait until a script returns something true, and return that."""
        ends_at = time.monotonic() + seconds
        while True:
            try:
                got = self.driver.execute_script(script, *arguments)
            except WebDriverException:  # the page is just being left
                got = None
            if got:
                return got
            if time.monotonic() > ends_at:
                seen = self.driver.execute_script("return document.body.innerText")
                message = f"never came true: {script} {arguments}\nthe page says:\n{seen}"
                raise AssertionError(message)
            time.sleep(0.04)

    def one(self, css: str) -> Any:
        """Wait for an element that shows, and return it."""
        return self.until(
            "const e = [...document.querySelectorAll(arguments[0])]"
            ".find((one) => one.checkVisibility()); return e ?? null",
            css,
        )

    def gone(self, css: str) -> None:
        """Wait until nothing shows that matches."""
        self.until(
            "return ![...document.querySelectorAll(arguments[0])]"
            ".some((one) => one.checkVisibility())",
            css,
        )

    def says(self, css: str, words: str) -> None:
        """Wait until an element's text holds words."""
        self.until(
            "return [...document.querySelectorAll(arguments[0])]"
            ".some((one) => one.checkVisibility() && one.textContent.includes(arguments[1]))",
            css,
            words,
        )

    def press(self, css: str) -> None:
        """Click an element, as the page's own scripts would see it."""
        self.driver.execute_script("arguments[0].click()", self.one(css))

    def type(self, *keys: str) -> None:
        """Type where the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def choose(self, css: str, *paths: Path) -> None:
        """Give files to a file field."""
        field = self.driver.find_element("css selector", css)
        field.send_keys("\n".join(map(str, paths)))
