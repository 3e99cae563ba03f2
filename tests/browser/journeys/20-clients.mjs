// Finding clients: search, order, filter, columns, pages, selection; one client beside the list and as a page.

import { strict as assert } from 'node:assert';
import { api, clients } from '../api.mjs';
import { given } from '../harness.mjs';
import { List, openTab } from '../pages/list.mjs';

export async function journey(visit) {
  const { page } = visit;
  const all = await clients();
  const list = new List(page, 'Clients');
  await visit.goto('/clients');
  await list.ready();
  await visit.look('the clients');
  await list.size(25);
  await page.getByText(`1–25 of ${given.phones}`).waitFor();
  assert.equal(await list.rows.count(), 25);
  assert.deepEqual((await list.names())[0], all[0].e164);

  await page.getByRole('button', { name: 'Next page' }).click();
  await page.getByText(`26–${given.phones} of ${given.phones}`).waitFor();
  await page.goBack();
  await page.getByText(`1–25 of ${given.phones}`).waitFor();

  await list.sort('E.164');
  await list.row(all.at(-1).e164).waitFor();
  assert.equal((await list.names())[0], all.at(-1).e164);
  assert.match(page.url(), /sort=-e164/);
  await page.reload();
  await list.ready();
  assert.equal((await list.names())[0], all.at(-1).e164);

  await list.search(all[3].e164);
  await page.getByText('1–1 of 1').waitFor();
  await page.getByRole('button', { name: 'Reset', exact: true }).click();
  await page.getByText(`1–25 of ${given.phones}`).waitFor();
  await list.search('nothing has this name');
  await page.getByText('No client matches.').waitFor();
  await visit.look('nothing found');
  await page.getByRole('button', { name: 'Reset the filter' }).click();
  await list.ready();

  const model = all[0].model;
  const same = all.filter((client) => client.model === model).length;
  await list.filter('Type', model);
  await page.getByText(`1–${same} of ${same}`).waitFor();
  await visit.look('a filter');
  await page.getByRole('button', { name: 'Remove the filter Type' }).click();
  await page.getByText(`1–25 of ${given.phones}`).waitFor();

  await page.getByRole('button', { name: 'Columns', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Columns' });
  await dialog.getByRole('checkbox', { name: 'Address' }).check();
  await visit.look('the columns');
  await dialog.getByRole('button', { name: 'Done' }).click();
  await list.table.getByRole('columnheader', { name: 'Address' }).waitFor();
  await page.reload();
  await list.table.getByRole('columnheader', { name: 'Address' }).waitFor();

  await list.row(all.at(-1).e164).getByRole('checkbox').check();
  await list.bulk.getByText('1 selected').waitFor();
  await list.bulk.getByRole('button', { name: `Select all ${given.phones}` }).click();
  await list.bulk.getByText(`${given.phones} selected, all that match`).waitFor();
  await visit.look('all selected');
  await list.bulk.getByRole('button', { name: 'Clear' }).click();
  await list.bulk.waitFor({ state: 'detached' });

  await list.row(all.at(-2).e164).click();
  const drawer = page.getByRole('complementary', { name: 'Client' });
  await drawer.getByRole('heading', { name: all.at(-2).e164 }).waitFor();
  for (const tab of ['Jobs', 'History', 'Reported', 'Information']) {
    await openTab(drawer.getByRole('navigation', { name: 'Client' }), tab);
    await visit.look(`the drawer, ${tab}`);
  }
  await drawer.getByRole('link', { name: 'Open as a page' }).click();
  await page.getByRole('heading', { level: 1, name: all.at(-2).e164 }).waitFor();
  await visit.look('a client as a page');
  await page.goBack();
  await drawer.waitFor();
  await drawer.getByRole('button', { name: 'Close' }).click();
  await drawer.waitFor({ state: 'detached' });

  // What others do meanwhile moves no row: it is told, and shown when it is wanted.
  const { id } = await api('POST', '/clients', { e164: '4989700799999' });
  await list.showNew();
  await list.search('4989700799999');
  await list.row('4989700799999').getByText('Expected').waitFor();
  const { revision } = await api('GET', `/clients/${id}`);
  await api('DELETE', `/clients/${id}`, undefined, { 'if-match': `"${revision}"` });
  await page.locator('tr.gone').waitFor();
  await page.getByRole('button', { name: 'Refresh the list' }).click();
  await page.getByText('No client matches.').waitFor();
}
