// Where a table is wider than the page, its rows are set as lists: each cell under the heading of
// its column. This is what a telephone shows of the wide ones.
(() => {
  const tables = document.querySelectorAll(".md-typeset table:not([class])");

  for (const table of tables) {
    const headings = [...table.querySelectorAll("thead th")].map((cell) => cell.textContent);
    for (const row of table.querySelectorAll("tbody tr"))
      [...row.cells].forEach((cell, i) => (cell.dataset.heading = headings[i] ?? ""));
  }

  const fit = () => {
    for (const table of tables) {
      delete table.dataset.stacked;
      const room = table.closest("article, li, dd, details").clientWidth;
      if (Math.max(table.scrollWidth, table.offsetWidth) > room + 1) table.dataset.stacked = "";
    }
  };

  // After the equations in tables are typeset, and on a turned telephone again.
  addEventListener("load", () => requestAnimationFrame(fit));
  addEventListener("resize", fit);
})();
