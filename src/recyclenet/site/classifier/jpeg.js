// Large JPEGs as Python gets them: its decoder gives them out at 1/2, 1/4 or 1/8 of their size, each block of pixels as
// its mean (https://github.com/libjpeg-turbo/libjpeg-turbo, jidctred.c). Answers would differ visibly otherwise.

// It rounds brightness and colours, before they become red, green and blue. Means of 1/8 often lie on a half, which it
// rounds up; here they come a little below or above it.
const round = (value) => Math.floor(value + 0.5 + 1 / 16);

export async function isJpeg(photo) {
  const [first, second] = new Uint8Array(await photo.slice(0, 2).arrayBuffer());
  return first === 0xff && second === 0xd8;
}

// By how much Pillow has it shrunk for a shorter side of at least `least` pixels.
export function jpegScale({ width, height }, least) {
  const most = Math.floor(Math.min(width, height) / least);
  return [8, 4, 2].find((scale) => scale <= most) ?? 1;
}

// A strip of rows of `width` RGBA pixels with size × size pixels as one; blocks at the right and lower edge may have
// fewer. {rows, pixels}, RGBA.
export function shrunk({ pixels, rows }, width, size) {
  const [across, down] = [Math.ceil(width / size), Math.ceil(rows / size)];
  const out = new Uint8ClampedArray(across * down * 4);
  for (let y = 0, target = 0; y < down; y++) {
    const bottom = Math.min(rows, (y + 1) * size);
    for (let x = 0; x < across; x++, target += 4) {
      const right = Math.min(width, (x + 1) * size);
      let [red, green, blue] = [0, 0, 0];
      for (let row = y * size; row < bottom; row++) {
        for (let at = 4 * (row * width + x * size), end = 4 * (row * width + right); at < end; at += 4) {
          red += pixels[at];
          green += pixels[at + 1];
          blue += pixels[at + 2];
        }
      }
      put(out, target, red, green, blue, (bottom - y * size) * (right - x * size));
    }
  }
  return { pixels: out, rows: down };
}

function put(out, target, red, green, blue, count) {
  const light = (0.299 * red + 0.587 * green + 0.114 * blue) / count;
  const [y, cb, cr] = [light, (blue / count - light) / 1.772, (red / count - light) / 1.402].map(round);
  out[target] = y + 1.402 * cr; // rounded by the array
  out[target + 1] = y - 0.344136 * cb - 0.714136 * cr;
  out[target + 2] = y + 1.772 * cb;
}
