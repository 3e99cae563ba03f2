// Files at another storage provider: uploaded to it, taken away from there, deployed while it has lost them, and deleted
// there.

import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { api, clients, set, until } from '../api.mjs';
import { DeployPlan } from '../pages/deploy.mjs';
import { taken } from '../pages/files.mjs';
import { List } from '../pages/list.mjs';
import { wav } from '../samples.mjs';

const NETWORKS = 'server-settings.storage.allowed-networks';
const CHECKED = 'server-settings.security.storage-provider-connection-validation';
const KEPT = 'elsewhere.wav';
const LOST = 'lost.wav';

/** Where an object with this content lies in the bucket; nothing when none does. */
function object(s3, content) {
  const all = readdirSync(s3.objects, { recursive: true, withFileTypes: true });
  const files = all.filter((one) => one.isFile()).map((one) => join(one.parentPath ?? one.path, one.name));
  return files.find((path) => readFileSync(path).equals(content));
}

export async function journey(visit) {
  const { page } = visit;
  const s3 = JSON.parse(process.env.WORKPOINT_S3);
  await set(NETWORKS, '127.0.0.0/8');
  await set(CHECKED, false);
  const provider = await api('POST', '/storage-providers', { name: 'Elsewhere', kind: 's3', url: s3.url,
    username: s3.user, secret: s3.secret, bucket: s3.bucket, region: s3.region, path_style: true, scan: false });

  const list = new List(page, 'Files');
  await visit.goto('/files');
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Upload files' });
  await dialog.getByLabel('Keep them in').selectOption({ label: 'Elsewhere' });
  await visit.look('a choice of storage providers');
  await dialog.getByLabel('Drop files here, or choose them:').setInputFiles([KEPT, LOST].map((name, at) => (
    { name, mimeType: 'audio/wav', buffer: wav(10 + at) })));
  for (const name of [KEPT, LOST]) {
    await dialog.getByRole('listitem').filter({ hasText: name }).getByText('Uploaded').waitFor();
  }
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  assert.ok(object(s3, wav(10)) && object(s3, wav(11)));

  // In the list, and back again.
  await list.filter('Storage', 'Elsewhere');
  await page.getByText('1–2 of 2').waitFor();
  await list.row(KEPT).getByRole('cell', { name: 'Elsewhere', exact: true }).waitFor();
  const tone = await taken(page, () => list.menu(list.row(KEPT), 'Download'));
  assert.ok(tone.bytes.equals(wav(10)));

  await lost(visit, list, s3);

  // Deleted there too: it was put there by this installation.
  await visit.goto(`/files?provider=${provider.id}`);
  for (const name of [KEPT, LOST]) await list.row(name).getByRole('checkbox').check();
  await list.bulk.getByRole('button', { name: 'Delete files' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete 2 files' }).click();
  await list.row(KEPT).waitFor({ state: 'detached' });
  await until('the object is gone', async () => object(s3, wav(10)) === undefined);
  const { deleted } = await api('POST', '/storage-providers/delete', { ids: [provider.id] });
  assert.equal(deleted, 1);
  await set(CHECKED, true);
  await set(NETWORKS, '');
}

/** Somebody has deleted it at the provider: the phone cannot have it, and the page says why. */
async function lost(visit, list, s3) {
  const { page } = visit;
  const { items: models } = await api('GET', '/device-models');
  const rings = new Set(models.filter((model) => model.file_types.includes('RINGTONE')).map((model) => model.name));
  const client = (await clients()).find((one) => one.state === 'active' && rings.has(one.model));
  rmSync(object(s3, wav(11)));
  await list.menu(list.row(LOST), 'Deploy files');
  const dialog = page.getByRole('dialog', { name: 'Deploy files' });
  await dialog.getByLabel('Type of client').fill(client.model);
  await page.getByRole('option', { name: client.model, exact: true }).click();
  await dialog.getByRole('button', { name: 'Make plan' }).click();
  const plan = new DeployPlan(page);
  await plan.ready('files');
  const { summary } = await api('GET', `/plans/${page.url().match(/plans\/(\d+)/)[1]}`);
  const job = await plan.apply(summary.writes);
  // The fault is not the phone's: it waits, and is sent for the file again.
  const row = await job.becomes(client, 'Waiting');
  await row.getByText(/^The phone came for the file and the server could not give it\./).waitFor();
  await row.click();
  const drawer = page.getByRole('complementary', { name: 'Client of the job' });
  await drawer.getByText('Why not served').waitFor();
  await drawer.getByText('The bucket, path or file was not found.').waitFor();
  await visit.look('a phone that was not served');
  // Nobody waits for it any more, so that the file can be deleted.
  const id = page.url().match(/jobs\/(\d+)/)[1];
  await api('POST', `/jobs/${id}/cancel`, {});
  await row.getByText('Cancelled', { exact: true }).waitFor();
}
