// A client on other hardware: what fits is said while the form is filled in, and a new client waits for its phone.

import { strict as assert } from 'node:assert';
import { api, clients } from '../api.mjs';
import { List } from '../pages/list.mjs';

export async function journey(visit) {
  const { page } = visit;
  const client = (await clients()).find((one) => one.software_type === 'SIP' && one.state === 'active');
  const list = new List(page, 'Clients');
  await visit.goto('/clients');
  await list.ready();
  await list.menu(list.row(client.e164), 'Copy client');
  const dialog = page.getByRole('dialog', { name: `Copy ${client.e164}` });
  assert.equal(await dialog.getByLabel('E.164').inputValue(), client.e164);
  await dialog.getByText(/own values? (is|are) taken along\./).waitFor();
  await visit.look('a copy');

  // Other software: what only the old one knows does not fit.
  await dialog.getByLabel('Software type').selectOption('HFA');
  await dialog.getByText(/does not fit|do not fit|Everything fits/).waitFor();
  await visit.look('what does not fit');

  await dialog.getByLabel('Reason for the copy').selectOption({ label: 'Factory reset' });
  assert.equal((await dialog.getByLabel('Device ID').inputValue()).toLowerCase(), client.device_id.toLowerCase());
  await dialog.getByLabel('Device ID').fill('');
  await dialog.getByRole('button', { name: 'Wait for the phone' }).click();
  await dialog.getByText('Enter the device ID of the phone.').waitFor();
  await visit.look('a device is needed');

  await dialog.getByLabel('Reason for the copy').selectOption({ label: 'Hardware change' });
  await dialog.getByLabel('Software type').selectOption('SIP');
  await dialog.getByRole('button', { name: 'Copy client' }).click();
  await dialog.getByText(`${client.e164} waits for its phone`).waitFor();
  await visit.look('a client that was copied');
  await dialog.getByRole('link', { name: 'Open the client' }).click();
  await page.getByRole('heading', { level: 1, name: client.e164 }).waitFor();
  await page.getByText('Takes the place of').waitFor();
  await visit.look('the copy');

  // The old one stays until the new phone has come; this one will not.
  const id = Number(new URL(page.url()).pathname.split('/').at(-1));
  assert.notEqual(id, client.id);
  const copy = await api('GET', `/clients/${id}`);
  assert.equal(copy.replaces, client.id);
  await api('DELETE', `/clients/${id}`, undefined, { 'if-match': `"${copy.revision}"` });
}
