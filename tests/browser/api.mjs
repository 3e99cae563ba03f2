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

/** Saves something of the fleet; when that changes clients, the plan is applied, as somebody would. */
export async function save(method, path, body, headers = {}) {
  try {
    return await api(method, path, body, headers);
  } catch (error) {
    const plan = /"plan_required"/.test(error.message) && Number(/"plan":(\d+)/.exec(error.message)?.[1]);
    if (!plan) throw error;
    const ready = await until('the plan is drawn up', async () => {
      const found = await api('GET', `/plans/${plan}`);
      return found.state !== 'drawing' && found;
    });
    await api('POST', `/plans/${plan}/apply`, { confirm: ready.summary.writes });
    return undefined;
  }
}

/** Sets a setting; answers with the value it had. */
export async function set(id, value) {
  const { revision, value: before } = await api('GET', `/settings/${id}`);
  await api('PUT', `/settings/${id}`, { value }, { 'if-match': `"${revision}"` });
  return before;
}
