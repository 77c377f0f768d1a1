"use strict";
// The samples of a store: which are shown, in which order, and one of them at full size.

const samples = [...document.querySelectorAll("script.sample")];
const panel = at("panel");
const stage = at("stage");
const frame = at("frame");
const CUT_OUT = "cut-out";
const titleOf = (view) => (view === CUT_OUT ? "Cut-out" : about.views[view]);

let read = { index: -1 }; // a sample's pictures are megabytes: one at a time is held as an object
function sample(index) {
  if (read.index !== index) read = { index, ...JSON.parse(samples[index].textContent) };
  return read;
}

// ------------------------------------------------------------------ the sheet

const shownCards = () => [...sheet.children].filter((card) => !card.hidden);

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
  sheet.append(...[...cards].sort(compare));
  const some = shownCards().length;
  at("count").textContent = some ? `${some} of ${cards.length}` : `none of ${cards.length}: change the filters`;
}

function compare(one, other) {
  const sort = at("sort").value;
  const sign = at("falling").checked ? -1 : 1;
  if (sort === "id") return sign * one.dataset.id.localeCompare(other.dataset.id);
  const name = sort.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  const [first, second] = [one.dataset[name], other.dataset[name]];
  // Those without the figure come last, whichever way it is sorted.
  if (first === undefined || second === undefined) return (first === undefined) - (second === undefined);
  return sign * (Number(first) - Number(second));
}

// ------------------------------------------------------------------ one sample

let current = 0;
let order = []; // of the samples that the sheet showed when one was opened

const cardOf = (index) => cards[index];
const chosen = (name) => panel.querySelector(`input[name="${name}"]:checked`).value;

function views(index) {
  const { pictures } = sample(index);
  const found = Object.keys(about.views).filter((name) => name in pictures);
  return pictures.alpha && pictures.foreground ? [...found, CUT_OUT] : found;
}

function layer(place, name) {
  const { pictures } = sample(current);
  if (name === CUT_OUT) {
    const ground = document.createElement("div");
    ground.className = chosen("behind");
    const cut = document.createElement("div");
    cut.className = "cut";
    cut.style.backgroundImage = `url("${pictures.foreground}")`;
    cut.style.maskImage = `url("${pictures.alpha}")`;
    ground.append(cut);
    place.replaceChildren(ground);
  } else {
    const picture = document.createElement("img");
    picture.src = pictures[name];
    picture.alt = titleOf(name);
    picture.draggable = false;
    place.replaceChildren(picture);
  }
}

function cycle(name, step) {
  const inputs = [...panel.querySelectorAll(`input[name="${name}"]`)];
  const place = inputs.findIndex((each) => each.checked) + step;
  const last = inputs.length - 1;
  inputs[name === "zoom" ? Math.min(last, Math.max(0, place)) : (place + inputs.length) % inputs.length].checked = true;
}

function draw() {
  layer(at("under"), at("before").value);
  layer(at("over"), at("after").value);
  stage.setAttribute("aria-label", `${sample(current).id}: ${titleOf(at("before").value)} and ${titleOf(at("after").value)}`);
  fit();
  slide();
}

// What is in the middle of the stage stays there, whatever the zoom.
function fit() {
  const [height, width] = sample(current).size;
  const zoom = chosen("zoom");
  const [x, y] = middle();
  stage.classList.toggle("fits", zoom === "fit");
  const scale = zoom === "fit" ? Math.min((stage.clientWidth - 2) / width, (stage.clientHeight - 2) / height) : Number(zoom) / 100;
  frame.style.width = `${Math.max(1, Math.round(width * scale))}px`;
  frame.style.height = `${Math.max(1, Math.round(height * scale))}px`;
  frame.classList.toggle("sharp", scale >= 2);
  const now = middle();
  stage.scrollLeft += (x - now[0]) * frame.offsetWidth;
  stage.scrollTop += (y - now[1]) * frame.offsetHeight;
  stage.classList.toggle("pans", overflows());
}

// Where in the frame, in shares of its size, the middle of the stage is.
function middle() {
  const [inner, outer] = [frame.getBoundingClientRect(), stage.getBoundingClientRect()];
  if (!inner.width || !inner.height) return [0.5, 0.5];
  const x = outer.left + stage.clientLeft + stage.clientWidth / 2 - inner.left;
  const y = outer.top + stage.clientTop + stage.clientHeight / 2 - inner.top;
  return [x / inner.width, y / inner.height].map((share) => Math.min(1, Math.max(0, share)));
}

const overflows = () => stage.scrollWidth > stage.clientWidth || stage.scrollHeight > stage.clientHeight;

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
      option.textContent = titleOf(name);
      return option;
    }),
  );
  select.value = names.includes(before) ? before : names[0];
}

function show(index) {
  current = index;
  const { id, cause } = sample(index);
  at("panel-id").textContent = id;
  const names = views(index);
  options(at("before"), names, "image");
  options(at("after"), names, CUT_OUT);
  at("facts").replaceChildren(...facts(sample(index)).map(([name, value, meaning]) => row(name, value, meaning)));
  const what = about.composites ? "the quality of the person's matte" : "its quality";
  at("cause").textContent = cause && `Lowers ${what} most: ${cause}.`;
  showVerdict();
  draw();
}

function facts({ source, split, group, size, side, figures, facts: made }) {
  const shrunk = side < Math.max(...size) ? `, shown at ${side} px` : "";
  const own = { file: source, split, group, size: `${size[1]} × ${size[0]} px${shrunk}`, ...made };
  const measured = Object.entries(figures).map(([name, value]) => [about.figures[name].title, Number(value.toPrecision(3)), about.figures[name].meaning]);
  return [...Object.entries(own), ...measured];
}

function row(name, value, meaning) {
  const found = document.createElement("div");
  if (meaning) found.title = meaning;
  for (const [tag, text] of [["dt", name], ["dd", value]]) {
    const cell = document.createElement(tag);
    cell.textContent = text;
    found.append(cell);
  }
  return found;
}

function showVerdict() {
  const card = cardOf(current);
  const value = markOf(card);
  press(at("verdict"), value);
  at("verdict").disabled = !photos.has(card);
  at("said").textContent = `${order.indexOf(current) + 1} of ${order.length}${value ? `, marked ${value}` : ""}`;
}

function open(index) {
  order = shownCards().map((card) => Number(card.dataset.index));
  if (!panel.open) panel.showModal();
  show(index);
  stage.focus();
}

function step(by) {
  const place = order.indexOf(current) + by;
  if (place >= 0 && place < order.length) show(order[place]);
}

function judge(value) {
  mark(cardOf(current), value);
  showVerdict();
}

function swap() {
  [at("before").value, at("after").value] = [at("after").value, at("before").value];
  draw();
}

const KEYS = {
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
  k: () => judge("keep"),
  r: () => judge("reject"),
  u: () => judge(""),
  b: () => (cycle("behind", 1), draw()),
  s: swap,
  "+": () => (cycle("zoom", 1), fit()),
  "=": () => (cycle("zoom", 1), fit()),
  "-": () => (cycle("zoom", -1), fit()),
};

panel.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = event.key.startsWith("Arrow");
  if (event.target.matches("select")) return; // letters choose in it
  if (event.target.matches("input") && (arrow || event.key === " ")) return;
  if (arrow && event.target === stage && overflows() && !event.shiftKey) return; // they scroll
  const names = views(current);
  const number = Number(event.key);
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (number >= 1 && number <= names.length) {
    at("after").value = names[number - 1];
    draw();
  } else if (act) act();
  else return;
  event.preventDefault();
});

// The line is dragged, or the picture where it is larger than its place; touch scrolls by itself.
const NEAR = 24;
let drag = null;
function moveLine(event) {
  const box = frame.getBoundingClientRect();
  at("slide").value = (100 * (event.clientX - box.left)) / box.width;
  slide();
}
function pan(event) {
  stage.scrollLeft -= event.movementX;
  stage.scrollTop -= event.movementY;
}
frame.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  const box = frame.getBoundingClientRect();
  const line = box.left + (box.width * at("slide").value) / 100;
  const pans = overflows() && Math.abs(event.clientX - line) > NEAR;
  if (pans && event.pointerType === "touch") return;
  drag = pans ? pan : moveLine;
  frame.setPointerCapture(event.pointerId);
  if (!pans) moveLine(event);
});
frame.addEventListener("pointermove", (event) => drag?.(event));
for (const name of ["pointerup", "pointercancel"]) frame.addEventListener(name, () => (drag = null));

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
  // What was marked may be filtered out by now: then the next that is there, or the one before.
  const place = order.indexOf(current);
  const near = [...order.slice(place), ...order.slice(0, place).reverse()];
  const card = near.map(cardOf).find((each) => !each.hidden);
  (card?.querySelector("button") ?? at("marked")).focus();
});
addEventListener("resize", () => panel.open && fit());

for (const card of cards) card.querySelector("button").addEventListener("click", () => open(Number(card.dataset.index)));
at("filters").addEventListener("input", arrange);
at("filters").addEventListener("submit", (event) => event.preventDefault());

recall();
showMarks();
arrange();
