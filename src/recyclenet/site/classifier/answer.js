// One photo's answer, the same object as the HTTP service sends.

import { Calibration } from "./calibration.js";
import { heatmap } from "./heatmap.js";
import { argmax } from "./numbers.js";
import { jpegAddress } from "./picture.js";
import { decide } from "./rules.js";
import { normalize, viewOf } from "./view.js";

export class Answerer {
  #network;
  #description;
  #rules;
  #unknownFrom;
  #calibration;

  // `network` is a Network, `facts` what model.json holds.
  constructor(network, { description, rules, unknown_from: unknownFrom }) {
    this.#network = network;
    this.#description = description;
    this.#rules = rules;
    this.#unknownFrom = unknownFrom;
    this.#calibration = new Calibration(description.calibration);
  }

  // Throws an Error whose message is for people where the photo cannot be used.
  async answer(photo) {
    const started = performance.now();
    const { classes, preprocess } = this.#description;
    const view = await viewOf(photo, preprocess);
    const { logits, evidence, features } = await this.#network.run(normalize(view, preprocess), preprocess.img_size);
    const probs = this.#calibration.probs(logits);
    const best = argmax(probs);
    const set = this.#calibration.possible(probs)?.map((place) => classes[place]) ?? null;
    const unknown = this.#calibration.unknown(logits, features);
    const isUnknown = unknown !== null && unknown > this.#unknownFrom;
    const { bin, reason } = decide(this.#rules, classes, probs, isUnknown);
    const ms = performance.now() - started;
    const heat = heatmap(view, evidence.data, evidence.width, evidence.height, best);
    return {
      label: classes[best],
      prob: probs[best],
      probs: Object.fromEntries(classes.map((name, place) => [name, probs[place]])),
      set,
      unknown,
      ...inWords(classes[best], set, isUnknown),
      bin,
      reason,
      ms,
      pictures: { view: await jpegAddress(view.side, view.pixels), heatmap: await jpegAddress(view.side, heat) },
    };
  }
}

function inWords(label, set, isUnknown) {
  if (isUnknown) return { state: "none of these", verdict: "none of these" };
  if (set !== null && set.length > 1) return { state: "not sure", verdict: `not sure: ${set.join(" or ")}` };
  return { state: "sure", verdict: label };
}
