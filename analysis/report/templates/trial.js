"use strict";
(async () => {
  const byId = (id) => document.getElementById(id);
  const bytes = Uint8Array.from(atob(byId("packed").textContent), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  // A parsed document never runs what it holds.
  const found = new DOMParser().parseFromString(await new Response(stream).text(), "text/html");
  byId("record").replaceChildren(found.body.firstElementChild);
  const button = byId("unfold");
  let unfolded = false;
  button.hidden = false;
  button.addEventListener("click", () => {
    unfolded = !unfolded;
    for (const each of document.querySelectorAll("details.output")) each.open = unfolded;
    button.textContent = unfolded ? "Fold tool output" : "Unfold tool output";
  });
})();
