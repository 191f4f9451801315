"""The page in a real browser, over the real service: it hears, shows, plays and keeps."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import mido
import numpy as np
import pytest
import soundfile
from browser import HERE, Page, addresses, browser, complaints, desk, phone
from page_host import earmark, served

from earmark.evaluation.degrade import degrade, source_length_s
from earmark.evaluation.hum import hum, made_up_tune, manner_of
from earmark.evaluation.noise import NoiseBank

pytestmark = pytest.mark.skipif(not HERE, reason="chromium and chromedriver are not installed")

RATE_HZ = 16_000
CLIP_S, CLIP_AT_S = 6.0, 7.0
EVIL = "<img src=x onerror='window.hit=1'>"
LISTEN_FILE = "#view-listen input[type=file]"
CARD = ".result-card[data-track]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, music: Callable[..., np.ndarray]) -> Path:
    """A library of four tracks and three tunes, and files to ask about."""
    place = tmp_path_factory.mktemp("page")
    rng = np.random.default_rng(5)
    (place / "music").mkdir()
    (place / "more").mkdir()
    for number in range(1, 5):
        soundfile.write(place / f"music/song {number}.wav", music(number), RATE_HZ)
    again = 0.6 * music(1)[3 * RATE_HZ :]
    soundfile.write(place / "music/song 1 again.flac", again, RATE_HZ)
    for number in range(5, 8):
        soundfile.write(place / f"more/new song {number}.flac", music(number, 12.0), RATE_HZ)
    soundfile.write(place / "more/nothing.wav", np.zeros(0), RATE_HZ)
    soundfile.write(place / "unknown.wav", music(99, 8.0), RATE_HZ)
    for number in range(1, 4):
        tune = made_up_tune(rng)
        write_midi(place / f"music/tune {number}.mid", tune)
        if number == 2:
            soundfile.write(place / "hum.wav", hum(tune, manner_of("hum", tune, rng), rng), RATE_HZ)
    first = int(CLIP_AT_S * RATE_HZ)
    stretch = music(2)[first : first + int((source_length_s(CLIP_S) + 0.2) * RATE_HZ)]
    clip = degrade(stretch, "phone", CLIP_S, NoiseBank.load(), rng)
    soundfile.write(place / "clip.wav", clip, RATE_HZ)
    earmark(place, "add", "music")
    return place


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[httpx.Client]:
    with (
        served(folder) as address,
        httpx.Client(base_url=address, timeout=20, trust_env=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def tab(folder: Path, service: httpx.Client) -> Iterator[Page]:
    with browser(folder / "clip.wav") as driver:
        yield Page(driver, str(service.base_url).rstrip("/"))


@pytest.fixture
def page(tab: Page) -> Iterator[Page]:
    """The tab at its start; a test that leaves a complaint in the console fails."""
    tab.go(fresh=True)
    complaints(tab.driver)
    yield tab
    # A track without a picture: the browser tells its console of every 404.
    left = [line for line in complaints(tab.driver) if "/cover - " not in line]
    assert left == []


def write_midi(path: Path, tune) -> None:
    """Write a tune as a MIDI file of one track, at 960 ticks a second."""
    track = mido.MidiTrack()
    for length_s, pitch in zip(tune.length_s, tune.semitones, strict=True):
        track.append(mido.Message("note_on", note=int(pitch), time=0))
        track.append(mido.Message("note_off", note=int(pitch), time=round(960 * length_s)))
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(track)
    file.save(path)


def tracks(service: httpx.Client, text: str = "") -> list[dict]:
    return service.get("/v1/tracks", params={"text": text}).raise_for_status().json()["tracks"]


def inks(page: Page, css: str) -> dict[str, int]:
    """Return how many pixels of a canvas are nearer to each of the two lines' colours."""
    return page.driver.execute_script(
        """const canvas = document.querySelector(arguments[0]);
        const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const style = getComputedStyle(document.documentElement);
        const rgb = (name) => {
          const hex = style.getPropertyValue(name).trim();
          return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
        };
        const inks = {accent: rgb('--accent'), warm: rgb('--warm')};
        const count = {accent: 0, warm: 0};
        for (let i = 0; i < data.length; i += 4) {
          if (data[i + 3] < 128) continue;
          for (const [name, ink] of Object.entries(inks))
            if (ink.every((value, k) => Math.abs(value - data[i + k]) < 24)) count[name] += 1;
        }
        return count;""",
        css,
    )


def test_hears_a_degraded_clip_and_shows_what_it_is(page, service):
    page.press("#listen-button")
    page.says("#listen-button", "Stop")
    card = page.one(CARD)
    assert card.get_attribute("data-kind") == "recording"
    assert page.one(".result-title").text == "song 2"
    assert page.one("[data-certainty]").get_attribute("data-certainty") == "certain"
    heard = page.one(".result-range").text
    assert "0:07" in heard, heard
    page.one("#compare-play")
    drawn = inks(page, ".compare canvas")
    assert drawn["accent"] > 500
    assert drawn["warm"] > 500

    page.press("#compare-play")  # both play, in step
    page.says(".compare-time", "0:01 /")
    page.press(".compare-controls [data-value=match]")
    assert page.one("#compare-play").get_attribute("aria-label") == "Pause"
    page.until("return document.querySelector('#compare-play:not(.playing)')")

    page.press("[data-verdict=right]")
    page.says(".verdict", "Thank you")
    verdict = service.get("/v1/feedback").json()["verdicts"][0]
    assert verdict["right"] is True
    assert verdict["track_id"] == card.get_attribute("data-track")

    page.go("#/history")
    page.says("#history .row-title", "song 2")
    page.press("#history .row-main")
    page.one(CARD)


def test_history_holds_the_last_fifty(page):
    page.driver.execute_async_script(
        """const done = arguments[0];
        import('/static/js/history/store.js').then(async ({keep, forgetAll}) => {
          await forgetAll();
          const recording = {blob: new Blob(['RIFF']), name: 'a.wav', from: 'file'};
          for (let i = 0; i < 53; i += 1) await keep(
            {matches: [], considered: [], timing_ms: {}, reason: String(i)}, recording);
          done();
        })"""
    )
    page.go("#/history")
    page.until("return document.querySelectorAll('#history li').length === 50")
    page.press(".page-head .danger")
    page.press("dialog .danger")
    page.says(".list-note", "Nothing yet")
    assert page.driver.find_elements("css selector", "#history li") == []


def test_draws_a_hum_over_the_tune(page, folder):
    page.choose(LISTEN_FILE, folder / "hum.wav")
    assert page.one(CARD).get_attribute("data-kind") == "melody"
    assert page.one(".result-title").text == "tune 2"
    page.one("[data-drawn=pitch] canvas")
    drawn = inks(page, "[data-drawn=pitch] canvas")
    assert drawn["accent"] > 200
    assert drawn["warm"] > 1000
    page.says(".compare-controls", "The tune")


def test_says_what_was_tried_where_nothing_matches(page, folder):
    page.press(".stage-more [data-value=recording]")
    page.choose(LISTEN_FILE, folder / "unknown.wav")
    page.one("[data-outcome=no_match]")
    page.says(".advice", "may not be in this library")
    page.press(".nothing summary")
    page.says(".tried", "no match")
    page.press(".nothing .result-foot .button:last-of-type")  # by likeness of sound
    assert page.one(CARD).get_attribute("data-kind") == "sound"
    page.says("#listen-status", "sounds alike")
    assert len(page.driver.find_elements("css selector", ".others li")) >= 1


def test_a_file_dropped_anywhere_is_asked_about(page, folder):
    data = base64.b64encode((folder / "clip.wav").read_bytes()).decode()
    page.driver.execute_script(
        """const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0));
        const carried = new DataTransfer();
        carried.items.add(new File([bytes], 'dropped.wav', {type: 'audio/wav'}));
        for (const type of ['dragenter', 'dragover', 'drop']) document.body.dispatchEvent(
          new DragEvent(type, {dataTransfer: carried, bubbles: true, cancelable: true}));""",
        data,
    )
    page.says(".result-title", "song 2")


def test_what_is_not_audio_is_refused_in_words(page, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear reader, " * 20)
    page.choose(LISTEN_FILE, tmp_path / "letter.txt")
    page.one(".listen-status.bad")
    refused = [line for line in complaints(page.driver) if "/v1/identify" in line]
    assert len(refused) == 1
    assert "415" in refused[0]


def test_adds_one_file_and_finds_it(page, folder, service):
    page.go("#/library")
    page.choose("#upload-files", folder / "more/new song 5.flac")
    page.says(".toast", "new song 5")
    search = page.one("#search")
    search.send_keys("new song")
    page.says("#track-count", "1 track found")
    assert page.one("#tracks .row-title").text == "new song 5"
    search.clear()
    search.send_keys("nothing is called so")
    page.says(".list-note", "nothing is called so")
    assert [track["uploaded"] for track in tracks(service, "new song 5")] == [True]


def test_adds_many_files_as_a_job(page, folder):
    page.go("#/library")
    names = ("new song 6.flac", "new song 7.flac", "nothing.wav")
    page.choose("#upload-files", *(folder / "more" / name for name in names))
    page.says(".toast", "3 files are being added")
    page.go("#/jobs")
    page.one(".job[data-state=done]")
    page.says(".job", "2 added, 0 already there")
    page.press(".job summary")
    page.says(".failures", "nothing.wav")
    page.says(".failures", "The file is empty.")


def test_edits_but_not_over_somebody_else(page, service):
    track = tracks(service, "song 3")[0]
    page.go("#/library")
    row = f"#tracks [data-track='{track['id']}']"
    page.press(f"{row} [data-act=edit]")
    title = page.one("#edit-title")  # what is to be edited has been read by now
    service.patch(f"/v1/tracks/{track['id']}", json={"album": "Elsewhere"}).raise_for_status()
    title.clear()
    title.send_keys("A better name")
    page.one("#edit-tags").send_keys("new, 好听")
    page.press("#edit-save")
    page.says(".problem", "Somebody else changed")
    complaints(page.driver)  # the browser tells of the 412
    page.press(".problem button")
    page.until("return document.getElementById('edit-album').value === 'Elsewhere'")
    title.clear()
    title.send_keys("A better name")
    page.one("#edit-tags").send_keys("new, 好听")
    page.press("#edit-save")
    page.says(f"{row} .row-title", "A better name")
    page.says(f"{row} .tags", "好听")
    changed = service.get(f"/v1/tracks/{track['id']}").json()
    assert (changed["title"], changed["album"]) == ("A better name", "Elsewhere")


def test_deletes_with_a_way_back_and_then_for_good(page, service):
    track = tracks(service, "song 4")[0]
    row = f"#tracks [data-track='{track['id']}']"
    page.go("#/library")
    page.press(f"{row} [data-act=delete]")
    page.gone(row)
    page.press(".toast .act")
    page.one(row)
    assert service.get(f"/v1/tracks/{track['id']}").status_code == 200
    page.press(f"{row} [data-act=delete]")
    page.gone(row)
    page.press(".toast [aria-label=Close]")  # the toast goes, and with it the way back
    ends_at = time.monotonic() + 10
    while service.get(f"/v1/tracks/{track['id']}").status_code != 404:
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def test_what_waits_to_be_deleted_goes_when_the_page_is_left(page, service):
    track = tracks(service, "tune 3")[0]
    page.go("#/library")
    page.press(f"#tracks [data-track='{track['id']}'] [data-act=delete]")
    page.one(".toast .act")
    page.driver.get("about:blank")
    ends_at = time.monotonic() + 10
    while service.get(f"/v1/tracks/{track['id']}").status_code != 404:
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def test_shows_what_sounds_alike(page, service):
    track = tracks(service, "song 1.wav")[0]
    page.go("#/library")
    page.press(f"#tracks [data-track='{track['id']}'] [data-act=similar]")
    page.one("dialog .list-row .alike")
    page.says("dialog section:last-of-type .row-title", "song 1 again")
    page.press("dialog .list-row button")  # plays at the moment that is alike
    page.until("return document.querySelector('.bar').checkVisibility()")
    page.until(
        "return document.querySelector('dialog [data-plays] use').href.baseVal.endsWith('#pause')"
    )
    page.press("dialog [aria-label=Close]")
    page.press(".bar-similar")
    page.says("dialog h2", " at 0:")
    page.one("dialog .list-row .alike")


def test_speaks_both_languages_and_remembers(page):
    page.press("#language-switch")
    page.says("#listen-button", "开始听")
    assert page.driver.execute_script("return document.documentElement.lang") == "zh-CN"
    page.go("#/library", fresh=True)
    page.says("h1", "曲库")
    page.press("#language-switch")
    page.says("h1", "Library")
    page.driver.execute_script("localStorage.clear()")
    agent = page.driver.execute_script("return navigator.userAgent")
    for accepted, words in (
        ("zh-TW", "曲库"),
        ("fr-FR", "Library"),
    ):  # nothing was chosen: the browser's
        language = {"userAgent": agent, "acceptLanguage": accepted}
        page.driver.execute_cdp_cmd("Emulation.setUserAgentOverride", language)
        page.go("#/library", fresh=True)
        page.says("h1", words)
    books = page.driver.execute_async_script(
        """const done = arguments[0];
        Promise.all(['en', 'zh'].map((name) => import(`/static/js/i18n/${name}.js`)))
          .then(([en, zh]) => done([en.default, zh.default]))"""
    )
    english, chinese = books
    assert list(english) == list(chinese)
    for key, words in english.items():
        said = " ".join(words.values()) if isinstance(words, dict) else words
        holes = {hole.split("}")[0] for hole in said.split("{")[1:]}
        assert holes == {hole.split("}")[0] for hole in chinese[key].split("{")[1:]}, key


def test_a_title_is_text_whatever_it_holds(page, folder, service):
    track = tracks(service, "song 2")[0]
    names = {"title": EVIL, "artist": EVIL, "album": EVIL, "tags": [EVIL]}
    service.patch(f"/v1/tracks/{track['id']}", json=names).raise_for_status()
    try:
        page.choose(LISTEN_FILE, folder / "clip.wav")
        page.says(".result-title", EVIL)
        page.go("#/library")
        row = f"#tracks [data-track='{track['id']}']"
        page.says(f"{row} .row-title", EVIL)
        page.press(f"{row} [data-act=edit]")
        page.says("dialog h2", EVIL)
        page.press("dialog [aria-label=Close]")
        page.press(f"{row} [data-act=delete]")
        page.says(".toast", EVIL)
        page.press(".toast .act")
        page.one(row)
        assert page.driver.execute_script("return window.hit ?? null") is None
        assert page.driver.find_elements("css selector", "img[src=x]") == []
    finally:
        names = {"title": "", "artist": "", "album": "", "tags": []}
        service.patch(f"/v1/tracks/{track['id']}", json=names).raise_for_status()


def test_everything_by_keyboard(page):
    page.driver.execute_script("document.activeElement.blur()")
    page.type("2")
    page.one("#tracks [data-stop]")
    page.type("/")
    page.until("return document.activeElement.id === 'search'")
    page.type("\ue015")  # arrow down: from the field into the list
    first = page.driver.switch_to.active_element
    assert first.get_attribute("class") == "row-main"
    page.type("\ue015")
    second = page.driver.switch_to.active_element
    assert second != first
    page.type("e")
    page.until("return document.activeElement.id === 'edit-title'")
    page.type("\ue00c")  # Esc
    page.gone("dialog")
    assert page.driver.switch_to.active_element == second
    page.type("\ue017")  # Del
    page.one(".toast .act")
    page.press(".toast .act")
    page.gone(".toast")
    page.driver.execute_script("document.activeElement.blur()")
    page.type("1")
    page.one("#listen-button")
    page.type(" ")
    page.says("#listen-button", "Stop")
    page.type("\ue00c")
    page.says("#listen-button", "Listen")
    page.says("#listen-status", "Hold it to a song")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_can_be_told_apart(page, theme):
    page.driver.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    names = ("bg", "surface", "surface-2", "ink", "muted", "accent", "accent-ink", "accent-soft")
    names += ("accent-strong", "warm", "warm-soft", "danger", "danger-soft")
    hexes = page.driver.execute_script(
        """const style = getComputedStyle(document.documentElement);
        return arguments[0].map((name) => style.getPropertyValue(`--${name}`).trim())""",
        names,
    )
    colour = dict(zip(names, map(luminance, hexes), strict=True))
    for over, under in (
        *((ink, ground) for ink in ("ink", "muted") for ground in ("bg", "surface", "surface-2")),
        *((ink, ground) for ink in ("accent", "warm", "danger") for ground in ("bg", "surface")),
        ("accent-ink", "accent"),
        ("accent-strong", "accent-soft"),
        ("warm", "warm-soft"),
        ("danger", "danger-soft"),
    ):
        high, low = sorted((colour[over], colour[under]), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (over, under)


def luminance(text: str) -> float:
    """Return WCAG's relative luminance of ``#rrggbb``."""
    parts = [int(text[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("small", [False, True], ids=["desk", "phone"])
def test_everything_has_a_name_and_fits(page, small):
    try:
        if small:
            phone(page.driver)
        for route in ("#/", "#/library", "#/jobs", "#/history"):
            page.go(route)
            page.until("return document.querySelector('main > .page')")
            nameless = page.driver.execute_script(
                """return [...document.querySelectorAll(
                    'button, a[href], input, select, textarea, [role=slider], dialog, nav')]
                  .filter((one) => !(one.ariaLabel || one.textContent.trim()
                    || one.labels?.length || one.getAttribute('aria-labelledby')))
                  .map((one) => one.outerHTML.slice(0, 200))"""
            )
            assert nameless == []
            wide = page.driver.execute_script(
                "return [document.documentElement.scrollWidth, innerWidth]"
            )
            assert wide[0] <= wide[1], route
            ids = page.driver.execute_script(
                "return [...document.querySelectorAll('[id]')].map((one) => one.id)"
            )
            assert len(ids) == len(set(ids))
            assert len(page.driver.find_elements("css selector", "main h1")) == 1
        button = page.driver.execute_script(
            """location.hash = '#/'; return new Promise((done) => setTimeout(() => {
              const at = document.getElementById('listen-button').getBoundingClientRect();
              done([at.top + at.height / 2, innerHeight]) }, 100))"""
        )
        if small:
            assert button[0] > button[1] / 2, "the button is out of a thumb's reach"
    finally:
        desk(page.driver)


def test_other_rates_are_brought_to_16_khz_without_aliases(page):
    page.driver.set_script_timeout(20)
    levels = page.driver.execute_async_script(
        """const done = arguments[0];
        const heard = async (hz, rate) => {
          const context = new OfflineAudioContext(1, rate * 2, rate);
          await context.audioWorklet.addModule('/static/js/worklet.js');
          const node = new AudioWorkletNode(context, 'earmark-recorder',
            {processorOptions: {rate_hz: 16000}});
          const blocks = [];
          node.port.onmessage = ({data}) => { if (data.block) blocks.push(...data.block); };
          const tone = new OscillatorNode(context, {frequency: hz});
          tone.connect(node).connect(context.destination);
          tone.start();
          await context.startRendering();
          await new Promise((next) => setTimeout(next, 200));
          const middle = blocks.slice(8000, 24000).map((value) => value / 32767);
          const level = Math.sqrt(middle.reduce((sum, v) => sum + v * v, 0) / middle.length);
          let crossings = 0;
          for (let i = 1; i < middle.length; i += 1)
            if (middle[i - 1] < 0 && middle[i] >= 0) crossings += 1;
          return [blocks.length, level, crossings];
        };
        (async () => done([await heard(1000, 48000), await heard(1000, 44100),
          await heard(11000, 48000), await heard(1000, 16000)]))();"""
    )
    for count, level, crossings in (levels[0], levels[1], levels[3]):
        assert count == pytest.approx(32_000, abs=1_700)
        assert level == pytest.approx(0.7071, abs=0.01)
        assert crossings == pytest.approx(1_000, abs=2)
    assert levels[2][1] < 0.005  # 11 kHz would come back as 5 kHz


def test_asks_for_a_key_where_one_is_needed(page, service):
    asked = {"name": "page", "scopes": ["admin"], "days": None}
    made = service.post("/v1/keys", json=asked).raise_for_status().json()
    entry = {"Authorization": f"Bearer {made['key']}"}
    try:
        page.go(fresh=True)
        page.one("#key").send_keys("ek_wrong")
        page.press("dialog button[type=submit]")
        page.says("dialog .problem", "not known here")
        page.one("#key").clear()
        page.one("#key").send_keys(made["key"])
        page.press("dialog button[type=submit]")
        page.gone("dialog")
        page.go("#/library")
        page.one("#tracks [data-stop]")
        kept = page.driver.execute_script(
            "return [sessionStorage['earmark.key'] ?? null, localStorage['earmark.key'] ?? null]"
        )
        assert kept == [made["key"], None]
        page.go("#/")
        page.press("#listen-button")  # the key goes along over the WebSocket too
        page.says(".result-title", "song 2")
        page.press("#compare-play")
    finally:
        service.delete(f"/v1/keys/{made['id']}", headers=entry).raise_for_status()
        page.driver.execute_script("sessionStorage.clear()")
        complaints(page.driver)  # the browser tells of the 401s


def test_no_other_host_was_asked(tab):
    own = tab.address.removeprefix("http")
    asked = addresses(tab.driver)
    assert any(address.startswith("ws") for address in asked)
    elsewhere = {
        address
        for address in asked
        if not address.startswith(
            (f"http{own}/", f"ws{own}/", f"blob:http{own}/", "data:", "about:")
        )
    }
    assert elsewhere == set()
