/** Puts the page together and goes where the address says. */

import { getJson } from "./core/api.js";
import { h } from "./core/dom.js";
import { begin as beginLanguage } from "./core/i18n.js";
import { heldKey } from "./core/keys.js";
import { places } from "./core/say.js";
import { begin as beginTheme, follow } from "./core/theme.js";
import * as history from "./history/view.js";
import * as jobs from "./jobs/view.js";
import * as library from "./library/view.js";
import * as listen from "./listen/view.js";
import * as monitor from "./monitor/view.js";
import { showSimilar } from "./library/similar.js";
import { upload } from "./library/upload.js";
import { makeDrop } from "./shell/drop.js";
import { frame, mark, WAYS } from "./shell/frame.js";
import * as keyDialog from "./shell/keydialog.js";
import { makeBar } from "./shell/player.js";
import { openSettings } from "./shell/settings.js";
import { makeShortcuts } from "./shell/shortcuts.js";

const main = h("main", { id: "main", tabindex: "-1" });

/** @type {Record<string, {view: () => HTMLElement, entered?: () => void, left?: () => void}>} */
const VIEWS = {
  listen,
  library,
  jobs,
  history: { view: () => history.view(listen.recallAnswer), entered: history.entered },
  monitor,
};
/** @type {string|null} */
let shown = null;

/** @returns {string} the view that the address names */
function named() {
  const at = location.hash || "#/";
  const leads = (/** @type {string} */ hash) => at === hash || at.startsWith(`${hash}/`);
  return WAYS.find((way) => leads(way.hash))?.name ?? "listen";
}

function go() {
  const name = named();
  const { view, entered } = VIEWS[name];
  if (shown && shown !== name) VIEWS[shown].left?.();
  shown = name;
  const page = view();
  if (main.firstChild !== page) {
    main.replaceChildren(page);
    scrollTo(0, 0);
  }
  document.body.dataset.view = name;
  mark(name);
  entered?.();
}

function start() {
  beginLanguage();
  beginTheme();
  follow();
  keyDialog.begin();
  document.body.append(
    ...frame(main),
    main,
    makeBar(showSimilar),
    ...places(),
    makeDrop(
      () => named() === "library",
      (files) => {
        if (named() === "library") upload(files);
        else {
          location.hash = "#/";
          listen.ask(files[0], files[0].name);
        }
      },
    ),
  );
  makeShortcuts({
    listen: () => {
      location.hash = "#/";
      document.getElementById("listen-button")?.click();
    },
    stop: listen.leave,
    search: () => {
      location.hash = "#/library";
      go();
      library.focusSearch();
    },
    go: (index) => {
      location.hash = WAYS[index].hash;
    },
    help: openSettings,
  });
  addEventListener("hashchange", go);
  document.addEventListener("earmark:look", () => mark(named()));
  document.addEventListener("earmark:key", go);
  document.addEventListener("earmark:jobs", (event) =>
    jobs.watch(/** @type {CustomEvent} */ (event).detail),
  );
  go();
  document.body.dataset.ready = "true";
  getJson("/v1")
    .then(({ needs_key: needed }) => {
      if (needed && !heldKey()) keyDialog.ask();
    })
    .catch(() => {});
}

start();
