// One conversation to read: a turn is laid open beside it without losing one's place.

import { blend, fetchPage, replace } from "./live.js";

async function open(link) {
  const page = await fetchPage(link.href).catch(() => null);
  if (!page) return location.assign(link.href);
  blend("#turns", page);
  replace(document.querySelector("#panel"), page.querySelector("#panel"));
  history.pushState(null, "", link.href);
  const source = link.dataset.source && document.querySelector(`#source-${link.dataset.source} summary`);
  (source || document.querySelector("#panel")).focus({ preventScroll: !source });
  document.querySelector(`#turn-${link.dataset.turn}`)?.scrollIntoView({ block: "nearest" });
  return undefined;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-turn], #panel-close");
  if (!link?.href || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.id !== "panel-close") return open(link);
  document.querySelector("#panel").removeAttribute("data-open");
  history.replaceState(null, "", link.href);
  return undefined;
});

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, textarea, select") || event.defaultPrevented) return;
  if (event.ctrlKey || event.metaKey || event.altKey || !"jk".includes(event.key)) return;
  const current = Number(document.querySelector(".turn[aria-current]")?.id.replace("turn-", "") ?? 0);
  const next = document.querySelector(`#turn-${current + (event.key === "j" ? 1 : -1)} .turn-meta`);
  if (!next) return;
  event.preventDefault();
  open(next);
});

addEventListener("popstate", () => location.reload());
