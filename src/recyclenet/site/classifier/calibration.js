// How far an answer can be trusted: recyclenet's calibration.py and conformal.py in the browser.

import { argmax, descending, softmax } from "./numbers.js";
import { unknownScore } from "./unknown.js";

const SLACK = 1e-9; // as in conformal.py

export class Calibration {
  #settings;
  #strangeness;

  // `settings` as in the model's description; null where it has none.
  constructor(settings) {
    this.#settings = settings;
    this.#strangeness = settings?.unknown ? unknownScore(settings.unknown) : null;
  }

  probs(logits) {
    const temperature = this.#settings?.temperature ?? 1;
    return softmax(Array.from(logits, (value) => value / temperature));
  }

  // Places of the classes that it may well be, the likeliest first; null where this cannot be told.
  possible(probs) {
    if (!this.#settings) return null;
    const { set_method: method, set_threshold: threshold } = this.#settings;
    const order = descending(probs);
    const best = argmax(probs);
    let sum = 0;
    return order.filter((place) => {
      sum += probs[place];
      const score = method === "lac" ? 1 - probs[place] : Math.min(sum, 1);
      return place === best || score <= threshold + SLACK;
    });
  }

  // In [0, 1]; null where this cannot be told. `features` is undefined where the model gives none.
  unknown(logits, features) {
    return this.#strangeness && features ? this.#strangeness(logits, features) : null;
  }
}
