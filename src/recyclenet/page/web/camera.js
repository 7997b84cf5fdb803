// The live camera: pictures on demand, as small as the model needs them.

const QUALITY = 0.9;

export class Camera {
  #stream = null;
  #turn = 0; // begun by each start and stop: a start of an earlier one finds that nobody waits for it
  #canvas = document.createElement("canvas");

  constructor(video) {
    this.video = video;
  }

  get isOn() {
    return this.#stream !== null;
  }

  // Throws an Error whose message is for people. Where stop() or another start() comes in between, it ends quietly and
  // leaves nothing running.
  async start() {
    if (!navigator.mediaDevices) {
      throw new Error("The live camera needs https or localhost. “Choose a photo” can take one, too.");
    }
    this.stop();
    const turn = this.#turn;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } },
      });
      if (turn !== this.#turn) return end(stream);
      this.#stream = this.video.srcObject = stream;
      await this.video.play();
    } catch (error) {
      if (turn !== this.#turn) return;
      const denied = error.name === "NotAllowedError";
      throw new Error(denied ? "The camera was not allowed: allow it for this page, or choose a photo."
        : "There is no camera to use here, or another program has it: choose a photo instead.");
    }
  }

  stop() {
    this.#turn += 1;
    if (this.#stream) end(this.#stream);
    this.#stream = null;
    this.video.srcObject = null;
  }

  // The picture of this moment as a JPEG, its shorter side `side` pixels long at most.
  frame(side) {
    const { videoWidth: width, videoHeight: height } = this.video;
    const scale = Math.min(1, side / Math.min(width, height));
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    this.#canvas.getContext("2d").drawImage(this.video, 0, 0, this.#canvas.width, this.#canvas.height);
    return new Promise((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", QUALITY));
  }
}

function end(stream) {
  for (const track of stream.getTracks()) track.stop();
}
