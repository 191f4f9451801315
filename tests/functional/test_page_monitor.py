"""The monitoring part of the page in a real browser: heard, decided, watched, scanned, summed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from browser import HERE, Page, addresses, browser, complaints, desk, phone
from page_host import served
from radio import BREAK, encoded, on_air
from webhook_host import receiving

from earmark import Library, Settings
from earmark.monitor.desk import Desk
from earmark.monitor.timeline import Happening
from earmark.ports import Detection, Piece
from earmark.types import Clip, Span, Track

pytestmark = pytest.mark.skipif(not HERE, reason="chromium and chromedriver are not installed")

PLUGINS = Path(__file__).parents[1] / "plugins"
RATE_HZ = 16_000
EVIL = "<script>window.hit=1</script>"
TAG = "catalogue"
DAY_S = 86_400.0
NOW = time.time()
TITLE = "#review-title"
KEPT = (
    # id, song, station, how long ago
    ("d-old", 0, "Radio Eins", 3 * DAY_S),
    ("d-mid", 1, "Radio Eins", 2 * DAY_S),
    ("d-new", 0, EVIL, 3600.0),
    ("d-blocked", 2, "Radio Zwei", 2 * DAY_S + 60.0),
)


def log(
    at: Desk, new_id: str, track: Track, samples: np.ndarray, station: str, began: float
) -> None:
    """Log a track that a station plays from its fourth to its tenth second, with a clip of it."""
    piece = Piece(Span(60.0, 66.0), Span(4.0, 10.0), 1.0, 0.0, 0.95, 40.0)
    detection = Detection(new_id, "recording", track, 0.95, 40.0, (piece,))
    heard = samples[int(3.5 * RATE_HZ) : int(10.5 * RATE_HZ)]
    happening = Happening("close", 66.0, detection, Clip(heard, RATE_HZ, start_s=59.5))
    origin = f"scan:{new_id}"
    at.log(happening, source="friday.flac", station=station, origin=origin, zero_at=began - 60.0)


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """The plug-in ``tones`` in place of the engine ``sound``, whose network takes long to load."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGINS))
        paths = [str(PLUGINS), *filter(None, [os.environ.get("PYTHONPATH")])]
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        yield


@pytest.fixture(scope="module")
def folder(
    quick: None, tmp_path_factory: pytest.TempPathFactory, music: Callable[..., np.ndarray]
) -> Path:
    """A library of three songs, and a programme that plays two of them."""
    place = tmp_path_factory.mktemp("monitor")
    for number in range(3):
        soundfile.write(place / f"{number}.flac", music(number, 14.0), RATE_HZ)
    quiet = np.zeros(6 * RATE_HZ, np.float32)
    parts = [quiet, music(0, 14.0), quiet, music(1, 14.0)]
    soundfile.write(place / "friday.flac", np.concatenate(parts), RATE_HZ)
    return place


@pytest.fixture(scope="module")
def keeper(folder: Path, music: Callable[..., np.ndarray]) -> Iterator[tuple[Desk, list[Track]]]:
    """The library's desk, beside the service's, with four detections and their clips."""
    settings = Settings(library=str(folder / "library"), workers=1)
    with Library.open(create=True, settings=settings) as library:
        report = library.add([folder / f"{number}.flac" for number in range(3)])
        assert report.added == 3
        found = sorted(library.tracks(), key=lambda track: track.source)
        library.update(found[0].id, title=EVIL, artist="A. Player")
        library.update(found[1].id, title="Second song")
        library.update(found[2].id, title="Third song", tags=[TAG])
        tracks = [library.get(track.id) for track in found]
        with Desk.open(library, settings) as at:
            at.add_rule("block", tag=TAG)
            for new_id, number, station, ago_s in KEPT:
                log(at, new_id, tracks[number], music(number, 14.0), station, NOW - ago_s)
            yield at, tracks


@pytest.fixture(scope="module")
def service(folder: Path, keeper: object) -> Iterator[httpx.Client]:
    told = {"EARMARK_SERVE_PRIVATE_URLS": "true"}
    with (
        served(folder, told=told) as address,
        httpx.Client(base_url=address, timeout=20, trust_env=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def tab(service: httpx.Client) -> Iterator[Page]:
    with browser() as driver:
        yield Page(driver, str(service.base_url).rstrip("/"))


@pytest.fixture
def page(tab: Page) -> Iterator[Page]:
    """The tab at the review desk; a test that leaves a complaint in the console fails."""
    tab.go("#/monitor", fresh=True)
    yield tab
    left = [line for line in complaints(tab.driver) if "/cover - " not in line]
    assert left == []


def focused(page: Page) -> str:
    """Return the id of the element that has the focus."""
    return page.driver.execute_script("return document.activeElement.id")


def in_focus(page: Page, detection_id: str) -> None:
    page.one(f"#review-focus[data-detection='{detection_id}'] #review-play")


def test_one_after_another_is_decided_by_keyboard_alone(page, keeper):
    at, _ = keeper
    in_focus(page, "d-blocked")  # what a rule blocks comes first
    rows = page.driver.execute_script(
        "return [...document.querySelectorAll('#queue li')].map((row) => row.dataset.detection)"
    )
    assert rows == ["d-blocked", "d-new", "d-mid", "d-old"]
    page.says("#queue-count", "4 undecided")
    page.says("#review-focus .facts", "Radio Zwei")
    page.says("#review-focus .facts", "1:00–1:06")
    page.driver.execute_script("document.activeElement.blur()")
    page.type("j")
    in_focus(page, "d-new")
    assert focused(page) == "review-title"
    page.type("k")
    in_focus(page, "d-blocked")
    page.driver.find_element("id", "review-note").send_keys("not jk: heard")  # letters are letters
    page.type("\ue00c")  # Esc: out of the note
    assert focused(page) == "review-title"
    page.type("y")
    in_focus(page, "d-new")
    assert focused(page) == "review-title"
    page.says("#announcer", "Confirmed. Next:")
    (decision,) = at.entry("d-blocked").decisions
    assert (decision.ruling, decision.note) == ("confirm", "not jk: heard")
    assert page.one("[data-detection='d-blocked'] .chip").text == "Confirmed"
    page.type("n")
    in_focus(page, "d-mid")
    page.type("u")
    in_focus(page, "d-old")
    assert at.entry("d-new").ruling == "reject"
    assert at.store.rejections(EVIL, at.entry("d-new").detection.track.id)
    page.type("y")
    page.says(TITLE, "All decided")
    assert focused(page) == "review-title"
    for other, ruling in (("d-old", "confirm"), ("d-mid", "unsure")):
        page.type("z")  # back, to decide it again
        in_focus(page, other)
        page.says("#review-trail", {"confirm": "Confirmed", "unsure": "Unsure"}[ruling])
    page.type("n")
    page.says(TITLE, "All decided")
    assert [one.ruling for one in at.entry("d-mid").decisions] == ["unsure", "reject"]

    page.go("#/monitor", fresh=True)  # it is kept: nothing waits
    page.says(TITLE, "Nothing to review yet")
    page.says(".empty .command", "earmark scan FILE")
    choose(page, "#filter-ruling", "reject")
    page.until("return document.querySelectorAll('#queue li').length === 2")
    page.one("#filter-text").send_keys("second")
    page.until("return document.querySelectorAll('#queue li').length === 1")
    page.press("#queue [data-stop]")
    in_focus(page, "d-mid")
    page.says("#review-trail", "Rejected")


def choose(page: Page, css: str, value: str) -> None:
    """Choose of a list, as a person does."""
    page.driver.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))",
        page.one(css),
        value,
    )


def test_both_sides_are_heard_in_step(page):
    page.driver.execute_script(
        """window.voices = [];
        const start = AudioBufferSourceNode.prototype.start;
        AudioBufferSourceNode.prototype.start = function (when, offset) {
          const data = this.buffer.getChannelData(0);
          const loud = Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / data.length);
          window.voices.push({offset, loud, length: this.buffer.duration});
          return start.call(this, when, offset);
        };"""
    )
    page.driver.execute_script("location.hash = '#/monitor/detection/d-old'")
    in_focus(page, "d-old")
    page.driver.execute_script("document.activeElement.blur()")
    page.type(" ")
    page.says("#review-focus .compare-time", "1:00")
    clip, track = page.driver.execute_script("return window.voices")
    assert clip["length"] == pytest.approx(7.0, abs=0.05)
    assert track["length"] == pytest.approx(6.0, abs=0.05)
    assert min(clip["loud"], track["loud"]) > 0.01
    assert page.one("#review-play").get_attribute("aria-label") == "Pause"
    before = page.one("#review-focus .compare-time").text
    for key, ear in (("a", "mine"), ("b", "match"), ("x", "both")):
        page.type(key)
        page.one(f"#review-focus [data-value={ear}][aria-checked=true]")
    assert len(page.driver.execute_script("return window.voices")) == 2  # it was not begun again
    page.until(
        "return document.querySelector('#review-focus .compare-time').textContent > arguments[0]",
        before,
    )
    page.type(" ")
    page.until("return document.querySelector('#review-play:not(.playing)')")
    drawn = page.driver.execute_script(
        """const canvas = document.querySelector('#review-focus canvas');
        const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, i) => i % 4 === 3 && value > 128).length"""
    )
    assert drawn > 2000


def test_what_is_on_air_shows_as_it_happens(page, keeper, music):
    at, _ = keeper
    page.driver.execute_script(
        """const ask = window.fetch;
        window.fetch = (path, how) => {
          if (!String(path).endsWith('/v1/streams/events')) return ask(path, how);
          const line = new AbortController();
          window.cut = () => line.abort();
          return ask(path, {...how, signal: AbortSignal.any([how.signal, line.signal])});
        };"""
    )
    page.go("#/monitor/live")
    page.says("#view-monitor .empty", "earmark watch URL")
    page.says("#live-line", "Connected")
    page.driver.execute_script("window.cut()")
    page.says("#live-line", "lost")
    page.says("#live-line", "Connected")
    played = [music(1, 14.0), np.zeros(10 * RATE_HZ, np.float32), music(2, 14.0)]
    sound, breaks = encoded(np.concatenate(played), RATE_HZ, "mp3", "mp3"), threading.Event()
    with on_air() as radio:
        page.one("#stream-name").send_keys(EVIL)
        page.one("#stream-url").send_keys(radio.play("/live", sound, breaks, BREAK))
        page.press("#stream-form button[type=submit]")
        page.one("[data-stream][data-state=live]")
        assert page.one("[data-stream] h3").text == EVIL
        page.says("[data-stream] .now-plays", "Third song")
        page.one("[data-stream] rect.hit.open")
        assert len(page.driver.find_elements("css selector", ".lane a rect.hit")) == 2
        page.press("[data-stream] summary")
        page.says("[data-stream] .lane-list", "Second song")
        breaks.set()  # the connection is reset: it is away, and comes back
        page.one("[data-stream] rect.outage")
        page.go("#/monitor/live", fresh=True)  # how all stands is read again
        page.one("[data-stream] rect.outage")
        page.one("[data-stream] a rect.hit")
        page.press("[data-stream] [data-act=switch]")
        page.one("[data-stream][data-state=stopped]")
        page.press("[data-stream] [data-act=remove]")
        page.press("dialog .danger")
        page.gone("[data-stream]")
    assert at.store.streams() == []


def test_a_scan_is_sent_drawn_and_heard(page, folder, service):
    page.go("#/monitor/scans")
    page.says("#view-monitor .empty", "earmark scan FILE")
    page.one("#scan-station").send_keys(f"Friday {EVIL}")  # not that of a rejected pair
    page.choose("#scan-file", folder / "friday.flac")
    page.one("#scan-result")
    assert page.one("[data-state=done] h3").text == f"Friday {EVIL}"
    page.says("#scan-result", "2 detections")
    (scan,) = service.get("/v1/scans").json()["scans"]
    timeline = service.get(f"/v1/scans/{scan['id']}").json()["timeline"]
    drawn = page.driver.execute_script(
        """const named = (name) => [...document.querySelectorAll(`#scan-result rect[${name}]`)];
        return [named('data-detection').map((one) => one.dataset.detection),
          named('data-gap').map((one) => one.dataset.gap)]"""
    )
    assert drawn[0] == [one["id"] for one in timeline["detections"]]
    assert drawn[1] == [gap["kind"] for gap in timeline["gaps"]]
    first = timeline["detections"][0]
    for what in (f"rect[data-detection='{first['id']}']", "tr[data-gap] button"):
        page.driver.execute_script(
            "document.querySelector(arguments[0]).dispatchEvent(new Event('click'))",
            f"#scan-result {what}",
        )
        page.until(  # the file of this tab, from the beginning of the stretch
            "const audio = document.getElementById('range-audio');"
            "return !audio.paused && audio.currentTime > 0.1 && audio.src.startsWith('blob:')"
        )
    # Without the file the clip that was kept is heard.
    page.go(f"#/monitor/scans/{scan['id']}", fresh=True)
    page.press(f"#scan-result tr[data-detection='{first['id']}'] button")
    page.until("return document.getElementById('range-audio').currentTime > 0.1")
    length = page.driver.execute_script("return document.getElementById('range-audio').duration")
    clip = service.get(f"/v1/detections/{first['id']}").json()["evidence"]
    assert length == pytest.approx(clip["duration_s"], abs=0.05)
    page.press("[data-act=forget]")
    page.gone("[data-scan-card]")
    assert service.get("/v1/scans").json()["scans"] == []


def test_sums_are_those_of_the_service(page, service):
    page.go("#/monitor/played")
    for by in ("track", "day", "hour", "station"):
        page.one(f"[data-by={by}]")
        totals = service.get("/v1/detections/totals", params={"by": by}).json()["totals"]
        shown = page.driver.execute_script(
            """return [...document.querySelectorAll(`[data-by=${arguments[0]}] tbody tr`)].map(
              (row) => [row.dataset.key, Number(row.querySelector('[data-count]').dataset.count),
                Number(row.querySelector('[data-played]').dataset.played)])""",
            by,
        )
        assert shown == [[one["key"], one["count"], one["played_s"]] for one in totals]
        assert len(totals) > 1
        assert page.driver.find_elements("css selector", f"[data-by={by}] svg")
    page.says("[data-by=station] table", EVIL)
    choose(page, "#played-until", "2001-01-01")
    page.says("#view-monitor .empty", "Nothing was detected in that time")


def test_rules_and_webhooks_are_made_tried_and_removed(page, keeper):
    at, _ = keeper
    page.go("#/monitor/rules")
    page.says("#rules", f"Tracks with the tag {TAG}")
    page.one("#rule-tag").send_keys(EVIL)
    page.one("#rule-least").send_keys("5")
    page.press("#rule-form button[type=submit]")
    page.says("#rules", EVIL)
    assert [(rule.tag, rule.least_s) for rule in at.rules()][1:] == [(EVIL, 5.0)]
    page.press("#rules li:last-child button")
    page.until("return document.querySelectorAll('#rules li').length === 1")
    with receiving() as receiver:
        page.one("#hook-url").send_keys(receiver.url("/ok"))
        page.press("#webhook-form button[type=submit]")
        secret = page.one("#hook-secret").get_attribute("value")
        page.press("dialog [aria-label=Close]")
        page.press("#webhooks [data-act=test]")
        page.says("#webhooks .hook-more", "Delivered")
        assert receiver.told[0].signed(secret, time.time())
        page.press("#webhooks [data-act=deliveries]")
        page.one(".delivery[data-state=delivered]")
        page.press(".delivery [data-act=replay]")
        ends_at = time.monotonic() + 15
        while len(receiver.told) < 2:
            assert time.monotonic() < ends_at
            time.sleep(0.05)
        page.press("#webhooks [data-act=remove]")
        page.press("dialog .danger")
        page.gone("#webhooks li")
    assert at.webhooks() == []


@pytest.mark.parametrize("small", [False, True], ids=["desk", "phone"])
def test_every_tab_has_names_and_fits(page, small):
    try:
        if small:
            phone(page.driver, width=360)
        for tab in ("detection/d-old", "live", "scans", "played", "rules"):
            page.go(f"#/monitor/{tab}")
            page.until("return document.querySelector('.monitor-place').innerText.length > 40")
            nameless = page.driver.execute_script(
                """return [...document.querySelectorAll(
                    'button, a[href], input, select, textarea, [role=slider], [role=img], nav')]
                  .filter((one) => !(one.ariaLabel || one.getAttribute('aria-label')
                    || one.textContent.trim() || one.labels?.length))
                  .map((one) => one.outerHTML.slice(0, 200))"""
            )
            assert nameless == []
            wide = page.driver.execute_script(
                "return [document.documentElement.scrollWidth, innerWidth]"
            )
            assert wide[0] <= wide[1], tab
            ids = page.driver.execute_script(
                "return [...document.querySelectorAll('[id]')].map((one) => one.id)"
            )
            assert len(ids) == len(set(ids))
    finally:
        desk(page.driver)


def test_speaks_chinese_and_titles_are_text(page):
    page.driver.execute_script("location.hash = '#/monitor/detection/d-old'")
    page.says(TITLE, EVIL)
    page.press("#language-switch")
    try:
        page.says("h1", "监测")
        page.says(".decide", "确认")
        page.says("#review-trail", "已确认")
        page.go("#/monitor/rules", fresh=True)  # all of it, from the start
        for words in ("审核", "拦截", "新规则", "添加 Webhook"):
            page.says("#view-monitor", words)
        page.says("h1", "监测")
    finally:
        page.press("#language-switch")
    page.says("h1", "Monitor")
    assert page.driver.execute_script("return window.hit ?? null") is None
    assert page.driver.find_elements("css selector", "script:not([src])") == []


def test_a_key_without_the_scope_is_told_what_is_missing(page, service):
    page.driver.get(f"{page.address}/static/css/base.css")  # nothing asks while the keys are made
    made = {}
    for name, scope in (("boss", "admin"), ("reader", "read")):
        asked = {"name": name, "scopes": [scope], "days": None}
        entry = {"Authorization": f"Bearer {made['boss']['key']}"} if made else {}
        told = service.post("/v1/keys", json=asked, headers=entry).raise_for_status()
        made[name] = told.json()
    entry = {"Authorization": f"Bearer {made['boss']['key']}"}
    try:
        page.driver.execute_script(
            "sessionStorage['earmark.key'] = arguments[0]", made["reader"]["key"]
        )
        page.go("#/monitor/detection/d-old", fresh=True)
        complaints(page.driver)  # a sheet has no icon
        in_focus(page, "d-old")  # what may be read is heard, with the key
        page.says("#review-focus [data-lacks=write] .command", "--scope write")
        for tab, scope in (("live", "admin"), ("scans", "write"), ("rules", "admin")):
            page.go(f"#/monitor/{tab}")
            page.says(f"[data-lacks={scope}] .command", f"earmark keys add NAME --scope {scope}")
    finally:
        for one in ("reader", "boss"):
            service.delete(f"/v1/keys/{made[one]['id']}", headers=entry).raise_for_status()
        page.driver.execute_script("sessionStorage.clear()")


def test_no_other_host_was_asked(tab):
    own = tab.address
    asked = addresses(tab.driver)
    assert any("/v1/streams/events" in address for address in asked)
    known = (f"{own}/", f"blob:{own}/", "data:", "about:")
    assert {address for address in asked if not address.startswith(known)} == set()
