"use strict";
// Pictures of a step, predictions at their full size, and settings that are the same in all runs.

for (const figure of document.querySelectorAll(".moments")) {
  const pictures = [...figure.querySelectorAll("img")];
  const slider = figure.querySelector("input");
  slider.addEventListener("input", () => {
    pictures.forEach((picture, place) => (picture.hidden = place !== Number(slider.value)));
    const { step } = pictures[slider.value].dataset;
    figure.querySelector("output").textContent = step;
    slider.setAttribute("aria-valuetext", `step ${step}`);
  });
}

document.getElementById("same")?.addEventListener("change", (event) => {
  for (const row of document.querySelectorAll("#config .same")) row.hidden = !event.target.checked;
});

const closer = document.getElementById("closer");
const part = (name) => document.getElementById(`closer-${name}`);
const [titles, zoom, panes] = ["titles", "zoom", "panes"].map(part);
const rows = [...document.querySelectorAll(".worst")];
const chosen = new Set(["image", "predicted alpha", "true alpha"]); // stay from row to row
let at = 0;

function show(place) {
  at = (place + rows.length) % rows.length;
  const row = rows[at];
  const caption = row.querySelector(".look").firstChild.textContent;
  part("title").textContent = `${row.dataset.run}: ${caption}`;
  const pictures = [...row.querySelectorAll("img")];
  titles.replaceChildren(titles.firstElementChild, ...pictures.map(choice));
  panes.replaceChildren(...pictures.map(pane));
  arrange();
}

function choice(picture) {
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = chosen.has(picture.dataset.title);
  box.addEventListener("change", () => {
    chosen[box.checked ? "add" : "delete"](picture.dataset.title);
    arrange();
  });
  label.append(box, picture.dataset.title);
  return label;
}

function pane(picture) {
  const figure = document.createElement("figure");
  figure.dataset.title = picture.dataset.title;
  const view = document.createElement("div");
  view.className = "view";
  view.tabIndex = 0;
  view.setAttribute("role", "region");
  view.setAttribute("aria-label", picture.dataset.title);
  const copy = picture.cloneNode();
  view.append(copy);
  view.addEventListener("scroll", () => {
    for (const other of panes.querySelectorAll(".view")) {
      if (other === view) continue; // setting what is already set tells no one
      other.scrollTo(view.scrollLeft, view.scrollTop);
    }
  });
  view.addEventListener("click", (event) => {
    const { left, top, width, height } = copy.getBoundingClientRect();
    const [own, high] = ["width", "height"].map((name) => Number(copy.getAttribute(name)));
    const scale = Math.min(width / own, height / high); // the picture is in the middle of its box
    zoom.value = zoom.value === "fit" ? "4" : "fit";
    arrange(
      (event.clientX - left - width / 2) / (own * scale) + 0.5,
      (event.clientY - top - height / 2) / (high * scale) + 0.5,
    );
  });
  const caption = document.createElement("figcaption");
  caption.className = "quiet";
  caption.textContent = picture.dataset.title;
  figure.append(view, caption);
  return figure;
}

// Shows what is chosen at the zoom that is chosen, with a place (a share of the picture) in the
// middle, that which was there before if it isn't given.
function arrange(x, y) {
  const before = [...panes.querySelectorAll("figure:not([hidden]) .view")].find((view) => view.clientWidth);
  x ??= before ? (before.scrollLeft + before.clientWidth / 2) / before.scrollWidth : 0.5;
  y ??= before ? (before.scrollTop + before.clientHeight / 2) / before.scrollHeight : 0.5;
  panes.classList.toggle("fit", zoom.value === "fit");
  panes.classList.toggle("sharp", Number(zoom.value) > 1);
  for (const figure of panes.children) {
    figure.hidden = !chosen.has(figure.dataset.title);
    const picture = figure.querySelector("img");
    picture.style.width = zoom.value === "fit" ? "" : `${picture.getAttribute("width") * zoom.value}px`;
  }
  for (const view of panes.querySelectorAll("figure:not([hidden]) .view")) {
    view.scrollTo(x * view.scrollWidth - view.clientWidth / 2, y * view.scrollHeight - view.clientHeight / 2);
  }
}

for (const [place, row] of rows.entries()) {
  const open = () => {
    closer.showModal();
    show(place);
  };
  row.querySelector(".look").addEventListener("click", open);
  row.querySelector(".strip").addEventListener("click", open);
}
zoom.addEventListener("change", () => arrange());
part("previous").addEventListener("click", () => show(at - 1));
part("next").addEventListener("click", () => show(at + 1));
part("close").addEventListener("click", () => closer.close());
closer.addEventListener("close", () => rows[at].querySelector(".look").focus());
