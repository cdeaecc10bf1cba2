// While an export or an erasure is under way, its lists are read anew every two seconds.

const lists = document.querySelector("#lists");

async function refresh() {
  if (!lists.querySelector("[data-pending]")) return;
  setTimeout(refresh, 2000);
  if (document.hidden || lists.contains(document.activeElement)) return;
  const answer = await fetch(lists.dataset.source, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  lists.innerHTML = page.querySelector("#lists")?.innerHTML ?? lists.innerHTML;
}

if (lists) setTimeout(refresh, 2000);
