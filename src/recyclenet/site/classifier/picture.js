// Squares of RGB pixels as pictures that the page can show.

const QUALITY = 0.85;

// A JPEG as a data address.
export async function jpegAddress(side, pixels) {
  const canvas = new OffscreenCanvas(side, side);
  const image = new ImageData(side, side);
  for (let from = 0, to = 0; from < pixels.length; from += 3, to += 4) {
    image.data.set([pixels[from], pixels[from + 1], pixels[from + 2], 255], to);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  const file = await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
  return new FileReaderSync().readAsDataURL(file);
}
