// A client that is expected: prepared with a number that no phone has yet.

import { List } from '../pages/list.mjs';

export async function journey(visit) {
  const { page } = visit;
  await visit.goto('/clients');
  const list = new List(page, 'Clients');
  await list.ready();
  await page.getByRole('button', { name: 'New client' }).click();
  const dialog = page.getByRole('dialog', { name: 'New client' });
  await dialog.getByRole('button', { name: 'Prepare client' }).click();
  await dialog.getByText('Enter a number, a device ID or a deployment PIN').waitFor();
  await visit.look('nothing entered');
  await dialog.getByLabel('E.164').fill('no number');
  await dialog.getByLabel('Device ID').focus();
  await dialog.getByText('Enter 1 to 15 digits').waitFor();
  await dialog.getByLabel('E.164').fill('4989700712345');
  await dialog.getByRole('button', { name: 'Prepare client' }).click();
  await page.getByText('4989700712345 is prepared.').waitFor();
  await list.search('4989700712345');
  await list.row('4989700712345').getByText('Expected').waitFor();
  await visit.look('a prepared client');
  await list.menu(list.row('4989700712345'), 'Delete');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete 1 client' }).click();
  await page.getByText('No client matches.').waitFor();
}
