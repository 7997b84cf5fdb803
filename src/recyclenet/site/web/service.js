// The page's service where there is no server: a thread of this browser answers, and nothing leaves it.

import { keepOffline } from "./offline.js";

let classifier = null; // a promise of {about, ask}, see `start`

export async function model() {
  return (await opened()).about;
}

// One answer, with the pictures of what the model saw.
export async function classify(photo) {
  const { about, ask } = await opened();
  await checkSize(photo, about.limits);
  return ask(photo);
}

export const more = () => "Your photos stay on this device.";

async function opened() {
  classifier ??= open();
  try {
    return await classifier;
  } catch (error) {
    classifier = null; // so that the next photo tries again
    throw error;
  }
}

async function open() {
  const started = new AbortController();
  await keepOffline(started.signal);
  const made = await start();
  started.abort();
  return made;
}

// {about, ask}: what the model says of itself, and a function from a photo to a promise of its answer.
function start() {
  const worker = new Worker(new URL("./classifier/worker.js", import.meta.url), { type: "module" });
  const waiting = new Map(); // id → {resolve, reject}
  let asked = 0;
  const ask = (photo) => new Promise((resolve, reject) => {
    const id = asked++;
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, photo });
  });
  return new Promise((resolve, reject) => {
    const giveUp = (text) => {
      worker.terminate();
      reject(new Error(text));
    };
    worker.onerror = () => giveUp("The page cannot start. Is there a connection, and is this browser of 2023 or later?");
    worker.onmessage = ({ data }) => {
      if (data.about) return resolve({ about: data.about, ask });
      if (data.id === undefined) return giveUp(data.error);
      const { resolve: answer, reject: refuse } = waiting.get(data.id);
      waiting.delete(data.id);
      return data.answer ? answer(data.answer) : refuse(new Error(data.error));
    };
  });
}

// Before anything is decoded: a small file can claim gigabytes. What is no picture at all is the classifier's to say.
async function checkSize(photo, limits) {
  const picture = new Image();
  picture.src = URL.createObjectURL(photo);
  await new Promise((resolve) => {
    picture.onload = picture.onerror = resolve;
  });
  URL.revokeObjectURL(picture.src);
  const { naturalWidth: width, naturalHeight: height } = picture;
  if (width * height > limits.pixels) {
    throw new Error(`${width}×${height} is more than the limit of ${limits.pixels / 1e6} megapixels; make it smaller first`);
  }
  if (Math.max(width, height) > limits.aspect * Math.min(width, height)) {
    throw new Error(`${width}×${height} is too narrow: at most ${limits.aspect} times as long as wide`);
  }
}
