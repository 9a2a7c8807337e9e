// What moves on the page: tabs, filters, and charts that are drawn when they come into view.
const data = JSON.parse(document.getElementById("report-data").textContent);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// ---- charts

const GROUPS = [["losses", /_loss$/], ["logits of real and fake samples", /_logit$/], ["quality", /^(quality|diversity|.*_auc)$/],
  ["gradients", /_norm$/]];
let shownClass = -1;

const CHARTS = {
  column: (i) => columnChart(data.columns[i], shownClass),
  ofclass: (i, k) => columnChart(data.columns[i], data.columns[i].by_class.length ? k : -1),
  pair: (i) => ({ points: pointsChart, boxes: boxesChart, shares: sharesChart })[data.pairs[i].kind](data.pairs[i]),
  correlations: () => correlationChart(data.correlations),
  map: (i) => mapChart(data.embedding, i ? mapOptions() : {}),
  history: (i, g) => {
    const { step, curves } = data.histories[i], chosen = Object.entries(curves).filter(([name]) => GROUPS[g][1].test(name)).slice(0, 8);
    return linesChart(step, chosen, `${GROUPS[g][0]} over the steps of the training`);
  },
  series: (i) => seriesChart(data.series[i]),
};

function draw(holder) {
  const [kind, ...numbers] = holder.dataset.chart.split(":");
  holder.replaceChildren(CHARTS[kind](...numbers.map(Number)));
  holder.dataset.drawn = "yes";
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { watcher.unobserve(entry.target); draw(entry.target); }
}, { rootMargin: "400px" });

function drawLater(holders) {
  for (const holder of holders) { delete holder.dataset.drawn; watcher.unobserve(holder); watcher.observe(holder); }
}

// ---- tabs

const tabs = all(".tabs a"), panels = tabs.map((tab) => document.getElementById(tab.dataset.panel));

function open(place, focus) {
  tabs.forEach((tab, i) => {
    tab.setAttribute("aria-selected", String(i === place));
    tab.tabIndex = i === place ? 0 : -1;
    panels[i].hidden = i !== place;
  });
  if (focus) { tabs[place].focus(); tabs[place].scrollIntoView({ block: "nearest", inline: "nearest" }); }
}

function openPanel(id, target) {
  const place = panels.findIndex((panel) => panel.id === id);
  if (place < 0) return;
  open(place, false);
  try { history.replaceState(null, "", "#" + id); } catch { /* a page within a page has no address of its own */ }
  if (target) target.scrollIntoView({ block: "start" });
  else if (window.scrollY > document.querySelector(".tabs").offsetTop) window.scrollTo(0, document.querySelector(".tabs").offsetTop);
}

document.querySelector(".tabs ul").setAttribute("role", "tablist");
tabs.forEach((tab, i) => {
  tab.parentElement.setAttribute("role", "presentation");
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", panels[i].id);
  panels[i].setAttribute("role", "tabpanel");
  panels[i].tabIndex = 0;
  tab.addEventListener("click", (event) => { event.preventDefault(); openPanel(panels[i].id); });
  tab.addEventListener("keydown", (event) => {
    const n = tabs.length, to = { ArrowRight: (i + 1) % n, ArrowLeft: (i + n - 1) % n, Home: 0, End: n - 1 }[event.key];
    if (to !== undefined) { event.preventDefault(); openPanel(panels[to].id); open(to, true); }
    if (event.key === " ") { event.preventDefault(); tab.click(); }
  });
});
for (const link of all("a[data-goes]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const target = document.getElementById(link.dataset.goes);
    if (target.tagName === "DETAILS") target.open = true;
    openPanel(target.closest(".panel").id, target);
  });
}
const asked = tabs.findIndex((tab) => "#" + tab.dataset.panel === location.hash);
open(Math.max(0, asked), false);

// ---- the tab of columns

const list = document.getElementById("column-list");
if (list) {
  const cards = all("li", list), search = document.getElementById("column-filter"), order = document.getElementById("column-order");
  const which = document.getElementById("column-class"), count = document.getElementById("column-count");
  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    for (const card of cards) {
      card.hidden = !data.columns[card.dataset.column].name.toLowerCase().includes(wanted);
      shown += card.hidden ? 0 : 1;
    }
    count.textContent = `${shown} of ${cards.length} columns`;
  };
  const over = (card) => Number(card.dataset.over);
  const sort = () => {
    const by = { worst: (a, b) => over(b) - over(a), given: (a, b) => a.dataset.column - b.dataset.column };
    by.name = (a, b) => data.columns[a.dataset.column].name.localeCompare(data.columns[b.dataset.column].name);
    list.append(...cards.sort(by[order.value]));
  };
  const choose = () => {
    shownClass = Number(which.value);
    for (const card of cards) {
      const column = data.columns[card.dataset.column];
      const distance = shownClass < 0 ? column.distance : column.by_class_distance[shownClass];
      card.querySelector(".distance").textContent = distance === null || distance === undefined ? "–" : distance.toFixed(2);
    }
    drawLater(all(".chart", list));
  };
  search.addEventListener("input", filter);
  order.addEventListener("change", sort);
  if (which) which.addEventListener("change", choose);
  sort();
  filter();
}

// ---- the map

function mapOptions() {
  const k = document.getElementById("map-class");
  return { real: document.getElementById("map-real").checked, synthetic: document.getElementById("map-synthetic").checked, k: k ? Number(k.value) : -1 };
}
for (const control of all("#map-real, #map-synthetic, #map-class")) {
  control.addEventListener("change", () => draw(document.querySelector('[data-chart="map:1"]')));
}

// ---- drawing, and printing all of it

drawLater(all(".chart"));
function drawEverything() {
  for (const section of all("details")) section.open = true;
  for (const holder of all(".chart:not([data-drawn])")) draw(holder);
}
window.addEventListener("beforeprint", drawEverything);
document.documentElement.dataset.ready = "yes";
