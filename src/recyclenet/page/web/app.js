// What happens on the page. Texts from outside are only ever set as text, never as markup.
// Answers come from service.js, of which there are two: one asks a server, the other this very browser. Both have
// model(), classify(photo) and more(), what the footer adds; where model() says feedback: correct(photo, label); and
// where errors have the status 401: useKey(key).

import { Camera } from "./camera.js";
import * as service from "./service.js";

const PAUSE_MS = 250; // between two answers of the live camera
const $ = (id) => document.getElementById(id);
const camera = new Camera($("video"));

let about = null; // what the service says of its model
let shown = null; // {photo, answer} that the page shows
let showsHeat = false;
let looking = null; // the turn of the photo that was chosen last, while it is looked at; a new object for each
let live = null; // the turn of the live camera, a new object each time that it is switched on; null: off

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const percent = (share) => `${(100 * share).toFixed(share >= 0.9995 || share < 0.0005 ? 0 : 1)} %`;

function say(problem) {
  $("problem").textContent = problem;
}

// --- the key, where the server wants one ---

function askForKey() {
  const dialog = $("key-dialog");
  $("key").value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "use"), { once: true });
  });
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  service.useKey($("key").value);
  $("key-dialog").close("use");
});
$("key-cancel").addEventListener("click", () => $("key-dialog").close("cancel"));

// Calls the service; asks for a key as often as it needs one and the person gives one.
async function withKey(call) {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (error.status !== 401 || !(await askForKey())) throw error;
    }
  }
}

// --- the model ---

async function meet() {
  if (!about) $("model").textContent = "Loading the model…";
  try {
    about ??= await withKey(service.model);
  } catch (error) {
    $("model").textContent = "";
    throw error;
  }
  $("model").textContent = `${about.name}: ${about.classes.join(", ")}.`;
  $("feedback").hidden = !about.feedback;
  $("video").style.transform = `scale(${about.resize / about.img_size})`; // so that it shows what the model sees
  if ($("bars").children.length) return;
  $("bars").replaceChildren(...about.classes.map(row));
  $("classes").replaceChildren(...about.classes.map(classButton));
}

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

function row(name) {
  const track = element("span", "track", element("div", "bar"));
  track.setAttribute("aria-hidden", "true"); // the number beside it says the same
  return element("li", "", element("span", "name", name), track, element("span", "share"));
}

function classButton(name) {
  const button = element("button", "", name);
  button.type = "button";
  button.addEventListener("click", () => correct(name));
  return button;
}

// --- the answer ---

function inkOn(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 ? "#ffffff" : "#000000";
}

function verdictOf(answer) {
  return answer.verdict[0].toUpperCase() + answer.verdict.slice(1);
}

function show(photo, answer) {
  const before = shown?.answer;
  shown = { photo, answer };
  $("answer").hidden = false;
  $("answer").dataset.state = answer.state;
  $("bin").style.backgroundColor = answer.bin.colour;
  $("bin").style.color = inkOn(answer.bin.colour);
  $("bin-name").textContent = answer.bin.key === null ? "Ask somebody" : `Bin: ${answer.bin.name}`;
  $("bin-hint").textContent = answer.state === "none of these" ? "" : answer.bin.hint;
  $("verdict").textContent = answer.state === "sure" ? `${verdictOf(answer)}, ${percent(answer.prob)}` : verdictOf(answer);
  $("doubt").textContent = {
    "sure": "",
    "not sure": "Turn it, move closer, or put it on a plain ground.",
    "none of these": "It looks like nothing that the model knows. Is an item in the middle?",
  }[answer.state];
  about.classes.forEach((name, place) => {
    const item = $("bars").children[place];
    item.classList.toggle("best", name === answer.label);
    item.querySelector(".bar").style.width = `${100 * answer.probs[name]}%`;
    item.querySelector(".share").textContent = percent(answer.probs[name]);
  });
  $("picture").src = answer.pictures.view;
  $("heat").src = answer.pictures.heatmap;
  $("heatmap").disabled = false;
  arrange();
  // Spoken only when it changes: a live camera would never be silent otherwise.
  if (!camera.isOn || before?.verdict !== answer.verdict || before?.bin.name !== answer.bin.name) {
    $("spoken").textContent = `${$("verdict").textContent}. ${$("bin").textContent}`;
  }
}

function arrange() {
  $("video").hidden = !camera.isOn;
  $("picture").hidden = camera.isOn || !shown;
  $("heat").hidden = !showsHeat || !shown;
  $("invitation").hidden = camera.isOn || !!shown;
  $("stage").classList.toggle("full", camera.isOn || !!shown);
  $("camera").setAttribute("aria-pressed", live !== null);
  $("heatmap").setAttribute("aria-pressed", showsHeat);
}

$("heatmap").addEventListener("click", () => {
  showsHeat = !showsHeat;
  arrange();
});

// --- a photo ---

// Several photos may be under way, and the slowest comes last: the one that the person chose last is shown.
async function look(photo) {
  const turn = {};
  stopCamera();
  looking = turn;
  closeFeedback();
  say("");
  $("stage").setAttribute("aria-busy", "true");
  try {
    await meet();
    if (looking !== turn) return;
    if (photo.size > about.limits.body_bytes) {
      throw new Error(`The photo has more than ${Math.round(about.limits.body_bytes / 2 ** 20)} MiB.`);
    }
    const answer = await withKey(() => service.classify(photo));
    if (looking !== turn) return;
    closeFeedback(); // which may have been opened for the photo before
    show(photo, answer);
  } catch (error) {
    if (looking === turn) say(error.message);
  }
  if (looking === turn) stopLooking();
}

function stopLooking() {
  looking = null;
  $("stage").setAttribute("aria-busy", "false");
}

$("file").addEventListener("change", (event) => {
  const [photo] = event.target.files;
  event.target.value = ""; // so that the same photo can be chosen again
  if (photo) look(photo);
});

document.addEventListener("paste", (event) => {
  const [photo] = event.clipboardData.files;
  if (photo) look(photo);
});

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  $("stage").classList.add("over");
});
document.addEventListener("dragleave", () => $("stage").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("stage").classList.remove("over");
  const [photo] = event.dataTransfer.files;
  if (photo) look(photo);
});

// --- the live camera ---

// Whatever waits for something looks afterwards whether its turn is still the one: the person may have clicked meanwhile.

function stopCamera() {
  live = null;
  camera.stop();
  arrange();
}

async function startCamera() {
  const turn = (live = {});
  stopLooking();
  arrange();
  try {
    await meet();
    if (live !== turn) return;
    await camera.start();
    if (live !== turn) return;
  } catch (error) {
    if (live !== turn) return;
    stopCamera();
    return say(error.message);
  }
  closeFeedback();
  arrange();
  watch(turn);
}

async function watch(turn) {
  while (live === turn) {
    let wait = PAUSE_MS;
    if (!document.hidden) {
      try {
        const photo = await camera.frame(2 * about.resize);
        if (live !== turn) return;
        const answer = await withKey(() => service.classify(photo));
        if (live !== turn) return;
        show(photo, answer);
        say("");
      } catch (error) {
        if (live !== turn) return;
        say(error.message);
        if (error.status === 401) stopCamera();
        wait = 1000 * (error.retrySeconds || 1);
      }
    }
    await sleep(wait);
  }
}

$("camera").addEventListener("click", () => {
  say("");
  if (live) stopCamera();
  else startCamera();
});

// --- that is wrong ---

function closeFeedback() {
  $("classes").hidden = true;
  $("wrong").setAttribute("aria-expanded", "false");
  $("thanks").textContent = "";
}

$("wrong").addEventListener("click", () => {
  const opens = $("classes").hidden;
  stopCamera(); // the photo in question stays
  closeFeedback();
  $("classes").hidden = !opens;
  $("wrong").setAttribute("aria-expanded", String(opens));
  if (opens) $("classes").firstElementChild.focus();
});

$("classes").addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  closeFeedback();
  $("wrong").focus();
});

async function correct(label) {
  try {
    await withKey(() => service.correct(shown.photo, label));
    closeFeedback();
    $("thanks").textContent = `Thank you: the photo is kept as ${label}.`;
    $("wrong").focus();
  } catch (error) {
    say(error.message);
  }
}

$("more").append(service.more());
meet().catch((error) => say(error.message));
