/** Requests to the service: the key goes along, problems come back as errors with a code. */

import { forgetKey, heldKey } from "./keys.js";

/** What the service said was wrong. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} code stable; `offline` where no answer came
   * @param {string} detail the service's own sentence
   * @param {string} [request] its id in the service's logs
   */
  constructor(status, code, detail, request = "") {
    super(detail);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.request = request;
  }
}

/** @type {(refused: boolean) => Promise<boolean>} */
let askForKey = async () => false;

/** @param {typeof askForKey} ask shown when a key is needed; resolves to whether one was given */
export function whenKeyNeeded(ask) {
  askForKey = ask;
}

/** @returns {Record<string, string>} */
export function keyHeader() {
  const key = heldKey();
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/**
 * Ask, and return the answer; a key is asked for once where it is needed.
 * @param {string} path
 * @param {RequestInit & {json?: unknown, ask?: boolean}} [how]
 * @returns {Promise<Response>}
 */
export async function call(path, how = {}) {
  const { json, ask = true, ...init } = how;
  const headers = new Headers(init.headers);
  for (const [name, value] of Object.entries(keyHeader())) headers.set(name, value);
  if (json !== undefined) {
    headers.set("Content-Type", "application/json");
    init.body = JSON.stringify(json);
  }
  let response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (error) {
    if (/** @type {Error} */ (error).name === "AbortError") throw error;
    throw new ApiError(0, "offline", String(error));
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.status === 401 && ask) {
    const had = heldKey() !== null;
    if (had) forgetKey();
    if (await askForKey(had)) return call(path, { ...how, ask: false });
  }
  throw problem;
}

/** @param {Response} response @returns {Promise<ApiError>} */
export async function problemOf(response) {
  const body = await response.text().catch(() => "");
  return problemFrom(response.status, body, response.headers.get("X-Request-ID") ?? "");
}

/** @param {number} status @param {string} body @param {string} request @returns {ApiError} */
export function problemFrom(status, body, request) {
  try {
    const problem = JSON.parse(body);
    return new ApiError(status, problem.code ?? "internal", problem.detail ?? "", request);
  } catch {
    return new ApiError(
      status,
      status >= 500 ? "internal" : "bad_request",
      body.slice(0, 200),
      request,
    );
  }
}

/**
 * @param {string} path
 * @param {RequestInit & {json?: unknown, ask?: boolean}} [how]
 * @returns {Promise<any>}
 */
export async function getJson(path, how) {
  return (await call(path, how)).json();
}

/**
 * A path with its query; empty values are left out.
 * @param {string} path
 * @param {Record<string, string|number|boolean|null|undefined>} query
 */
export function withQuery(path, query) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") parts.set(name, String(value));
  }
  const text = parts.toString();
  return text ? `${path}?${text}` : path;
}

/** @param {string} id @param {string} [rest] @returns {string} */
export function trackPath(id, rest = "") {
  return `/v1/tracks/${encodeURIComponent(id)}${rest}`;
}
