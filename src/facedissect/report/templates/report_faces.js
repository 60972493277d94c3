/* Faces of units as elements: a canvas each, drawn when it is due, a few a frame so that scrolling stays smooth. */
facedissect.faces = (() => {
  const { h } = facedissect.parts;
  const { picture, outlinesOf, upsample, firing, draw } = facedissect.pictures;
  const { units } = facedissect;
  const BUDGET = 6; // milliseconds of a frame
  const LATE = 25; // milliseconds from frame to frame from which on scrolling comes before drawing
  const WAITS = 20; // late frames in a row that drawing waits for, at most
  const queue = [];
  let running = false, last = 0, late = 0;

  function due(job) {
    queue.push(job);
    if (!running) {
      running = true;
      last = performance.now();
      requestAnimationFrame(work);
    }
  }

  function work(now) {
    late = now - last > LATE && late < WAITS ? late + 1 : 0;
    last = now;
    const end = performance.now() + BUDGET;
    while (!late && queue.length && performance.now() < end) queue.shift()();
    running = queue.length > 0;
    if (running) requestAnimationFrame(work);
  }

  /** A canvas whose pixels are those of the screen for a given width. */
  function blank(width, attributes) {
    const [height, across] = units.index.picture;
    const pixels = Math.round(width * Math.min(2, window.devicePixelRatio || 1));
    return h("canvas", { width: pixels, height: Math.round((pixels * height) / across), ...attributes });
  }

  /** Shows a face in a canvas: `show` as pictures.draw takes it, with `map` and `threshold` in place of field and mask. */
  async function paint(canvas, face, show) {
    try {
      const [image, outlines] = await Promise.all([
        picture(face), show.concept >= 0 ? outlinesOf(show.concept) : null,
      ]);
      due(() => {
        if (!canvas.isConnected && canvas.dataset.once) return;
        const told = { ...show, zeros: units.index.settings.zeros, outline: outlines && outlines.get(face), pictureSize: units.index.picture };
        if (show.map) {
          told.field = upsample(show.map, show.size);
          told.mask = firing(told.field, show.threshold, told.zeros);
        }
        draw(canvas, image, told);
        canvas.dataset.drawn = show.mode;
      });
    } catch (error) {
      canvas.dataset.drawn = "failed";
      facedissect.failed(error);
    }
  }

  /** The first top faces of a unit, lit, as one picture to whoever cannot see them. */
  function mosaic(unit, width, most) {
    const table = unit.layer.table;
    const faces = units.row(table.top_face, unit.unit);
    const shown = Math.min(most, faces.length);
    const canvases = Array.from({ length: shown }, () => blank(width, { "data-once": "1" }));
    units.maps(unit).then((maps) => canvases.forEach((canvas, place) =>
      paint(canvas, faces[place], {
        mode: "lit", map: maps[place], threshold: unit.threshold, size: units.index.picture, concept: unit.concept,
      }))).catch(facedissect.failed);
    const alt = "The " + shown + " faces on which it responds most" + (unit.layer.map ? ", lit where it fires" : "");
    return h("div", { class: shown > 1 ? "mosaic" : "mosaic single", role: "img", "aria-label": alt }, canvases);
  }

  return { paint, blank, mosaic };
})();
