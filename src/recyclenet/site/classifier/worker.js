// The classifier's own thread, so that the camera's picture never waits for the model.
// First it says {about} of the model, or {error}; then for every {id, photo} that comes it says {id, answer} or
// {id, error}. Errors are texts for people.

import { Answerer } from "./answer.js";
import { Network } from "./network.js";

const OUT_OF_REACH = "The model cannot be loaded. Is there a connection?";

async function open() {
  const [network, response] = await Promise.all([Network.load(), fetch(new URL("../model.json", import.meta.url))]);
  const facts = await response.json();
  postMessage({ about: facts.about });
  return new Answerer(network, facts);
}

const answerer = open();
answerer.catch((error) => {
  console.warn(error); // for who looks after the site; the visitor can do nothing about it
  postMessage({ error: OUT_OF_REACH });
});

onmessage = async ({ data: { id, photo } }) => {
  try {
    postMessage({ id, answer: await (await answerer).answer(photo) });
  } catch (error) {
    postMessage({ id, error: error.message });
  }
};
