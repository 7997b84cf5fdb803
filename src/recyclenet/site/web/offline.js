// Keeps the whole site on the device, and starts with its latest edition.

// Returns when the site is kept, or cannot be: an old browser, a private window, no https. It works with a connection
// then. A later edition, fetched in the background of the last visit, is put in place before anything else starts.
export async function keepOffline() {
  const keeper = navigator.serviceWorker;
  if (!keeper) return;
  let registration;
  try {
    registration = await keeper.register("offline-worker.js");
  } catch {
    return;
  }
  if (registration.waiting && keeper.controller) {
    registration.waiting.postMessage("take over");
    await new Promise((resolve) => keeper.addEventListener("controllerchange", resolve, { once: true }));
    location.reload();
    await new Promise(() => {}); // the page ends here
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
