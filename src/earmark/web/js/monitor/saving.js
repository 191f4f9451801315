/** Files of the service, saved by the browser; the key goes along, as a link could not send it. */

import { call } from "../core/api.js";
import { show } from "../core/say.js";
import { wrong } from "./may.js";

/**
 * @param {string} path
 * @param {string} name where the service says none
 */
export async function save(path, name) {
  try {
    const response = await call(path);
    const told = response.headers.get("Content-Disposition") ?? "";
    const [, quoted] = /filename\*=UTF-8''([^;]+)/.exec(told) ?? [];
    const address = URL.createObjectURL(await response.blob());
    const link = document.createElement("a");
    link.href = address;
    link.download = quoted ? decodeURIComponent(quoted) : name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  } catch (error) {
    show({ text: () => wrong(error), look: "bad" });
  }
}
