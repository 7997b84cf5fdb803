// The bin of least expected cost: Rules.decide of recyclenet's rules.py in the browser.

const EQUAL = 1e-9; // costs that differ by less are the same, their sums only rounded differently

const of = (table, key) => (table && Object.hasOwn(table, key) ? table[key] : undefined);

function cost({ materials, costs }, label, key) {
  if (of(materials, label) === key) return 0;
  return of(of(costs.of, label), key) ?? costs.wrong;
}

// {bin, reason}: where a photo with these probabilities (one a class) goes.
// `rules` has bins, materials and costs as in a rules file, bins as a list in its order, and `ask`, the bin for asking.
export function decide(rules, classes, probs, isUnknown) {
  const { bins, costs, ask } = rules;
  if (isUnknown) return { bin: ask, reason: "none of these materials" };
  if (bins.length === 0) return { bin: ask, reason: "the rules have no bins" };
  const expected = bins.map(({ key }) => probs.reduce((sum, prob, at) => sum + prob * cost(rules, classes[at], key), 0));
  const least = Math.min(...expected);
  const first = expected.findIndex((value) => value <= least + EQUAL);
  const [bin, paid] = [bins[first], expected[first]];
  if (costs.ask < paid - EQUAL) {
    const reason = `asking costs ${costs.ask.toFixed(2)}, ${bin.name} ${paid.toFixed(2)} on average`;
    return { bin: ask, reason };
  }
  return { bin, reason: `costs ${paid.toFixed(2)} on average` };
}
