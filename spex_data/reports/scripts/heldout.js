// What was predicted of held-out masks against what was measured, and the same as a table.

function drawHeldout(figure, data) {
  const width = 420, height = 400, edge = { left: 58, right: 12, top: 12, bottom: 48 };
  const all = [...data.actual, ...data.predicted];
  const margin = 0.06 * (d3.max(all) - d3.min(all)) || 1;
  const ends = [d3.min(all) - margin, d3.max(all) + margin];
  const across = d3.scaleLinear(ends, [edge.left, width - edge.right]);
  const up = d3.scaleLinear(ends, [height - edge.bottom, edge.top]);
  const svg = d3.select(figure).select(".canvas").append("svg").attr("viewBox", [0, 0, width, height])
    .attr("width", width).attr("role", "img").attr("aria-label", figure.dataset.alt);
  const grid = (axis) => axis.ticks(5).tickSizeOuter(0);
  svg.append("g").attr("class", "axis").attr("transform", `translate(0,${height - edge.bottom})`)
    .call(grid(d3.axisBottom(across)).tickSizeInner(-(height - edge.top - edge.bottom)));
  svg.append("g").attr("class", "axis").attr("transform", `translate(${edge.left},0)`)
    .call(grid(d3.axisLeft(up)).tickSizeInner(-(width - edge.left - edge.right)));
  svg.append("line").attr("class", "perfect").attr("x1", across(ends[0])).attr("y1", up(ends[0]))
    .attr("x2", across(ends[1])).attr("y2", up(ends[1]));
  svg.selectAll("circle").data(d3.zip(data.actual, data.predicted)).join("circle").attr("class", "dot")
    .attr("r", 4).attr("cx", (pair) => across(pair[0])).attr("cy", (pair) => up(pair[1]));
  svg.append("text").attr("class", "axis-name").attr("x", (edge.left + width) / 2).attr("y", height - 8)
    .text(`measured (${data.unit})`);
  svg.append("text").attr("class", "axis-name").attr("transform", `translate(14,${(height - edge.bottom) / 2}) rotate(-90)`)
    .text(`predicted (${data.unit})`);
  const details = figure.querySelector("details");
  details.addEventListener("toggle", () => {
    d3.select(details).select("tbody").selectAll("tr").data(d3.zip(data.actual, data.predicted)).join("tr")
      .selectAll("td").data((pair) => [...pair, pair[1] - pair[0]]).join("td").attr("class", "right number").text(written);
  }, { once: true });
}
