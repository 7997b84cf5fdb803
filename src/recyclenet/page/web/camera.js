// The live camera: pictures on demand, as small as the model needs them.

const QUALITY = 0.9;

export class Camera {
  #stream = null;
  #canvas = document.createElement("canvas");

  constructor(video) {
    this.video = video;
  }

  get isOn() {
    return this.#stream !== null;
  }

  // Throws an Error whose message is for people.
  async start() {
    if (!navigator.mediaDevices) {
      throw new Error("The live camera needs https or localhost. “Choose a photo” can take one, too.");
    }
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } },
      });
    } catch (error) {
      const denied = error.name === "NotAllowedError";
      throw new Error(denied ? "The camera was not allowed: allow it for this page, or choose a photo."
        : "There is no camera to use here, or another program has it: choose a photo instead.");
    }
    this.video.srcObject = this.#stream;
    await this.video.play();
  }

  stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
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
