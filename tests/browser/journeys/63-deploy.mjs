// Deploying files: a file chosen without a mouse; a sound to all phones of a type from the list of files, with its plan
// and its job; what is on a phone, and a deletion; a job that stops because phones fail, and succeeds when the cause is
// found; and one whose number must be typed, and that stops because enough phones succeeded.

import { strict as assert } from 'node:assert';
import { api, clients, set } from '../api.mjs';
import { drawn } from '../harness.mjs';
import { DeployPlan } from '../pages/deploy.mjs';
import { List } from '../pages/list.mjs';
import { instruct } from '../phones.mjs';
import { upload, wav } from '../samples.mjs';

const TONE = 'morning.wav';
const ALARM = 'alarm.wav';
const BELL = 'bell.wav';
const PLACES = 'server-settings.deployments.parallel-files';
const LIMIT = 'server-settings.plans.confirm-beyond-for-administrators';

/** Phones that take sounds: one that is the only one of its type, and two of another type. */
async function ringing() {
  const { items: models } = await api('GET', '/device-models');
  const rings = new Set(models.filter((model) => model.file_types.includes('RINGTONE')).map((model) => model.name));
  const all = (await clients()).filter((client) => client.state === 'active' && rings.has(client.model));
  const of = (model) => all.filter((client) => client.model === model);
  const alone = all.find((client) => of(client.model).length === 1);
  const twins = of(all.find((client) => of(client.model).length === 2).model);
  return { alone, twins };
}

export async function journey(visit) {
  const { alone, twins } = await ringing();
  await upload(TONE, wav(4), { file_type: 'ringtone' });
  await byKeyboard(visit, alone);
  await several(visit);
  await toAType(visit, alone);
  await deletion(visit, alone);
  await limited(visit, twins);
  await enough(visit, twins);
}

/** The dialog of a client: a file is ticked with the keys, and can be taken out when it is no longer listed. */
async function byKeyboard(visit, client) {
  const { page } = visit;
  const list = new List(page, 'Clients');
  await visit.goto('/clients');
  await list.ready();
  await list.search(client.device_id);
  await page.getByText('1–1 of 1').waitFor();
  await list.menu(list.row(client.e164), 'Deploy files');
  const dialog = page.getByRole('dialog', { name: 'Deploy files' });
  await dialog.getByText('For 1 client.').waitFor();
  const search = dialog.getByLabel('Search');
  const listed = page.waitForResponse((response) => response.url().includes(`search=${TONE}`));
  await search.fill(TONE);
  await listed;
  await drawn(page);
  const box = dialog.getByRole('row').filter({ hasText: TONE }).getByRole('checkbox');
  await box.waitFor();
  await search.focus();
  const reached = () => box.evaluate((element) => document.activeElement === element);
  for (let press = 0; press < 6 && !(await reached()); press += 1) await page.keyboard.press('Tab');
  assert.ok(await reached(), 'Tab does not lead to the check box of a file');
  await page.keyboard.press('Space');
  const picked = dialog.getByText(/^1 file chosen/);
  await picked.waitFor();
  assert.ok(await box.isChecked());

  // Escape would lose it.
  await page.keyboard.press('Escape');
  await drawn(page);
  await picked.waitFor();
  await search.fill('nothing is called so');
  await box.waitFor({ state: 'detached' });
  await visit.look('a file that is chosen and not listed');
  await dialog.getByRole('button', { name: `Remove ${TONE}` }).press('Enter');
  await picked.waitFor({ state: 'detached' });
  await search.fill('');
  await box.waitFor();
  assert.equal(await box.isChecked(), false);
  await dialog.getByRole('button', { name: 'Cancel' }).press('Enter');
  await dialog.waitFor({ state: 'detached' });
}

/** What is chosen in the list of files is read by the dialog, which takes them as they are. */
async function several(visit) {
  const { page } = visit;
  const files = new List(page, 'Files');
  await visit.goto('/files');
  await files.search(TONE);
  await page.getByText('1–1 of 1').waitFor();
  await files.row(TONE).getByRole('checkbox').check();
  await files.bulk.getByRole('button', { name: 'Deploy files' }).click();
  const dialog = page.getByRole('dialog', { name: 'Deploy files' });
  await dialog.getByText(TONE).waitFor();
  await dialog.getByRole('radio', { name: /^When the phone is idle/ }).focus();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
}

/** Half a name is no group, and not all of them: nothing is planned until the field is empty or names one. */
async function halfTyped(visit, dialog) {
  const { page } = visit;
  const group = dialog.getByRole('combobox', { name: 'Group', exact: true });
  const make = dialog.getByRole('button', { name: 'Make plan' });
  const planned = [];
  const watch = (request) => {
    if (request.method() === 'POST' && new URL(request.url()).pathname === '/api/v1/plans') planned.push(request.url());
  };
  page.on('request', watch);
  assert.deepEqual([await group.inputValue(), await group.getAttribute('placeholder')], ['', 'All groups']);
  await group.fill('Nobody kn');
  await make.focus();
  await dialog.getByText('“Nobody kn” is not in the list.').waitFor();
  assert.equal(await group.inputValue(), 'Nobody kn', 'what was typed stays');
  assert.equal(await group.getAttribute('aria-invalid'), 'true');
  await page.keyboard.press('Enter');
  await visit.look('a group that is half typed');
  // The field itself sends the form as well, once its list is closed.
  await group.press('End');
  await page.keyboard.type('ows');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Enter');
  await dialog.getByText(/ows” is not in the list\.$/).waitFor();
  assert.equal(await make.getAttribute('aria-disabled'), 'true');
  await group.fill('');
  await dialog.locator('[aria-invalid]').waitFor({ state: 'detached' });
  assert.equal(await make.getAttribute('aria-disabled'), null);
  assert.deepEqual(planned, []);
  page.off('request', watch);
}

/** Opens the dialog for a file, from the list of files, for a type of client. */
async function dialogFor(page, name, model) {
  const files = new List(page, 'Files');
  await files.search(name);
  await files.menu(files.row(name), 'Deploy files');
  const dialog = page.getByRole('dialog', { name: 'Deploy files' });
  await dialog.getByText(name).waitFor();
  await dialog.getByLabel('Type of client').fill(model);
  await page.getByRole('option', { name: model, exact: true }).click();
  return dialog;
}

async function toAType(visit, client) {
  const { page } = visit;
  const plan = new DeployPlan(page);
  await visit.goto('/files');
  const dialog = await dialogFor(page, TONE, client.model);
  await halfTyped(visit, dialog);
  await dialog.getByLabel('Stop after failures').fill('none');
  await dialog.getByText('Enter a number from 1 to 1,000,000.').waitFor();
  await visit.look('the dialog of a deployment');
  await dialog.getByLabel('Stop after failures').fill('10');
  await dialog.getByRole('radio', { name: /^At once/ }).check();
  await dialog.getByRole('button', { name: 'Make plan' }).click();
  await plan.ready('files');
  await plan.files.getByRole('link', { name: TONE }).waitFor();
  await page.getByText('after 10 failures').waitFor();
  await visit.look('the plan of a deployment');
  const { summary } = await api('GET', `/plans/${page.url().match(/plans\/(\d+)/)[1]}`);
  assert.deepEqual([summary.writes, summary.bytes], [1, wav(4).length]);
  const job = await plan.apply(1);
  await plan.files.getByText(TONE).waitFor();
  await job.succeeds([client]);
  await visit.look('the job of a deployment');
}

/** The phone has told what it has; it is told to delete it, and says so. */
async function deletion(visit, client) {
  const { page } = visit;
  const plan = new DeployPlan(page);
  await instruct([client], { tellsDeletions: true });
  await visit.goto(`/clients/${client.id}?tab=files`);
  const installed = page.getByRole('table', { name: 'Files on the phone' });
  const line = installed.getByRole('row').filter({ hasText: TONE });
  await line.waitFor();
  await visit.look('the files of a client');
  await line.getByRole('button', { name: `Delete ${TONE} from the phone` }).click();
  await plan.ready('files');
  await plan.files.getByText('Delete', { exact: true }).waitFor();
  await visit.look('the plan of a deletion');
  const job = await plan.apply(1);
  await job.succeeds([client]);
  await (await job.becomes(client, 'Success')).click();
  const drawer = page.getByRole('complementary', { name: 'Client of the job' });
  const what = drawer.getByRole('table', { name: 'What is deployed' });
  await what.getByRole('columnheader', { name: 'What is deployed' }).waitFor();
  await what.getByRole('row').filter({ hasText: TONE }).getByText('deleted', { exact: true }).waitFor();
  // Its list of files is read again after that.
  await visit.goto(`/clients/${client.id}?tab=files`);
  await page.getByRole('heading', { name: 'Files on the phone' }).waitFor();
  await line.waitFor({ state: 'detached' });
}

/** One phone at a time, and both would fail: the first failure stops the job. Later both get it, in the same job. */
async function limited(visit, twins) {
  const { page } = visit;
  const plan = new DeployPlan(page);
  await upload(ALARM, wav(8), { file_type: 'ringtone' });
  await instruct(twins, { failing: 1 });
  const places = await set(PLACES, 1);
  await visit.goto('/files');
  const dialog = await dialogFor(page, ALARM, twins[0].model);
  await dialog.getByLabel('Stop after failures').fill('1');
  await dialog.getByRole('button', { name: 'Make plan' }).click();
  await plan.ready('files');
  const job = await plan.apply(2);
  await job.bar.getByText('Stopped: as many phones failed as were allowed to.').waitFor();
  const failed = job.targets.rows.filter({ hasText: 'Failed' });
  await failed.getByText('The phone could not fetch or store it. It says: failed').waitFor();
  const rest = job.targets.rows.filter({ hasText: 'Cancelled' });
  await rest.getByText('Stopped: as many phones failed as were allowed to.').waitFor();
  await visit.look('a job that stopped on its own');

  await instruct(twins);
  await page.getByRole('button', { name: 'Retry 2 clients' }).click();
  const question = page.getByRole('dialog', { name: 'Retry what failed in this job?' });
  await question.getByRole('button', { name: 'Retry job' }).click();
  await page.getByText('The job tries again.').waitFor();
  await job.succeeds(twins);
  await set(PLACES, places);
}

/** More clients than the role may without a word: their number is typed. One phone at a time, and one is enough. */
async function enough(visit, twins) {
  const { page } = visit;
  const plan = new DeployPlan(page);
  await upload(BELL, wav(12), { file_type: 'ringtone' });
  const places = await set(PLACES, 1);
  const limit = await set(LIMIT, 1);
  await visit.goto('/files');
  const dialog = await dialogFor(page, BELL, twins[0].model);
  await dialog.getByLabel('Stop after successes').fill('0');
  await dialog.getByRole('button', { name: 'Make plan' }).click();
  await dialog.getByText('Enter a number from 1 to 1,000,000.').waitFor();
  await dialog.getByLabel('Stop after successes').fill('1');
  await dialog.getByRole('button', { name: 'Make plan' }).click();
  await plan.ready('files');
  await page.getByText('after 1 success').waitFor();
  const number = plan.when.getByLabel('Type 2 to go on');
  await number.fill('20');
  assert.ok(await isBlocked(plan.button(2)), 'another number does not do');
  await visit.look('a deployment beyond the limit');
  await number.fill('2');
  assert.ok(!await isBlocked(plan.button(2)));
  const job = await plan.apply(2);
  await job.bar.getByText('Stopped: as many phones succeeded as were wanted.').waitFor();
  await job.targets.rows.filter({ hasText: 'Success' }).waitFor();
  const rest = job.targets.rows.filter({ hasText: 'Cancelled' });
  await rest.getByText('Stopped: as many phones succeeded as were wanted.').waitFor();
  assert.equal(await job.targets.rows.count(), 2);
  await visit.look('a job with enough successes');
  await set(LIMIT, limit);

  // The other one all the same: the limit is not asked again.
  await page.getByRole('button', { name: 'Retry 1 client' }).click();
  const question = page.getByRole('dialog', { name: 'Retry what failed in this job?' });
  await question.getByRole('button', { name: 'Retry job' }).click();
  await job.succeeds(twins);
  await set(PLACES, places);
}

/** A button that says why it cannot be pressed can be reached all the same. */
async function isBlocked(button) {
  return (await button.getAttribute('aria-disabled')) === 'true' || button.isDisabled();
}
