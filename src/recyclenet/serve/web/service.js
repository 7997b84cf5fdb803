// The page's side of the HTTP interface: requests out, answers or a ServiceError in.

const KEY = "recyclenet-key";

export class ServiceError extends Error {
  constructor(status, detail, retrySeconds) {
    super(detail);
    this.status = status;
    this.retrySeconds = retrySeconds;
  }
}

export const model = () => send("v1/model");

// One answer, with the pictures of what the model saw.
export async function classify(photo) {
  return (await send("v1/classify?pictures=true", photo)).results[0];
}

export const correct = (photo, label) => send(`v1/feedback?label=${encodeURIComponent(label)}`, photo);

export function more() {
  const link = document.createElement("a");
  link.href = "docs";
  link.textContent = "For programs";
  return link;
}

// For this tab only.
export const useKey = (key) => sessionStorage.setItem(KEY, key);

async function send(address, photo) {
  const headers = {};
  const key = sessionStorage.getItem(KEY);
  if (key) headers["X-API-Key"] = key;
  if (photo) headers["Content-Type"] = photo.type.startsWith("image/") ? photo.type : "application/octet-stream";
  let response;
  try {
    response = await fetch(address, { method: photo ? "POST" : "GET", headers, body: photo });
  } catch {
    throw new ServiceError(0, "The server does not answer. Is it still running?", 2);
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  const seconds = Number(response.headers.get("Retry-After")) || 0;
  throw new ServiceError(response.status, body.detail || `The server answered ${response.status}.`, seconds);
}
