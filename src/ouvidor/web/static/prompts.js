// A line that is wrong leads to its place in the text.

const text = document.querySelector("#text");

function select(line) {
  const lines = text.value.split("\n");
  const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  text.focus();
  text.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
  text.scrollTop = (text.scrollHeight * (line - 3)) / lines.length;
}

for (const where of document.querySelectorAll("[data-line]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link";
  button.textContent = where.textContent;
  button.addEventListener("click", () => select(Number(where.dataset.line)));
  where.replaceChildren(button);
}
