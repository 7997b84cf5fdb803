// Where the model saw what it answered: recyclenet's pictures/heatmap.py in the browser.

import { resizeFloats } from "./resample.js";

const STRENGTH = 0.6;
const STOPS = [[13, 8, 60], [106, 23, 110], [188, 55, 84], [240, 120, 30], [252, 255, 164]];

// One class's evidence by place, relative to the mean of all classes, in [0, 1]. `evidence` holds a map of `cells`
// numbers for each class.
function heat(evidence, cells, index) {
  const count = evidence.length / cells;
  const relative = Float32Array.from({ length: cells }, (_, cell) => {
    let sum = 0;
    for (let place = 0; place < count; place++) sum += evidence[place * cells + cell];
    return Math.max(0, evidence[index * cells + cell] - sum / count);
  });
  const peak = Math.max(...relative);
  return peak > 0 ? relative.map((value) => value / peak) : relative;
}

// The view, grey, with the evidence for a class over it; RGB as the view's own pixels.
// `evidence` as the model gives it for one photo: K × height × width.
export function heatmap({ side, pixels }, evidence, width, height, index) {
  const values = resizeFloats(heat(evidence, width * height, index), width, height, side, "bicubic");
  const out = new Uint8ClampedArray(pixels.length);
  for (let at = 0; at < values.length; at++) {
    const smooth = Math.min(1, Math.max(0, values[at]));
    const [red, green, blue] = pixels.subarray(3 * at, 3 * at + 3);
    const grey = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16;
    const position = smooth * (STOPS.length - 1);
    const low = Math.min(Math.trunc(position), STOPS.length - 2);
    const share = position - low;
    for (let channel = 0; channel < 3; channel++) {
      const colour = STOPS[low][channel] * (1 - share) + STOPS[low + 1][channel] * share;
      out[3 * at + channel] = grey * (1 - STRENGTH * smooth) + colour * STRENGTH * smooth;
    }
  }
  return out;
}
