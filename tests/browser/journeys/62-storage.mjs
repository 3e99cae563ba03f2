// Storage providers: an S3 store is tried with a wrong secret and a right one, added, scanned for its files and changed; a
// scan of the network finds it, and a web server that is added from there, with a password that is removed later; scans of
// a network and of a slow provider are stopped. Both servers are real ones, started by the test.

import { strict as assert } from 'node:assert';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { api, set, until } from '../api.mjs';
import { gateBefore } from '../gate.mjs';
import { List } from '../pages/list.mjs';
import { png, wav } from '../samples.mjs';

const NETWORKS = 'server-settings.storage.allowed-networks';
const CHECKED = 'server-settings.security.storage-provider-connection-validation';
const SCANNED = 'server-settings.scans.allowed-networks';

export async function journey(visit) {
  const list = new List(visit.page, 'Storage');
  const s3 = JSON.parse(process.env.WORKPOINT_S3);
  const web = JSON.parse(process.env.WORKPOINT_HTTPS);
  await added(visit, list, s3);
  await scanned(visit, list, s3);
  await changed(visit, list);
  await foundInNetwork(visit, list, s3, web);
  await withoutPassword(visit, list, web);
  await takesNothing(visit, web);
  await stopped(visit);
  await scanStopped(visit, list, s3);
  await deleted(visit, list);
  await set(SCANNED, '');
  await set(NETWORKS, '');
  await set(CHECKED, true);
}

/** The drawer of a provider. */
const drawerOf = (page) => page.getByRole('complementary', { name: 'Storage provider' });

async function added(visit, list, s3) {
  const { page } = visit;
  mkdirSync(join(s3.objects, 'tones'), { recursive: true });
  writeFileSync(join(s3.objects, 'tones', 'depot.wav'), wav(2));
  writeFileSync(join(s3.objects, 'depot.png'), png(320, 240));
  await visit.goto('/storage');
  await list.row('Built in').waitFor();
  await visit.look('the storage providers');
  await page.getByRole('button', { name: 'New storage provider' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add storage provider' });
  visit.expect(422, '/api/v1/storage-providers');
  await dialog.getByRole('button', { name: 'Add storage provider' }).click();
  await dialog.locator('.errtext').filter({ hasText: /\S/ }).first().waitFor();
  await visit.look('a form that is empty');

  await dialog.getByLabel('Name', { exact: true }).fill('Depot');
  await dialog.getByLabel('URL').fill(s3.url);
  await dialog.getByLabel('Access key').fill(s3.user);
  await dialog.getByLabel('Access secret').fill('a wrong one');
  await dialog.getByLabel('Bucket name').fill(s3.bucket);
  await dialog.getByLabel('Region').fill(s3.region);
  await dialog.getByLabel('Bucket in the path').check();
  const attempt = dialog.getByRole('button', { name: 'Try connection' });
  await attempt.click();
  await dialog.getByText('This server does not connect to such an address.').waitFor();
  await set(NETWORKS, '127.0.0.0/8');
  await attempt.click();
  await dialog.getByText("The server's certificate is not trusted.").waitFor();
  await set(CHECKED, false);
  await attempt.click();
  await dialog.getByText('The server does not accept the access key or password.').waitFor();
  await visit.look('a try that failed');
  await dialog.getByLabel('Access secret').fill(s3.secret);
  await attempt.click();
  await dialog.getByText(/It answers as it should\./).waitFor();
  await visit.look('a try that went well');
  // With another address of the bucket it says nothing any more.
  await dialog.getByLabel('Bucket in the path').uncheck();
  await dialog.getByText(/It answers as it should\./).waitFor({ state: 'detached' });
  await dialog.getByLabel('Bucket in the path').check();
  await dialog.getByRole('button', { name: 'Add storage provider' }).click();
  await dialog.waitFor({ state: 'detached' });
}

/** Its scan for files has begun by itself; they are in the list of files. Scanned again after something is another. */
async function scanned(visit, list, s3) {
  const { page } = visit;
  const drawer = drawerOf(page);
  await list.row('Depot').getByText('Complete').waitFor();
  await list.row('Depot').getByText('Answers').waitFor();
  await list.row('Depot').click();
  await drawer.getByText('2 objects looked at, 2 new').waitFor();
  await visit.look('a storage provider');
  await drawer.getByRole('link', { name: /^2 files/ }).click();
  const files = new List(page, 'Files');
  await files.row('depot.wav').waitFor();
  await files.row('depot.png').getByRole('cell', { name: 'Depot', exact: true }).waitFor();

  writeFileSync(join(s3.objects, 'depot.png'), png(300, 200));
  await visit.goto('/storage');
  await list.row('Depot').click();
  await drawer.getByRole('button', { name: 'Scan for files' }).click();
  await drawer.getByText(/1 changed/).waitFor();
  await drawer.getByRole('button', { name: 'Try connection' }).click();
  await drawer.getByText(/It answers as it should\./).waitFor();
}

/** It gets another name; its secret stays, without anybody typing it. */
async function changed(visit, list) {
  const { page } = visit;
  await list.menu(list.row('Depot'), 'Edit');
  const dialog = page.getByRole('dialog', { name: 'Edit Depot' });
  const type = dialog.getByLabel('Type', { exact: true });
  assert.equal(await type.inputValue(), 'S3');
  assert.equal(await type.isEditable(), false);
  await dialog.getByText('It cannot be changed.').waitFor();
  await dialog.getByLabel('Name', { exact: true }).fill('Depot Hamburg');
  await dialog.getByText('One is kept.').waitFor();
  await dialog.getByRole('button', { name: 'Try as saved' }).click();
  await dialog.getByText(/It answers as it should\./).waitFor();
  await visit.look('a provider that is edited');
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Depot Hamburg saved.').waitFor();
  await list.row('Depot Hamburg').waitFor();
}

/** A scan of the network finds both servers, and one step adds the new one. */
async function foundInNetwork(visit, list, s3, web) {
  const { page } = visit;
  writeFileSync(join(web.private, 'lobby.wav'), wav(9));
  writeFileSync(join(web.open, 'yard.png'), png(320, 240));
  await set(SCANNED, '127.0.0.0/8');
  await page.getByRole('button', { name: 'Scan network' }).click();
  const scan = page.getByRole('dialog', { name: 'Scan a network for storage providers' });
  await visit.look('the scan of a network');
  await scan.getByLabel('Ranges').check();
  await scan.getByLabel('Ranges', { exact: true }).last().fill('127.0.0.1');
  await scan.getByLabel('Ports').fill('443 https');
  await scan.getByText('Enter up to 8 ports, with commas between them.').waitFor();
  const ports = [new URL(s3.url).port, new URL(web.url).port];
  await scan.getByLabel('Ports').fill(ports.join(', '));
  await scan.getByRole('button', { name: 'Start scan' }).click();
  await scan.getByText('Finished').waitFor();
  const found = scan.getByRole('table', { name: 'What the scan has found' });
  await found.getByRole('row').filter({ hasText: ports[0] }).getByText('is Depot Hamburg').waitFor();
  await visit.look('what a scan has found');
  await found.getByRole('row').filter({ hasText: ports[1] }).getByRole('button', { name: 'Add' }).click();

  const dialog = page.getByRole('dialog', { name: 'Add storage provider' });
  await until('the form has its address', async () => (await dialog.getByLabel('URL').inputValue()).startsWith(web.url));
  await dialog.getByLabel('Name', { exact: true }).fill('Attic');
  await dialog.getByLabel('URL').fill(`${web.url}/private/`);
  await dialog.getByRole('button', { name: 'Try connection' }).click();
  await dialog.getByText('The server does not accept the access key or password.').waitFor();
  await dialog.getByLabel('Username').fill(web.user);
  await dialog.getByLabel(/^Password/).fill(web.secret);
  await dialog.getByRole('button', { name: 'Try connection' }).click();
  await dialog.getByText(/It answers as it should\..*WebDAV.*1 object/).waitFor();
  await dialog.getByLabel('How its files are listed').selectOption({ label: 'WebDAV' });
  await visit.look('the fields of a web server');
  await dialog.getByRole('button', { name: 'Add storage provider' }).click();
  await dialog.waitFor({ state: 'detached' });
  await list.row('Attic').getByText('Complete').waitFor();
  await list.row('Attic').click();
  await drawerOf(page).getByText('1 object looked at, 1 new').waitFor();
  await drawerOf(page).getByRole('link', { name: /^1 file,/ }).waitFor();
}

/** It moves to a place that is open to all, and its password is removed. */
async function withoutPassword(visit, list, web) {
  const { page } = visit;
  const drawer = drawerOf(page);
  await list.menu(list.row('Attic'), 'Edit');
  const dialog = page.getByRole('dialog', { name: 'Edit Attic' });
  await dialog.getByText('One is kept.').waitFor();
  await dialog.getByLabel('URL').fill(`${web.url}/dav/`);
  await dialog.getByLabel('Username').fill('');
  await dialog.getByLabel('Remove the kept password').check();
  await dialog.getByRole('switch', { name: 'Start a scan for files' }).click();
  await visit.look('a password that is removed');
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Attic saved.').waitFor();
  await list.row('Attic').click();
  await drawer.getByText('1 object looked at, 1 new, 1 gone').waitFor();
  await drawer.getByText(`${web.url}/dav/`).waitFor();
  await drawer.getByRole('link', { name: /^[12] files?/ }).click();
  await new List(page, 'Files').row('yard.png').waitFor();
  await visit.goto('/storage');
  await list.menu(list.row('Attic'), 'Edit');
  await dialog.getByRole('button', { name: 'Try connection' }).waitFor();
  await dialog.getByText('One is kept.').waitFor({ state: 'detached' });
  await dialog.getByRole('button', { name: 'Cancel' }).click();
}

/** A web server that takes no files says so before one is sent; the file goes somewhere else then. */
async function takesNothing(visit, web) {
  const { page } = visit;
  const shelf = await api('POST', '/storage-providers', { name: 'Shelf', kind: 'https', url: `${web.url}/index/` });
  await visit.goto('/files');
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Upload files' });
  await dialog.getByLabel('Keep them in').selectOption({ label: 'Shelf' });
  visit.expect(502, '/api/v1/uploads');
  await dialog.getByLabel('Drop files here, or choose them:')
    .setInputFiles([{ name: 'shelf.wav', mimeType: 'audio/wav', buffer: wav(11) }]);
  const one = dialog.getByRole('listitem').filter({ hasText: 'shelf.wav' });
  await one.getByText('The server takes no files.').waitFor();
  assert.equal(await one.getByRole('button', { name: 'Try again' }).count(), 0);
  await visit.look('an upload to a provider that takes nothing');
  await one.getByLabel('Keep them in').selectOption({ label: 'Built in' });
  await one.getByRole('button', { name: 'Keep it there' }).click();
  await one.getByText('Uploaded').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  await dialog.getByText('because they take no files: Shelf.').waitFor();
  const [file] = (await api('GET', '/files?search=shelf.wav')).items;
  assert.equal(file.provider.kind, 'built-in');
  await api('POST', '/files/delete', { ids: [file.id] });
  await api('POST', '/storage-providers/delete', { ids: [shelf.id] });
  await visit.goto('/storage');
}

/** A scan of many addresses is stopped while it runs. */
async function stopped(visit) {
  const { page } = visit;
  await page.getByRole('button', { name: 'Scan network' }).click();
  const scan = page.getByRole('dialog', { name: 'Scan a network for storage providers' });
  await scan.getByLabel('Ranges').check();
  await scan.getByLabel('Ranges', { exact: true }).last().fill('127.77.1.1-127.77.1.250');
  await scan.getByRole('button', { name: 'Start scan' }).click();
  const running = scan.getByRole('listitem').filter({ hasText: '127.77.1.1-127.77.1.250' });
  await running.getByText(/^[1-9]\d* of 250 addresses asked/).waitFor();
  await running.getByText('Nothing found so far.').waitFor();
  await visit.look('a scan that runs');
  await running.getByRole('button', { name: 'Stop' }).click();
  await running.getByText('Stopped').waitFor();
  await running.getByText('Nothing found so far.').waitFor({ state: 'detached' });
  await scan.getByText('No scan is running.').waitFor();
  await scan.getByRole('button', { name: 'Close' }).last().click();
  await scan.waitFor({ state: 'detached' });
}

/** A provider that says nothing: its scan goes on until it is stopped. When it speaks, it is scanned to the end. */
async function scanStopped(visit, list, s3) {
  const { page } = visit;
  const gate = await gateBefore(s3.url);
  const slow = await api('POST', '/storage-providers', { name: 'Cellar', kind: 's3', url: gate.url, username: s3.user,
    secret: s3.secret, bucket: s3.bucket, region: s3.region, path_style: true, scan: false });
  await visit.goto('/storage');
  await list.row('Cellar').click();
  const drawer = drawerOf(page);
  await drawer.getByText('It was never scanned for files.').waitFor();
  await drawer.getByRole('button', { name: 'Scan for files' }).click();
  await drawer.getByText('Running', { exact: true }).waitFor();
  await drawer.getByText(/^since /).waitFor();
  await until('the provider is asked', async () => gate.waiting() > 0);
  await visit.look('a scan for files that runs');
  await drawer.getByRole('button', { name: 'Stop scan' }).click();
  await drawer.getByText('Stopped', { exact: true }).waitFor();
  await list.row('Cellar').getByText('Stopped').waitFor();
  await visit.look('a scan for files that was stopped');
  assert.deepEqual((await api('GET', `/files?provider=${slow.id}`)).total, 0);

  gate.open();
  await drawer.getByRole('button', { name: 'Scan for files' }).click();
  await drawer.getByText('Complete', { exact: true }).waitFor();
  await drawer.getByText('2 objects looked at, 2 new').waitFor();
  gate.close();
  await api('POST', '/storage-providers/delete', { ids: [slow.id] });
}

/** With their files; nothing is deleted there. */
async function deleted(visit, list) {
  const { page } = visit;
  await list.menu(list.row('Attic'), 'Delete storage providers');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete 1 storage provider' }).click();
  await page.getByText('One storage provider deleted.').waitFor();
  await list.row('Attic').waitFor({ state: 'detached' });
  await list.row('Depot Hamburg').getByRole('checkbox').check();
  await list.bulk.getByRole('button', { name: 'Delete storage providers' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete 1 storage provider' }).click();
  await list.row('Depot Hamburg').waitFor({ state: 'detached' });
  for (const name of ['depot', 'lobby', 'yard']) {
    await until('its files are gone', async () => (await api('GET', `/files?search=${name}`)).total === 0);
  }
}
