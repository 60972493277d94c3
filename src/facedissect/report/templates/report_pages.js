/* The pages of all units, of a concept and of a global concept. */
facedissect.pages = (() => {
  const { h, s, number, percent, counted, broken, choice } = facedissect.parts;
  const { units, faces, trends } = facedissect;
  const FIRST = 5;

  function unitsPage(query, onquery) {
    const index = units.index;
    const option = (value, text = value) => h("option", { value }, text);
    const select = (name, label, options) => h("label", { class: "field" }, label, h("select", { name }, options));
    const fields = h("form", { class: "filters", role: "search", "aria-label": "Filter units", onsubmit: (event) => event.preventDefault() },
      h("label", { class: "field text" }, "Search", h("input", { type: "search", name: "q", placeholder: "concept, unit 17, Female …", autocomplete: "off" })),
      index.layers.length > 1 ? select("layer", "Layer", [option("", "all layers"), ...index.layers.map((layer) => option(layer.name))]) : null,
      select("concept", "Concept", [option("", "any concept"), ...index.concepts.map((concept) => option(concept.name))]),
      select("region", "Region", [option("", "any region"), ...[...new Set(index.concepts.map((c) => c.region))].map((name) => option(name))]),
      select("kind", "Kind", [option("", "any kind"), ...[...new Set(index.concepts.map((c) => c.kind))].map((name) => option(name))]),
      index.globals.length ? select("bias", "Bias", [option("", "any"), option("none", "not biased"), ...index.globals.map((concept) =>
        h("optgroup", { label: concept.name }, option(concept.name, concept.name + ": any"), concept.subgroups.map((group) => option(concept.name + "/" + group.name, concept.name + ": " + group.name))))]) : null,
      select("label", "Label", [option("", "all units"), option("labelled", "interpretable"), option("none", "without a label")]),
      units.all.some((unit) => unit.judged) ? select("supported", "Supported", [option("", "all"), option("yes", "supported"), option("no", "not supported")]) : null,
      h("label", { class: "field" }, "IoU from", h("input", { type: "number", name: "iou", min: 0, max: 1, step: 0.01, placeholder: "0" })),
      select("sort", "Order", [option("", "highest IoU"), option("unit", "layer and number"), option("concept", "concept"), option("bias", "strongest bias"), option("coverage", "coverage")]));
    const count = h("p", { class: "count", role: "status", "aria-live": "polite" });
    const clear = h("button", { type: "button", class: "clear", onclick: () => { for (const field of fields.elements) field.value = ""; changed(); } }, "Clear filters");
    const holder = h("div", { class: "holder" });
    const printed = h("p", { class: "print-only soft" });
    const narrow = window.matchMedia("(max-width: 45rem)").matches;
    const content = h("div", { class: "page wide" },
      h("header", { class: "page-head" }, h("h1", { tabindex: "-1" }, "Units"),
        h("p", { class: "soft" }, "Every unit with the faces on which it responds most, lit where it fires; the yellow line is its concept by the label." + (index.globals.length ? " Marks of a subgroup are biases; dashed ones are not supported by the statistics." : ""))),
      h("details", { class: "filter-box", open: !narrow }, h("summary", {}, "Filter and sort"), fields),
      h("div", { class: "count-line" }, count, clear), printed, holder);
    for (const name of units.FIELDS) if (fields.elements[name]) fields.elements[name].value = query.get(name) || "";
    const grid = facedissect.grid.make(holder);
    const empty = h("p", { class: "empty soft", hidden: true }, "No unit is like that. Clear a filter.");
    holder.append(empty);

    function show(by) {
      const found = units.select(by);
      count.textContent = found.length === units.all.length ? counted(found.length, "unit") : found.length.toLocaleString("en-US") + " of " + counted(units.all.length, "unit");
      clear.hidden = ![...by.keys()].some((name) => name !== "sort");
      empty.hidden = found.length > 0;
      printed.textContent = found.length > facedissect.grid.PRINTED ? "Printed are the first " + facedissect.grid.PRINTED + " of them." : "";
      grid.show(found, by);
    }

    function changed() {
      const by = units.tidy(new URLSearchParams([...new FormData(fields)].filter(([, value]) => value)));
      onquery("#/units" + (by.toString() ? "?" + by : ""));
      show(by);
    }

    let timer = 0;
    fields.addEventListener("input", (event) => {
      clearTimeout(timer);
      timer = setTimeout(changed, event.target.type === "search" ? 120 : 0);
    });
    return { title: "Units", content, shown: () => show(units.tidy(query)), stop: () => { clearTimeout(timer); grid.stop(); } };
  }

  function conceptPage(name) {
    const index = units.index;
    const number_ = index.concepts.findIndex((concept) => concept.name === name);
    if (number_ < 0) return null;
    const concept = index.concepts[number_];
    const found = units.select(new URLSearchParams({ concept: name }));
    const best = found.filter((unit) => unit.concept === number_);
    const first = [...best, ...found.filter((unit) => unit.concept !== number_)];
    const judged = best.filter((unit) => unit.judged);
    const held = judged.filter((unit) => unit.supported).length;
    const holder = h("div", { class: "holder" });
    const compared = units.layers.filter((layer) => layer.map);
    const content = h("div", { class: "page wide" },
      h("header", { class: "page-head" },
        h("p", { class: "kicker" }, "Concept · " + concept.kind + " · ", h("a", { href: units.links.units({ region: concept.region }) }, concept.region)),
        h("h1", { tabindex: "-1" }, broken(name)),
        h("p", { class: "lead" }, !concept.images ? "The dictionary has no images of it, so no unit could be compared with it."
          : counted(best.length, "unit") + (best.length === 1 ? " has" : " have") + " it as the best concept" + (judged.length ? ", which the statistics support for " + (held === judged.length ? "all" : held ? held.toLocaleString("en-US") : "none") + " of them" : "") + "; " + found.filter((unit) => unit.detected.includes(number_)).length.toLocaleString("en-US") +
            " detect it among the concepts of its region. The dictionary has " + counted(concept.images, "image") + " of it" + (concept.images < 50 ? ", which is few: take it with care." : "."))),
      concept.images && compared.length ? h("section", {}, h("h2", {}, "Over the layers"),
        h("p", { class: "soft" }, "Each stroke is a unit, placed by its IoU with " + name + "; tall ones have it as their best concept. The dashed line is the cut-off, " + index.settings.min_iou + "."),
        strips(compared, number_, found)) : null,
      concept.examples.length ? h("section", {}, h("h2", {}, "Examples from the dictionary"), examples(concept, number_)) : null,
      h("section", {}, h("h2", {}, "Units"),
        h("p", {}, found.length ? h("a", { href: units.links.units({ concept: name }) }, "Filter and sort these " + counted(found.length, "unit")) : h("span", { class: "soft" }, "No unit looks at it.")), holder));
    const grid = facedissect.grid.make(holder);
    return { title: name, content, shown: () => grid.show(first, new URLSearchParams({ concept: name })), stop: grid.stop };
  }

  function strips(layers, concept, found) {
    const key = "iou_" + units.index.settings.union;
    const width = units.index.concepts.length;
    const values = layers.map((layer) => Array.from({ length: layer.units }, (_, unit) => layer.table[key][unit * width + concept]));
    const most = values.flat().reduce((max, v) => (v > max ? v : max), units.index.settings.min_iou) * 1.04;
    return h("table", { class: "strips" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Layer"), h("th", { scope: "col", class: "value" }, "best"), h("th", { scope: "col", class: "value wide" }, "supported"), h("th", { scope: "col", class: "value" }, "detect it"), h("th", { scope: "col" }, h("span", { class: "ends" }, h("span", {}, "IoU 0"), h("span", { class: "digits" }, number(most)))))),
      h("tbody", {}, layers.map((layer, l) => {
        const own = found.filter((unit) => unit.layer.number === layer.number);
        const best = new Set(own.filter((unit) => unit.concept === concept).map((unit) => unit.unit));
        const stroke = (chosen, top, bottom) => values[l].map((v, unit) => (v > 0 && best.has(unit) === chosen ? "M" + ((600 * v) / most).toFixed(1) + " " + top + "V" + bottom : "")).join("");
        const cut = (600 * units.index.settings.min_iou) / most;
        return h("tr", {},
          h("th", { scope: "row" }, h("a", { href: units.links.units({ layer: layer.name, concept: units.index.concepts[concept].name }) }, layer.name)),
          h("td", { class: "value" }, best.size.toLocaleString("en-US")),
          h("td", { class: "value wide" }, own.some((unit) => unit.judged) ? own.filter((unit) => unit.concept === concept && unit.supported).length.toLocaleString("en-US") : "–"),
          h("td", { class: "value" }, own.filter((unit) => unit.detected.includes(concept)).length.toLocaleString("en-US")),
          h("td", { class: "strip" }, s("svg", { viewBox: "0 0 600 30", preserveAspectRatio: "none", role: "img", "aria-label": "IoU of " + counted(layer.units, "unit") + ", at most " + number(Math.max(0, ...values[l].filter((v) => !Number.isNaN(v)))) },
            s("path", { d: stroke(false, 18, 28), class: "others", "vector-effect": "non-scaling-stroke" }),
            s("path", { d: stroke(true, 4, 28), class: "best", "vector-effect": "non-scaling-stroke" }),
            s("path", { d: "M" + cut.toFixed(1) + " 0V30", class: "threshold", "vector-effect": "non-scaling-stroke" }))));
      })));
  }

  function examples(concept, number_) {
    return h("ul", { class: "examples" }, concept.examples.map((face) => {
      const canvas = faces.blank(160, { role: "img", "aria-label": "Face " + units.index.faces[face] + ", " + concept.name + " is outlined" });
      faces.paint(canvas, face, { mode: "face", concept: number_ });
      return h("li", {}, canvas, h("span", { class: "id", title: units.index.faces[face] }, h("bdi", {}, units.index.faces[face])));
    }));
  }

  function globalPage(name) {
    const index = units.index;
    const g = index.globals.findIndex((concept) => concept.name === name);
    if (g < 0) return null;
    const concept = index.globals[g];
    const own = units.columns.map((column, c) => ({ ...column, c })).filter((column) => column.g === g);
    const measured = units.all.filter((unit) => own.some(({ c }) => !Number.isNaN(units.row(unit.layer.table.share, unit.unit)[c])));
    const biased = measured.filter((unit) => own.some(({ c }) => unit.biased.includes(c)));
    const tested = units.all.some((unit) => own.some(({ c }) => !Number.isNaN(units.thousandths(units.row(unit.layer.table.adjusted_q, unit.unit)[c]))));
    const held = biased.filter((unit) => own.some(({ c }) => unit.biased.includes(c) && unit.held.includes(c)));
    const state = { first: 0 };
    const stacks = units.layers.map((layer) => ({ layer, holder: h("div", { class: "stack" }) }));
    const drawAll = () => stacks.forEach((one) => one.holder.replaceChildren(stack(one.layer, concept, own, state.first)));
    const share = (unit, c) => units.row(unit.layer.table.share, unit.unit)[c];
    const entry = (unit, value, told = "", query = null) => h("li", {}, h("a", { href: units.address(unit, query) }, unit.layer.name + " · " + unit.unit), h("span", { class: "soft" }, " " + units.label(unit) + told), h("span", { class: "digits end" }, value));
    const leaders = h("div", { class: "leaders", style: { "--columns": Math.min(4, own.length) } }, own.map((column) => {
      const first = measured.filter((unit) => unit.biased.includes(column.c)).sort((a, b) => share(b, column.c) - share(a, column.c)).slice(0, FIRST);
      return h("section", {}, h("h3", {}, h("i", { class: "dot", "aria-hidden": "true", style: { background: index.colours[column.s % index.colours.length] } }), column.group.name),
        first.length ? h("ol", {}, first.map((unit) => entry(unit, number(share(unit, column.c), 2), unit.held.includes(column.c) ? ", supported" : "", new URLSearchParams({ bias: units.biasName(column.c) }))))
          : h("p", { class: "soft" }, "No unit is biased towards it."));
    }));
    const content = h("div", { class: "page wide" },
      h("header", { class: "page-head" }, h("p", { class: "kicker" }, "Global concept"), h("h1", { tabindex: "-1" }, broken(name)),
        h("p", { class: "lead" }, measured.length ? biased.length.toLocaleString("en-US") + " of " + counted(measured.length, "unit") + " (" + percent(biased.length / measured.length) + ") " + (biased.length === 1 ? "is" : "are") + " biased: a subgroup has a probability of " + number(concept.cutoff, 2) + " or more." +
            (tested ? " The statistics support that for " + (held.length ? held.length.toLocaleString("en-US") : "none") + " of them." : " Whether that holds was not tested: too few faces can be compared.")
          : "No unit has a probability: fewer than two subgroups have images.")),
      h("section", {}, h("h2", {}, "How many units are biased to whom"),
        h("p", { class: "soft" }, "Biased by the published cut-off; supported where the statistics say that the unit's peaks are higher on the subgroup, among faces alike in the other global concepts. The two need not agree."), biasCounts(concept, own, measured)),
      measured.length ? h("section", {}, h("h2", {}, "Units ordered by probability"),
        h("p", { class: "soft" }, "Each column is a unit; its colours are the probabilities of the subgroups, which add up to 1. Units above the dashed line in the chosen subgroup count as biased towards it."),
        choice("Order by", own.map((column, place) => [place, column.group.name]), 0, (place) => { state.first = place; drawAll(); }),
        stacks.map((one) => h("figure", {}, h("figcaption", {}, one.layer.name), one.holder))) : null,
      measured.length ? h("section", {}, h("h2", {}, "The most biased units"), leaders) : null,
      ...trends.leaders(concept, FIRST, entry));
    return { title: name, content, shown: drawAll };
  }

  function biasCounts(concept, own, measured) {
    return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Biased units by layer and subgroup" }, h("table", { class: "counts" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Layer"), own.map((column) => h("th", { scope: "col", class: "value" }, h("i", { class: "dot", "aria-hidden": "true", style: { background: units.index.colours[column.s % units.index.colours.length] } }), column.group.name, h("span", { class: "soft small below" }, counted(column.group.images, "image") + (column.group.images < 50 ? ", few" : "")))))),
      h("tbody", {}, units.layers.map((layer) => {
        const within = measured.filter((unit) => unit.layer.number === layer.number);
        return h("tr", {}, h("th", { scope: "row" }, layer.name), own.map((column) => {
          const count = within.filter((unit) => unit.biased.includes(column.c)).length;
          const holds = within.filter((unit) => unit.held.includes(column.c));
          const both = holds.filter((unit) => unit.biased.includes(column.c)).length;
          return h("td", { class: "value" }, within.length ? [h("a", { href: units.links.units({ layer: layer.name, bias: units.biasName(column.c) }) }, count.toLocaleString("en-US") + " biased"), h("span", { class: "soft" }, " " + percent(count / within.length)),
            h("span", { class: "below" }, holds.length.toLocaleString("en-US") + " supported"), h("span", { class: "soft small below" }, both.toLocaleString("en-US") + " both")] : "–");
        }));
      }))));
  }

  function stack(layer, concept, own, first) {
    const index = units.index;
    const order = [own[first], ...own.filter((_, place) => place !== first)];
    const shares = (unit) => order.map(({ c }) => units.row(layer.table.share, unit)[c]);
    const row = Array.from({ length: layer.units }, (_, unit) => unit).filter((unit) => shares(unit).some((v) => !Number.isNaN(v)));
    const key = new Map(row.map((unit) => [unit, shares(unit)[0] || 0]));
    row.sort((a, b) => key.get(b) - key.get(a) || a - b);
    if (!row.length) return h("p", { class: "soft" }, "No unit of this layer has a probability.");
    const width = 1200, height = 220;
    const canvas = h("canvas", { width, height, role: "img", "aria-label": "Shares of " + order.map((one) => one.group.name).join(", ") + " in " + counted(row.length, "unit") + ", by falling share of " + order[0].group.name });
    const context = canvas.getContext("2d");
    row.forEach((unit, place) => {
      let below = height;
      const x = Math.round((place * width) / row.length), next = Math.round(((place + 1) * width) / row.length);
      shares(unit).forEach((share, k) => {
        const tall = (share || 0) * height;
        context.fillStyle = index.colours[order[k].s % index.colours.length];
        context.fillRect(x, below - tall, Math.max(1, next - x), tall);
        below -= tall;
      });
    });
    const readout = h("p", { class: "readout small soft", "aria-hidden": "true" }, counted(row.length, "unit") + (row.length < layer.units ? ", " + (layer.units - row.length) + " without a probability left out" : ""));
    const usual = readout.textContent;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return row[Math.min(row.length - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * row.length)))];
    };
    canvas.addEventListener("pointermove", (event) => {
      const unit = at(event);
      readout.textContent = "unit " + unit + ": " + shares(unit).map((share, k) => order[k].group.name + " " + number(share, 2)).join(", ");
    });
    canvas.addEventListener("pointerleave", () => (readout.textContent = usual));
    canvas.addEventListener("click", (event) => { location.hash = units.address({ layer, unit: at(event) }, new URLSearchParams({ layer: layer.name })); });
    const cut = concept.cutoff ? h("i", { class: "cut", "aria-hidden": "true", style: { bottom: 100 * concept.cutoff + "%" } }, h("span", { class: "digits" }, number(concept.cutoff, 2))) : null;
    return h("div", {}, h("div", { class: "plot" }, canvas, cut), h("ul", { class: "legend" }, order.map((one) => h("li", {}, h("i", { class: "dot", "aria-hidden": "true", style: { background: index.colours[one.s % index.colours.length] } }), one.group.name))), readout);
  }

  return { unitsPage, conceptPage, globalPage };
})();
