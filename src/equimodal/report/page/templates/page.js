"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  root.classList.add("scripted");

  // Colours: those of the system until the button is pressed; charts take them from the page.
  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
  const switcher = document.getElementById("scheme");
  const isDark = () => (root.dataset.scheme ? root.dataset.scheme === "dark" : systemDark.matches);
  const name = () => (switcher.textContent = isDark() ? "Light colours" : "Dark colours");
  switcher.addEventListener("click", () => {
    root.dataset.scheme = isDark() ? "light" : "dark";
    name();
  });
  systemDark.addEventListener("change", name);
  name();

  // The contents: what is folded opens when it is asked for, and where one reads is marked.
  const reveal = () => {
    const asked = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const part = asked?.closest("section")?.querySelector("details.part");
    if (part) part.open = true;
  };
  window.addEventListener("hashchange", reveal);
  reveal();
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const watcher = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      const link = links.get(target.getAttribute("aria-labelledby"));
      link.setAttribute("aria-current", "true");
      const bar = link.closest("ul");
      bar.scrollLeft = link.offsetLeft - bar.offsetLeft - 20;
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  all("section").forEach((section) => watcher.observe(section));

  // The table: order, families, controls.
  const lines = all("table.every tbody tr");
  const homes = lines.map((line) => line.parentElement);
  const family = document.getElementById("family");
  const withControls = document.getElementById("controls");
  const folds = all("button.fold");
  let order = null;

  function lay() {
    const open = new Set(
      folds.filter((b) => b.getAttribute("aria-expanded") === "true").map((b) => b.dataset.opens),
    );
    for (const line of lines) {
      const { family: own, of } = line.dataset;
      const other = family.value !== "" && family.value !== own;
      line.hidden = other || (of && !open.has(of)) || (order && line.classList.contains("group"));
    }
  }
  family.addEventListener("change", lay);
  for (const button of folds) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-expanded", button.getAttribute("aria-expanded") !== "true");
      lay();
    });
  }
  withControls.addEventListener("change", () => {
    folds.forEach((button) => button.setAttribute("aria-expanded", withControls.checked));
    lay();
  });

  // A number, or a text; what is absent comes last.
  function value(line, column) {
    const text = line.cells[column].textContent.replace(/\u2212/g, "-").trim();
    const found = parseFloat(text);
    return Number.isNaN(found) || column === 0 ? (text === "-" ? "" : text) : found;
  }
  function compare(one, other) {
    if (typeof one === typeof other) {
      return typeof one === "number" ? one - other : one.localeCompare(other);
    }
    return typeof one === "number" ? 1 : -1;
  }
  function sort(column, sign) {
    order = sign ? { column, sign } : null;
    lines.forEach((line, at) => (sign ? homes[0] : homes[at]).append(line));
    if (!sign) return lay();
    const key = new Map(lines.map((line) => [line, line.cells[column] && value(line, column)]));
    const heads = lines.filter((line) => !line.dataset.of && !line.classList.contains("group"));
    heads.sort((a, b) => sign * compare(key.get(a), key.get(b)));
    for (const head of heads) {
      const number = head.querySelector("input").value;
      homes[0].append(head, ...lines.filter((line) => line.dataset.of === number));
    }
    return lay();
  }
  const headings = all("table.every th[data-sorts]");
  for (const heading of headings) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const last = heading.getAttribute("aria-sort");
      const next = { descending: "ascending", ascending: null }[last];
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      const sorted = last ? next : "descending";
      if (sorted) heading.setAttribute("aria-sort", sorted);
      sort(Number(heading.dataset.sorts), { descending: -1, ascending: 1 }[sorted] ?? 0);
    });
  }

  // The charts: the rows that are ticked.
  const picks = all(".pick input");
  const drawn = all("main [data-row]");
  const told = document.getElementById("told");
  function show() {
    const chosen = new Set(picks.filter((pick) => pick.checked).map((pick) => pick.value));
    for (const part of drawn) part.toggleAttribute("hidden", !chosen.has(part.dataset.row));
    told.textContent = `charts show ${chosen.size} of ${picks.length} rows:`;
  }
  picks.forEach((pick) => pick.addEventListener("change", show));
  for (const button of all("[data-pick]")) {
    button.addEventListener("click", () => {
      const which = button.dataset.pick;
      for (const pick of picks) pick.checked = which === "first" ? pick.defaultChecked : which === "all";
      show();
    });
  }
  lay();
  show(); // a browser restores choices when a page is opened again

  const texts = JSON.parse(document.getElementById("texts").textContent);
  const field = document.getElementById("copied");
  for (const button of all("[data-copy]")) {
    button.addEventListener("click", async () => {
      const said = button.parentElement.querySelector("[role=status]");
      const text = texts[button.dataset.copy];
      try {
        await navigator.clipboard.writeText(text);
        said.textContent = "copied";
      } catch {
        field.parentElement.hidden = false;
        field.value = text;
        field.select();
        said.textContent = "the browser copies it by its own command";
      }
    });
  }

  // The samples: those that fit every choice.
  for (const form of all("form.filters:not(#choose)")) {
    const choices = all("select", form);
    const cards = all("[data-marks]", form.parentElement);
    const more = form.parentElement.querySelector("details.more");
    const choose = () => {
      const wanted = choices.map((choice) => choice.value).filter(Boolean);
      for (const card of cards) {
        const marks = card.dataset.marks.split(" ");
        card.hidden = !wanted.every((mark) => marks.includes(mark));
      }
      const left = cards.filter((card) => !card.hidden).length;
      form.querySelector("[role=status]").textContent = `${left} of ${cards.length} samples`;
      if (more && wanted.length) more.open = true;
    };
    form.addEventListener("change", choose);
    choose();
  }
  all("form").forEach((form) => form.addEventListener("submit", (event) => event.preventDefault()));

  // Paper has no folds.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = all("details.part:not([open])");
    opened.forEach((part) => (part.open = true));
  });
  window.addEventListener("afterprint", () => opened.forEach((part) => (part.open = false)));
})();
