/* The grid of units: only the rows on the screen, and some around it, exist; so thousands of units scroll as smoothly as ten. */
facedissect.grid = (() => {
  const { h, number, bar, chip } = facedissect.parts;
  const { units } = facedissect;
  const AROUND = 2; // rows above and below the screen
  const PRINTED = 240;
  const PATIENCE = 20000; // milliseconds that a print waits for its pictures
  const TILES = 4;
  const LETTERS = 20, FEW = 14; // of the chips in a card's line, and on a phone
  const narrow = window.matchMedia("(max-width: 45rem)");

  function card(unit, place, total, query) {
    const index = units.index;
    const scale = units.highest;
    const leans = unit.biased.map((c) => units.columns[c].group.name);
    const doubtful = unit.judged && !unit.supported;
    const region = doubtful ? "not supported" : unit.labelled ? unit.best.region : "";
    const fit = (count, letters) => (region + leans.slice(0, count).join("")).length <= letters;
    const shown = narrow.matches ? Number(fit(1, FEW)) : fit(2, LETTERS) ? 2 : 1;
    const tags = [
      region ? chip(region, doubtful ? "plain doubtful" : "plain") : null,
      ...unit.biased.slice(0, shown).map((c) => (unit.held.includes(c) ? chip(units.columns[c].group.name)
        : h("li", { class: "doubtful" }, units.columns[c].group.name, h("span", { class: "sr" }, " (not supported)")))),
      leans.length > shown ? h("li", { class: "rest", title: leans.slice(shown).join(", ") }, "+" + (leans.length - shown), h("span", { class: "sr" }, " biases: " + leans.slice(shown).join(", "))) : null,
    ];
    return h("li", { class: "card", "aria-posinset": place + 1, "aria-setsize": total },
      facedissect.faces.mosaic(unit, 110, TILES),
      h("a", { class: unit.labelled && !doubtful ? "name" : unit.labelled ? "name weak" : "name soft", href: units.address(unit, query), title: units.label(unit) }, units.label(unit)),
      h("span", { class: "where" }, h("span", {}, unit.layer.name), " · unit " + unit.unit),
      h("span", { class: "measure" },
        unit.best
          ? [h("span", { class: "sr" }, "IoU "), bar(unit.iou / scale, { strong: unit.labelled, mark: index.settings.min_iou / scale }), h("span", { class: "digits" }, number(unit.iou))]
          : h("span", { class: "soft" }, unit.layer.map ? (unit.state === "active" ? "overlaps with no concept" : "activation is " + unit.state) : "no map to compare")),
      h("ul", { class: "chips", "aria-label": "Region, support and bias" }, tags));
  }

  /** A grid in `holder`; `show` gives it other units, `stop` ends it. */
  function make(holder) {
    const list = h("ul", { class: "grid", "aria-label": "Units" });
    holder.append(list);
    let found = [], query = null, rowHeight = 0, columns = 1, cards = new Map(), frame = 0, printing = false;

    function measure() {
      const style = getComputedStyle(list);
      columns = style.gridTemplateColumns.split(" ").length;
      const first = list.firstElementChild;
      if (first) {
        list.style.removeProperty("--row");
        const height = first.getBoundingClientRect().height;
        list.style.setProperty("--row", height + "px");
        rowHeight = height + parseFloat(style.rowGap || 0);
      }
    }

    function wanted() {
      if (printing) return [0, Math.min(found.length, PRINTED)];
      if (!rowHeight) return [0, Math.min(found.length, 1)];
      const rows = Math.ceil(found.length / columns);
      const top = -list.getBoundingClientRect().top;
      const first = Math.max(0, Math.min(rows - 1, Math.floor(top / rowHeight) - AROUND));
      const last = Math.min(rows, Math.ceil((top + window.innerHeight) / rowHeight) + AROUND);
      return [first * columns, Math.min(found.length, Math.max(last, first + 1) * columns)];
    }

    function render() {
      frame = 0;
      const [from, to] = wanted();
      for (const [place, element] of cards) {
        if (place < from || place >= to) {
          element.remove();
          cards.delete(place);
        }
      }
      let before = list.firstElementChild;
      for (let place = from; place < to; place++) {
        if (cards.has(place)) {
          before = cards.get(place).nextElementSibling;
        } else {
          const made = card(found[place], place, found.length, query);
          cards.set(place, made);
          list.insertBefore(made, before);
        }
      }
      const rows = Math.ceil(found.length / columns);
      list.style.paddingTop = printing ? 0 : Math.floor(from / columns) * rowHeight + "px";
      list.style.paddingBottom = printing ? 0 : Math.max(0, rows - Math.ceil(to / columns)) * rowHeight + "px";
    }

    function again() {
      rowHeight = 0;
      list.style.removeProperty("--row");
      for (const element of cards.values()) element.remove();
      cards = new Map();
      list.style.paddingTop = list.style.paddingBottom = 0;
      render();
      measure();
      render();
    }

    const scrolled = () => (frame = frame || requestAnimationFrame(render));
    let width = 0;
    const resized = new ResizeObserver(() => {
      if (list.clientWidth !== width && list.isConnected) {
        width = list.clientWidth;
        again();
      }
    });
    let scrolledTo = 0; // where the screen was
    const print = (on) => () => {
      if (on === printing) return;
      if (on) scrolledTo = window.scrollY;
      printing = on;
      render();
      if (!on) window.scrollTo(0, scrolledTo);
    };
    const [before, after] = [print(true), print(false)];
    /** A browser prints at once; a key press leaves the time to draw the pictures that were not on the screen. */
    async function key(event) {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "p") return;
      event.preventDefault();
      before();
      const end = performance.now() + PATIENCE;
      while (list.isConnected && list.querySelector("canvas:not([data-drawn])") && performance.now() < end) await new Promise(requestAnimationFrame);
      if (list.isConnected) window.print();
    }
    window.addEventListener("scroll", scrolled, { passive: true });
    window.addEventListener("beforeprint", before);
    window.addEventListener("afterprint", after);
    window.addEventListener("keydown", key);
    resized.observe(list);

    return {
      show(selected, by) {
        found = selected;
        query = by;
        width = list.clientWidth;
        again();
      },
      stop() {
        window.removeEventListener("scroll", scrolled);
        window.removeEventListener("beforeprint", before);
        window.removeEventListener("afterprint", after);
        window.removeEventListener("keydown", key);
        resized.disconnect();
      },
    };
  }

  return { make, PRINTED };
})();
