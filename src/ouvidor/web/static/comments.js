// Files dropped onto the form, and progress that keeps current.

const drop = document.querySelector("[data-drop]");
if (drop) {
  const place = drop.querySelector(".drop");
  const mark = (over) => (event) => {
    event.preventDefault();
    place.classList.toggle("over", over);
  };
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, mark(true));
  drop.addEventListener("dragleave", mark(false));
  drop.addEventListener("drop", (event) => {
    mark(false)(event);
    if (event.dataTransfer.files.length !== 1) return;
    drop.querySelector("input[type=file]").files = event.dataTransfer.files;
  });
}

const seconds = (count) => new Promise((done) => setTimeout(done, 1000 * count));

/** While a job is under way its part of the page is read anew; when it is over the whole page is. */
async function keepCurrent() {
  for (let work = document.querySelector("#work"); work?.dataset.running; work = document.querySelector("#work")) {
    await seconds(1);
    if (document.hidden || work.matches(":focus-within") || work.querySelector(":popover-open")) continue;
    const answer = await fetch(work.dataset.running, { headers: { "x-fragment": "1" } }).catch(() => null);
    if (!answer?.ok) {
      await seconds(8);
      continue;
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#work");
    work.replaceWith(fresh);
    if (!fresh.dataset.running) location.reload();
  }
}

keepCurrent();
