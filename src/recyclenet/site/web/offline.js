// Keeps the whole site on the device, and starts with its latest edition.

const PATIENCE_MS = 4000;
const keeper = navigator.serviceWorker; // undefined without https, and in some private windows

// Returns when the site is kept, or cannot be: then it works with a connection. A later edition, fetched in the
// background of the last visit, is put in place now, before anything else starts: the page starts anew with it.
// `started` is an AbortSignal, given when everything is loaded: what takes over after that is for the next visit.
export async function keepOffline(started) {
  let registration;
  try {
    registration = await keeper.register("offline-worker.js");
  } catch {
    return;
  }
  if (registration.waiting && keeper.controller) {
    keeper.addEventListener("controllerchange", () => location.reload(), { signal: started });
    registration.waiting.postMessage("take over");
    // Browsers may put it off while the old edition still has something to send to a page that was left in mid-load.
    await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  }
  if (!registration.active) await settled(registration.installing ?? registration.waiting);
}

function settled(worker) {
  return new Promise((resolve) => {
    const look = () => ["activated", "redundant"].includes(worker.state) && resolve();
    worker.addEventListener("statechange", look);
    look();
  });
}
