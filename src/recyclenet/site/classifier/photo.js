// The one way a photo gets in: any file that the browser can decode, upright, on white, in strips of rows.

const STRIP_PIXELS = 2 ** 20; // at a time: telephones have little memory for canvases
const HEIF_BRANDS = ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"];

// An ImageBitmap, turned as its EXIF orientation says, its colours as they stand in the file.
// Throws an Error whose message is for people.
export async function decode(photo) {
  if (photo.size === 0) throw new Error("The file is empty.");
  try {
    return await createImageBitmap(photo, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    throw new Error((await isHeif(photo))
      ? "This browser cannot read HEIC: save or share it as JPEG, or take the photo with the camera here."
      : "Not a photo that this browser can read: JPEG, PNG and WebP go everywhere.");
  }
}

async function isHeif(photo) {
  const head = await photo.slice(0, 12).text();
  return head.slice(4, 8) === "ftyp" && HEIF_BRANDS.includes(head.slice(8, 12));
}

// Rows `from` to `to` of a bitmap, as {top, rows, pixels}, RGBA, opaque; each strip but the last has a multiple of
// `step` rows. Transparent parts are white, TrashNet's background.
export function* strips(bitmap, from, to, step) {
  const width = bitmap.width;
  const height = step * Math.max(1, Math.floor(STRIP_PIXELS / (width * step)));
  const canvas = new OffscreenCanvas(width, Math.min(height, to - from));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#ffffff";
  for (let top = from; top < to; top += height) {
    const rows = Math.min(height, to - top);
    context.fillRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, top, width, rows, 0, 0, width, rows);
    yield { top, rows, pixels: context.getImageData(0, 0, width, rows).data };
  }
}
