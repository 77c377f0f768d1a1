"use strict";
// The samples of a store: which are shown, in which order, one of them at full size, and marks.

const at = (id) => document.getElementById(id);
const about = JSON.parse(at("about").textContent);
const samples = [...document.querySelectorAll("script.sample")];
const cards = [...document.querySelectorAll("#sheet > li")];
const sheet = at("sheet");
const panel = at("panel");
const CUT_OUT = "cut-out";
const ZOOMS = ["fit", "100", "200", "400"];

const parsed = new Map(); // a sample's pictures are megabytes: read when it is looked at
function sample(index) {
  if (!parsed.has(index)) parsed.set(index, JSON.parse(samples[index].textContent));
  return parsed.get(index);
}

// ------------------------------------------------------------------ marks

const KEY = `shm-marks:${about.identity}`;
const marks = new Map(); // a photo's source -> {source, sha256, mark}

const cardOf = (index) => sheet.querySelector(`[data-index="${index}"]`);

function remember() {
  try {
    localStorage.setItem(KEY, JSON.stringify([...marks.values()]));
  } catch {
    // A browser may keep nothing for files; the button still saves.
  }
}

function recall() {
  try {
    for (const each of JSON.parse(localStorage.getItem(KEY) ?? "[]")) marks.set(each.source, each);
  } catch {
    localStorage.removeItem(KEY);
  }
}

function markOf(card) {
  return marks.get(card.dataset.photo)?.mark ?? "";
}

function mark(card, value) {
  const { photo: source, sha256 } = card.dataset;
  if (value) marks.set(source, { source, sha256, mark: value });
  else marks.delete(source);
  remember();
  showMarks();
}

function showMarks() {
  const counts = { keep: 0, reject: 0 };
  for (const each of marks.values()) counts[each.mark] += 1;
  at("tally").textContent = `${counts.keep} to keep, ${counts.reject} to reject`;
  at("save").disabled = marks.size === 0;
  for (const card of cards) {
    const value = markOf(card);
    card.dataset.marked = value || "none";
    const button = card.querySelector("button");
    if (value) button.dataset.mark = value;
    else delete button.dataset.mark;
    button.setAttribute("aria-label", `${card.dataset.id}, ${card.dataset.split}, ${value ? `marked ${value}` : "no mark"}`);
  }
}

function save() {
  const rows = [...marks.values()].sort((one, other) => (one.source < other.source ? -1 : 1));
  const content = JSON.stringify({ format: "shm marks 1", store: about.store, marks: rows }, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  link.download = "marks.json";
  link.click();
  at("tally").textContent += `; saved as ${link.download}`;
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function load(file) {
  try {
    const found = JSON.parse(await file.text());
    if (found.format !== "shm marks 1") throw new Error("no marks of a report");
    for (const { source, sha256, mark: value } of found.marks) {
      if (value === "keep" || value === "reject") marks.set(String(source), { source: String(source), sha256: String(sha256), mark: value });
    }
    remember();
    showMarks();
    arrange();
  } catch (error) {
    at("tally").textContent = `${file.name}: ${error.message}`;
  }
}

// ------------------------------------------------------------------ the sheet

function shown() {
  return [...sheet.children].filter((card) => !card.hidden);
}

function arrange() {
  const find = at("find").value.toLowerCase();
  const wanted = { split: at("split").value, marked: at("marked").value };
  const why = at("why").value;
  for (const card of cards) {
    const text = `${card.dataset.id} ${card.dataset.source}`.toLowerCase();
    card.hidden =
      !text.includes(find) ||
      (why && !card.dataset.why.split(" ").includes(why)) ||
      Object.entries(wanted).some(([name, value]) => value && card.dataset[name] !== value);
  }
  const sort = at("sort").value;
  const name = sort.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  const sign = at("falling").checked ? -1 : 1;
  const order = (one, other) => {
    if (sort === "id") return sign * one.dataset.id.localeCompare(other.dataset.id);
    return sign * (Number(one.dataset[name] ?? 0) - Number(other.dataset[name] ?? 0));
  };
  sheet.append(...[...cards].sort(order));
  const some = shown().length;
  at("count").textContent = some ? `${some} of ${cards.length}` : `none of ${cards.length}: change the filters`;
}

// ------------------------------------------------------------------ one sample

let current = 0;
let order = [];

function views(index) {
  const { pictures } = sample(index);
  const found = Object.keys(about.views).filter((name) => name in pictures);
  return pictures.alpha && pictures.foreground ? [...found, CUT_OUT] : found;
}

function layer(place, name) {
  const { pictures } = sample(current);
  let shown;
  if (name === CUT_OUT) {
    shown = document.createElement("div");
    shown.className = behind();
    const cut = document.createElement("div");
    cut.className = "cut";
    cut.style.backgroundImage = `url("${pictures.foreground}")`;
    cut.style.maskImage = `url("${pictures.alpha}")`;
    shown.append(cut);
  } else {
    shown = document.createElement("img");
    shown.src = pictures[name];
    shown.alt = about.views[name];
    shown.draggable = false;
  }
  place.replaceChildren(shown);
}

const chosen = (name) => panel.querySelector(`input[name="${name}"]:checked`).value;
const behind = () => chosen("behind");

function choose(name, value) {
  panel.querySelector(`input[name="${name}"][value="${value}"]`).checked = true;
}

function cycle(name, step) {
  const values = [...panel.querySelectorAll(`input[name="${name}"]`)].map((each) => each.value);
  const place = values.indexOf(chosen(name)) + step;
  const last = values.length - 1;
  choose(name, values[name === "zoom" ? Math.min(last, Math.max(0, place)) : (place + values.length) % values.length]);
}

function draw() {
  layer(at("under"), at("before").value);
  layer(at("over"), at("after").value);
  at("stage").setAttribute("aria-label", `${sample(current).id}: ${at("before").value} and ${at("after").value}`);
  fit();
  slide();
}

function fit() {
  const [height, width] = sample(current).size;
  const stage = at("stage");
  const zoom = chosen("zoom");
  const scale = zoom === "fit" ? Math.min((stage.clientWidth - 2) / width, (stage.clientHeight - 2) / height) : Number(zoom) / 100;
  at("frame").style.width = `${Math.max(1, Math.round(width * scale))}px`;
  at("frame").style.height = `${Math.max(1, Math.round(height * scale))}px`;
  at("frame").classList.toggle("sharp", scale >= 2);
}

function slide() {
  const place = at("slide").value;
  at("over").style.clipPath = `inset(0 0 0 ${place}%)`;
  at("handle").style.left = `${place}%`;
}

function options(select, names, wanted) {
  const before = names.includes(select.value) ? select.value : wanted;
  select.replaceChildren(
    ...names.map((name) => {
      const option = document.createElement("option");
      option.value = name;
      option.textContent = name === CUT_OUT ? "Cut-out" : about.views[name];
      return option;
    }),
  );
  select.value = names.includes(before) ? before : names[0];
}

function show(index) {
  current = index;
  const { id, source, split, group, size, figures, cause, facts } = sample(index);
  at("panel-id").textContent = id;
  const names = views(index);
  options(at("before"), names, "image");
  options(at("after"), names, CUT_OUT);
  const rows = { file: source, split, group, size: `${size[1]} × ${size[0]} px`, ...facts };
  for (const [name, value] of Object.entries(figures)) rows[name] = Number(value.toPrecision(3));
  at("facts").replaceChildren(
    ...Object.entries(rows).map(([name, value]) => {
      const row = document.createElement("div");
      for (const [tag, text] of [["dt", name.replaceAll("_", " ")], ["dd", value]]) {
        const cell = document.createElement(tag);
        cell.textContent = text;
        row.append(cell);
      }
      return row;
    }),
  );
  at("cause").textContent = cause && `Lowers its quality most: ${cause}.`;
  showVerdict();
  draw();
}

function showVerdict() {
  const value = markOf(cardOf(current));
  for (const button of at("verdict").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.mark === value));
  }
  const place = order.indexOf(current);
  at("said").textContent = `${place + 1} of ${order.length}${value ? `, marked ${value}` : ""}`;
}

function open(index) {
  order = shown().map((card) => Number(card.dataset.index));
  if (!panel.open) panel.showModal();
  show(index);
  at("stage").focus();
}

function step(by) {
  const place = order.indexOf(current) + by;
  if (place >= 0 && place < order.length) show(order[place]);
}

function judge(value) {
  mark(cardOf(current), value);
  showVerdict();
}

const KEYS = {
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
  k: () => judge("keep"),
  r: () => judge("reject"),
  u: () => judge(""),
  b: () => (cycle("behind", 1), draw()),
  s: () => (([at("before").value, at("after").value] = [at("after").value, at("before").value]), draw()),
  "+": () => (cycle("zoom", 1), fit()),
  "=": () => (cycle("zoom", 1), fit()),
  "-": () => (cycle("zoom", -1), fit()),
};

panel.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("select, input[type=range], input[type=radio]") && event.key.startsWith("Arrow")) return;
  if (chosen("zoom") !== "fit" && event.target === at("stage") && event.key.startsWith("Arrow") && !event.shiftKey) return; // scrolls
  const names = views(current);
  const number = Number(event.key);
  if (number >= 1 && number <= names.length) {
    at("after").value = names[number - 1];
    draw();
  } else if (KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key]) {
    KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key]();
  } else return;
  event.preventDefault();
});

let dragging = false;
function drag(event) {
  const box = at("frame").getBoundingClientRect();
  at("slide").value = (100 * (event.clientX - box.left)) / box.width;
  slide();
}
at("frame").addEventListener("pointerdown", (event) => {
  if (event.pointerType === "touch" && chosen("zoom") !== "fit") return; // that pans
  dragging = true;
  at("frame").setPointerCapture(event.pointerId);
  drag(event);
});
at("frame").addEventListener("pointermove", (event) => dragging && drag(event));
for (const name of ["pointerup", "pointercancel"]) at("frame").addEventListener(name, () => (dragging = false));

at("slide").addEventListener("input", slide);
for (const name of ["before", "after"]) at(name).addEventListener("change", draw);
for (const each of panel.querySelectorAll('input[name="behind"]')) each.addEventListener("change", draw);
for (const each of panel.querySelectorAll('input[name="zoom"]')) each.addEventListener("change", fit);
for (const button of at("verdict").querySelectorAll("button")) button.addEventListener("click", () => judge(button.dataset.mark));
at("previous").addEventListener("click", () => step(-1));
at("next").addEventListener("click", () => step(1));
at("close").addEventListener("click", () => panel.close());
panel.addEventListener("close", () => {
  arrange();
  sheet.querySelector(`[data-index="${current}"] button`)?.focus();
});
addEventListener("resize", () => panel.open && fit());

for (const card of cards) card.querySelector("button").addEventListener("click", () => open(Number(card.dataset.index)));
at("filters").addEventListener("input", arrange);
at("filters").addEventListener("submit", (event) => event.preventDefault());
at("save").addEventListener("click", save);
at("load").addEventListener("change", (event) => event.target.files[0] && load(event.target.files[0]));

recall();
showMarks();
arrange();
