// Small mathematics on arrays, and arrays that stand as base64 text in the model's description.

export function softmax(logits) {
  const peak = Math.max(...logits);
  const exponentials = Array.from(logits, (value) => Math.exp(value - peak));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}

// log Σ exp
export function logSumExp(values) {
  const peak = Math.max(...values);
  return peak + Math.log(values.reduce((total, value) => total + Math.exp(value - peak), 0));
}

export function dot(row, vector, start = 0) {
  let sum = 0;
  for (let at = 0; at < vector.length; at++) sum += row[start + at] * vector[at];
  return sum;
}

// matrix (rows × vector.length, row by row) times vector
export function product(matrix, vector) {
  return Array.from({ length: matrix.length / vector.length }, (_, row) => dot(matrix, vector, row * vector.length));
}

export function argmax(values) {
  return values.reduce((best, value, at) => (value > values[best] ? at : best), 0);
}

// Places of the values, the highest first, equal ones in their order.
export function descending(values) {
  return values.map((_, at) => at).sort((one, other) => values[other] - values[one] || one - other);
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

// float16, for which not every browser has an array
export function halves(text) {
  return Float32Array.from(new Uint16Array(bytes(text).buffer), (bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = (bits & 0x3ff) / 1024;
    return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
  });
}
