// The dashboard: charts drawn in the page's theme over the tables behind them, and the progress of the analysis at work.

const page = document.querySelector(".analyses");
const places = [...document.querySelectorAll("[data-spec]")];
const tables = [...document.querySelectorAll("details.behind")];
const dark = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;

function showTables(open) {
  for (const table of tables) {
    table.open = open;
    table.dataset.ready = "";
  }
}

const theme = () => (root.dataset.theme === "system" ? (dark.matches ? "dark" : "light") : root.dataset.theme);

async function drawAll() {
  const { themes, ...locales } = JSON.parse(page.dataset.look);
  const { config, colours } = themes[theme()];
  const { draw } = await import(page.dataset.code);
  for (const place of places) {
    // The page has headings, legends and a description for those who do not see, all in the reader's language.
    const { title, ...spec } = JSON.parse(place.dataset.spec);
    if (spec.encoding?.color) spec.encoding.color.legend = null;
    const category = spec.usermeta.series.map((name) => colours[name]);
    const look = { ...config, mark: { color: category[0] }, range: { category } };
    try {
      await draw(place, spec, { ...locales, config: look, loader: { target: "_self" } });
      place.querySelector("svg").ariaHidden = "true";
    } catch (fault) {
      console.warn("A chart could not be drawn; its table has the numbers.", fault);
      place.hidden = true;
      place.parentElement.querySelector("details")?.setAttribute("open", "");
    }
    place.dataset.drawn = theme();
  }
}

async function redraw() {
  try {
    await drawAll();
  } catch (fault) {
    console.warn("The charts could not be drawn; the tables have the numbers.", fault);
    for (const place of places) place.hidden = true;
    showTables(true);
  }
}

if (places.length) {
  showTables(false);
  redraw();
  dark.addEventListener("change", redraw);
  new MutationObserver(redraw).observe(root, { attributeFilter: ["data-theme"] });
}

const seconds = (count) => new Promise((done) => setTimeout(done, 1000 * count));

/** While a run is under way its part of the page is read anew; when it is over the figures are, with the whole page. */
async function keepCurrent() {
  for (let work = document.querySelector("#work"); work?.dataset.running; work = document.querySelector("#work")) {
    await seconds(2);
    if (document.hidden || work.matches(":focus-within") || work.querySelector(":popover-open")) continue;
    const answer = await fetch(work.dataset.running, { headers: { "x-fragment": "1" } }).catch(() => null);
    if (!answer?.ok) {
      await seconds(8);
      continue;
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#work");
    const opened = work.querySelector("details")?.open;
    work.replaceWith(fresh);
    if (opened && fresh.querySelector("details")) fresh.querySelector("details").open = true;
    if (!fresh.dataset.running) location.reload();
  }
}

keepCurrent();
