/* Small parts that every page is made of. Text goes in as text, never as markup. */
facedissect.parts = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const NONE = "–";
  const SPACE = "\u00a0";

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name === "style") for (const [key, told] of Object.entries(value)) element.style.setProperty(key, told);
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
    return element;
  }

  const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

  function number(value, digits = 3) {
    if (Number.isNaN(value)) return NONE;
    return Math.abs(value) < 1000 ? value.toFixed(digits) : value.toPrecision(4);
  }

  function percent(share) {
    if (Number.isNaN(share)) return NONE;
    const value = 100 * share;
    return value > 0 && value < 0.5 ? "under 1" + SPACE + "%" : value.toFixed(0) + SPACE + "%";
  }

  const counted = (count, noun) => count.toLocaleString("en-US") + SPACE + noun + (count === 1 ? "" : "s");

  const listed = (names) =>
    names.length < 2 ? names.join("") : names.slice(0, -1).join(", ") + " and " + names[names.length - 1];

  /** A name that may break after the marks between its words. */
  const broken = (name) => name.split(/(?<=[_.\/-])/).flatMap((part, place) => (place ? [h("wbr"), part] : [part]));

  /** A bar from 0 to 1 that stands beside its number, with a mark, another one for the null, and the ends of an interval. */
  function bar(share, { strong = false, mark = null, none = NaN, range = null, colour = null } = {}) {
    const width = Number.isNaN(share) ? 0 : Math.min(1, Math.max(0, share));
    return h("span", { class: "bar", "aria-hidden": "true" },
      h("i", { class: strong ? "strong" : null, style: { width: 100 * width + "%", ...(colour && { background: colour }) } }),
      range && !range.some(Number.isNaN) ? h("u", { style: { left: 100 * range[0] + "%", right: 100 * Math.max(0, 1 - range[1]) + "%" } }) : null,
      Number.isNaN(none) ? null : h("s", { style: { left: 100 * Math.min(1, none) + "%" } }),
      mark === null ? null : h("b", { style: { left: 100 * Math.min(1, mark) + "%" } }));
  }

  const chip = (text, kind) => h("li", { class: kind || null }, text);

  /** Buttons of which one is pressed. */
  function choice(legend, options, chosen, onchoose) {
    const buttons = options.map(([value, text]) =>
      h("button", {
        type: "button", "aria-pressed": String(value === chosen),
        onclick: (event) => {
          for (const button of buttons) button.setAttribute("aria-pressed", String(button === event.currentTarget));
          onchoose(value);
        },
      }, text));
    return h("div", { class: "choice", role: "group", "aria-label": legend }, buttons);
  }

  return { h, s, number, percent, counted, listed, broken, bar, chip, choice, NONE, SPACE };
})();
