// Language and theme, remembered; and the whole way by keyboard alone.

import { strict as assert } from 'node:assert';
import { clients } from '../api.mjs';
import { given } from '../harness.mjs';
import { List } from '../pages/list.mjs';
import { signIn } from '../pages/sign-in.mjs';

export const stranger = true;

export async function journey(visit) {
  const { page } = visit;
  await visit.goto('/clients');
  await signIn(page, 'lena', given.password);
  const list = new List(page, 'Clients');
  await list.ready();

  await page.getByRole('button', { name: 'Theme' }).click();
  await page.getByRole('menuitemradio', { name: 'Dark' }).click();
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
  await page.reload();
  await list.ready();
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
  await visit.look('the dark theme');

  const [first, second] = await clients();
  await page.keyboard.press('/');
  await page.keyboard.type(first.e164);
  await page.getByText('1–1 of 1').waitFor();
  await page.keyboard.press('Escape');
  await page.getByText(`1–${given.phones} of ${given.phones}`).waitFor();
  await page.getByRole('searchbox').blur();
  await page.keyboard.press('j');
  await page.keyboard.press('ArrowDown');
  const drawer = page.getByRole('complementary', { name: 'Client' });
  await page.keyboard.press('Enter');
  await drawer.getByRole('heading', { name: second.e164 }).waitFor();
  await page.keyboard.press('ArrowUp');
  await drawer.getByRole('heading', { name: first.e164 }).waitFor();
  await page.keyboard.press('Escape');
  await drawer.waitFor({ state: 'detached' });
  await page.keyboard.press('x');
  await list.bulk.getByText('1 selected').waitFor();
  await page.keyboard.press('Escape');
  await list.bulk.waitFor({ state: 'detached' });
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await visit.look('the shortcuts');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('Audit');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: /^Audit/ }).waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('c');
  await list.ready();

  await page.getByRole('button', { name: /Language/ }).click();
  await page.getByRole('menuitemradio', { name: 'Deutsch' }).click();
  await page.getByRole('heading', { level: 1, name: /^Endgeräte/ }).waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'de');
  await visit.look('German');
  await page.reload();
  await page.getByRole('heading', { level: 1, name: /^Endgeräte/ }).waitFor();
  await page.getByRole('button', { name: 'Abmelden' }).click();
  await page.getByRole('heading', { level: 1, name: 'Anmelden' }).waitFor();
}
