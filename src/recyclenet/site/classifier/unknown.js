// How strange a photo is to the model: recyclenet's unknown.py, old_answers.py and class_directions.py in the browser.

import { dot, floats, halves, logSumExp, product, softmax } from "./numbers.js";

// From the description's score, a function of (logits, features) that gives a number in [0, 1].
export function unknownScore(score) {
  const own = virtualLogit(score);
  const parts = [];
  if (score.answers) parts.push([score.answers_weight, oldAnswers(score.answers)]);
  if (score.classes) parts.push([score.classes_weight, classDirections(score.classes)]);
  const raw = (logits, features) =>
    parts.reduce((sum, [weight, part]) => sum + weight * part(features), own(logits, features));
  return (logits, features) => 1 / (1 + Math.exp(-(raw(logits, features) - score.middle) / score.width));
}

function virtualLogit({ mean, plane, alpha }) {
  const [centre, directions] = [floats(mean), halves(plane)];
  return (logits, features) => {
    const rest = Float64Array.from(features, (value, at) => value - centre[at]);
    product(directions, rest).forEach((share, row) => {
      for (let at = 0; at < rest.length; at++) rest[at] -= share * directions[row * rest.length + at];
    });
    return alpha * Math.sqrt(dot(rest, rest)) - logSumExp(logits);
  };
}

function oldAnswers(head) {
  const [down, up] = [halves(head.down), halves(head.up)];
  const [bias, usual] = [floats(head.bias), floats(head.usual)];
  return (features) => {
    const logits = product(up, product(down, features));
    const probs = softmax(logits.map((value, at) => (value + bias[at]) / head.temperature));
    return -Math.log(Math.max(dot(probs, usual), 1e-30));
  };
}

function classDirections({ directions }) {
  const rows = halves(directions);
  return (features) => {
    const length = Math.max(Math.sqrt(dot(features, features)), 1e-12);
    return -Math.max(...product(rows, features)) / length;
  };
}
