// What every page does beyond plain HTML: the theme without a reload, and the keyboard.

const YEAR = 31_536_000;
const THEMES = ["system", "light", "dark"];

function switchTheme(link) {
  const root = document.documentElement;
  const theme = THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
  root.dataset.theme = theme;
  document.cookie = `theme=${theme}; path=/; max-age=${YEAR}; samesite=lax`;
  link.setAttribute("aria-label", link.dataset[theme]);
}

document.querySelector("#theme")?.addEventListener("click", (event) => {
  event.preventDefault();
  switchTheme(event.currentTarget);
});

document.querySelector(".tabs [aria-current]")?.scrollIntoView({block: "nearest", inline: "center"});

const isField = (element) => element.matches("input, textarea, select, [contenteditable]");

/** Elements say which keys lead to them: `data-keys="g c"`. Fields are focused, everything else is clicked. */
function follow(keys) {
  const target = document.querySelector(`[data-keys="${CSS.escape(keys)}"]`);
  if (!target) return false;
  if (isField(target)) {
    target.focus();
    target.select?.();
  } else {
    target.click();
  }
  return true;
}

/** The next or previous link of a list, from the one in focus. */
function step(links, distance) {
  const at = links.indexOf(document.activeElement);
  const next = links[at < 0 ? 0 : Math.min(Math.max(at + distance, 0), links.length - 1)];
  next?.focus();
}

let first = "";
let forget = 0;

function typed(key) {
  const keys = first ? `${first} ${key}` : key;
  first = "";
  clearTimeout(forget);
  if (follow(keys)) return true;
  if (key === "g") {
    first = "g";
    forget = setTimeout(() => { first = ""; }, 1500);
    return true;
  }
  if (key === "?") {
    document.querySelector("#keys")?.togglePopover();
    return true;
  }
  if (key === "/") {
    const knowledge = document.querySelector('[data-keys="g k"]');
    if (knowledge) location.assign(`${knowledge.href}#q`);
    return Boolean(knowledge);
  }
  const rows = [...document.querySelectorAll("[data-row]")];
  if (rows.length && (key === "j" || key === "k")) {
    step(rows, key === "j" ? 1 : -1);
    return true;
  }
  return false;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (isField(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "Escape" && document.querySelector(":popover-open")) return;
  if (typed(event.key)) event.preventDefault();
});

if (location.hash === "#q") document.querySelector("#q")?.focus();
