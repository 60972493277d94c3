"use strict";
/* The pieces of data: out of the page, or out of scripts beside it, which a page from disk may load where it may not fetch. */
const facedissect = (() => {
  const FOLDER = document.documentElement.dataset.pieces || "";
  const TYPES = {
    "|u1": Uint8Array, "<u2": Uint16Array, "<u4": Uint32Array, "<i2": Int16Array, "<i4": Int32Array, "<f4": Float32Array,
  };
  const KEPT = 160;
  const waiting = new Map();
  const kept = new Map();

  function receive(key, text) {
    const taken = waiting.get(key);
    waiting.delete(key);
    if (taken) taken(text);
  }

  function text(key) {
    const element = document.getElementById("piece-" + key);
    if (element) return Promise.resolve(element.textContent);
    if (!FOLDER) return Promise.reject(new Error("this page has no piece " + key));
    return new Promise((resolve, reject) => {
      waiting.set(key, resolve);
      const script = document.createElement("script");
      script.src = FOLDER + "/" + key + ".js";
      script.onload = () => {
        script.remove();
        if (waiting.delete(key)) reject(new Error("expected " + key + " in " + script.src));
      };
      script.onerror = () => {
        script.remove();
        waiting.delete(key);
        reject(new Error("expected " + script.src + " beside this page, which it was written with"));
      };
      document.head.append(script);
    });
  }

  function bytes(base64) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
    const letters = atob(base64);
    const made = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) made[i] = letters.charCodeAt(i);
    return made;
  }

  async function unpack(base64) {
    const stream = new Blob([bytes(base64)]).stream().pipeThrough(new DecompressionStream("gzip"));
    const buffer = await new Response(stream).arrayBuffer();
    const length = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const start = Math.ceil((4 + length) / 8) * 8;
    const piece = { values: header.values };
    for (const [name, told] of Object.entries(header.arrays)) {
      const size = told.shape.reduce((product, n) => product * n, 1);
      piece[name] = new TYPES[told.type](buffer, start + told.offset, size);
      piece[name].shape = told.shape;
    }
    return piece;
  }

  /** A piece by its key; unpacked once, the ones not asked for longest are forgotten. */
  function piece(key) {
    let promise = kept.get(key);
    if (promise) kept.delete(key);
    else promise = text(key).then(unpack);
    kept.set(key, promise);
    promise.catch(() => kept.delete(key));
    for (const old of kept.keys()) {
      if (kept.size <= KEPT) break;
      kept.delete(old);
    }
    return promise;
  }

  return { receive, piece, FOLDER };
})();
