"use strict";
// Pictures of a step, and settings that are the same in all runs.

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
