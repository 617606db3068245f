// Adds to each table a button that copies it; the page works without it.
for (const tools of document.querySelectorAll(".tools")) {
  const table = tools.closest(".table, .data").querySelector("table");
  if (!table || !navigator.clipboard || !window.ClipboardItem) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy table";
  button.addEventListener("click", async () => {
    const rows = [...table.rows].map((row) => [...row.cells].map((cell) => cell.innerText.replace(/\s+/g, " ")).join("\t"));
    const kinds = { "text/html": table.outerHTML, "text/plain": rows.join("\n") };
    const parts = Object.entries(kinds).map(([kind, text]) => [kind, new Blob([text], { type: kind })]);
    await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(parts))]);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy table"), 2000);
  });
  tools.append(" ", button);
}
