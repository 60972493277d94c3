/* The page of one unit. */
facedissect.unitPage = (() => {
  const { h, s, number, percent, counted, listed, broken, bar, chip, choice, SPACE } = facedissect.parts;
  const { units, faces, pictures, evidence, trends } = facedissect;
  const FIRST = 8;
  const MODES = [["lit", "Lit"], ["face", "Face"], ["heat", "Heat map"], ["mask", "Firing mask"]];
  const shown = { mode: "lit", outline: true };

  function page(layerName, unitNumber, query) {
    const layer = units.layers.find((one) => one.name === layerName);
    const unit = units.all.find((one) => one.layer === layer && one.unit === unitNumber);
    if (!unit) return null;
    const main = h("div", { class: "page unit-page" });
    main.append(head(unit, query), ...topFaces(unit), evidence.section(unit) || "", measures(unit), ...bias(unit), trends.section(unit) || "");
    return { title: units.label(unit) + " · unit " + unit.unit + " of " + layer.name, content: main, keys: keys(unit, query) };
  }

  function neighbours(unit, query) {
    let row = units.select(query);
    let place = row.indexOf(unit);
    if (place < 0) {
      row = units.all.filter((one) => one.layer === unit.layer);
      place = row.indexOf(unit);
      query = new URLSearchParams();
    }
    const at = (i) => (row[i] ? units.address(row[i], query) : null);
    return { before: at(place - 1), after: at(place + 1), place, total: row.length };
  }

  function keys(unit, query) {
    const { before, after } = neighbours(unit, query);
    return (event) => {
      const to = { ArrowLeft: before, ArrowRight: after }[event.key];
      if (to) location.replace(to);
    };
  }

  function head(unit, query) {
    const { before, after, place, total } = neighbours(unit, query);
    const selected = units.tidy(query).toString();
    const step = (to, text, rel) => (to ? h("a", { class: "step", href: to, rel }, text) : h("span", { class: "step off", "aria-disabled": "true" }, text));
    const chips = [
      unit.labelled ? h("li", { class: "plain" }, h("a", { href: units.links.units({ region: unit.best.region }) }, unit.best.region)) : null,
      unit.labelled ? chip(unit.best.kind, "plain") : null,
      unit.judged ? chip((unit.supported ? "supported" : "not supported") + " (q" + SPACE + evidence.probability(unit.layer.table.q[unit.unit]) + ")", unit.supported ? "plain" : "plain doubtful") : null,
      ...unit.biased.map((c) => {
        const column = units.columns[c];
        const held = unit.held.includes(c);
        return h("li", { class: held ? null : "doubtful" }, h("a", { href: units.links.global(column.concept.name) }, "leans to " + column.group.name + (held ? "" : ", not supported")));
      }),
    ];
    return h("header", { class: "page-head" },
      h("div", { class: "above" },
        h("a", { href: "#/units" + (selected ? "?" + selected : "") }, "← " + (selected ? "Selected units" : "All units")),
        h("nav", { class: "steps", "aria-label": "Neighbouring units" },
          step(before, "‹ Previous", "prev"),
          h("span", { class: "soft digits" }, (place + 1).toLocaleString("en-US") + " of " + total.toLocaleString("en-US")),
          step(after, "Next ›", "next"))),
      h("p", { class: "kicker" }, "Unit " + unit.unit + " of " + unit.layer.name),
      h("h1", { tabindex: "-1" }, unit.labelled ? h("a", { class: "quiet", href: units.links.concept(unit.best.name) }, broken(unit.best.name)) : units.label(unit)),
      h("p", { class: "lead" }, sentence(unit)),
      chips.some(Boolean) ? h("ul", { class: "chips big", "aria-label": "Region, kind, support and bias" }, chips) : null);
  }

  function sentence(unit) {
    const index = units.index;
    if (!unit.layer.map) return "Its layer has no maps that say where in the image a response comes from, so it was not compared with concepts. Its response to whole faces and to subgroups is below.";
    if (unit.state !== "active") {
      const why = { dead: "Its response is 0 on every image", constant: "Its response is the same on every image", "not finite": "Its response is not a finite number on some image" };
      return why[unit.state] + ", so nothing can be said of what it looks at.";
    }
    if (!unit.best) return "It fires, but never where a concept of the dictionary is labelled.";
    const cover = units.row(unit.layer.table.coverage, unit.unit)[unit.concept];
    const reach = "It fires in " + percent(cover) + " of the " + counted(unit.best.images, "image") + " with " + unit.best.name;
    const sure = evidence.ofLabel(unit);
    const fit = "its firing area and the label overlap with an IoU of " + number(unit.iou) + (Number.isNaN(sure.low) ? "" : " (95" + SPACE + "% interval " + number(sure.low, 2) + " to " + number(sure.high, 2) + ")");
    if (unit.labelled) {
      const others = unit.detected.map((c) => index.concepts[c].name);
      return reach + "; " + fit + ", above the cut-off of " + index.settings.min_iou + ". " +
        (others.length ? "In the region " + unit.best.region + " it detects " + listed(others) + "." : "No concept of its region stands out.");
    }
    return "No concept explains it. The closest is " + unit.best.name + ": " + fit + ", not above the cut-off of " + index.settings.min_iou + ".";
  }

  function topFaces(unit) {
    const index = units.index;
    const table = unit.layer.table;
    const tiles = [];
    const section = (title, told, places) => h("section", {}, h("h2", {}, title), told ? h("p", { class: "soft" }, told) : null, h("ul", { class: "top-faces" }, places));
    const overall = Array.from(units.row(table.top_face, unit.unit), (face, place) =>
      tile(unit, tiles, { face, peak: units.row(table.top_peak, unit.unit)[place], map: place, label: index.labels[units.row(table.top_label, unit.unit)[place]] }));
    const sections = [section("Faces on which it responds most", null, overall)];
    if (unit.best) {
      const chosen = Array.from(units.row(table.concept_face, unit.unit)).filter((face) => face >= 0);
      const places = chosen.map((face, place) => {
        const top = units.row(table.concept_top, unit.unit)[place];
        return tile(unit, tiles, { face, peak: units.row(table.concept_peak, unit.unit)[place], map: top < 0 ? null : top, label: "present" });
      });
      const same = chosen.length === overall.length && chosen.every((face, place) => face === units.row(table.top_face, unit.unit)[place]);
      const told = "Of the " + counted(unit.best.images, "image") + " with " + unit.best.name + ", those with the highest peaks. Maps are kept of the faces above only; of others, the peak says how strongly the unit responds, not where.";
      if (same) {
        tiles.length = overall.length;
        sections[0].append(h("p", { class: "soft" }, "All of them have " + unit.best.name + ", so they are its top faces for the concept, too."));
      } else if (places.length) sections.push(section("Faces with " + unit.best.name + " on which it responds most", told, places));
    }
    const [height, width] = index.input;
    const low = unit.layer.map ? Math.min(table.lowest[unit.unit], unit.threshold) : 0;
    const range = [low, Math.max(...Array.from(units.row(table.top_peak, unit.unit)).filter(Number.isFinite), unit.threshold)];

    function paint() {
      for (const one of tiles) {
        const map = one.map === null ? null : one.maps[one.map];
        const mode = map ? shown.mode : "face";
        one.canvas.getContext("2d").clearRect(0, 0, one.canvas.width, one.canvas.height);
        faces.paint(one.canvas, one.face, {
          mode, map, threshold: unit.threshold, size: [height, width], range, concept: shown.outline ? unit.concept : -1,
        });
        one.canvas.setAttribute("aria-label", alt(unit, one, mode));
        scale.hidden = shown.mode !== "heat";
      }
    }

    units.maps(unit).then((maps) => {
      for (const one of tiles) {
        one.maps = maps;
        if (one.map === null || !maps[one.map]) continue;
        const mask = pictures.firing(pictures.upsample(maps[one.map], [height, width]), unit.threshold, index.settings.zeros);
        one.fires = pictures.share(mask);
        one.told.textContent = one.fires ? "fires in " + percent(one.fires) + " of it" : "does not fire";
      }
      paint();
    }).catch(facedissect.failed);

    const scale = h("p", { class: "heat-scale small", hidden: true },
      h("span", { class: "digits" }, number(range[0], 2)),
      h("i", { "aria-hidden": "true", style: { background: "linear-gradient(90deg," + pictures.HEAT.map((c) => "rgb(" + c.join() + ")").join() + ")" } },
        h("b", { style: { left: (100 * (unit.threshold - range[0])) / (range[1] - range[0] || 1) + "%" } })),
      h("span", { class: "digits" }, number(range[1], 2)),
      h("span", { class: "soft" }, "response; the mark is its threshold, " + number(unit.threshold, 2)));
    const controls = h("div", { class: "controls" },
      unit.layer.map ? choice("Show faces as", MODES, shown.mode, (mode) => { shown.mode = mode; paint(); }) : null,
      unit.best ? h("label", { class: "check" }, h("input", {
        type: "checkbox", ...(shown.outline && { checked: true }), onchange: (event) => { shown.outline = event.target.checked; paint(); },
      }), h("i", { class: "swatch", "aria-hidden": "true" }), "Outline " + unit.best.name) : null,
      scale);
    return [controls, ...sections];
  }

  function tile(unit, tiles, one) {
    const index = units.index;
    one.canvas = faces.blank(280, { role: "img" });
    one.maps = [];
    one.told = h("span", {}, one.map === null || !unit.layer.map ? (unit.layer.map ? "no map kept" : "") : " ");
    one.name = index.faces[one.face];
    tiles.push(one);
    const crossed = index.crossed.includes(one.face);
    const state = unit.best ? { present: null, absent: "does not have " + unit.best.name, unknown: "not labelled for " + unit.best.name }[one.label] : null;
    return h("li", {}, one.canvas,
      h("span", { class: "line" }, h("span", {}, "peak ", h("strong", { class: "digits" }, number(one.peak, 2))), one.told),
      crossed ? h("span", { class: "small soft" }, "This face could not be read.") : null,
      state ? h("span", { class: "small soft" }, state) : null,
      h("span", { class: "id", title: one.name }, h("bdi", {}, one.name)));
  }

  function alt(unit, one, mode) {
    if (units.index.crossed.includes(one.face)) return "Face " + one.name + " could not be read";
    const how = { lit: "lit where the unit fires", face: "as it is", heat: "under the unit's heat map", mask: "the unit's firing mask" }[mode];
    const concept = unit.best && one.label === "present" ? (shown.outline ? "; " + unit.best.name + " is outlined" : "; it has " + unit.best.name) : "";
    return "Face " + one.name + ", " + how + concept;
  }

  function measures(unit) {
    const table = unit.layer.table;
    const facts = h("section", {}, h("h2", {}, "Activation"), h("dl", { class: "facts" },
      ...(unit.layer.map ? [h("dt", {}, "Fires above"), h("dd", { class: "digits" }, number(unit.threshold))] : []),
      h("dt", {}, "Lowest response"), h("dd", { class: "digits" }, number(table.lowest[unit.unit])),
      h("dt", {}, "Highest response"), h("dd", { class: "digits" }, number(table.highest[unit.unit])),
      h("dt", {}, "State"), h("dd", {}, unit.state)));
    return h("div", { class: "two" }, unit.layer.map ? overlaps(unit) : null, h("div", {}, unit.labelled ? region(unit) : null, facts));
  }

  function overlaps(unit) {
    const { index } = units;
    const table = unit.layer.table;
    const [firing, labelled, coverage] = ["iou_firing", "iou_labelled", "coverage"].map((name) => units.row(table[name], unit.unit));
    const chosen = index.settings.union === "firing" ? firing : labelled;
    const [none, q] = ["null", "concept_q"].map((name) => Array.from(units.row(table[name], unit.unit), units.thousandths));
    const tested = q.some((value) => !Number.isNaN(value));
    const rank = (c) => (Number.isNaN(chosen[c]) ? -1 : chosen[c]);
    const order = index.concepts.map((_, c) => c).sort((a, b) => rank(b) - rank(a));
    const most = Math.max(index.settings.min_iou, ...order.flatMap((c) => [firing[c], labelled[c]]).filter((v) => !Number.isNaN(v)));
    const rows = order.map((c, place) => h("tr", { hidden: place >= FIRST },
      h("th", { scope: "row" }, h("a", { href: units.links.concept(index.concepts[c].name) }, broken(index.concepts[c].name))),
      ...[firing, labelled].map((values) => h("td", { class: "with-bar" }, h("span", { class: "digits" }, number(values[c])), bar(values[c] / most, { strong: values === chosen, mark: index.settings.min_iou / most, none: values === chosen ? none[c] / most : NaN }))),
      tested ? [h("td", { class: "value wide" }, number(none[c])), h("td", { class: "value wide" }, evidence.probability(q[c]))] : null,
      h("td", { class: "value" }, percent(coverage[c])),
      h("td", { class: "value wide" }, index.concepts[c].images.toLocaleString("en-US"))));
    const more = h("button", { type: "button", class: "more", onclick: () => { for (const row of rows) row.hidden = false; more.remove(); } }, "All " + rows.length + " concepts");
    return h("section", {}, h("h2", {}, "Overlap with every concept"),
      h("table", {}, h("caption", {}, "IoU over the images in which it fires, and over all labelled images. The mark is the cut-off, " + index.settings.min_iou + "; this run labels by “" + index.settings.union + "”." + (tested ? " The ring is the IoU with exchanged masks, q how likely one as high is without following the concept." : "")),
        h("thead", {}, h("tr", {}, ...["Concept", "IoU, firing", "IoU, labelled"].map((name) => h("th", { scope: "col" }, name)), tested ? ["Exchanged", "q"].map((name) => h("th", { scope: "col", class: "value wide" }, name)) : null, h("th", { scope: "col", class: "value" }, "Coverage"), h("th", { scope: "col", class: "value wide" }, "Images"))),
        h("tbody", {}, rows)),
      rows.length > FIRST ? more : null);
  }

  function region(unit) {
    const { index } = units;
    const shares = units.row(unit.layer.table.probability, unit.unit);
    const flags = units.row(unit.layer.table.detected, unit.unit);
    const order = index.concepts.map((_, c) => c).filter((c) => !Number.isNaN(shares[c])).sort((a, b) => shares[b] - shares[a]);
    const least = index.settings.detection_ratio / order.length;
    const most = Math.max(least, ...order.map((c) => shares[c]));
    return h("section", {}, h("h2", {}, "Concepts of its region, " + unit.best.region),
      h("table", { class: "bars" }, h("caption", {}, "They share a probability of 1. Detected are those above " + number(least, 2) + ", the mark: " + index.settings.detection_ratio + " times the even share."),
        h("tbody", {}, order.map((c) => h("tr", {},
          h("th", { scope: "row" }, broken(index.concepts[c].name), flags[c] ? h("span", { class: "sr" }, " (detected)") : null),
          h("td", {}, bar(shares[c] / most, { strong: flags[c], mark: least / most })),
          h("td", { class: "value" }, number(shares[c], 2)))))));
  }

  function bias(unit) {
    const { index } = units;
    if (!index.globals.length) return [];
    const holder = h("div", { class: "biases" });
    units.curves(unit).then(({ counts, range }) => holder.append(...index.globals.map((concept, g) => oneBias(unit, concept, g, counts, range)))).catch(facedissect.failed);
    return [h("section", {}, h("h2", {}, "How it responds to subgroups"),
      h("p", { class: "soft" }, "Each curve shows how the unit's peaks are distributed over the faces of a subgroup, in the share of its faces. The bar is the probability that the method gives the subgroup; its mark is the cut-off from which the unit counts as biased."),
      holder)];
  }

  function oneBias(unit, concept, g, counts, range) {
    const { index, columns } = units;
    const table = unit.layer.table;
    const own = columns.map((column, c) => ({ ...column, c })).filter((column) => column.g === g);
    const totals = own.map(({ c }) => counts[c].reduce((sum, n) => sum + n, 0));
    const fewest = Math.min(...totals.filter(Boolean));
    const merged = fewest < 100 ? 4 : fewest < 400 ? 2 : 1;
    const shares = own.map(({ c }, i) => {
      const bins = new Array(index.bins / merged).fill(0);
      counts[c].forEach((n, bin) => (bins[Math.floor(bin / merged)] += n / (totals[i] || 1)));
      return bins;
    });
    const top = Math.max(...shares.flat(), 1e-9);
    const finite = Number.isFinite(range[0]);
    const mark = finite && unit.layer.map ? (unit.threshold - range[0]) / (range[1] - range[0]) : NaN;
    const probability = own.map(({ c }) => units.row(table.share, unit.unit)[c]);
    const flags = own.map(({ c }) => units.row(table.biased, unit.unit)[c]);
    const measured = probability.some((p) => !Number.isNaN(p));
    // What just misses the cut-off must not look as if it met it.
    const told = (p, i) => (!flags[i] && number(p, 2) === number(concept.cutoff, 2) ? number(Math.floor(1000 * p) / 1000) : number(p, 2));
    return h("article", { class: "bias" },
      h("h3", {}, h("a", { class: "quiet", href: units.links.global(concept.name) }, concept.name)),
      h("p", { class: "small soft" }, !measured ? "No probability: there are too few images, or the unit's activation says nothing."
        : flags.some(Boolean) ? "Biased towards " + listed(own.filter((_, i) => flags[i]).map((one) => one.group.name)) + "." + evidence.ofBiases(unit, own.filter((_, i) => flags[i])) : "No bias at the cut-off of " + number(concept.cutoff, 2) + "."),
      h("div", { class: "ridges" }, own.map((one, i) => {
        const colour = index.colours[one.s % index.colours.length];
        return [
          h("span", { class: "who" }, broken(one.group.name), h("span", { class: "soft small" }, counted(totals[i], "face"))),
          ridge(shares[i], top, colour, mark, one.group.name),
          h("span", { class: "much" + (flags[i] ? " biased" : "") },
            bar(probability[i], { colour, mark: concept.cutoff }), h("span", { class: "digits" }, told(probability[i], i)), flags[i] ? h("span", { class: "sr" }, " (biased)") : null),
        ];
      }), finite ? [h("span", {}), h("span", { class: "axis small soft digits" },
        h("span", {}, number(range[0], 2)), h("span", { class: "wide" }, "peak response"), h("span", {}, number(range[1], 2))), h("span", { class: "small soft" }, "probability")] : null),
      finite ? h("p", { class: "small soft" }, "In " + index.bins / merged + " bins, of which the highest holds " + percent(top) + " of a subgroup." + (mark >= 0 && mark <= 1 ? " The dashed line is the threshold." : "")) : null,
      evidence.effects(unit, own));
  }

  function ridge(shares, top, colour, mark, name) {
    const width = 240, height = 44;
    const x = (i) => ((i + 0.5) * width) / shares.length;
    const y = (share) => height - 2 - (share / top) * (height - 6);
    const points = [[0, y(shares[0])], ...shares.map((share, i) => [x(i), y(share)]), [width, y(shares[shares.length - 1])]];
    // Horizontal tangents at every bin, so that the curve meets each count and never leaves the range between two.
    const line = points.slice(1).reduce((path, [px, py], i) => {
      const [ox, oy] = points[i], half = (ox + px) / 2;
      return path + "C" + [half, oy, half, py, px, py].map((v) => v.toFixed(1)).join(" ");
    }, "M" + points[0].map((v) => v.toFixed(1)).join(" "));
    const peak = shares.indexOf(Math.max(...shares));
    return s("svg", { viewBox: "0 0 " + width + " " + height, class: "ridge", preserveAspectRatio: "none", role: "img", "aria-label": name + ": most faces in bin " + (peak + 1) + " of " + shares.length },
      s("path", { d: line + "L" + width + " " + height + "L0 " + height + "z", fill: colour, "fill-opacity": 0.25 }),
      s("path", { d: line, fill: "none", stroke: colour, "stroke-width": 2, "vector-effect": "non-scaling-stroke" }),
      mark >= 0 && mark <= 1 ? s("path", { d: "M" + (mark * width).toFixed(1) + " 0V" + height, class: "threshold", "vector-effect": "non-scaling-stroke" }) : null);
  }

  return { page };
})();
