// Correcting without waiting: the next comment is fetched while this one is read, and shown as soon as a word is said.

const FRAGMENT = { headers: { "x-fragment": "1" } };
const place = () => document.querySelector("#correction");
const parsed = (html) => new DOMParser().parseFromString(html, "text/html").querySelector("#correction");

let ahead = Promise.resolve(null);
let turn = 0;
let sending = Promise.resolve();

async function read(address, options = {}) {
  const answer = await fetch(address, { ...FRAGMENT, ...options });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return parsed(await answer.text());
}

function fetchAhead() {
  const address = place().dataset.next;
  ahead = address ? read(address).catch(() => null) : Promise.resolve(null);
}

/** Whoever goes through the buttons by Tab goes on from the same one. */
function put(fresh) {
  const held = place().contains(document.activeElement) ? document.activeElement : null;
  place().replaceWith(fresh);
  if (held?.id === "narrow") fresh.querySelector("#narrow")?.focus();
  else if (held?.name === "category") fresh.querySelector(`[name=category][value="${held.value}"]`)?.focus();
  history.replaceState(null, "", location.pathname);
  document.querySelector(".page-body").scrollTop = 0;
  fetchAhead();
}

const shown = (section) => section.querySelector(".answers-given")?.action ?? "";

/** The answer tells what was done; the comment that is looked at meanwhile is left alone. */
function settle(fresh, mine) {
  const here = place();
  if (mine === turn && (here.ariaBusy === "true" || shown(fresh) !== shown(here))) {
    put(fresh);
    return;
  }
  for (const part of [".queue-counts", ".told-now"]) here.querySelector(part).replaceWith(fresh.querySelector(part));
}

/** The plain form tells what is wrong, or that there is no connection. */
function giveUp(form, submitter, before) {
  put(before);
  before.ariaBusy = null;
  form.removeAttribute("data-quick");
  form.requestSubmit(submitter);
}

function send(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const before = place();
  const mine = (turn += 1);
  before.ariaBusy = "true";
  if (!form.action.endsWith("/undo")) {
    ahead.then((next) => {
      if (next && mine === turn && place() === before) put(next);
    });
  }
  sending = sending
    .then(() => read(form.action, { method: "POST", body }))
    .then((fresh) => settle(fresh, mine), () => giveUp(form, submitter, before));
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("#correction [data-quick]")) return;
  event.preventDefault();
  if (place().ariaBusy !== "true") send(event.target, event.submitter);
});

document.addEventListener("input", (event) => {
  if (event.target.id !== "narrow") return;
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  for (const button of document.querySelectorAll(".category-buttons .button")) {
    button.hidden = !plain(button.querySelector(".name").textContent).includes(plain(event.target.value));
  }
});

document.addEventListener("keydown", (event) => {
  if (event.target.id !== "narrow" || event.key !== "Enter") return;
  event.preventDefault();
  document.querySelector(".category-buttons .button:not([hidden])")?.click();
});

if (place()) fetchAhead();
