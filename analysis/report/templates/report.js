"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const table = byId("all");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const names = rows.map((row) => row.cells[0].textContent);
  const links = rows.map((row) => row.cells[0].querySelector("a").getAttribute("href"));
  const titles = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());

  // ---- search and filter ----
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const selects = [...document.querySelectorAll("#filter select")];
  const search = byId("f-text");
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, n) => {
      const fits = words.every((word) => texts[n].includes(word)) &&
        selects.every((select) => !select.value ||
          row.cells[titles.indexOf(select.dataset.column)].textContent === select.value);
      row.hidden = !fits;
      count += fits;
    });
    byId("f-count").textContent = `${count} of ${rows.length} trials`;
    byId("f-none").hidden = count > 0;
  };
  byId("filter").addEventListener("input", filter);
  byId("filter").addEventListener("submit", (event) => event.preventDefault());

  // ---- sort ----
  const worth = (cell) => cell.dataset.v === undefined ? cell.textContent :
    cell.dataset.v === "" ? Infinity : Number(cell.dataset.v);
  table.tHead.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const head = button.parentElement;
    const down = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down > 0 ? "ascending" : "descending");
    const keyed = rows.map((row) => [worth(row.cells[head.cellIndex]), row]);
    keyed.sort(([a], [b]) => down * (typeof a === "number" ? (a > b) - (a < b) : a.localeCompare(b)));
    body.append(...keyed.map(([, row]) => row));
  });

  // ---- one trial, or two side by side ----
  const viewer = byId("viewer");
  const panes = ["left", "right"].map(byId);
  const details = byId("details");
  let packed = null;
  const shown = [null, null];
  let unfolded = false;

  const unpacked = async (name) => {
    packed ??= JSON.parse(details.textContent);
    const bytes = Uint8Array.from(atob(packed[name]), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  const fold = () => {
    for (const each of viewer.querySelectorAll("details.output")) each.open = unfolded;
    byId("v-unfold").textContent = unfolded ? "Fold tool output" : "Unfold tool output";
  };
  const show = async (side, n) => {
    if (shown[side] === n) return;
    shown[side] = n;
    const place = panes[side].querySelector(".body");
    const choose = panes[side].querySelector("select");
    if (!choose.length) choose.append(...names.map((name, at) => new Option(name, at)));
    choose.value = n ?? "";
    if (n === null) return place.replaceChildren();
    if (!details) {
      const frame = document.createElement("iframe");
      frame.title = names[n];
      frame.src = links[n];
      return place.replaceChildren(frame);
    }
    // A parsed document never runs what it holds.
    const found = new DOMParser().parseFromString(await unpacked(names[n]), "text/html");
    if (shown[side] !== n) return;
    place.replaceChildren(found.body.firstElementChild);
    place.scrollTop = 0;
    fold();
  };
  const open = (left, right) => {
    viewer.classList.toggle("two", right !== null);
    byId("v-beside").setAttribute("aria-pressed", String(right !== null));
    byId("v-unfold").hidden = !details;
    byId("v-title").textContent = right === null ? "One trial" : "Two trials side by side";
    const done = Promise.all([show(0, left), show(1, right)]);
    if (!viewer.open) viewer.showModal();
    return done;
  };
  const address = (left, right) => "#trial=" + encodeURIComponent(names[left]) +
    (right === null ? "" : "&beside=" + encodeURIComponent(names[right]));
  const go = (left, right) => { location.hash = address(left, right); };
  const follow = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    const left = names.indexOf(asked.get("trial"));
    const right = names.indexOf(asked.get("beside"));
    if (left >= 0) open(left, right >= 0 ? right : null);
    else if (viewer.open) viewer.close();
  };
  const next = (n) => {
    const cells = (row) => row.cells[titles.indexOf("task")].textContent;
    const other = rows.findIndex((row, at) => at !== n && cells(row) === cells(rows[n]) &&
      row.cells[titles.indexOf("arm")].textContent !==
      rows[n].cells[titles.indexOf("arm")].textContent);
    return other >= 0 ? other : (n + 1) % rows.length;
  };

  let picked = null;
  body.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-open]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      go(Number(link.dataset.open), null);
    }
    const button = event.target.closest("button.pick");
    if (!button) return;
    const n = Number(button.dataset.pick);
    if (picked === null) {
      picked = n;
      button.setAttribute("aria-pressed", "true");
    } else {
      const first = picked;
      picked = null;
      for (const each of body.querySelectorAll("button.pick")) each.setAttribute("aria-pressed", "false");
      if (first !== n) go(first, n);
    }
  });
  panes.forEach((pane, side) => pane.querySelector("select").addEventListener("change", (event) => {
    const n = Number(event.target.value);
    go(side ? shown[0] : n, side ? n : shown[1]);
  }));
  byId("v-beside").addEventListener("click", () =>
    go(shown[0], shown[1] === null ? next(shown[0]) : null));
  byId("v-unfold").addEventListener("click", () => { unfolded = !unfolded; fold(); });
  byId("v-close").addEventListener("click", () => viewer.close());
  viewer.addEventListener("close", () => {
    const back = shown[0];
    if (location.hash.startsWith("#trial=")) history.replaceState(null, "", "#trials");
    rows[back]?.querySelector("a").focus();
  });
  addEventListener("hashchange", follow);
  follow();
})();
