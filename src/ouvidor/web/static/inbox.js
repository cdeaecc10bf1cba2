// The inbox without reloads. Every button is a plain form; here it is sent by a script, and the page that comes back is
// blended in. What is being written is kept per conversation until it is sent.

import { blend, fetchPage, follow, newKey, parse, refused, renew, replace } from "./live.js";

const MINUTE = 60_000;
const IDLE = 60 * MINUTE;
const base = location.pathname;

let moves = 0;
let busy = false;
let idle = false;
let tried = { key: "", text: "" };

const find = (selector) => document.querySelector(selector);
const chosen = () => find("#foot")?.dataset.conversation ?? "";
const draftName = () => `desk:${base}:${chosen()}`;
const draft = () => sessionStorage.getItem(draftName()) ?? "";

const live = follow(() => `${base}/events${idle ? "?idle=yes" : ""}`, refresh, () => busy);

/** What was fetched for a place that was left meanwhile is of no use; the place of now is fetched next. */
async function refresh() {
  const began = moves;
  const page = await fetchPage(location.href, idle ? { "X-Idle": "yes" } : {});
  if (began !== moves) return live.now();
  if (busy) return undefined;
  if (page) return show(page);
  return location.reload();
}

/** Blend in a page. `fresh` replaces the foot with what the server made of it (a reply sent, a suggestion, a refusal). */
function show(page, fresh = false) {
  document.title = page.title;
  const word = page.querySelector("#word").textContent;
  if (find("#word").textContent !== word) find("#word").textContent = word;
  renew("#presence", page);
  if (!find("#colleagues")?.matches(":popover-open")) renew("#colleagues", page);
  renew("#list", page);
  find("#inbox").toggleAttribute("data-chosen", page.querySelector("#inbox").hasAttribute("data-chosen"));
  const same = find("#desk").dataset.conversation === page.querySelector("#desk").dataset.conversation;
  if (same && chosen()) {
    renew("#desk-bar", page);
    blend("#turns", page);
    keepOpen(page);
    renew("#panel", page);
    showFoot(page, fresh);
  } else {
    for (const part of ["#desk", "#panel"]) find(part)?.remove();
    find("#inbox").append(...["#desk", "#panel"].map((part) => page.querySelector(part)).filter(Boolean));
    recall();
  }
}

function showFoot(page, fresh) {
  const foot = find("#foot");
  const next = page.querySelector("#foot");
  if (fresh || foot.dataset.mode !== next.dataset.mode) {
    replace(foot, next);
    recall();
  } else if (foot.dataset.mode !== "mine") renew("#foot .offer", page);
}

/** What was written for this conversation stands in its field, or beside it where it cannot be sent any more. */
function recall() {
  const field = find("#reply") ?? find("#kept-words");
  if (!field) return;
  if (field.value) remember(field.value);
  else field.value = draft();
  if (field.id === "kept-words") find("#kept").hidden = !field.value;
}

function remember(text) {
  if (text) sessionStorage.setItem(draftName(), text);
  else sessionStorage.removeItem(draftName());
}

/** A refresh does not close a sheet that the reader opened, nor open one. */
function keepOpen(page) {
  page.querySelector("#panel")?.toggleAttribute("data-open", find("#panel").hasAttribute("data-open"));
}

/** Go to a place of the inbox without loading the document. */
async function visit(address, remembered = true) {
  moves += 1;
  const mine = moves;
  const page = await fetchPage(address).catch(() => null);
  if (mine !== moves) return undefined;
  if (!page) return location.assign(address);
  if (remembered) history.pushState(null, "", address);
  const opens = page.querySelector("#panel")?.hasAttribute("data-open");
  show(page);
  find("#panel")?.toggleAttribute("data-open", Boolean(opens));
  return undefined;
}

async function send(form, submitter) {
  const address = submitter?.getAttribute("formaction") ?? form.getAttribute("action");
  const says = form.id === "composer" && !submitter?.hasAttribute("formaction");
  if (says) markOf(form);
  const body = new URLSearchParams(new FormData(form, submitter));
  setBusy(true);
  try {
    const response = await fetch(address, { method: "POST", body, headers: { Accept: "text/html" } });
    const page = parse(await response.text());
    if (!page.querySelector("#inbox")) {
      if (refused(response)) return location.reload();
      throw new Error("not the inbox");
    }
    if (says && response.ok) remember("");
    moves += 1;
    if (response.redirected && response.ok) history.replaceState(null, "", response.url);
    show(page, true);
    if (form.id === "composer" || find("#reply")) find("#reply")?.focus();
  } catch {
    find("#notes")?.replaceChildren(find("#failed").content.cloneNode(true));
  } finally {
    setBusy(false);
    live.later();
  }
}

/** Words that failed keep their resend mark, so that they are said once; other words get one of their own. */
function markOf(form) {
  const key = form.elements.namedItem("key");
  const text = form.elements.namedItem("text").value;
  if (tried.key === key.value && tried.text !== text) key.value = newKey();
  tried = { key: key.value, text };
}

function setBusy(now) {
  busy = now;
  find("#foot")?.setAttribute("aria-busy", String(now));
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-desk]")) return;
  event.preventDefault();
  if (!busy) send(event.target, event.submitter);
});

document.addEventListener("input", (event) => {
  if (event.target.id === "reply") remember(event.target.value);
});

document.addEventListener("keydown", (event) => {
  if (event.target.id !== "reply" || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (event.target.value.trim()) event.target.form.requestSubmit();
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-inbox-row], a[data-tab], a[data-turn], .phone-only, #panel-close, #details");
  if (!link?.href || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.id === "panel-close") closeSheet();
  else if (link.id === "details") find("#panel").toggleAttribute("data-open");
  else visit(link.href).then(() => focusOn(link));
});

/** After a turn was chosen the keyboard is at its details. */
function focusOn(link) {
  if (link.dataset.source) find(`#source-${link.dataset.source} summary`)?.focus();
  else if (link.dataset.turn) find("#panel")?.focus({ preventScroll: true });
}

function closeSheet() {
  find("#panel")?.removeAttribute("data-open");
  const address = find("#panel-close")?.href;
  if (address && address !== location.href) visit(address);
}

/** j and k go through the list, from the conversation that stands open. */
function step(distance) {
  const rows = [...document.querySelectorAll("[data-inbox-row]")];
  const at = rows.findIndex((row) => row.hasAttribute("aria-current"));
  const next = rows[at < 0 ? 0 : Math.min(Math.max(at + distance, 0), rows.length - 1)];
  if (!next || at === rows.indexOf(next)) return;
  const id = next.id;
  visit(next.href).then(() => find(`#${id}`)?.scrollIntoView({ block: "nearest" }));
}

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, textarea, select") || event.defaultPrevented) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") closeSheet();
  if (event.key !== "j" && event.key !== "k") return;
  event.preventDefault();
  step(event.key === "j" ? 1 : -1);
});

addEventListener("popstate", () => visit(location.href, false));

const used = () => Number(localStorage.getItem("inbox-used"));

/** An inbox that nobody touched for an hour, in any tab, is no sign that somebody is there: people go home. */
function use() {
  if (Date.now() - used() > MINUTE) localStorage.setItem("inbox-used", String(Date.now()));
  if (idle) judge();
}

function judge() {
  const before = idle;
  idle = Date.now() - used() >= IDLE;
  if (idle !== before) live.reconnect();
}

for (const sign of ["pointerdown", "pointermove", "keydown"]) document.addEventListener(sign, use, { passive: true });

recall();
use();
setInterval(() => {
  judge();
  live.now();
}, MINUTE);
