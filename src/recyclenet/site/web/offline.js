// Keeps the whole site on the device, and starts with its latest edition.

const PATIENCE_MS = 4000;
const keeper = navigator.serviceWorker; // undefined without https, and in some private windows

// Returns when the site is kept, or cannot be: then it works with a connection. A later edition, fetched in the
// background of the last visit, is put in place before anything else starts.
export async function keepOffline() {
  let registration;
  try {
    registration = await keeper.register("offline-worker.js");
  } catch {
    return;
  }
  if (registration.waiting && keeper.controller && (await takesOver(registration.waiting))) {
    location.reload();
    await new Promise(() => {}); // the page ends here
  }
  if (!registration.active) await settled(registration.installing ?? registration.waiting);
}

// Browsers put it off, sometimes for minutes, while the old edition still has something to send to a page that was
// left in mid-load; then the new one has to wait for another visit.
function takesOver(worker) {
  return new Promise((resolve) => {
    keeper.addEventListener("controllerchange", () => resolve(true), { once: true });
    setTimeout(() => resolve(false), PATIENCE_MS);
    worker.postMessage("take over");
  });
}

function settled(worker) {
  return new Promise((resolve) => {
    const look = () => ["activated", "redundant"].includes(worker.state) && resolve();
    worker.addEventListener("statechange", look);
    look();
  });
}
