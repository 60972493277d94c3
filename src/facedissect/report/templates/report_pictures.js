/* Faces on canvases: as they are, lit where a unit fires, under its heat map, or as its firing mask, concepts outlined. */
facedissect.pictures = (() => {
  const { piece, FOLDER } = facedissect;
  const KEPT = 900;
  const CHUNK = Number(document.documentElement.dataset.facesInPiece || 1);
  const OUTLINE = "#ffd600";
  const HEAT = [[0, 0, 4], [66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]];
  const pictures = new Map();
  const outlines = new Map();
  const axes = new Map();
  const scratches = new Map();
  const dims = new WeakMap();

  function picture(face) {
    let promise = pictures.get(face);
    if (promise) pictures.delete(face);
    else promise = FOLDER ? fromFile(face) : fromPiece(face);
    pictures.set(face, promise);
    promise.catch(() => pictures.delete(face));
    for (const old of pictures.keys()) {
      if (pictures.size <= KEPT) break;
      pictures.delete(old);
    }
    return promise;
  }

  async function fromFile(face) {
    const image = new Image();
    image.src = FOLDER + "/" + String(face).padStart(6, "0") + ".webp";
    await image.decode();
    return image;
  }

  async function fromPiece(face) {
    const chunk = await piece("faces-" + Math.floor(face / CHUNK));
    const at = face % CHUNK;
    return createImageBitmap(new Blob([chunk.bytes.slice(chunk.start[at], chunk.start[at + 1])], { type: "image/webp" }));
  }

  /** Face -> where it has a concept: 1 in the pixels that are in, with a rim of 0 around them. */
  function outlinesOf(concept) {
    if (!outlines.has(concept)) {
      outlines.set(concept, piece("outlines-" + concept).then((found) => {
        const of = new Map();
        for (let i = 0; i < found.face.length; i++) of.set(found.face[i], rimmed(found.box.subarray(4 * i, 4 * i + 4), found.bits.subarray(found.start[i])));
        return of;
      }));
    }
    return outlines.get(concept);
  }

  function rimmed([left, top, width, height], bits) {
    const values = new Uint8Array((width + 2) * (height + 2));
    for (let y = 0, bit = 0; y < height; y++) {
      for (let x = 0; x < width; x++, bit++) values[(y + 1) * (width + 2) + x + 1] = (bits[bit >> 3] >> (bit & 7)) & 1;
    }
    return { values, left: left - 1, top: top - 1, width: width + 2, height: height + 2 };
  }

  function axis(source, target) {
    const key = source + ":" + target;
    if (!axes.has(key)) {
      const low = new Int32Array(target), high = new Int32Array(target), weight = new Float32Array(target);
      for (let i = 0; i < target; i++) {
        const position = Math.min(Math.max(((i + 0.5) * source) / target - 0.5, 0), source - 1);
        low[i] = Math.floor(position);
        high[i] = Math.min(low[i] + 1, source - 1);
        weight[i] = position - low[i];
      }
      axes.set(key, { low, high, weight });
    }
    return axes.get(key);
  }

  /** Bilinear with half-pixel centres and the edge clamped; every step rounded to float32, as the run did it. */
  function upsample(map, [height, width]) {
    const [h, w] = map.size;
    const rows = axis(h, height), columns = axis(w, width);
    const tall = new Float32Array(height * w);
    const made = new Float32Array(height * width);
    const round = Math.fround;
    for (let y = 0; y < height; y++) {
      const a = rows.low[y] * w, b = rows.high[y] * w, t = rows.weight[y];
      for (let x = 0; x < w; x++) tall[y * w + x] = map[a + x] + round(t * round(map[b + x] - map[a + x]));
      for (let x = 0; x < width; x++) {
        const left = tall[y * w + columns.low[x]];
        made[y * width + x] = left + round(columns.weight[x] * round(tall[y * w + columns.high[x]] - left));
      }
    }
    return made;
  }

  /** Where the unit fires: 1 where the map exceeds its threshold. */
  function firing(field, threshold, zeros) {
    const mask = new Uint8Array(field.length);
    for (let i = 0; i < field.length; i++) mask[i] = field[i] > threshold && (zeros !== "ignore" || field[i] !== 0) ? 1 : 0;
    return mask;
  }

  const share = (mask) => mask.reduce((sum, one) => sum + one, 0) / mask.length;

  function canvas(width, height) {
    const made = document.createElement("canvas");
    made.width = width;
    made.height = height;
    return made;
  }

  /**
   * Where values at pixel centres cross a level, by marching squares with straight interpolation. The border is no edge.
   * @param grid {values, left, top, width, height} in pixels
   * @param scale from those to the canvas
   */
  function contour(context, { values, left, top, width, height }, level, scale) {
    const along = (a, b) => {
      const t = (level - a) / (b - a);
      return t >= 0 && t <= 1 ? t : 0.5;
    };
    const point = (x, y) => [(left + x + 0.5) * scale[0], (top + y + 0.5) * scale[1]];
    context.beginPath();
    for (let y = 0; y + 1 < height; y++) {
      for (let x = 0, at = y * width; x + 1 < width; x++, at++) {
        const a = values[at], b = values[at + 1], c = values[at + width + 1], d = values[at + width];
        const corners = (a > level) + (b > level) + (c > level) + (d > level);
        if (corners === 0 || corners === 4) continue;
        const crossed = [];
        if (a > level !== b > level) crossed.push(point(x + along(a, b), y));
        if (b > level !== c > level) crossed.push(point(x + 1, y + along(b, c)));
        if (c > level !== d > level) crossed.push(point(x + along(d, c), y + 1));
        if (d > level !== a > level) crossed.push(point(x, y + along(a, d)));
        for (let i = 0; i + 1 < crossed.length; i += 2) {
          context.moveTo(...crossed[i]);
          context.lineTo(...crossed[i + 1]);
        }
      }
    }
  }

  function stroke(context, colour, width, under) {
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = "rgba(0, 0, 0, " + under + ")";
    context.lineWidth = 2 * width;
    context.stroke();
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }

  /** A canvas that is drawn on again and again. */
  function scratch(role, width, height) {
    let made = scratches.get(role);
    if (!made || made.width !== width || made.height !== height) scratches.set(role, (made = canvas(width, height)));
    const context = made.getContext("2d");
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, width, height);
    return context;
  }

  function stencil(mask, [height, width]) {
    const context = scratch("stencil", width, height);
    const image = context.createImageData(width, height);
    for (let i = 0; i < mask.length; i++) image.data[4 * i + 3] = mask[i] ? 255 : 0;
    context.putImageData(image, 0, 0);
    return context.canvas;
  }

  /** The picture as it is where a unit does not fire; made once. */
  function dimmed(image) {
    let made = dims.get(image);
    if (!made) {
      made = canvas(image.width, image.height);
      const context = made.getContext("2d");
      context.drawImage(image, 0, 0);
      grey(context, 0.75, 0.36);
      dims.set(image, made);
    }
    return made;
  }

  function colour(t) {
    const at = Math.min(Math.max(t, 0), 1) * (HEAT.length - 1), low = Math.min(Math.floor(at), HEAT.length - 2);
    return HEAT[low].map((value, channel) => value + (at - low) * (HEAT[low + 1][channel] - value));
  }

  function heat(field, [height, width], [low, high]) {
    const context = scratch("heat", width, height);
    const image = context.createImageData(width, height);
    const table = Array.from({ length: 256 }, (_, i) => colour(i / 255));
    for (let i = 0; i < field.length; i++) {
      const t = high > low ? (field[i] - low) / (high - low) : 0;
      if (Number.isNaN(t)) continue;
      const step = Math.round(255 * Math.min(Math.max(t, 0), 1));
      image.data.set(table[step], 4 * i);
      image.data[4 * i + 3] = 90 + Math.round((130 * step) / 255);
    }
    context.putImageData(image, 0, 0);
    return context.canvas;
  }

  function grey(context, amount, dim) {
    const { width, height } = context.canvas;
    context.globalCompositeOperation = "saturation";
    context.fillStyle = "rgba(128, 128, 128, " + amount + ")";
    context.fillRect(0, 0, width, height);
    context.globalCompositeOperation = "source-over";
    context.fillStyle = "rgba(0, 0, 0, " + dim + ")";
    context.fillRect(0, 0, width, height);
  }

  /**
   * Draws a face into a canvas.
   * @param target the canvas, of the size that it shall be sharp at
   * @param image the picture
   * @param show {mode: face | lit | heat | mask, field, size (of the field), mask, range, outline, pictureSize}
   */
  function draw(target, image, show) {
    const context = target.getContext("2d");
    const { width, height } = target;
    context.imageSmoothingQuality = "high";
    if (show.mode === "mask" && show.mask) {
      context.fillStyle = "#11141a";
      context.fillRect(0, 0, width, height);
      const on = scratch("over", width, height);
      on.drawImage(stencil(show.mask, show.size), 0, 0, width, height);
      on.globalCompositeOperation = "source-in";
      on.fillStyle = "#fff";
      on.fillRect(0, 0, width, height);
      context.drawImage(on.canvas, 0, 0);
    } else {
      context.drawImage(show.mode === "lit" && show.mask ? dimmed(image) : image, 0, 0, width, height);
    }
    if (show.mode === "heat" && show.field) {
      grey(context, 0.85, 0);
      context.drawImage(heat(show.field, show.size, show.range), 0, 0, width, height);
    }
    if (show.mode === "lit" && show.mask) {
      const on = scratch("over", width, height);
      on.imageSmoothingQuality = "high";
      on.drawImage(image, 0, 0, width, height);
      on.globalCompositeOperation = "destination-in";
      on.drawImage(stencil(show.mask, show.size), 0, 0, width, height);
      context.drawImage(on.canvas, 0, 0);
    }
    if ((show.mode === "lit" || show.mode === "heat") && show.mask) {
      const [h, w] = show.size;
      const [values, level] = show.zeros === "ignore" ? [show.mask, 0.5] : [show.field, show.threshold];
      contour(context, { values, left: 0, top: 0, width: w, height: h }, level, [width / w, height / h]);
      stroke(context, "#fff", Math.max(1.25, width / 160), 0.35);
    }
    if (show.outline) {
      const [h, w] = show.pictureSize;
      contour(context, show.outline, 0.5, [width / w, height / h]);
      stroke(context, OUTLINE, Math.max(1.5, width / 120), 0.45);
    }
  }

  return { picture, outlinesOf, upsample, firing, share, draw, colour, HEAT };
})();
