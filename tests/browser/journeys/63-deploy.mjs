// Deploying files: a sound to all phones of a type from the list of files, with its plan and its job; what is on a phone,
// and a deletion; and a job that stops because phones fail, and succeeds when the cause is found.

import { strict as assert } from 'node:assert';
import { api, clients, set } from '../api.mjs';
import { DeployPlan } from '../pages/deploy.mjs';
import { List } from '../pages/list.mjs';
import { instruct } from '../phones.mjs';
import { upload, wav } from '../samples.mjs';

const TONE = 'morning.wav';
const ALARM = 'alarm.wav';
const PLACES = 'server-settings.deployments.parallel-files';

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
  await toAType(visit, alone);
  await deletion(visit, alone);
  await limited(visit, twins);
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
