// Only what is looked at is built: a page may hold 200 targets of 64 groups, most of them packed.

function prepare(target) {
  const data = JSON.parse(target.querySelector("script.data").textContent);
  const graph = target.querySelector("figure.graph"), heldout = target.querySelector("figure.heldout");
  if (graph) startGraph(graph, data.graph);
  if (heldout) drawHeldout(heldout, data.heldout);
}

function openWhatIf(box) {
  if (box.dataset.ready) return;
  box.dataset.ready = "yes";
  startWhatIf(box, JSON.parse(box.closest(".target").querySelector("script.data").textContent).what_if);
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
function prepareOnce(target) {
  if (target.dataset.ready) return;
  target.dataset.ready = "yes";
  prepare(target);
}

const whole = document.querySelectorAll("section.target");
const seen = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
  seen.unobserve(entry.target);
  prepareOnce(entry.target);
}), { rootMargin: "400px" });
whole.forEach((target) => seen.observe(target));
// Heard on the way down, for it does not bubble: parts that are unpacked later are heard too.
document.addEventListener("toggle", ({ target }) => {
  if (target.matches("details.target")) unpack(target);
  if (target.matches("details.what-if")) openWhatIf(target);
}, true);
window.addEventListener("beforeprint", () => whole.forEach(prepareOnce));
window.addEventListener("hashchange", openNamed);
openNamed();
