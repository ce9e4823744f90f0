// The graph of a target: discs and squares are groups, lines pairs, boxes with lines sets of three and more.
// D3 lays it out (its simulation draws no random numbers of its own, so the picture is the same every time).

const NAME_LENGTH = 26, ROW = 15, MOST_BESIDE = 6, MOST_AT_FIRST = 12;
const VERDICTS = { confirmed: " \u2713", refuted: " \u2717" };

function shortened(name) {
  const letters = Array.from(name);
  return letters.length <= NAME_LENGTH ? name
    : `${letters.slice(0, 17).join("").trimEnd()}…${letters.slice(-8).join("").trimStart()}`;
}

// Pushes boxes apart that overlap, names included: a force as D3 takes it.
function apart() {
  let nodes = [];
  const force = (alpha) => {
    nodes.forEach((one, place) => nodes.slice(place + 1).forEach((other) => {
      const x = other.x - one.x, y = other.y + other.shift - one.y - one.shift;
      const wide = (one.wide + other.wide) / 2 - Math.abs(x), high = (one.high + other.high) / 2 - Math.abs(y);
      if (wide <= 0 || high <= 0) return;
      const axis = wide < high ? "x" : "y";
      const push = 0.5 * Math.min(wide, high) * ((axis === "x" ? x : y) < 0 ? -1 : 1) * Math.max(alpha, 0.3);
      one[axis] -= push;
      other[axis] += push;
    }));
  };
  force.initialize = (all) => { nodes = all; };
  return force;
}

function graphNodes(data, sets) {
  const largest = d3.max([...data.alone.map((one) => Math.abs(one.value)), ...data.sets.map((one) => Math.abs(one.value))]) || 1;
  const members = new Set(sets.flatMap((one) => one.members));
  const beside = data.alone.filter((one) => !members.has(one.members[0]) && Math.abs(one.value) >= 0.08 * largest);
  const shown = [...members, ...beside.slice(0, MOST_BESIDE).map((one) => one.members[0])];
  const known = new Map(data.alone.map((one) => [one.members[0], one]));
  const groups = shown.map((group) => {
    const effect = known.get(group) || null;
    const radius = 6 + 13 * Math.sqrt(Math.abs(effect ? effect.value : 0) / largest);
    const label = shortened(names[group]);
    const wide = Math.max(7 * Array.from(label).length, 2 * radius) + 12;
    return { group, effect, radius, label, wide, high: 2 * radius + 2 * ROW + 12, shift: ROW };
  });
  const hubs = sets.filter((one) => one.members.length > 2)
    .map((set) => ({ hub: set, wide: 62, high: 32, radius: 12, shift: 0 }));
  return { groups, hubs, largest };
}

// Groups that have no part in what is shown stand in rows beneath it.
function inRows(nodes, top, width) {
  const most = Math.max(1, Math.floor(width / d3.max(nodes, (node) => node.wide)));
  nodes.forEach((node, place) => {
    const row = Math.floor(place / most), inRow = Math.min(most, nodes.length - row * most);
    node.x = (width / inRow) * ((place % most) + 0.5) - width / 2;
    node.y = top + 40 + row * 88;
  });
}

function layOut(nodes, links, width) {
  const round = Math.min(width, 560) / 2.6;
  nodes.forEach((node, place) => {
    const turn = (2 * Math.PI * place) / nodes.length - Math.PI / (nodes.length === 2 ? 1 : 2);
    node.x = round * Math.cos(turn);
    node.y = 0.7 * round * Math.sin(turn);
  });
  const apartness = Math.max(150, Math.min(0.44 * width, 260, 700 / Math.sqrt(nodes.length)));
  const half = (node) => Math.max(0, width / 2 - node.wide / 2 - 2);
  const simulation = d3.forceSimulation(nodes).stop()
    .force("links", d3.forceLink(links).distance((link) => (link.hub ? 0.58 : 1) * apartness).strength(0.4))
    .force("charge", d3.forceManyBody().strength(-620).distanceMax(460))
    .force("across", d3.forceX(0).strength(width < 500 ? 0.16 : 0.06))
    .force("down", d3.forceY(0).strength(0.12))
    .force("apart", apart());
  const run = (steps) => {
    for (let step = 0; step < steps; step += 1) {
      simulation.tick();
      nodes.forEach((node) => { node.x = Math.max(-half(node), Math.min(half(node), node.x)); });
    }
  };
  run(220);
  // A name stands on the side that the group's lines leave free.
  nodes.filter((node) => !node.hub).forEach((node) => {
    const ends = links.filter((link) => link.source === node || link.target === node)
      .map((link) => (link.source === node ? link.target : link.source));
    const steep = (end) => (end.y - node.y) / (Math.hypot(end.x - node.x, end.y - node.y) || 1);
    if (d3.sum(ends, (end) => Math.max(0, steep(end))) > d3.sum(ends, (end) => Math.max(0, -steep(end))) + 0.1) node.shift = -ROW;
  });
  run(100);
}

function told(effect) {
  const interval = effect.low === null ? "interval unknown" : `${written(effect.low)} to ${written(effect.high)}`;
  const parts = [`${effect.members.map((group) => names[group]).join(" × ")}: ${written(effect.value)} (${interval})`];
  parts.push(effect.kind);
  if (effect.members.length > 1) {
    parts.push(effect.reported === false ? "not told from chance" : effect.reported ? "reported" : "not tested for chance");
    if (effect.verified) parts.push(effect.verified === "not tested" ? "not retrained" : `retrained: ${effect.verified}`);
  }
  return parts.join("; ");
}

function drawGraph(figure, data, count) {
  const width = Math.max(300, Math.min(figure.clientWidth || 640, 760));
  const sets = data.sets.slice(0, count);
  const { groups, hubs, largest } = graphNodes(data, sets);
  const at = new Map(groups.map((node) => [node.group, node]));
  const pairs = sets.filter((one) => one.members.length === 2)
    .map((set) => ({ set, source: at.get(set.members[0]), target: at.get(set.members[1]) }));
  const spokes = hubs.flatMap((hub) => hub.hub.members
    .map((group) => ({ hub, set: hub.hub, source: hub, target: at.get(group) })));
  const nodes = [...groups, ...hubs];
  const joined = new Set(sets.flatMap((one) => one.members));
  const drawn = nodes.filter((node) => node.hub || joined.has(node.group));
  const beside = nodes.filter((node) => !drawn.includes(node));
  if (drawn.length) layOut(drawn, [...pairs, ...spokes], width);
  if (beside.length) inRows(beside, d3.max(drawn, (node) => node.y + node.high / 2 + node.shift) || 0, width);

  const holder = d3.select(figure).select(".canvas");
  holder.selectAll("*").remove();
  const top = d3.min(nodes, (node) => node.y - node.high / 2 + node.shift) - 10;
  const bottom = d3.max(nodes, (node) => node.y + node.high / 2 + node.shift) + 6;
  const svg = holder.append("svg").attr("viewBox", [-width / 2, top, width, bottom - top])
    .attr("width", width).attr("role", "group").attr("aria-label", figure.dataset.alt);
  const hulls = svg.append("g"), lines = svg.append("g"), marks = svg.append("g"), words = svg.append("g");
  const side = (set) => (set.value > 0 ? "plus" : "minus");
  const thick = d3.scaleLinear([0, largest], [1.4, 8]);

  const hull = hulls.selectAll("path").data(hubs).join("path").attr("class", (hub) => `hull ${side(hub.hub)}`);
  const line = lines.selectAll("line").data([...pairs, ...spokes]).join("line")
    .attr("class", (link) => `link ${side(link.set)}${link.set.reported === false ? " chance" : ""}`)
    .attr("stroke-width", (link) => (link.hub ? 1.4 : thick(Math.abs(link.set.value))));
  const group = marks.selectAll("g").data(groups).join("g").attr("class", "mark")
    .attr("aria-label", (node) => (node.effect ? told(node.effect) : `${names[node.group]}: mean effect unknown`));
  group.append("path").attr("class", (node) => (node.effect ? side(node.effect) : "zero"))
    .attr("d", (node) => d3.symbol(
      node.effect === null ? d3.symbolDiamond : node.effect.value > 0 ? d3.symbolCircle : d3.symbolSquare,
      Math.PI * node.radius ** 2,
    )());
  const beneath = (node, row) => (node.shift > 0 ? node.radius + row * ROW : row * ROW - node.radius - 2 * ROW - 7);
  group.append("text").attr("class", "name").attr("y", (node) => beneath(node, 1)).text((node) => node.label);
  group.append("text").attr("class", "size").attr("y", (node) => beneath(node, 2))
    .text((node) => (node.effect ? writtenBeside(node.effect.value, largest) : "effect unknown"));
  group.append("title").text((node) => names[node.group]);
  const label = words.selectAll("g").data([...pairs, ...hubs.map((hub) => ({ ...hub, set: hub.hub, at: hub }))]).join("g")
    .attr("class", (one) => `mark set ${side(one.set)}${one.at ? " boxed" : ""}${one.set.reported === false ? " chance" : ""}`)
    .attr("aria-label", (one) => told(one.set));
  const says = (one) => `${writtenBeside(one.set.value, largest)}${VERDICTS[one.set.verified] || ""}`;
  const room = (one) => (says(one).length > 6 ? 64 : 50);
  label.append("rect").attr("rx", 5).attr("x", (one) => -room(one) / 2).attr("y", -11).attr("width", room).attr("height", 22);
  label.append("text").attr("dy", "0.35em").text(says);

  function place() {
    line.attr("x1", (one) => one.source.x).attr("y1", (one) => one.source.y)
      .attr("x2", (one) => one.target.x).attr("y2", (one) => one.target.y);
    group.attr("transform", (node) => `translate(${node.x},${node.y})`);
    const taken = groups.map((node) => [node.x, node.y + node.shift, node.wide - 8, node.high - 8, 1]);
    taken.push(...hubs.map((hub) => [hub.x, hub.y, hub.wide, hub.high, 4]));
    const covered = (spot) => d3.sum(taken, ([x, y, wide, high, weight]) =>
      weight * Math.max(0, (wide + 50) / 2 - Math.abs(spot[0] - x)) * Math.max(0, (high + 22) / 2 - Math.abs(spot[1] - y)));
    label.attr("transform", (one) => {
      if (one.at) return `translate(${one.at.x},${one.at.y})`;
      const spots = [0.5, 0.45, 0.55, 0.4, 0.6, 0.33, 0.67, 0.27, 0.73].map((part) => [
        one.source.x + part * (one.target.x - one.source.x), one.source.y + part * (one.target.y - one.source.y)]);
      const free = spots[d3.minIndex(spots, covered)];
      taken.push([...free, room(one), 22, 4]);
      return `translate(${free})`;
    });
    hull.attr("d", (hub) => {
      const corners = hub.hub.members.map((one) => [at.get(one).x, at.get(one).y]);
      const around = d3.polygonHull(corners) || corners;
      return `M${around.join("L")}Z`;
    });
  }
  place();
  wire(figure, svg, { group, label, line, hull }, place);
}

// Pointing at a mark, or reaching it by the arrow keys, says what it is and dims what it has no part in.
function wire(figure, svg, drawn, place) {
  const detail = figure.querySelector(".detail");
  const marks = svg.selectAll(".mark"), nodes = marks.nodes();
  // A group has a part in its own sets and touches the groups that share one; a set touches itself and its groups.
  const sets = drawn.label.data().map((one) => one.set);
  const touches = (one, other) => {
    if (one.set && other.set) return one.set === other.set;
    if (one.set || other.set) return (one.set || other.set).members.includes((one.set ? other : one).group);
    return one === other || sets.some((set) => set.members.includes(one.group) && set.members.includes(other.group));
  };
  function choose(mark) {
    const one = d3.select(mark).datum();
    [drawn.group, drawn.label, drawn.line].forEach((all) => all.classed("dim", (other) => !touches(one, other)));
    drawn.hull.classed("dim", (hub) => !touches(one, { set: hub.hub }));
    detail.textContent = `${mark.getAttribute("aria-label")}.`;
  }
  function release() {
    svg.selectAll(".dim").classed("dim", false);
    detail.textContent = detail.dataset.idle;
  }
  marks.attr("role", "img").attr("tabindex", (_, order) => (order ? -1 : 0));
  marks.on("pointerenter focus", (event) => choose(event.currentTarget)).on("pointerleave blur", release);
  svg.on("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") document.activeElement.blur();
    if (!step) return;
    event.preventDefault();
    const order = nodes.indexOf(document.activeElement);
    nodes[order]?.setAttribute("tabindex", -1);
    const next = nodes[(order + step + nodes.length) % nodes.length];
    next.setAttribute("tabindex", 0);
    next.focus();
  });
  drawn.group.call(d3.drag().on("drag", (event, node) => {
    node.x += event.dx;
    node.y += event.dy;
    place();
  }));
  release();
}

function startGraph(figure, data) {
  const slider = figure.querySelector("input[type=range]"), output = figure.querySelector(".count");
  const size = (one) => Math.abs(one.value), floor = 0.08 * d3.max([...data.sets, ...data.alone], size);
  const told = data.sets.filter((one) => one.reported !== false);
  data.sets = [...told, ...data.sets.filter((one) => one.reported === false)];
  const notable = told.filter((one) => size(one) >= floor).length;
  const first = Math.min(notable || Math.min(told.length, 1), MOST_AT_FIRST);
  const draw = () => {
    drawGraph(figure, data, Number(slider.value));
    output.textContent = `${slider.value} of ${data.sets.length}`;
  };
  slider.max = String(data.sets.length);
  slider.min = "0";
  slider.value = String(first);
  figure.querySelector(".choose").hidden = data.sets.length < 2;
  slider.addEventListener("input", draw);
  draw();
}
