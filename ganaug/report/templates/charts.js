// Small charts as SVG. Each takes plain data and returns an element; text goes in as text, never as markup.
"use strict";
const SVG = "http://www.w3.org/2000/svg";

function el(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  for (const child of children) made.append(child);
  return made;
}

function text(x, y, words, attributes, most) {
  const full = String(words);
  const made = el("text", { x, y, ...attributes }, most && full.length > most ? full.slice(0, most - 1) + "…" : full);
  if (most && full.length > most) made.append(el("title", {}, full));
  return made;
}

const picture = (width, height, label) => el("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
const written = (v) => v.toLocaleString("en-US", { maximumSignificantDigits: 4 });
const percent = (share) => (share * 100).toFixed(share > 0 && share < 0.0995 ? 1 : 0) + "%";
const fixed = (number) => Math.round(number * 10) / 10;

function sharesOf(column, k) {
  if (k < 0) return [column.real, column.synthetic];
  return column.by_class[k].map((counts) => {
    const there = counts.slice(0, -1), sum = there.reduce((a, b) => a + b, 0) || 1;
    return there.map((count) => count / sum);
  });
}

function columnChart(column, k) {
  const [real, synthetic] = sharesOf(column, k);
  const label = `${column.name}: shares of values, real and synthetic; typical value ${column.middle[0]} and ${column.middle[1]}`;
  return column.levels ? levelBars(column.levels, real, synthetic, label) : histogram(column, real, synthetic, label);
}

function histogram(column, real, synthetic, label) {
  const width = 300, height = 118, base = 98, n = real.length, step = width / n;
  const top = Math.max(...real, ...synthetic) || 1, y = (share) => fixed(base - (share / top) * (base - 6));
  const made = picture(width, height, label);
  let path = `M0 ${base}`;
  for (let i = 0; i < n; i++) {
    const from = fixed(i * step), bar = el("g", {});
    if (real[i]) bar.append(el("rect", { class: "b-real", x: from, y: y(real[i]), width: fixed(step), height: fixed(base - y(real[i])) }));
    bar.append(el("rect", { x: from, y: 0, width: fixed(step), height: base, "fill-opacity": 0 }));
    const [low, high] = [column.edges[i], column.edges[i + 1]].map(written);
    const where = column.kind === "date" ? "" : `${low} to ${high}: `;
    bar.append(el("title", {}, `${where}real ${percent(real[i])}, synthetic ${percent(synthetic[i])}`));
    made.append(bar);
    path += `L${from} ${y(synthetic[i])}L${fixed((i + 1) * step)} ${y(synthetic[i])}`;
  }
  made.append(el("path", { class: "b-syn", d: path + `L${width} ${base}`, "pointer-events": "none" }));
  made.append(el("path", { class: "axis", d: `M0 ${base}H${width}` }));
  made.append(text(0, 112, column.low), text(width, 112, column.high, { "text-anchor": "end" }));
  return made;
}

function levelBars(levels, real, synthetic, label) {
  const longest = Math.min(17, Math.max(...levels.map((level) => level.length)));
  const row = 21, width = 300, left = 14 + 6 * longest, room = width - left - 84, height = levels.length * row + 4;
  const top = Math.max(...real, ...synthetic) || 1, made = picture(width, height, label);
  levels.forEach((level, i) => {
    const y = i * row + 3, long = (share) => fixed(Math.max(0, (share / top) * room));
    made.append(text(left - 8, y + 11, level, { "text-anchor": "end" }, 17));
    made.append(el("g", {}, el("title", {}, `${level}: real ${percent(real[i])}, synthetic ${percent(synthetic[i])}`),
      el("rect", { class: "b-real", x: left, y, width: long(real[i]), height: 7 }),
      el("rect", { class: "b-syn", "stroke-width": 1.2, x: left, y: y + 8.5, width: long(synthetic[i]), height: 6 })));
    made.append(text(left + Math.max(long(real[i]), long(synthetic[i])) + 6, y + 11, `${percent(real[i])} / ${percent(synthetic[i])}`));
  });
  return made;
}

// The same for the same point each time: no chance is needed, only steps that fill a square evenly (Roberts 2018, R2).
const aside = (i, step, ratio) => step * (((i * ratio) % 1) - 0.5) * 0.7;

function marks(group, xs, ys, x, y, isReal, faded) {
  let crosses = "", faint = "";
  for (let i = 0; i < xs.length; i++) {
    const px = fixed(x(xs[i])), py = fixed(y(ys[i])), weak = faded && faded(i);
    if (isReal) group.append(el("circle", { class: "p-real" + (weak ? " faded" : ""), cx: px, cy: py, r: 2.1 }));
    else if (weak) faint += `M${px - 2} ${py - 2}l4 4m0 -4l-4 4`;
    else crosses += `M${px - 2} ${py - 2}l4 4m0 -4l-4 4`;
  }
  if (faint) group.append(el("path", { class: "p-syn faded", d: faint }));
  if (crosses) group.append(el("path", { class: "p-syn", d: crosses }));
}

function pointsChart(pair) {
  const width = 460, height = 212, panel = 214, bottom = 176;
  const made = picture(width, height, `${pair.second} against ${pair.first}: rank correlation ${pair.strength[0]} of real, ${pair.strength[1]} of synthetic rows`);
  [["real", 0], ["synthetic", width - panel]].forEach(([side, left], which) => {
    const place = (v, { low, high, step }) => (v - low + step / 2) / (high - low + step);
    const x = (v) => left + 4 + place(v, pair.x) * (panel - 8), y = (v) => bottom - 4 - place(v, pair.y) * (bottom - 26);
    made.append(text(left, 11, `${side}, ρ = ${pair.strength[which].toFixed(2)}`, { class: "name" }));
    made.append(el("rect", { class: "axis", x: left, y: 18, width: panel, height: bottom - 18, rx: 3 }));
    const group = el("g", {});
    const [xs, ys] = ["x", "y"].map((axis, at) => pair[side][at].map((v, i) => v + aside(i, pair[axis].step, at ? 0.56984 : 0.754878)));
    marks(group, xs, ys, x, y, side === "real");
    made.append(group, text(left, bottom + 13, pair.x.text[0]), text(left + panel, bottom + 13, pair.x.text[1], { "text-anchor": "end" }));
  });
  made.append(text(width / 2, height - 4, `→ ${pair.first} (${pair.x.text[0]} to ${pair.x.text[1]})   ↑ ${pair.second} (${pair.y.text[0]} to ${pair.y.text[1]})`,
    { "text-anchor": "middle" }, 76));
  return made;
}

function boxesChart(pair) {
  const row = 30, width = 460, left = 130, height = pair.levels.length * row + 26, made = picture(width, height,
    `${pair.second} for each ${pair.first}: medians and quartiles; correlation ratio ${pair.strength[0]} of real, ${pair.strength[1]} of synthetic rows`);
  const x = (v) => fixed(left + Math.min(1, Math.max(0, (v - pair.y.low) / (pair.y.high - pair.y.low))) * (width - left - 6));
  pair.levels.forEach((level, i) => {
    const top = i * row + 4;
    made.append(text(left - 9, top + 15, level, { "text-anchor": "end" }, 22));
    [["real", 0, "b-real"], ["synthetic", 12, "b-syn"]].forEach(([side, down, kind]) => {
      const q = pair[side][i];
      if (!q) return;
      const y = top + down, line = side === "real" ? "l-real" : "b-syn";
      made.append(el("g", {}, el("title", {}, `${level}, ${side}: median ${q[2]}, half of them from ${q[1]} to ${q[3]}`),
        el("path", { class: line, "stroke-width": 1, d: `M${x(q[0])} ${y + 5}H${x(q[1])}M${x(q[3])} ${y + 5}H${x(q[4])}` }),
        el("rect", { class: kind, x: x(q[1]), y, width: Math.max(1, fixed(x(q[3]) - x(q[1]))), height: 10, rx: 1.5 }),
        el("path", { class: line, "stroke-width": 2, d: `M${x(q[2])} ${y}v10` })));
    });
  });
  made.append(el("path", { class: "axis", d: `M${left} ${height - 20}H${width - 6}` }));
  made.append(text(left, height - 6, pair.y.text[0]), text(width - 6, height - 6, pair.y.text[1], { "text-anchor": "end" }),
    text((left + width) / 2, height - 6, pair.second, { "text-anchor": "middle" }, 34));
  return made;
}

function sharesChart(pair) {
  const [rows, columns] = pair.levels, cell = 21, left = 104, gap = 18, foot = 62, n = columns.length;
  const width = 460, side = (width - left - gap) / 2, w = side / n, height = rows.length * cell + 22 + foot;
  const made = picture(width, height, `${pair.first} and ${pair.second} together: shares of rows; Cramér's V ${pair.strength[0]} of real, ${pair.strength[1]} of synthetic rows`);
  const top = Math.max(...pair.real.flat(), ...pair.synthetic.flat()) || 1;
  rows.forEach((level, i) => made.append(text(left - 8, 22 + i * cell + 14, level, { "text-anchor": "end" }, 17)));
  [["real", left], ["synthetic", left + side + gap]].forEach(([name, at], which) => {
    made.append(text(at, 11, `${name}, V = ${pair.strength[which].toFixed(2)}`, { class: "name" }));
    pair[name].forEach((shares, i) => shares.forEach((share, j) => {
      const y = 18 + i * cell, x = at + j * w;
      made.append(el("g", {}, el("title", {}, `${rows[i]} and ${columns[j]}: ${percent(share)} of the ${name} rows`),
        el("rect", { class: "h-back", x: fixed(x), y, width: fixed(w - 1.5), height: cell - 1.5, rx: 2 }),
        el("rect", { class: which ? "h-minus" : "h-real", "fill-opacity": fixed((share / top) * 8) / 10, x: fixed(x), y, width: fixed(w - 1.5), height: cell - 1.5, rx: 2 })));
    }));
    columns.forEach((level, j) => {
      const x = fixed(at + (j + 0.5) * w + 3), y = 18 + rows.length * cell + 9;
      made.append(text(x, y, level, { "text-anchor": "end", transform: `rotate(-45 ${x} ${y})` }, 11));
    });
  });
  return made;
}

function correlationChart(maps) {
  const names = maps.columns, n = names.length, left = 128, gap = 26, cell = Math.min(463 / n, 44), span = cell * n;
  const width = left + 2 * span + gap, height = span + 30, made = picture(width, height, `Rank correlations of ${n} columns among real rows and among synthetic rows`);
  made.style.maxWidth = `${width}px`;
  names.forEach((name, i) => made.append(text(left - 9, 22 + (i + 0.5) * cell + 4, name, { "text-anchor": "end" }, 20)));
  [["real", left], ["synthetic", left + span + gap]].forEach(([which, at]) => {
    made.append(text(at, 12, which, { class: "name" }));
    maps[which].forEach((row, i) => row.forEach((rho, j) => {
      const box = { x: fixed(at + j * cell), y: fixed(22 + i * cell), width: fixed(cell - 1), height: fixed(cell - 1), rx: 1.5 };
      made.append(el("rect", { class: "h-back", ...box }), el("rect", { class: rho < 0 ? "h-minus" : "h-real", "fill-opacity": Math.abs(rho), ...box },
        el("title", {}, `${names[i]} and ${names[j]}, ${which}: ${rho.toFixed(2)}`)));
      if (cell >= 27 && i !== j) made.append(text(fixed(at + (j + 0.5) * cell), fixed(22 + (i + 0.5) * cell + 3.5), rho.toFixed(1).replace("0.", ".").replace("-.0", ".0"),
        { class: Math.abs(rho) > 0.55 ? "on-dark" : "name", "text-anchor": "middle", "pointer-events": "none" }));
    }));
  });
  return made;
}

function mapChart(map, options) {
  const width = 460, height = 330, made = picture(width, height, `Map of real and synthetic samples by ${map.method}`);
  const both = (axis) => [...map.real[axis], ...map.synthetic[axis]].sort((a, b) => a - b);
  const scale = (axis, from, to) => {
    const all = both(axis), low = all[Math.floor(all.length * 0.004)], high = all[Math.ceil(all.length * 0.996) - 1], reach = high - low || 1;
    return (v) => from + Math.min(1, Math.max(0, (v - low) / reach)) * (to - from);
  };
  const x = scale(0, 8, width - 8), y = scale(1, height - 8, 8), { real = true, synthetic = true, k = -1 } = options || {};
  made.append(el("rect", { class: "axis", x: 0.5, y: 0.5, width: width - 1, height: height - 1, rx: 6 }));
  for (const [side, shown] of [["real", real], ["synthetic", synthetic]]) {
    const group = el("g", {});
    if (shown) marks(group, map[side][0], map[side][1], x, y, side === "real", (i) => k >= 0 && map[side][2][i] !== k);
    made.append(group);
  }
  return made;
}

function linesChart(steps, curves, label) {
  const width = 460, base = 170, bottom = 206, made = picture(width, bottom + Math.ceil(curves.length / 2) * 15, label);
  const values = curves.flatMap(([, numbers]) => numbers).filter((v) => v !== null);
  const low = Math.min(...values), high = Math.max(...values), reach = high - low || 1, last = steps[steps.length - 1] - steps[0] || 1;
  const x = (i) => fixed(44 + ((steps[i] - steps[0]) / last) * (width - 50)), y = (v) => fixed(base - ((v - low) / reach) * (base - 10));
  const digits = (v) => v.toLocaleString("en-US", { maximumSignificantDigits: 3 });
  for (const v of [low, (low + high) / 2, high]) {
    made.append(el("path", { class: "axis", d: `M44 ${y(v)}H${width - 6}` }), text(38, y(v) + 3.5, digits(v), { "text-anchor": "end" }));
  }
  curves.forEach(([name, numbers], c) => {
    let path = "", pen = "M";
    numbers.forEach((v, i) => { if (v === null) return; path += `${pen}${x(i)} ${y(v)}`; pen = "L"; });
    made.append(el("path", { class: `l-${c % 4}`, d: path }));
    const left = 44 + (c % 2) * 210, down = bottom + Math.floor(c / 2) * 15 + 4;
    made.append(el("path", { class: `l-${c % 4}`, d: `M${left} ${down - 3.5}h26` }), text(left + 33, down, name.replaceAll("_", " "), {}, 32));
  });
  made.append(text(44, base + 14, steps[0]), text(width - 6, base + 14, `step ${steps[steps.length - 1]}`, { "text-anchor": "end" }));
  return made;
}

function seriesChart(sample) {
  const width = 330, one = 74, n = sample.synthetic.length, nearest = sample.real || [], made = picture(width, one * n, "A synthetic series, dashed, and its nearest real one");
  sample.synthetic.forEach((channel, c) => {
    const all = [...channel, ...(nearest[c] || [])].filter((v) => v !== null), low = Math.min(...all), reach = Math.max(...all) - low || 1;
    for (const [values, kind] of [[nearest[c] || [], "l-real"], [channel, "l-syn"]]) {
      if (!values.length) continue;
      const at = (v, i) => `${fixed((i / Math.max(1, values.length - 1)) * width)} ${fixed(one * (c + 1) - 6 - ((v - low) / reach) * (one - 14))}`;
      const line = values.map((v, i) => (v === null ? "" : (i && values[i - 1] !== null ? "L" : "M") + at(v, i)));
      made.append(el("path", { class: kind, d: line.join("") }));
    }
  });
  return made;
}
