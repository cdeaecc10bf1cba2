// A conversation beside its analysis: pointing at a verdict marks the lines that it rests on, and the other way round.

const verdicts = [...document.querySelectorAll("[data-verdict]")];
const lines = [...document.querySelectorAll("[data-marks]")];
let chosen = new URLSearchParams(location.search).get("mark") ?? "";

const marksOf = (line) => line.dataset.marks.split(" ");

function mark(key) {
  for (const line of lines) line.classList.toggle("marked", marksOf(line).includes(key));
}

function choose(key) {
  chosen = key;
  mark(key);
  for (const verdict of verdicts) verdict.toggleAttribute("aria-current", verdict.dataset.verdict === key);
}

function show(id) {
  const smooth = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  document.getElementById(id)?.scrollIntoView({ block: "center", behavior: smooth ? "smooth" : "auto" });
}

for (const verdict of verdicts) {
  const { verdict: key } = verdict.dataset;
  verdict.addEventListener("pointerenter", () => mark(key));
  verdict.addEventListener("pointerleave", () => mark(chosen));
  verdict.addEventListener("focusin", () => mark(key));
  verdict.addEventListener("focusout", () => mark(chosen));
  verdict.addEventListener("click", (event) => {
    const link = event.target.closest("a") ?? verdict.querySelector("a.chip");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || getSelection().toString()) return;
    event.preventDefault();
    choose(key);
    show(link.hash.slice(1));
    history.replaceState(null, "", link.href);
  });
}

for (const line of lines) {
  const told = verdicts.filter((verdict) => marksOf(line).includes(verdict.dataset.verdict));
  line.addEventListener("pointerenter", () => told.forEach((verdict) => verdict.classList.add("pointed")));
  line.addEventListener("pointerleave", () => told.forEach((verdict) => verdict.classList.remove("pointed")));
}
