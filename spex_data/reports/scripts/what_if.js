"use strict";
// What would a target's value be if only the ticked groups were trained on?
// f(m) = sum of F(S) (-1)^(number of groups of S that are present), the expansion's own terms.

const targets = JSON.parse(document.getElementById("what-if-data").textContent);
const names = Array.from(document.querySelectorAll("#groups .cards > li h3"), (title) => title.textContent);

function predicted(target, present) {
  return target.terms.reduce((sum, term, place) => {
    const odd = term.reduce((count, group) => count + present[group], 0) % 2;
    return sum + (odd ? -target.coefficients[place] : target.coefficients[place]);
  }, 0);
}

function written(value) {
  return (value < 0 ? "\u2212" : "+") + Math.abs(value).toFixed(2);
}

function show(box, target) {
  const present = Array.from(box.querySelectorAll("input"), (tick) => (tick.checked ? 1 : 0));
  const value = predicted(target, present);
  const output = box.querySelector("output");
  const count = present.reduce((sum, one) => sum + one, 0);
  const range = target.half === null
    ? "interval unknown" : `${written(value - target.half)} to ${written(value + target.half)}`;
  output.dataset.value = String(value);
  output.textContent = `${count} of ${present.length} groups: predicted ${written(value)} (${range})`;
}

function build(box, target) {
  const fields = box.querySelector(".ticks");
  names.forEach((name) => {
    const label = document.createElement("label");
    const tick = document.createElement("input");
    const words = document.createElement("bdi");
    tick.type = "checkbox";
    tick.checked = true;
    words.textContent = name;
    label.append(tick, " ", words);
    fields.append(label);
  });
  box.addEventListener("change", () => show(box, target));
  [["all", true], ["none", false]].forEach(([kind, ticked]) => {
    box.querySelector(`button.${kind}`).addEventListener("click", () => {
      box.querySelectorAll("input").forEach((tick) => { tick.checked = ticked; });
      show(box, target);
    });
  });
  show(box, target);
}

// Only what is opened is built: a page may hold 200 targets of 64 groups.
document.querySelectorAll("details.what-if").forEach((box) => {
  box.addEventListener("toggle", () => build(box, targets[box.dataset.target]), { once: true });
});
