/* What speaks for a unit's label and for its biases; nothing where nothing was tested. */
facedissect.evidence = (() => {
  const { h, number, percent, listed, broken, bar, SPACE } = facedissect.parts;
  const { units } = facedissect;
  const { thousandths } = units;

  const probability = (value) => (value < 0.001 ? "<" + SPACE + "0.001" : number(value));
  const interval = (low, high, digits = 3) => (Number.isNaN(low) || Number.isNaN(high) ? "–" : number(low, digits) + " to " + number(high, digits));
  const signed = (value) => (Number.isNaN(value) ? "–" : (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2));
  const nameOf = (c) => (c < 0 ? "no label" : units.index.concepts[c].name);

  /** The interval, the null and the chance of a unit's best concept. */
  function ofLabel(unit) {
    const table = unit.layer.table;
    const at = (name) => thousandths(units.row(table[name], unit.unit)[unit.concept]);
    return { low: at("low"), high: at("high"), null: at("null"), chance: table.chance[unit.unit], p: table.p[unit.unit], q: table.q[unit.unit] };
  }

  function sentence(unit) {
    const name = unit.best.name;
    const least = "q would have to be below " + units.index.significance;
    return unit.supported
      ? "The unit overlaps " + name + " better than it overlaps the same masks exchanged between the images that have " + name + ". So it follows " + name + " itself, not only the place where it mostly lies."
      : "Exchanged between the images that have " + name + ", the same masks are overlapped about as well. So the unit may just fire where " + name + " mostly lies, or there are too few images to tell (" + least + ").";
  }

  function stability(unit) {
    const table = unit.layer.table;
    const same = thousandths(table.stability[unit.unit]);
    if (Number.isNaN(same)) return null;
    const count = table.label_sets[unit.unit];
    const names = Array.from(units.row(table.label_set, unit.unit)).slice(0, count).map(nameOf);
    if (count > names.length) names.push("one of " + (count - names.length) + " more");
    const others = count < 2 ? "." : "; 95" + SPACE + "% of them give " + names.slice(0, -1).join(", ") + " or " + names[names.length - 1] + ".";
    return "The label stays the same in " + percent(same) + " of " + units.index.settings.replicates.toLocaleString("en-US") + " resamplings of the images" + others;
  }

  function section(unit) {
    if (!unit.judged) return null;
    const told = ofLabel(unit);
    const most = Math.max(unit.iou, told.high || 0, told.null, units.index.settings.min_iou);
    const line = (name, value, text, options) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, bar(value / most, options)), h("td", { class: "value" }, text));
    const steady = stability(unit);
    return h("section", { class: "belief" }, h("h2", {}, "Can the label be believed?"),
      h("div", { class: "two" },
        h("div", {},
          h("p", {}, h("strong", {}, unit.supported ? "Supported. " : "Not supported. "), sentence(unit)),
          h("table", { class: "bars" }, h("caption", {}, "IoU with " + unit.best.name + "; the line is its 95" + SPACE + "% interval."), h("tbody", {},
            line("As it is", unit.iou, number(unit.iou), { strong: true, range: [told.low / most, told.high / most] }),
            line("With masks exchanged", told.null, number(told.null)),
            line("If masks lay anywhere", told.chance, number(told.chance)))),
          h("dl", { class: "facts" },
            h("dt", {}, "95" + SPACE + "% interval"), h("dd", { class: "digits" }, interval(told.low, told.high)),
            h("dt", {}, "IoU above exchanged masks"), h("dd", { class: "digits" }, number(unit.iou - told.null).replace("-", "−")),
            h("dt", {}, "p, of exchanged masks"), h("dd", { class: "digits" }, probability(told.p)),
            h("dt", {}, "q, over the layer"), h("dd", { class: "digits" }, probability(told.q)))),
        h("div", {}, steady ? [h("h3", {}, "Over other images"), h("p", {}, steady)] : null, sweep(unit))));
  }

  function sweep(unit) {
    const { table } = unit.layer;
    const quantiles = table.values.sweep;
    if (!quantiles.length) return null;
    const of = (name) => units.row(table[name], unit.unit);
    const concepts = of("sweep_concept");
    return [h("h3", {}, "At other thresholds"), h("table", {}, h("caption", {}, "The label if the unit fired on a larger or smaller share of the positions; this run takes " + share(units.index.settings.quantile) + ". The last column is the IoU with " + unit.best.name + "."),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Fires on"), h("th", { scope: "col" }, "Label"), h("th", { scope: "col", class: "value" }, "its IoU"), h("th", { scope: "col", class: "value" }, "of this label"))),
      h("tbody", {}, quantiles.map((quantile, i) => h("tr", {},
        h("th", { scope: "row", class: "digits" }, share(quantile)),
        h("td", {}, concepts[i] === unit.concept ? h("strong", {}, broken(nameOf(concepts[i]))) : broken(nameOf(concepts[i]))),
        h("td", { class: "value" }, number(thousandths(of("sweep_iou")[i]))), h("td", { class: "value" }, number(thousandths(of("sweep_own")[i])))))))];
  }

  // 1 - 0.995 is 0.005000000000000004.
  const share = (quantile) => Number((100 * (1 - quantile)).toPrecision(3)) + SPACE + "%";

  /** How the peaks of each subgroup compare with those of the other faces. */
  function effects(unit, own) {
    const { table } = unit.layer;
    const of = (name, c) => thousandths(units.row(table[name], unit.unit)[c]);
    if (own.every(({ c }) => Number.isNaN(of("delta", c)))) return null;
    const span = (name, c) => {
      const ends = [of(name + "_low", c), of(name + "_high", c)];
      return ends.some(Number.isNaN) ? null : h("span", { class: "soft small below" }, signed(ends[0]) + " to " + signed(ends[1]));
    };
    return h("table", { class: "effects" }, h("caption", {}, "Delta: how much more often the subgroup has the higher peak, from −1 to +1, with its 95" + SPACE + "% interval; adjusted, among faces alike in the other global concepts."),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Subgroup"), h("th", { scope: "col", class: "value" }, "Delta"), h("th", { scope: "col", class: "value" }, "Adjusted"), h("th", { scope: "col" }, "By the statistics"))),
      h("tbody", {}, own.map((one) => h("tr", {}, h("th", { scope: "row" }, broken(one.group.name)),
        h("td", { class: "value" }, signed(of("delta", one.c)), span("delta", one.c)),
        h("td", { class: "value" }, signed(of("adjusted_delta", one.c)), span("adjusted", one.c)),
        h("td", {}, verdict(unit, one.c), Number.isNaN(of("adjusted_q", one.c)) ? null : h("span", { class: "soft small below digits" }, "q " + probability(of("adjusted_q", one.c))))))));
  }

  /** `supported`, `supported: lower`, `not supported`, or `not tested`. */
  function verdict(unit, c) {
    const { table } = unit.layer;
    const of = (name) => thousandths(units.row(table[name], unit.unit)[c]);
    if (units.row(table.held, unit.unit)[c]) return of("adjusted_delta") > 0 ? h("strong", {}, "supported") : h("strong", {}, "supported: lower");
    return Number.isNaN(of("adjusted_q")) ? "not tested" : "not supported";
  }

  /** Which of the biases of one global concept the statistics support, in a sentence. */
  function ofBiases(unit, biased) {
    const held = biased.filter(({ c }) => unit.held.includes(c)).map((one) => one.group.name);
    if (held.length) return " Supported: " + listed(held) + ".";
    return biased.some(({ c }) => !Number.isNaN(thousandths(units.row(unit.layer.table.adjusted_q, unit.unit)[c]))) ? " Not supported by the statistics." : " Not tested: too few faces can be compared.";
  }

  return { section, effects, ofBiases, ofLabel, probability, signed };
})();
