// A site with an FTP server of its own: where its files lie is said at the storage provider, and a phone is told all of it,
// the password only once somebody has approved it.

import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { api, clients, set, until } from '../api.mjs';
import { DeployPlan } from '../pages/deploy.mjs';
import { List } from '../pages/list.mjs';
import { instruct, told } from '../phones.mjs';
import { wav } from '../samples.mjs';

const NETWORKS = 'server-settings.storage.allowed-networks';
const CHECKED = 'server-settings.security.storage-provider-connection-validation';
const TONE = 'quay.wav';
const PASSWORD = 'n0t-A-real-one';

export async function journey(visit) {
  const { page } = visit;
  const s3 = JSON.parse(process.env.WORKPOINT_S3);
  writeFileSync(join(s3.objects, TONE), wav(13));
  await set(NETWORKS, '127.0.0.0/8');
  await set(CHECKED, false);
  await added(visit, s3);
  const { items: [provider] } = await api('GET', '/storage-providers?search=Quay');
  assert.deepEqual([provider.serving, provider.ftp_url, provider.ftp_username, provider.has_ftp_secret],
    ['ftp', 'ftp://ftp.quay.example:2121/media', 'phones', true]);
  const { items: models } = await api('GET', '/device-models');
  const rings = new Set(models.filter((model) => model.file_types.includes('RINGTONE')).map((model) => model.name));
  const able = (await clients()).filter((one) => one.state === 'active' && rings.has(one.model) && !one.approved);
  const client = able.find((one) => able.filter((other) => other.model === one.model).length === 1);
  await deployed(visit, provider, client);
  assert.deepEqual(await told(client), {
    'file-server': 'ftp.quay.example', 'file-port': '2121', 'file-username': 'phones', 'file-pwd': PASSWORD,
    'file-path': 'media', 'file-name': TONE, 'file-type': 'RINGTONE', 'file-priority': 'normal',
  });
  await withoutPassword(visit, provider, client);
  assert.deepEqual(await told(client), {
    'file-server': 'ftp.quay.example', 'file-port': '21', 'file-path': '', 'file-name': TONE, 'file-type': 'RINGTONE',
    'file-priority': 'normal',
  });
  await api('POST', '/storage-providers/delete', { ids: [provider.id] });
  await set(CHECKED, true);
  await set(NETWORKS, '');
}

/** The form asks for the FTP server when phones are sent there, and says what is wrong with its address. */
async function added(visit, s3) {
  const { page } = visit;
  const list = new List(page, 'Storage');
  await visit.goto('/storage');
  await page.getByRole('button', { name: 'New storage provider' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add storage provider' });
  await dialog.getByLabel('Name', { exact: true }).fill('Quay');
  await dialog.getByLabel('URL').fill(s3.url);
  await dialog.getByLabel('Access key').fill(s3.user);
  await dialog.getByLabel('Access secret').fill(s3.secret);
  await dialog.getByLabel('Bucket name').fill(s3.bucket);
  await dialog.getByLabel('Region').fill(s3.region);
  await dialog.getByLabel('Bucket in the path').check();
  assert.equal(await dialog.getByLabel('FTP address').count(), 0, 'it is asked for when phones are sent there');
  await dialog.getByLabel('Phones download from').selectOption({ label: 'FTP server of the site' });
  await dialog.getByLabel('FTP address').fill('https://ftp.quay.example');
  await dialog.getByLabel('FTP username').fill('phones');
  await dialog.getByLabel(/^FTP password/).fill(PASSWORD);
  visit.expect(422, '/api/v1/storage-providers');
  await dialog.getByRole('button', { name: 'Add storage provider' }).click();
  await dialog.getByText('Enter an address such as ftp://ftp.example.net/phones.').waitFor();
  await visit.look('an FTP server');
  await dialog.getByLabel('FTP address').fill('ftp://ftp.quay.example:2121/media');
  await dialog.getByRole('button', { name: 'Add storage provider' }).click();
  await dialog.waitFor({ state: 'detached' });
  await list.row('Quay').getByText('Complete').waitFor();
  await list.row('Quay').click();
  const drawer = page.getByRole('complementary', { name: 'Storage provider' });
  await drawer.getByText('ftp://ftp.quay.example:2121/media').waitFor();
  await drawer.getByText('phones', { exact: true }).waitFor();
  assert.ok(!(await page.content()).includes(PASSWORD));
}

/** Deploys its file to the one client; `approve`: what the plan offers is accepted. */
async function planned(visit, provider, client) {
  const { page } = visit;
  const files = new List(page, 'Files');
  await visit.goto(`/files?provider=${provider.id}&q=${TONE}`);
  await files.menu(files.row(TONE), 'Deploy files');
  const dialog = page.getByRole('dialog', { name: 'Deploy files' });
  await dialog.getByLabel('Type of client').fill(client.model);
  await page.getByRole('option', { name: client.model, exact: true }).click();
  await dialog.getByRole('checkbox', { name: /^Deploy again/ }).check();
  await dialog.getByRole('button', { name: 'Make plan' }).click();
  const plan = new DeployPlan(page);
  await plan.ready('files');
  return plan;
}

/** The password is only for a client that is approved, which the plan says and offers. */
async function deployed(visit, provider, client) {
  await instruct([client]);
  const plan = await planned(visit, provider, client);
  await plan.when.getByText('One secret is only given to a client that you approve.').waitFor();
  await visit.look('a plan with an FTP password');
  await plan.when.getByRole('checkbox', { name: /^Approve the clients/ }).check();
  const job = await plan.apply(1);
  // There is no such server: the phone says so, as it would of any other.
  const row = await job.becomes(client, 'Failed');
  await row.getByText('The phone could not fetch or store it. It says: failed').waitFor();
  assert.ok((await api('GET', `/clients/${client.id}`)).approved);
}

/** Without a user name the kept password goes too, and a phone is told neither. */
async function withoutPassword(visit, provider, client) {
  const { page } = visit;
  const list = new List(page, 'Storage');
  await visit.goto('/storage');
  await list.menu(list.row('Quay'), 'Edit');
  const dialog = page.getByRole('dialog', { name: 'Edit Quay' });
  assert.equal(await dialog.getByLabel('FTP address').inputValue(), 'ftp://ftp.quay.example:2121/media');
  await dialog.getByLabel('FTP address').fill('ftp://ftp.quay.example');
  await dialog.getByLabel('FTP username').fill('');
  await dialog.getByLabel('Remove the kept FTP password').check();
  await visit.look('an FTP password that is removed');
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Quay saved.').waitFor();
  const plan = await planned(visit, provider, client);
  assert.equal(await plan.when.getByText('One secret is only given').count(), 0);
  const job = await plan.apply(1);
  await job.becomes(client, 'Failed');
  await until('the phone was told', async () => !('file-pwd' in await told(client)));
}
