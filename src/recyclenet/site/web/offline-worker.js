// Keeps one edition of the site and answers from it, with or without a connection. An edition is known by the SHA-256
// of its list, site.json, which has the SHA-256 of every other file: whatever a host or a stale cache gives out, what
// is kept belongs together. `recyclenet site` writes the EDITION before these lines.

const LIST = "site.json";
const scope = self.registration.scope;
const family = `recyclenet ${scope} `; // an origin may have other sites beside this one
const edition = family + EDITION;

self.addEventListener("install", (event) => event.waitUntil(fetchEdition()));
self.addEventListener("activate", (event) => event.waitUntil(forgetOthers().then(() => self.clients.claim())));
self.addEventListener("message", ({ data }) => data === "take over" && self.skipWaiting());
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(scope)) event.respondWith(answer(event.request));
});

async function answer(request) {
  const cache = await caches.open(edition);
  return (await cache.match(request, { ignoreSearch: true, ignoreVary: true })) ?? fetch(request);
}

// Files that are there already, from this edition's interrupted try or from an earlier edition, are not fetched again.
async function fetchEdition() {
  const cache = await caches.open(edition);
  const others = await Promise.all((await editions()).map((name) => caches.open(name)));
  const list = await (await keep(cache, others, LIST, EDITION)).json();
  await Promise.all(Object.entries(list.files).map(([name, hash]) => keep(cache, others, name, hash)));
}

async function keep(cache, others, name, hash) {
  // Asked for as the folder itself, since many hosts send away who asks for its index.html.
  const address = new URL(name === "index.html" ? "./" : name, scope);
  for (const place of others) {
    const found = await place.match(address);
    if (found && (await sha256(await found.clone().arrayBuffer())) === hash) {
      await cache.put(address, found.clone());
      return found;
    }
  }
  const response = await fetch(address, { cache: "no-cache" });
  const body = await response.arrayBuffer();
  if ((await sha256(body)) !== hash) throw new Error(`${address} is not the file that belongs to this edition`);
  // Anew, since a page cannot be answered with what came by way of a redirect.
  const fresh = new Response(body, { headers: response.headers });
  await cache.put(address, fresh.clone());
  return fresh;
}

async function forgetOthers() {
  await Promise.all((await editions()).filter((name) => name !== edition).map((name) => caches.delete(name)));
}

async function editions() {
  return (await caches.keys()).filter((name) => name.startsWith(family));
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
