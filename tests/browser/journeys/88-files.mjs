// What is taken away as a file: a list as CSV, the texts of the licences; and the packages they belong to.

import { strict as assert } from 'node:assert';
import { clients } from '../api.mjs';
import { taken } from '../pages/files.mjs';
import { List } from '../pages/list.mjs';

export async function journey(visit) {
  const { page } = visit;
  const all = await clients();
  const list = new List(page, 'Clients');
  await visit.goto('/clients');
  await list.ready();
  await list.search(all[3].e164);
  await page.getByText('1–1 of 1').waitFor();
  const csv = await taken(page, () => page.getByRole('button', { name: 'Export as CSV' }).click());
  assert.match(csv.name, /^clients.*\.csv$/);
  const lines = csv.bytes.toString().trim().split('\r\n');
  assert.equal(lines.length, 2);
  assert.ok(lines[1].includes(all[3].e164), lines[1]);

  await page.getByRole('button', { name: 'About Workpoint' }).click();
  const about = page.getByRole('dialog', { name: 'About Workpoint' });
  await about.getByText('Third-party software').click();
  await about.getByRole('table', { name: 'Third-party software' }).getByText('leptos', { exact: true }).waitFor();
  await visit.look('the packages');
  const texts = await taken(page, () => about.getByRole('link', { name: 'Download the licence texts' }).click());
  assert.equal(texts.name, 'licenses.txt');
  assert.ok(texts.bytes.includes('Permission is hereby granted'));
}
