// Scanning for phones: refused while no network is allowed, started, watched, stopped.

import { strict as assert } from 'node:assert';
import { api, clients, set, until } from '../api.mjs';
import { List } from '../pages/list.mjs';

const ALLOWED = 'server-settings.scans.allowed-networks';
const PHONE_URL = 'server-settings.phones.phone-url';

export async function journey(visit) {
  const { page } = visit;
  const [client] = await clients();
  const [a, b, c] = client.peer_address.split('.');
  const network = `${a}.${b}.${c}`;
  await visit.goto('/clients');
  await new List(page, 'Clients').ready();
  await page.getByRole('button', { name: 'Scan', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Scan for phones' });
  await dialog.getByText('Other devices there may be disturbed by it').waitFor();
  await visit.look('the scan');
  await dialog.getByRole('button', { name: 'Start scan' }).click();
  await dialog.getByText('Enter an address.').waitFor();

  visit.expect(409, '/api/v1/scans');
  await dialog.getByLabel('IP address').fill(`${network}.7`);
  await dialog.getByText('254 addresses are asked.').waitFor();
  await dialog.getByRole('button', { name: 'Start scan' }).click();
  await dialog.getByText('No network may be scanned yet.').waitFor();
  await dialog.getByRole('link', { name: 'Show the setting “Networks that may be scanned”' }).waitFor();
  await visit.look('scanning is off');

  // Phones must be told where to come.
  await set(ALLOWED, `${network}.0/24`);
  await dialog.getByRole('button', { name: 'Start scan' }).click();
  await dialog.getByText('Phones could not be told where to come.').waitFor();
  await set(PHONE_URL, process.env.WORKPOINT_PHONE_URL);
  visit.expect(422, '/api/v1/scans');
  await dialog.getByLabel('Ranges').check();
  const ranges = dialog.getByLabel('Ranges', { exact: true }).last();
  await ranges.fill(`${network}.40-${network}.30`);
  await dialog.getByRole('button', { name: 'Start scan' }).click();
  await dialog.getByText(`${network}.40-${network}.30:`).waitFor();
  await ranges.fill('192.0.2.1');
  await dialog.getByRole('button', { name: 'Start scan' }).click();
  await dialog.getByText('192.0.2.1 is not in the networks that may be scanned.').waitFor();
  await visit.look('a network that is not allowed');

  await ranges.fill(`${network}.1-${network}.20`);
  await dialog.getByText('20 addresses are asked.').waitFor();
  await dialog.getByRole('button', { name: 'Start scan' }).click();
  await dialog.getByText(`${network}.1-${network}.20`).waitFor();
  await dialog.getByText('Finished').waitFor();
  await dialog.getByText('20 of 20 addresses asked').waitFor();
  await visit.look('a finished scan');

  await dialog.getByLabel('A network').check();
  await dialog.getByLabel('IP address').fill(`${network}.128`);
  await dialog.getByLabel('Subnet mask').selectOption({ label: '255.255.255.128 (/25)' });
  await dialog.getByText('126 addresses are asked.').waitFor();
  await dialog.getByRole('button', { name: 'Start scan' }).click();
  await dialog.getByRole('button', { name: 'Stop' }).waitFor();
  await visit.look('a scan that runs');
  await dialog.getByRole('button', { name: 'Stop' }).click();
  await dialog.getByText('Stopped').waitFor();
  await dialog.getByText('No scan is running.').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Scan', exact: true }).waitFor();

  const { items } = await until('both scans are over', async () => {
    const found = await api('GET', '/scans');
    return found.items.every((scan) => scan.finished_at) ? found : undefined;
  });
  assert.deepEqual(items.map((scan) => scan.state), ['stopped', 'finished']);
  await set(PHONE_URL, '');
  await set(ALLOWED, '');
}
