"""The page that `earmark scan --html` writes, in a real browser, from a file, without a network."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from browser import HERE, Page, addresses, browser, complaints

from earmark.monitor.reports import write
from earmark.monitor.timeline import Gap, Play, Repeat, Timeline
from earmark.ports import Detection, Piece
from earmark.types import Span, Track

pytestmark = pytest.mark.skipif(not HERE, reason="needs Chromium and its driver")
NASTY = "</script><script>document.title = 'taken over'</script><img src=x onerror=alert(1)>"


def detection(number: int, start_s: float, end_s: float, title: str) -> Detection:
    track = Track(f"t{number}", f"/{number}.mp3", "", 60.0, number, title, "Ann & <b>")
    span = Span(start_s, end_s)
    return Detection(f"d{number}", "recording", track, 0.9, 9, (Piece(span, span, 1, 0, 0.9, 9),))


@pytest.fixture
def page(tmp_path):
    time_s = np.arange(60 * 8000) / 8000
    tone = (0.3 * np.sin(2 * np.pi * 300 * time_s)).astype(np.float32)
    soundfile.write(tmp_path / "a show.wav", tone, 8000)
    name = str(tmp_path / "a show.wav")
    timeline = Timeline(
        name,
        60.0,
        (detection(1, 5, 25, NASTY), detection(2, 20, 40, "晚安")),
        (Gap("speech", Span(0, 5)), Gap("music", Span(40, 60), "r")),
        (Repeat("r", (Play(name, Span(41, 45)), Play(name, Span(50, 54)))),),
        warnings=("<i>cut off</i>",),
    )
    other = Timeline("elsewhere.wav", 10.0)
    write([timeline, other], tmp_path / "report.html")
    write([timeline], tmp_path / "whole.html", embed_audio=True)
    return tmp_path


def test_ranges_are_drawn_and_a_click_plays_them(page):
    with browser() as driver:
        tab = Page(driver, f"file://{page}/report.html")
        driver.get(tab.address)
        tab.until("return document.body.dataset.ready === 'true' && audio.readyState > 0")
        ranges = driver.find_elements("css selector", "#lanes .range")
        assert [one.text for one in ranges] == [f"Ann & <b> - {NASTY}", "Ann & <b> - 晚安"]
        tops = [one.rect["y"] for one in ranges]
        assert tops[1] - tops[0] > 20  # they overlap, so they lie in lanes of their own
        wide = ranges[0].rect["width"] / driver.find_element("id", "picture").rect["width"]
        assert wide == pytest.approx(20 / 60, abs=0.01)
        assert len(driver.find_elements("css selector", "#marks .repeat")) == 2
        assert len(driver.find_elements("css selector", "#gaps .gap")) == 2
        drawn = driver.execute_script(
            "const wave = byId('wave'), { width, height } = wave;"
            "return wave.getContext('2d').getImageData(0, 0, width, height).data.some(Boolean)"
        )
        assert drawn

        ranges[1].click()
        tab.until("return !audio.paused && audio.currentTime > 20.2 && audio.currentTime < 30")
        driver.execute_script("audio.currentTime = 39.8")
        tab.until("return audio.paused && audio.currentTime >= 40 && audio.currentTime < 42")
        driver.find_element("css selector", "#detections tbody tr button").click()
        tab.until("return !audio.paused && audio.currentTime < 15")

        tab.press("#in")
        assert driver.execute_script("return view.to - view.from") == 30
        tab.press("#language")
        tab.says("h2", "播放了什么")
        before = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        tab.press("#theme")
        after = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert before != after

        driver.execute_script(
            "const s = byId('inputs'); s.value = 1; s.dispatchEvent(new Event('change'))"
        )
        tab.says("#name", "elsewhere.wav")
        tab.says("#said", "请选择")
        tab.choose("#file", page / "a show.wav")
        tab.until("return audio.readyState > 0 && audio.duration > 59")

        assert driver.title.startswith("earmark: 2 inputs")
        assert complaints(driver) == []
        assert all(one.startswith(("file:", "blob:", "data:")) for one in addresses(driver))


def test_a_page_with_its_audio_inside_plays_alone(page, tmp_path_factory):
    alone = tmp_path_factory.mktemp("alone") / "whole.html"
    alone.write_bytes((page / "whole.html").read_bytes())
    (page / "a show.wav").unlink()
    with browser(width=390, height=844, language="zh-CN") as driver:
        tab = Page(driver, f"file://{alone}")
        driver.get(tab.address)
        tab.until("return document.body.dataset.ready === 'true' && audio.readyState > 0")
        tab.says("#facts", "个检测结果")
        driver.find_elements("css selector", "#lanes .range")[0].click()
        tab.until("return !audio.paused && audio.currentTime > 5.1")
        wide = driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0  # nothing sticks out on a telephone
        assert complaints(driver) == []
