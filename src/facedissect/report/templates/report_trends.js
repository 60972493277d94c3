/* How the peaks of units rise or fall with labels that are numbers, such as age in years. */
facedissect.trends = (() => {
  const { h, number, counted, SPACE } = facedissect.parts;
  const { units } = facedissect;
  const { probability, signed } = facedissect.evidence;

  /** What is known of a unit and a number; null where its layer was not compared with the number. */
  function of(unit, name) {
    const { table } = unit.layer;
    const place = table.values.numbers.indexOf(name);
    if (place < 0) return null;
    const at = (array) => units.thousandths(units.row(table["trend_" + array], unit.unit)[place]);
    return {
      rho: at("rho"), low: at("low"), high: at("high"),
      adjusted: at("adjusted"), adjustedLow: at("adjusted_low"), adjustedHigh: at("adjusted_high"),
      q: at("q"), supported: Boolean(units.row(table.trend_supported, unit.unit)[place]),
    };
  }

  function told(value, low, high) {
    const ends = [low, high];
    return signed(value) + (ends.some(Number.isNaN) ? "" : SPACE + "(" + ends.map((end) => number(end, 2).replace("-", "−")).join(SPACE + "to" + SPACE) + ")");
  }

  function line(label, found) {
    if (Number.isNaN(found.rho)) return [label.told + ": not measured, as the unit's peaks say nothing"];
    const verdict = found.supported ? h("strong", {}, "supported") : Number.isNaN(found.q) ? "not tested" : "not supported";
    return [
      label.told + ": rho" + SPACE + told(found.rho, found.low, found.high) + ", adjusted" + SPACE + told(found.adjusted, found.adjustedLow, found.adjustedHigh) + ", ",
      verdict, Number.isNaN(found.q) ? null : " (q" + SPACE + probability(found.q) + ")",
    ];
  }

  /** A line for each number that the layer was compared with; null where there is none. */
  function section(unit) {
    const found = units.index.numbers.map((label) => [label, of(unit, label.name)]).filter(([, known]) => known);
    if (!found.length) return null;
    return h("section", {}, h("h2", {}, "How it responds to numbers"),
      h("p", { class: "soft" }, "Rho tells how the unit's peaks rise or fall with a number that faces are labelled with, from −1 to +1, with its 95" + SPACE + "% interval; adjusted, among faces alike in the other global concepts."),
      h("ul", { class: "trends digits" }, found.map(([label, known]) => h("li", {}, line(label, known)))));
  }

  /** Of each number that a global concept speaks of, the first units of those that rise and of those that fall with it. */
  function leaders(concept, first, entry) {
    return units.index.numbers.filter((label) => label.of.includes(concept.name)).map((label) => {
      const measured = units.all.map((unit) => [unit, of(unit, label.name)]).filter(([, found]) => found && !Number.isNaN(found.rho));
      const held = measured.filter(([, found]) => found.supported).sort((a, b) => Math.abs(b[1].adjusted) - Math.abs(a[1].adjusted));
      const [rise, fall] = [held.filter(([, found]) => found.adjusted > 0), held.filter(([, found]) => found.adjusted < 0)];
      const column = (title, some) => h("section", {}, h("h3", {}, title), some.length
        ? h("ol", {}, some.slice(0, first).map(([unit, found]) => entry(unit, signed(found.adjusted)))) : h("p", { class: "soft" }, "No unit does, by the statistics."));
      return h("section", {}, h("h2", {}, "Units that rise or fall with " + label.told),
        h("p", { class: "soft" }, measured.length ? "Of " + counted(measured.length, "unit") + ", " + rise.length.toLocaleString("en-US") + " rise and " + fall.length.toLocaleString("en-US") + " fall with it by the statistics, among faces alike in the other global concepts; those with the greatest adjusted rho come first." : "No unit could be compared with it."),
        held.length ? h("div", { class: "leaders", style: { "--columns": 2 } }, column("Rise", rise), column("Fall", fall)) : null);
    });
  }

  return { section, leaders };
})();
