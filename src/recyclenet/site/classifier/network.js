// The model itself, computed by onnxruntime-web on one core: more would need headers that plain hosts do not send.

import * as ort from "../runtime/ort.js";

export class Network {
  #session;

  constructor(session) {
    this.#session = session;
  }

  // Loads the runtime and the model; throws where either cannot be had.
  static async load() {
    const [wasm, model] = await Promise.all([unpacked("../runtime/ort.wasm.bin"), file("../model.onnx")]);
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = wasm;
    return new Network(await ort.InferenceSession.create(new Uint8Array(await model.arrayBuffer())));
  }

  // One image (3 × side × side, from `normalize`) → its logits, its evidence as {data, width, height} and its features,
  // undefined where the model gives none.
  async run(numbers, side) {
    const images = new ort.Tensor("float32", numbers, [1, 3, side, side]);
    const { logits, cam, features } = await this.#session.run({ images });
    const [height, width] = cam.dims.slice(2);
    return { logits: logits.data, evidence: { data: cam.data, width, height }, features: features?.data };
  }
}

async function file(name) {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return response;
}

// gzip inside the file, not in the transfer: it is a quarter of the size on every host.
async function unpacked(name) {
  const { body } = await file(name);
  return new Response(body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
