// Pages that stay as the server has them: it says that something changed, the page fetches itself and is blended in.

const PAUSE = 150;
const RETRY = 5000;
const REST = 4;
const REFUSALS = [401, 403, 404];

/** The resend mark of a new message; `crypto.randomUUID` is missing where a page is not served over HTTPS. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16)).join("");

export const parse = (html) => new DOMParser().parseFromString(html, "text/html");

/** What an element says, apart from relative times, resend marks, the selection and what the reader unfolded. */
function essence(element) {
  const copy = element.cloneNode(true);
  for (const time of copy.querySelectorAll("time")) time.textContent = "";
  for (const key of copy.querySelectorAll("input[name=key]")) key.remove();
  for (const part of copy.querySelectorAll("details")) part.removeAttribute("open");
  for (const part of [copy, ...copy.querySelectorAll("[aria-current]")]) part.removeAttribute("aria-current");
  return copy.outerHTML;
}

/** What may differ in an element that says the same. */
function touch(element, fresh) {
  const links = [fresh, ...fresh.querySelectorAll("a")];
  [element, ...element.querySelectorAll("a")].forEach((link, at) => {
    const current = links[at]?.getAttribute("aria-current");
    if (current) link.setAttribute("aria-current", current);
    else link.removeAttribute("aria-current");
  });
  const times = fresh.querySelectorAll("time");
  element.querySelectorAll("time").forEach((time, at) => {
    if (times[at] && time.textContent !== times[at].textContent) time.textContent = times[at].textContent;
  });
}

/** The element of this selector as the fresh page has it; one that says the same stays, with its focus and scroll. */
export function renew(selector, page) {
  const element = document.querySelector(selector);
  const fresh = page.querySelector(selector);
  if (!element || !fresh) return;
  if (essence(element) === essence(fresh)) touch(element, fresh);
  else replace(element, fresh);
}

export function replace(element, fresh) {
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  const top = element.scrollTop;
  element.replaceWith(fresh);
  fresh.scrollTop = top;
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

/** A list whose items have ids: what is new is added, what changed replaced; the rest stays, so that it is not read out again. */
export function blend(selector, page) {
  const list = document.querySelector(selector);
  const fresh = page.querySelector(selector);
  if (!list || !fresh) return;
  const known = new Map([...list.children].map((child) => [child.id, child]));
  const items = [...fresh.children].map((child) => {
    const old = known.get(child.id);
    if (!old || essence(old) !== essence(child)) return child;
    touch(old, child);
    return old;
  });
  const stay = new Set(items);
  for (const child of [...list.children]) if (!stay.has(child)) child.remove();
  items.forEach((item, at) => {
    if (list.children[at] !== item) list.insertBefore(item, list.children[at] ?? null);
  });
}

/**
 * Calls `refresh` soon after each change that the server tells, one at a time, and after the connection was lost; the
 * slower the server, the longer it is left alone in between. While `busy()` holds it waits; `later()` of the answer makes
 * up for it. A stream that a proxy refused is asked for again; `reconnect()` does so at once.
 */
export function follow(address, refresh, busy = () => false) {
  const offline = document.querySelector("#offline");
  let source;
  let due = 0;
  let pause = PAUSE;
  let running = false;
  let missed = false;
  let opened = false;

  async function run() {
    due = 0;
    if (running || busy()) {
      missed = true;
      return;
    }
    running = true;
    missed = false;
    const began = performance.now();
    try {
      await refresh();
      pause = Math.max(PAUSE, REST * (performance.now() - began));
    } catch {
      missed = true;
      pause = RETRY;
    } finally {
      running = false;
    }
    if (missed && !busy()) later();
  }

  function later() {
    due ||= setTimeout(run, pause);
  }

  function connect() {
    source?.close();
    source = new EventSource(address());
    source.addEventListener("change", later);
    source.addEventListener("open", () => {
      if (offline) offline.hidden = true;
      if (opened) later();
      opened = true;
    });
    source.addEventListener("error", lose);
  }

  /** The browser connects again by itself, but not after an answer that is no stream. */
  function lose({ target }) {
    if (offline) offline.hidden = false;
    if (target !== source || target.readyState !== EventSource.CLOSED) return;
    later();
    setTimeout(() => { if (source === target) connect(); }, RETRY);
  }

  connect();
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  return { now: later, later: () => { if (missed) later(); }, reconnect: connect };
}

/** Whether the server says that what was asked for is not, or no longer, for this browser: signed out, removed, erased. */
export const refused = (response) => response.redirected || REFUSALS.includes(response.status);

/** The page at this address as the server has it now; null where it is refused us or sends us elsewhere. */
export async function fetchPage(address, headers = {}) {
  const response = await fetch(address, { headers: { Accept: "text/html", ...headers } });
  if (refused(response)) return null;
  if (!response.ok) throw new Error(String(response.status));
  return parse(await response.text());
}
