// How strange a photo is to the model: recyclenet's unknown.py and old_answers.py in the browser.

import { dot, floats, halves, logSumExp, product, softmax } from "./numbers.js";

// From the description's score, a function of (logits, features) that gives a number in [0, 1].
export function unknownScore(score) {
  const own = virtualLogit(score);
  const answers = score.answers ? oldAnswers(score.answers) : () => 0;
  const raw = (logits, features) => own(logits, features) + score.answers_weight * answers(features);
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
