// What would a target's value be if only the ticked groups were present?
// f(m) = sum of F(S) (-1)^(number of groups of S that are present), the expansion's own terms.

function predicted(data, present) {
  return data.terms.reduce((sum, term, place) => {
    const odd = term.reduce((count, group) => count + present[group], 0) % 2;
    return sum + (odd ? -data.coefficients[place] : data.coefficients[place]);
  }, 0);
}

function showWhatIf(box, data) {
  const present = Array.from(box.querySelectorAll("input"), (tick) => (tick.checked ? 1 : 0));
  const value = predicted(data, present);
  const output = box.querySelector("output");
  const count = present.reduce((sum, one) => sum + one, 0);
  const range = data.half === null
    ? "interval unknown" : `${written(value - data.half)} to ${written(value + data.half)}`;
  output.dataset.value = String(value);
  output.textContent = `${count} of ${present.length} ${box.dataset.many}: predicted ${written(value)} (${range})`;
}

function startWhatIf(box, data) {
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
  box.addEventListener("change", () => showWhatIf(box, data));
  [["all", true], ["none", false]].forEach(([kind, ticked]) => {
    box.querySelector(`button.${kind}`).addEventListener("click", () => {
      box.querySelectorAll("input").forEach((tick) => { tick.checked = ticked; });
      showWhatIf(box, data);
    });
  });
  showWhatIf(box, data);
}
