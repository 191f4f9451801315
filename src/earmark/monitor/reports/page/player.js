// Plays a stretch of the file that belongs to the input which is shown.
const audio = byId("audio");
let until = null;
let chosen = new Map();
let shown = null;

function say(name) {
  byId("said").textContent = name ? word(name) : "";
  byId("said").dataset.said = name;
}

function load(input) {
  shown = input;
  until = null;
  const own = chosen.get(input.input);
  const beside = input.file.split("/").map(encodeURIComponent).join("/");
  audio.removeAttribute("src");
  say("");
  if (own || input.audio || beside) audio.src = own || input.audio || beside;
  else say("silent");
  audio.load();
}

function play(from, to) {
  until = to;
  if (!audio.src) return say("silent");
  audio.currentTime = from;
  audio.play().catch(() => {});
}

audio.addEventListener("timeupdate", () => {
  if (until !== null && audio.currentTime >= until) {
    until = null;
    audio.pause();
  }
});
audio.addEventListener("error", () => {
  if (audio.getAttribute("src")) say(chosen.has(shown.input) ? "unplayable" : "silent");
});
audio.addEventListener("playing", () => say(""));
byId("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (!file) return;
  chosen.set(shown.input, URL.createObjectURL(file));
  load(shown);
});
