// How strange a photo is to the model: recyclenet's unknown.py and class_directions.py in the browser.

import { dot, halves, logSumExp, product } from "./numbers.js";

// From the description's score, a function of (logits, features) that gives a number in [0, 1].
export function unknownScore(score) {
  const rows = halves(score.classes.directions);
  const pointing = (features) =>
    -Math.max(...product(rows, features)) / Math.max(Math.sqrt(dot(features, features)), 1e-12);
  const raw = (logits, features) => score.weight * pointing(features) - logSumExp(logits);
  return (logits, features) => 1 / (1 + Math.exp(-(raw(logits, features) - score.middle) / score.width));
}
