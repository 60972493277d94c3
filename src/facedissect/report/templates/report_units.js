/* The units of all layers, as objects over the arrays, and which of them a query asks for. */
facedissect.units = (() => {
  const { piece } = facedissect;
  let index;
  const layers = [];
  const all = [];
  let columns = [];

  async function load() {
    index = (await piece("index")).values;
    const tables = await Promise.all(index.layers.map((_, number) => piece("layer-" + number)));
    columns = index.globals.flatMap((concept, g) => concept.subgroups.map((group, s) => ({ concept, group, g, s })));
    index.layers.forEach((layer, number) => {
      layers.push({ ...layer, number, table: tables[number] });
      for (let unit = 0; unit < layer.units; unit++) all.push(described(layers[number], unit));
    });
    return index;
  }

  const row = (array, unit) => array.subarray(unit * array.shape[1], (unit + 1) * array.shape[1]);
  const chosen = () => "iou_" + index.settings.union;
  const UNKNOWN = -32768;
  const thousandths = (value) => (value === UNKNOWN ? NaN : value / 1000);

  function described(layer, unit) {
    const table = layer.table;
    const concept = table.concept[unit];
    const width = index.concepts.length;
    const at = unit * width + concept;
    const found = { layer, unit, concept, state: index.states[table.state[unit]], labelled: Boolean(table.interpretable[unit]) };
    found.best = concept < 0 ? null : index.concepts[concept];
    found.iou = concept < 0 ? NaN : table[chosen()][at];
    found.threshold = table.threshold[unit];
    found.judged = found.labelled && !Number.isNaN(table.q[unit]);
    found.supported = Boolean(table.supported[unit]);
    found.detected = [];
    if (found.labelled) {
      const shares = row(table.probability, unit);
      const flags = row(table.detected, unit);
      for (let c = 0; c < width; c++) if (flags[c]) found.detected.push(c);
      found.detected.sort((a, b) => shares[b] - shares[a]);
    }
    found.biased = [];
    found.held = []; // subgroups on which its peaks are higher by the statistics
    found.lean = 0;
    const held = row(table.held, unit);
    const adjusted = row(table.adjusted_delta, unit);
    const biased = row(table.biased, unit);
    const share = row(table.share, unit);
    for (let c = 0; c < columns.length; c++) {
      if (biased[c]) found.biased.push(c);
      if (held[c] && adjusted[c] > 0) found.held.push(c);
      if (columns[c].concept.cutoff && share[c] / columns[c].concept.cutoff > found.lean) found.lean = share[c] / columns[c].concept.cutoff;
    }
    found.text = [
      layer.name, "unit " + unit, label(found), found.labelled ? found.best.region + " " + found.best.kind : found.state,
      ...found.detected.map((c) => index.concepts[c].name),
      ...found.biased.map((c) => columns[c].concept.name + " " + columns[c].group.name),
    ].join(" ").toLowerCase();
    return found;
  }

  function label(unit) {
    if (unit.labelled) return unit.best.name;
    if (unit.state !== "active") return "no label: " + unit.state;
    return unit.best ? "no label (closest: " + unit.best.name + ")" : "no label";
  }

  const biasName = (column) => columns[column].concept.name + "/" + columns[column].group.name;

  /** Which units a query asks for: concept, region and kind of labelled units only; `q` in all that is written of a unit. */
  function select(query) {
    const get = (name) => query.get(name) || "";
    const words = get("q").toLowerCase().split(/\s+/).filter(Boolean);
    const least = Number(get("iou")) || 0;
    const tests = [];
    if (get("layer")) tests.push((u) => u.layer.name === get("layer"));
    if (get("label") === "labelled") tests.push((u) => u.labelled);
    if (get("label") === "none") tests.push((u) => !u.labelled);
    if (get("supported") === "yes") tests.push((u) => u.supported);
    if (get("supported") === "no") tests.push((u) => u.judged && !u.supported);
    if (get("concept")) {
      const name = get("concept");
      tests.push((u) => u.labelled && (u.best.name === name || u.detected.some((c) => index.concepts[c].name === name)));
    }
    if (get("region")) tests.push((u) => u.labelled && u.best.region === get("region"));
    if (get("kind")) tests.push((u) => u.labelled && u.best.kind === get("kind"));
    if (least) tests.push((u) => u.iou >= least);
    const bias = get("bias");
    if (bias === "none") tests.push((u) => !u.biased.length);
    else if (bias) tests.push((u) => u.biased.some((c) => columns[c].concept.name === bias || biasName(c) === bias));
    if (words.length) tests.push((u) => words.every((word) => u.text.includes(word)));
    const found = all.filter((unit) => tests.every((test) => test(unit)));
    return found.sort(ORDERS[get("sort")] || ORDERS.iou);
  }

  const number = (value) => (Number.isNaN(value) ? -1 : value);
  const byIou = (a, b) => b.labelled - a.labelled || number(b.iou) - number(a.iou) || byUnit(a, b);
  const byUnit = (a, b) => a.layer.number - b.layer.number || a.unit - b.unit;
  const ORDERS = {
    iou: byIou,
    unit: byUnit,
    concept: (a, b) => b.labelled - a.labelled || (a.labelled ? a.concept - b.concept : 0) || byIou(a, b),
    bias: (a, b) => b.lean - a.lean || byUnit(a, b),
    coverage: (a, b) => b.labelled - a.labelled || coverage(b) - coverage(a) || byUnit(a, b),
  };
  const coverage = (u) => (u.best ? number(row(u.layer.table.coverage, u.unit)[u.concept]) : -1);

  const FIELDS = ["layer", "concept", "region", "kind", "bias", "label", "supported", "iou", "q", "sort"];

  /** A query with the known fields only, in one order, so that equal selections have equal addresses. */
  function tidy(query) {
    const clean = new URLSearchParams();
    for (const name of FIELDS) if (query.get(name)) clean.set(name, query.get(name));
    return clean;
  }

  function address(unit, query) {
    const rest = query ? tidy(query).toString() : "";
    return "#/unit/" + encodeURIComponent(unit.layer.name) + "/" + unit.unit + (rest ? "?" + rest : "");
  }

  const piecesOf = (unit) => piece("units-" + unit.layer.number + "-" + Math.floor(unit.unit / unit.layer.block));

  /** The maps of a unit's top faces, each with `size`; none for a layer without maps. */
  async function maps(unit) {
    if (!unit.layer.map) return [];
    const block = await piecesOf(unit);
    const [, places, height, width] = block.maps.shape;
    const within = unit.unit % unit.layer.block;
    return Array.from({ length: places }, (_, place) => {
      const start = (within * places + place) * height * width;
      const map = block.maps.subarray(start, start + height * width);
      map.size = [height, width];
      return map;
    });
  }

  /** The counts of a unit's peaks by subgroup, and their range. */
  async function curves(unit) {
    const block = await piecesOf(unit);
    const [, groups, bins] = block.curves.shape;
    const within = unit.unit % unit.layer.block;
    return {
      counts: Array.from({ length: groups }, (_, group) =>
        block.curves.subarray((within * groups + group) * bins, (within * groups + group + 1) * bins)),
      range: block.ranges.subarray(2 * within, 2 * within + 2),
    };
  }

  const links = {
    units: (fields) => "#/units" + (Object.keys(fields).length ? "?" + tidy(new URLSearchParams(fields)) : ""),
    concept: (name) => "#/concept/" + encodeURIComponent(name),
    global: (name) => "#/global/" + encodeURIComponent(name),
  };

  return {
    load, select, tidy, address, label, row, thousandths, maps, curves, links, layers, all, biasName, FIELDS,
    get index() { return index; },
    get columns() { return columns; },
  };
})();
