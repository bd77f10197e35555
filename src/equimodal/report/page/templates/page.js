"use strict";
(() => {
  const root = document.documentElement;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const places = [...document.querySelectorAll("[data-figure]")];
  const options = { displayModeBar: false, responsive: true };

  // A name such as --m0 stands for the page's colour, --m0-fade for the same one, faint.
  function palette() {
    const probe = document.createElement("i");
    document.body.append(probe);
    const known = new Map();
    return {
      colour(name) {
        if (!known.has(name)) {
          const faint = name.endsWith("-fade");
          probe.style.color = `var(${faint ? name.slice(0, -5) : name})`;
          const parts = getComputedStyle(probe).color.match(/[0-9.]+/g).slice(0, 3);
          known.set(name, `rgba(${parts.join(", ")}, ${faint ? 0.18 : 1})`);
        }
        return known.get(name);
      },
      close: () => probe.remove(),
    };
  }

  function themed(value, colours) {
    if (typeof value === "string") {
      return value.startsWith("--") ? colours.colour(value) : value;
    }
    if (Array.isArray(value)) return value.map((item) => themed(item, colours));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, themed(item, colours)]),
    );
  }

  async function draw() {
    const colours = palette();
    const drawn = figures.map((figure) => themed(figure, colours));
    colours.close();
    for (const place of places) {
      const figure = drawn[Number(place.dataset.figure)];
      await Plotly.react(place, figure.data, figure.layout, options);
      place.dataset.drawn = "yes";
    }
  }

  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
  const switcher = document.getElementById("scheme");
  let chosen = "";

  function apply(scheme) {
    if (scheme) root.dataset.scheme = scheme;
    else delete root.dataset.scheme;
    const dark = scheme ? scheme === "dark" : systemDark.matches;
    switcher.textContent = dark ? "Light colours" : "Dark colours";
    return draw();
  }

  switcher.hidden = false;
  switcher.addEventListener("click", () => {
    const dark = chosen ? chosen === "dark" : systemDark.matches;
    chosen = dark ? "light" : "dark";
    apply(chosen);
  });
  systemDark.addEventListener("change", () => apply(chosen));
  // Paper is white whatever the screen shows, and narrower: charts are drawn for its width.
  function onPaper(paper) {
    root.classList.toggle("paper", paper);
    apply(paper ? "light" : chosen);
    for (const place of places) Plotly.Plots.resize(place);
  }
  window.addEventListener("beforeprint", () => onPaper(true));
  window.addEventListener("afterprint", () => onPaper(false));

  for (const form of document.querySelectorAll("form.filters")) {
    const choices = [...form.querySelectorAll("select")];
    const cards = [...form.parentElement.querySelectorAll("[data-marks]")];
    const told = form.querySelector("[role=status]");
    const choose = () => {
      const wanted = choices.map((choice) => choice.value).filter(Boolean);
      for (const card of cards) {
        const marks = card.dataset.marks.split(" ");
        card.hidden = !wanted.every((mark) => marks.includes(mark));
      }
      const left = cards.filter((card) => !card.hidden).length;
      told.textContent = `${left} of ${cards.length} samples`;
    };
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", choose);
    choose(); // a browser restores choices when a page is opened again
  }

  apply(chosen);
})();
