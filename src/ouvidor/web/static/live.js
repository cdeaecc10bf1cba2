// Pages that stay as the server has them: it says that something changed, the page fetches itself and is blended in.

const PAUSE = 150;
const RETRY = 5000;

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
 * Calls `refresh` soon after each change that the server tells, one at a time, and after the connection was lost.
 * While `busy()` holds it waits; `later()` of the answer makes up for it.
 */
export function follow(address, refresh, busy = () => false) {
  const source = new EventSource(address);
  const offline = document.querySelector("#offline");
  let due = 0;
  let running = false;
  let missed = false;
  let opened = false;

  async function run() {
    let pause = PAUSE;
    due = 0;
    if (running || busy()) {
      missed = true;
      return;
    }
    running = true;
    missed = false;
    try {
      await refresh();
    } catch {
      missed = true;
      pause = RETRY;
    } finally {
      running = false;
    }
    if (missed && !busy()) later(pause);
  }

  function later(pause = PAUSE) {
    due ||= setTimeout(run, pause);
  }

  source.addEventListener("change", () => later());
  source.addEventListener("open", () => {
    if (offline) offline.hidden = true;
    if (opened) later();
    opened = true;
  });
  source.addEventListener("error", () => {
    if (offline) offline.hidden = false;
    if (source.readyState === EventSource.CLOSED) later();
  });
  addEventListener("pagehide", () => source.close());
  return { now: () => later(), later: () => { if (missed) later(); } };
}

/** The page at this address as the server has it now; null where it sends us elsewhere, such as to the sign-in. */
export async function fetchPage(address) {
  const response = await fetch(address, { headers: { Accept: "text/html" } });
  if (!response.ok || new URL(response.url).pathname !== new URL(address, location).pathname) return null;
  return parse(await response.text());
}
