// Files that come again: uploads that broke off and go on or are forgotten, a file that is dropped onto the page, a
// template with files that more clients would get by a copy of it or by its own file read in again, and a phone at which
// it fails and then does not.

import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { api, clients, set } from '../api.mjs';
import { given } from '../harness.mjs';
import { DeployJob } from '../pages/deploy.mjs';
import { DESK, taken } from '../pages/files.mjs';
import { List } from '../pages/list.mjs';
import { instruct } from '../phones.mjs';
import { bytes, upload, wav } from '../samples.mjs';

const LIMIT = 'server-settings.plans.confirm-beyond-for-administrators';
const BY_RULE = 'server-settings.deployments.by-rule';

/** An upload that broke off after some bytes, as after the end of a browser. */
async function broken(name, content, sent) {
  const { token } = await api('POST', '/uploads', { name, size: content.length });
  const answer = await fetch(`${given.url}/api/v1/uploads/${token}?offset=0`, { method: 'PATCH',
    body: content.subarray(0, sent),
    headers: { authorization: `Bearer ${given.token}`, 'content-type': 'application/octet-stream' } });
  assert.equal(answer.status, 200);
}

/** Drops a file onto a part of the page. */
async function drop(page, selector, name, content) {
  const dataTransfer = await page.evaluateHandle(([named, text]) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))], named));
    return data;
  }, [name, content.toString('base64')]);
  await page.dispatchEvent(selector, 'dragover', { dataTransfer });
  await page.dispatchEvent(selector, 'drop', { dataTransfer });
}

export async function journey(visit) {
  const { page } = visit;
  const list = new List(page, 'Files');
  const image = bytes(700_000, 11);
  await broken('again-one.img', image, 300_000);
  await broken('again-two.img', bytes(500_000, 12), 100_000);

  // Both are known; one goes on where it ended, the other is forgotten.
  await visit.goto('/files');
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Upload files' });
  const unfinished = dialog.getByRole('region', { name: 'Not finished' });
  await unfinished.getByText('again-one.img').first().waitFor();
  await visit.look('uploads that broke off');
  await unfinished.getByRole('button', { name: 'Forget again-two.img' }).click();
  await unfinished.getByText('again-two.img').first().waitFor({ state: 'detached' });
  const offsets = [];
  page.on('request', (request) => {
    const offset = new URL(request.url()).searchParams.get('offset');
    if (offset !== null) offsets.push(Number(offset));
  });
  await dialog.getByLabel('Drop files here, or choose them:').setInputFiles([
    { name: 'again-one.img', mimeType: 'application/octet-stream', buffer: image }]);
  const one = dialog.getByRole('listitem').filter({ hasText: 'again-one.img' });
  await one.getByText(/of a file of this name and size are on the server/).waitFor();
  await visit.look('a file that is known');
  await one.getByRole('button', { name: 'Go on there' }).click();
  await one.getByText('Incomplete').waitFor();
  assert.deepEqual(offsets, [300_000]);
  const [file] = (await api('GET', '/files?search=again-one')).items;
  assert.equal(file.sha256, createHash('sha256').update(image).digest('hex'));
  assert.equal((await api('GET', '/uploads')).total, 0);
  await dialog.getByRole('button', { name: 'Close' }).last().click();

  // Dropped onto the list.
  await drop(page, '.drop-page', 'dropped.wav', wav(6));
  await dialog.getByRole('listitem').filter({ hasText: 'dropped.wav' }).getByText('Uploaded').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await list.search('dropped');
  await list.row('dropped.wav').waitFor();

  // A template that nobody has, because its group is empty; a copy of it is in no group, and all phones of the type get
  // its file. Nothing goes out by day.
  const byRule = await set(BY_RULE, 'night');
  const limit = await set(LIMIT, 0);
  const all = await clients();
  const counts = new Map();
  const { items: models } = await api('GET', '/device-models');
  const rings = new Set(models.filter((model) => model.file_types.includes('RINGTONE')).map((model) => model.name));
  for (const client of all.filter((client) => rings.has(client.model))) {
    counts.set(client.model, (counts.get(client.model) ?? 0) + 1);
  }
  const [model] = [...counts].sort((left, right) => right[1] - left[1])[0];
  const sound = await upload('again.wav', wav(7), { file_type: 'ringtone' });
  const made = await api('POST', '/templates', { name: 'Again', kind: 'default', rank: 7, models: [model] });
  const group = await api('POST', '/groups', { name: 'Nobody', filter: DESK, templates: [made.id] });
  await api('PUT', `/templates/${made.id}/files`, { files: [sound.id] },
    { 'if-match': `"${(await api('GET', `/templates/${made.id}`)).revision}"` });
  const templates = new List(page, 'Templates');
  await visit.goto('/templates');
  visit.expect(409, `/api/v1/templates/${made.id}/copy`);
  await templates.menu(templates.row('Again'), 'Copy template');
  const copy = page.getByRole('dialog', { name: 'Copy the template' });
  await copy.getByLabel('Name', { exact: true }).fill('Again for all');
  await copy.getByRole('button', { name: 'Copy template' }).click();
  await copy.getByText(/gets? something by it, on (its|their) own\./).waitFor();
  await visit.look('a copy that many get');
  await asked(copy);
  await copy.getByRole('button', { name: 'Copy template' }).click();
  await page.getByRole('heading', { level: 1, name: 'Again for all' }).waitFor();
  const [copied] = (await api('GET', '/templates?search=Again%20for%20all')).items;
  await added(visit, copied);
  await remove(copied.name);
  await imported(visit, templates, made);
  // First the template: without its group, all phones of the type would get its file.
  await api('POST', '/templates/delete', { ids: [made.id] });
  await set(LIMIT, limit);
  const { revision } = await api('GET', `/groups/${group.id}`);
  await api('DELETE', `/groups/${group.id}`, undefined, { 'if-match': `"${revision}"` });
  await set(BY_RULE, byRule);

  await failures(visit, all.find((client) => client.model === model), sound.id);
}

/** Where all phones of the type would get one more file by a template, the number that is asked says what it counts. */
async function added(visit, template) {
  const { page } = visit;
  const name = 'again-too.wav';
  const sound = await upload(name, wav(9), { file_type: 'ringtone' });
  await visit.goto('/templates');
  const templates = new List(page, 'Templates');
  await templates.menu(templates.row(template.name), 'Assign files');
  await page.getByRole('button', { name: 'Add files' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add files to the template' });
  await dialog.getByLabel('Search').fill(name);
  await dialog.getByRole('row').filter({ hasText: name }).getByRole('checkbox').check();
  visit.expect(409, `/api/v1/templates/${template.id}/files`);
  await dialog.getByRole('button', { name: 'Add 1 file' }).click();
  await dialog.getByLabel(/^Type [\d,]+ to go on/).waitFor();
  await dialog.getByText(/gets? something by it, on (its|their) own\./).waitFor();
  await visit.look('a file that many get');
  // Escape would lose what is ticked.
  await page.keyboard.press('Escape');
  await dialog.getByText(/^1 file chosen/).waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'detached' });
  await api('POST', '/files/delete', { ids: [sound.id] });
}

/** Types the number that a dialog asks for. */
async function asked(dialog) {
  const number = dialog.getByLabel(/^Type [\d,]+ to go on/);
  const wanted = (await number.evaluate((input) => input.labels[0].textContent)).match(/[\d,]+/)[0];
  assert.ok(Number(wanted) >= 1, wanted);
  await number.fill(wanted);
}

async function remove(name) {
  const [found] = (await api('GET', `/templates?search=${encodeURIComponent(name)}`)).items;
  await api('DELETE', `/templates/${found.id}`, undefined, { 'if-match': `"${found.revision}"` });
}

/** The template as a file names its files; read in under another name it is in no group either. */
async function imported(visit, templates, made) {
  const { page } = visit;
  await visit.goto('/templates');
  const download = await taken(page, () => templates.menu(templates.row('Again'), 'Export as a file'));
  assert.match(download.bytes.toString(), /again\.wav/);
  await page.getByRole('button', { name: 'New template' }).click();
  const dialog = page.getByRole('dialog', { name: 'New template' });
  await dialog.getByRole('button', { name: 'From a file' }).click();
  await dialog.getByLabel('File of a template').setInputFiles(
    { name: download.name, mimeType: 'application/toml', buffer: download.bytes });
  await dialog.getByLabel('Another name').fill('Again from a file');
  const create = dialog.getByRole('button', { name: 'Create template' });
  visit.expect(409, '/api/v1/templates/import');
  await create.click();
  await dialog.getByText(/gets? something by it, on (its|their) own\./).waitFor();
  assert.equal((await api('GET', '/templates?search=Again%20from%20a%20file')).total, 0, 'nothing is made before');
  await asked(dialog);
  await visit.look('a file of a template that many get');
  await create.click();
  await page.getByRole('heading', { level: 1, name: 'Again from a file' }).waitFor();
  const [copy] = (await api('GET', '/templates?search=Again%20from%20a%20file')).items;
  const files = async (id) => (await api('GET', `/templates/${id}/files`)).files.map((file) => file.id);
  assert.deepEqual(await files(copy.id), await files(made.id));
  await remove('Again from a file');
}

/** A phone gives up in the middle: the page of the job says so in words, and after a retry that it went well. */
async function failures(visit, client, file) {
  const { page } = visit;
  await instruct([client], { failing: 1 });
  const plan = await api('POST', '/plans', { kind: 'deploy-files', targets: { ids: [client.id] },
    deployment: { files: [{ file }], again: true } });
  const { job_id: id } = await api('POST', `/plans/${plan.id}/apply`, {});
  await visit.goto(`/jobs/${id}`);
  const job = new DeployJob(page);
  await job.ready();
  const row = await job.becomes(client, 'Failed');
  await row.getByText('The phone could not fetch or store it. It says: failed').waitFor();
  await page.getByText('No client succeeded. The reasons stand below.').waitFor();
  await visit.look('a phone at which it failed');
  await row.click();
  const drawer = page.getByRole('complementary', { name: 'Client of the job' });
  await drawer.getByRole('table', { name: 'What is deployed' }).getByText('again.wav').waitFor();
  await visit.look('how far a phone came');
  await page.getByRole('button', { name: 'Retry 1 client' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Retry job' }).click();
  await job.succeeds([client]);
}
