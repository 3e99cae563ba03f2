// The API, for what a journey needs beforehand and for what must be true afterwards.

import { given } from './harness.mjs';

/** Calls the API with the token of the test; `path` is without `/api/v1`. */
export async function api(method, path, body, headers = {}) {
  const answer = await fetch(`${given.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${given.token}`, 'content-type': 'application/json', ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

/** Waits until something is so that the server does by itself. */
export async function until(what, isSo) {
  for (let tries = 0; tries < 150; tries += 1) {
    const value = await isSo();
    if (value) return value;
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
  throw new Error(`waited in vain: ${what}`);
}

/** Clients, by E.164. */
export const clients = async () => (await api('GET', '/clients?size=100&sort=e164')).items;
