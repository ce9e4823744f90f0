// Only what is looked at is built: a page may hold 200 targets of 64 groups, most of them packed.

function prepare(target) {
  const data = JSON.parse(target.querySelector("script.data").textContent);
  const graph = target.querySelector("figure.graph"), heldout = target.querySelector("figure.heldout");
  if (graph) startGraph(graph, data.graph);
  if (heldout) drawHeldout(heldout, data.heldout);
  const box = target.querySelector("details.what-if");
  if (box) box.addEventListener("toggle", () => startWhatIf(box, data.what_if), { once: true });
}

async function unpack(target) {
  const packed = target.querySelector("script.packed");
  if (!packed) return;
  const bytes = Uint8Array.from(atob(packed.textContent), (letter) => letter.charCodeAt(0));
  packed.remove();
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  // The page's own parts, escaped when they were written.
  target.querySelector(".packed-parts").innerHTML = await new Response(stream).text();
  prepare(target);
}

function openNamed() {
  const named = location.hash.startsWith("#target-") && document.getElementById(location.hash.slice(1));
  if (named && named.tagName === "DETAILS") named.open = true;
}

document.documentElement.classList.add("live");
const whole = document.querySelectorAll("section.target");
const seen = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
  seen.unobserve(entry.target);
  if (!entry.target.dataset.ready) { entry.target.dataset.ready = "yes"; prepare(entry.target); }
}), { rootMargin: "400px" });
whole.forEach((target) => seen.observe(target));
document.querySelectorAll("details.target").forEach((target) => {
  target.addEventListener("toggle", () => unpack(target), { once: true });
});
window.addEventListener("hashchange", openNamed);
openNamed();
