// Small charts as SVG: lines and bands over time, drawn anew from data each time. Text goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 44, RIGHT = 8, TOP = 8, BOTTOM = 20;

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// Round numbers from 0, four at most, that reach the highest value.
export function ticks(highest) {
  if (!(highest > 0)) return [0, 1];
  const rough = highest / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((it) => it >= rough);
  const whole = Math.max(step, highest > 3 ? 1 : step);
  const all = [0];
  while (all[all.length - 1] < highest) all.push(all[all.length - 1] + whole);
  return all;
}

export function short(value) {
  const [scale, unit] = value >= 1e6 ? [1e6, "M"] : value >= 1e4 ? [1e3, "k"] : [1, ""];
  return `${Math.round((value / scale) * 100) / 100}${unit}`;
}

export function clock(time) {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

// `lines` are { kind, steps, values: [[time, number | null]] }, `band` is [[time, low, high]].
export function chart({ lines, band = [], height = 120, label }) {
  // As wide as it is shown, so that its words are as large as others.
  const WIDTH = matchMedia("(max-width: 34rem)").matches ? 330 : 520;
  const values = lines.flatMap((line) => line.values).filter(([, value]) => value !== null);
  const times = values.map(([time]) => time);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const drawn = values.map(([, value]) => value);
  const highest = Math.max(...drawn, 0);
  const marks = ticks(highest);
  const top = marks[marks.length - 1];
  const x = (time) => LEFT + ((time - first) / Math.max(last - first, 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => TOP + (1 - Math.min(value, top) / top) * (height - TOP - BOTTOM);
  const svg = element("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label });
  if (band.length > 1) {
    const upper = band.map(([time, , high]) => `${x(time).toFixed(1)},${y(Math.min(high, top)).toFixed(1)}`);
    const lower = band.map(([time, low]) => `${x(time).toFixed(1)},${y(Math.min(low, top)).toFixed(1)}`).reverse();
    svg.append(element("polygon", { class: "band", points: [...upper, ...lower].join(" ") }));
  }
  for (const mark of marks) {
    svg.append(element("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(mark), y2: y(mark) }));
    svg.append(element("text", { x: LEFT - 6, y: y(mark) + 4, "text-anchor": "end" }, short(mark)));
  }
  svg.append(element("text", { x: LEFT, y: height - 4 }, clock(first)));
  svg.append(element("text", { x: WIDTH - RIGHT, y: height - 4, "text-anchor": "end" }, clock(last)));
  for (const line of lines) {
    let path = "", before = null;
    for (const [time, value] of line.values) {
      if (value === null) { before = null; continue; }
      const [here, there] = [x(time).toFixed(1), y(value).toFixed(1)];
      if (before === null) path += `M${here} ${there}`;
      else path += line.steps ? `H${here}V${there}` : `L${here} ${there}`;
      before = value;
    }
    svg.append(element("path", { class: `line ${line.kind}`, d: path || "M0 0" }));
  }
  return svg;
}
