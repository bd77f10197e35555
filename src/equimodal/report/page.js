"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const places = [...document.querySelectorAll("[data-figure]")];
  const options = { displayModeBar: false, responsive: true };

  function themed(value, style) {
    if (typeof value === "string") {
      return value.startsWith("--") ? style.getPropertyValue(value).trim() : value;
    }
    if (Array.isArray(value)) return value.map((item) => themed(item, style));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, themed(item, style)]),
    );
  }

  async function draw() {
    const style = getComputedStyle(document.documentElement);
    for (const place of places) {
      const figure = themed(figures[Number(place.dataset.figure)], style);
      await Plotly.react(place, figure.data, figure.layout, options);
      place.dataset.drawn = "yes";
    }
  }

  draw();
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
