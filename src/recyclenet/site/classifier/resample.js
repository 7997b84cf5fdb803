// Pillow's resizing, since a browser's own differs: its weights, its fixed-point numbers, its rounding between the two
// passes, across and then down (https://github.com/python-pillow/Pillow, src/libImaging/Resample.c).

const BITS = 22; // of the fraction in a fixed-point weight

const FILTERS = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: (x) => cubic(Math.abs(x)) },
};

function cubic(x) {
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

// How a line of `from` values becomes one of `to`, of which only `count` from `first` on are wanted: for each of these
// {start, weights}, the place of its first source value and the weights from there on, which sum to 1.
export function taps(from, to, filter, first = 0, count = to) {
  const { support, weight } = FILTERS[filter];
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const reach = support * stretch;
  return Array.from({ length: count }, (_, place) => {
    const centre = (first + place + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    const weights = Array.from({ length: end - start }, (_, at) => weight((at + start - centre + 0.5) / stretch));
    const sum = weights.reduce((total, value) => total + value, 0);
    return { start, weights: weights.map((value) => value / sum) };
  });
}

export function fixedPoint(lines) {
  return lines.map(({ start, weights }) => ({
    start,
    weights: Int32Array.from(weights, (value) => Math.trunc(value * 2 ** BITS + (value < 0 ? -0.5 : 0.5))),
  }));
}

// The first pass: `rows` rows of `width` RGB pixels become rows of as many pixels as there are taps. `pixels` has
// `channels` bytes a pixel, of which the first three count; `out` gets three, from its row `top` on.
export function resizeAcross(pixels, channels, width, rows, columns, out, top) {
  let target = 3 * top * columns.length;
  for (let row = 0; row < rows; row++) {
    for (const { start, weights } of columns) {
      let source = (row * width + start) * channels;
      let [red, green, blue] = [2 ** (BITS - 1), 2 ** (BITS - 1), 2 ** (BITS - 1)];
      for (let at = 0; at < weights.length; at++, source += channels) {
        red += pixels[source] * weights[at];
        green += pixels[source + 1] * weights[at];
        blue += pixels[source + 2] * weights[at];
      }
      out[target++] = red >> BITS; // a Uint8ClampedArray keeps it between 0 and 255
      out[target++] = green >> BITS;
      out[target++] = blue >> BITS;
    }
  }
}

// The second pass, over RGB rows of `width` pixels: an Uint8ClampedArray of lines.length × width × 3.
export function resizeDown(pixels, width, lines) {
  const stride = 3 * width;
  const out = new Uint8ClampedArray(lines.length * stride);
  lines.forEach(({ start, weights }, line) => {
    for (let column = 0; column < stride; column++) {
      let sum = 2 ** (BITS - 1);
      for (let at = 0; at < weights.length; at++) sum += pixels[(start + at) * stride + column] * weights[at];
      out[line * stride + column] = sum >> BITS;
    }
  });
  return out;
}

// A map of floats (height × width, one after the other) as a square of `side`, nothing rounded.
export function resizeFloats(values, width, height, side, filter) {
  const columns = taps(width, side, filter);
  const narrow = new Float32Array(height * side);
  for (let row = 0; row < height; row++) {
    columns.forEach(({ start, weights }, column) => {
      narrow[row * side + column] = weights.reduce((sum, w, at) => sum + w * values[row * width + start + at], 0);
    });
  }
  const out = new Float32Array(side * side);
  taps(height, side, filter).forEach(({ start, weights }, line) => {
    for (let column = 0; column < side; column++) {
      out[line * side + column] = weights.reduce((sum, w, at) => sum + w * narrow[(start + at) * side + column], 0);
    }
  });
  return out;
}
