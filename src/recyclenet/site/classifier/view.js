// From a photo to the square that the model sees and the numbers it reads: recyclenet's preprocess.py in the browser.

import { isJpeg, jpegScale, shrunk } from "./jpeg.js";
import { decode, strips } from "./photo.js";
import { fixedPoint, resizeAcross, resizeDown, taps } from "./resample.js";

// {side, pixels}: an RGB square of img_size pixels, as an Uint8ClampedArray of side × side × 3.
export async function viewOf(photo, spec) {
  const bitmap = await decode(photo);
  try {
    const shrink = (await isJpeg(photo)) ? jpegScale(bitmap, spec.resize) : 1;
    return { side: spec.img_size, pixels: cut(bitmap, shrink, spec) };
  } finally {
    bitmap.close();
  }
}

// Only what the centre square needs is ever computed.
function cut(bitmap, shrink, { img_size: side, resize, interpolation }) {
  const [width, height] = [bitmap.width, bitmap.height].map((length) => Math.ceil(length / shrink));
  const long = Math.max(resize, Math.floor((resize * Math.max(width, height)) / Math.min(width, height)));
  const [across, down] = width <= height ? [resize, long] : [long, resize];
  const columns = fixedPoint(taps(width, across, interpolation, offset(across, side), side));
  const lines = fixedPoint(taps(height, down, interpolation, offset(down, side), side));
  const first = lines[0].start;
  const last = Math.max(...lines.map(({ start, weights }) => start + weights.length));
  const narrow = new Uint8ClampedArray((last - first) * side * 3);
  for (const strip of strips(bitmap, first * shrink, Math.min(last * shrink, bitmap.height), shrink)) {
    const { pixels, rows } = shrink === 1 ? strip : shrunk(strip, bitmap.width, shrink);
    resizeAcross(pixels, 4, width, rows, columns, narrow, strip.top / shrink - first);
  }
  return resizeDown(narrow, side, lines.map(({ start, weights }) => ({ start: start - first, weights })));
}

// Half the margin, halves to the even side: Python's round, as in torchvision's CenterCrop.
function offset(length, side) {
  const half = (length - side) / 2;
  return Number.isInteger(half) ? half : 2 * Math.round(half / 2);
}

// A view as the model's input: a Float32Array of 3 × side × side.
export function normalize({ side, pixels }, { mean, std }) {
  const area = side * side;
  const numbers = new Float32Array(3 * area);
  for (let channel = 0; channel < 3; channel++) {
    for (let at = 0; at < area; at++) {
      numbers[channel * area + at] = (pixels[3 * at + channel] / 255 - mean[channel]) / std[channel];
    }
  }
  return numbers;
}
