// What each role sees: the menu, every page of it without a refusal, and nothing to press that would be refused.

import { strict as assert } from 'node:assert';
import { clients } from '../api.mjs';
import { given } from '../harness.mjs';
import { Configuration } from '../pages/configuration.mjs';
import { List } from '../pages/list.mjs';
import { signIn } from '../pages/sign-in.mjs';

export const stranger = true;

/** Accounts of the test, the places in their menu, and what the clients' page lets them do. */
const ROLES = {
  otto: { places: ['Overview', 'Clients', 'Groups', 'Templates', 'Files', 'Firmware', 'Jobs', 'Storage'], changes: true },
  vito: { places: ['Overview', 'Clients', 'Groups', 'Templates', 'Files', 'Firmware', 'Jobs', 'Storage'], changes: false },
  aude: { places: ['Audit', 'Accounts', 'Settings'] },
};

export async function journey(visit) {
  const { page } = visit;
  const client = (await clients()).find((one) => one.software_type === 'SIP');
  const menu = page.getByRole('navigation', { name: 'Main menu' });
  for (const [user, { places, changes }] of Object.entries(ROLES)) {
    await visit.goto('/');
    await signIn(page, user, given.password);
    await visit.settled();
    // The first link is the logo.
    const [, ...seen] = (await menu.getByRole('link').allInnerTexts()).map((text) => text.trim());
    assert.deepEqual(seen, places, user);
    for (const place of places) {
      await menu.getByRole('link', { name: place }).click();
      await page.getByRole('heading', { level: 1, name: new RegExp(`^${place}`) }).waitFor();
      await visit.settled();
      await visit.look(`${place} as ${user}`);
    }
    if (changes !== undefined) await look(visit, client, changes);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  }
}

/** The pages of the fleet, with and without the right to change them. */
async function look(visit, client, changes) {
  const { page } = visit;
  const wanted = changes ? 1 : 0;
  const list = new List(page, 'Clients');
  await visit.goto(`/clients?open=${client.id}`);
  await list.ready();
  const drawer = page.getByRole('complementary', { name: 'Client' });
  await drawer.getByRole('heading', { name: client.e164 }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'New client' }).count(), wanted);
  for (const [path, role, name] of [['/groups', 'link', 'New group'], ['/templates', 'button', 'New template'],
    ['/groups/fields', 'button', 'New field'], ['/files', 'button', 'Upload']]) {
    await visit.goto(path);
    await visit.settled();
    assert.equal(await page.getByRole(role, { name }).count(), wanted, name);
  }
  // Storage belongs to administrators alone.
  await visit.goto('/storage');
  await visit.settled();
  assert.equal(await page.getByRole('button', { name: 'New storage provider' }).count(), 0);
  await visit.goto(`/clients/${client.id}/configuration/telephony.sip-settings`);
  await visit.settled();
  const field = new Configuration(page).control('telephony.sip-settings.server-address');
  await field.waitFor();
  assert.equal(await field.isEditable(), changes);
  assert.equal(await page.getByRole('button', { name: /^Review/ }).count(), wanted);
}
