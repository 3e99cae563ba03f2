// What is done while an answer is still on its way: going elsewhere, asking for something else, trying again.

import { strict as assert } from 'node:assert';
import { api, clients } from '../api.mjs';
import { drawn, given } from '../harness.mjs';
import { Configuration } from '../pages/configuration.mjs';
import { List, openTab } from '../pages/list.mjs';

const SERVER = 'telephony.sip-settings.server-address';

/** Holds the first request that fits; `came` is kept when it has come, `go` lets it go on until its answer is there. */
async function hold(page, path, fits = () => true) {
  const [gate, sent] = [0, 1].map(() => {
    let open;
    const opened = new Promise((done) => { open = done; });
    return { open, opened };
  });
  let first = true;
  const within = (url) => url.pathname.startsWith(`/api/v1${path}`);
  const came = page.waitForRequest((request) => within(new URL(request.url())) && fits(request));
  await page.route(within, async (route) => {
    if (!first || !fits(route.request())) return route.fallback();
    first = false;
    await gate.opened;
    // Left with its page, perhaps.
    const answered = page.waitForResponse((answer) => answer.request() === route.request()).catch(() => {});
    await route.continue().then(() => answered, () => {});
    return sent.open();
  });
  const go = async () => {
    gate.open();
    await sent.opened;
    await page.unroute(within);
  };
  return { came, go };
}

const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

/** Clients come all the time while something is done; all of their numbers begin with `start`. */
async function meanwhile(start, act) {
  const ids = [];
  let over = false;
  const changing = (async () => {
    for (let number = 100; !over; number += 1) {
      ids.push((await api('POST', '/clients', { e164: `${start}${number}` })).id);
      await pause(400);
    }
  })();
  try {
    await act();
  } finally {
    over = true;
    await changing;
    while (ids.length > 0) {
      await api('POST', '/clients/actions', { action: 'delete', targets: { ids: ids.splice(0, 10) } });
    }
  }
}

/** Answers to this path take longer than the time between two changes. */
async function slow(page, path) {
  await page.route((url) => url.pathname === `/api/v1${path}`, async (route) => {
    await pause(1500);
    await route.continue().catch(() => {});
  });
}

const isPost = (request) => request.method() === 'POST';

export async function journey(visit) {
  const { page } = visit;
  const edit = new Configuration(page);
  const list = new List(page, 'Clients');
  // The last ones: a phone that was called is not called again so soon, and other journeys wait for the first.
  const [other, client] = (await clients()).filter((one) => one.software_type === 'SIP').slice(-2);

  // The list is looked at again because of the server, and meanwhile asked for something else.
  await visit.goto('/clients');
  await list.ready();
  await page.getByText('Live', { exact: true }).waitFor();
  const again = await hold(page, '/clients', (request) => !request.url().includes('state='));
  const { id: expected } = await api('POST', '/clients', { e164: '4989700700001' });
  await again.came;
  await list.filter('State', 'Quarantined');
  await page.getByText('No client matches.').waitFor();
  await again.go();
  await drawn(page);
  await page.getByText('No client matches.').waitFor();
  assert.equal(await list.rows.count(), 0);

  // Answers are slow, and something changes all the time: what was asked for comes all the same.
  await slow(page, '/dashboard');
  await slow(page, '/clients');
  await meanwhile('4989700701', async () => {
    await visit.goto('/');
    await page.locator('.tile').first().waitFor();
    await visit.goto('/clients?q=4989700701');
    await list.ready();
    await page.locator('.newer').getByText(/new entr/).waitFor();
  });
  await page.unrouteAll({ behavior: 'ignoreErrors' });

  // A change is refused with the cookie of just before: who is signed in stays, and so does what was typed.
  await visit.goto('/clients');
  await list.ready();
  visit.expect(401, '/api/v1/clients');
  await page.route('**/api/v1/clients', async (route) => {
    if (!isPost(route.request())) return route.fallback();
    const type = 'urn:workpoint:problem:unauthenticated';
    const json = { type, title: 'No', status: 401, detail: 'not now', code: 'unauthenticated' };
    return route.fulfill({ status: 401, json });
  });
  await page.getByRole('button', { name: 'New client' }).click();
  const refused = page.getByRole('dialog', { name: 'New client' });
  await refused.getByLabel('E.164').fill('4989700755555');
  const still = page.waitForResponse('**/api/v1/auth/session');
  await refused.getByRole('button', { name: 'Prepare client' }).click();
  assert.equal((await still).status(), 200);
  await refused.getByRole('alert').first().waitFor();
  await drawn(page);
  assert.equal(await refused.getByLabel('E.164').inputValue(), '4989700755555');
  await page.unrouteAll({ behavior: 'ignoreErrors' });

  // With changes, a link in another tab asks nothing, and a sign-out that fails loses nothing.
  await visit.goto('/settings');
  await page.getByRole('searchbox').fill('confirm-beyond');
  const limit = page.locator('[id="server-settings.jobs.confirm-beyond"]').getByRole('textbox');
  await limit.fill('77');
  const menu = page.getByRole('navigation', { name: 'Main menu' });
  const opened = page.context().waitForEvent('page');
  await menu.getByRole('link', { name: 'Jobs' }).click({ modifiers: ['Control'] });
  await (await opened).close();
  assert.equal(await page.getByRole('dialog').count(), 0);
  visit.expect(503, '/api/v1/auth/sign-out');
  await page.route('**/api/v1/auth/sign-out', (route) => {
    const type = 'urn:workpoint:problem:unavailable';
    const json = { type, title: 'No', status: 503, detail: 'not now', code: 'unavailable' };
    return route.fulfill({ status: 503, json });
  });
  const failed = page.waitForResponse('**/api/v1/auth/sign-out');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Leave without submitting' }).click();
  await failed;
  await drawn(page);
  assert.equal(await limit.inputValue(), '77');
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await page.getByRole('button', { name: 'Discard' }).click();

  // A program that cannot be loaded says so; this page is not watched.
  const bare = await page.context().newPage();
  await bare.route('**/*.wasm', (route) => route.abort());
  await bare.goto(given.url);
  await bare.getByText('Workpoint could not be loaded.').waitFor();
  await bare.unrouteAll({ behavior: 'ignoreErrors' });
  await bare.getByRole('button', { name: 'Try again' }).click();
  await bare.getByRole('banner').waitFor();
  await bare.close();

  // The editor is left while its plan is made.
  await visit.goto(`/clients/${client.id}/configuration`);
  await edit.ready();
  await edit.find('Server address', SERVER);
  await edit.control(SERVER).fill('192.0.2.33');
  await edit.control(SERVER).blur();
  const making = await hold(page, '/plans', isPost);
  await edit.review();
  await making.came;
  await page.getByRole('navigation', { name: 'Main menu' }).getByRole('link', { name: 'Jobs' }).click();
  await page.getByRole('button', { name: 'Leave without submitting' }).click();
  await page.getByRole('heading', { level: 1, name: /^Jobs/ }).waitFor();
  await making.go();
  await drawn(page);
  assert.equal(new URL(page.url()).pathname, '/jobs');

  // A dialog that applies a plan stays until the outcome is known.
  await visit.goto(`/clients/${client.id}/configuration`);
  await edit.ready();
  await edit.find('Server address', SERVER);
  await edit.control(SERVER).fill('192.0.2.34');
  await edit.control(SERVER).blur();
  await edit.review();
  const dialog = page.getByRole('dialog', { name: 'What will change' });
  await dialog.getByRole('button', { name: /^Write/ }).waitFor();
  const applying = await hold(page, '/plans/', isPost);
  await dialog.getByRole('button', { name: /^Write/ }).click();
  await applying.came;
  for (let press = 0; press < 5; press += 1) await page.keyboard.press('Escape');
  await drawn(page);
  await dialog.getByRole('button', { name: 'Close' }).click({ force: true });
  assert.ok(await dialog.isVisible());
  await applying.go();
  const applied = page.getByRole('dialog', { name: 'Applied' });
  await applied.waitFor();
  await applied.getByRole('button', { name: 'Close' }).last().click();

  // The page of a plan is left while it is applied.
  const changes = [{ parameter: SERVER, value: '192.0.2.35' }];
  const plan = await api('POST', '/plans', { kind: 'write-configuration', targets: { ids: [other.id] }, changes });
  await visit.goto(`/plans/${plan.id}`);
  const late = await hold(page, '/plans/', isPost);
  await page.getByRole('button', { name: /^Apply/ }).click();
  await late.came;
  await page.getByRole('navigation', { name: 'Main menu' }).getByRole('link', { name: 'Clients' }).click();
  await list.ready();
  await late.go();
  await drawn(page);
  assert.equal(new URL(page.url()).pathname, '/clients');

  // Older revisions are asked for, and another tab is opened.
  await page.route(/\/revisions\?/, async (route) => {
    const answer = await route.fetch();
    const found = await answer.json();
    await route.fulfill({ response: answer, json: { ...found, total: found.total + 30 } });
  });
  await visit.goto(`/clients/${client.id}?tab=history`);
  const more = page.getByRole('button', { name: /^Show \d+ more$/ });
  await more.waitFor();
  await page.unroute(/\/revisions\?/);
  const older = await hold(page, `/clients/${client.id}/revisions`);
  await more.click();
  await older.came;
  await openTab(page.getByRole('navigation', { name: 'Client', exact: true }), 'Jobs');
  await older.go();
  await drawn(page);

  // The answer is lost: trying again does not do it twice.
  await visit.goto('/clients');
  await list.ready();
  await page.getByRole('button', { name: 'New client' }).click();
  const fresh = page.getByRole('dialog', { name: 'New client' });
  await fresh.getByLabel('E.164').fill('4989700754321');
  const keys = [];
  await page.route((url) => url.pathname === '/api/v1/clients', async (route) => {
    if (!isPost(route.request())) return route.fallback();
    keys.push(route.request().headers()['idempotency-key']);
    if (keys.length > 1) return route.continue();
    await route.fetch();
    return route.abort('aborted');
  });
  await fresh.getByRole('button', { name: 'Prepare client' }).click();
  await fresh.getByRole('alert').first().waitFor();
  await fresh.getByRole('button', { name: 'Prepare client' }).click();
  await page.getByText('4989700754321 is prepared.').waitFor();
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1]);
  const made = (await api('GET', '/clients?search=4989700754321')).items;
  assert.equal(made.length, 1);
  const targets = { ids: [expected, made[0].id] };
  await api('POST', '/clients/actions', { action: 'delete', targets });

  // What is new stays marked while it is looked at, also when it was told that it was seen.
  const news = (url) => url.pathname === '/api/v1/notifications';
  const item = { id: 7, at: new Date().toISOString(), code: 'phone-fault', args: { fault: 'none' }, client_id: null };
  let seen = false;
  await page.route(news, (route) => route.fulfill({
    json: {
      items: [{ ...item, seen }], total: 1, unread: seen ? 0 : 1, page: 1, size: 100, next: null,
    },
  }));
  let told = 0;
  await page.route('**/api/v1/notifications/seen', (route) => {
    told += 1;
    seen = told > 1;
    const type = 'urn:workpoint:problem:unavailable';
    const problem = { type, title: 'No', status: 503, detail: 'not now', code: 'unavailable' };
    return seen ? route.fulfill({ status: 204 }) : route.fulfill({ status: 503, json: problem });
  });
  visit.expect(503, '/api/v1/notifications/seen');
  await visit.goto('/jobs');
  const drawer = page.getByRole('complementary', { name: 'Notifications' });
  const bell = page.getByRole('button', { name: /^Notifications/ });
  await bell.click();
  await drawer.getByRole('alert').first().waitFor();
  await drawer.getByRole('button', { name: 'Close', exact: true }).click();
  const looked = page.waitForResponse((answer) => seen && news(new URL(answer.url())));
  await bell.click();
  await looked;
  await drawn(page);
  assert.equal(await drawer.locator('.unseen').count(), 1);
  assert.equal(told, 2);
  await page.unrouteAll({ behavior: 'ignoreErrors' });

  // Enter before the palette has an answer: what is opened is what was asked for.
  await visit.goto('/jobs');
  await page.getByRole('heading', { level: 1, name: /^Jobs/ }).waitFor();
  await page.keyboard.press('Control+k');
  await page.keyboard.type(client.e164);
  await page.getByRole('option', { name: new RegExp(client.e164) }).waitFor();
  const asked = await hold(page, '/clients', (request) => request.url().includes(`search=${other.e164}`));
  await page.getByRole('combobox', { name: 'Search or jump to' }).fill(other.e164);
  await page.keyboard.press('Enter');
  await asked.came;
  assert.equal(new URL(page.url()).pathname, '/jobs');
  await asked.go();
  await page.waitForURL(`${given.url}/clients/${other.id}`);
}
