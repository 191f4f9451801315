// Draws one input at a time: the picture, the tables, and what is pressed in them.
const DATA = JSON.parse(byId("data").textContent);
const LANE = 30;
let input = DATA.inputs[0];
let view = { from: 0, to: 1 };
let peaks = null;

const span = (from, to) => ({ from, to });
const share = (at) => (at - view.from) / (view.to - view.from);
const label = (detection) => {
  const { artist, title } = detection.track;
  return artist ? `${artist} - ${title}` : title;
};

// Tracks get colours far from each other, in the order in which they first appear.
const HUES = new Map();

function hue(id) {
  if (!HUES.has(id)) HUES.set(id, Math.round(160 + HUES.size * 137.508) % 360);
  return HUES.get(id);
}

// What sounds at once goes to different lanes: the first one that is free.
function lanes(detections) {
  const ends = [];
  return detections.map((one) => {
    let lane = ends.findIndex((end) => end <= one.start_s + 1e-6);
    if (lane < 0) lane = ends.length;
    ends[lane] = one.end_s;
    return lane;
  });
}

function place(element, from, to) {
  // Cut at the picture's edges, so that the name stays in sight.
  const left = Math.max(0, share(from)), right = Math.min(1, share(to));
  element.style.left = `${100 * left}%`;
  element.style.width = `max(3px, ${100 * (right - left)}%)`;
  return element;
}

function block(from, to, name, text, css) {
  const element = make("button", { type: "button", className: css, textContent: text });
  const told = word("listen", { from: clock(from), to: clock(to), what: name });
  element.title = told;
  element.setAttribute("aria-label", told);
  element.addEventListener("click", () => play(from, to));
  return place(element, from, to);
}

function seen(from, to) {
  return to > view.from && from < view.to;
}

function wave() {
  const canvas = byId("wave");
  const width = canvas.clientWidth, height = canvas.clientHeight, ratio = devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--wave");
  const count = peaks.length / 2, middle = height / 2;
  if (!count) return pen.fillRect(0, middle, width, 1);
  for (let x = 0; x < width; x += 1) {
    const at = (i) => (view.from + (view.to - view.from) * i / width) / input.duration_s * count;
    const first = Math.max(0, Math.floor(at(x)));
    const last = Math.min(count - 1, Math.max(first, Math.ceil(at(x + 1)) - 1));
    let low = 127, high = -127;
    for (let i = first; i <= last; i += 1) {
      low = Math.min(low, peaks[2 * i]);
      high = Math.max(high, peaks[2 * i + 1]);
    }
    if (high < low) continue;
    const top = middle - high / 127 * middle;
    pen.fillRect(x, top, 1, Math.max(1, middle - low / 127 * middle - top));
  }
}

function picture() {
  wave();
  const all = input.detections.map((one, i) => [one, input.lane[i]]);
  byId("lanes").style.height = `${LANE * Math.max(1, ...input.lane.map((lane) => lane + 1))}px`;
  byId("lanes").replaceChildren(...all.filter(([one]) => seen(one.start_s, one.end_s)).map(
    ([one, lane]) => {
      const css = one.second_opinion ? "range second" : "range";
      const element = block(one.start_s, one.end_s, label(one), label(one), css);
      element.style.top = `${LANE * lane}px`;
      element.style.setProperty("--hue", hue(one.track.id));
      element.dataset.id = one.id;
      return element;
    }));
  const blank = [
    ...input.gaps.map((gap) => [gap.kind, gap.start_s, gap.end_s]),
    ...input.outages.map((one) => ["outage", one.start_s, one.end_s]),
  ].filter(([, from, to]) => seen(from, to));
  byId("gaps").replaceChildren(...blank.map(
    ([kind, from, to]) => block(from, to, word(kind), "", `gap ${kind}`)));
  const plays = input.repeats.flatMap((repeat, i) => repeat.plays
    .filter((one) => one.source === input.input && seen(one.start_s, one.end_s))
    .map((one) => block(one.start_s, one.end_s, `R${i + 1}`, `R${i + 1}`, "repeat")));
  byId("marks").replaceChildren(...plays);
  byId("marks").hidden = !input.repeats.length;
  ticks();
  head();
  const whole = view.to - view.from >= input.duration_s - 1e-6;
  byId("pan").hidden = whole;
  byId("pan").value = whole ? 0 : 1000 * view.from / (input.duration_s - (view.to - view.from));
}

function ticks() {
  const steps = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200];
  const most = Math.max(2, byId("picture").clientWidth / 90);
  const step = steps.find((s) => (view.to - view.from) / s <= most) ?? 86400;
  const found = [];
  for (let at = Math.ceil(view.from / step) * step; at < view.to; at += step) {
    const tick = make("span", { textContent: clock(at).replace(/\.0$/, "") });
    tick.style.left = `${100 * share(at)}%`;
    found.push(tick);
  }
  byId("ticks").replaceChildren(...found);
}

function head() {
  const at = audio.currentTime;
  byId("head").hidden = !audio.src || at < view.from || at > view.to || audio.readyState === 0;
  byId("head").style.left = `${100 * share(at)}%`;
}

function zoom(factor, around = (view.from + view.to) / 2) {
  const length = Math.min(input.duration_s, Math.max(1, (view.to - view.from) * factor));
  const from = around - (around - view.from) * length / (view.to - view.from);
  go(from, length);
}

function go(from, length) {
  const start = Math.min(Math.max(0, from), input.duration_s - length);
  view = span(start, start + length);
  picture();
}

function table(place, columns, rows) {
  if (!rows.length) return byId(place).replaceChildren(make("p", { textContent: word("none") }));
  const head = make("tr", {}, ...columns.map(
    (name) => make("th", { scope: "col", textContent: word(name) })));
  const body = rows.map(([from, to, ...cells]) => {
    const what = cells.join(" ");
    const button = make("button", { type: "button", className: "play", textContent: clock(from) });
    button.setAttribute("aria-label", word("listen", { from: clock(from), to: clock(to), what }));
    button.addEventListener("click", () => play(from, to));
    const rest = [clock(to), ...cells].map((text) => make("td", { textContent: text }));
    return make("tr", {}, make("td", {}, button), ...rest);
  });
  byId(place).replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

function tables() {
  const found = input.detections;
  const speed = (one) => (Math.abs(one.time_ratio - 1) < 0.003 ? "" : `x ${one.time_ratio.toFixed(3)}`);
  const shift = (one) => one.pitch_shift_semitones;
  const pitch = (one) => (Math.abs(shift(one)) < 0.05 ? "" : `${shift(one) > 0 ? "+" : ""}${shift(one).toFixed(2)}`);
  table("detections", "start end artist title played confidence speed pitch kind".split(" "),
    found.map((one) => [one.start_s, one.end_s, one.track.artist, one.track.title,
      clock(one.played_s), one.confidence.toFixed(2), speed(one), pitch(one), word(one.kind)]));
  table("gap-list", "start end length kind group".split(" "), input.gaps.map((gap) => [
    gap.start_s, gap.end_s, clock(gap.end_s - gap.start_s), word(gap.kind), numbered(gap.group)]));
  table("repeats", "start end length group where".split(" "), input.repeats.flatMap((repeat) =>
    repeat.plays.filter((one) => one.source === input.input).map((one) => [
      one.start_s, one.end_s, clock(one.end_s - one.start_s),
      `${numbered(repeat.id)} (${repeat.plays.length} x)`, elsewhere(repeat)])));
  byId("repeats-card").hidden = !input.repeats.length;
  byId("gaps-card").hidden = !input.gaps.length;
}

function numbered(id) {
  const at = input.repeats.findIndex((repeat) => repeat.id === id);
  return at < 0 ? "" : `R${at + 1}`;
}

function elsewhere(repeat) {
  return [...new Set(repeat.plays.map((one) => one.source))].join(", ");
}

function legend() {
  const kinds = [...new Set(input.gaps.map((gap) => gap.kind))];
  if (input.outages.length) kinds.push("outage");
  byId("legend").replaceChildren(...kinds.map((kind) =>
    make("span", {}, make("i", { className: `gap ${kind}` }), word(kind))));
}

function text() {
  document.documentElement.lang = language;
  for (const one of document.querySelectorAll("[data-word]")) one.textContent = word(one.dataset.word);
  for (const one of document.querySelectorAll("[data-title]")) {
    one.title = word(one.dataset.title);
    one.setAttribute("aria-label", one.title);
  }
  byId("language").textContent = language === "en" ? "中文" : "English";
  byId("language").lang = language === "en" ? "zh" : "en";
  byId("name").textContent = input.input;
  byId("facts").textContent = word("facts", { duration: clock(input.duration_s),
    played: clock(input.played_s), count: input.detections.length });
  byId("warnings").replaceChildren(...input.warnings.map((one) => make("li", { textContent: one })));
  if (byId("said").dataset.said) say(byId("said").dataset.said);
}

function draw() {
  text();
  legend();
  tables();
  picture();
}

function show(index) {
  input = DATA.inputs[index];
  input.lane ??= lanes(input.detections);
  peaks = new Int8Array(Uint8Array.from(atob(input.peaks), (c) => c.charCodeAt(0)).buffer);
  view = span(0, Math.max(input.duration_s, 0.001));
  load(input);
  draw();
}

byId("inputs").append(...DATA.inputs.map((one, i) => make("option", { value: i, textContent: one.input })));
byId("inputs").parentElement.hidden = DATA.inputs.length < 2;
byId("inputs").addEventListener("change", (event) => show(Number(event.target.value)));
byId("in").addEventListener("click", () => zoom(0.5));
byId("out").addEventListener("click", () => zoom(2));
byId("all").addEventListener("click", () => go(0, Math.max(input.duration_s, 0.001)));
byId("pan").addEventListener("input", (event) => {
  const length = view.to - view.from;
  go(Number(event.target.value) / 1000 * (input.duration_s - length), length);
});
byId("wave").addEventListener("click", (event) => {
  play(view.from + (view.to - view.from) * event.offsetX / byId("wave").clientWidth, null);
});
byId("wave").addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  const at = view.from + (view.to - view.from) * event.offsetX / byId("wave").clientWidth;
  zoom(event.deltaY > 0 ? 1.25 : 0.8, at);
}, { passive: false });
byId("language").addEventListener("click", () => {
  language = language === "en" ? "zh" : "en";
  draw();
});
byId("theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  wave();
});
audio.addEventListener("timeupdate", head);
audio.addEventListener("seeked", head);
addEventListener("resize", picture);
show(0);
document.body.dataset.ready = "true";
