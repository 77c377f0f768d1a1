"use strict";
// What somebody thinks of photos: marks that are set, remembered, saved and loaded.

const at = (id) => document.getElementById(id);
const about = JSON.parse(at("about").textContent);
const sheet = at("sheet");
const cards = [...sheet.children];

const KEY = `shm-marks:${about.identity}`;
const marks = new Map(); // a photo's source -> {source, sha256, annotations, mark}
const targets = new Map(); // a photo's source -> what a mark on it is of, as the store has it
const photos = new Map(); // a card, or the line of a reject -> its photo's source
for (const place of document.querySelectorAll("[data-target]")) {
  const target = JSON.parse(place.dataset.target);
  targets.set(target.source, target);
  photos.set(place, target.source);
}

const sorted = (hashes) => JSON.stringify(Object.entries(hashes).sort());

function isStale({ source, sha256, annotations }) {
  const now = targets.get(source);
  if (!now) return false; // not on this page
  return sha256 !== now.sha256 || (annotations !== undefined && sorted(annotations) !== sorted(now.annotations));
}

function remember() {
  try {
    localStorage.setItem(KEY, JSON.stringify([...marks.values()]));
  } catch {
    // A browser may keep nothing for files; the button still saves.
  }
}

function recall() {
  let found = null;
  try {
    found = JSON.parse(localStorage.getItem(KEY));
  } catch {
    // What can't be read is not there.
  }
  // Those that the store obeys are where the first look begins: marks that are saved hold them too.
  for (const each of Array.isArray(found) ? found : about.marks) marks.set(each.source, each);
}

function markOf(place) {
  const found = marks.get(photos.get(place));
  return found && !isStale(found) ? found.mark : "";
}

function mark(place, value) {
  const target = targets.get(photos.get(place));
  if (!target) return;
  if (value) marks.set(target.source, { ...target, mark: value });
  else marks.delete(target.source);
  remember();
  showMarks();
}

const WORDS = { keep: "✓ keep", reject: "✕ reject" };

function press(group, value) {
  for (const button of group.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.mark === value));
}

function showMarks() {
  const valid = [...marks.values()].filter((each) => !isStale(each));
  const count = (value) => valid.filter((each) => each.mark === value).length;
  const stale = marks.size - valid.length;
  const told = stale === 1 ? "1 mark is of a changed photo, and does not count" : `${stale} marks are of changed photos, and do not count`;
  at("tally").textContent = `${count("keep")} to keep, ${count("reject")} to reject${stale ? `; ${told}` : ""}`;
  at("save").disabled = valid.length === 0;
  at("told").textContent = "";
  for (const place of photos.keys()) {
    const value = markOf(place);
    const button = place.querySelector(".card");
    if (!button) press(place, value);
    else if (value) button.dataset.mark = value;
    else delete button.dataset.mark;
    if (button) button.querySelector(".mark").textContent = WORDS[value] ?? "";
  }
  for (const card of cards) card.dataset.marked = markOf(card) || "none";
}

function save() {
  const rows = [...marks.values()].filter((each) => !isStale(each));
  rows.sort((one, other) => (one.source < other.source ? -1 : 1));
  const content = JSON.stringify({ format: about.format, store: about.store, marks: rows }, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  link.download = "marks.json";
  link.click();
  at("told").textContent = `saved as ${link.download}`;
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function load(file) {
  try {
    const found = JSON.parse((await file.text()).replace(/^\uFEFF/, ""));
    if (found?.format !== about.format || !Array.isArray(found.marks)) throw new Error("no marks of a report");
    const rows = found.marks.map(({ source, sha256, annotations, mark: value }) => {
      const sound = Object.hasOwn(WORDS, value) && [source, sha256].every((each) => typeof each === "string");
      if (!sound || annotations === null) throw new Error("one of its marks is none");
      return { source, sha256, annotations, mark: value };
    });
    for (const each of rows) marks.set(each.source, each);
    remember();
    showMarks();
    arrange();
    at("told").textContent = `loaded ${file.name}`;
  } catch (error) {
    at("told").textContent = `${file.name}: ${error.message}`;
  }
}

for (const button of document.querySelectorAll(".files button")) {
  const place = button.closest("[data-target]");
  button.addEventListener("click", () => mark(place, markOf(place) === button.dataset.mark ? "" : button.dataset.mark));
}
at("save").addEventListener("click", save);
at("load").addEventListener("change", ({ target }) => {
  if (target.files[0]) load(target.files[0]);
  target.value = ""; // the same file may be loaded again
});
