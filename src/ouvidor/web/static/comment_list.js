// The list of comments beyond plain HTML: ticking many, by key as well.

const boxes = [...document.querySelectorAll('input[form="bulk"][name="id"]')];
const all = document.querySelector("#tick-all");

function count() {
  const ticked = boxes.filter((box) => box.checked).length;
  const badge = document.querySelector("#tick-count");
  const told = document.querySelector("#ticked");
  badge.textContent = String(ticked);
  badge.hidden = !ticked;
  told.textContent = ticked ? `(${ticked})` : `(${told.dataset.none})`;
  all.checked = ticked === boxes.length;
  all.indeterminate = ticked > 0 && ticked < boxes.length;
  document.querySelector(`#bulk [name="which"][value="${ticked ? "ticked" : "found"}"]`).checked = true;
}

if (boxes.length && all) {
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    count();
  });
  for (const box of boxes) box.addEventListener("change", count);
  addEventListener("pageshow", count);
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "x" || event.ctrlKey || event.metaKey || event.altKey) return;
  document.activeElement?.closest?.("tr")?.querySelector('[name="id"]')?.click();
});
