// The chat without reloads: the server sends the same HTML for one turn that it puts on the whole page. What others do
// in the conversation (a person joins, answers, returns it) appears as it happens.

import { blend, fetchPage, follow, newKey, parse, renew } from "./live.js";

const composer = document.querySelector("#composer");
const message = document.querySelector("#message");
const turns = document.querySelector("#turns");
const draft = `draft:${composer.action}`;
const unsent = `unsent:${composer.action}`;
const base = composer.action.replace(/\/messages$/, "");

let moves = 0;
let sending = false;

const field = (name) => composer.elements.namedItem(name);
const address = (turn) => `${base}?helpdesk=${encodeURIComponent(field("helpdesk").value)}${turn ? `&turn=${turn}` : ""}`;
const clone = (id) => document.querySelector(id).content.firstElementChild.cloneNode(true);

const unsettled = () => sending || Boolean(turns.querySelector(".pending"));
const open = () => new URLSearchParams(location.search).get("turn");

const events = () => `${base}/events?helpdesk=${encodeURIComponent(field("helpdesk").value)}`;
const live = follow(events, refresh, unsettled);

/**
 * The page as it is now; the turn that was laid open stays so, and so does what is being written. What was fetched
 * before a turn was sent or laid open is of no use; it is fetched again.
 */
async function refresh() {
  const began = moves;
  const page = await fetchPage(address(open() ?? ""));
  if (began !== moves) return live.now();
  if (unsettled()) return undefined;
  if (!page) return location.reload();
  if (page.querySelector("#turns li")) document.querySelector("#start")?.remove();
  blend("#turns", page);
  return settle(page);
}

function settle(page) {
  renew("#state", page);
  renew("#answering", page);
  const panel = document.querySelector("#panel");
  const shown = panel.hasAttribute("data-open");
  page.querySelector("#panel")?.toggleAttribute("data-open", shown);
  renew("#panel", page);
}

function setBusy(busy) {
  sending = busy;
  composer.setAttribute("aria-busy", String(busy));
  composer.querySelector("button").setAttribute("aria-disabled", String(busy));
}

function swap(id, page) {
  const fresh = page.querySelector(id);
  if (fresh) document.querySelector(id).replaceWith(fresh);
}

function markCurrent(number) {
  for (const element of turns.querySelectorAll("[aria-current]")) element.removeAttribute("aria-current");
  const turn = document.querySelector(`#turn-${number}`);
  for (const element of turn ? [turn, turn.querySelector(".turn-meta")] : []) element.setAttribute("aria-current", "true");
}

/** Sends one message; a failure keeps it on the page with its resend mark, so that sending again acts once. */
async function send(text, key, pending) {
  moves += 1;
  setBusy(true);
  sessionStorage.setItem(unsent, JSON.stringify({ helpdesk: field("helpdesk").value, text, key }));
  const body = new URLSearchParams({ helpdesk: field("helpdesk").value, key, text });
  const headers = { "Accept": "text/event-stream", "X-Form-Token": field("form_token").value, "X-Fragment": "turn" };
  try {
    const response = await fetch(composer.action, { method: "POST", body, headers, redirect: "error" });
    if (!response.ok) return fail(pending, response.status, words(await response.json().catch(() => ({}))), text, key);
    for await (const [event, told] of toldBy(response)) {
      if (event === "stage") stage(pending, told);
      if (event === "turn") return arrive(parse(told), pending);
      if (event === "problem") return fail(pending, told.status, words(told), text, key);
    }
    fail(pending, 0, "", text, key);
  } catch {
    fail(pending, 0, "", text, key);
  } finally {
    setBusy(false);
    live.later();
  }
}

const words = (told) => [told.detail, told.request_id].filter(Boolean).join(" · ");

/** What the server tells on the way to a reply: each event's name and content. */
async function* toldBy(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const parts = (rest + read.value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const [, event, told] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? [];
      if (event) yield [event, JSON.parse(told)];
    }
  }
}

function stage(pending, reached) {
  for (const element of pending.querySelectorAll("[data-stage]")) element.hidden = element.dataset.stage !== reached;
}

/** The reply was checked as a whole; it appears from its first line to its last, for those who like motion. */
function reveal(reply) {
  if (!reply || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const mask = { maskImage: "linear-gradient(#000 40%, transparent 60%)", maskSize: "100% 300%" };
  const frames = [{ ...mask, maskPosition: "0 100%" }, { ...mask, maskPosition: "0 0" }];
  reply.animate(frames, { duration: Math.min(300 + reply.textContent.length, 1000), easing: "ease-out" });
}

function arrive(page, pending) {
  const turn = page.querySelector(".turn");
  document.querySelector(`#${turn.id}`)?.remove();
  for (const element of turns.querySelectorAll("[aria-current]")) element.removeAttribute("aria-current");
  pending.replaceWith(turn);
  swap("#panel", page);
  swap("#state", page);
  field("key").value = page.querySelector("[name=key]").value;
  sessionStorage.removeItem(unsent);
  history.replaceState(null, "", address(turn.id.replace("turn-", "")));
  turn.scrollIntoView({ block: "nearest" });
  reveal(turn.querySelector(".reply"));
}

function fail(pending, status, detail, text, key) {
  const note = clone("#failed-turn");
  const kinds = [...note.querySelectorAll("strong")].map((element) => element.dataset.for);
  const kind = kinds.includes(String(status)) ? String(status) : "500";
  for (const element of note.querySelectorAll("[data-for]")) if (element.dataset.for !== kind) element.remove();
  note.querySelector("[data-detail]").textContent = detail;
  note.querySelector("[data-retry]").addEventListener("click", () => { if (!sending) again(pending, text, key); });
  note.querySelector("[data-edit]").addEventListener("click", () => {
    message.value = text;
    message.focus();
    pending.remove();
    live.later();
    field("key").value = newKey();
  });
  pending.querySelector(".said.agent")?.remove();
  pending.append(note);
  note.scrollIntoView({ block: "nearest" });
}

function again(failed, text, key) {
  const pending = show(text);
  failed.replaceWith(pending);
  send(text, key, pending);
}

function show(text) {
  const pending = clone("#pending-turn");
  pending.querySelector("[data-text]").textContent = text;
  if (document.querySelector("#state").dataset.status === "person") pending.querySelector(".said.agent").remove();
  document.querySelector("#start")?.remove();
  turns.append(pending);
  pending.scrollIntoView({ block: "nearest" });
  return pending;
}

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = (event.submitter?.value || message.value).trim();
  if (sending || !text) return;
  document.querySelector("#trouble")?.remove();
  message.value = "";
  sessionStorage.removeItem(draft);
  const key = field("key").value;
  field("key").value = newKey();
  send(text, key, show(text));
  message.focus();
});

message.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (message.value.trim()) composer.requestSubmit();
});

message.addEventListener("input", () => {
  sessionStorage.setItem(draft, JSON.stringify({ helpdesk: field("helpdesk").value, text: message.value }));
});

/** What was typed or failed before a reload comes back into the field. */
function recall() {
  for (const name of [unsent, draft]) {
    const kept = JSON.parse(sessionStorage.getItem(name) ?? "null");
    const here = kept && (kept.helpdesk === field("helpdesk").value || !turns.children.length);
    if (!here || message.value) continue;
    message.value = kept.text;
    if (kept.key) field("key").value = kept.key;
  }
  sessionStorage.removeItem(unsent);
}

async function select(number, source, remember) {
  const where = source ? `${address(number)}&source=${source}` : address(number);
  const response = await fetch(where, { headers: { Accept: "text/html" } });
  if (!response.ok) return location.assign(where);
  moves += 1;
  swap("#panel", parse(await response.text()));
  markCurrent(number);
  if (remember) history.pushState(null, "", where);
  const target = source ? document.querySelector(`#source-${source} summary`) : document.querySelector("#panel");
  target?.focus({ preventScroll: !source });
  document.querySelector(`#turn-${number}`)?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-turn]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  select(link.dataset.turn, link.dataset.source, true);
});

/** On a phone the panel is a sheet over the conversation. */
function closeSheet() {
  document.querySelector("#panel").removeAttribute("data-open");
  history.replaceState(null, "", document.querySelector("#panel-close")?.href ?? location.href);
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("#panel-close")) return;
  event.preventDefault();
  closeSheet();
});

addEventListener("popstate", () => location.reload());

document.addEventListener("keydown", (event) => {
  const inField = event.target.matches("input, textarea, select");
  if (inField || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const current = Number(turns.querySelector(".turn[aria-current]")?.id.replace("turn-", "") ?? 0);
  const next = { j: current + 1, k: current - 1 }[event.key];
  if (next && document.querySelector(`#turn-${next}`)) {
    event.preventDefault();
    select(next, "", true);
  }
  if (event.key === "Escape") closeSheet();
});

recall();
